"""What the key holder may release of an evaluation: figures as integers, small slices withheld.

The model may come from anybody, so its score may have been made to single out rows. The summed
histograms are never released. Tables and cuts are counted between nested cells that pass the cell
rules, on a fixed lattice; every other figure is computed from groups that pass, and from rows that
stand at medians (`coarsening`). A slice is told when it passes and no difference gives away one
that does not (`suppression`). Distributions are compared by an index over neighbouring cells put
together until each holds ``min_subjects`` in both.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedcredit_models import comparing, metrics
from fedcredit_models.cell_rules import CellRules
from fedcredit_models.coarsening import Coarsened, coarsen
from fedcredit_models.drift import DIGITS as INDEX_DIGITS
from fedcredit_models.drift import ONE_CELL, calibration_z, drift_index
from fedcredit_models.evaluating import COUNTS, EvaluationPlan
from fedcredit_models.expected_loss import approvals, nearest
from fedcredit_models.lift import deciles
from fedcredit_models.recalibration import recalibrate
from fedcredit_models.score_bands import NANO, ScoreGrid, ScoreHistogram, nano
from fedcredit_models.slicing import Slicing
from fedcredit_models.suppression import NO_ROWS, withheld

DIGITS = 5
"""Figures that depend on outcomes are told to so many digits; see `coarsening.LEAST_PLACES`."""

MOST_ERROR = 1000.0
"""An estimate with a larger standard error says nothing, and is not told."""

ROUNDED = 1.1 * 10.0**-DIGITS
"""What the rounding of a figure, and of its bound, can change; it is added to the bound."""

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
        - ``champion``, ``challenger``: as ``metrics.release``, and ``mean_p_bound_nano`` (how far
          the mean probability may be from that of the rows), ``brier_bound_nano``,
          ``recalibration`` (``slope_nano``, ``intercept_nano``, ``.._error_nano``,
          ``.._bound_nano``; empty without an optimum) and ``cut`` (``eta_nano``, ``approved``,
          ``bads_approved``, ``expected_nano``; or ``withheld``);
        - ``comparison``, with a challenger: as ``comparing.release``. A challenger that moves too
          few rows is withheld with it;
        - ``period``, ``segment``, ``group``: a list of slices. Each is ``{"withheld": reason}`` or
          ``n``, ``bads``, ``mean_p_nano``, ``mean_p_bound_nano``, ``auc_nano``,
          ``auc_bound_nano``, ``ks_nano``, ``gini_low_nano``, ``gini_high_nano``, ``brier_nano``,
          ``brier_bound_nano``, ``calibration_z_nano`` (an empty list when the predictions leave no
          variance), ``approval`` (``approved``, ``bads_approved``; or ``withheld``), and for
          months other than the baseline's ``index_nano`` and ``feature_index_nano``, one for each
          feature of the champion; the word ``one_cell`` instead of an index of a single cell.
    """
    found: Figures = {}
    samples = {
        role: _Sample(sums[f"{role}.bads"], sums[f"{role}.goods"], plan.score_grid, rules)
        for role in plan.models
    }
    cuts: dict[str, int | None] = {}
    for role, sample in samples.items():
        found[role], cuts[role] = sample.overall(approval_rate)
    if "challenger" in found:
        found["comparison"] = _comparison(plan, sums, samples, cuts, rules)
        if found["comparison"].get("withheld") == comparing.TOO_ALIKE:
            found["challenger"] = {"withheld": comparing.TOO_ALIKE}
    for slicing in plan.slicings:
        found[slicing.by] = _slices(plan, slicing, sums, cuts["champion"], rules)
    period = plan.slicing("period")
    if period is not None:
        _add_drift(plan, period, sums, found["period"], rules, baseline)
    return found


