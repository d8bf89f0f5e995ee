"""Boosting, one level a step: what is public between two sums, and what each step releases.

`Boosting` is the public course of a run: finished trees, the tree that grows, the nodes of its
frontier. Every party keeps one and feeds it the same releases; from it and its own cells follow its
addend to the next sum. `step` is what the holder of the sum applies to it. One table is fitted by
the same two functions, with the sum of one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.cells import RawCells
from fedcredit_models.tree_growth import (
    Choice,
    GrowthRules,
    Sums,
    child_bounds,
    grow,
    leaf_units,
)
from fedcredit_models.tree_sums import (
    GRADIENT_BITS,
    ROWS,
    histogram,
    loss_units,
    offsets,
    row_gradients,
)
from fedcredit_models.trees import LEAF_BITS, Node, Tree


@dataclass(frozen=True)
class BoostingRules:
    """Rules of a run.

    Parameters
    ----------
    growth : GrowthRules
        When nodes are split.
    max_depth : int, default 5
        Splits from the root to a leaf.
    max_trees : int, default 100
        Most trees.
    bad_weight : float, default 1.0
        Weight of a bad row; a good one has 1.
    patience : int, default 0
        Stop when the hold-out's loss has not fallen for so many trees, and keep the best; 0 grows
        every tree.
    """

    growth: GrowthRules = field(default_factory=GrowthRules)
    max_depth: int = 5
    max_trees: int = 100
    bad_weight: float = 1.0
    patience: int = 0


@dataclass
class _Growing:
    """A node of the tree that grows, with the bounds on its move."""

    n: int
    bounds: tuple[float, float]
    value: int = 0
    feature: int = -1
    left: tuple[int, ...] = ()
    children: tuple[int, int] = (-1, -1)


class Boosting:
    """The public course of one run.

    Parameters
    ----------
    raw : sequence of RawCells
        The features' cells.
    rules : BoostingRules
    n_bads, n_goods : int
        Training rows of either kind; they fix where every row begins.

    Attributes
    ----------
    base : int
        Log odds of bad of every row before the first tree, in units of 2**-40.
    trees : list of Tree
        Finished.
    losses : list of (float, float or None)
        Mean log loss after each finished tree but the last: training, hold-out.
    frontier : tuple of int
        Places of the nodes that the next sum splits.
    done : bool
        No further sum is needed.
    """

    def __init__(
        self, raw: Sequence[RawCells], rules: BoostingRules, *, n_bads: int, n_goods: int
    ) -> None:
        if n_bads < 1 or n_goods < 1:
            raise ValueError("trees are grown from goods and bads")
        self.raw = tuple(raw)
        self.rules = rules
        self.n_train = n_bads + n_goods
        self.base = round(math.log(rules.bad_weight * n_bads / n_goods) * 2**LEAF_BITS)
        self.begins = offsets(self.raw)
        self.trees: list[Tree] = []
        self.losses: list[tuple[float, float | None]] = []
        self.best = 0
        self.done = False
        self._start()

    def _start(self) -> None:
        limit = self.rules.growth.max_move
        self.depth = 0
        self._nodes = [_Growing(self.n_train, (-limit, limit))]
        self.frontier: tuple[int, ...] = (0,)

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Bounds on the move of each node of the frontier."""
        return [self._nodes[place].bounds for place in self.frontier]

    @property
    def is_last_level(self) -> bool:
        """Whether the children of the next splits are leaves."""
        return self.depth + 1 >= self.rules.max_depth

    def growing(self) -> Tree:
        """Return the tree as it stands, its frontier as leaves without value."""
        return Tree(tuple(Node(n.n, n.value, n.feature, n.left, n.children) for n in self._nodes))

    def absorb(self, document: dict[str, Any]) -> None:
        """Take in the release of one level.

        Parameters
        ----------
        document : dict
            Of `step`.

        Raises
        ------
        ValueError
            When it is not the result of this level.
        """
        nodes = document["nodes"]
        if len(nodes) != len(self.frontier):
            raise ValueError("a level releases one result for each node of the frontier")
        if self.depth == 0 and self.trees:
            self._judge(document)
            if self.done:
                return
        grown: list[int] = []
        for place, found in zip(self.frontier, nodes, strict=True):
            grown += self._take(place, found)
        self.depth += 1
        self.frontier = tuple(grown)
        if not grown or self.depth >= self.rules.max_depth:
            self.trees.append(self.growing())
            self._start()
            if len(self.trees) >= self.rules.max_trees and not self.rules.patience:
                self.done = True

    def _judge(self, document: dict[str, Any]) -> None:
        train, held = document["loss_nano"], document.get("holdout_loss_nano")
        self.losses.append((train / 1e9, None if held is None else held / 1e9))
        n_trees = len(self.trees)
        if not self.rules.patience or held is None:
            return
        if self.best == 0 or held / 1e9 < self._held(self.best):
            self.best = n_trees
        if n_trees - self.best >= self.rules.patience or n_trees >= self.rules.max_trees:
            del self.trees[self.best :]
            self.done = True

    def _held(self, n_trees: int) -> float:
        held = self.losses[n_trees - 1][1]
        return math.inf if held is None else held

    def _take(self, place: int, found: dict[str, Any]) -> list[int]:
        node = self._nodes[place]
        if "feature" not in found:
            node.value = int(found["value"])
            return []
        feature, left = int(found["feature"]), tuple(found["left"])
        if not 0 <= feature < len(self.raw) or list(left) != sorted(set(left)):
            raise ValueError("a split names a feature of the run and its cells in order")
        if left and not (0 <= left[0] and left[-1] < self.raw[feature].n):
            raise ValueError("a split names cells of its feature")
        middle = math.ldexp(found["middle"], -LEAF_BITS) if "middle" in found else None
        choice = Choice(node.n, feature=feature, left=left, middle=middle)
        limits = child_bounds(choice, node.bounds, self.rules.growth)
        children = []
        for n, value, bounds in zip(
            found["rows"], found.get("values", (0, 0)), limits, strict=True
        ):
            children.append(len(self._nodes))
            self._nodes.append(_Growing(int(n), bounds, int(value)))
        node.feature, node.left = feature, left
        node.children = (children[0], children[1])
        return children


