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

from fedcredit_models.boosted_rows import BoostedRows
from fedcredit_models.cells import RawCells
from fedcredit_models.tree_growth import (
    Choice,
    GrowthRules,
    Sums,
    child_bounds,
    grow,
    leaf_units,
)
from fedcredit_models.tree_sums import GRADIENT_BITS, ROWS, offsets
from fedcredit_models.trees import LEAF_BITS, Node, Tree

__all__ = ["BoostedRows", "Boosting", "BoostingRules", "fit", "split_sums", "step", "whole_sums"]


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
    fellows : sequence of sequence of int, optional
        For each feature the cell with which each of its cells is counted and goes
        (`boosting_start`); every cell for itself when absent.

    Attributes
    ----------
    base : int
        Log odds of bad of every row before the first tree, in units of 2**-40.
    trees : list of Tree
        Finished.
    depth : int
        Splits from the root to the frontier.
    losses : list of (float, float or None)
        Mean log loss after each finished tree but the last: training, hold-out.
    frontier : tuple of int
        Places of the nodes that the next sum splits.
    asked : tuple of int
        Those of the frontier whose rows are summed: the root, then the smaller child of each split;
        the other child's sum is its parent's less that.
    done : bool
        No further sum is needed.
    """

    def __init__(
        self,
        raw: Sequence[RawCells],
        rules: BoostingRules,
        *,
        n_bads: int,
        n_goods: int,
        fellows: Sequence[Sequence[int]] | None = None,
    ) -> None:
        if n_bads < 1 or n_goods < 1:
            raise ValueError("trees are grown from goods and bads")
        self.raw = tuple(raw)
        self.rules = rules
        self.n_train = n_bads + n_goods
        self.base = round(math.log(rules.bad_weight * n_bads / n_goods) * 2**LEAF_BITS)
        self.begins = offsets(self.raw)
        self.fellows = tuple(map(tuple, fellows or [range(cells.n) for cells in self.raw]))
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
        self.asked: tuple[int, ...] = self.frontier

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

    @property
    def largest_move(self) -> int:
        """Most that the finished trees and the base may add to a row, in units of 2**-40."""
        moves = [max(abs(node.value) for node in tree.nodes) for tree in self.trees]
        return abs(int(self.base)) + sum(moves)

    def is_stopped_by(self, held: float | None) -> bool:
        """Tell whether this hold-out loss after the finished trees ends the growth."""
        if not self.rules.patience or held is None:
            return False
        best = self.best if self.best and held >= self._held(self.best) else len(self.trees)
        waited = len(self.trees) - best
        return waited >= self.rules.patience or len(self.trees) >= self.rules.max_trees

    def ends_with(self, document: dict[str, Any]) -> bool:
        """Tell whether the run needs no further sum once it has taken this release in."""
        if not document["nodes"]:
            return True
        is_last = self.depth + 1 >= self.rules.max_depth
        is_grown = is_last or not any("feature" in node for node in document["nodes"])
        is_enough = len(self.trees) + 1 >= self.rules.max_trees
        return is_grown and is_enough and not self.rules.patience

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
        if self.depth == 0 and self.trees:
            self._judge(document)
        if len(nodes) != (0 if self.done else len(self.frontier)):
            raise ValueError("a level releases one result for each node of the frontier")
        if self.done:
            return
        grown: list[int] = []
        for place, found in zip(self.frontier, nodes, strict=True):
            grown += self._take(place, found)
        self.depth += 1
        self.frontier = tuple(grown)
        pairs = zip(grown[::2], grown[1::2], strict=True)
        self.asked = tuple(min(pair, key=lambda place: self._nodes[place].n) for pair in pairs)
        if not grown or self.depth >= self.rules.max_depth:
            self.trees.append(self.growing())
            self._start()
            if len(self.trees) >= self.rules.max_trees and not self.rules.patience:
                self.done = True

    def _judge(self, document: dict[str, Any]) -> None:
        told = document.get("holdout_loss_nano")
        held = None if told is None else told / 1e9
        self.losses.append((document["log_loss_nano"] / 1e9, held))
        is_over = self.is_stopped_by(held)
        if held is not None and (self.best == 0 or held < self._held(self.best)):
            self.best = len(self.trees)
        if is_over:
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
    sums : ndarray of shape (n_frontier, n_cells, 4)
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
        monotone split. No node at all when the hold-out's loss ends the growth.

    Disclosure
    ----------
    Exactly the returned document.
    """
    document: dict[str, Any] = {}
    if course.depth == 0 and course.trees:
        document["log_loss_nano"] = _nano(loss, course.n_train)
        if holdout is not None:
            document["holdout_loss_nano"] = _nano(*holdout)
            if course.is_stopped_by(document["holdout_loss_nano"] / 1e9):
                return document | {"nodes": []}
    choices = grow(sums, course.raw, course.rules.growth, course.bounds, course.fellows)
    document["nodes"] = [
        _told(choice, bounds, course) for choice, bounds in zip(choices, course.bounds, strict=True)
    ]
    return document


def whole_sums(course: Boosting, sums: Sums, parents: Sums) -> Sums:
    """Return the histograms of the whole frontier from those of the nodes that were summed.

    Parameters
    ----------
    course : Boosting
        The run so far.
    sums : ndarray of shape (n_asked, n_cells, 4)
        Summed over all parties.
    parents : ndarray of shape (n_asked, n_cells, 4)
        Of `split_sums` at the level before; not read at a root.
    """
    if course.depth == 0:
        return sums
    whole = np.empty((len(course.frontier), *sums.shape[1:]), dtype=np.int64)
    for i, place in enumerate(course.asked):
        is_right = int(course.frontier[2 * i + 1] == place)
        whole[2 * i + is_right] = sums[i]
        whole[2 * i + 1 - is_right] = parents[i] - sums[i]
    return whole


def split_sums(course: Boosting, whole: Sums, document: dict[str, Any]) -> Sums | None:
    """Return the histograms of the nodes that a release splits further down, or None."""
    split = [i for i, node in enumerate(document["nodes"]) if "feature" in node]
    return None if course.is_last_level or not split else whole[split]


def _told(choice: Choice, bounds: tuple[float, float], course: Boosting) -> dict[str, Any]:
    """Return what is released of one node."""
    if choice.feature < 0:
        return {"value": choice.value}
    found: dict[str, Any] = {
        "feature": choice.feature,
        "left": list(choice.left),
        "rows": [course.rules.growth.told(int(child[ROWS])) for child in choice.sums],
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
    fellows: Sequence[Sequence[int]] | None = None,
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
    fellows : sequence of sequence of int, optional
        As for `Boosting`.
    """
    n_bads = sum(int(part.y.sum()) for part in parts)
    n_goods = sum(len(part.y) for part in parts) - n_bads
    course = Boosting(raw, rules, n_bads=n_bads, n_goods=n_goods, fellows=fellows)
    parents: Sums | None = None
    while not course.done:
        sums = np.sum([part.sums(course) for part in parts], axis=0)
        whole = sums if parents is None else whole_sums(course, sums, parents)
        loss, holdout = 0, None
        if course.depth == 0 and course.trees:
            loss = sum(part.loss(course) for part in parts)
            if held:
                weight = sum(float(np.where(p.y == 1, rules.bad_weight, 1.0).sum()) for p in held)
                holdout = (sum(part.loss(course) for part in held), weight)
        document = step(course, whole, loss=loss, holdout=holdout)
        parents = split_sums(course, whole, document)
        course.absorb(document)
    return course
