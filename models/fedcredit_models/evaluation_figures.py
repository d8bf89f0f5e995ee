"""What the key holder may release of an evaluation: figures as integers, small slices withheld.

The summed histograms are never released. Figures of all rows are those of `metrics.release`, with
calibration slope and intercept and a cut-off; those of a slice are told when it passes the cell
rules and no difference gives away one that does not (`suppression`). Every cut is an edge between
two nested cells that pass, on a fixed lattice, so a crafted score cannot slide it to a single row.
Distributions are compared by an index to which a cell below ``min_subjects`` always adds the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedcredit_models import comparing, metrics
from fedcredit_models.cell_rules import CellRules
from fedcredit_models.drift import calibration_z, drift_index
from fedcredit_models.evaluating import COUNTS, PROBABILITIES, EvaluationPlan
from fedcredit_models.expected_loss import approvals, nearest
from fedcredit_models.lift import deciles
from fedcredit_models.recalibration import recalibrate
from fedcredit_models.score_bands import ScoreGrid, ScoreHistogram, nano
from fedcredit_models.slicing import Slicing
from fedcredit_models.suppression import withheld

MOST_ERROR = 1000.0
"""An estimate with a larger standard error says nothing, and is not told."""

Sums = Mapping[str, Any]
Figures = dict[str, Any]

NO_CUT = "no_cut"
"""Why nothing is told about approvals: no edge has enough rows, bads and goods on both sides."""


def release(
    plan: EvaluationPlan,
    sums: Sums,
    rules: CellRules,
    *,
    approval_rate: float,
    baseline: Sequence[tuple[int, int]] = (),
) -> Figures:
    """Return the figures of all rows and of every slice that may be told, as plain integers.

    Parameters
    ----------
    plan : EvaluationPlan
    sums : mapping
        Summed fields of ``plan.sums``.
    rules : CellRules
        The federation's cell rules.
    approval_rate : float
        Share of rows to approve; the nearest cut that may be told is taken.
    baseline : sequence of (int, int), optional
        Bands that were released when the champion was made: upper end in eta in units of 1e-9 (of
        the last band: any), and rows. Without them the first month that is told is the baseline.

    Returns
    -------
    dict
        - ``champion``, ``challenger``: as ``metrics.release``, and ``recalibration``
          (``slope_nano``, ``intercept_nano``, ``.._error_nano``, ``.._bound_nano``; empty without
          an optimum) and ``cut`` (``eta_nano``, ``approved``, ``bads_approved``,
          ``expected_nano``; or ``withheld``);
        - ``comparison``, with a challenger: as ``comparing.release``. A challenger that moves too
          few rows is withheld with it;
        - ``period``, ``segment``, ``group``: a list of slices. Each is ``{"withheld": reason}`` or
          ``n``, ``bads``, ``mean_p_nano``, ``auc_nano``, ``auc_bound_nano``, ``ks_nano``,
          ``gini_low_nano``, ``gini_high_nano``, ``brier_nano``, ``calibration_z_nano`` (empty list
          when the predictions leave no variance), ``approval`` (``approved``, ``bads_approved``;
          or ``withheld``), and for months other than the baseline's ``index_nano`` and
          ``feature_index_nano``, one for each feature of the champion.
    """
    found: Figures = {}
    cuts: dict[str, int | None] = {}
    for role in plan.models:
        part = {name: sums[f"{role}.{name}"] for name in (*COUNTS, *PROBABILITIES)}
        found[role] = metrics.release(part, plan.score_grid, rules)
        cuts[role] = None
        if "withheld" not in found[role]:
            found[role]["recalibration"] = _recalibration(part, plan.score_grid)
            found[role]["cut"], cuts[role] = _cut(part, plan.score_grid, rules, approval_rate)
    if "challenger" in found:
        found["comparison"] = _comparison(plan, sums, found, cuts, rules)
        if found["comparison"].get("withheld") == comparing.TOO_ALIKE:
            found["challenger"] = {"withheld": comparing.TOO_ALIKE}
    for slicing in plan.slicings:
        found[slicing.by] = _slices(plan, slicing, sums, cuts["champion"], rules)
    period = plan.slicing("period")
    if period is not None:
        _add_drift(plan, period, sums, found["period"], rules, baseline)
    return found


def _recalibration(part: Sums, grid: ScoreGrid) -> Figures:
    fitted = recalibrate(part["bads"], part["goods"], grid)
    if fitted is None or max(fitted.intercept_error, fitted.slope_error) > MOST_ERROR:
        return {}
    return {
        f"{name}{what}_nano": nano(getattr(fitted, f"{name}{what}"))
        for name in ("intercept", "slope")
        for what in ("", "_error", "_bound")
    }


def _cut(
    part: Sums, grid: ScoreGrid, rules: CellRules, approval_rate: float
) -> tuple[Figures, int | None]:
    """Return the nearest cut between nested cells, and the first refused cell of the grid."""
    histogram = ScoreHistogram(part["bads"], part["goods"], grid, rules)
    _, cells, _ = histogram.nested_cells()
    n = [histogram.n(*cell) for cell in cells]
    expected = [rows * histogram.mean_p(*cell) for rows, cell in zip(n, cells, strict=True)]
    found = nearest(
        approvals(n, [histogram.n_bads(*cell) for cell in cells], expected), approval_rate
    )
    if found is None:
        return {"withheld": NO_CUT}, None
    first = cells[found.cut][0]
    return {
        "eta_nano": nano(grid.edge(first)),
        "approved": found.approved,
        "bads_approved": found.bads_approved,
        "expected_nano": nano(found.expected_bad_rate),
    }, first


def _comparison(
    plan: EvaluationPlan,
    sums: Sums,
    found: Figures,
    cuts: Mapping[str, int | None],
    rules: CellRules,
) -> Figures:
    if "withheld" in found["champion"]:
        return {"withheld": str(found["champion"]["withheld"])}
    return comparing.release(
        {name: sums[f"champion.{name}"] for name in COUNTS},
        {name: sums[f"challenger.{name}"] for name in COUNTS},
        {name: sums[f"joint.{name}"] for name in COUNTS},
        plan.joint_grid,
        (cuts["champion"], cuts["challenger"]),
        rules,
    )


def _slices(
    plan: EvaluationPlan, slicing: Slicing, sums: Sums, cut: int | None, rules: CellRules
) -> list[Figures]:
    bads, goods = (_by_slice(sums[f"{slicing.by}.{name}"], slicing.n) for name in COUNTS)
    reasons = withheld(
        [[(int(b.sum()), int(g.sum()))] for b, g in zip(bads, goods, strict=True)], rules
    )
    approval = _approvals(plan, bads, goods, cut, reasons, rules)
    found: list[Figures] = []
    for i, reason in enumerate(reasons):
        if reason is not None:
            found.append({"withheld": reason})
            continue
        p = {name: float(sums[f"{slicing.by}.{name}"][i]) for name in PROBABILITIES}
        found.append({**_slice(bads[i], goods[i], p), "approval": approval[i]})
    return found


def _slice(bads: NDArray[np.int64], goods: NDArray[np.int64], p: Mapping[str, float]) -> Figures:
    n_bads, n_goods = int(bads.sum()), int(goods.sum())
    n = n_bads + n_goods
    b, g = bads.tolist(), goods.tolist()
    area = metrics.auc(b, g)
    low, high = metrics.gini_interval(area, n_bads, n_goods)
    z = calibration_z(bads=n_bads, sum_p=p["sum_p"], sum_p2=p["sum_p2"])
    score = metrics.brier(sum_p2=p["sum_p2"], sum_py=p["sum_py"], n_bads=n_bads, n=n)
    return {
        "n": n,
        "bads": n_bads,
        "mean_p_nano": nano(p["sum_p"] / n),
        "auc_nano": nano(area),
        "auc_bound_nano": nano(metrics.auc_bound(b, g)),
        "ks_nano": nano(metrics.ks(b, g)),
        "gini_low_nano": nano(low),
        "gini_high_nano": nano(high),
        "brier_nano": nano(score),
        "calibration_z_nano": [nano(z)] if np.isfinite(z) else [],
    }


def _approvals(
    plan: EvaluationPlan,
    bads: NDArray[np.int64],
    goods: NDArray[np.int64],
    cut: int | None,
    reasons: Sequence[str | None],
    rules: CellRules,
) -> list[Figures]:
    """Return who is approved in each slice, at the champion's cut."""
    if cut is None:
        return [{"withheld": NO_CUT} for _ in reasons]
    at = cut * plan.slice_cells // plan.score_cells  # both grids have the lattice of the cuts
    parts = [
        [(int(b[:at].sum()), int(g[:at].sum())), (int(b[at:].sum()), int(g[at:].sum()))]
        for b, g in zip(bads, goods, strict=True)
    ]
    return [
        {"approved": sum(cells[0]), "bads_approved": cells[0][0]}
        if reason is None
        else {"withheld": reason}
        for cells, reason in zip(parts, withheld(parts, rules, untold=reasons), strict=True)
    ]


