"""What may be released of an evaluation's opened sum: one function.

=========== ============================== ===========================================
phase       opened, never released         released to the rostered parties and requester
=========== ============================== ===========================================
figures     fine score histograms of all   AUC, KS, Gini, Brier, calibration, bands, a cut-off;
            rows and of each slice; joint  for each slice that passes the cell rules its figures
            histogram of two scores; rows  and approvals; DeLong's and McNemar's test; drift
            of each month by the model's   indices of score and features by month
            own cells
=========== ============================== ===========================================
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fedcredit_models import evaluation_figures
from fedcredit_models.evaluating import EvaluationPlan
from fedcredit_parties.disclosure import DisclosurePolicy, check_cells
from fedcredit_parties.errors import MalformedMessageError
from fedcredit_parties.evaluation_course import EvaluationCourse
from fedcredit_parties.procedure import Memory, Sums


def release_evaluation(
    course: EvaluationCourse, sums: Sums, memory: Memory
) -> tuple[dict[str, Any], str]:
    """Return the figures that are released, and the outcome.

    Raises
    ------
    MalformedMessageError
        When the histograms do not count the same rows: a party computes something else.
    SmallCellError
        When a figure is of a cell that does not pass; the function withholds it before.
    """
    task = course.task
    _check_same_rows(task.plan, sums)
    figures = evaluation_figures.release(
        task.plan,
        sums,
        task.policy.cells,
        approval_rate=task.approval_rate,
        baseline=[(band.eta_high_nano, band.n) for band in task.baseline],
    )
    for what, whole, part in _cells(figures):
        _check(task.policy, what, whole, part)
    return {"figures": figures}, "done"


def _check_same_rows(plan: EvaluationPlan, sums: Sums) -> None:
    """Compare the totals of every histogram with those of the champion's score."""
    bads, goods = (int(np.sum(sums[f"champion.{name}"])) for name in ("bads", "goods"))
    expected = {"bads": bads, "goods": goods}
    for field in plan.counts():
        part, name = field.split(".", 1)
        if part == "cells":
            n = np.sum(sums[field])
            same = int(n) == bads + goods
        else:
            same = int(np.sum(sums[field])) == expected[name]
        if not same:
            raise MalformedMessageError(
                "the summed histograms do not count the same rows",
                expected="as many rows in every histogram",
                found="another number in one",
                remedy="compare FedCredit versions: a party computes something else",
            )


def _cells(
    figures: Mapping[str, Any],
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Yield every released sample or slice with its cut."""
    for name, value in figures.items():
        parts = value if isinstance(value, list) else [value]
        for part in parts:
            if "n" in part and "withheld" not in part:
                yield name, part, part.get("cut", part.get("approval", {}))


def _check(
    policy: DisclosurePolicy, what: str, whole: Mapping[str, Any], cut: Mapping[str, Any]
) -> None:
    """Apply the policy once more, independently of the function: whole, approved, refused."""
    cells = [(whole["bads"], whole["n"] - whole["bads"])]
    if "approved" in cut:
        bads, goods = cut["bads_approved"], cut["approved"] - cut["bads_approved"]
        cells += [(bads, goods), (cells[0][0] - bads, cells[0][1] - goods)]
    cells += [(band["bads"], band["n"] - band["bads"]) for band in whole.get("bands", [])]
    check_cells(policy, bads=[b for b, _ in cells], goods=[g for _, g in cells], what=what)
