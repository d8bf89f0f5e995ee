"""Reject inference by parcelling: what rejects would have done, as an assumption on paper.

Accepted rows tell the bad rate of each score band; rejects of the same band are assumed to be worse
by a factor. Each reject becomes two weighted rows, one bad and one good, and the augmented sample
is fitted again.

This imputes, it does not observe. The factor is the modeller's judgement: no figure of the accepted
rows can confirm it, and a model fitted on the augmented sample looks better on it than it is. In a
federation some of one party's rejects were booked at another; their outcome is evidence, but of the
better ones, so it bounds the true bad rate from below and replaces no judgement. Report results
with several factors side by side, never one corrected number alone.

References
----------
Siddiqi, N. (2006). Credit Risk Scorecards. Wiley, chapter 6 (parcelling).
Hand, D., Henley, W. (1993). Can reject inference ever work? IMA J. Management Math. 5, 45-55.
"""

from collections.abc import Sequence
from dataclasses import dataclass

NOTE = (
    "rejects' outcomes are assumed, not observed: the bad rate of accepted rows in the same score "
    "band, times a factor that is the modeller's judgement"
)
"""To be printed beside every figure that rests on inferred rejects."""


@dataclass(frozen=True)
class Parcel:
    """One score band after parcelling.

    Attributes
    ----------
    accepted, bads : int
        Accepted rows and their bads, observed.
    rejects : int
        Rejected rows, without an outcome.
    inferred_bad_rate : float
        Assumed of the rejects.
    """

    accepted: int
    bads: int
    rejects: int
    inferred_bad_rate: float

    @property
    def inferred_bads(self) -> float:
        """Rejects that count as bad."""
        return self.rejects * self.inferred_bad_rate

    @property
    def weights(self) -> tuple[float, float]:
        """Weight of a reject's bad row and of its good row; they add up to 1."""
        return self.inferred_bad_rate, 1.0 - self.inferred_bad_rate

    @property
    def augmented(self) -> tuple[float, float]:
        """Bads and goods of the band, observed and inferred together."""
        inferred = self.inferred_bads
        return self.bads + inferred, self.accepted - self.bads + self.rejects - inferred


def parcel(
    accepted: Sequence[int],
    bads: Sequence[int],
    rejects: Sequence[int],
    *,
    factor: float = 2.0,
) -> tuple[Parcel, ...]:
    """Infer the bad rate of the rejects of each score band.

    Parameters
    ----------
    accepted, bads, rejects : sequence of int
        Counts of each band, on the same bands, from safe to risky.
    factor : float, default 2.0
        How many times as bad a reject is as an accepted row of its band; at least 1, because what
        was refused by hand or by policy is not better than what was accepted. The rate is held at
        1. 1 is the augmentation that assumes no difference.

    Raises
    ------
    ValueError
        For bands that do not fit together, a factor below 1, or rejects in a band where nobody was
        accepted: there is nothing to infer from; merge it with its neighbour.
    """
    if not len(accepted) == len(bads) == len(rejects):
        raise ValueError("parcelling: accepted, bads and rejects have the same bands")
    if not factor >= 1.0:
        raise ValueError("parcelling: the factor is at least 1")
    found = []
    for n, bad, refused in zip(accepted, bads, rejects, strict=True):
        if not 0 <= bad <= n or refused < 0:
            raise ValueError("parcelling: counts are not negative, and no more bads than rows")
        if n == 0 and refused > 0:
            raise ValueError("parcelling: a band with rejects and nobody accepted; merge it")
        rate = min(1.0, bad / n * factor) if n else 0.0
        found.append(Parcel(n, bad, refused, rate))
    return tuple(found)
