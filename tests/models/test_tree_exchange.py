"""LightGBM reads the exported trees and scores every row as we do, to the last bit."""

import json

import numpy as np
import pandas as pd
import pytest

from fedcredit_models import Feature, Gbdt, SchemaError, tree_exchange
from fedcredit_models.cells import RawCells
from fedcredit_models.tree_exchange import lightgbm_rows
from fedcredit_models.trees import Node, Tree
from tests.models.exchange_rows import SCHEMA, applicants, hard_rows

try:
    import lightgbm
except (ImportError, OSError):  # OSError: the wheel is there, the OpenMP library it needs is not
    pytest.skip("pip install lightgbm, apt-get install libgomp1", allow_module_level=True)

FEATURES = list(SCHEMA.names)


def raw_scores(model: Gbdt, rows: pd.DataFrame) -> np.ndarray:
    booster = lightgbm.Booster(model_str=model.to_lightgbm())
    return booster.predict(lightgbm_rows(model, rows), raw_score=True, num_threads=1)


@pytest.fixture(scope="module")
def trees() -> Gbdt:
    rows = applicants()
    return Gbdt(n_trees=20, max_depth=5, bins=16).fit(rows[FEATURES], rows["bad"], schema=SCHEMA)


def test_every_applicant_scores_alike(trees):
    rows = applicants(4000, seed=4)

    assert (raw_scores(trees, rows) == trees.decision_function(rows)).all()


def test_every_boundary_and_code_scores_alike(trees):
    rows = hard_rows(trees.raw_)

    assert (raw_scores(trees, rows) == trees.decision_function(rows)).all()


def test_the_probability_is_that_of_the_log_odds(trees):
    rows = applicants(500, seed=5)
    booster = lightgbm.Booster(model_str=trees.to_lightgbm())

    found = booster.predict(lightgbm_rows(trees, rows), num_threads=1)

    assert found == pytest.approx(trees.predict_proba(rows)[:, 1], abs=1e-12)


def test_the_file_says_what_its_inputs_are(trees):
    line = next(x for x in trees.to_lightgbm().splitlines() if x.startswith("fedcredit_inputs="))

    inputs = json.loads(line.partition("=")[2])

    assert [one["name"] for one in inputs] == FEATURES
    assert inputs[3]["levels"] == ["north", "o'south", "7", ""]


def leaf(n: int, value: int) -> Node:
    return Node(n=n, value=value << 40)


def one_split(raw: RawCells, left: tuple[int, ...]) -> Gbdt:
    nodes = (Node(n=9, left=left, feature=0, children=(1, 2)), leaf(4, 1), leaf(5, 2))
    return Gbdt.from_parts([raw], 0, [Tree(nodes)])


@pytest.mark.parametrize(
    "left",
    [(0,), (1,), (2,), (3,), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3), (0, 1), (0, 1, 2), (0, 1, 3)],
    ids=str,
)
@pytest.mark.parametrize("code", [-9.0, 0.0, 3.0, 9.0])
def test_every_way_to_send_numbers_missing_and_a_code_left(left, code):
    raw = RawCells(Feature("x", "numeric", lower=-5.0, upper=5.0, special=(code,)), (0.0,))
    model = one_split(raw, left)
    rows = hard_rows([raw], n=60)

    assert (raw_scores(model, rows) == model.decision_function(rows)).all()


@pytest.mark.parametrize("left", [(0,), (33,), (34,), (35,), (0, 33, 34), (1, 35), (32, 34, 35)])
def test_every_way_to_send_levels_others_and_missing_left(left):
    raw = RawCells(Feature("x", "categorical", levels=tuple(f"l{i}" for i in range(34))))
    model = one_split(raw, left)
    rows = hard_rows([raw], n=200)

    assert (raw_scores(model, rows) == model.decision_function(rows)).all()


def test_a_model_of_one_leaf_is_read():
    raw = RawCells(Feature("x", "numeric", lower=0.0, upper=1.0))
    model = Gbdt.from_parts([raw], 3 << 40, [Tree((leaf(9, 1),))])

    assert raw_scores(model, pd.DataFrame({"x": [0.5, np.nan]})).tolist() == [4.0, 4.0]


NASTY = ["a b", "x=1", 'say "no"', "a:b,c[d]{e}", "line\nTree=0", "漢字", "Column_0"]


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_name_does_not_change_the_file(name):
    plain = RawCells(Feature("y", "numeric", lower=0.0, upper=1.0), (0.5,))
    raw = RawCells(Feature(name, "categorical", levels=(name, "b")))
    nodes = (Node(n=9, feature=1, left=(0,), children=(1, 2)), leaf(4, 1), leaf(5, 2))
    model = Gbdt.from_parts([plain, raw], 0, [Tree(nodes)])
    rows = pd.DataFrame({"y": [0.1, 0.2, 0.3], name: [name, "b", None]})

    assert raw_scores(model, rows).tolist() == [1.0, 2.0, 2.0]


def test_special_codes_that_would_make_a_tree_too_large_are_named(trees, monkeypatch):
    monkeypatch.setattr(tree_exchange, "MAX_LEAVES", 20)

    with pytest.raises(ValueError, match=r"special codes of delay_days.*declare fewer"):
        trees.to_lightgbm()


def test_a_missing_column_is_named(trees):
    with pytest.raises(SchemaError, match="no column region"):
        lightgbm_rows(trees, applicants(10).drop(columns="region"))


def test_numbers_within_1e_35_of_zero_are_zero_to_lightgbm():
    model = one_split(RawCells(Feature("x", "numeric", lower=-1.0, upper=1.0), (0.0,)), (0,))

    assert raw_scores(model, pd.DataFrame({"x": [0.0, 1e-36, 1e-34]})).tolist() == [1.0, 1.0, 2.0]


def test_its_own_contributions_are_no_number_rather_than_wrong(trees):
    booster = lightgbm.Booster(model_str=trees.to_lightgbm())

    found = booster.predict(lightgbm_rows(trees, applicants(20)), pred_contrib=True, num_threads=1)

    assert np.isnan(found).any(axis=1).all()
