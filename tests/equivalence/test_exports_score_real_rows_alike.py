"""What leaves as SQL, PMML or LightGBM scores the rows of real data sets as the model does."""

import sqlite3

import pandas as pd
import pytest

from fedcredit_models import Gbdt, Schema, Scorecard
from fedcredit_models.columns import level_text
from fedcredit_models.tree_exchange import lightgbm_rows
from tests.equivalence.credit_data import LABEL, load
from tests.models.pmml_reader import read, rows_of, score

LONG = ("taiwan_default", "heloc", "german", "sba_case", "polish_1year", "berka_static")

SETS = ["demo", "hmeq", *(pytest.param(name, marks=pytest.mark.long) for name in LONG)]

MANY = 2_000
"""Rows that a set is scored on; our reader of PMML is slow."""


@pytest.fixture(scope="module", params=SETS)
def fitted(request: pytest.FixtureRequest) -> tuple[Scorecard, Gbdt, pd.DataFrame]:
    data = load(request.param)
    features = data.recipe.features
    rows, new = (part[[f.name for f in features]] for part in (data.train, data.holdout))
    y, schema = data.train[LABEL], Schema(features=features, label=LABEL)
    card = Scorecard().fit(rows, y, schema=schema)
    trees = Gbdt(n_trees=20, max_depth=4).fit(rows, y, schema=schema)
    # As a database keeps them, and not as pandas' categories.
    texts = {f.name: new[f.name].astype(object) for f in features if f.kind == "categorical"}
    return card, trees, new.assign(**texts).head(MANY).reset_index(drop=True)


def test_sql_in_sqlite(fitted):
    card, trees, new = fitted
    with sqlite3.connect(":memory:") as db:
        new.to_sql("new", db, index=False)
        points = pd.read_sql_query(card.to_sql("new"), db)["score"].tolist()
        log_odds = pd.read_sql_query(trees.to_sql("new"), db)["log_odds_bad"].tolist()

    assert points == card.score_points(new).tolist()
    assert log_odds == trees.decision_function(new).tolist()


def as_field(value: object, kind: str) -> object:
    """Return a value as PMML's field holds it: a level is text, whole numbers without a point."""
    return level_text(value) if kind == "categorical" else float(value)


def test_pmml(fitted):
    card, trees, new = fitted
    new = new.head(300)
    kinds = {table.raw.feature.name: table.raw.feature.kind for table in card.tables_}
    kinds |= {raw.feature.name: raw.feature.kind for raw in trees.raw_}
    rows = [
        {
            name: None if value is None else as_field(value, kinds[name])
            for name, value in row.items()
            if name in kinds
        }
        for row in rows_of(new)
    ]
    points, sums = read(card.to_pmml()), read(trees.to_pmml())

    assert [score(points, row)["score"] for row in rows] == card.score_points(new).tolist()
    found = [score(sums, row)["log_odds_bad"] for row in rows]
    assert found == trees.decision_function(new).tolist()


def test_lightgbm(fitted):
    try:
        import lightgbm
    except (ImportError, OSError):
        pytest.skip("pip install lightgbm, apt-get install libgomp1")
    _, trees, new = fitted
    booster = lightgbm.Booster(model_str=trees.to_lightgbm())

    found = booster.predict(lightgbm_rows(trees, new), raw_score=True, num_threads=1)

    assert (found == trees.decision_function(new)).all()
