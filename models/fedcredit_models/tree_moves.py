"""What a node's rows are moved by, what that saves, and the rules under which a tree grows.

The loss of a node with gradient G and curvature H whose rows are all moved by w is
``G w + (H + l2) w**2 / 2``; the best move is ``-G / (H + l2)``, within the bounds that monotone
constraints leave.

References
----------
Chen, T., Guestrin, C. (2016). XGBoost: a scalable tree boosting system. KDD, section 2.2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.tree_sums import BADS, CURVATURE, GRADIENT, GRADIENT_BITS, ROWS

Sums = NDArray[np.int64]
"""Last axis: gradient, curvature, rows, bads."""

Bound = NDArray[np.float64] | float


@dataclass(frozen=True)
class GrowthRules:
    """When a node is split, and what a leaf adds.

    Parameters
    ----------
    l2 : float, default 1.0
        Penalty on squared moves.
    min_rows : int, default 20
        Least training rows of every node.
    min_bads, min_goods : int, default 0
        Least bads and goods of every node; a federation's policy sets them.
    min_gain : float, default 0.0
        A split must save more than this.
    learning_rate : float, default 0.1
        Share of the best move that a leaf makes.
    max_move : float, default 10.0
        Largest move of a leaf before the learning rate: a leaf without bads has no best one.
    monotone : tuple of int
        For each feature 1 (more is worse), -1 (more is better) or 0.
    rounding : int, default 1
        Rows of a node are told to the nearest multiple of this.
    """

    l2: float = 1.0
    min_rows: int = 20
    min_bads: int = 0
    min_goods: int = 0
    min_gain: float = 0.0
    learning_rate: float = 0.1
    max_move: float = 10.0
    monotone: tuple[int, ...] = ()
    rounding: int = 1

    def told(self, n: int) -> int:
        """Return a node's rows as they are told."""
        return (n + self.rounding // 2) // self.rounding * self.rounding

    def too_few(self, sums: Sums) -> NDArray[np.bool_]:
        """Tell which nodes hold fewer rows, bads or goods than a node must."""
        rows, bads = sums[..., ROWS], sums[..., BADS]
        found: NDArray[np.bool_] = rows < self.min_rows
        if self.min_bads:
            found = found | (bads < self.min_bads)
        if self.min_goods:
            found = found | (rows - bads < self.min_goods)
        return found


def best_move(sums: Sums, l2: float, low: Bound, high: Bound) -> NDArray[np.float64]:
    """Return the best move within the bounds; 0 for no rows."""
    unit = 2.0**-GRADIENT_BITS
    curvature = sums[..., CURVATURE] * unit + l2
    gradient = sums[..., GRADIENT] * unit
    safe = np.where(curvature > 0, curvature, 1.0)
    return np.clip(np.where(curvature > 0, -gradient / safe, 0.0), low, high)


def saved(sums: Sums, l2: float, low: Bound, high: Bound) -> NDArray[np.float64]:
    """Return the loss that the best move of these rows saves."""
    unit = 2.0**-GRADIENT_BITS
    w = best_move(sums, l2, low, high)
    return -(sums[..., GRADIENT] * unit * w + (sums[..., CURVATURE] * unit + l2) * w * w / 2)
