"""One party's rows in a run of boosted trees: where each stands, and what they add to a sum.

Everything here follows from the rows and the public course: a party that starts again rebuilds it
from the releases.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.tree_moves import Sums
from fedcredit_models.tree_sums import histogram, loss_units, row_gradients
from fedcredit_models.trees import LEAF_BITS, Node

if TYPE_CHECKING:
    from fedcredit_models.boosting import Boosting


class BoostedRows:
    """Rows: cells, outcome, log odds so far, node in the tree that grows.

    Parameters
    ----------
    cells : ndarray of shape (n_rows, n_features)
        Cell of each row in each feature.
    y : ndarray of shape (n_rows,)
        1 = bad.
    """

    def __init__(self, cells: NDArray[np.integer], y: NDArray[np.int64]) -> None:
        self.y = y
        largest = int(cells.max(initial=0))
        kind = np.uint8 if largest < 1 << 8 else np.uint16 if largest < 1 << 16 else np.int64
        self._columns = np.ascontiguousarray(cells.T.astype(kind))
        self._flat: NDArray[np.int32] | None = None
        self._restart()

    def _restart(self) -> None:
        self._n_trees = -1
        self._units = np.empty(0, dtype=np.int64)
        self._places = np.zeros(len(self.y), dtype=np.int32)
        self._values: NDArray[np.float64] | None = None

    def eta(self, course: "Boosting") -> NDArray[np.float64]:
        """Return the rows' log odds after the finished trees."""
        if len(course.trees) < self._n_trees:  # the last trees were given up
            self._restart()
        if self._n_trees < 0:
            self._units = np.full(len(self.y), course.base, dtype=np.int64)
            self._n_trees = 0
        for tree in course.trees[self._n_trees :]:
            self._descend(tree.nodes)
            self._units += np.array([node.value for node in tree.nodes])[self._places]
            self._places[:] = 0
            self._values = None
        self._n_trees = len(course.trees)
        return np.ldexp(self._units.astype(np.float64), -LEAF_BITS)

    def sums(self, course: "Boosting") -> Sums:
        """Return this party's addend to the next level, shape (n_asked, n_cells, 4).

        Disclosure
        ----------
        Nothing by itself; see :func:`fedcredit_models.tree_sums.histogram`.
        """
        if len(course.trees) != self._n_trees or self._values is None:
            pair = row_gradients(self.y, self.eta(course), course.rules.bad_weight)
            self._values = np.column_stack([pair, np.ones(len(self.y)), self.y]).astype(np.float64)
        nodes = course.growing().nodes
        self._descend(nodes)
        asked = course.asked
        slot_of = np.full(len(nodes), -1, dtype=np.int32)
        slot_of[list(asked)] = np.arange(len(asked))
        slot = slot_of[self._places]
        flat, values = self._cells(course), self._values
        rows = np.flatnonzero(slot >= 0)
        if len(rows) < len(slot):
            flat, values, slot = flat[rows], values[rows], slot[rows]
        n_cells = int(course.begins[-1])
        return histogram(flat, values, slot, n_slots=len(asked), n_cells=n_cells)

    def loss(self, course: "Boosting") -> int:
        """Return the summed log loss after the finished trees, in units of 2**-20."""
        return loss_units(self.y, self.eta(course), course.rules.bad_weight)

    def _cells(self, course: "Boosting") -> NDArray[np.int32]:
        """Return the cells in which the rows are counted, on the axis of all features' cells."""
        if self._flat is None:
            columns = [
                np.asarray(fellows, dtype=np.int32)[column] + np.int32(begin)
                for fellows, column, begin in zip(
                    course.fellows, self._columns, course.begins[:-1], strict=True
                )
            ]
            self._flat = np.column_stack(columns).astype(np.int32)
        return self._flat

    def _descend(self, nodes: Sequence[Node]) -> None:
        """Move every row on to the last node on its way."""
        named = (cell for node in nodes for cell in node.left)
        width = 1 + max(int(self._columns.max(initial=0)), *named, 0)
        goes_left = np.zeros((len(nodes), width), dtype=bool)
        for place, node in enumerate(nodes):
            goes_left[place, list(node.left)] = True
        feature = np.array([node.feature for node in nodes], dtype=np.int32)
        children = np.array([node.children for node in nodes], dtype=np.int32)
        while True:
            rows = np.flatnonzero(feature[self._places] >= 0)
            if not len(rows):
                return
            here = self._places[rows]
            left = goes_left[here, self._columns[feature[here], rows]]
            self._places[rows] = np.where(left, children[here, 0], children[here, 1])
