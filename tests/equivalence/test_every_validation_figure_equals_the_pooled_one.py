"""A saved model judged under encryption at three banks: every figure is that of the pooled rows.

The reference knows nothing of this project's sums: scikit-learn and statsmodels on all rows in one
table, and DeLong's test from every pair of a bad and a good.
"""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve
from statsmodels.stats.contingency_tables import mcnemar

import fedcredit as fc
from fedcredit.evaluation_file import EvaluationFile
from tests.models.monitored_rows import MONTHS, applications, models
from tests.models.paired_scores import by_pairs

RATE, LGD = 0.7, 0.45


@pytest.fixture(scope="module")
def frames() -> dict[str, pd.DataFrame]:
    return {f"bank-{i}": applications(i + 1, 700, drifted=True) for i in range(3)}


@pytest.fixture(scope="module")
def file(frames: dict[str, pd.DataFrame]) -> EvaluationFile:
    card, trees = models()
    question = fc.Evaluation(
        purpose="modelling",
        label="bad",
        model=card.model,
        challenger=trees.model,
        period_column="opened",
        periods="2024-01..2024-06",
        segment="product",
        group="sex",
        approval_rate=RATE,
        loss_given_default=LGD,
        run_deadline_s=60,
    )
    with fc.Federation.simulate(frames, seed=7, quiet=True) as banks:
        return banks.run(question).file