class _Sample:
    """The rows of one score: all of them, or one slice."""

    def __init__(self, bads: Any, goods: Any, grid: ScoreGrid, rules: CellRules) -> None:
        b, g = (np.rint(np.asarray(x)).astype(np.int64) for x in (bads, goods))
        self.n_bads, self.n_goods = int(b.sum()), int(g.sum())
        self.n = self.n_bads + self.n_goods
        self.grid = grid
        self.withheld: str | None = rules.broken(self.n_bads, self.n_goods) or (
            "min_bads" if self.n_bads == 0 else "min_goods" if self.n_goods == 0 else None
        )
        if self.withheld is not None:
            return
        self.histogram = ScoreHistogram(b.tolist(), g.tolist(), grid, rules)
        self.bands, self.cells, self.groups = self.histogram.nested_cells()
        self.coarse: Coarsened = coarsen(self.histogram, self.cells, grid, rules.min_subjects)
        # Where rows stand, for means of probabilities; whose outcome is whose is not asked of it.
        self.standing = ScoreHistogram([0] * grid.cells, self.coarse.n.tolist(), grid, rules)

    def figures(self) -> Figures:
        """Return the figures that all rows and slices have."""
        b, g = self.coarse.bads.tolist(), self.coarse.goods.tolist()
        area, p = metrics.auc(b, g), self.coarse.sums()
        mean_p_bound, brier_bound = self.coarse.bounds()
        low, high = metrics.gini_interval(area, self.n_bads, self.n_goods)
        score = metrics.brier(sum_p2=p["sum_p2"], sum_py=p["sum_py"], n_bads=self.n_bads, n=self.n)
        return {
            "n": self.n,
            "bads": self.n_bads,
            "mean_p_nano": nano(p["sum_p"] / self.n),
            "mean_p_bound_nano": nano(mean_p_bound),
            "auc_nano": _told(area),
            "auc_bound_nano": _told(metrics.auc_bound(b, g) + ROUNDED),
            "ks_nano": _told(metrics.ks(b, g)),
            "gini_low_nano": _told(low),
            "gini_high_nano": _told(high),
            "brier_nano": _told(score),
            "brier_bound_nano": _told(brier_bound + ROUNDED),
        }

    def calibration_z(self) -> list[int]:
        """Return (bads - expected bads) in standard deviations; empty without any."""
        p = self.coarse.sums()
        z = calibration_z(bads=self.n_bads, sum_p=p["sum_p"], sum_p2=p["sum_p2"])
        return [nano(z)] if np.isfinite(z) else []

    def overall(self, approval_rate: float) -> tuple[Figures, int | None]:
        """Return what is told of all rows, and the first refused cell of the grid."""
        if self.n == 0:
            return {"withheld": NO_ROWS, "n": 0, "bads": 0}, None
        if self.withheld is not None:
            return {"withheld": self.withheld}, None
        n = [self.histogram.n(*group) for group in self.groups]
        bads = [self.histogram.n_bads(*group) for group in self.groups]
        mean_p = [self.standing.mean_p(*group) for group in self.groups]
        cut, first = self._cut(approval_rate)
        found = self.figures()
        return {
            **found,
            "gini_nano": 2 * found["auc_nano"] - NANO,
            "hosmer_lemeshow_nano": nano(metrics.hosmer_lemeshow(n, bads, mean_p)),
            "bands": self.histogram.bands(self.bands),
            "roc": self.histogram.roc(self.cells),
            "calibration": [
                {"mean_p_nano": nano(p), "bad_rate_nano": nano(bad / rows), "n": rows}
                for rows, bad, p in zip(n, bads, mean_p, strict=True)
            ],
            "recalibration": self._recalibration(),
            "cut": cut,
        }, first

    def _recalibration(self) -> Figures:
        fitted = recalibrate(self.coarse.bads, self.coarse.goods, *self.coarse.eta())
        if fitted is None or max(fitted.intercept_error, fitted.slope_error) > MOST_ERROR:
            return {}
        return {
            f"{name}{what}_nano": _told(
                getattr(fitted, f"{name}{what}") + (ROUNDED if what == "_bound" else 0.0)
            )
            for name in ("intercept", "slope")
            for what in ("", "_error", "_bound")
        }

    def _cut(self, approval_rate: float) -> tuple[Figures, int | None]:
        """Return the cut nearest to the asked rate, between two cells that pass."""
        n = [self.histogram.n(*cell) for cell in self.cells]
        bads = [self.histogram.n_bads(*cell) for cell in self.cells]
        means = [self.standing.mean_p(*cell) for cell in self.cells]
        expected = [rows * p for rows, p in zip(n, means, strict=True)]
        found = nearest(approvals(n, bads, expected), approval_rate)
        if found is None:
            return {"withheld": NO_CUT}, None
        first = self.cells[found.cut][0]
        return {
            "eta_nano": nano(self.grid.edge(first)),
            "approved": found.approved,
            "bads_approved": found.bads_approved,
            "expected_nano": nano(found.expected_bad_rate),
        }, first


def _comparison(
    plan: EvaluationPlan,
    sums: Sums,
    samples: Mapping[str, _Sample],
    cuts: Mapping[str, int | None],
    rules: CellRules,
) -> Figures:
    champion, challenger = samples["champion"], samples["challenger"]
    if champion.withheld is not None:
        return {"withheld": NO_ROWS if champion.n == 0 else champion.withheld}
    counts = [{name: sums[f"{role}.{name}"] for name in COUNTS} for role in samples]
    return comparing.release(
        counts[0],
        counts[1],
        {name: sums[f"joint.{name}"] for name in COUNTS},
        plan.joint_grid,
        (cuts["champion"], cuts["challenger"]),
        rules,
        (champion.coarse.group, challenger.coarse.group),
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
    for b, g, reason, approved in zip(bads, goods, reasons, approval, strict=True):
        if reason is not None:
            found.append({"withheld": reason})
            continue
        sample = _Sample(b, g, plan.slice_grid, rules)
        z = sample.calibration_z()
        found.append({**sample.figures(), "calibration_z_nano": z, "approval": approved})
    return found


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
        slices[i]["index_nano"] = _index(expected, actual, rules)
        slices[i]["feature_index_nano"] = [
            _index(e, counts[i].tolist(), rules) for e, counts in zip(trained, cells, strict=True)
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


def _index(expected: Sequence[int], actual: Sequence[int], rules: CellRules) -> int | str:
    """Return an index in units of 1e-9, rounded to `INDEX_DIGITS` digits, or why it is withheld."""
    index = drift_index(expected, actual, least=rules.min_subjects)
    return ONE_CELL if index is None else nano(round(index, INDEX_DIGITS))


def _told(value: float) -> int:
    """Return a figure in units of 1e-9, rounded to `DIGITS` digits."""
    return nano(round(value, DIGITS))


def _by_slice(counts: Any, n: int) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.rint(np.asarray(counts)).astype(np.int64).reshape(n, -1)
    return found
