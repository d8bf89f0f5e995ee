"""Decision trees over raw cells: which cells of a feature go left, what a leaf adds.

A tree knows no raw value. Rows come as cells (`cells.RawCells`), a split names the cells that go
left, and a leaf adds a whole number of units to a row's log odds: so a tree that a federation
released scores the same row in the same way on every machine.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAF_BITS = 40
"""A leaf adds integers in units of 2**-40 of log odds."""


@dataclass(frozen=True)
class Node:
    """A split, or a leaf.

    Parameters
    ----------
    n : int
        Training rows that reached it.
    value : int
        What a leaf adds to the log odds, in units of 2**-40; 0 in a split.
    feature : int
        Position of the feature that a split asks; -1 in a leaf.
    left : tuple of int
        Cells of that feature that go left, ascending; every other cell goes right.
    children : (int, int)
        Places of the two children in the tree; (-1, -1) in a leaf.
    """

    n: int
    value: int = 0
    feature: int = -1
    left: tuple[int, ...] = ()
    children: tuple[int, int] = (-1, -1)

    @property
    def is_leaf(self) -> bool:
        """Whether rows stay here."""
        return self.feature < 0

    def sends_left(self, cells: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return for the cell of each row in this split's feature whether the row goes left."""
        size = max((*self.left, int(cells.max(initial=0)))) + 1
        goes_left = np.zeros(size, dtype=bool)
        goes_left[list(self.left)] = True
        return goes_left[cells]


@dataclass(frozen=True)
class Tree:
    """A tree; its first node is the root, and children stand behind their parents.

    Raises
    ------
    ValueError
        When the nodes do not form one tree.
    """

    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        """Refuse nodes that do not form one tree."""
        reached = {0}
        for place, node in enumerate(self.nodes):
            if place not in reached or node.is_leaf != (node.children == (-1, -1)):
                raise ValueError(f"node {place} of a tree hangs nowhere, or is half a split")
            if not node.is_leaf:
                fresh = {*node.children}
                if len(fresh) != 2 or min(fresh) <= place or fresh & reached:
                    raise ValueError(f"node {place} of a tree has children that are not its own")
                reached |= fresh
        if reached != set(range(len(self.nodes))):
            raise ValueError("a tree has nodes that are not there")

    def leaf_of(self, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the place of the leaf that each row reaches.

        Parameters
        ----------
        cells : ndarray of shape (n_rows, n_features)
            Cell of each row in each feature.
        """
        place = np.zeros(len(cells), dtype=np.int64)
        waiting = [(0, np.arange(len(cells)))]
        while waiting:
            number, rows = waiting.pop()
            node = self.nodes[number]
            place[rows] = number
            if not node.is_leaf:
                goes_left = node.sends_left(cells[rows, node.feature])
                waiting += zip(node.children, (rows[goes_left], rows[~goes_left]), strict=True)
        return place

    def units(self, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what the tree adds to each row's log odds, in units of 2**-40."""
        values = np.array([node.value for node in self.nodes], dtype=np.int64)
        return values[self.leaf_of(cells)]


def leaf_value(units: int) -> float:
    """Return units as log odds; exact as a float."""
    return math.ldexp(units, -LEAF_BITS)


def log_odds(base: int, trees: Sequence[Tree], cells: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the log odds of *bad*: the sum of whole units, as a float only at the end.

    Parameters
    ----------
    base : int
        Where every row begins, in units of 2**-40.
    trees : sequence of Tree
    cells : ndarray of shape (n_rows, n_features)
    """
    units = np.full(len(cells), base, dtype=np.int64)
    for tree in trees:
        units += tree.units(cells)
    return np.ldexp(units.astype(np.float64), -LEAF_BITS)
