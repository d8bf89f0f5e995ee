"""Merge raw cells into bins, from summed counts alone.

Ordinary cells are merged with their neighbours: along the value for a number, along the bad rate
for a category. A dynamic programme finds the merging with the largest information value among all
that keep the rules: bad rate strictly monotone, enough subjects, bads and goods in every bin, at
most `max_bins`. Missing values and special codes stay apart as long as they pass the cell rules.

A cell that fails the cell rules is never placed by its own bad rate: where few rows end up would
say how they ended. Such cells are counted together, and if that is still too little, with the cell
whose bad rate is nearest to the average (weight of evidence nearest to 0): too few to tell, so
treated like the average. This happens before the merging, so what is released depends on a rare
cell's outcomes only through a sum that does not show them, and the bins stay monotone.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.cell_rules import BinningRules, CellRules
from fedcredit_models.cells import RawCells
from fedcredit_models.partition import best_partition

__all__ = ["BinningRules", "CellRules", "fellows", "merge", "totals"]


def merge(
    raw: RawCells, bads: Sequence[int], goods: Sequence[int], rules: BinningRules
) -> tuple[int, ...]:
    """Return the bin of each raw cell.

    Bins are numbered from 0: ordinary bins along the value (a category: from the lowest bad rate
    to the highest), then missing and special codes that stay apart.

    - Monotone: the merging with the largest information value; of equals the one with fewest bins.
    - Not monotone: as many bins as the rules allow, of these the largest information value. With
      ``max_bins`` not below the number of cells and every cell passing, nothing is merged.
    - When no merging keeps the rules (say 97 % missing, and every bin must hold 5 %), the ordinary
      values form one bin.
    - Rare cells (missing and special codes, and levels of a category, that fail the cell rules) are
      put together. If together they pass, they are one cell; otherwise they are counted with the
      ordinary cell of most average bad rate. Neighbouring cells of a number are put together from
      the left until each holds ``min_subjects``.
    - Ordinary values that fail as a whole join the most average of the other bins.
    - When nothing passes, everything is one bin: the caller drops a feature with fewer than two.
    - An empty cell of a number lies inside a bin of its neighbours. An empty level, *other*,
      missing or special cell has no bin: -1, scored with weight of evidence 0.

    Parameters
    ----------
    raw : RawCells
        The cells.
    bads, goods : sequence of int of length ``raw.n``
        Summed counts.
    rules : BinningRules
        The job's rules with the federation's cell rules.

    Returns
    -------
    tuple of int of length ``raw.n``

    Raises
    ------
    ValueError
        When the number of counts is not ``raw.n``, or a count is negative.

    Disclosure
    ----------
    Assignment and the bins' counts are released; counts of raw cells are not. That a missing or
    special code or a level has no bin of its own says that it fails a cell rule, not how its rows
    ended.
    """
    b, g = np.array(bads, dtype=np.int64), np.array(goods, dtype=np.int64)
    if b.shape != (raw.n,) or g.shape != (raw.n,) or (b < 0).any() or (g < 0).any():
        raise ValueError(f"expected {raw.n} non-negative counts of bads and of goods")
    ordinary = [i for i in range(raw.n_ordinary) if b[i] + g[i] > 0]
    counts = _Counts(b, g, rules.cells)
    units, apart = _units(raw, ordinary, counts)
    sums = [counts.of(unit) for unit in units]
    groups = [
        [i for unit in units[part.start : part.stop] for i in unit]
        for part in best_partition(sums, counts.of(range(raw.n)), rules)
    ]
    if not all(counts.passes(group) for group in groups):  # the one bin of all ordinary values
        together = [i for group in groups for i in group]
        if apart:
            counts.most_average(apart).extend(together)
        groups = [] if apart else [together]
    groups += apart
    assignment = [-1] * raw.n
    for number, group in enumerate(groups):
        for cell in group:
            assignment[cell] = number
    if raw.feature.kind == "numeric" and ordinary:
        for i in range(ordinary[0]):
            assignment[i] = assignment[ordinary[0]]
        for i in range(ordinary[0] + 1, raw.n_ordinary):
            if assignment[i] == -1:
                assignment[i] = assignment[i - 1]
    return tuple(assignment)


def totals(assignment: Sequence[int], counts: Sequence[int]) -> tuple[int, ...]:
    """Return the sum of `counts` over the cells of each bin, as plain integers."""
    found = [0] * (max(assignment, default=-1) + 1)
    for bin_, n in zip(assignment, counts, strict=True):
        if bin_ >= 0:
            found[bin_] += int(n)
    return tuple(found)


def fellows(
    raw: RawCells, bads: Sequence[int], goods: Sequence[int], rules: CellRules
) -> tuple[int, ...]:
    """Return for each raw cell the one with which it goes in every split of every tree.

    Every group of cells that go together passes the cell rules, in subjects, bads and goods: leaves
    of many trees over one feature determine the counts of its groups. Rare cells are put together
    as in :func:`merge`; neighbouring cells of a number from the left until all three rules are
    kept, empty ones among them. Ordinary values that fail as a whole go with the most average of
    the other groups. A level, *other*, missing or special cell that nobody had counts as a rare
    one, so that nothing tells it from a cell with a few rows. Where nothing passes, everything is
    one group.

    Parameters
    ----------
    raw : RawCells
        The cells.
    bads, goods : sequence of int of length ``raw.n``
        Summed counts; some row must be there.
    rules : CellRules
        The federation's cell rules.

    Disclosure
    ----------
    The result is released: which levels, missing and special cells are rare, or empty, not how
    their rows ended. Where a group of a number ends says that its cells pass the rules and that
    they would not without the last; with the group's counts that bounds the last cell's.
    """
    b, g = np.array(bads, dtype=np.int64), np.array(goods, dtype=np.int64)
    counts = _Counts(b, g, rules)
    ordinary = [i for i in range(raw.n_ordinary) if b[i] + g[i] > 0]
    if raw.feature.kind == "numeric" and ordinary:
        ordinary = list(range(raw.n_ordinary))
    units, apart = _units(raw, ordinary, counts, is_whole=True)
    if apart and units and not all(map(counts.passes, units)):  # the one group of ordinary values
        counts.most_average(apart).extend(units.pop())
    found = list(range(raw.n))
    for group in (*units, *apart):
        for cell in group:
            found[cell] = min(group)
    first = raw.n_ordinary if raw.feature.kind == "numeric" else 0
    lone = [i for i in range(first, raw.n) if not counts.passes([i])]
    rare = [i for i in lone if b[i] + g[i] > 0]
    home = found[rare[0]] if rare else min(counts.most_average(units or apart))
    for cell in lone:
        found[cell] = home
    return tuple(found)


class _Counts:
    """Summed counts of the raw cells, and what the cell rules say of groups of them."""

    def __init__(self, b: NDArray[np.int64], g: NDArray[np.int64], rules: CellRules) -> None:
        self._b, self._g, self.rules = b, g, rules

    def of(self, group: Sequence[int]) -> tuple[int, int]:
        """Return bads and goods."""
        cells = list(group)
        return int(self._b[cells].sum()), int(self._g[cells].sum())

    def passes(self, group: Sequence[int]) -> bool:
        """Tell whether it may be released."""
        return self.rules.broken(*self.of(group)) is None

    def rate(self, group: Sequence[int]) -> float:
        """Return bads over subjects."""
        bads, goods = self.of(group)
        return bads / (bads + goods)

    def most_average(self, groups: Sequence[list[int]]) -> list[int]:
        """Return the group whose bad rate is nearest to that of all groups; the first of equals."""
        average = self.rate([i for group in groups for i in group])
        return min(groups, key=lambda group: abs(self.rate(group) - average))


def _units(
    raw: RawCells, ordinary: Sequence[int], counts: _Counts, *, is_whole: bool = False
) -> tuple[list[list[int]], list[list[int]]]:
    """Return what the ordered merging starts from, and the bins that stay apart from it.

    Units of a number hold enough subjects; `is_whole`: enough bads and goods as well.
    """
    is_number = raw.feature.kind == "numeric"
    tails = [i for i in range(raw.n_ordinary, raw.n) if sum(counts.of([i]))]
    rare = [i for i in tails if not counts.passes([i])]
    apart = [[i] for i in tails if counts.passes([i])]
    if is_number:
        units = _filled(ordinary, counts, is_whole)
    else:
        rare = [i for i in ordinary if not counts.passes([i])] + rare
        units = [[i] for i in ordinary if counts.passes([i])]
    if rare and counts.passes(rare):
        (apart if is_number else units).append(rare)
    elif rare and (units or apart):
        counts.most_average(units or apart).extend(rare)
    elif rare:
        units = [rare]
    if not is_number:
        units.sort(key=lambda unit: (counts.rate(unit), min(unit)))
    return units, sorted(apart, key=min)


def _filled(ordinary: Sequence[int], counts: _Counts, is_whole: bool) -> list[list[int]]:
    """Put neighbours together, from the left, until each holds enough."""
    units: list[list[int]] = []
    open_ = False
    for i in ordinary:
        if open_:
            units[-1].append(i)
        else:
            units.append([i])
        n_subjects = sum(counts.of(units[-1]))
        open_ = n_subjects < max(counts.rules.min_subjects, 1)
        open_ = open_ or (is_whole and not counts.passes(units[-1]))
    if open_ and len(units) > 1:
        rest = units.pop()
        units[-1].extend(rest)
    return units
