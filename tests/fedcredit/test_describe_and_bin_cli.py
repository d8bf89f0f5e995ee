"""``fedcredit describe`` and ``fedcredit bin``: from a job file to tables, edits and saved bins."""

import json
from pathlib import Path

import pandas as pd
import pytest

from fedcredit import job_on_daemons
from tests.fedcredit.command_line import JOB, PARTIES, Done, fedcredit, write_job
from tests.fedcredit.test_job_on_daemons import Daemons
from tests.simulated import bank_frames, parts, small_federation

WHOLE = JOB.replace("min_parties", "holdout = 0.0\nmin_parties")
POOLED = pd.concat(bank_frames().values())


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_job(tmp_path_factory.mktemp("job"), WHOLE + PARTIES)


@pytest.fixture(scope="module")
def binned(job: Path) -> Done:
    return fedcredit("bin", job, "--fine", "--out", job.parent / "bins.json")


def test_describe_prints_pandas_numbers_and_saves_nothing_else(job: Path) -> None:
    page = job.parent / "columns.html"
    before = {*job.parent.iterdir()}
    done = fedcredit("describe", job, "--json", "--quiet", "--html", page)
    assert done.code == 0, done.err
    rows = {row["feature"]: row for row in done.json()["columns"]}
    assert rows["income"]["n"] == len(POOLED)
    apart = abs(rows["income"]["mean"] - POOLED["income"].mean())
    assert apart <= rows["income"]["mean_bound"] < 0.1
    assert {*job.parent.iterdir()} - before == {page}
    assert "<svg" in page.read_text() and "<script" not in page.read_text()


def test_describe_prints_tables_and_tells_its_run(job: Path) -> None:
    done = fedcredit("describe", job, "--cross", "home,income")
    assert done.code == 0, done.err
    assert "600 training rows of 3 parties" in done.out
    assert "correlations, pairwise" in done.out and "information values" in done.out
    assert "cross-tables" in done.out and "final: " in done.out
    assert "round 2: statistics" in done.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--over", "2023"), "--over quarter:2022-01..2023-12"),
        (("--vintage", "months"), "--vintage months:6,12"),
        (("--cross", "income"), "--cross income,job"),
        (("--over", "quarter:2022-01..2023-12"), "periods: need a time_column"),
    ],
)
def test_options_that_cannot_be_read_say_what_to_type(
    job: Path, options: tuple[str, ...], said: str
) -> None:
    done = fedcredit("describe", job, "--quiet", *options)
    assert done.code == 11
    assert said in done.err


def test_running_daemons_are_asked_the_same(
    job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A simulation stands in for the daemons: the requester behind it is the same object."""
    with small_federation() as federation:
        simulation = parts(federation)
        features = {feature.name: feature for feature in federation.features}
        monkeypatch.setattr(
            job_on_daemons, "Connection", lambda path: Daemons(simulation, features)
        )
        asked = fedcredit(
            "describe", job, "--federation", tmp_path / "federation.toml", "--json", "--quiet"
        )
    assert asked.code == 0, asked.err
    rows = {row["feature"]: row for row in asked.json()["columns"]}
    assert rows["age"]["mean"] == pytest.approx(POOLED["age"].mean(), abs=1e-6)
    assert rows["home"]["n"] == len(POOLED)


def test_bin_prints_bins_and_saves_them(job: Path, binned: Done) -> None:
    assert binned.code == 0, binned.err
    assert "fine bins" in binned.out and 'binning = "bins.json"' in binned.out
    assert json.loads((job.parent / "bins.json").read_text())["format"] == "fedcredit-binning/v1"


def test_an_edit_is_counted_again_and_a_job_runs_on_it(job: Path, binned: Done) -> None:
    folder = job.parent
    edits = folder / "edit.toml"
    edits.write_text(
        'drop = ["age"]\n[cut]\nincome = [3333, 6000]\n'
        '[group]\nhome = [["own", "parents"], ["rent"]]\n'
    )
    out = folder / "edited.json"
    done = fedcredit(
        "bin", job, "--binning", folder / "bins.json", "--edit", edits, "--out", out, "--json"
    )
    assert done.code == 0, done.err
    found = {f["declared"]["name"]: f for f in done.json()["binning"]["features"]}
    cut = pd.cut(POOLED["income"], [0, 3333, 6000, 1e9])
    expected = POOLED.groupby(cut, observed=True)["bad"].sum().tolist()
    assert found["income"]["counts"]["bads"] == expected
    assert "age" not in found

    on_bins = folder / "on_bins.toml"
    on_bins.write_text('binning = "edited.json"\n' + WHOLE + PARTIES)
    checked = fedcredit("job", "check", on_bins, "--json").json()["job"]["binning"]
    assert checked["features"][0]["edges"] == [3333.0, 6000.0]
    done = fedcredit("job", "run", on_bins, "--quiet", "--json", "--store", folder / "runs")
    assert done.code == 0, done.err
    saved = fedcredit("job", "show", done.json()["run_id"], "--store", folder / "runs", "--json")
    tables = {t["feature"]["name"]: t for t in saved.json()["model"]["tables"]}
    assert tables["income"]["edges"] == [3333.0, 6000.0]
    assert tables["income"]["bads"] == expected


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("[cut]\nincome = [1001]\n", 26, "the bin '≤ 1001' of income is below"),
        ("[cut]\nhome = [1]\n", 11, "home is a category"),
        ('[group]\nhome = [["own"]]\n', 11, "home: in no group: parents, rent"),
        ("[cuts]\nincome = [1]\n", 11, "did you mean cut?"),
        ("[cut\n", 11, "cannot be read as TOML"),
    ],
)
def test_a_wrong_edit_is_named_with_what_to_do(
    job: Path, binned: Done, tmp_path: Path, text: str, code: int, said: str
) -> None:
    edits = tmp_path / "edit.toml"
    edits.write_text(text)
    done = fedcredit("bin", job, "--binning", job.parent / "bins.json", "--edit", edits, "--quiet")
    assert said in done.err
    assert "what to do:" in done.err
    assert done.code == code
