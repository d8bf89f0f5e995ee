"""The SQL of a model, run by SQLite, gives what the model gives."""

import sqlite3

import numpy as np
import pandas as pd
import pytest

from fedcredit_models import Feature, Gbdt, Schema, Scorecard

SCHEMA = Schema(
    features=(
        Feature("income of 'all'", "numeric", lower=0.0, upper=1e6, scale="asinh"),
        Feature('delay "days"', "numeric", lower=0.0, upper=99.0, special=(-999.0, -8.0)),
        Feature("region", "categorical", levels=("north", "o'south", "7")),
    ),
    label="bad",
)


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    rng = np.random.default_rng(15)
    n = 2500
    delay = rng.poisson(3.0, n).astype(float)
    delay[rng.random(n) < 0.1] = -999.0
    delay[rng.random(n) < 0.1] = -8.0
    delay[rng.random(n) < 0.05] = np.nan
    frame = pd.DataFrame(
        {
            "income of 'all'": np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(9, 1, n)),
            'delay "days"': delay,
            "region": rng.choice(["north", "o'south", "7", "moon", None], n),
        }
    )
    eta = np.nan_to_num(delay.clip(min=0)) * 0.4 - 2.0 + (frame["region"] == "7") * 1.2
    frame["bad"] = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
    return frame


def run(statement: str, frame: pd.DataFrame) -> pd.DataFrame:
    with sqlite3.connect(":memory:") as db:
        frame.drop(columns="bad").to_sql("new customers", db, index=False)
        return pd.read_sql_query(statement, db)


@pytest.fixture(scope="module")
def card(customers: pd.DataFrame) -> Scorecard:
    return Scorecard().fit(customers.drop(columns="bad"), customers["bad"], schema=SCHEMA)


@pytest.fixture(scope="module")
def trees(customers: pd.DataFrame) -> Gbdt:
    model = Gbdt(n_trees=15, max_depth=4, bins=12)
    return model.fit(customers.drop(columns="bad"), customers["bad"], schema=SCHEMA)


def test_a_scorecard_in_sql_gives_its_points_and_log_odds(card, customers):
    found = run(card.to_sql("new customers"), customers)

    assert (found["score"].to_numpy() == card.score_points(customers)).all()
    assert found["log_odds_bad"].to_numpy() == pytest.approx(
        card.decision_function(customers), abs=1e-12
    )
    assert found["probability_bad"].to_numpy() == pytest.approx(
        card.predict_proba(customers)[:, 1], abs=1e-12
    )


def test_trees_in_sql_give_their_log_odds_to_the_last_bit(trees, customers):
    found = run(trees.to_sql("new customers"), customers)

    assert (found["log_odds_bad"].to_numpy() == trees.decision_function(customers)).all()


def test_names_are_quoted_part_by_part_and_as_the_database_wants(card):
    assert 'FROM "risk"."apps" AS rows_' in card.to_sql("risk.apps")
    assert "FROM `apps` AS rows_" in card.to_sql("apps", quote="`")


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201])
def test_a_name_that_cannot_be_quoted_is_refused(card, name):
    with pytest.raises(ValueError, match="quote"):
        card.to_sql(name)
