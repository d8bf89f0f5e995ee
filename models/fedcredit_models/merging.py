"""Merge raw cells into bins, from summed counts alone.

Ordinary cells are merged with their neighbours: along the value for a number, along the bad rate
for a category. A dynamic programme finds the merging with the largest information value among all
that keep the rules: bad rate strictly monotone, enough subjects, bads and goods in every bin, at
most `max_bins`. Missing values and special codes stay apart as long as they pass the cell rules.

The information value of a bin is taken as (G_b/G - B_b/B) ln((G_b + 1/2)/(B_b + 1/2)). The smoothed
formula of the bin table differs by a constant times (G_b/G - B_b/B), and these shares sum to zero
over all bins: the total is the same, whatever the number of bins.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.cells import RawCells

TIE = 1e-12
"""Information values closer than this are equal; then fewer bins win."""


@dataclass(frozen=True)
class CellRules:
    """Smallest released cell.

    Parameters
    ----------
    min_subjects, min_bads, min_goods : int, default 10
        Every bin and every metrics cell holds at least this many.
    """

    min_subjects: int = 10
    min_bads: int = 10
    min_goods: int = 10

    def broken(self, bads: int, goods: int) -> str | None:
        """Return the first rule that a cell breaks, or None."""
        if bads + goods < self.min_subjects:
            return "min_subjects"
        if bads < self.min_bads:
            return "min_bads"
        return "min_goods" if goods < self.min_goods else None


@dataclass(frozen=True)
class BinningRules:
    """How raw cells may be merged.

    Parameters
    ----------
    max_bins : int, default 8
        Most bins of ordinary values; missing and special bins come on top.
    min_bin : float, default 0.05
        Smallest share of all rows in a bin of ordinary values.
    monotone : bool, default True
        The bad rate rises, or falls, from bin to bin along a number.
    cells : CellRules
        Smallest released cell, for every bin.
    """

    max_bins: int = 8
    min_bin: float = 0.05
    monotone: bool = True
    cells: CellRules = CellRules()


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
    - A missing or special cell that fails the cell rules joins the bin with the nearest bad rate.
      This cannot break monotony: its rate lies between that bin's neighbours. The same holds for
      the ordinary values as a whole when they fail.
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
    Assignment and the bins' counts are released; counts of raw cells are not.
    """
    b, g = np.array(bads, dtype=np.int64), np.array(goods, dtype=np.int64)
    if b.shape != (raw.n,) or g.shape != (raw.n,) or (b < 0).any() or (g < 0).any():
        raise ValueError(f"expected {raw.n} non-negative counts of bads and of goods")
    ordinary = [i for i in range(raw.n_ordinary) if b[i] + g[i] > 0]
    if raw.feature.kind == "categorical":
        ordinary.sort(key=lambda i: (b[i] / (b[i] + g[i]), i))
    groups = [[ordinary[i] for i in bin_] for bin_ in _partition(b, g, ordinary, rules)]
    groups += [[i] for i in range(raw.n_ordinary, raw.n) if b[i] + g[i] > 0]
    assignment = [-1] * raw.n
    for number, group in enumerate(_join_failing(groups, b, g, rules.cells)):
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


def _join_failing(
    groups: list[list[int]], b: NDArray[np.int64], g: NDArray[np.int64], cells: CellRules
) -> list[list[int]]:
    """Join each group that fails the cell rules with the passing one of nearest bad rate."""

    def size(group: list[int]) -> tuple[int, int]:
        return int(b[group].sum()), int(g[group].sum())

    def rate(group: list[int]) -> float:
        bads, goods = size(group)
        return bads / (bads + goods)

    passing = [list(group) for group in groups if cells.broken(*size(group)) is None]
    failing = [group for group in groups if cells.broken(*size(group)) is not None]
    if not passing:
        return [[cell for group in groups for cell in group]] if groups else []
    for group in failing:
        nearest = min(passing, key=lambda other: abs(rate(other) - rate(group)))
        nearest.extend(group)
    return passing


def _partition(
    b: NDArray[np.int64], g: NDArray[np.int64], order: list[int], rules: BinningRules
) -> list[range]:
    """Return the best partition of the ordered cells as ranges of positions in `order`."""
    n = len(order)
    if n == 0:
        return []
    before_b = np.concatenate([[0], np.cumsum(b[order])])
    before_g = np.concatenate([[0], np.cumsum(g[order])])
    # [i, j]: the bin of positions i to j.
    bads = before_b[None, 1:] - before_b[:-1, None]
    goods = before_g[None, 1:] - before_g[:-1, None]
    size = bads + goods
    least = max(rules.cells.min_subjects, rules.min_bin * int(b.sum() + g.sum()) - 1e-9)
    passes = np.triu(
        (size >= least) & (bads >= rules.cells.min_bads) & (goods >= rules.cells.min_goods)
    )
    all_bads, all_goods = max(int(b.sum()), 1), max(int(g.sum()), 1)
    up = np.triu(np.ones((n, n), dtype=bool))
    lost = np.where(up, goods, 0) / all_goods - np.where(up, bads, 0) / all_bads
    value = lost * np.log((np.where(up, goods, 0) + 0.5) / (np.where(up, bads, 0) + 0.5))
    depth = min(rules.max_bins, n)
    if not rules.monotone:
        found = _programme(bads, size, passes, value, depth, 0)
        return found[-1][1] if found else [range(n)]
    found = [
        candidate
        for direction in (1, -1)
        for candidate in _programme(bads, size, passes, value, depth, direction)
    ]
    if not found:
        return [range(n)]
    largest = max(total for total, _ in found)
    return min((p for total, p in found if total >= largest - TIE), key=len)


def _programme(
    bads: NDArray[np.int64],
    size: NDArray[np.int64],
    passes: NDArray[np.bool_],
    value: NDArray[np.float64],
    depth: int,
    direction: int,
) -> list[tuple[float, list[range]]]:
    """Return the best value and partition for each feasible number of bins, fewest first.

    ``best[k, i, j]`` is the best value of positions 0 to j in k + 1 bins of which the last is
    i to j; the bin before it ends at i - 1 and starts at h. Two bins are compared by integer
    products, so equal bad rates are equal.
    """
    n = len(bads)
    best = np.full((depth, n, n), -np.inf)
    back = np.full((depth, n, n), -1, dtype=np.int64)
    best[0, 0] = np.where(passes[0], value[0], -np.inf)
    for i in range(1, n):
        for j in range(i, n):
            if not passes[i, j]:
                continue
            allowed = passes[:i, i - 1]
            if direction:
                left = bads[:i, i - 1] * size[i, j]
                right = bads[i, j] * size[:i, i - 1]
                allowed = allowed & (left < right if direction > 0 else left > right)
            if not allowed.any():
                continue
            candidates = np.where(allowed, best[:-1, :i, i - 1], -np.inf)
            start = candidates.argmax(axis=1)
            best[1:, i, j] = candidates[np.arange(depth - 1), start] + value[i, j]
            back[1:, i, j] = start
    found = []
    for k in range(depth):
        start = int(best[k, :, n - 1].argmax())
        total = float(best[k, start, n - 1])
        if total == -np.inf:
            continue
        partition, i, j = [], start, n - 1
        for level in range(k, -1, -1):
            partition.append(range(i, j + 1))
            i, j = int(back[level, i, j]), i - 1
        found.append((total, partition[::-1]))
    return found
