"""A numeric feature's number line, cut into stretches that lie in one cell each.

Special codes lie anywhere among the numbers. Whoever describes a feature to a tool that knows only
thresholds needs the order of everything: stretches between edges, and codes as stretches of one
number.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nextafter
from typing import Self

import numpy as np
import pandas as pd

from fedcredit_models.cells import RawCells
from fedcredit_models.columns import numeric_codes


@dataclass(frozen=True)
class NumberLine:
    """Stretches from the lowest on, each with its upper end included.

    Attributes
    ----------
    upper : tuple of float
        Upper end of each stretch; the last is the largest float.
    cell : tuple of int
        Raw cell of each stretch.
    """

    upper: tuple[float, ...]
    cell: tuple[int, ...]

    @classmethod
    def of(cls, raw: RawCells) -> Self:
        """Return the line of a numeric feature."""
        special = raw.feature.special
        ends = {*raw.edges, *special, *(nextafter(code, -inf) for code in special)}
        upper = (*sorted(ends), sys.float_info.max)
        cells = numeric_codes(pd.Series(upper), np.array(raw.edges), special)
        return cls(upper, tuple(cells.tolist()))

    def within(self, raw: RawCells) -> list[int]:
        """Return the stretches that can hold something: a code, or a number within the bounds."""
        lower, upper = raw.feature.bounds
        starts = (-inf, *self.upper)
        return [
            i
            for i, cell in enumerate(self.cell)
            if cell > raw.n_ordinary or (starts[i] < upper and self.upper[i] >= lower)
        ]


def pieces(places: Sequence[int], value: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return (first, last, value) of neighbouring places with the same value.

    Parameters
    ----------
    places : sequence of int
        Ascending.
    value : sequence of int
        Value of every place, not only of these.
    """
    found: list[tuple[int, int, int]] = []
    for i in places:
        if found and found[-1][2] == value[i]:
            found[-1] = (found[-1][0], i, value[i])
        else:
            found.append((i, i, value[i]))
    return found
