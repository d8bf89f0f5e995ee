"""Every statistic of an encrypted survey is that of pandas, scikit-learn or statsmodels, pooled.

Three parties, real keys, masks and CKKS; the pooled rows are read by nobody but this test. What is
rounded to fixed point lies within the bound that the result prints, the rest is equal.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import chi2_contingency
from statsmodels.stats.outliers_influence import variance_inflation_factor

import fedcredit as fc
from fedcredit_models.columns import level_text
from fedcredit_models.correlation import variance_inflation
from fedcredit_models.stepwise import StepwiseRules
from tests.equivalence import credit_data
from tests.models.workbench_data import FEATURES, JOB, rows

SYNTHETIC, REAL = "synthetic", "hmeq"
AGES = (6, 12)
SPAN = "2022-01..2023-12"


@dataclass(frozen=True)
class Surveyed:
    """One encrypted survey and the pooled rows."""

    pooled: pd.DataFrame
    features: tuple[fc.Feature, ...]
    result: fc.SurveyResult

    @property
    def numeric(self) -> pd.DataFrame:
        """Numbers without special codes, as pandas reads them."""
        columns = {}
        for feature in self.features:
            if feature.kind == "numeric":
                x = self.pooled[feature.name].astype(float)
                columns[feature.name] = x.mask(x.isin(feature.special))
        return pd.DataFrame(columns)

    def codes(self, name: str) -> "pd.Series[int]":
        """Return each pooled row's bin, found from the labels' own edges by pandas."""
        table = self.result.binning.bins_of(name)
        assert table is not None
        raw, series = table.raw, self.pooled[name]
        if raw.feature.kind == "numeric":
            x = series.astype(float)
            cuts = [-np.inf, *raw.edges, np.inf]
            cells = pd.cut(x, cuts).cat.codes.astype(int)
            cells[x.isna()] = raw.n_ordinary
            for k, code in enumerate(raw.feature.special, start=1):
                cells[x == code] = raw.n_ordinary + k
        else:
            place = {level: i for i, level in enumerate(raw.feature.levels)}
            other = len(raw.feature.levels)
            texts = series.map(lambda v: level_text(v), na_action="ignore")
            cells = texts.map(lambda v: place.get(v, other), na_action="ignore")
            cells = cells.fillna(other + 1).astype(int)
        return cells.map(dict(enumerate(table.assignment)))


@cache
def _synthetic() -> Surveyed:
    frame = rows(6_000)
    rng = np.random.default_rng(8)
    frame["months"] = rng.integers(1, 25, len(frame)).astype(float)
    watched = fc.Feature("months", "numeric", lower=0, upper=24)
    features = (*FEATURES, JOB, watched)
    with _federation(frame, features, rng.integers(0, 3, len(frame))) as federation:
        result = fc.describe(
            federation,
            label="bad",
            features=[feature.name for feature in features],
            time_column="opened",
            periods=SPAN,
            period="quarter",
            ages=AGES,
            months_column="months",
            crosstabs=[("flag", "job"), ("income", "visits")],
            select=StepwiseRules(most=2),
        )
    return Surveyed(frame, features, result)


def _hmeq() -> Surveyed:
    data = credit_data.load(REAL)
    features = tuple(data.recipe.features)
    party = np.random.default_rng(2).integers(0, 3, len(data.frame))
    with _federation(data.frame, features, party) as federation:
        result = fc.describe(
            federation,
            label="bad",
            features=[feature.name for feature in features],
            crosstabs=[("Reason", "Loan")],
            select=StepwiseRules(most=2),
        )
    return Surveyed(data.frame, features, result)


def _federation(
    frame: pd.DataFrame, features: tuple[fc.Feature, ...], party: "np.ndarray"
) -> fc.Federation:
    return fc.Federation.simulate(
        {f"bank-{k}": frame[party == k].reset_index(drop=True) for k in range(3)},
        schema=fc.Schema(features=features, label="bad"),
        seed=7,
        quiet=True,
    )


@pytest.fixture(scope="module", params=[SYNTHETIC, REAL])
def surveyed(request: pytest.FixtureRequest) -> Iterator[Surveyed]:
    yield _synthetic() if request.param == SYNTHETIC else _hmeq()


def test_counts_and_missing_values_are_equal(surveyed: Surveyed) -> None:
    table = surveyed.result.table
    assert surveyed.result.n == len(surveyed.pooled)
    assert table["missing"].to_dict() == {
        feature.name: int(surveyed.pooled[feature.name].isna().sum())
        for feature in surveyed.features
    }
    for name, column in surveyed.numeric.items():
        assert table.loc[name, "n"] == column.count()


def test_means_and_deviations_lie_within_their_printed_bounds(surveyed: Surveyed) -> None:
    table, numeric = surveyed.result.table, surveyed.numeric
    for name, column in numeric.items():
        row, rounding = table.loc[name], 1e-12 * column.abs().max()
        assert abs(row["mean"] - column.mean()) <= row["mean_bound"] + rounding
        assert abs(row["sd"] - column.std()) <= row["sd_bound"] + rounding
        assert row["mean_bound"] < 1e-4 * max(column.abs().max(), 1)


def test_each_quantile_lies_in_the_cell_that_is_printed(surveyed: Surveyed) -> None:
    found = surveyed.result.quantiles
    assert len(found) > 5 * len(surveyed.numeric.columns)
    for (name, quantile), row in found.iterrows():
        column = surveyed.numeric[name].dropna()
        exact = np.quantile(column, float(quantile[1:]) / 100, method="inverted_cdf")
        assert row["above"] < exact <= row["up_to"]


def test_correlations_lie_within_the_printed_bound(surveyed: Surveyed) -> None:
    found, expected = surveyed.result.correlation, surveyed.numeric.corr()
    released = found.notna().to_numpy()
    assert released.mean() > 0.9 and surveyed.result.correlation_bound < 1e-5
    apart = (found - expected.loc[found.index, found.columns]).abs().to_numpy()
    assert apart[released].max() <= surveyed.result.correlation_bound


def test_variance_inflation_is_the_inverse_of_the_matrix(surveyed: Surveyed) -> None:
    vif = surveyed.result.vif.dropna(subset="vif")
    assert len(vif) == len(surveyed.numeric.columns)
    expected = np.diag(np.linalg.inv(surveyed.numeric[list(vif.index)].corr().to_numpy()))
    assert (abs(vif["vif"] - expected) <= vif["bound"] + 1e-9 * expected).all()


def test_variance_inflation_of_complete_columns_is_that_of_statsmodels() -> None:
    found, names = _synthetic(), ["income", "ratio", "flag"]
    part = found.result.correlation.loc[names, names]
    vif = variance_inflation(part, found.result.correlation_bound)
    design = sm.add_constant(found.pooled[names]).to_numpy()
    for i, name in enumerate(names, start=1):
        expected = variance_inflation_factor(design, i)
        assert abs(vif.loc[name, "vif"] - expected) <= vif.loc[name, "bound"] + 1e-9


@pytest.mark.parametrize("fine", [False, True])
def test_bins_weights_and_information_values_are_equal(surveyed: Surveyed, fine: bool) -> None:
    binning = surveyed.result.binning
    assert len(binning.names) >= 5
    for name in binning.names:
        table, coarse = binning.bins_of(name, fine=fine), binning.bins_of(name)
        assert table is not None and coarse is not None
        part = surveyed.codes(name)
        counted = pd.DataFrame({"bin": part, "bad": surveyed.pooled["bad"]}).query("bin >= 0")
        grouped = counted.groupby("bin")["bad"].agg(["size", "sum"])
        if not fine:
            assert table.n.tolist() == grouped["size"].tolist()
            assert list(table.bads) == grouped["sum"].tolist()
            goods = grouped["size"] - grouped["sum"]
            half = len(grouped) / 2
            woe = np.log((goods + 0.5) / (goods.sum() + half)) - np.log(
                (grouped["sum"] + 0.5) / (grouped["sum"].sum() + half)
            )
            shares = goods / goods.sum() - grouped["sum"] / grouped["sum"].sum()
            assert table.woe == pytest.approx(woe.to_numpy(), abs=1e-12)
            assert table.total_iv == pytest.approx((shares * woe).sum(), abs=1e-12)
        else:  # fine bins are parts of coarse ones
            assert sum(table.bads) == sum(coarse.bads) and table.n_bins >= coarse.n_bins
            sums = {
                b: sum(table.bads[f] for f in set(np.array(table.assignment)[where]))
                for b in range(coarse.n_bins)
                if len(where := np.flatnonzero(np.array(coarse.assignment) == b))
            }
            assert list(sums.values()) == list(coarse.bads)


def test_cross_tables_are_equal(surveyed: Surveyed) -> None:
    for (row, column), test in surveyed.result.associations.iterrows():
        codes = surveyed.codes(row), surveyed.codes(column)
        expected, bad = pd.crosstab(*codes), surveyed.pooled["bad"] == 1
        bads = pd.crosstab(codes[0][bad], codes[1][bad]).reindex_like(expected).fillna(0)
        passes = ((bads >= 10) & (expected - bads >= 10)).all(axis=None)
        assert (test["withheld"] == "") == passes
        if not passes:
            continue
        for what, counts in (("n", expected), ("bads", bads)):
            told = surveyed.result.crosstab(row, column, what)
            assert told.to_numpy().tolist() == counts.to_numpy().tolist()
        pearson = chi2_contingency(expected, correction=False)
        assert test["chi_square"] == pytest.approx(pearson.statistic)
        assert test["p_value"] == pytest.approx(pearson.pvalue, abs=1e-12)


def test_the_selected_model_is_the_one_that_statsmodels_fits(surveyed: Surveyed) -> None:
    """Its coefficients to the released 2**-40; the score tests of what stayed outside to 1e-6."""
    result, binning = surveyed.result, surveyed.result.binning
    woe = pd.DataFrame(
        {
            name: surveyed.codes(name).map(dict(enumerate(binning.bins_of(name).woe))).fillna(0.0)  # type: ignore[union-attr]
            for name in binning.names
        }
    )
    chosen = [name for name in result.selected.index if name != "intercept"]
    assert len(chosen) == 2
    model = sm.GLM(
        surveyed.pooled["bad"], sm.add_constant(woe[chosen]), family=sm.families.Binomial()
    ).fit(tol=1e-12)
    assert result.selected["coefficient"].to_numpy() == pytest.approx(model.params, abs=1e-7)
    assert result.selected["wald_z"].to_numpy()[1:] == pytest.approx(model.tvalues[1:], abs=1e-4)
    for name, row in result.candidates.iterrows():
        statistic, p_value = model.score_test(exog_extra=woe[[name]].to_numpy())
        assert row["statistic"] == pytest.approx(float(np.squeeze(statistic)), abs=1e-5)
        assert row["p_value"] == pytest.approx(float(np.squeeze(p_value)), abs=1e-5)


def test_stability_over_time_is_that_of_pandas() -> None:
    over_time = _synthetic()
    quarter = over_time.pooled["opened"].dt.to_period("Q")
    assert set(over_time.result.stability.index.get_level_values(0)) == set(
        over_time.result.binning.names
    )
    for name in ("income", "job", "visits"):
        counts = over_time.result.by_period(name)
        expected = pd.crosstab(over_time.codes(name), quarter)
        if len(counts) == len(expected):
            assert counts.to_numpy().tolist() == expected.to_numpy().tolist()
        assert counts.sum().tolist() == expected.sum().tolist()
        share = counts / counts.sum()
        first, last = share.iloc[:, 0], share.iloc[:, -1]
        csi = over_time.result.stability.loc[name]["csi"]
        assert csi.iloc[-1] == pytest.approx(((last - first) * np.log(last / first)).sum())


def test_vintage_curves_are_those_of_pandas() -> None:
    over_time = _synthetic()
    frame, found = over_time.pooled, over_time.result.vintages
    quarter = frame["opened"].dt.to_period("Q").astype(str).str.replace("Q", "-Q")
    told = found.dropna()
    assert len(told) >= 16
    for row in told.itertuples():
        mine = (quarter == row.vintage).to_numpy()
        if row.months_on_book == 0:
            assert (row.n, row.bads) == (mine.sum(), 0)
            continue
        fell = mine & (frame["bad"] == 1) & (frame["months"] <= row.months_on_book)
        known = mine & (fell | (frame["months"] >= row.months_on_book))
        assert (row.n, row.bads) == (known.sum(), fell.sum())
