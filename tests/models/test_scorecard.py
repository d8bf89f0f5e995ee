"""The fitted card, used offline: scores, points, reasons, tables, JSON."""

import json
import math
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score

from fedcredit_models import NotConvergedError, SchemaError, Scorecard, logistic
from fedcredit_models.binning import (
    BinningRules,
    BinTable,
    CellRules,
    RawCells,
    count,
    merge,
    totals,
)
from fedcredit_models.dropped import why_dropped
from fedcredit_models.grid import Grid, quantiles
from fedcredit_models.schema import Feature, infer


def applicants(n: int = 3000, seed: int = 5) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Return a tidy frame with every kind of column, and a label that depends on three of them."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "income": np.exp(rng.normal(8, 1.0, n)),
            "balance": np.exp(rng.normal(6, 2.5, n)) * rng.choice([1, -1], n, p=[0.7, 0.3]),
            "job": rng.choice(["clerk", "farmer", "nurse"], n),
            "owner": rng.random(n) < 0.4,
            "children": pd.array(rng.integers(0, 4, n), dtype="Int64"),
            "region": pd.Categorical(rng.choice(["n", "s"], n)),
            "nothing": np.nan,
            "constant": 3,
        }
    )
    frame.loc[rng.random(n) < 0.1, "income"] = np.nan
    frame.loc[rng.random(n) < 0.1, "job"] = None
    frame.loc[rng.random(n) < 0.1, "children"] = pd.NA
    eta = -0.03 * (frame["age"] - 45) - (frame["job"] == "nurse") * 1.0
    eta -= 0.8 * (np.log(frame["income"].fillna(3000)) - 8) + 1.2
    y = (rng.random(n) < 1 / (1 + np.exp(-eta.to_numpy(dtype=float)))).astype(np.int64)
    return frame, y


FRAME, Y = applicants()


@pytest.fixture(scope="module")
def card() -> Scorecard:
    return Scorecard().fit(FRAME, Y)


def test_any_tidy_frame_is_fitted_and_scored(card: Scorecard) -> None:
    p = card.predict_proba(FRAME)
    assert p.shape == (3000, 2)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert roc_auc_score(Y, p[:, 1]) > 0.70
    assert set(card.dropped) == {"nothing", "constant"}
    assert all("does not vary" in reason for reason in card.dropped.values())


def test_unseen_missing_and_far_out_values_are_scored(card: Scorecard) -> None:
    odd = FRAME.head(4).assign(
        age=[None, 500, -3, 40],
        job=["astronaut", None, "nurse", "clerk"],
        income=[0, 1e12, None, 1],
    )
    p = card.predict_proba(odd)[:, 1]
    assert np.isfinite(p).all()
    assert ((p > 0) & (p < 1)).all()
    assert len(card.score_points(odd)) == 4


def test_what_training_never_saw_says_nothing() -> None:
    frame = pd.DataFrame({"x": np.arange(400) % 2})
    y = np.where(frame["x"] == 1, np.arange(400) % 4 == 1, np.arange(400) % 8 == 0)
    card = Scorecard().fit(frame, y.astype(int))
    # No missing value in training: weight 0, so eta is the intercept.
    unseen = card.decision_function(pd.DataFrame({"x": [np.nan]}))
    assert unseen.tolist() == [card.intercept_]
    assert card.score_points(pd.DataFrame({"x": [np.nan]})).tolist() == [card.neutral_points]


def test_a_missing_column_and_infinity_are_named(card: Scorecard) -> None:
    with pytest.raises(SchemaError, match="column job"):
        card.predict_proba(FRAME.drop(columns="job"))
    with pytest.raises(SchemaError, match="column income holds infinity"):
        card.predict_proba(FRAME.head(2).assign(income=[np.inf, 1.0]))
    with pytest.raises(SchemaError, match="has no column"):
        card.predict_proba(FRAME.to_numpy())  # nobody knows the order of an array's columns


