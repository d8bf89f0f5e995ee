"""What may be released of the opened sums of boosted trees: a closed table, one function a phase.

=========== ============================== ===========================================
phase       opened, never released         released to the rostered parties and requester
=========== ============================== ===========================================
quantiles   fine histogram per feature     cell numbers of the edges
start       bads and goods of raw cells    bads and goods of all rows, and of the hold-out; for each
                                           feature which cells go together, in groups that pass,
                                           whether its information value is above 0.5, why it is
                                           left out (one word)
trees       gradient, curvature, rows and  of each node of one level its split (feature, cells,
            bads of every cell of every    rows of the children to the nearest 10) or its leaf's
            node of one level; losses      value (2**-40); mean log losses (10**-9)
metrics     fine score histograms          AUC, KS, Gini, Brier, bands that pass the cell rules
=========== ============================== ===========================================

Every node of every tree passes the cell rules, and so does every group of cells that go together in
all splits. The rounding of rows hides nothing: a leaf's value is exact, in the first tree it gives
the leaf's exact rows and bads, and every value is a linear equation in the counts of the joint
cells of the features. Many trees over few features determine such counts, also of cells that fail
the rules (ADR 16; measured in tests/threats/test_trees_release_no_small_leaf.py). How many values
there are is bounded by the task's trees and depth and by the grants' ``max_rounds``.

Between two levels the histograms of the nodes that were split stay at the key holder (ADR 14): a
child's sum is its parent's less its sibling's.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.boosting import split_sums, step, whole_sums
from fedcredit_models.boosting_start import begin
from fedcredit_models.dropped import REASONS, told
from fedcredit_models.tree_sums import BADS, ROWS
from fedcredit_parties import metrics_phase, quantile_phase
from fedcredit_parties.disclosure import check_cells
from fedcredit_parties.errors import (
    ConstantFeatureError,
    MalformedMessageError,
    PartyError,
    PrecisionError,
    SeparableDataError,
    SmallCellError,
)
from fedcredit_parties.gbdt_course import UNIT, GbdtCourse
from fedcredit_parties.procedure import Memory, Sums

Document = dict[str, Any]
Ints = NDArray[np.int64]

MOST_ROWS = 1 << 26
"""Rows and bads of a cell share one number, which stays exact below 2**53."""

PARENTS = "parents"
"""Histograms of the nodes that the last level split; the key holder's memory between two levels."""


def release_gbdt(course: GbdtCourse, sums: Sums, memory: Memory) -> tuple[Document, str]:
    """Return the values that are released of the phase that comes next, and its outcome.

    Raises
    ------
    DisclosureError
        When the result does not pass the policy.
    ConstantFeatureError, SeparableDataError
        When there is nothing to learn, or a feature tells everything.
    """
    return TABLE[str(course.phase)](course, sums, memory)


def _quantiles(course: GbdtCourse, sums: Sums, memory: Memory) -> tuple[Document, str]:
    task = course.task
    least = task.policy.min_subjects
    edges = quantile_phase.release(course.grids, len(task.features), sums, task.bins, least)
    return {"edges": edges}, "continue"


def _start(course: GbdtCourse, sums: Sums, memory: Memory) -> tuple[Document, str]:
    task, policy = course.task, course.task.policy
    counts = [(_ints(sums[f"bads.{i}"]), _ints(sums[f"goods.{i}"])) for i in range(len(course.raw))]
    totals = {(int(bads.sum()), int(goods.sum())) for bads, goods in counts}
    if len(totals) != 1 or sum(next(iter(totals))) != int(sums["n"][0]):
        raise MalformedMessageError(
            "the summed counts of the features do not count the same rows",
            expected="as many bads and goods in the cells of every feature",
            found="other numbers in one",
            remedy="compare FedCredit versions: a party computes something else",
        )
    ((n_bads, n_goods),) = totals
    check_cells(policy, bads=[n_bads], goods=[n_goods], what="the training rows")
    _check_size(n_bads, n_goods, task.bad_weight)
    features: list[Document] = []
    for feature, raw, (bads, goods) in zip(task.features, course.raw, counts, strict=True):
        found = begin(raw, bads.tolist(), goods.tolist(), policy.cells)
        if found.dropped in ("constant", "missing") and not task.all_columns:
            raise ConstantFeatureError(
                f"feature {feature.name!r} {REASONS[found.dropped]} of the federation",
                expected="at least two different values",
                found="one",
                remedy=f"leave {feature.name!r} out of the job's features",
            )
        features.append(
            {"dropped": found.dropped}
            if found.dropped
            else {"fellows": list(found.fellows), "suspicious": int(found.is_suspicious)}
        )
    if all("dropped" in f for f in features):
        raise _nothing_left(
            {f.name: str(x["dropped"]) for f, x in zip(task.features, features, strict=True)}
        )
    values: Document = {"bads": n_bads, "goods": n_goods, "features": features}
    if "holdout" in task.samples:
        held = [int(sums["holdout_bads"][0]), int(sums["holdout_goods"][0])]
        if policy.cells.broken(*held) is None:
            values["holdout"] = held
        elif task.patience:
            raise SmallCellError(
                "the hold-out is too small to stop the growth of trees",
                expected="a hold-out that passes the federation's cell rules",
                found="fewer rows, bads or goods; nothing was released",
                remedy="raise the job's holdout, or set patience = 0",
            )
    return values, "continue"


