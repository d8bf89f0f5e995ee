"""A party's own version of a joint model: what it chooses, and that it is not worse off."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fedcredit_models import Gbdt, Personal, SchemaError, Scorecard, mixture, personal_layer
from fedcredit_models.feature import Feature
from fedcredit_models.gain import gain
from fedcredit_models.mlp import Mlp
from fedcredit_models.network import Architecture
from fedcredit_models.network_inputs import Standard

SLOPES = {"usual": (1.2, -0.8), "contrary": (-1.2, 0.8)}


def _bank(kind: str, n: int, seed: int, level: float = -1.0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"income": rng.normal(size=n), "debt": rng.normal(size=n)})
    eta = level + frame.to_numpy() @ np.array(SLOPES[kind])
    return frame, (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)


def _pooled(*banks: tuple[pd.DataFrame, np.ndarray]) -> tuple[pd.DataFrame, np.ndarray]:
    frames, labels = zip(*banks, strict=True)
    return pd.concat(frames, ignore_index=True), np.concatenate(labels)


CONTRARY = _bank("contrary", 800, 1)
USUAL = _bank("usual", 400, 2, level=0.5)


@pytest.fixture(scope="module")
def card() -> Scorecard:
    return Scorecard().fit(*_pooled(_bank("usual", 4000, 0), CONTRARY, USUAL))


@pytest.fixture(scope="module")
def trees() -> Gbdt:
    return Gbdt(n_trees=15, max_depth=2).fit(*_pooled(_bank("usual", 2000, 0), CONTRARY, USUAL))


@pytest.mark.parametrize("kind", ["card", "trees"])
def test_a_bank_that_is_contrary_to_the_others_is_not_worse_off_than_alone(kind, request):
    joint = request.getfixturevalue(kind)
    held, y = _bank("contrary", 3000, 9)
    local = type(joint)(**joint.get_params()).fit(*CONTRARY)

    personal = Personal.fit(joint, *CONTRARY)
    scores = {
        "local": local.decision_function(held),
        "joint": joint.decision_function(held),
        "personal": personal.decision_function(held),
    }

    assert roc_auc_score(y, scores["joint"]) < 0.5 < 0.75 < roc_auc_score(y, scores["local"])
    # It leaves the joint model, or weighs what the joint model knows in its own way.
    assert personal.choice.kind == "alone" or personal.choice.own_layer
    assert not gain(scores, y).is_worse_off


def test_a_bank_like_the_others_believes_the_joint_model(card):
    held, y = _bank("usual", 3000, 10, level=0.5)

    personal = Personal.fit(card, *USUAL)

    assert personal.choice.weight > 0.6
    local = Scorecard().fit(*USUAL)
    assert roc_auc_score(y, personal.decision_function(held)) > roc_auc_score(
        y, local.decision_function(held)
    )


def test_a_bank_with_another_level_gets_its_own_bad_rate(card):
    held, y = _bank("usual", 20_000, 12, level=0.5)

    personal = Personal.fit(card, *_bank("usual", 2000, 3, level=0.5))

    error = abs(personal.predict_proba(held)[:, 1].mean() - y.mean())
    assert error < 0.03 < 0.1 < abs(card.predict_proba(held)[:, 1].mean() - y.mean())


def test_too_few_bads_choose_nothing(card):
    frame, _ = USUAL
    few = np.r_[np.ones(9, dtype=int), np.zeros(len(frame) - 9, dtype=int)]

    personal = Personal.fit(card, frame, few)

    assert (personal.choice.kind, personal.choice.n_bads) == ("joint", 9)
    assert "fewer than 10" in personal.choice.why
    assert (personal.decision_function(frame) == card.decision_function(frame)).all()


def test_rows_that_carry_no_model_of_their_own_keep_the_joint_one(card):
    frame, y = USUAL[0][:25], np.r_[np.ones(12, dtype=int), np.zeros(13, dtype=int)]

    personal = Personal.fit(card, frame, y)

    assert personal.choice.kind == "joint" and personal.local is None
    assert "no model of its own" in personal.choice.why
    order = np.argsort(card.decision_function(frame), kind="stable")
    assert (np.diff(personal.decision_function(frame)[order]) >= 0).all()


def test_a_given_local_model_takes_part(card):
    own = Scorecard(max_bins=3).fit(*CONTRARY)

    assert Personal.fit(card, *CONTRARY, local=own).local is own


def test_the_same_seed_gives_the_same_model(card):
    assert Personal.fit(card, *USUAL).to_json() == Personal.fit(card, *USUAL).to_json()


def test_the_log_odds_are_the_mixture_that_the_choice_names(card):
    personal = Personal.fit(card, *_bank("usual", 400, 5))
    held, _ = _bank("usual", 50, 6)
    weight = personal.choice.weight

    assert 0.0 < weight < 1.0 and personal.layer is None
    mixed = weight * card.decision_function(held) + (1 - weight) * (
        personal.local.decision_function(held)
    )
    expected = personal.calibration.intercept + personal.calibration.slope * mixed
    assert personal.decision_function(held) == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["card", "trees"])
def test_json_gives_the_model_back_to_the_last_bit(kind, request):
    personal = Personal.fit(request.getfixturevalue(kind), *_bank("usual", 300, 5))
    held, _ = _bank("usual", 50, 6)

    again = Personal.from_json(personal.to_json())

    assert again.choice == personal.choice
    assert (again.decision_function(held) == personal.decision_function(held)).all()
    assert (again.predict(held) == personal.predict(held)).all()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.update(format="fedcredit-personal/v2"),
        lambda d: d.update(more=1),
        lambda d: d.update(joint=None),
        lambda d: d["joint"].update(format="os.system"),
        lambda d: d.update(calibration=[0.0, 3.0]),
        lambda d: d.update(calibration=[0.0]),
        lambda d: d["choice"].update(weight=0.0),
        lambda d: d["choice"].update(weight=2.0),
        lambda d: d["choice"].update(kind="best"),
        lambda d: d.update(layer={"coefficients": [0.0], "penalty": 0.0}),
    ],
)
def test_a_spoiled_file_is_refused(card, spoil):
    document = json.loads(Personal.fit(card, *USUAL).to_json())
    spoil(document)

    with pytest.raises(ValueError):
        Personal.from_json(json.dumps(document))


def test_bad_input_is_named(card):
    frame, y = USUAL
    with pytest.raises(SchemaError, match="income"):
        Personal.fit(card, frame.drop(columns="income"), y)
    with pytest.raises(SchemaError, match="not those of the rows"):
        Personal.fit(card, frame, y[:-1])
    with pytest.raises(ValueError, match="labels are 0"):
        Personal.fit(card, frame, y * 2)


def test_a_last_layer_of_the_partys_own_is_taken_when_it_saves_enough(card):
    frame, y = CONTRARY
    Z, centre = personal_layer.representation(card, frame), personal_layer.joint_layer(card)

    layer, eta = personal_layer.choose(Z, y, centre)

    assert roc_auc_score(y, eta) > 0.75
    assert np.sign(layer.coefficients[1:]) == pytest.approx(-np.sign(card.coef_))


def test_the_joint_last_layer_stays_where_a_bank_is_like_the_others(card):
    frame, y = _bank("usual", 300, 5)
    Z, centre = personal_layer.representation(card, frame), personal_layer.joint_layer(card)

    assert personal_layer.choose(Z, y, centre) is None


@pytest.fixture(scope="module")
def network() -> Mlp:
    features = tuple(
        Feature(name=name, kind="numeric", lower=-9, upper=9) for name in ("income", "debt")
    )
    weights = Architecture(features, (4,), 4).start(seed=1)
    standard = Standard((-1.0, 0.0, 1.0), 500_000_000, 100_000_000)
    return Mlp.from_parts(features, (standard,) * 2, weights, (0.3, 0.8), params={"hidden": (4,)})


@pytest.mark.parametrize("kind", ["card", "trees", "network"])
def test_the_joint_layer_on_the_representation_is_the_joint_model(kind, request):
    joint = request.getfixturevalue(kind)
    held, _ = _bank("usual", 50, 6)
    Z, centre = personal_layer.representation(joint, held), personal_layer.joint_layer(joint)

    assert centre[0] + Z @ centre[1:] == pytest.approx(joint.decision_function(held))
    hard = personal_layer.refit(Z, (held["debt"] > 0).to_numpy().astype(int), centre, 1e12)
    assert hard.coefficients[1:] == pytest.approx(centre[1:], abs=1e-6)


def test_a_layer_of_another_width_is_refused():
    layer = personal_layer.LastLayer((0.0, 1.0), 10.0)
    with pytest.raises(ValueError, match="does not belong"):
        layer.apply(np.zeros((2, 3)))


def test_the_weight_is_the_posterior_mean_of_the_grid():
    loss = np.full(len(mixture.GRID), 1000.0)
    loss[2], loss[8] = 10.0, 10.0 + math.log(3)

    # Likelihoods 3 to 1 for 0.2 and 0.8, no chance for the others.
    assert mixture.weight_of(loss, 0.0) == pytest.approx(0.75 * 0.2 + 0.25 * 0.8)


def test_no_evidence_believes_both_halves():
    assert mixture.weight_of(np.full(len(mixture.GRID), 7.0), 0.0) == pytest.approx(0.5)


def test_optimism_is_charged_by_share_of_rows():
    assert mixture.optimism(60.0, 40.0, 100, 400) == pytest.approx(5.0)
    assert mixture.optimism(60.0, 40.0, 100, None) == pytest.approx(20.0)
    assert mixture.optimism(40.0, 60.0, 100, 400) == 0.0
    loss = np.zeros(len(mixture.GRID))
    assert mixture.weight_of(loss, 100.0) == pytest.approx(0.0, abs=1e-4)