def test_a_dropped_feature_is_not_needed_to_score(card: Scorecard) -> None:
    without = FRAME.drop(columns=["nothing", "constant"])
    np.testing.assert_array_equal(card.predict_proba(without), card.predict_proba(FRAME))


def test_counts_of_the_table_are_those_of_the_rows(card: Scorecard) -> None:
    table = card.table()
    assert list(table.columns) == [
        "feature", "bin", "n", "bads", "woe", "iv", "coefficient", "points",
    ]  # fmt: skip
    assert (table.groupby("feature")["n"].sum() == 3000).all()
    assert (table.groupby("feature")["bads"].sum() == Y.sum()).all()
    assert (table["n"] >= 10).all()
    assert (table["bads"] >= 10).all()
    missing = table[(table["feature"] == "job") & (table["bin"] == "missing")].iloc[0]
    assert (missing["n"], missing["bads"]) == (
        FRAME["job"].isna().sum(), Y[FRAME["job"].isna()].sum(),
    )  # fmt: skip


def test_coefficients_are_the_constrained_optimum_on_the_cards_own_weights(card: Scorecard) -> None:
    X = np.column_stack([np.ones(len(Y)), card.transform(FRAME)])

    def loss(beta: Any) -> tuple[float, Any]:
        eta = X @ beta
        value = np.logaddexp(0, eta).sum() - Y @ eta + 0.5 * (beta[1:] @ beta[1:])
        slope = X.T @ (1 / (1 + np.exp(-eta)) - Y) + np.array([0, *beta[1:]])
        return value / len(Y), slope / len(Y)

    bounds = [(None, None), *[(None, 0.0)] * (X.shape[1] - 1)]
    options = {"maxiter": 10_000, "ftol": 1e-16, "gtol": 1e-11}
    found = minimize(
        loss, np.zeros(X.shape[1]), jac=True, bounds=bounds, method="L-BFGS-B", options=options
    )
    np.testing.assert_allclose([card.intercept_, *card.coef_], found.x, atol=1e-6)


def test_three_parties_sums_give_the_card_of_the_pooled_rows(card: Scorecard) -> None:
    schema = infer({"": FRAME.assign(bad=Y)}, label="bad")
    parts = [(FRAME.iloc[i::3], Y[i::3]) for i in range(3)]
    tables = []
    for feature in schema.features:
        edges: tuple[float, ...] = ()
        if feature.kind == "numeric":
            grid = Grid(feature)
            histogram = sum(grid.histogram(f[feature.name]) for f, _ in parts)
            edges = tuple(grid.upper[c] for c in quantiles(grid, histogram.tolist(), 20))
        raw = RawCells(feature, edges)
        counted = [count(raw, f[feature.name], y) for f, y in parts]
        bads, goods = (np.sum([c[k] for c in counted], axis=0).tolist() for k in (0, 1))
        assignment = merge(raw, bads, goods, BinningRules())
        table = BinTable(raw, assignment, totals(assignment, bads), totals(assignment, goods))
        if table.n_bins > 1:
            tables.append(table)
    woes = [
        np.column_stack([table.transform(f[table.raw.feature.name]) for table in tables])
        for f, _ in parts
    ]
    beta, rules = np.zeros(len(tables) + 1), logistic.NewtonRules()
    for _ in range(rules.max_rounds):
        each = [logistic.newton_sums(w, y, beta) for w, (_, y) in zip(woes, parts, strict=True)]
        sums = logistic.NewtonSums(
            np.sum([s.gradient for s in each], axis=0),
            np.sum([s.hessian_upper for s in each], axis=0),
            sum(s.log_loss for s in each),
            sum(s.weight_square for s in each),
        )
        step = logistic.newton_step(sums, beta, rules, len(Y))
        beta = np.rint(step.beta_new * 2**40) / 2**40
        if step.outcome != "continue":
            break
    federated = Scorecard.from_parts(
        tables, beta, logistic.standard_errors(sums, beta, rules),
        features=schema.names, dropped=card.dropped, n_iter=card.n_iter_,
    )  # fmt: skip
    assert federated.tables_ == card.tables_
    np.testing.assert_allclose(federated.coef_, card.coef_, atol=1e-9)
    np.testing.assert_allclose(federated.standard_errors_, card.standard_errors_, atol=1e-8)


