"""The same evaluation of daemons and of a simulation gives the same figures, and an exit code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import fedcredit as fc
from fedcredit.evaluation_file import EvaluationFile
from fedcredit_ledger.verify import Level, verify_file
from fedcredit_models.scorecard import Scorecard
from tests.e2e.running import FRAMES, Running

pytestmark = pytest.mark.long

PERIODS = ["own", "parents", "rent"]
"""The banks' tables have no dates; any column of values can be a period."""

FILE = """
purpose = "modelling"
label = "bad"
model = "card.json"
period_column = "home"
periods = ["own", "parents", "rent"]
run_deadline_s = 120
"""


@pytest.fixture(name="card", scope="module")
def card_fixture() -> Scorecard:
    frame = next(iter(FRAMES.values()))
    return Scorecard().fit(frame[["income", "age"]], frame["bad"])


def test_monitor_asks_the_daemons_and_saves_a_ledger_that_verifies(
    running: Running, card: Scorecard, tmp_path: Path
) -> None:
    (tmp_path / "card.json").write_text(card.to_json(), "utf-8")
    (tmp_path / "monitor.toml").write_text(FILE, "utf-8")
    words = ["monitor", tmp_path / "monitor.toml", "--federation", running.path]
    command = [sys.executable, "-m", "fedcredit", *map(str, words), "--quiet", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, 80, 81), done.stderr + done.stdout
    said = json.loads(done.stdout)
    saved = EvaluationFile.load(Path(said["folder"]) / "evaluation.json")
    question = fc.Evaluation(
        purpose="modelling", label="bad", model=card, period_column="home", periods=PERIODS
    )
    with fc.Federation.simulate(FRAMES, quiet=True) as banks:
        simulated = banks.run(question).file

    assert said["exit_code"] == done.returncode
    assert saved.overall == simulated.overall
    assert saved.partitions == simulated.partitions
    assert saved.drift == simulated.drift
    assert not verify_file(Path(said["folder"]) / "ledger.db", level=Level.RULES).findings
