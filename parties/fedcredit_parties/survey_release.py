"""What may be released of a survey's opened sums: a closed table, one function a phase.

=========== ================================ =================================================
phase       opened, never released           released to the rostered parties and requester
=========== ================================ =================================================
quantiles   fine histogram or level counts   rows; bin edges and quantiles as cells of the grid;
            of each feature                  how many values are missing or special
statistics  bads and goods of raw cells;     coarse and fine bins with counts that pass the cell
            sums, squares and products of    rules; means and deviations in units / 2**20,
            every pair of numbers            correlations (2**-40), to 5 digits; one bound
tables      bins by period; loans and bads   the same where cells pass; in whole groups of bins,
            by vintage and age; pairs of     vintage cells and whole cross-tables
            bins
stepwise    gradient and curvature of all    the next coefficients (2**-40); score and Wald
            features, log loss               statistics (10**-6); what enters or leaves
=========== ================================ =================================================
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fedcredit_models import binning, correlation, crosstab, distribution, stability, vintage
from fedcredit_models.cells import RawCells
from fedcredit_models.dropped import why_dropped
from fedcredit_models.fine_bins import refine
from fedcredit_models.fixed_point import FixedPoint
from fedcredit_models.moments import MomentSums, deviation, mean_from_middle, rounded
from fedcredit_models.stepwise import step
from fedcredit_parties import fixed_bins_phase, newton_phase, quantile_phase
from fedcredit_parties.course import NANO
from fedcredit_parties.disclosure import check_cells
from fedcredit_parties.errors import SeparableDataError, SmallCellError
from fedcredit_parties.procedure import Memory, Sums
from fedcredit_parties.release_form import POINT_BOUND
from fedcredit_parties.scorecard_task import COEFFICIENT_BITS, COEFFICIENT_LIMIT
from fedcredit_parties.survey_course import MICRO, SurveyCourse

Document = dict[str, Any]

SHARE_BITS = 40
"""The key holder keeps shares of two-valued columns in 2**-40; -1 for other columns."""


def release_survey(course: SurveyCourse, sums: Sums, memory: Memory) -> tuple[Document, str]:
    """Return the values that are released of the phase that comes next, and its outcome.

    Raises
    ------
    SmallCellError
        When all rows together, or a bin that the modeller fixed, fail the cell rules.
    SeparableDataError
        When a step of the selection has no optimum.
    """
    return TABLE[str(course.phase)](course, sums, memory)


def _quantiles(course: SurveyCourse, sums: Sums, memory: Memory) -> tuple[Document, str]:
    task, rules = course.task, course.task.policy.cells
    n = int(sums["n"][0])
    if n < rules.min_subjects:
        raise SmallCellError(
            "the federation holds too few rows to be described",
            expected=f"at least {rules.min_subjects} rows in all",
            found="fewer; nothing was released",
            remedy="use more rows or a smaller hold-out",
        )
    columns, shares = [], []
    for i, feature in enumerate(task.features):
        grid = course.grids.get(i)
        name = f"levels.{i}" if grid is None else f"grid.{i}"
        n_ordinary = RawCells(feature).n_ordinary if grid is None else len(grid.upper)
        counts = _whole(sums[name])
        told = distribution.describe(
            counts, n_ordinary, rules, ends=None if grid is None else grid.ends
        )
        columns.append(
            {
                "present": told.present,
                "tail": list(told.tail),
                "spread": distribution.SPREADS.index(told.spread),
                "quantiles": list(told.quantiles),
            }
        )
        if grid is not None:
            share = distribution.upper_share(counts, n_ordinary, rules)
            shares.append(-1 if share is None else round(share * 2.0**SHARE_BITS))
    memory["shares"] = np.array(shares, dtype=np.int64)
    least = task.policy.min_subjects
    edges = quantile_phase.release(course.grids, len(task.features), sums, task.fine_bins, least)
    return {"n": n, "edges": edges, "columns": columns}, "continue"


def _statistics(course: SurveyCourse, sums: Sums, memory: Memory) -> tuple[Document, str]:
    task = course.task
    features = [
        _bins(course, raw, _whole(sums[f"bads.{i}"]), _whole(sums[f"goods.{i}"]))
        for i, raw in enumerate(course.raw)
    ]
    values = {"features": features, "statistics": _moments(course, sums, memory)}
    return values, "continue" if task.has_tables else "done"


def _bins(course: SurveyCourse, raw: RawCells, bads: list[int], goods: list[int]) -> Document:
    """Return one feature's coarse and fine bins; one bin says only what the totals say."""
    task, rules = course.task, course.task.policy.cells
    fixed = task.fixed.get(raw.feature.name)
    if fixed is not None:
        fixed_bins_phase.refuse_small(fixed, raw.feature, bads, goods, rules)
    assignment = (
        binning.merge(raw, bads, goods, task.binning) if fixed is None else fixed.assignment
    )
    found = _counted(assignment, bads, goods)
    if len(found["bads"]) < 2:
        return {
            "assignment": [0] * raw.n,
            "bads": [0],
            "goods": [0],
            "dropped": why_dropped(bads, goods, rules),
        }
    if fixed is None:
        found["fine"] = _counted(refine(raw, assignment, bads, goods, rules), bads, goods)
    for table in (found, found.get("fine", found)):
        check_cells(
            task.policy,
            bads=table["bads"],
            goods=table["goods"],
            what=f"bins of {raw.feature.name}",
        )
    return found


