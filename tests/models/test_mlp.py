"""The classifier: scores, calibration, its JSON, unseen values, and what it refuses."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

from fedcredit_models.errors import NotConvergedError, SchemaError
from fedcredit_models.feature import Feature
from fedcredit_models.mlp import Mlp
from fedcredit_models.schema import Schema

SETTINGS = dict(hidden=(8,), rounds=8, batch_size=64, learning_rate=0.05)


@pytest.fixture(scope="module")
def customers() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(8)
    n = 3000
    frame = pd.DataFrame(
        {
            "income": np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(8, 0.6, n)),
            "age": rng.integers(18, 80, n),
            "region": rng.choice(["north", "south", "east"], n),
            "delay": rng.poisson(2.0, n),
        }
    )
    eta = 0.9 * frame["delay"] - 5.0 + (frame["region"] == "south") * 2.0
    y = (rng.random(n) < 1 / (1 + np.exp(-eta))).to_numpy().astype(int)
    return frame, y


@pytest.fixture(scope="module")
def model(customers: tuple[pd.DataFrame, np.ndarray]) -> Mlp:
    frame, y = customers
    half = len(frame) // 2
    return Mlp(bad_weight="balanced", **SETTINGS).fit(
        frame[:half], y[:half], holdout=(frame[half:], y[half:])
    )


def test_it_ranks_customers_it_has_not_seen(model, customers):
    frame, y = customers
    half = len(frame) // 2

    assert roc_auc_score(y[half:], model.predict_proba(frame[half:])[:, 1]) > 0.8
    assert (model.predict(frame) == (model.decision_function(frame) > 0)).all()


@pytest.mark.parametrize("loss", ["log", "focal"])
def test_probabilities_are_calibrated_though_bads_weigh_more(customers, loss):
    frame, y = customers

    found = Mlp(loss=loss, bad_weight="balanced", **SETTINGS).fit(frame, y)

    p = found.predict_proba(frame)[:, 1]
    assert p.mean() == pytest.approx(y.mean(), abs=1e-3)
    risky = p > np.quantile(p, 0.8)
    assert p[risky].mean() == pytest.approx(y[risky].mean(), abs=0.05)


@pytest.mark.parametrize("strategy", ["fedprox", "fedadam"])
def test_the_other_strategies_learn_too(customers, strategy):
    frame, y = customers

    found = Mlp(strategy=strategy, **SETTINGS).fit(frame, y)

    assert roc_auc_score(y, found.decision_function(frame)) > 0.75


def test_the_curve_has_both_samples_and_falls(model):
    train, held = np.array(model.losses_, dtype=float).T

    assert len(train) == SETTINGS["rounds"]
    assert train[-1] < train[0]
    assert held[-1] < held[0]


def test_a_fit_follows_from_its_seed(customers):
    frame, y = customers
    settings = SETTINGS | {"rounds": 2}
    found = [Mlp(seed=seed, **settings).fit(frame, y).weights_ for seed in (1, 1, 2)]

    assert (found[0] == found[1]).all()
    assert (found[0] != found[2]).any()


def test_json_gives_the_network_back_to_the_last_bit(model, customers):
    frame, _ = customers

    again = Mlp.from_json(model.to_json())

    assert (again.weights_ == model.weights_).all()
    assert again.losses_ == model.losses_
    assert {**again.get_params(), "hidden": (8,)} == model.get_params()
    assert (again.decision_function(frame) == model.decision_function(frame)).all()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.update(format="fedcredit-mlp/v2"),
        lambda d: d.update(more=1),
        lambda d: d["weights"].pop(),
        lambda d: d["weights"].append(0),
        lambda d: d["weights"].__setitem__(0, 0.5),
        lambda d: d["weights"].__setitem__(0, 1 << 52 | 1),
        lambda d: d["features"].pop(),
        lambda d: d["features"][0].update(standard=None),
        lambda d: d["features"][0]["standard"].update(deviation=-1),
        lambda d: d["features"][0]["standard"].update(edges=[2.0, 1.0]),
        lambda d: d.update(calibration=[0.0, -1.0]),
        lambda d: d["losses"].append([1.0]),
        lambda d: d["params"].update(hidden=[100_000]),
        lambda d: d["params"].update(seed="0"),
    ],
    ids=range(14),
)
def test_a_spoilt_file_is_refused(model, spoil):
    document = json.loads(model.to_json())
    spoil(document)

    with pytest.raises(ValueError):
        Mlp.from_json(json.dumps(document))


def test_what_training_had_not_seen_is_scored_as_neutral(model, customers):
    frame, _ = customers
    row = frame[:1].assign(region="moon", age=np.nan)
    other = row.assign(region=None)

    assert np.isfinite(model.decision_function(row)).all()
    assert (model.decision_function(row) == model.decision_function(other)).all()


def test_scoring_loads_no_torch(model, tmp_path):
    (tmp_path / "mlp.json").write_text(model.to_json(), "utf-8")
    code = (
        "import pathlib, sys; import pandas as pd; from fedcredit_models.mlp import Mlp;"
        f"m = Mlp.from_json(pathlib.Path({str(tmp_path / 'mlp.json')!r}).read_bytes());"
        "m.predict_proba(pd.DataFrame({'income': [1.0], 'age': [30], 'region': ['east'],"
        " 'delay': [0]})); print('torch' in sys.modules)"
    )

    said = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": "models:parties:ledger"},
        cwd=__file__.rpartition("/tests/")[0],
    )

    assert said.stdout.strip() == "False"


def test_patience_needs_a_hold_out(customers):
    with pytest.raises(ValueError, match="hold-out"):
        Mlp(patience=2).fit(*customers)


@pytest.mark.parametrize(
    "setting",
    [
        {"rounds": 0},
        {"strategy": "fedsgd"},
        {"loss": "hinge"},
        {"bad_weight": -1.0},
        {"hidden": (0,)},
        {"update_bits": 8},
        {"server_learning_rate": 0.0},
        {"momentum": 1.0},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_a_setting_outside_its_range_is_refused(customers, setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        Mlp(**setting).fit(*customers)


def test_one_outcome_is_refused(customers):
    frame, y = customers

    with pytest.raises(SchemaError, match="one outcome"):
        Mlp(**SETTINGS).fit(frame, np.zeros_like(y))


def test_a_learning_rate_that_is_too_large_says_so(customers):
    with pytest.raises(NotConvergedError, match="learning rate"):
        Mlp(**SETTINGS | {"learning_rate": 10.0, "momentum": 0.99}).fit(*customers)


def test_a_column_without_a_value_says_nothing(customers):
    frame, y = customers
    schema = Schema(
        (
            Feature(name="age", kind="numeric", lower=0, upper=100),
            Feature(name="empty", kind="numeric", lower=0, upper=1),
        ),
        label="bad",
    )
    table = frame[["age"]].assign(empty=np.nan)

    found = Mlp(**SETTINGS | {"rounds": 2, "hidden": ()}).fit(table, y, schema=schema)

    assert found.standards_[1].deviation == 0
    assert found.dropped == {"empty": "does not vary"}


def test_the_summary_counts_every_parameter(model):
    table = model.summary().set_index("part")

    # income, age, delay: 3 inputs each; region: 5 codes by 3 numbers.
    assert table["parameters"].to_dict() == {
        "embedding of region": 15,
        "hidden 1": 13 * 8,
        "output": 9,
    }
    assert table["parameters"].sum() == len(model.weights_)


def test_it_is_an_estimator(model):
    assert clone(model).get_params() == model.get_params()
