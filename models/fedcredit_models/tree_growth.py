"""One level of a tree from summed histograms: the best split of each node, or its leaf.

A split's gain is what the two children save beyond their parent. A cell without a training row goes
where most rows go; a cell with too few rows to be told apart goes where its fellow cell goes
(`rare_cells`).

References
----------
Chen, T., Guestrin, C. (2016). XGBoost: a scalable tree boosting system. KDD, sections 2.2 and 3.4.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.cells import RawCells
from fedcredit_models.tree_moves import GrowthRules, Sums, best_move
from fedcredit_models.tree_splits import best_splits
from fedcredit_models.tree_sums import ROWS, offsets
from fedcredit_models.trees import LEAF_BITS

__all__ = ["Choice", "GrowthRules", "Sums", "child_bounds", "grow", "leaf_units"]


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
        Gradient, curvature, rows and bads of the two children; never released.
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
    fellows: Sequence[Sequence[int]] | None = None,
) -> list[Choice]:
    """Return what becomes of each node of a level.

    Parameters
    ----------
    histograms : ndarray of shape (n_nodes, n_cells, 4)
        Sums of all rows of each node, by cell.
    raw : sequence of RawCells
        The features.
    rules : GrowthRules
        The job's rules.
    bounds : sequence of (float, float), optional
        Least and largest move that monotone splits above leave to each node.
    fellows : sequence of sequence of int, optional
        For each feature the cell with which each of its cells is counted and goes.

    Disclosure
    ----------
    Feature, cells, rows and, in a leaf, the value are released; histograms are not.
    """
    limits = bounds or [(-rules.max_move, rules.max_move)] * len(histograms)
    low = np.array([max(lower, -rules.max_move) for lower, _ in limits])
    high = np.array([min(upper, rules.max_move) for _, upper in limits])
    begins = offsets(raw)
    total = histograms[:, : begins[1]].sum(axis=1)
    splits = best_splits(histograms, raw, rules, low, high)
    gains = np.full((len(histograms), len(raw)), -np.inf)
    home = {i: (part, at) for part in splits for at, i in enumerate(part.features)}
    for part in splits:
        gains[:, list(part.features)] = part.gain
    choices = []
    for node, n in enumerate(total[:, ROWS].tolist()):
        feature = int(gains[node].argmax())
        if not gains[node, feature] > rules.min_gain:
            choices.append(Choice(n, leaf_units(total[node], rules, low[node], high[node])))
            continue
        part, at = home[feature]
        goes_left = part.goes_left[node, at, : raw[feature].n]
        if fellows is not None:
            goes_left = goes_left[list(fellows[feature])]
        here = histograms[node, begins[feature] : begins[feature + 1]]
        children = (here[goes_left].sum(axis=0), here[~goes_left].sum(axis=0))
        left = tuple(np.flatnonzero(goes_left).tolist())
        middle = None
        if _is_cut(raw[feature], goes_left) and _sign(rules, feature):
            moves = [float(best_move(c, rules.l2, low[node], high[node])) for c in children]
            middle = (moves[0] + moves[1]) / 2
        choices.append(Choice(n, 0, feature, left, children, middle))
    return choices


def leaf_units(sums: Sums, rules: GrowthRules, low: float, high: float) -> int:
    """Return what a leaf adds, in units of 2**-40."""
    move = float(best_move(sums, rules.l2, low, high))
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
