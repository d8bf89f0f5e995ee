"""What may be told of one column without the outcome: missing, special codes, quantiles.

Everything is read from the summed histogram that also gives the quantile edges. Smallest and
largest value belong to single subjects and are never told; the outermost quantiles stand in their
place, 0.5 % and 99.5 %, as long as enough subjects lie at and beyond them. Mean and deviation are
told unless few subjects make them up. A count below the
smallest number of subjects is withheld, with a second one where the total would give it away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.cell_rules import CellRules

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

PER_MILLE = (5, 10, 50, 250, 500, 750, 950, 990, 995)
"""Released quantiles, in thousandths."""

WITHHELD = -1
"""Stands for a count or a quantile that is not released."""

FEW_VALUES = 4
"""A column of so many values, or fewer, is a table: number, mean and deviation give its counts."""

Spread = Literal["varies", "nearly constant", "constant", "empty", "few rows decide"]

SPREADS: tuple[Spread, ...] = (
    "varies",
    "nearly constant",
    "constant",
    "empty",
    "few rows decide",
)


@dataclass(frozen=True)
class Distribution:
    """What is released of one column.

    Parameters
    ----------
    present : int
        Rows with an ordinary value.
    tail : tuple of int
        Rows that are missing, then rows of each special code.
    spread : {"varies", "nearly constant", "constant", "empty", "few rows decide"}
        *Nearly constant*: so few rows leave the most frequent cell that their mean would tell of
        them. *Few rows decide*: of few values one is rare, or fewer rows than the smallest number
        of subjects may carry more than half of the squared distances from the middle row.
    quantiles : tuple of int
        Cells of the grid whose upper values are the quantiles of `PER_MILLE`; empty for a category.
    """

    present: int
    tail: tuple[int, ...]
    spread: Spread
    quantiles: tuple[int, ...]

    @property
    def has_moments(self) -> bool:
        """Whether mean, standard deviation and correlations may be released.

        Not when the number of rows with a value is withheld: an exact mean would give it away.
        """
        return self.spread == "varies" and self.present != WITHHELD


def describe(
    counts: Sequence[int],
    n_ordinary: int,
    rules: CellRules,
    *,
    ends: tuple[Floats, Floats] | None = None,
) -> Distribution:
    """Return what may be released of a summed histogram.

    Parameters
    ----------
    counts : sequence of int
        Ordinary cells, missing, special codes.
    n_ordinary : int
        How many of them are ordinary.
    rules : CellRules
        The federation's; of these the smallest number of subjects binds, because nothing here
        says how a row ended.
    ends : (ndarray, ndarray), optional
        Lower and upper end of each ordinary cell (`Grid.ends`); None for a category, which has no
        quantiles.

    Disclosure
    ----------
    The result is released, the histogram is not.
    """
    ordinary = np.array([int(n) for n in counts[:n_ordinary]], dtype=np.int64)
    n = int(ordinary.sum())
    least = rules.min_subjects
    told = _withhold([n, *(int(count) for count in counts[n_ordinary:])], least)
    spread: Spread = "varies"
    if n == 0:
        spread = "empty"
    elif n == int(ordinary.max()):
        spread = "constant"
    elif n - int(ordinary.max()) < least:
        spread = "nearly constant"
    elif ends is not None and (_is_small_table(ordinary, least) or _few(ordinary, *ends, least)):
        spread = "few rows decide"
    quantiles = () if ends is None else _quantiles(ordinary, least)
    return Distribution(told[0], tuple(told[1:]), spread, quantiles)


def _withhold(cells: list[int], least: int) -> list[int]:
    """Withhold every count between 0 and `least`, and as many more as hide what they add up to."""
    hidden = {i for i, n in enumerate(cells) if 0 < n < least}
    rest = sorted((n, i) for i, n in enumerate(cells) if n >= least)
    while hidden and rest and sum(cells[i] for i in hidden) < least:
        hidden.add(rest.pop(0)[1])
    return [WITHHELD if i in hidden else n for i, n in enumerate(cells)]


def _is_small_table(ordinary: Ints, least: int) -> bool:
    """Tell whether the rows hold few values, one of them rarely.

    Also when all but fewer than `least` rows do.
    """
    held = ordinary[ordinary > 0]
    rare = int(held[held < least].sum())
    if len(held) <= FEW_VALUES:
        return rare > 0
    return int((held >= least).sum()) <= FEW_VALUES and 0 < rare < least


def _few(ordinary: Ints, bottoms: Floats, tops: Floats, least: int) -> bool:
    """Tell whether fewer than `least` rows may carry most of the squared distances.

    The distances are from the middle row, which may lie anywhere in its cell. Those of the
    outermost rows are taken as large as the ends of the cells allow, those of all rows as small: so
    a grid that is too coarse to judge counts as one in which few rows decide.
    """
    below = np.cumsum(ordinary)
    cell = int(np.searchsorted(below, (int(below[-1]) + 1) // 2, side="left"))
    least_middle, most_middle = bottoms[cell], tops[cell]
    far = np.maximum(most_middle - bottoms, tops - least_middle) ** 2
    near = np.maximum(np.maximum(bottoms - most_middle, least_middle - tops), 0.0) ** 2
    order = np.argsort(-far, kind="stable")
    before = np.cumsum(ordinary[order]) - ordinary[order]
    taken = np.clip(least - 1 - before, 0, ordinary[order])
    return bool(2 * (taken * far[order]).sum() > (ordinary * near).sum())


def _quantiles(ordinary: Ints, least: int) -> tuple[int, ...]:
    """Return for each of `PER_MILLE` the smallest cell with so many of the rows at or below it.

    Withheld when fewer than `least` rows lie at or below it, at or above it, or above the one that
    was told before and up to it.
    """
    below = np.cumsum(ordinary)
    n = int(below[-1]) if len(below) else 0
    if n == 0:
        return (WITHHELD,) * len(PER_MILLE)
    found: list[int] = []
    last, so_far = WITHHELD, 0
    for k in PER_MILLE:
        cell = int(np.searchsorted(below, -(-k * n // 1000), side="left"))
        above = n - int(below[cell]) + int(ordinary[cell])
        if cell != last and (int(below[cell]) - so_far < least or above < least):
            found.append(WITHHELD)
            continue
        last, so_far = cell, int(below[cell])
        found.append(cell)
    return tuple(found)


def upper_share(counts: Sequence[int], n_ordinary: int, rules: CellRules) -> float | None:
    """Return the upper value's share when two cells hold nearly all ordinary rows, else None.

    *Nearly*: fewer than the smallest number of subjects lie elsewhere.

    Disclosure
    ----------
    Nothing: the key holder keeps it to judge correlations (`correlation.release`).
    """
    ordinary = np.array([int(n) for n in counts[:n_ordinary]], dtype=np.int64)
    n = int(ordinary.sum())
    if len(ordinary) < 2 or n == 0:
        return None
    first, second = sorted(int(i) for i in np.argsort(-ordinary, kind="stable")[:2])
    both = int(ordinary[first] + ordinary[second])
    if n - both >= rules.min_subjects or min(ordinary[first], ordinary[second]) == 0:
        return None
    return int(ordinary[second]) / both
