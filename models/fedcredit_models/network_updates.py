"""An update as whole numbers, several to a slot: what a party sends and how the sum is read.

A party's share of the average, its update times its share of the rows, is rounded to a multiple of
the step and held within a declared limit. Shares add up to one, so the sum stays within the
limit, and two or more signed numbers fit one slot of the masks' modulus without a carry between
them that could be misread. The sum of the rounded shares is exact.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.network import Integers

MAX_PARTIES = 256
"""Room for the rounding of so many parties."""


@dataclass(frozen=True)
class Packing:
    """How updates fill slots.

    Parameters
    ----------
    n : int
        Numbers in an update.
    limit : float
        A weight moves at most this far in a round; further moves are cut, and counted.
    bits : int
        Bits of each number, sign included.
    modulus_bits : int
        k of the masks' modulus 2**k.

    Raises
    ------
    ValueError
        When a slot cannot hold such a number.
    """

    n: int
    limit: float
    bits: int
    modulus_bits: int

    def __post_init__(self) -> None:
        """Refuse bits that do not fit, or that leave nothing beside the rounding."""
        if not 12 <= self.bits <= self.modulus_bits:
            raise ValueError(f"update_bits must be 12 to {self.modulus_bits}")
        if not math.isfinite(self.limit) or not 0 < self.limit <= 64:
            raise ValueError("update_limit must be above 0 and at most 64")

    @property
    def per_slot(self) -> int:
        """Numbers in each slot."""
        return self.modulus_bits // self.bits

    @property
    def n_slots(self) -> int:
        """Slots of a whole update."""
        return -(-self.n // self.per_slot)

    @property
    def largest(self) -> int:
        """Largest absolute value of a number of the sum."""
        return (1 << (self.bits - 1)) - 1

    @property
    def step(self) -> float:
        """Distance of two neighbouring values: the finest with which limit and rounding fit."""
        return self.limit / (self.largest - MAX_PARTIES // 2)

    @property
    def slot_bound(self) -> int:
        """Largest absolute value of a slot of the sum."""
        return sum(self.largest << (self.bits * place) for place in range(self.per_slot))

    def quantise(self, update: NDArray[np.float64], share: float) -> tuple[Integers, int]:
        """Return a party's share of the average in steps, and how many moves were cut.

        Parameters
        ----------
        update : ndarray of shape (n,)
            Finite.
        share : float
            The party's rows over all parties' rows, also those of parties that do not train.
        """
        held = np.clip(update, -self.limit, self.limit)
        steps = np.rint(share * held / self.step).astype(np.int64)
        return steps, int((np.abs(update) > self.limit).sum())

    def pack(self, steps: Integers) -> Integers:
        """Return slots, shape (n_slots,); a slot is the sum of its numbers times powers of two.

        Disclosure
        ----------
        Nothing by itself: slots are masked and encrypted before they leave a party.
        """
        padded = np.zeros(self.n_slots * self.per_slot, dtype=np.int64)
        padded[: self.n] = steps
        places = padded.reshape(self.per_slot, self.n_slots)
        return np.asarray(sum(places[i] << (self.bits * i) for i in range(self.per_slot)))

    def unpack(self, slots: Integers) -> Integers:
        """Return the numbers of summed slots, shape (n,).

        From the lowest: its bits, read as a signed number, are the number; the rest is a whole
        multiple above it.
        """
        half, rest, found = 1 << (self.bits - 1), slots, []
        for _ in range(self.per_slot):
            number = ((rest + half) & ((1 << self.bits) - 1)) - half
            found.append(number)
            rest = (rest - number) >> self.bits
        return np.concatenate(found)[: self.n]

    def average(self, steps: Integers) -> NDArray[np.float64]:
        """Return the average update that summed steps stand for."""
        return steps.astype(np.float64) * self.step
