"""One level of a tree from summed histograms: the best split of each node, or its leaf.

The loss of a node with gradient G and curvature H whose rows are all moved by w is
``G w + (H + l2) w**2 / 2``; the best move is ``-G / (H + l2)``, within the bounds that monotone
constraints leave. A split's gain is what the two children save beyond their parent.

Cells of a number are cut between neighbours; missing values and special codes are put, one after
the other, on the side where they save more. Cells of a category are ordered by their best move and
cut in that order. A cell without a training row goes where most rows go.

References
----------
Chen, T., Guestrin, C. (2016). XGBoost: a scalable tree boosting system. KDD, sections 2.2 and 3.4.
Fisher, W. D. (1958). On grouping for maximum homogeneity. JASA 53 (categories in order).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.cells import RawCells
from fedcredit_models.tree_sums import CURVATURE, GRADIENT, GRADIENT_BITS, ROWS, offsets
from fedcredit_models.trees import LEAF_BITS

Sums = NDArray[np.int64]
"""Last axis: gradient, curvature, rows."""

CATEGORY_SMOOTHING = 10.0
"""Added to the curvature of a category's cell when cells are ordered: rare ones stay inside."""


@dataclass(frozen=True)
class GrowthRules:
    """When a node is split, and what a leaf adds.

    Parameters
    ----------
    l2 : float, default 1.0
        Penalty on squared moves.
    min_rows : int, default 20
        Least training rows of every node.
    min_gain : float, default 0.0
        A split must save more than this.
    learning_rate : float, default 0.1
        Share of the best move that a leaf makes.
    max_move : float, default 10.0
        Largest move of a leaf before the learning rate: a leaf without bads has no best one.
    monotone : tuple of int
        For each feature 1 (more is worse), -1 (more is better) or 0.
    """

    l2: float = 1.0
    min_rows: int = 20
    min_gain: float = 0.0
    learning_rate: float = 0.1
    max_move: float = 10.0
    monotone: tuple[int, ...] = ()


@dataclass(frozen=True)
class Choice:
    """What becomes of one node.

    Parameters
    ----------
    n : int
        Its training rows.
    value : int
        What it adds when it is a leaf, in units of 2**-40.
    feature : int
        Feature of its split; -1 for a leaf.
    left : tuple of int
        Cells that go left.
    sums : (ndarray, ndarray)
        Gradient, curvature and rows of the two children; never released.
    middle : float or None
        Move that divides the children's bounds where the feature is monotone.
    """

    n: int
    value: int = 0
    feature: int = -1
    left: tuple[int, ...] = ()
    sums: tuple[Sums, ...] = ()
    middle: float | None = None


def grow(
    histograms: Sums,
    raw: Sequence[RawCells],
    rules: GrowthRules,
    bounds: Sequence[tuple[float, float]] | None = None,
) -> list[Choice]:
    """Return what becomes of each node of a level.

    Parameters
    ----------
    histograms : ndarray of shape (n_nodes, n_cells, 3)
        Sums of all rows of each node, by cell.
    raw : sequence of RawCells
        The features.
    rules : GrowthRules
        The job's rules.
    bounds : sequence of (float, float), optional
        Least and largest move that monotone splits above leave to each node.

    Disclosure
    ----------
    Feature, cells, rows and, in a leaf, the value are released; histograms are not.
    """
    limits = bounds or [(-rules.max_move, rules.max_move)] * len(histograms)
    low = np.array([max(lower, -rules.max_move) for lower, _ in limits])
    high = np.array([min(upper, rules.max_move) for _, upper in limits])
    begins = offsets(raw)
    total = histograms[:, : begins[1]].sum(axis=1)
    found = [
        _best(histograms[:, begins[i] : begins[i + 1]], cells, rules, low, high, _sign(rules, i))
        for i, cells in enumerate(raw)
    ]
    gains = np.column_stack([gain for gain, _ in found])
    choices = []
    for node in range(len(histograms)):
        feature = int(gains[node].argmax())
        n = int(total[node, ROWS])
        if not gains[node, feature] > rules.min_gain:
            choices.append(Choice(n, leaf_units(total[node], rules, low[node], high[node])))
            continue
        first, end = begins[feature], begins[feature + 1]
        goes_left = found[feature][1][node]
        here = histograms[node, first:end]
        children = (here[goes_left].sum(axis=0), here[~goes_left].sum(axis=0))
        left = tuple(int(cell) for cell in np.flatnonzero(goes_left))
        middle = None
        if _is_cut(raw[feature], goes_left) and _sign(rules, feature):
            moves = [float(_move(c, rules.l2, low[node], high[node])) for c in children]
            middle = (moves[0] + moves[1]) / 2
        choices.append(Choice(n, 0, feature, left, children, middle))
    return choices


def leaf_units(sums: Sums, rules: GrowthRules, low: float, high: float) -> int:
    """Return what a leaf adds, in units of 2**-40."""
    move = float(_move(sums, rules.l2, low, high))
    units: int = round(rules.learning_rate * move * 2.0**LEAF_BITS)
    return units


