"""The classifier: scores, contributions, importance, its JSON, and what it refuses."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

from fedcredit_models import Gbdt, SchemaError


@pytest.fixture(scope="module")
def customers() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(8)
    n = 3000
    frame = pd.DataFrame(
        {
            "income": np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(8, 0.6, n)),
            "age": rng.integers(18, 80, n),
            "region": rng.choice(["north", "south", "east"], n),
            "delay": np.where(rng.random(n) < 0.2, -999.0, rng.poisson(2.0, n)),
        }
    )
    eta = 0.5 * frame["delay"].clip(lower=0) - 2.2 + (frame["region"] == "south") * 0.8
    y = (rng.random(n) < 1 / (1 + np.exp(-eta))).to_numpy().astype(int)
    return frame, y


@pytest.fixture(scope="module")
def model(customers: tuple[pd.DataFrame, np.ndarray]) -> Gbdt:
    frame, y = customers
    return Gbdt(n_trees=20, max_depth=3, monotone={"delay": 1}).fit(frame, y)


def test_it_ranks_customers(model, customers):
    frame, y = customers

    assert roc_auc_score(y, model.predict_proba(frame)[:, 1]) > 0.7
    assert model.predict_proba(frame).sum(axis=1) == pytest.approx(1.0)
    assert (model.predict(frame) == (model.decision_function(frame) > 0)).all()


def test_contributions_and_what_all_share_add_up(model, customers):
    frame, _ = customers

    found = model.contributions(frame[:50])

    assert list(found) == ["income", "age", "region", "delay", "expected"]
    assert found.sum(axis=1).to_numpy() == pytest.approx(model.decision_function(frame[:50]))


def test_importance_names_what_drives_the_truth(model):
    assert model.importance()["feature"].iloc[:2].tolist() == ["delay", "region"]


def test_json_gives_the_model_back_to_the_last_bit(model, customers):
    frame, _ = customers

    again = Gbdt.from_json(model.to_json())

    assert again.trees_ == model.trees_
    assert again.get_params() == model.get_params()
    assert (again.decision_function(frame) == model.decision_function(frame)).all()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.update(format="fedcredit-gbdt/v2"),
        lambda d: d.update(more=1),
        lambda d: d["trees"][0].pop(),
        lambda d: d["trees"][0][0].update(feature=4),
        lambda d: d["trees"][0][0].update(left=[400]),
        lambda d: d["trees"][0][0].update(value=0.5),
        lambda d: d["trees"][0][0].update(children=[1]),
        lambda d: d.update(base="1"),
        lambda d: d["features"].pop(),
    ],
)
def test_a_spoiled_file_is_refused(model, spoil):
    document = json.loads(model.to_json())
    spoil(document)

    with pytest.raises(ValueError):
        Gbdt.from_json(json.dumps(document))


@pytest.mark.parametrize("text", [b"", b"{", b"[" * 100_000, b'{"a": NaN}', b"\xff"])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(ValueError, match="gbdt"):
        Gbdt.from_json(text)


def test_it_is_a_scikit_learn_estimator(model):
    assert clone(model).get_params() == model.get_params()


def test_unseen_levels_missing_values_and_large_numbers_are_scored(model, customers):
    strange = customers[0][:3].copy()
    strange["region"] = ["moon", None, "north"]
    strange["income"] = [1e12, np.nan, -5.0]

    assert np.isfinite(model.decision_function(strange)).all()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"n_trees": 0}, "n_trees"),
        ({"learning_rate": 2.0}, "learning_rate"),
        ({"monotone": {"nobody": 1}}, "monotone"),
        ({"monotone": {"age": 2}}, "monotone"),
        ({"patience": 5}, "hold-out"),
    ],
)
def test_a_setting_that_cannot_be_is_named(customers, settings, says):
    with pytest.raises(ValueError, match=says):
        Gbdt(**settings).fit(*customers)


@pytest.mark.parametrize("outcome", [0, 1])
def test_one_outcome_only_is_refused(customers, outcome):
    frame, y = customers

    with pytest.raises(SchemaError, match="one outcome"):
        Gbdt().fit(frame, np.full(len(y), outcome))


def test_balanced_weights_give_goods_and_bads_the_same_total(customers):
    frame, y = customers

    model = Gbdt(n_trees=1, bad_weight="balanced").fit(frame, y)

    assert model.base_ == 0


def test_the_hold_out_stops_the_growth(customers):
    frame, y = customers
    model = Gbdt(n_trees=200, learning_rate=0.5, patience=4)

    model.fit(frame[:1000], y[:1000], holdout=(frame[1000:], y[1000:]))

    assert len(model.trees_) < 200
