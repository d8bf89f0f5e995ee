"""A federation on one machine, from the command line: found, start, allow, ask, look, stop."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from fedcredit.machine import COORDINATOR, KEY_HOLDER, Machine
from fedcredit.machine_processes import left_in
from tests.simulated import bank_frames

pytestmark = pytest.mark.long

JOB = 'purpose = "modelling"\nlabel = "bad"\nmin_parties = 3\nrun_deadline_s = 60\nseed = 7\n'
BANKS = ("bank-0", "bank-1", "bank-2")


def fedcredit(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fedcredit", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(name="folder", scope="module")
def folder_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("machine")
    pd.concat(bank_frames(n_rows=400).values()).to_csv(folder / "people.csv", index=False)
    (folder / "job.toml").write_text(JOB, "utf-8")
    done = fedcredit("federation", "init", folder / "fed", "--data", folder / "people.csv")
    assert done.returncode == 0, done.stderr
    try:
        done = fedcredit("federation", "up", folder / "fed")
        assert done.returncode == 0, done.stderr
        yield folder
    finally:
        Machine(folder / "fed").down()


def test_a_job_is_checked_allowed_run_and_reported(folder: Path) -> None:
    job = (folder / "job.toml", "--federation", folder / "fed" / "federation.toml")

    refused = fedcredit("job", "check", *job)
    for bank in BANKS:
        at = f"at {bank}: fedcredit grant issue {folder / 'fed' / bank / 'party.toml'}"
        assert at in refused.stdout
        words = refused.stdout.split(f"at {bank}: fedcredit ")[1].splitlines()[0]
        assert fedcredit(*words.split()).returncode == 0
    allowed = fedcredit("job", "check", *job)
    run = fedcredit("job", "run", *job, "--json")
    found = json.loads(run.stdout)
    report = fedcredit(
        "job", "report", found["run_id"][:8], "--store", folder / ".fedcredit", "-o",
        folder / "report.html",
    )  # fmt: skip

    assert refused.returncode == 21
    assert allowed.returncode == 0 and "fits this federation" in allowed.stdout
    assert run.returncode == 0, run.stderr
    assert "not used with daemons: seed" in run.stderr
    for words in ("approvals", "round 1: bin edges", "round 3: Newton step"):
        assert words in run.stderr
    assert found["status"] == "finished" and found["auc"] > 0.5
    assert report.returncode == 0, report.stderr
    assert (folder / "report.html").stat().st_size > 10_000


def test_status_ends_with_a_number_when_a_member_is_down(folder: Path) -> None:
    machine = Machine(folder / "fed")
    well = fedcredit("federation", "status", folder / "fed")
    process = machine.process("bank-1")
    assert process is not None
    os.kill(process, signal.SIGKILL)
    time.sleep(0.5)

    ill = fedcredit("federation", "status", folder / "fed", "--json")
    again = fedcredit("federation", "up", folder / "fed")

    assert well.returncode == 0
    assert well.stdout.count("ready") == 5
    assert ill.returncode == 41
    found = json.loads(ill.stdout)
    assert [name for name, said in found.items() if not said["ready"]] == ["bank-1"]
    assert found["bank-0"]["memory_bytes"] > 20 * 2**20
    assert again.returncode == 0
    assert machine.process("bank-1") not in (None, process)


def test_a_run_fails_within_seconds_when_a_bank_declines(folder: Path) -> None:
    (folder / "other.toml").write_text(JOB + 'bad_definition = "another one"\n', "utf-8")

    begun = time.monotonic()
    done = fedcredit(
        "job", "run", folder / "other.toml", "--federation", folder / "fed" / "federation.toml"
    )

    assert time.monotonic() - begun < 15
    assert done.returncode == 14, done.stderr
    assert "defines bad differently" in done.stderr
    saved = fedcredit("job", "list", "--store", folder / ".fedcredit", "--json")
    assert [run["error"] for run in json.loads(saved.stdout)] == [None, "SchemaMismatchError"]


def test_down_is_quick_and_leaves_nothing(folder: Path) -> None:
    begun = time.monotonic()
    done = fedcredit("federation", "down", folder / "fed")

    assert done.returncode == 0
    assert time.monotonic() - begun < 6
    assert left_in(folder) == []
    machine = Machine(folder / "fed")
    assert {machine.process(name) for name in (COORDINATOR, KEY_HOLDER, *BANKS)} == {None}