@pytest.fixture(scope="module")
def pooled(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    frame = pd.concat(frames.values(), ignore_index=True)
    for role, saved in zip(("champion", "challenger"), models(), strict=True):
        frame[role] = saved.model.decision_function(frame)
    frame["p"] = models()[0].model.predict_proba(frame)[:, 1]
    frame["month"] = frame["opened"].str.slice(0, 7)
    return frame


@pytest.mark.parametrize("role", ["champion", "challenger"])
def test_discrimination_is_scikit_learns(
    role: str, file: EvaluationFile, pooled: pd.DataFrame
) -> None:
    found, y = file.overall[role], pooled["bad"]  # type: ignore[index]
    area = roc_auc_score(y, pooled[role])
    fpr, tpr, _ = roc_curve(y, pooled[role], drop_intermediate=False)
    assert (found.n, found.bads) == (len(pooled), y.sum())
    assert found.auc is not None and found.auc_bound is not None and found.ks is not None
    assert abs(found.auc - area) <= found.auc_bound + 1e-9
    assert found.auc == pytest.approx(area, abs=5e-4)
    assert found.ks == pytest.approx(np.abs(tpr - fpr).max(), abs=0.01)
    p = 1 / (1 + np.exp(-pooled[role]))
    assert found.brier is not None and found.brier_bound is not None
    assert abs(found.brier - brier_score_loss(y, p)) <= min(found.brier_bound, 1e-3)
    assert found.mean_p is not None and found.mean_p_bound is not None
    assert abs(found.mean_p - p.mean()) <= min(found.mean_p_bound, 2e-3)
    curve = dict(zip(fpr, tpr, strict=True))
    for point in found.roc[1:-1]:  # each released point lies on the curve of the rows
        nearest = min(curve, key=lambda x: abs(x - point.fpr))
        assert nearest == pytest.approx(point.fpr, abs=1e-8)


@pytest.mark.parametrize("role", ["champion", "challenger"])
def test_calibration_is_that_of_statsmodels(
    role: str, file: EvaluationFile, pooled: pd.DataFrame
) -> None:
    found = file.overall[role]  # type: ignore[index]
    logit = sm.Logit(pooled["bad"], sm.add_constant(pooled[role])).fit(disp=0, tol=1e-12)
    assert found.calibration_slope is not None and found.calibration_intercept is not None
    for estimate, term in ((found.calibration_slope, role), (found.calibration_intercept, "const")):
        assert abs(estimate.value - logit.params[term]) <= estimate.bound + 1e-9
        assert estimate.standard_error == pytest.approx(logit.bse[term], rel=0.01)
    # Hosmer and Lemeshow over the released groups, from their published formula
    groups = found.calibration
    expected = [g.n * g.mean_p for g in groups]
    observed = [g.n * g.bad_rate for g in groups]
    statistic = sum(
        (o - e) ** 2 / (e * (1 - e / g.n))
        for o, e, g in zip(observed, expected, groups, strict=True)
    )
    assert found.hosmer_lemeshow == pytest.approx(statistic, rel=1e-5)
    assert found.hosmer_lemeshow_p == pytest.approx(stats.chi2.sf(statistic, len(groups)), rel=1e-4)


@pytest.mark.parametrize("role", ["champion", "challenger"])
def test_gains_and_cut_off_are_those_of_sorted_rows(
    role: str, file: EvaluationFile, pooled: pd.DataFrame
) -> None:
    found = file.overall[role]  # type: ignore[index]
    ranked = pooled.sort_values(role, ascending=False)["bad"].to_numpy()
    below = 0
    for row in found.gains:
        below += row.n
        captured = ranked[:below].sum() / ranked.sum()
        assert row.depth == pytest.approx(below / len(ranked), abs=1e-12)
        assert row.captured == pytest.approx(captured, abs=1e-12)
        assert row.lift == pytest.approx(captured / row.depth)
    cut = found.cutoff
    assert cut is not None
    approved = pooled[pooled[role] < cut.eta]
    refused = pooled[pooled[role] >= cut.eta]
    assert cut.approved == len(approved)
    assert cut.approval_rate == pytest.approx(len(approved) / len(pooled))
    assert cut.bad_rate_approved == pytest.approx(approved["bad"].mean())
    assert cut.bad_rate_refused == pytest.approx(refused["bad"].mean())
    mean_p = (1 / (1 + np.exp(-approved[role]))).mean()
    assert cut.expected_bad_rate == pytest.approx(mean_p, abs=2e-3)
    assert cut.expected_loss == pytest.approx(mean_p * LGD, abs=1e-3)
    assert cut.observed_loss == pytest.approx(approved["bad"].mean() * LGD)


def test_delong_is_that_of_all_pairs_within_its_bound(
    file: EvaluationFile, pooled: pd.DataFrame
) -> None:
    assert file.comparison is not None and file.comparison.delong is not None
    found = file.comparison.delong
    scores = (pooled["champion"].to_numpy(), pooled["challenger"].to_numpy())
    difference, error = by_pairs(*scores, pooled["bad"].to_numpy())
    z = difference / error
    assert abs(found.difference - difference) <= found.difference_bound + 1e-9
    assert found.standard_error == pytest.approx(error, rel=0.04)
    assert found.z_bound is None or abs(found.z - z) <= found.z_bound
    assert found.z == pytest.approx(z, abs=0.2)
    assert found.p_low <= 2 * stats.norm.sf(abs(z)) <= found.p_high


def test_mcnemar_is_that_of_statsmodels(file: EvaluationFile, pooled: pd.DataFrame) -> None:
    assert file.comparison is not None and file.comparison.mcnemar is not None
    found = file.comparison.mcnemar
    right = {}
    for role, part in file.overall.items():
        assert part.cutoff is not None
        right[role] = (pooled[role] >= part.cutoff.eta) == (pooled["bad"] == 1)
    table = pd.crosstab(right["champion"], right["challenger"])
    assert found.only_champion_right == table.loc[True, False]
    assert found.only_challenger_right == table.loc[False, True]
    chi = mcnemar(table, exact=False, correction=True)
    assert found.chi_square == pytest.approx(chi.statistic)
    assert found.p_value == pytest.approx(chi.pvalue)
    assert found.exact_p_value == pytest.approx(mcnemar(table, exact=True).pvalue)


@pytest.mark.parametrize(
    ("by", "column"), [("period", "month"), ("segment", "product"), ("group", "sex")]
)
def test_every_slice_is_that_of_its_rows(
    by: str, column: str, file: EvaluationFile, pooled: pd.DataFrame
) -> None:
    part = file.partition(by)
    cut = file.overall["champion"].cutoff
    assert part is not None and cut is not None
    assert [row.name for row in part.slices] == sorted(pooled[column].unique())
    for row in part.slices:
        rows = pooled[pooled[column] == row.name]
        y, p = rows["bad"], rows["p"]
        assert row.withheld is None
        assert row.auc is not None and row.auc_bound is not None
        assert (row.n, row.bads) == (len(rows), y.sum())
        assert abs(row.auc - roc_auc_score(y, rows["champion"])) <= row.auc_bound + 1e-9
        assert row.brier is not None and row.brier_bound is not None
        assert abs(row.brier - brier_score_loss(y, p)) <= min(row.brier_bound, 0.01)
        z = (y.sum() - p.sum()) / math.sqrt((p * (1 - p)).sum())
        assert row.calibration_z == pytest.approx(z, abs=0.25)
        if row.approval_withheld is None:
            approved = rows["champion"] < cut.eta
            assert row.approval_rate == pytest.approx(approved.mean())
            assert row.good_approval_rate == pytest.approx(approved[y == 0].mean())
            assert row.bad_rate_approved == pytest.approx(y[approved].mean())


def test_fairness_compares_the_groups_rows(file: EvaluationFile, pooled: pd.DataFrame) -> None:
    part, cut = file.partition("group"), file.overall["champion"].cutoff
    assert part is not None and cut is not None
    approved = pooled["champion"] < cut.eta
    rates = approved.groupby(pooled["sex"]).mean()
    goods = approved[pooled["bad"] == 0].groupby(pooled["sex"]).mean()
    for row in part.slices:
        assert row.adverse_impact_ratio == pytest.approx(rates[row.name] / rates.max())
        expected = goods[row.name] - goods[rates.idxmax()]
        assert row.good_approval_difference == pytest.approx(expected)


def of_ten_in_both(e: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shares over neighbouring bins put together until both have ten rows in each.

    A bin is closed as soon as it has them, the rest joins the last: by pairs on a list.
    """
    kept: list[tuple[float, float]] = []
    open_e = open_a = 0.0
    for x, y in zip(e, a, strict=True):
        open_e, open_a = open_e + x, open_a + y
        if open_e >= 10 and open_a >= 10:
            kept.append((open_e, open_a))
            open_e = open_a = 0.0
    kept[-1] = (kept[-1][0] + open_e, kept[-1][1] + open_a)
    table = np.array(kept)
    assert len(kept) > 1
    return table[:, 0] / table[:, 0].sum(), table[:, 1] / table[:, 1].sum()


def test_drift_is_that_of_the_rows(file: EvaluationFile, pooled: pd.DataFrame) -> None:
    assert file.drift is not None
    assert (file.drift.baseline, file.drift.verdict) == (MONTHS[0], "act")
    verdicts = {month.period: month.verdict for month in file.drift.months}
    assert {verdicts[name] for name in MONTHS[4:]} == {"act"}
    csi = {(part.period, part.feature): part.index for part in file.drift.features}
    card = models()[0].model
    for table in card.tables_:  # type: ignore[attr-defined]
        name = table.raw.feature.name
        bins = pd.Series(table.bin_of(pooled[name]))
        share = {}
        for month in (MONTHS[0], MONTHS[5]):
            counts = bins[pooled["month"] == month].value_counts()
            rows = np.array([counts.get(b, 0) for b in range(table.n_bins)] + [0], dtype=float)
            share[month] = rows
        e, a = of_ten_in_both(share[MONTHS[0]], share[MONTHS[5]])
        index = ((a - e) * np.log(a / e)).sum()
        assert csi[MONTHS[5], name] == round(index, 4)


def test_every_figure_has_the_entry_that_released_it(file: EvaluationFile) -> None:
    (release,) = file.disclosure
    own = {name: entry for name, entry in file.figures.items() if "participation" not in name}
    assert set(own.values()) == {release.entry} == {file.history[0].entry}
    assert {"auc.champion", "delong", "group.f", "period.2024-05", "drift.2024-05"} <= set(own)
