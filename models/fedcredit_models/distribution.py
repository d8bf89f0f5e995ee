"""What may be told of one column without the outcome: missing, special codes, quantiles.

Everything is read from the summed histogram that also gives the quantile edges. Smallest and
largest value belong to single subjects and are never told; the outermost quantiles stand in their
place, 0.5 % and 99.5 %, as long as enough subjects lie at and beyond them. A count below the
smallest number of subjects is withheld, with a second one where the total would give it away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fedcredit_models.cell_rules import CellRules

PER_MILLE = (5, 10, 50, 250, 500, 750, 950, 990, 995)
"""Released quantiles, in thousandths."""

WITHHELD = -1
"""Stands for a count or a quantile that is not released."""

Spread = Literal["varies", "nearly constant", "constant", "empty"]

SPREADS: tuple[Spread, ...] = ("varies", "nearly constant", "constant", "empty")


@dataclass(frozen=True)
class Distribution:
    """What is released of one column.

    Parameters
    ----------
    present : int
        Rows with an ordinary value.
    tail : tuple of int
        Rows that are missing, then rows of each special code.
    spread : {"varies", "nearly constant", "constant", "empty"}
        *Nearly constant*: so few rows leave the most frequent cell that their mean would tell of
        them.
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
    counts: Sequence[int], n_ordinary: int, rules: CellRules, *, ordered: bool = True
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
    ordered : bool, default True
        The cells are those of a number.

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
    quantiles = tuple(_quantile(ordinary, k, least) for k in PER_MILLE) if ordered else ()
    return Distribution(told[0], tuple(told[1:]), spread, quantiles)


def _withhold(cells: list[int], least: int) -> list[int]:
    """Withhold every count between 0 and `least`, and as many more as hide what they add up to."""
    hidden = {i for i, n in enumerate(cells) if 0 < n < least}
    rest = sorted((n, i) for i, n in enumerate(cells) if n >= least)
    while hidden and rest and sum(cells[i] for i in hidden) < least:
        hidden.add(rest.pop(0)[1])
    return [WITHHELD if i in hidden else n for i, n in enumerate(cells)]


def _quantile(ordinary: "np.ndarray[tuple[int], np.dtype[np.int64]]", k: int, least: int) -> int:
    """Return the smallest cell with k thousandths of the rows at or below it.

    Withheld when fewer than `least` rows lie at or below it, or at or above it.
    """
    below = np.cumsum(ordinary)
    n = int(below[-1]) if len(below) else 0
    if n == 0:
        return WITHHELD
    cell = int(np.searchsorted(below, -(-k * n // 1000), side="left"))
    above = n - int(below[cell]) + int(ordinary[cell])
    return cell if below[cell] >= least and above >= least else WITHHELD


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