@dataclass
class BoostedRows:
    """One party's rows: cells, outcome, log odds so far, node in the tree that grows.

    Parameters
    ----------
    cells : ndarray of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    """

    cells: NDArray[np.int64]
    y: NDArray[np.int64]
    _n_trees: int = -1
    _units: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    _gradients: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))

    def eta(self, course: Boosting) -> NDArray[np.float64]:
        """Return the rows' log odds after the finished trees."""
        if self._n_trees < 0:
            self._units = np.full(len(self.y), course.base, dtype=np.int64)
            self._n_trees = 0
        for tree in course.trees[self._n_trees :]:
            self._units = self._units + tree.units(self.cells)
        self._n_trees = len(course.trees)
        return np.ldexp(self._units.astype(np.float64), -LEAF_BITS)

    def sums(self, course: Boosting) -> Sums:
        """Return this party's addend to the next level, shape (n_frontier, n_cells, 3).

        Disclosure
        ----------
        Nothing by itself; see :func:`fedcredit_models.tree_sums.histogram`.
        """
        if course.depth == 0:
            self._gradients = row_gradients(self.y, self.eta(course), course.rules.bad_weight)
        tree = course.growing()
        slot_of = np.full(len(tree.nodes), -1, dtype=np.int64)
        slot_of[list(course.frontier)] = np.arange(len(course.frontier))
        return histogram(
            self.cells,
            self._gradients,
            slot_of[tree.leaf_of(self.cells)],
            n_slots=len(course.frontier),
            begins=course.begins,
        )

    def loss(self, course: Boosting) -> int:
        """Return the summed log loss after the finished trees, in units of 2**-20."""
        return loss_units(self.y, self.eta(course), course.rules.bad_weight)


def step(
    course: Boosting,
    sums: Sums,
    *,
    loss: int = 0,
    holdout: tuple[int, float] | None = None,
) -> dict[str, Any]:
    """Return what is released of one level.

    Parameters
    ----------
    course : Boosting
        The run so far.
    sums : ndarray of shape (n_frontier, n_cells, 3)
        Summed histograms.
    loss : int
        Summed training loss in units of 2**-20; read at the root of every tree but the first.
    holdout : (int, float), optional
        Summed loss and weight of the hold-out.

    Returns
    -------
    dict
        Integers only: for each node of the frontier a leaf's ``value``, or ``feature``, ``left``,
        ``rows`` of the two children, their ``values`` when they are leaves, and ``middle`` of a
        monotone split.

    Disclosure
    ----------
    Exactly the returned document.
    """
    choices = grow(sums, course.raw, course.rules.growth, course.bounds)
    nodes = [
        _told(choice, bounds, course) for choice, bounds in zip(choices, course.bounds, strict=True)
    ]
    document: dict[str, Any] = {"nodes": nodes}
    if course.depth == 0 and course.trees:
        document["loss_nano"] = _nano(loss, course.n_train)
        if holdout is not None:
            document["holdout_loss_nano"] = _nano(*holdout)
    return document


def _told(choice: Choice, bounds: tuple[float, float], course: Boosting) -> dict[str, Any]:
    """Return what is released of one node."""
    if choice.feature < 0:
        return {"value": choice.value}
    found: dict[str, Any] = {
        "feature": choice.feature,
        "left": list(choice.left),
        "rows": [int(child[ROWS]) for child in choice.sums],
    }
    if choice.middle is not None:
        found["middle"] = round(choice.middle * 2**LEAF_BITS)
        choice = replace(choice, middle=math.ldexp(found["middle"], -LEAF_BITS))
    if course.is_last_level:
        rules = course.rules.growth
        limits = child_bounds(choice, bounds, rules)
        found["values"] = [
            leaf_units(child, rules, *limit)
            for child, limit in zip(choice.sums, limits, strict=True)
        ]
    return found


def _nano(loss: int, weight: float) -> int:
    return round(loss / 2**GRADIENT_BITS / weight * 1e9) if weight else 0


def fit(
    parts: Sequence[BoostedRows],
    raw: Sequence[RawCells],
    rules: BoostingRules,
    held: Sequence[BoostedRows] = (),
) -> Boosting:
    """Grow trees from plain sums over the parts: what a federation computes under encryption.

    Parameters
    ----------
    parts : sequence of BoostedRows
        Training rows; of one table, or of several parties.
    raw : sequence of RawCells
    rules : BoostingRules
    held : sequence of BoostedRows
        Hold-out rows, for ``rules.patience``.
    """
    n_bads = sum(int(part.y.sum()) for part in parts)
    course = Boosting(raw, rules, n_bads=n_bads, n_goods=sum(len(p.y) for p in parts) - n_bads)
    while not course.done:
        sums = np.sum([part.sums(course) for part in parts], axis=0)
        loss, holdout = 0, None
        if course.depth == 0 and course.trees:
            loss = sum(part.loss(course) for part in parts)
            if held:
                weight = sum(float(np.where(p.y == 1, rules.bad_weight, 1.0).sum()) for p in held)
                holdout = (sum(part.loss(course) for part in held), weight)
        course.absorb(step(course, sums, loss=loss, holdout=holdout))
    return course
