"""Sums over rows from which one level of a tree is grown: gradients, curvatures, rows.

Each row's gradient and curvature are rounded to integers before they are added. Integer sums do
not depend on the order or on who holds which row: several parties' sums are those of the pooled
rows to the last bit, and so is the tree that follows from them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.cells import RawCells
from fedcredit_models.logistic import probability

GRADIENT_BITS = 20
"""Gradients and curvatures of a row are integers in units of 2**-20."""

GRADIENT, CURVATURE, ROWS = 0, 1, 2
"""Places on the last axis of a histogram."""


def row_gradients(
    y: NDArray[np.int64], eta: NDArray[np.float64], bad_weight: float
) -> NDArray[np.int64]:
    """Return gradient and curvature of the log loss of each row, shape (n_rows, 2).

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        1 = bad.
    eta : ndarray of shape (n_rows,)
        Log odds of bad before this tree.
    bad_weight : float
        Weight of a bad row; a good one has 1.
    """
    p = probability(eta)
    weight = np.where(y == 1, bad_weight, 1.0) * 2.0**GRADIENT_BITS
    pair = np.column_stack([weight * (p - y), weight * p * (1.0 - p)])
    return np.rint(pair).astype(np.int64)


def loss_units(y: NDArray[np.int64], eta: NDArray[np.float64], bad_weight: float) -> int:
    """Return the summed weighted log loss in units of 2**-20, each row rounded."""
    loss = np.logaddexp(0.0, eta) - y * eta
    weight = np.where(y == 1, bad_weight, 1.0) * 2.0**GRADIENT_BITS
    return int(np.rint(weight * loss).astype(np.int64).sum())


def offsets(raw: Sequence[RawCells]) -> NDArray[np.int64]:
    """Return where each feature's cells begin on the cell axis, and its length at the end."""
    return np.concatenate([[0], np.cumsum([cells.n for cells in raw])]).astype(np.int64)


def histogram(
    cells: NDArray[np.int64],
    gradients: NDArray[np.int64],
    slot: NDArray[np.int64],
    *,
    n_slots: int,
    begins: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the sums of every node, shape (n_slots, n_cells, 3): gradient, curvature, rows.

    Parameters
    ----------
    cells : ndarray of shape (n_rows, n_features)
        Cell of each row in each feature.
    gradients : ndarray of shape (n_rows, 2)
        Of `row_gradients`.
    slot : ndarray of shape (n_rows,)
        Node of each row; a row with -1 is not counted.
    n_slots : int
        Nodes that are counted.
    begins : ndarray
        Of `offsets`.

    Disclosure
    ----------
    Nothing by itself. One party's histogram in the clear can reveal rows; it is masked and
    encrypted before it leaves the party.
    """
    n_cells = int(begins[-1])
    found = np.zeros((n_slots, n_cells, 3), dtype=np.int64)
    rows = np.flatnonzero(slot >= 0)
    # Integers below 2**53 are exact in the floats that bincount adds.
    weights = gradients[rows].astype(np.float64)
    start = slot[rows]
    for feature in range(cells.shape[1]):
        first, end = int(begins[feature]), int(begins[feature + 1])
        width = end - first
        at = start * width + cells[rows, feature]
        for place in (GRADIENT, CURVATURE):
            sums = np.bincount(at, weights=weights[:, place], minlength=n_slots * width)
            found[:, first:end, place] = sums.astype(np.int64).reshape(n_slots, width)
        counts = np.bincount(at, minlength=n_slots * width)
        found[:, first:end, ROWS] = counts.reshape(n_slots, width)
    return found
