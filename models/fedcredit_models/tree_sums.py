"""Sums over rows from which one level of a tree is grown: gradients, curvatures, rows, bads.

Each row's gradient and curvature are rounded to integers before they are added. Integer sums do
not depend on the order or on who holds which row: several parties' sums are those of the pooled
rows to the last bit, and so is the tree that follows from them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from fedcredit_models.cells import RawCells
from fedcredit_models.logistic import probability

GRADIENT_BITS = 20
"""Gradients and curvatures of a row are integers in units of 2**-20."""

GRADIENT, CURVATURE, ROWS, BADS = 0, 1, 2, 3
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
    cells: NDArray[np.int32],
    values: NDArray[np.float64],
    slot: NDArray[np.int32],
    *,
    n_slots: int,
    n_cells: int,
) -> NDArray[np.int64]:
    """Return the sums of every node, shape (n_slots, n_cells, n_values).

    Parameters
    ----------
    cells : ndarray of shape (n_rows, n_features)
        Cell of each row in each feature, on the axis of all features' cells.
    values : ndarray of shape (n_rows, n_values)
        Whole numbers to be added.
    slot : ndarray of shape (n_rows,)
        Node of each row.
    n_slots, n_cells : int
        Nodes, and cells of all features.

    Disclosure
    ----------
    Nothing by itself. One party's histogram in the clear can reveal rows; it is masked and
    encrypted before it leaves the party.
    """
    n_rows, n_features = cells.shape
    shape = (n_slots * n_cells, n_rows)
    if not n_rows:
        return np.zeros((n_slots, n_cells, values.shape[1]), dtype=np.int64)
    at = cells if n_slots == 1 else cells + (slot * np.int32(n_cells))[:, None]
    begins = np.arange(0, n_rows * n_features + 1, n_features, dtype=np.int32)
    # A sparse product adds all values of a row in one go: four times as fast as one count for each.
    marks = csc_array((np.ones(n_rows * n_features), at.ravel(), begins), shape=shape)
    # Integers below 2**53 are exact in the floats that are added.
    found: NDArray[np.int64] = (marks @ values).astype(np.int64)
    return found.reshape(n_slots, n_cells, values.shape[1])
