"""Exact contributions of features to a score of trees: Shapley values along each leaf's path.

A leaf is reached when every condition on its path holds. In the game that a row plays, a feature
that is absent passes each of its conditions with the share of training rows that did. What a leaf
adds is then a product over the few features of its path, and its Shapley values follow from the
pattern of conditions that the row fulfils: one small table a leaf, looked up for each row.

References
----------
Lundberg, S. et al. (2020). From local explanations to global understanding with explainable AI for
trees. Nature Machine Intelligence 2 (path-dependent TreeSHAP: the same values).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.trees import LEAF_BITS, Tree


@dataclass(frozen=True)
class _Path:
    """A leaf: what it adds, and for each feature on the way which cells pass, and which share."""

    value: float
    features: tuple[int, ...]
    passes: tuple[NDArray[np.bool_], ...]
    shares: tuple[float, ...]


def contributions(
    base: int, trees: Sequence[Tree], cells: NDArray[np.int64], n_cells: Sequence[int]
) -> tuple[NDArray[np.float64], float]:
    """Return each feature's contribution to each row's log odds, and what all rows share.

    Parameters
    ----------
    base : int
        Of the ensemble, in units of 2**-40.
    trees : sequence of Tree
    cells : ndarray of shape (n_rows, n_features)
        Cell of each row in each feature.
    n_cells : sequence of int
        Cells of each feature.

    Returns
    -------
    values : ndarray of shape (n_rows, n_features)
    expected : float
        ``expected + values.sum(axis=1)`` are the rows' log odds.
    """
    values = np.zeros(cells.shape)
    expected = math.ldexp(base, -LEAF_BITS)
    for tree in trees:
        for path in _paths(tree, n_cells):
            expected += path.value * math.prod(path.shares)
            if not path.features:
                continue
            pattern = np.zeros(len(cells), dtype=np.int64)
            for bit, (feature, passes) in enumerate(zip(path.features, path.passes, strict=True)):
                pattern |= passes[cells[:, feature]].astype(np.int64) << bit
            values[:, list(path.features)] += path.value * _table(path.shares)[pattern]
    return values, expected


def _paths(tree: Tree, n_cells: Sequence[int]) -> Iterator[_Path]:
    """Yield every leaf with the conditions on its way, those on one feature together."""
    stack: list[tuple[int, dict[int, tuple[NDArray[np.bool_], float]]]] = [(0, {})]
    while stack:
        place, held = stack.pop()
        node = tree.nodes[place]
        if node.is_leaf:
            yield _Path(
                math.ldexp(node.value, -LEAF_BITS),
                tuple(held),
                tuple(passes for passes, _ in held.values()),
                tuple(share for _, share in held.values()),
            )
            continue
        goes_left = np.zeros(n_cells[node.feature], dtype=bool)
        goes_left[list(node.left)] = True
        everything = np.ones(n_cells[node.feature], dtype=bool)
        passes, share = held.get(node.feature, (everything, 1.0))
        for child, side in zip(node.children, (goes_left, ~goes_left), strict=True):
            part = tree.nodes[child].n / node.n
            stack.append((child, {**held, node.feature: (passes & side, share * part)}))


def _table(shares: Sequence[float]) -> NDArray[np.float64]:
    """Return the Shapley values of every pattern of passed conditions, shape (2**d, d).

    By the definition: a feature is added to every set of the others; when it is there, it counts 1
    or 0 as the row passes or not, when it is absent, its share.
    """
    d = len(shares)
    patterns = np.arange(1 << d)
    passed = (patterns[:, None] >> np.arange(d)) & 1  # (2**d, d)
    table = np.zeros((1 << d, d))
    for i in range(d):
        others = [j for j in range(d) if j != i]
        gain = passed[:, i] - shares[i]
        for size in range(d):
            weight = math.factorial(size) * math.factorial(d - size - 1) / math.factorial(d)
            for there in combinations(others, size):
                absent = math.prod(shares[j] for j in others if j not in there)
                table[:, i] += weight * gain * absent * passed[:, list(there)].prod(axis=1)
    return table
