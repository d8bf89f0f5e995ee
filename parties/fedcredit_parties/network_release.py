"""What may be released of a network's opened sums: a closed table, one function a phase.

=========== ============================== ===========================================
phase       opened, never released         released to the rostered parties and requester
=========== ============================== ===========================================
quantiles   fine histogram per feature     cell numbers of edges; mean and deviation (10**-3 of
                                           the declared range); row totals; parties that train
train       average update, rows trained   new weights (2**-40), mean losses at the old ones over
            on, losses; the moving         everybody's rows (10**-9), how many moves were cut
            averages of FedAdam
calibrate   fine score histograms          intercept and slope (2**-40), the sample used
metrics     fine score histograms          AUC, KS, Gini, Brier, bands that pass the cell rules
=========== ============================== ===========================================

Whoever holds two successive weights has the average update between them (FedAvg, FedProx): it is
released, and said to be. Counts and losses are over the whole roster, also over the rows of parties
that abstain from training; the rows trained on divide the average, rounded to an eighth of all.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fedcredit_models.errors import NotConvergedError
from fedcredit_models.network import WEIGHT_BITS
from fedcredit_models.network_calibration import platt
from fedcredit_models.network_inputs import moments
from fedcredit_models.network_rounds import step
from fedcredit_parties import metrics_phase, quantile_phase
from fedcredit_parties.course import NANO
from fedcredit_parties.disclosure import check_cells
from fedcredit_parties.errors import ConstantFeatureError, SmallCellError
from fedcredit_parties.network_course import NetworkCourse
from fedcredit_parties.network_sums import check_taking_part, diverged
from fedcredit_parties.procedure import Memory, Sums

Document = dict[str, Any]


def release_network(course: NetworkCourse, sums: Sums, memory: Memory) -> tuple[Document, str]:
    """Return the values that are released of the phase that comes next, and its outcome.

    Raises
    ------
    DisclosureError
        When the result does not pass the policy, or too few parties would train.
    ConstantFeatureError, TrainingDivergedError
        When there is nothing to learn from, or nothing was learnt.
    """
    return TABLE[str(course.phase)](course, sums, memory)


def _quantiles(course: NetworkCourse, sums: Sums, memory: Memory) -> tuple[Document, str]:
    task, n_parties = course.task, int(sums["n_parties"][0])
    check_taking_part(task, n_parties)
    totals = {name: int(sums[name][0]) for name in ("n", "bads", "held_n", "held_bads")}
    n, bads = totals["n"], totals["bads"]
    check_cells(task.policy, bads=[bads], goods=[n - bads], what="the training rows")
    if task.policy.cells.broken(totals["held_bads"], totals["held_n"] - totals["held_bads"]):
        if task.patience:
            raise SmallCellError(
                "the hold-out is too small for its loss to be released",
                expected="a hold-out with enough subjects, bads and goods",
                found="fewer",
                remedy="raise holdout, or set patience to 0",
            )
        totals |= {"held_n": 0, "held_bads": 0}
    least = task.policy.min_subjects
    edges = quantile_phase.release(course.grids, len(task.features), sums, task.fine_bins, least)
    released: list[list[int]] = [[] for _ in task.features]
    for i, grid in course.grids.items():
        counts = [int(count) for count in sums[f"grid.{i}"]]
        if not task.all_columns and np.count_nonzero(counts) < 2:
            raise ConstantFeatureError(
                f"feature {grid.feature.name!r} does not vary in the federation's training rows",
                expected="at least two different values",
                found="one, or none but missing",
                remedy=f"leave {grid.feature.name!r} out of the job's features",
            )
        if sum(counts[: len(grid.upper)]) < task.policy.min_subjects:
            edges[i], released[i] = [], [0, 0]
        else:
            released[i] = list(moments(grid, counts, edges[i], task.policy.cells))
    return {"edges": edges, "moments": released, "n_parties": n_parties, **totals}, "continue"


def _train(course: NetworkCourse, sums: Sums, memory: Memory) -> tuple[Document, str]:
    check_taking_part(course.task, course.n_parties)
    kept = {name: bits.view(np.float64) for name, bits in memory.items()}
    try:
        values, keep = step(course.rounds, sums, kept)
    except NotConvergedError as error:
        raise diverged(str(error), course.task) from None
    memory.clear()
    memory.update({name: numbers.view(np.int64) for name, numbers in keep.items()})
    moved = np.abs(np.array(values["weights"], dtype=np.int64) - course.rounds.weights).max()
    values["step_nano"] = round(float(np.ldexp(float(moved), -WEIGHT_BITS)) * NANO)
    last = course.rounds.is_last(values.get("holdout_loss_nano"))
    return values, "converged" if last else "continue"


def _calibrate(course: NetworkCourse, sums: Sums, memory: Memory) -> tuple[Document, str]:
    memory.clear()
    for sample in course.calibrating:
        bads = [int(count) for count in sums[f"bads.{sample}"]]
        goods = [int(count) for count in sums[f"goods.{sample}"]]
        if course.task.policy.cells.broken(sum(bads), sum(goods)) is None:
            break
    try:
        found = platt(bads, goods, course.score_grid)
    except NotConvergedError as error:
        raise diverged(str(error), course.task) from None
    units = [round(float(np.ldexp(part, WEIGHT_BITS))) for part in found]
    return {"calibration": units, "sample": sample}, "continue"


def _metrics(course: NetworkCourse, sums: Sums, memory: Memory) -> tuple[Document, str]:
    task = course.task
    found = metrics_phase.release(task.samples, course.score_grid, task.policy, sums)
    return {"samples": found}, "done"


TABLE: Mapping[str, Callable[[NetworkCourse, Sums, Memory], tuple[Document, str]]] = {
    "quantiles": _quantiles,
    "train": _train,
    "calibrate": _calibrate,
    "metrics": _metrics,
}
"""Phase -> release function. Closed: a phase that is not here is not opened."""
