"""A saved model judged by sums: every figure is that of the rows; what is small is not told."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.metrics import brier_score_loss, roc_auc_score

from fedcredit_models import evaluation_figures
from fedcredit_models.cell_rules import CellRules
from fedcredit_models.errors import SchemaError
from fedcredit_models.evaluating import EvaluationPlan
from fedcredit_models.feature import Feature
from fedcredit_models.mlp import Mlp
from fedcredit_models.network import Architecture
from fedcredit_models.network_inputs import Standard
from fedcredit_models.saved_model import canonical_text, read_model
from fedcredit_models.scorecard import Scorecard
from fedcredit_models.slicing import Slicing, months
from tests.models.monitored_rows import (
    FEATURES,
    GROUP,
    MONTHS,
    PERIOD,
    SEGMENT,
    applications,
    models,
    plan,
)

TENS = CellRules(10, 10, 10)


def evaluated(
    what: EvaluationPlan, *frames: pd.DataFrame, rules: CellRules = TENS, **more: Any
) -> dict[str, Any]:
    """Add the sums of several tables and release."""
    parts = [what.sums(frame, frame["bad"].to_numpy()) for frame in frames]
    total = {name: sum(part[name] for part in parts) for name in parts[0]}
    return evaluation_figures.release(what, total, rules, approval_rate=0.7, **more)


@pytest.fixture(scope="module")
def frames() -> list[pd.DataFrame]:
    return [applications(seed, 1200) for seed in (1, 2, 3)]


@pytest.fixture(scope="module")
def found(frames: list[pd.DataFrame]) -> dict[str, Any]:
    return evaluated(plan(slicings=(PERIOD, SEGMENT, GROUP)), *frames)


@pytest.fixture(scope="module")
def pooled(frames: list[pd.DataFrame]) -> pd.DataFrame:
    frame = pd.concat(frames, ignore_index=True)
    for role, model in zip(("champion", "challenger"), models(), strict=True):
        frame[role] = model.scores(frame)
    frame["p"] = 1 / (1 + np.exp(-frame["champion"]))
    return frame


@pytest.mark.parametrize("role", ["champion", "challenger"])
def test_all_rows_have_the_figures_of_the_pooled_rows(
    role: str, found: dict[str, Any], pooled: pd.DataFrame
) -> None:
    out, y = found[role], pooled["bad"]
    assert (out["n"], out["bads"]) == (len(pooled), y.sum())
    exact = roc_auc_score(y, pooled[role])
    assert abs(out["auc_nano"] / 1e9 - exact) <= out["auc_bound_nano"] / 1e9 + 1e-9
    logit = sm.Logit(y, sm.add_constant(pooled[role])).fit(disp=0, tol=1e-12)
    fitted = out["recalibration"]
    assert abs(fitted["slope_nano"] / 1e9 - logit.params[role]) <= fitted["slope_bound_nano"] / 1e9
    apart = abs(fitted["intercept_nano"] / 1e9 - logit.params["const"])
    assert apart <= fitted["intercept_bound_nano"] / 1e9


def test_the_cut_is_the_allowed_one_nearest_to_the_asked_rate(
    found: dict[str, Any], pooled: pd.DataFrame
) -> None:
    cut = found["champion"]["cut"]
    eta = cut["eta_nano"] / 1e9
    assert (eta / 0.1875) == round(eta / 0.1875)
    approved = pooled[pooled["champion"] < eta]
    assert (cut["approved"], cut["bads_approved"]) == (len(approved), approved["bad"].sum())
    assert cut["expected_nano"] / 1e9 == pytest.approx(approved["p"].mean(), abs=1e-3)
    assert cut["approved"] / len(pooled) == pytest.approx(0.7, abs=0.08)


@pytest.mark.parametrize("slicing", [PERIOD, SEGMENT, GROUP], ids=lambda slicing: slicing.by)
def test_each_slice_has_the_figures_of_its_own_rows(
    slicing: Slicing, found: dict[str, Any], pooled: pd.DataFrame
) -> None:
    keys = pooled[slicing.column].str.slice(0, 7)  # of a date its month
    eta = found["champion"]["cut"]["eta_nano"] / 1e9
    assert len(found[slicing.by]) == slicing.n
    for name, out in zip(slicing.names, found[slicing.by], strict=False):
        rows = pooled[keys == name]
        y, p = rows["bad"], rows["p"]
        assert (out["n"], out["bads"]) == (len(rows), y.sum())
        exact = roc_auc_score(y, rows["champion"])
        assert abs(out["auc_nano"] / 1e9 - exact) <= out["auc_bound_nano"] / 1e9 + 1e-9
        bound = out["mean_p_bound_nano"] / 1e9
        assert abs(out["mean_p_nano"] / 1e9 - p.mean()) <= min(bound, 2e-3)
        assert abs(out["brier_nano"] / 1e9 - brier_score_loss(y, p)) <= min(
            out["brier_bound_nano"] / 1e9, 2e-3
        )
        z = (y.sum() - p.sum()) / np.sqrt((p * (1 - p)).sum())
        assert out["calibration_z_nano"] == [pytest.approx(z * 1e9, abs=1e8)]
        approved = rows[rows["champion"] < eta]
        expected = {"approved": len(approved), "bads_approved": int(approved["bad"].sum())}
        assert out["approval"] == expected or "withheld" in out["approval"]
    assert found[slicing.by][-2:] == [{"withheld": "no_rows"}] * 2


def test_the_index_of_a_month_is_that_over_tenths_of_the_first_month(
    found: dict[str, Any], pooled: pd.DataFrame
) -> None:
    month = pooled["opened"].str.slice(0, 7)
    cell = plan().slice_grid.cell_of(pooled["champion"].to_numpy())
    counts = [np.bincount(cell[month == name], minlength=1024) for name in MONTHS]
    share = np.cumsum(counts[0]) / counts[0].sum()
    tenth = np.minimum((np.concatenate([[0], share[:-1]]) * 10 + 1e-9).astype(int), 9)
    # A cell belongs to the tenth in which it begins: the tenths of deciles().
    e, a = (np.bincount(tenth, weights=part, minlength=10) for part in (counts[0], counts[3]))
    e, a = e[e > 0], a[e > 0]
    assert a.min() >= 10
    e, a = e / e.sum(), a / a.sum()
    index = ((a - e) * np.log(a / e)).sum()
    assert "index_nano" not in found["period"][0]
    assert found["period"][3]["index_nano"] == round(index, 4) * 1e9


def test_a_features_index_is_that_over_the_models_own_bins(
    found: dict[str, Any], pooled: pd.DataFrame
) -> None:
    card = models()[0].model
    assert isinstance(card, Scorecard)
    month = pooled["opened"].str.slice(0, 7)
    j = [table.raw.feature.name for table in card.tables_].index("age")
    bins = pd.Series(card.tables_[j].bin_of(pooled["age"]))
    e, a = (bins[month == MONTHS[k]].value_counts().sort_index() for k in (0, 2))
    assert (e.index == a.index).all() and min(e.min(), a.min()) >= 10
    # the cell of unseen values is empty in both: it joins its neighbour
    e, a = e / e.sum(), a / a.sum()
    index = ((a - e) * np.log(a / e)).sum()
    assert found["period"][2]["feature_index_nano"][j] == round(index, 4) * 1e9


def test_a_population_that_moves_is_seen_in_its_months_only() -> None:
    drifted = [applications(seed, 1500, drifted=True) for seed in (4, 5)]
    out = evaluated(plan(challenger=False, slicings=(PERIOD,)), *drifted)
    index = [part["index_nano"] / 1e9 for part in out["period"][1:6]]
    assert max(index[:3]) < 0.1
    assert min(index[3:]) > 0.25
    worst = max(range(3), key=lambda j: out["period"][5]["feature_index_nano"][j])
    assert models()[0].features[worst].name == "income"


def test_training_bands_are_the_baseline_of_every_month(frames: list[pd.DataFrame]) -> None:
    what = plan(challenger=False, slicings=(PERIOD,))
    bands = ((-1_500_000_000, 800), (-750_000_000, 900), (12_000_000_000, 700))
    out = evaluated(what, *frames, baseline=bands)
    frame = pd.concat(frames)
    month = frame["opened"].str.slice(0, 7) == MONTHS[0]
    eta = models()[0].scores(frame[month])
    a = np.histogram(eta, bins=[-99, -1.5, -0.75, 99])[0]
    e, a = np.array([800, 900, 700]) / 2400, a / a.sum()
    index = ((a - e) * np.log(a / e)).sum()
    assert out["period"][0]["index_nano"] == round(index, 4) * 1e9


def test_a_small_group_takes_another_with_it(frames: list[pd.DataFrame]) -> None:
    frame = pd.concat(frames, ignore_index=True)
    bads = frame.index[frame["bad"] == 1][:4]
    goods = frame.index[frame["bad"] == 0][:30]
    frame.loc[[*bads, *goods], "sex"] = "x"
    slicing = Slicing("group", "sex", ("f", "m", "x"))
    out = evaluated(plan(challenger=False, slicings=(slicing,)), frame)
    told = [part.get("withheld") for part in out["group"][:3]]
    assert sorted(map(str, told)) == ["None", "complement", "min_bads"]
    assert out["group"][2] == {"withheld": "min_bads"}


def test_too_few_rows_are_not_told_at_all() -> None:
    frame = applications(7, 15)
    out = evaluated(plan(slicings=(PERIOD, GROUP)), frame)
    assert set(out["champion"]) == {"withheld"}
    assert out["comparison"] == {"withheld": out["champion"]["withheld"]}
    assert all(set(part) == {"withheld"} for part in (*out["period"], *out["group"]))


def test_only_integers_and_words_are_released(found: dict[str, Any]) -> None:
    def leaves(value: object) -> Any:
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            for part in value:
                yield from leaves(part)
        else:
            yield value

    assert {type(leaf) for leaf in leaves(found)} <= {int, str}


def test_the_same_order_on_another_scale_is_no_challenger(frames: list[pd.DataFrame]) -> None:
    card = models()[0].model
    assert isinstance(card, Scorecard)
    moved = Scorecard.from_parts(
        card.tables_,
        [card.intercept_ + 0.05, *card.coef_],
        card.standard_errors_,
        features=list(card.feature_names_in_),
        dropped=card.dropped_,
    )
    what = EvaluationPlan(models()[0], read_model(moved.to_json()))
    out = evaluated(what, *frames)
    assert out["challenger"] == out["comparison"] == {"withheld": "too_alike"}


def test_a_model_is_read_by_its_format() -> None:
    card, trees = models()
    assert (card.kind, trees.kind) == ("scorecard", "gbdt")
    assert {feature.name for feature in card.features} <= set(FEATURES)
    assert len(card.digest) == 64
    with pytest.raises(ValueError, match="format"):
        read_model('{"format": "pickle"}')
    with pytest.raises(ValueError, match="not JSON"):
        read_model("import os")


def test_two_models_are_not_compared_on_few_rows() -> None:
    out = evaluated(plan(), applications(8, 350))
    assert out["comparison"] == {"withheld": "too_coarse"}
    assert out["challenger"]["auc_nano"] > 500_000_000


def test_a_network_is_judged_by_its_quantile_cells() -> None:
    income = Feature("income", "numeric", lower=0.0, upper=1e6)
    product = Feature("product", "categorical", levels=("car", "cash"))
    shape = Architecture((income, product), (2,), 2)
    model = Mlp.from_parts(
        (income, product),
        (Standard((1000.0, 3000.0), 10_000_000, 5_000_000), None),
        [0] * shape.n_parameters,
        (-1.0, 1.0),
        params={"hidden": (2,), "embedding": 2},
    )
    saved = read_model(canonical_text(model))
    frame = applications(1, 50)
    assert (saved.kind, saved.format) == ("network", "fedcredit-mlp/v1")
    assert saved.scores(frame) == pytest.approx(np.full(50, -1.0))  # all weights are zero
    assert [cells.n for cells in saved.cells] == [3 + 1, 2 + 1 + 1]
    low = frame["income"].to_numpy() <= 1000.0
    assert ((saved.cells[0].cell_of(frame["income"]) == 0) == low).all()


@pytest.mark.parametrize("coefficient", [25.0, -25.0])
def test_a_steep_scorecard_is_a_probe(coefficient: float) -> None:
    card = models()[0].model
    assert isinstance(card, Scorecard)
    steep = Scorecard.from_parts(
        card.tables_[:1], [card.intercept_, coefficient], [0.1, 0.1], features=None
    )
    saved = read_model(steep.to_json())
    assert saved.is_probe(np.zeros(3))
    assert not models()[0].is_probe(np.array([-29.0, 0.0]))
    assert models()[0].is_probe(np.array([31.0]))
    assert models()[0].is_probe(np.array([np.nan]))


def test_months_are_listed_from_first_to_last() -> None:
    assert months("2023-11", "2024-02") == ("2023-11", "2023-12", "2024-01", "2024-02")
    for first, last in (("2024-02", "2024-01"), ("2024-13", "2025-01"), ("24-01", "24-02")):
        with pytest.raises(ValueError, match="months"):
            months(first, last)


def test_a_date_outside_the_declared_months_is_other_and_none_is_missing() -> None:
    frame = pd.DataFrame({"opened": ["2024-02-29", "2023-12-31T23:00:00", None, "2024-01-01"]})
    assert Slicing("period", "opened", MONTHS).slice_of(frame).tolist() == [1, 6, 7, 0]
    numbers = pd.DataFrame({"opened": [202401, 202403]})
    assert Slicing("period", "opened", ("202401",)).slice_of(numbers).tolist() == [0, 1]


@pytest.mark.parametrize("column", ["opened", "closed"])
def test_months_need_dates(column: str) -> None:
    with pytest.raises(SchemaError, match=column):
        Slicing("period", column, MONTHS).slice_of(pd.DataFrame({"opened": [202401, 202402]}))


def test_what_does_not_nest_is_refused() -> None:
    card, trees = models()
    with pytest.raises(ValueError, match="multiples"):
        EvaluationPlan(card, slice_cells=100)
    with pytest.raises(ValueError, match="multiple"):
        EvaluationPlan(card, trees, joint_cells=100)
    with pytest.raises(ValueError, match="one partition"):
        EvaluationPlan(card, None, (GROUP, GROUP))
    with pytest.raises(ValueError, match="in one of them only"):
        EvaluationPlan(card, None, (GROUP, Slicing("segment", "sex", ("f",))))
    with pytest.raises(ValueError, match="slices"):
        Slicing("group", "sex", ("f", "f"))
