"""A feed-forward network as one vector of whole numbers: its layout, its start, its scores.

The vector holds, in this order, the embedding table of each category, then the weights and biases
of each layer. Weights are integers in units of 2**-40; what is released, written and compared is
the vector. Scoring needs NumPy only; training is in `local_training`.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.feature import Feature
from fedcredit_models.network_inputs import CodedRows, n_codes, n_inputs

WEIGHT_BITS = 40
"""Weights are integers in units of 2**-40."""

WEIGHT_LIMIT = 1 << 52
"""Largest weight, 4096: beyond it a network has diverged."""

MAX_PARAMETERS = 1_000_000

MAX_WIDTH = 4096
MAX_LAYERS = 8

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Architecture:
    """Which numbers of the vector are what.

    Parameters
    ----------
    features : tuple of Feature
        In the order of the inputs.
    hidden : tuple of int
        Units of each hidden layer; () is a logistic regression on the inputs.
    embedding : int, default 4
        Most numbers by which a level of a category is described.

    Raises
    ------
    ValueError
        For layers that are empty or too large.
    """

    features: tuple[Feature, ...]
    hidden: tuple[int, ...]
    embedding: int = 4

    def __post_init__(self) -> None:
        """Refuse what no machine should be asked to train."""
        if len(self.hidden) > MAX_LAYERS or not all(1 <= n <= MAX_WIDTH for n in self.hidden):
            raise ValueError(f"hidden: up to {MAX_LAYERS} layers of 1 to {MAX_WIDTH} units")
        if not 1 <= self.embedding <= 64:
            raise ValueError("embedding must be 1 to 64")
        if self.n_parameters > MAX_PARAMETERS:
            raise ValueError(f"a network has at most {MAX_PARAMETERS} weights")

    @cached_property
    def tables(self) -> tuple[tuple[int, int], ...]:
        """Levels and width of each category's embedding."""
        found = [n_codes(f) for f in self.features if f.kind == "categorical"]
        return tuple((n, min(self.embedding, -(-n // 2))) for n in found)

    @cached_property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """Inputs and outputs of each layer; the last has one output, the log odds of bad."""
        n_numbers = sum(n_inputs(f) for f in self.features if f.kind == "numeric")
        widths = [n_numbers + sum(width for _, width in self.tables), *self.hidden, 1]
        return tuple(pairwise(widths))

    @cached_property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the parts of the vector: tables, then weights and biases by turns."""
        parts: list[tuple[int, ...]] = list(self.tables)
        for n_in, n_out in self.layers:
            parts += [(n_in, n_out), (n_out,)]
        return tuple(parts)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Numbers in each part."""
        return tuple(math.prod(shape) for shape in self.shapes)

    @property
    def n_parameters(self) -> int:
        """Numbers in the vector."""
        return sum(self.sizes)

    @cached_property
    def penalised(self) -> NDArray[np.bool_]:
        """Which numbers carry the penalty: all but the biases, shape (n_parameters,)."""
        n_tables = len(self.tables)
        return np.concatenate(
            [
                np.full(size, place < n_tables or (place - n_tables) % 2 == 0)
                for place, size in enumerate(self.sizes)
            ]
        )

    def start(self, seed: int) -> Integers:
        """Return the public first weights.

        Uniform within +-sqrt(6 / n_inputs) in hidden layers, from SHAKE-256, so that every machine
        has the same. Embeddings and the weights of indicators begin at zero: what nobody had in
        training stays without effect. So does the last layer: a network begins as a constant.

        References
        ----------
        He, K. et al. (2015). Delving deep into rectifiers. ICCV, section 2.2.
        """
        parts: list[Integers] = [np.zeros(n * width, dtype=np.int64) for n, width in self.tables]
        for place, (n_in, n_out) in enumerate(self.layers):
            bound = 0.0 if place == len(self.layers) - 1 else math.sqrt(6.0 / max(n_in, 1))
            drawn = _uniform(f"{seed}/{place}", n_in * n_out)
            weights = np.rint(np.ldexp(bound * (2.0 * drawn - 1.0), WEIGHT_BITS)).astype(np.int64)
            weights = weights.reshape(n_in, n_out)
            if place == 0:
                weights[self._absent] = 0
            parts += [weights.ravel(), np.zeros(n_out, dtype=np.int64)]
        return np.concatenate(parts)

    @property
    def _absent(self) -> NDArray[np.int64]:
        """Inputs that are indicators of missing values and special codes."""
        places, begin = [], 0
        for feature in self.features:
            if feature.kind == "numeric":
                end = begin + n_inputs(feature)
                places += list(range(begin + 2, end))
                begin = end
        return np.array(places, dtype=np.int64)

    def log_odds(self, weights: NDArray[np.float64], rows: CodedRows) -> NDArray[np.float64]:
        """Return the log odds of bad, shape (n_rows,).

        Parameters
        ----------
        weights : ndarray of shape (n_parameters,)
            As floats; see `as_floats`.
        rows : CodedRows
        """
        parts = self.split(weights)
        tables, layers = parts[: len(self.tables)], parts[len(self.tables) :]
        embedded = [table[rows.codes[:, j]] for j, table in enumerate(tables)]
        x = np.column_stack([rows.numbers, *embedded])
        for place in range(len(self.layers)):
            if place:
                x = np.maximum(x, 0.0)
            x = x @ layers[2 * place] + layers[2 * place + 1]
        return np.asarray(x[:, 0])

    def split(self, weights: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Return the parts of the vector in their shapes."""
        ends = np.cumsum(self.sizes)[:-1]
        return [
            part.reshape(shape)
            for part, shape in zip(np.split(weights, ends), self.shapes, strict=True)
        ]


def as_floats(weights: Integers) -> NDArray[np.float64]:
    """Return weights as floats, exact below 2**53."""
    return np.ldexp(weights.astype(np.float64), -WEIGHT_BITS)


def with_base(weights: Integers, n_bads: float, n_goods: float) -> Integers:
    """Return the weights with the last bias at the log odds of bads against goods.

    Raises
    ------
    ValueError
        Without bads or goods.
    """
    if n_bads <= 0 or n_goods <= 0:
        raise ValueError("a network learns from goods and bads")
    found = weights.copy()
    found[-1] = round(math.log(n_bads / n_goods) * 2**WEIGHT_BITS)
    return found


def check_weights(weights: Sequence[int] | Integers, architecture: Architecture) -> Integers:
    """Return weights as integers.

    Raises
    ------
    ValueError
        When they are not those of the architecture, or beyond the limit.
    """
    found = np.asarray(weights, dtype=np.int64)
    if found.shape != (architecture.n_parameters,):
        raise ValueError(f"expected {architecture.n_parameters} weights")
    if (np.abs(found) > WEIGHT_LIMIT).any():
        raise ValueError("weights lie within +-4096")
    return found


def _uniform(label: str, n: int) -> NDArray[np.float64]:
    """Return numbers in [0, 1): the first 53 bits of each 8 bytes of a hash stream."""
    key = hashlib.sha256(f"fedcredit-network-start/v1/{label}".encode()).digest()
    stream = hashlib.shake_256(key).digest(8 * n)
    raw = np.frombuffer(stream, dtype=">u8").astype(np.uint64)
    return np.ldexp((raw >> np.uint64(11)).astype(np.float64), -53)
