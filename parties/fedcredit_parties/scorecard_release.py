"""What may be released of a scorecard run's opened sums: a closed table, one function a phase.

Gradients, Hessians and fine histograms die with the call. A new statistic is one row here and one
pure function in the models room.

=========== ============================== ===========================================
phase       opened, never released         released to the rostered parties and requester
=========== ============================== ===========================================
quantiles   fine histogram per feature     cell numbers of the bin edges
bins        raw bad and good counts        merged bins with counts that pass the cell rules;
                                           why a feature is dropped (one of three words)
newton      gradient, Hessian, log loss    new coefficients (2**-40), mean log loss (10**-9);
                                           at the end standard errors
metrics     fine score histograms          AUC, KS, Gini, Brier, bands that pass the cell rules
=========== ============================== ===========================================
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fedcredit_models import binning, logistic
from fedcredit_models.dropped import told, why_dropped
from fedcredit_parties import fixed_bins_phase, metrics_phase, newton_phase, quantile_phase
from fedcredit_parties.course import NANO
from fedcredit_parties.disclosure import check_cells
from fedcredit_parties.errors import (
    ConstantFeatureError,
    PartyError,
    SeparableDataError,
    SmallCellError,
)
from fedcredit_parties.procedure import Memory, Sums
from fedcredit_parties.scorecard_course import ScorecardCourse
from fedcredit_parties.scorecard_task import COEFFICIENT_BITS, COEFFICIENT_LIMIT

Document = dict[str, Any]


def release_scorecard(course: ScorecardCourse, sums: Sums, memory: Memory) -> tuple[Document, str]:
    """Return the values that are released of the phase that comes next, and its outcome.

    Raises
    ------
    DisclosureError
        When the result does not pass the policy.
    ConstantFeatureError, SeparableDataError
        When the mathematics has no answer.
    """
    return TABLE[str(course.phase)](course, sums)


def _quantiles(course: ScorecardCourse, sums: Sums) -> tuple[Document, str]:
    task = course.task
    least = task.policy.min_subjects
    edges = quantile_phase.release(course.grids, len(task.features), sums, task.fine_bins, least)
    return {"edges": edges}, "continue"


def _bins(course: ScorecardCourse, sums: Sums) -> tuple[Document, str]:
    task = course.task
    features: list[Document] = []
    for i, (feature, raw) in enumerate(zip(task.features, course.raw, strict=True)):
        bads = [int(b) for b in sums[f"bads.{i}"]]
        goods = [int(g) for g in sums[f"goods.{i}"]]
        fixed = task.fixed.get(feature.name)
        if fixed is not None:
            fixed_bins_phase.refuse_small(fixed, feature, bads, goods, task.policy.cells)
        if not task.all_columns and np.count_nonzero(np.add(bads, goods)) < 2:
            raise ConstantFeatureError(
                f"feature {feature.name!r} does not vary in the federation's training rows",
                expected="at least two different values",
                found="one",
                remedy=f"leave {feature.name!r} out of the job's features",
            )
        assignment = (
            binning.merge(raw, bads, goods, task.binning) if fixed is None else fixed.assignment
        )
        bins: Document = {
            "assignment": list(assignment),
            "bads": list(binning.totals(assignment, bads)),
            "goods": list(binning.totals(assignment, goods)),
        }
        if len(bins["bads"]) > 1:
            check_cells(
                task.policy, bads=bins["bads"], goods=bins["goods"], what=f"bins of {feature.name}"
            )
        else:
            # One bin says only what the run's totals say: the feature is dropped.
            bins = {"assignment": [0] * raw.n, "bads": [0], "goods": [0]}
            bins["dropped"] = why_dropped(bads, goods, task.policy.cells)
        features.append(bins)
    if all(len(f["bads"]) < 2 for f in features):
        why = {f.name: str(b["dropped"]) for f, b in zip(task.features, features, strict=True)}
        words = set(why.values())
        error: type[PartyError] = SmallCellError
        if "separates" in words:
            error = SeparableDataError
        elif words == {"constant"}:
            error = ConstantFeatureError
        raise error(
            "no feature has two bins that pass the federation's cell rules",
            expected="at least one feature with two bins of enough subjects, bads and goods",
            found=told(why),
            remedy="use more rows or a smaller hold-out; leave out a feature that separates good "
            "from bad by itself",
        )
    return {"n": int(sums["n"][0]), "features": features}, "continue"


def _newton(course: ScorecardCourse, sums: Sums) -> tuple[Document, str]:
    task = course.task
    beta = course.coefficients
    found = newton_phase.opened(sums)
    n = course.n_train
    step = logistic.newton_step(found, beta, task.newton, n)
    n_rounds = sum(1 for row in course.history if row["phase"] == "newton") + 1
    exhausted = n_rounds >= task.max_rounds and step.outcome != "converged"
    if (
        step.outcome == "diverged"
        or exhausted
        or np.abs(step.beta_new).max() > COEFFICIENT_LIMIT
        or not logistic.sums_carry_weight(found, n)
    ):
        raise SeparableDataError(
            f"Newton's method found no optimum within {task.max_rounds} rounds",
            expected=f"coefficients within {COEFFICIENT_LIMIT:g}, and rows that carry weight",
            found="coefficients that grow, or almost no row with weight",
            remedy="drop the feature that decides alone, or raise l2",
        )
    point = [0] * (len(task.features) + 1)
    positions = [0, *(i + 1 for i in course.kept)]
    for position, value in zip(positions, step.beta_new, strict=True):
        point[position] = round(float(value) * 2**COEFFICIENT_BITS)
    values: Document = {
        "point": point,
        "log_loss_nano": round(found.log_loss / n * NANO),
        "step_nano": round(step.step_size * NANO),
    }
    if step.outcome == "converged":
        errors = [0] * len(point)
        wald = logistic.standard_errors(found, beta, task.newton)
        for position, value in zip(positions, wald, strict=True):
            errors[position] = round(float(value) * 2**COEFFICIENT_BITS)
        values["standard_errors"] = errors
    return values, step.outcome


def _metrics(course: ScorecardCourse, sums: Sums) -> tuple[Document, str]:
    task = course.task
    found = metrics_phase.release(task.samples, course.score_grid, task.policy, sums)
    return {"samples": found}, "done"


TABLE: Mapping[str, Callable[[ScorecardCourse, Sums], tuple[Document, str]]] = {
    "quantiles": _quantiles,
    "bins": _bins,
    "newton": _newton,
    "metrics": _metrics,
}
"""Phase -> release function. Closed: a phase that is not here is not opened."""