def test_points_follow_from_log_odds_by_the_scale() -> None:
    # 600 points at 50:1, 20 points double: odds of 100:1 are 620 points.
    card = Scorecard()
    assert card.offset - card.factor * -math.log(50) == pytest.approx(600)
    assert card.offset - card.factor * -math.log(100) == pytest.approx(620)


def test_rounded_points_stay_within_half_a_point_a_feature(card: Scorecard) -> None:
    exact = card.offset - card.factor * card.decision_function(FRAME)
    distance = np.abs(card.score_points(FRAME) - exact)
    assert distance.max() <= len(card.tables_) / 2
    assert card.score_points(FRAME).dtype == np.int64


def test_the_points_of_the_table_add_up_to_the_score(card: Scorecard) -> None:
    table = card.table().set_index(["feature", "bin"])["points"]
    row = FRAME.iloc[[0]]
    total = sum(
        table[(t.raw.feature.name, t.labels[t.bin_of(row[t.raw.feature.name])[0]])]
        for t in card.tables_
    )
    assert card.score_points(row).tolist() == [total]


def test_reasons_name_what_cost_most_points(card: Scorecard) -> None:
    reasons = card.reasons(FRAME.iloc[10:12], n=4)
    best = card.table().groupby("feature")["points"].max()
    points = card.table().set_index(["feature", "bin"])["points"]
    for _, of_row in reasons.groupby(level=0):
        assert of_row["rank"].tolist() == list(range(1, len(of_row) + 1))
        assert of_row["points_lost"].is_monotonic_decreasing
        for reason in of_row.itertuples():
            assert reason.points_lost == best[reason.feature] - points[(reason.feature, reason.bin)]
            assert reason.points_lost > 0
    assert set(reasons.index) <= {10, 11}


def test_the_best_possible_applicant_has_no_reasons(card: Scorecard) -> None:
    points = card._points(FRAME)
    best = [max(card.bin_points(j)) for j in range(len(card.tables_))]
    row = FRAME.iloc[[int((points - best).sum(axis=1).argmax())]]
    lost = sum(best) - card.score_points(row)[0]
    assert card.reasons(row, n=99)["points_lost"].sum() == lost


def test_the_summary_holds_wald_statistics(card: Scorecard) -> None:
    summary = card.summary()
    assert list(summary.columns) == [
        "term", "coefficient", "standard_error", "wald_z", "p_value", "iv", "note",
    ]  # fmt: skip
    assert summary["term"].tolist() == ["intercept", *(t.raw.feature.name for t in card.tables_)]
    free = summary[summary["standard_error"] > 0]
    np.testing.assert_allclose(free["wald_z"], free["coefficient"] / free["standard_error"])
    held = summary[summary["standard_error"] == 0]
    assert (held["p_value"] == 1).all()
    assert (held["coefficient"] == 0).all()
    # Two-sided normal: |z| = 1.96 has p = 0.05.
    parts = (card.tables_[:1], [0.0, -1.959964], [1.0, 1.0])
    p = Scorecard.from_parts(*parts).summary()["p_value"]
    assert p.tolist() == pytest.approx([1.0, 0.05], abs=1e-7)


def leaky(n: int = 1000, seed: int = 3) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Return rows of which one column gives the outcome away, another nearly, a third honestly."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.3).astype(np.int64)
    frame = pd.DataFrame(
        {
            "days_overdue": np.where(y == 1, rng.integers(90, 200, n), rng.integers(0, 60, n)),
            "calls": 2 * y + rng.integers(0, 4, n),
            "income": rng.normal(3000, 500, n) - 200 * y,
        }
    )
    return frame, y


