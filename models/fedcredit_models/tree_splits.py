"""The best split of every node on every feature, all features of one kind at once.

Cells of a number are cut between neighbours; missing values and special codes are put, one after
the other, on the side where they save more. Cells of a category are ordered by their best move and
cut in that order.

References
----------
Chen, T., Guestrin, C. (2016). XGBoost: a scalable tree boosting system. KDD, section 3.4.
Fisher, W. D. (1958). On grouping for maximum homogeneity. JASA 53 (categories in order).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.cells import RawCells
from fedcredit_models.tree_moves import GrowthRules, Sums, best_move, saved
from fedcredit_models.tree_sums import CURVATURE, GRADIENT, GRADIENT_BITS, ROWS, offsets

CATEGORY_SMOOTHING = 10.0
"""Added to the curvature of a category's cell when cells are ordered: rare ones stay inside."""


@dataclass(frozen=True)
class Splits:
    """The best split on each feature.

    Parameters
    ----------
    features : tuple of int
        Their places among all features.
    gain : ndarray of shape (n_nodes, n_features)
        Loss that the two children save beyond their parent; -inf where no split is allowed.
    goes_left : ndarray of bool, shape (n_nodes, n_features, n_padded)
        Cells of the left child; what lies beyond a feature's own cells means nothing.
    """

    features: tuple[int, ...]
    gain: NDArray[np.float64]
    goes_left: NDArray[np.bool_]


def best_splits(
    histograms: Sums,
    raw: Sequence[RawCells],
    rules: GrowthRules,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> list[Splits]:
    """Return the best splits of numbers and of categories.

    Parameters
    ----------
    histograms : ndarray of shape (n_nodes, n_cells, 4)
    raw : sequence of RawCells
    rules : GrowthRules
    low, high : ndarray of shape (n_nodes,)
        Bounds on the moves of each node's rows.
    """
    begins = offsets(raw)
    # One cell more, which nobody has: features with fewer cells are filled up with it.
    padded = np.concatenate([histograms, np.zeros_like(histograms[:, :1])], axis=1)
    limits = (low[:, None, None], high[:, None, None])
    found = []
    for kind, search in (("numeric", _numbers), ("categorical", _categories)):
        places = tuple(i for i, cells in enumerate(raw) if cells.feature.kind == kind)
        if places:
            found.append(search(padded, [raw[i] for i in places], places, begins, rules, limits))
    return found


def _numbers(
    padded: Sums,
    raw: Sequence[RawCells],
    places: tuple[int, ...],
    begins: NDArray[np.int64],
    rules: GrowthRules,
    limits: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> Splits:
    n_ordinary = np.array([cells.n_ordinary for cells in raw])
    n_tails = np.array([cells.n - cells.n_ordinary for cells in raw])
    first = begins[list(places)]
    ordinary = padded[:, _index(first, n_ordinary, begins)]
    tails = padded[:, _index(first + n_ordinary, n_tails, begins)]
    left = ordinary.cumsum(axis=2)  # (nodes, features, cuts, 4)
    right = left[:, :, -1:] - left
    tails_left = np.zeros((*left.shape[:3], tails.shape[2]), dtype=bool)
    for t in range(tails.shape[2]):
        extra = tails[:, :, t : t + 1]
        to_left = saved(left + extra, rules.l2, *limits) + saved(right, rules.l2, *limits)
        to_right = saved(left, rules.l2, *limits) + saved(right + extra, rules.l2, *limits)
        goes = to_left > to_right
        tails_left[..., t] = goes
        left = left + np.where(goes[..., None], extra, 0)
        right = right + np.where(goes[..., None], 0, extra)
    allowed = ~(rules.too_few(left) | rules.too_few(right))
    signs = np.array([rules.monotone[i] for i in places]) if rules.monotone else np.zeros(1)
    if signs.any():
        rises = best_move(right, rules.l2, *limits) - best_move(left, rules.l2, *limits)
        is_inner = np.arange(left.shape[2]) < n_ordinary[:, None] - 1  # (features, cuts)
        allowed &= ~(is_inner & (signs[:, None] * rises < 0))
    gain, best = _best(left, right, allowed, rules, limits)
    # The cells: those up to the cut, then the tails as they were put at this cut.
    nodes, features = np.ogrid[: len(padded), : len(places)]
    chosen_tails = tails_left[nodes, features, best]
    width = int((n_ordinary + n_tails).max())
    cell = np.arange(width)
    goes_left = cell <= best[..., None]
    tail = cell - n_ordinary[:, None]
    is_tail = (tail >= 0) & (tail < n_tails[:, None])
    at = np.clip(tail, 0, tails.shape[2] - 1)
    put = np.take_along_axis(chosen_tails, np.broadcast_to(at, goes_left.shape), axis=2)
    goes_left = np.where(is_tail, put, goes_left & (tail < 0))
    is_empty = (tails[..., ROWS] == 0)[nodes[..., None], features[..., None], at] & is_tail
    return Splits(places, gain, _greater(goes_left, is_empty, left, right, best))


def _categories(
    padded: Sums,
    raw: Sequence[RawCells],
    places: tuple[int, ...],
    begins: NDArray[np.int64],
    rules: GrowthRules,
    limits: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> Splits:
    n_cells = np.array([cells.n for cells in raw])
    here = padded[:, _index(begins[list(places)], n_cells, begins)]
    unit = 2.0**-GRADIENT_BITS
    curvature = here[..., CURVATURE] * unit + rules.l2 + CATEGORY_SMOOTHING
    move = np.where(here[..., ROWS] == 0, np.inf, here[..., GRADIENT] * unit / curvature)
    order = move.argsort(axis=2, kind="stable")
    left = np.take_along_axis(here, order[..., None], axis=2).cumsum(axis=2)
    right = left[:, :, -1:] - left
    allowed = ~(rules.too_few(left) | rules.too_few(right))
    gain, best = _best(left, right, allowed, rules, limits)
    rank = order.argsort(axis=2, kind="stable")
    goes_left = rank <= best[..., None]
    return Splits(places, gain, _greater(goes_left, here[..., ROWS] == 0, left, right, best))


def _index(
    first: NDArray[np.int64], length: NDArray[np.int64], begins: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return places of cells on the padded cell axis, (n_features, most cells)."""
    cell = np.arange(int(length.max()))
    return np.where(cell < length[:, None], first[:, None] + cell, begins[-1])


def _best(
    left: Sums,
    right: Sums,
    allowed: NDArray[np.bool_],
    rules: GrowthRules,
    limits: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return gain and place of the best cut, the first of equals."""
    total = left[:, :, -1:] + right[:, :, -1:]
    gain = saved(left, rules.l2, *limits) + saved(right, rules.l2, *limits)
    gain = np.where(allowed, gain - saved(total, rules.l2, *limits), -np.inf)
    best = gain.argmax(axis=2)
    return np.take_along_axis(gain, best[..., None], axis=2)[..., 0], best


def _greater(
    goes_left: NDArray[np.bool_],
    is_empty: NDArray[np.bool_],
    left: Sums,
    right: Sums,
    best: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Send cells that nobody had with the greater part."""
    at = best[..., None]
    rows = [np.take_along_axis(s[..., ROWS], at, axis=2) for s in (left, right)]
    return np.where(is_empty, rows[0] > rows[1], goes_left)