def _add_drift(
    plan: EvaluationPlan,
    period: Slicing,
    sums: Sums,
    slices: Sequence[Figures],
    rules: CellRules,
    baseline: Sequence[tuple[int, int]],
) -> None:
    """Add to every told month its distance from the baseline: of the score, of each feature."""
    told = [i for i, figures in enumerate(slices[: len(period.names)]) if "n" in figures]
    if not told:
        return
    first = told[0]
    scores = _by_slice(sums["period.bads"], period.n) + _by_slice(sums["period.goods"], period.n)
    ends, expected = _expected(plan, scores[first], baseline)
    cells = [_by_slice(sums[f"cells.{j}"], period.n) for j in range(len(plan.champion.cells))]
    trained = [
        list(part.trained) if baseline and part.trained else counts[first].tolist()
        for part, counts in zip(plan.champion.cells, cells, strict=True)
    ]
    for i in told if baseline else told[1:]:
        actual = [int(part.sum()) for part in np.split(scores[i], ends)]
        slices[i]["index_nano"] = nano(drift_index(expected, actual, least=rules.min_subjects))
        slices[i]["feature_index_nano"] = [
            nano(drift_index(e, counts[i].tolist(), least=rules.min_subjects))
            for e, counts in zip(trained, cells, strict=True)
        ]


def _expected(
    plan: EvaluationPlan, first: NDArray[np.int64], baseline: Sequence[tuple[int, int]]
) -> tuple[list[int], list[int]]:
    """Return where the slice grid is cut for the score's index, and the baseline's rows between."""
    if baseline:
        cells = [
            int(plan.slice_grid.cell_of(np.array([end / 1e9 + 1e-6]))[0]) for end, _ in baseline
        ]
        return cells[:-1], [n for _, n in baseline]
    groups = deciles(first.tolist())
    return [start for start, _ in groups[1:]], [int(first[a:b].sum()) for a, b in groups]


def _by_slice(counts: Any, n: int) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.rint(np.asarray(counts)).astype(np.int64).reshape(n, -1)
    return found