def test_a_feature_that_separates_alone_is_left_out_by_that_name() -> None:
    card = Scorecard().fit(*leaky())

    assert card.dropped == {
        "days_overdue": "separates good from bad almost alone (leak?): it may have been filled in "
        "after the outcome"
    }


def test_a_feature_that_is_too_good_is_named_in_the_summary() -> None:
    card = Scorecard().fit(*leaky())

    assert list(card.suspicious) == ["calls"]
    assert card.suspicious["calls"] > 0.5
    notes = card.summary().set_index("term")["note"]
    assert "leak" in notes["calls"]
    assert notes["income"] == ""


def test_when_no_feature_is_left_every_one_says_why() -> None:
    frame, y = leaky()
    frame = frame[["days_overdue"]].assign(branch=7)

    with pytest.raises(
        SchemaError, match=r"days_overdue separates good from bad .*; branch does not vary"
    ):
        Scorecard().fit(frame, y)


@pytest.mark.parametrize(
    "setting", [{"max_bins": 0}, {"l2": -1.0}, {"min_bin": 0.9}, {"fine_bins": 1}], ids=str
)
def test_a_setting_outside_its_range_is_named(setting: dict[str, float]) -> None:
    (name,) = setting
    with pytest.raises(ValueError, match=f"{name} must be"):
        Scorecard(**setting).fit(*leaky())


def test_labels_of_other_rows_and_what_is_no_table_are_refused() -> None:
    frame, y = leaky()
    with pytest.raises(SchemaError, match="not those of the rows"):
        Scorecard().fit(frame, y[:-1])
    with pytest.raises(ValueError, match="2D array"):
        Scorecard().fit(frame.iloc[:, 0].to_numpy(), y)


def test_an_identifier_does_not_pass_for_a_leak() -> None:
    # A row a level: every cell is pure, and says nothing.
    assert why_dropped([1, 0] * 50, [0, 1] * 50, CellRules()) == "few"
    assert why_dropped([50, 0], [0, 50], CellRules()) == "separates"
    assert why_dropped([50], [50], CellRules()) == "constant"
    assert why_dropped([6, 6], [50, 50], CellRules()) == "few"


def test_json_gives_the_card_back_to_the_last_bit(card: Scorecard) -> None:
    again = Scorecard.from_json(card.to_json())
    np.testing.assert_array_equal(again.predict_proba(FRAME), card.predict_proba(FRAME))
    pd.testing.assert_frame_equal(again.table(), card.table())
    pd.testing.assert_frame_equal(again.summary(), card.summary())
    assert again.dropped == card.dropped
    assert again.get_params() == card.get_params()
    assert again.to_json() == card.to_json()


def test_a_card_file_says_its_signs(card: Scorecard) -> None:
    document = json.loads(card.to_json())
    assert document["format"] == "fedcredit-scorecard/v1"
    assert (document["label_sign"], document["woe_sign"]) == ("1 = bad", "ln(good/bad)")
    assert document["smoothing"] == 0.5


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(format="fedcredit-scorecard/v2"),
        lambda d: d.update(woe_sign="ln(bad/good)"),
        lambda d: d.update(code="import os"),
        lambda d: d.pop("coefficients"),
        lambda d: d["coefficients"].pop(),
        lambda d: d["coefficients"].__setitem__(0, "0"),
        lambda d: d["coefficients"].__setitem__(0, True),
        lambda d: d["standard_errors"].__setitem__(0, -1.0),
        lambda d: d["tables"][0].update(edges=[3.0, 1.0]),
        lambda d: d["tables"][0].update(bads=[1]),
        lambda d: d["tables"][0]["assignment"].__setitem__(0, 1.5),
        lambda d: d["tables"][0]["feature"].update(kind="pickle"),
        lambda d: d["tables"][0]["feature"].update(lower=None),
        lambda d: d["tables"].append(d["tables"][0]),
        lambda d: d["dropped"].update(age="twice"),
        lambda d: d["params"].update(pdo=0),
        lambda d: d["params"].update(max_bins=8.5),
        lambda d: d["params"].update(monotone=1),
        lambda d: d["params"].pop("l2"),
        lambda d: d.update(features="age"),
        lambda d: d.update(n_iter=2**60),
    ],
)
def test_a_card_file_that_is_not_exactly_a_card_is_refused(card: Scorecard, change: Any) -> None:
    document = json.loads(card.to_json())
    change(document)
    with pytest.raises(ValueError):
        Scorecard.from_json(json.dumps(document))


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '{"format": NaN}', "{", b"\xff\xfe", '{"a":1,"a":1}', "[" * 100_000]
)
def test_text_that_is_no_card_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match="scorecard"):
        Scorecard.from_json(text)