def child_bounds(
    choice: Choice, bounds: tuple[float, float], rules: GrowthRules
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the bounds on the moves of the two children of a split."""
    if choice.middle is None:
        return bounds, bounds
    lower, upper = (bounds[0], choice.middle), (choice.middle, bounds[1])
    return (lower, upper) if _sign(rules, choice.feature) > 0 else (upper, lower)


def _sign(rules: GrowthRules, feature: int) -> int:
    return rules.monotone[feature] if rules.monotone else 0


def _is_cut(raw: RawCells, goes_left: NDArray[np.bool_]) -> bool:
    """Tell whether a split cuts a number between ordinary values."""
    ordinary = goes_left[: raw.n_ordinary]
    return raw.feature.kind == "numeric" and bool(ordinary.any() and not ordinary.all())


def _move(
    sums: Sums, l2: float, low: NDArray[np.float64] | float, high: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Return the best move within the bounds; 0 for no rows."""
    unit = 2.0**-GRADIENT_BITS
    curvature = sums[..., CURVATURE] * unit + l2
    gradient = sums[..., GRADIENT] * unit
    safe = np.where(curvature > 0, curvature, 1.0)
    return np.clip(np.where(curvature > 0, -gradient / safe, 0.0), low, high)


def _saved(
    sums: Sums, l2: float, low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the loss that the best move of these rows saves."""
    unit = 2.0**-GRADIENT_BITS
    w = _move(sums, l2, low, high)
    return -(sums[..., GRADIENT] * unit * w + (sums[..., CURVATURE] * unit + l2) * w * w / 2)


def _best(
    here: Sums,
    raw: RawCells,
    rules: GrowthRules,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    sign: int,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return gain and cells that go left of the best split on one feature, for every node."""
    cut = (
        _cuts(here, raw, rules, low, high)
        if raw.feature.kind == "numeric"
        else _orders(here, rules)
    )
    sums = (cut[..., None].astype(np.int64) * here[:, None]).sum(axis=2)  # (nodes, cuts, 3)
    total = here.sum(axis=1)
    rest = total[:, None] - sums
    below, above = low[:, None], high[:, None]
    gain = _saved(sums, rules.l2, below, above) + _saved(rest, rules.l2, below, above)
    gain -= _saved(total, rules.l2, low, high)[:, None]
    too_few = (sums[..., ROWS] < rules.min_rows) | (rest[..., ROWS] < rules.min_rows)
    if sign and raw.feature.kind == "numeric":
        rises = _move(rest, rules.l2, below, above) - _move(sums, rules.l2, below, above)
        is_inner = cut[..., : raw.n_ordinary].any(axis=2) & ~cut[..., : raw.n_ordinary].all(axis=2)
        too_few |= is_inner & (sign * rises < 0)
    gain = np.where(too_few, -np.inf, gain)
    best = gain.argmax(axis=1)
    nodes = np.arange(len(here))
    chosen = cut[nodes, best]
    # A cell that nobody had goes with the greater part.
    left_is_larger = sums[nodes, best, ROWS] > rest[nodes, best, ROWS]
    is_empty = here[..., ROWS] == 0
    if raw.feature.kind == "numeric":
        is_empty[:, : raw.n_ordinary] = False
    chosen = np.where(is_empty, left_is_larger[:, None], chosen)
    return gain[nodes, best], chosen


def _cuts(
    here: Sums,
    raw: RawCells,
    rules: GrowthRules,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Return every cut of a number, shape (n_nodes, n_ordinary, n_cells): the last takes all."""
    m = raw.n_ordinary
    cut = np.zeros((len(here), m, raw.n), dtype=bool)
    cut[:, :, :m] = np.tri(m, dtype=bool)
    left = here[:, :m].cumsum(axis=1)
    right = left[:, -1:] - left
    below, above = low[:, None], high[:, None]
    for cell in range(m, raw.n):
        extra = here[:, cell : cell + 1]
        to_left = _saved(left + extra, rules.l2, below, above)
        to_left += _saved(right, rules.l2, below, above)
        to_right = _saved(left, rules.l2, below, above)
        to_right += _saved(right + extra, rules.l2, below, above)
        goes_left = to_left > to_right
        cut[:, :, cell] = goes_left
        left = left + np.where(goes_left[..., None], extra, 0)
        right = right + np.where(goes_left[..., None], 0, extra)
    return cut


def _orders(here: Sums, rules: GrowthRules) -> NDArray[np.bool_]:
    """Return the cuts of a category's cells in the order of their moves, (nodes, cells, cells)."""
    unit = 2.0**-GRADIENT_BITS
    curvature = here[..., CURVATURE] * unit + rules.l2 + CATEGORY_SMOOTHING
    move = here[..., GRADIENT] * unit / curvature
    move = np.where(here[..., ROWS] == 0, np.inf, move)
    order = move.argsort(axis=1, kind="stable")
    rank = order.argsort(axis=1, kind="stable")
    return rank[:, None, :] <= np.arange(here.shape[1])[None, :, None]
