"""A party at its desk: its table, a saved joint model, and its own version of it."""

import json
from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fedcredit_models import Personal, Scorecard
from tests.fedcredit.command_line import Done, fedcredit
from tests.simulated import bank_frames

FEATURES = ["income", "home", "age"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with party.toml, a table with its own split, and the joint model of three banks."""
    folder = tmp_path_factory.mktemp("desk")
    frames = bank_frames(n_rows=500)
    own = frames["bank-0"].assign(sample=["holdout" if i % 3 == 0 else "train" for i in range(500)])
    own.to_csv(folder / "loans.csv", index=False)
    others = pd.concat([own[own["sample"] == "train"], frames["bank-1"], frames["bank-2"]])
    card = Scorecard().fit(others[FEATURES], others["bad"])
    (folder / "model.json").write_text(card.to_json(), encoding="utf-8")
    (folder / "party.toml").write_text(
        'name = "bank-0"\nrole = "data-holder"\n[[data]]\nname = "loans"\npath = "loans.csv"\n',
        encoding="utf-8",
    )
    return folder


def personalise(desk: Path, output: Path, *words: object) -> Done:
    return fedcredit(
        "party", "personalise", desk / "party.toml", desk / "model.json",
        "--label", "bad", "-o", output, *words,
    )  # fmt: skip


def test_the_file_holds_the_party_s_model_and_the_comparison_is_on_its_hold_out(
    desk: Path, tmp_path: Path
) -> None:
    done = personalise(desk, tmp_path / "ours.json", "--split-column", "sample", "--json")

    assert done.code == 0, done.err
    told = done.json()
    table = pd.read_csv(desk / "loans.csv")
    held = table[table["sample"] == "holdout"]
    model = Personal.from_json((tmp_path / "ours.json").read_text("utf-8"))
    expected = roc_auc_score(held["bad"], model.decision_function(held[FEATURES]))
    rows = {row["model"]: row for row in told["holdout"]}
    assert list(rows) == ["local", "joint", "personal"]
    assert rows["personal"]["auc"] == pytest.approx(expected, abs=5e-5)
    assert told["choice"]["kind"] == model.choice.kind
    joint = Scorecard.from_json((desk / "model.json").read_text("utf-8"))
    assert rows["joint"]["auc"] == pytest.approx(
        roc_auc_score(held["bad"], joint.decision_function(held)), abs=5e-5
    )


def test_what_is_printed_names_the_choice(desk: Path, tmp_path: Path) -> None:
    done = personalise(desk, tmp_path / "ours.json")

    assert done.code == 0, done.err
    assert done.out.startswith("chosen: ") and "personal" in done.out
    assert json.loads((tmp_path / "ours.json").read_text("utf-8"))["format"] == (
        "fedcredit-personal/v1"
    )


def test_without_a_hold_out_nothing_is_compared(desk: Path, tmp_path: Path) -> None:
    done = personalise(desk, tmp_path / "ours.json", "--holdout", 0)

    assert done.code == 0, done.err
    assert "no comparison" in done.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--table", "cards"), "--table"),
        (("--label", "default"), "default"),
        (("--split-column", "part"), "part"),
    ],
)
def test_what_is_wrong_is_named(
    desk: Path, tmp_path: Path, words: tuple[object, ...], says: str
) -> None:
    done = personalise(desk, tmp_path / "ours.json", *words)

    assert done.code > 2 and says in done.err
    assert not (tmp_path / "ours.json").exists()


def test_a_file_that_is_no_model_is_named(desk: Path, tmp_path: Path) -> None:
    done = fedcredit(
        "party", "personalise", desk / "party.toml", desk / "loans.csv",
        "--label", "bad", "-o", tmp_path / "ours.json",
    )  # fmt: skip

    assert done.code > 2 and "no model" in done.err