def test_it_is_a_scikit_learn_classifier(card: Scorecard) -> None:
    assert is_classifier(card)
    assert clone(card).get_params() == card.get_params()
    assert card.classes_.tolist() == [0, 1]
    assert card.score(FRAME, Y) == (card.predict(FRAME) == Y).mean()
    with pytest.raises(NotFittedError):
        Scorecard().predict_proba(FRAME)
    with pytest.raises(NotFittedError):
        Scorecard().to_json()
    assert pickle.loads(pickle.dumps(Scorecard(pdo=40))).pdo == 40


def test_a_label_without_bads_and_a_frame_without_information_are_refused() -> None:
    with pytest.raises(SchemaError) as caught:
        Scorecard().fit(FRAME, np.zeros(len(FRAME), dtype=int))
    assert (caught.value.kind, caught.value.found) == ("label", "no bads")
    with pytest.raises(SchemaError) as caught:
        Scorecard().fit(FRAME[["constant", "nothing"]], Y)
    assert caught.value.kind == "constant"


def test_separable_data_without_penalty_do_not_settle() -> None:
    # Bad by a vote of three: every bin holds goods and bads, together they decide.
    row = np.arange(400)
    frame = pd.DataFrame({"a": row % 2, "b": row // 2 % 2, "c": row // 4 % 2})
    y = (frame.sum(axis=1) >= 2).astype(int)
    with pytest.raises(NotConvergedError, match="separable"):
        Scorecard(l2=0.0).fit(frame, y)


def test_constraints_can_all_be_switched_off() -> None:
    plain = Scorecard(max_bins=20, min_bin=0.0, monotone=False, signs=False)
    plain.fit(FRAME[["balance"]], Y, cells=CellRules(1, 1, 1))
    assert plain.tables_[0].n_bins == 20


def test_fitting_on_a_declared_schema_uses_its_special_codes() -> None:
    x = FRAME["age"].where(np.arange(3000) % 10 > 0, -9)
    declared = Feature("age", "numeric", lower=18, upper=100, special=(-9,))
    frame = pd.DataFrame({"age": x})
    schema = infer({"": frame.assign(bad=Y)}, label="bad")
    card = Scorecard().fit(frame, Y, schema=type(schema)(features=(declared,), label="bad"))
    table = card.table().set_index("bin")
    assert table.loc["-9", "n"] == 300
    with pytest.raises(SchemaError, match="bounds"):
        Scorecard().fit(frame * 12, Y, schema=type(schema)(features=(declared,), label="bad"))


def test_parts_that_do_not_fit_together_are_refused(card: Scorecard) -> None:
    table = card.tables_[0]
    with pytest.raises(ValueError, match="coefficients"):
        Scorecard.from_parts([table], [0.0], [0.0])
    with pytest.raises(ValueError, match="kept or dropped"):
        Scorecard.from_parts([table], [0, -1], [1, 1], dropped={table.raw.feature.name: "x"})
    with pytest.raises(ValueError, match="finite"):
        Scorecard.from_parts([table], [0, float("nan")], [1, 1])


def test_it_can_be_cross_validated_and_searched() -> None:
    areas = cross_val_score(Scorecard(max_bins=4), FRAME, Y, cv=3, scoring="roc_auc")
    assert areas.min() > 0.65
