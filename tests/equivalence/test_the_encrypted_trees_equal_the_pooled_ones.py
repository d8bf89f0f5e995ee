"""Trees grown by several parties under encryption are those of one pooled table, bit for bit.

The pooled side takes plain sums of all rows in one table, and sums every node of a level in full;
the encrypted side sums the smaller children and subtracts. What is compared is the model's JSON.
"""

import json
from functools import cache

import numpy as np
import pandas as pd
import pytest

import fedcredit as fc
from fedcredit_models import boosting, gbdt
from fedcredit_models.boosted_rows import BoostedRows
from fedcredit_models.cell_rules import CellRules
from tests.equivalence.credit_data import LABEL, SAMPLE, load

SMALL = fc.Schema(
    features=(
        fc.Feature("income", "numeric", lower=1.0, upper=1e5, scale="log"),
        fc.Feature("delay", "numeric", lower=0.0, upper=60.0, special=(-9.0, -8.0)),
        fc.Feature("age", "numeric", lower=18.0, upper=100.0),
        fc.Feature("home", "categorical", levels=("own", "rent", "parents", "barge")),
        fc.Feature("nothing", "numeric", lower=0.0, upper=1.0),
        fc.Feature("leak", "numeric", lower=0.0, upper=10.0),
    ),
    label=LABEL,
    split_column=SAMPLE,
)
MODEL = fc.Gbdt(
    n_trees=4,
    max_depth=3,
    bins=12,
    learning_rate=0.4,
    monotone={"delay": 1, "age": -1},
    bad_weight=3.0,
    patience=2,
)

REAL = fc.Gbdt(n_trees=20, max_depth=4, patience=8, bad_weight="balanced")


def small_rows(n: int = 1500, seed: int = 4) -> pd.DataFrame:
    """Missing values, special codes, a rare level, an all-missing column, a leak."""
    rng = np.random.default_rng(seed)
    delay = rng.poisson(2.0, n).astype(float)
    delay[rng.random(n) < 0.15] = -9.0
    delay[:4] = -8.0  # too few to be told apart
    home = rng.choice(["own", "rent", "parents"], n).astype(object)
    home[4:9] = "barge"
    income = rng.lognormal(8, 0.6, n).clip(1, 9e4)
    age = rng.integers(20, 80, n).astype(float)
    eta = 0.5 * delay.clip(0) - 2.0 + (home == "rent") - 0.02 * (age - 40)
    bad = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
    income[rng.random(n) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "income": income,
            "delay": delay,
            "age": age,
            "home": home,
            "nothing": np.nan,
            "leak": 3.0 * bad + rng.random(n) * 5.0,
            LABEL: bad,
            SAMPLE: np.where(rng.random(n) < 0.3, "holdout", "train"),
        }
    )


@cache
def small_run() -> fc.TrainingResult:
    """One encrypted run of three parties of unlike sizes; bank-2 has no special code at all."""
    frame = small_rows()
    bank = np.where(frame["delay"] < 0, frame.index % 2, frame.index % 5).clip(max=2)
    parts = {f"bank-{i}": frame[bank == i] for i in range(3)}
    with fc.Federation.simulate(parts, schema=SMALL, quiet=True) as federation:
        return federation.run(
            fc.HorizontalJob(
                purpose="modelling",
                label=LABEL,
                split_column=SAMPLE,
                model=MODEL,
                run_deadline_s=60,
            )
        )


def pooled(frame: pd.DataFrame, schema: fc.Schema, model: fc.Gbdt) -> fc.Gbdt:
    """Fit the pooled table with the functions of a run, without subtraction."""
    train, held = (frame[frame[SAMPLE] == name] for name in ("train", "holdout"))
    columns = [feature.name for feature in schema.features]
    return fc.Gbdt(**model.get_params()).fit(
        train[columns],
        train[LABEL],
        holdout=(held[columns], held[LABEL]),
        schema=fc.Schema(features=schema.features, label=LABEL),
        cells=CellRules(),
    )


def in_full(part: BoostedRows, course: boosting.Boosting) -> np.ndarray:
    """Sum every node of the frontier, where a party sums the smaller child of each split."""
    asked, course.asked = course.asked, course.frontier
    try:
        return part.sums(course)
    finally:
        course.asked = asked


@pytest.fixture
def every_node_summed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pooled fit sum all nodes and subtract nothing."""

    def fit(parts, raw, rules, held=(), fellows=None):  # type: ignore[no-untyped-def]
        (part,), n_bads = parts, int(parts[0].y.sum())
        course = boosting.Boosting(
            raw, rules, n_bads=n_bads, n_goods=len(part.y) - n_bads, fellows=fellows
        )
        while not course.done:
            loss, holdout = 0, None
            if course.depth == 0 and course.trees:
                loss = part.loss(course)
                weight = float(np.where(held[0].y == 1, rules.bad_weight, 1.0).sum())
                holdout = (held[0].loss(course), weight)
            course.absorb(boosting.step(course, in_full(part, course), loss=loss, holdout=holdout))
        return course

    monkeypatch.setattr(gbdt.boosting, "fit", fit)


def test_the_encrypted_model_is_the_pooled_one_to_the_last_bit(every_node_summed: None) -> None:
    result = small_run()
    expected = pooled(small_rows(), SMALL, MODEL)

    found = json.loads(result.model.to_json())
    assert found["trees"] == json.loads(expected.to_json())["trees"]
    # The federation left the empty column out before it asked; the table's own check does too.
    assert {**found, "dropped": {}} == {**json.loads(expected.to_json()), "dropped": {}}
    assert set(found["dropped"]) == set(expected.dropped) == {"nothing"}


def test_the_run_says_what_it_found_out_of_the_columns() -> None:
    result = small_run()

    assert "leak" in result.model.suspicious
    assert "home" not in result.model.suspicious
    assert any("leak" in line for line in result.remarks())
    assert result.metrics["holdout"]["auc"] > 0.8


def test_the_losses_are_those_of_the_hold_out() -> None:
    result, frame = small_run(), small_rows()
    held = frame[frame[SAMPLE] == "holdout"]
    model = result.model
    n_trees = len(model.trees_)
    eta = model.decision_function(held.drop(columns=[LABEL, SAMPLE]))
    weight = np.where(held[LABEL] == 1, 3.0, 1.0)
    loss = (weight * (np.logaddexp(0.0, eta) - held[LABEL] * eta)).sum() / weight.sum()

    assert min(h for _, h in model.losses_) == pytest.approx(loss, abs=1e-6)
    assert np.argmin([h for _, h in model.losses_]) == n_trees - 1


@pytest.mark.long
@pytest.mark.parametrize("name", ["hmeq", "german"])
def test_on_real_rows_the_encrypted_model_is_the_pooled_one(
    name: str, every_node_summed: None
) -> None:
    data = load(name)
    model, parts = REAL, data.parts(data.recipe.rule)
    with fc.Federation.simulate(parts, schema=data.schema, quiet=True) as some:
        result = some.run(
            fc.HorizontalJob(
                purpose="modelling",
                label=LABEL,
                split_column=SAMPLE,
                model=model,
                run_deadline_s=240,
            )
        )

    expected = pooled(data.frame, data.schema, model)

    assert json.loads(result.model.to_json()) == json.loads(expected.to_json())
