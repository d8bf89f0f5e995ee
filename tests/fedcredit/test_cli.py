"""The command line from a job file to a report, and what it says about ledgers and saved runs."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fedcredit.ledger_file import lines
from tests.fedcredit.command_line import JOB, PARTIES, Done, fedcredit, write_job


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("job")


@pytest.fixture(scope="module")
def ran(folder: Path) -> Done:
    """One job, run once for this module."""
    return fedcredit("job", "run", write_job(folder))


@pytest.fixture(scope="module")
def store(folder: Path, ran: Done) -> Path:
    assert ran.code == 0, ran.err
    return folder / ".fedcredit"


@pytest.fixture(scope="module")
def run_id(store: Path) -> str:
    return str(fedcredit("job", "list", "--store", store, "--json").json()[0]["run_id"])


@pytest.fixture(scope="module")
def ledger(store: Path, run_id: str) -> Path:
    return store / run_id / "ledger.db"


def test_check_says_what_would_run_and_writes_nothing(tmp_path: Path) -> None:
    job = write_job(tmp_path)
    before = sorted(tmp_path.iterdir())

    done = fedcredit("job", "check", job)

    assert done.code == 0
    assert "bank-1  " in done.out and "200" in done.out
    assert "Nothing was run" in done.out
    assert sorted(tmp_path.iterdir()) == before


def test_data_go_to_standard_output_and_progress_to_standard_error(ran: Done) -> None:
    assert ran.code == 0
    assert "round 2: bins" in ran.err and "Schema, inferred" in ran.err
    assert "round 2" not in ran.out
    assert "holdout" in ran.out and "AUC" in ran.out


def test_a_run_is_saved_whole_under_its_id(store: Path, run_id: str) -> None:
    assert [path.name for path in store.iterdir()] == [run_id]
    assert {"job.toml", "ledger.db", "result.json"} <= {
        path.name for path in (store / run_id).iterdir()
    }


def test_a_saved_result_holds_no_path_of_this_machine(store: Path, run_id: str) -> None:
    text = (store / run_id / "result.json").read_text("utf-8")

    assert json.loads(text)["ledger"] == "ledger.db"
    assert str(store.parent) not in text


def test_list_and_show_agree_with_the_saved_result(store: Path, run_id: str) -> None:
    saved = json.loads((store / run_id / "result.json").read_text("utf-8"))

    (row,) = fedcredit("job", "list", "--store", store, "--json").json()
    shown = fedcredit("job", "show", run_id[:8], "--store", store)

    assert (row["status"], row["auc"]) == ("finished", saved["metrics"]["holdout"]["auc"])
    assert f"{saved['metrics']['holdout']['auc']:.4f}" in shown.out
    assert "1 x merged-bins" in shown.out and "income" in shown.out
    assert fedcredit("job", "show", run_id, "--store", store, "--json").json() == saved


def test_a_report_cites_only_entries_of_the_runs_ledger(
    store: Path, run_id: str, ledger: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report.html"

    done = fedcredit("job", "report", run_id[:8], "-o", out, "--store", store)

    assert done.code == 0, done.err
    cited = {part.split('"')[0] for part in out.read_text("utf-8").split('data-entry="')[1:]}
    assert cited
    assert cited <= {line.entry_id for line in lines(ledger)}


def test_show_filters_by_type_run_party_grant_and_time(ledger: Path, run_id: str) -> None:
    every = list(lines(ledger))

    def shown(*options: str) -> list[int]:
        found = fedcredit("ledger", "show", ledger, *options, "--json").json()
        return [line["index"] for line in found]

    assert shown() == list(range(len(every)))
    assert shown("--type", "grant-issued") == [
        line.index for line in every if line.type == "grant-issued"
    ]
    assert set(shown("--run", run_id[:6])) == {
        line.index for line in every if line.data.get("run_id") == run_id
    }
    assert {every[i].type for i in shown("--party", "analyst", "--type", "run-proposed")} == {
        "run-proposed"
    }
    grant = next(line for line in every if line.type == "grant-issued")
    uses = {every[i].type for i in shown("--grant", grant.data["grant_id"])}
    assert uses == {"grant-issued", "run-approved", "round-contributed"}
    assert shown("--since", "2999-01-01") == []
    assert shown("--since", every[3].received[:19])[-1] == len(every) - 1


def test_a_moment_that_is_none_is_wrong_usage(ledger: Path) -> None:
    done = fedcredit("ledger", "show", ledger, "--since", "yesterday")

    assert done.code == 2
    assert "2026-11-23" in done.err


@pytest.mark.parametrize("level", ["--head", "--rules", "--full"])
def test_an_honest_ledger_verifies_at_every_level(ledger: Path, level: str) -> None:
    report = fedcredit("ledger", "verify", ledger, level, "--json").json()

    assert report["findings"] == []
    assert report["size"] == report["quorum_size"] == len(list(lines(ledger)))


def test_another_founding_entry_is_a_finding(ledger: Path) -> None:
    first = next(lines(ledger)).entry_id

    assert fedcredit("ledger", "verify", ledger, "--founding", first).code == 0
    assert fedcredit("ledger", "verify", ledger, "--founding", "0" * 64).code == 52


def changed(store: Path, run_id: str, target: Path) -> Path:
    """Copy a run and change one letter of its ledger."""
    shutil.copytree(store / run_id, target / run_id)
    path = target / run_id / "ledger.db"
    raw = path.read_bytes()
    assert raw.count(b'"purpose":"modelling"') >= 1
    path.write_bytes(raw.replace(b'"purpose":"modelling"', b'"purpose":"modellinh"', 1))
    return path


def test_a_changed_letter_is_found_with_its_number(
    store: Path, run_id: str, tmp_path: Path
) -> None:
    path = changed(store, run_id, tmp_path)

    done = fedcredit("ledger", "verify", path, "--full")

    assert 50 <= done.code <= 59
    assert "no findings" not in done.out


def test_no_report_is_written_over_a_ledger_that_fails(
    store: Path, run_id: str, tmp_path: Path
) -> None:
    changed(store, run_id, tmp_path)
    out = tmp_path / "report.html"

    done = fedcredit("job", "report", run_id, "--store", tmp_path, "-o", out)

    assert done.code == 50
    assert "does not verify" in done.err
    assert not out.exists()


def test_a_name_that_no_run_has_is_told_where_it_was_looked_for(store: Path) -> None:
    done = fedcredit("job", "show", "ffffffffffff", "--store", store)

    assert done.code == 44
    assert "ResultNotFoundError" in done.err and str(store) in done.err


def test_a_failed_run_keeps_its_ledger_which_says_why(tmp_path: Path) -> None:
    store = tmp_path / "kept"
    job = write_job(tmp_path, JOB + PARTIES + '[bad_definitions]\nbank-1 = "90 days past due"\n')

    done = fedcredit("job", "run", job, "--store", store, "--json", "--quiet")

    assert done.code == 14
    assert done.json()["error"] == "SchemaMismatchError" and done.json()["party"] == "bank-1"
    (row,) = fedcredit("job", "list", "--store", store, "--json").json()
    assert (row["status"], row["error"]) == ("failed", "SchemaMismatchError")
    (entry,) = fedcredit("ledger", "show", row["ledger"], "--type", "run-failed", "--json").json()
    assert entry["data"]["error"] == "SchemaMismatchError"
    assert fedcredit("ledger", "verify", row["ledger"], "--full").code == 0
    assert "bank-1" in fedcredit("job", "show", row["run_id"], "--store", store).out
    refused = fedcredit("job", "report", row["run_id"], "--store", store)
    assert refused.code == 44


def test_what_fails_before_anything_is_asked_leaves_nothing(tmp_path: Path) -> None:
    job = write_job(tmp_path, JOB.replace("min_parties = 3", "min_parties = 4") + PARTIES)

    done = fedcredit("job", "run", job, "--quiet")

    assert done.code == 27
    assert list((tmp_path / ".fedcredit").iterdir()) == []


def test_a_file_that_is_no_ledger_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("not a ledger", encoding="utf-8")

    assert fedcredit("ledger", "show", path).code == 50
    assert fedcredit("ledger", "verify", path).code == 50
    assert fedcredit("ledger", "verify", tmp_path / "nowhere.db").code == 50


def test_the_process_returns_the_number(tmp_path: Path) -> None:
    program = "import sys; from fedcredit.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "ledger", "show", str(tmp_path / "nowhere.db")],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 50
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == "exit 50 · docs: reference/exit-codes/50"


def test_evidence_of_a_saved_run_is_packed_disclosed_and_verified(
    store: Path, run_id: str, tmp_path: Path
) -> None:
    case = tmp_path / "case.zip"

    packed = fedcredit(
        "evidence", "pack", run_id[:8], "--store", store, "-o", case, "--disclose", "result"
    )
    founding = re.search(r"founding entry ([0-9a-f]{64}): not pinned", packed.out)

    assert packed.code == 0, packed.err
    assert founding is not None
    checked = fedcredit("evidence", "verify", case, "--founding", founding[1], "--json").json()
    assert checked["subject"] == f"run {run_id}"
    assert (checked["is_pinned"], checked["missing"]) == (True, [])
    opened = [e for e in checked["entries"] if e["type"] == "round-opened"]
    assert checked["n_disclosed"] == len(opened) > 3


def test_evidence_about_a_grant_and_about_entries_of_a_ledger(ledger: Path, tmp_path: Path) -> None:
    shown = fedcredit("ledger", "show", ledger, "--type", "grant-issued", "--json").json()
    grant = shown[0]["data"]["grant_id"]
    of_grant, of_entry = tmp_path / "grant.zip", tmp_path / "entry.zip"

    done = fedcredit("evidence", "pack", "--grant", grant, "--ledger", ledger, "-o", of_grant)
    assert done.code == 0, done.err
    assert f"grant {grant}: " in done.out
    entry = shown[0]["entry_id"][:12]
    done = fedcredit("evidence", "pack", "--entry", entry, "--ledger", ledger, "-o", of_entry)
    assert done.code == 0, done.err
    assert "VALID" in fedcredit("evidence", "verify", of_entry).out


def test_evidence_that_cannot_be_packed_or_is_changed_ends_with_59(
    ledger: Path, run_id: str, tmp_path: Path
) -> None:
    case = tmp_path / "case.zip"
    pack = ("evidence", "pack", "--ledger", ledger, "-o", case)

    for wrong in (("ffff",), ("--entry", "99999"), ("--grant", "nobody-0")):
        done = fedcredit(*pack, *wrong)
        assert (done.code, done.out, case.exists()) == (59, "", False)
        assert "EvidenceError: " in done.err and "what to do" in done.err
    assert fedcredit("evidence", "verify", tmp_path / "none.zip").code == 59
    assert fedcredit(*pack, run_id, "--grant", "g").code == 2
    assert fedcredit(*pack, run_id).code == 0
    raw = case.read_bytes()
    case.write_bytes(raw.replace(b"present end", b"present END", 1))
    done = fedcredit("evidence", "verify", case)
    assert done.code == 59
    assert "InvalidEvidenceError: archive" in done.err
