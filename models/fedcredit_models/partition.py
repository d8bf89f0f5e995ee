"""Cut ordered units into the bins that carry most information, among all cuts the rules allow.

A dynamic programme over positions: the best way to cut the first units into k bins of which the
last is known. It reads bads and goods of each unit and nothing else.

The information value of a bin is taken as (G_b/G - B_b/B) ln((G_b + 1/2)/(B_b + 1/2)). The smoothed
formula of the bin table differs by a constant times (G_b/G - B_b/B), and these shares sum to zero
over all bins: the total is the same, whatever the number of bins.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.cell_rules import BinningRules

TIE = 1e-12
"""Information values closer than this are equal; then fewer bins win."""


def best_partition(
    units: Sequence[tuple[int, int]], every: tuple[int, int], rules: BinningRules
) -> list[range]:
    """Return the best partition of the ordered units as ranges of their positions.

    Parameters
    ----------
    units : sequence of (bads, goods)
        In their order.
    every : (bads, goods)
        Of all rows, missing and special ones included.
    rules : BinningRules
        The job's.
    """
    n = len(units)
    if n == 0:
        return []
    before_b = np.concatenate([[0], np.cumsum([bads for bads, _ in units])])
    before_g = np.concatenate([[0], np.cumsum([goods for _, goods in units])])
    # [i, j]: the bin of positions i to j.
    bads = before_b[None, 1:] - before_b[:-1, None]
    goods = before_g[None, 1:] - before_g[:-1, None]
    size = bads + goods
    least = max(rules.cells.min_subjects, rules.min_bin * sum(every) - 1e-9)
    passes = np.triu(
        (size >= least) & (bads >= rules.cells.min_bads) & (goods >= rules.cells.min_goods)
    )
    all_bads, all_goods = max(every[0], 1), max(every[1], 1)
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