def _counted(assignment: tuple[int, ...], bads: list[int], goods: list[int]) -> Document:
    return {
        "assignment": list(assignment),
        "bads": list(binning.totals(assignment, bads)),
        "goods": list(binning.totals(assignment, goods)),
    }


def _moments(course: SurveyCourse, sums: Sums, memory: Memory) -> Document:
    """Return means, deviations and correlations of the measured columns."""
    measured = course.measured
    if not measured:
        return {"means": [], "deviations": [], "correlations": [], "bound": 0}
    found = MomentSums.from_fields(sums, len(measured))
    kept = dict(zip(course.grids, memory["shares"].tolist(), strict=True))
    shares = [None if kept[i] < 0 else kept[i] / 2.0**SHARE_BITS for i in measured]
    pairs, bound = correlation.release(found, shares, course.task.policy.cells)
    told = [
        rounded(FixedPoint(feature), mean_from_middle(found, j), deviation(found, j))
        for j, feature in enumerate(course.measured_features)
    ]
    return {
        "means": [mean for mean, _ in told],
        "deviations": [sd for _, sd in told],
        "correlations": pairs,
        "bound": bound,
    }


def _tables(course: SurveyCourse, sums: Sums, memory: Memory) -> tuple[Document, str]:
    task, rules = course.task, course.task.policy.cells
    periods: list[Document] = []
    curves: Document = {}
    if task.periods is not None:
        width = task.periods.n + 1
        for i, _ in course.kept_tables():
            groups, counts = stability.release(_rows(sums[f"periods.{i}"], width), rules)
            periods.append({"groups": groups, "counts": counts})
        if task.ages:
            width = 1 + len(task.ages)
            n, bads = vintage.release(
                _rows(sums["vintage.n"], width), _rows(sums["vintage.bads"], width), rules
            )
            curves = {"n": n, "bads": bads}
    pairs = [_pair(course, k, sums) for k in range(len(task.pairs))]
    values = {"periods": periods, "vintage": curves, "pairs": pairs}
    return values, "continue" if task.stepwise is not None else "done"


def _pair(course: SurveyCourse, k: int, sums: Sums) -> Document:
    row, column = course.task.pairs[k]
    columns = course.table_named(column)
    if course.table_named(row) is None or columns is None:
        return {"withheld": "one_bin"}
    n = _rows(sums[f"pair.{k}.n"], columns.n_bins)
    bads = _rows(sums[f"pair.{k}.bads"], columns.n_bins)
    broken = crosstab.broken(n, bads, course.task.policy.cells)
    return {"n": n, "bads": bads} if broken is None else {"withheld": broken}


def _stepwise(course: SurveyCourse, sums: Sums, memory: Memory) -> tuple[Document, str]:
    task, beta = course.task, course.coefficients
    if task.stepwise is None:
        raise ValueError("the survey selects nothing")
    found = newton_phase.opened(sums)
    n = course.n_train
    decided = step(found, beta, course.active, course.barred, task.stepwise, n)
    exhausted = len(course.steps) + 1 >= task.max_rounds
    if (
        decided is None
        or (exhausted and decided.move != "done")
        or np.abs(decided.beta).max() > COEFFICIENT_LIMIT
    ):
        names = [course.task.features[course.kept[c - 1]].name for c in course.active]
        raise SeparableDataError(
            f"the selection found no optimum within {task.max_rounds} rounds",
            expected=f"coefficients within {COEFFICIENT_LIMIT:g}, and rows that carry weight",
            found=f"a model of {', '.join(names) or 'no feature'} that does not settle",
            remedy="leave out the feature that decides alone, or of two that say the same one",
        )
    point = [0] * (len(task.features) + 1)
    for position, value in zip((0, *(i + 1 for i in course.kept)), decided.beta, strict=True):
        point[position] = round(float(value) * 2**COEFFICIENT_BITS)
    values: Document = {
        "point": point,
        "move": decided.move,
        "column": decided.column,
        "tests": [[test.column, _micro(test.statistic)] for test in decided.tests],
        "wald": [_micro(z) for z in decided.wald],
        "log_loss_nano": round(found.log_loss / n * NANO),
        "step_nano": round(decided.step_size * NANO),
    }
    return values, "done" if decided.move == "done" else "continue"


TABLE: Mapping[str, Callable[[SurveyCourse, Sums, Memory], tuple[Document, str]]] = {
    "quantiles": _quantiles,
    "statistics": _statistics,
    "tables": _tables,
    "stepwise": _stepwise,
}
"""Phase -> release function. Closed: a phase that is not here is not opened."""


def _whole(values: "np.ndarray[Any, np.dtype[np.float64]]") -> list[int]:
    return [int(value) for value in values]


def _rows(values: "np.ndarray[Any, np.dtype[np.float64]]", width: int) -> list[list[int]]:
    whole = _whole(values)
    return [whole[start : start + width] for start in range(0, len(whole), width)]


def _micro(value: float) -> int:
    return max(1 - POINT_BOUND, min(POINT_BOUND - 1, round(value * MICRO)))