def _check_size(n_bads: int, n_goods: int, bad_weight: float | str) -> None:
    """Refuse more rows than the sums carry to the last bit."""
    weight = 1.0 if isinstance(bad_weight, str) else max(bad_weight, 1.0)
    if n_bads + n_goods >= MOST_ROWS or (n_bads * weight + n_goods) * UNIT >= 1 << 53:
        raise PrecisionError(
            "the federation has more training rows than sums of trees carry exactly",
            expected=f"fewer than {MOST_ROWS} rows, and less than 2**33 in weight",
            found="more",
            remedy="raise the job's holdout, or lower bad_weight",
        )


def _nothing_left(why: Mapping[str, str]) -> PartyError:
    words = set(why.values())
    error: type[PartyError] = SmallCellError
    if "separates" in words:
        error = SeparableDataError
    elif words <= {"constant", "missing"}:
        error = ConstantFeatureError
    return error(
        "no feature has two groups of values that pass the federation's cell rules",
        expected="at least one feature with two groups of enough subjects, bads and goods",
        found=told(why),
        remedy="use more rows or a smaller hold-out; leave out a feature that separates good "
        "from bad by itself",
    )


def _trees(course: GbdtCourse, sums: Sums, memory: Memory) -> tuple[Document, str]:
    boosting = course.boosting
    whole = whole_sums(
        boosting, _histograms(course, sums), memory.get(PARENTS, np.empty(0, dtype=np.int64))
    )
    memory.clear()
    holdout = None
    if course.is_judged and course.holdout is not None:
        n_bads, n_goods = course.holdout
        holdout = (int(sums["holdout_loss"][0]), n_bads * course.weight + n_goods)
    loss = int(sums["loss"][0]) if course.is_judged else 0
    document = step(boosting, whole, loss=loss, holdout=holdout)
    _check_nodes(course, whole, document)
    parents = split_sums(boosting, whole, document)
    if parents is not None:
        memory[PARENTS] = parents
    return document, "done" if boosting.ends_with(document) else "continue"


def _histograms(course: GbdtCourse, sums: Sums) -> Ints:
    """Return the histograms of the nodes that were summed, shape (n_asked, n_cells, 4)."""
    counts = _ints(sums["counts"])
    rows = counts & ((1 << course.count_bits) - 1)
    parts = [_ints(sums["gradient"]), _ints(sums["curvature"]), rows, counts >> course.count_bits]
    shape = (len(course.boosting.asked), int(course.boosting.begins[-1]), len(parts))
    return np.stack(parts, axis=-1).reshape(shape)


def _check_nodes(course: GbdtCourse, whole: Ints, document: Document) -> None:
    """Apply the policy once more, independently of the function: every child of every split."""
    begins = course.boosting.begins
    bads: list[int] = []
    goods: list[int] = []
    for here, node in zip(whole, document["nodes"], strict=False):
        if "feature" not in node:
            continue
        cells = here[begins[node["feature"]] : begins[node["feature"] + 1]]
        left = cells[node["left"]].sum(axis=0)
        for child in (left, cells.sum(axis=0) - left):
            bads.append(int(child[BADS]))
            goods.append(int(child[ROWS] - child[BADS]))
    check_cells(course.task.policy, bads=bads, goods=goods, what="the nodes of a tree")


def _metrics(course: GbdtCourse, sums: Sums, memory: Memory) -> tuple[Document, str]:
    task = course.task
    found = metrics_phase.release(task.samples, course.score_grid, task.policy, sums)
    return {"samples": found}, "done"


def _ints(values: NDArray[np.float64]) -> Ints:
    """Return whole numbers that the opened sum holds as floats."""
    return np.asarray(values).astype(np.int64)


TABLE: Mapping[str, Callable[[GbdtCourse, Sums, Memory], tuple[Document, str]]] = {
    "quantiles": _quantiles,
    "start": _start,
    "trees": _trees,
    "metrics": _metrics,
}
"""Phase -> release function. Closed: a phase that is not here is not opened."""
