"""Four banks, a key holder and a coordinator as processes of their own, over Flower and TLS.

Each of them is killed in the middle of a round and returns; the card is the same. One federation
serves the whole file, because founding and starting it takes seconds.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import fedcredit as fc
from fedcredit import machine as machines
from fedcredit.errors import PartiesMissingError
from fedcredit.machine import ANALYST, COORDINATOR, KEY_HOLDER, Machine, MachineTable
from fedcredit.requester import Progress
from fedcredit_ledger.verify import Level, verify_file
from fedcredit_models.schema import infer
from fedcredit_parties.daemon import PartySetup
from tests.simulated import bank_frames

FRAMES = bank_frames(n_banks=4, n_rows=400)


class Running:
    """A federation of daemons with its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        schema = infer(FRAMES, label="bad")
        tables = {
            name: MachineTable(frame=frame, bad_definition="the label column is 1")
            for name, frame in FRAMES.items()
        }
        self.path = machines.found(folder, tables, features=schema.features)
        self.machine = Machine(folder)

    def grant(self, bank: str, purpose: str = "modelling") -> None:
        command = [sys.executable, "-m", "fedcredit", "grant", "issue"]
        command += [str(self.folder / bank / "party.toml"), "--purpose", purpose, "--to", ANALYST]
        subprocess.run(command, check=True, capture_output=True)

    def job(self, **changes: object) -> fc.HorizontalJob:
        settings = {"purpose": "modelling", "label": "bad", "run_deadline_s": 120}
        return fc.HorizontalJob(**settings | changes)


@pytest.fixture(name="running", scope="module")
def running_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("daemons") / "federation")
    try:
        running.machine.up()
        for bank in FRAMES:
            running.grant(bank)
        yield running
    finally:
        running.machine.down()


@pytest.fixture(name="expected", scope="module")
def expected_fixture(running: Running) -> fc.TrainingResult:
    setup = PartySetup(running.folder / KEY_HOLDER / "party.toml")
    split_key = setup.vault().get("split-key")
    with fc.Federation.simulate(FRAMES, split_key=split_key, quiet=True) as federation:
        return federation.run(running.job())


def test_daemons_and_simulation_give_the_same_integers(
    running: Running, expected: fc.TrainingResult
) -> None:
    federation = fc.Federation.load(running.path, quiet=True)

    result = federation.run(running.job())
    federation.close()

    pd_counts = ["feature", "bin", "n", "bads", "points"]
    assert result.model.table()[pd_counts].equals(expected.model.table()[pd_counts])
    assert np.array_equal(result.model.coef_, expected.model.coef_)
    assert result.file.metrics == expected.file.metrics
    assert all(row.bytes_sent > 100_000 for row in result.file.participation.values())


class Killer:
    """Kills one process once, in the middle of a Newton round, and starts it again."""

    def __init__(self, strike: Callable[[], None]) -> None:
        self._strike = strike
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, progress: Progress) -> None:
        if progress.phase == "newton" and progress.round >= 4 and self._thread is None:
            self._thread = threading.Thread(target=self._act)
            self._thread.start()

    def _act(self) -> None:
        self._strike()
        self._done.set()

    def join(self) -> None:
        assert self._thread is not None, "the run never came to its fourth round"
        self._thread.join(60.0)
        assert self._done.is_set()


def strike(running: Running, name: str) -> Callable[[], None]:
    def act() -> None:
        process = running.machine.process(name)
        assert process is not None
        os.kill(process, signal.SIGKILL)
        time.sleep(1.0)
        running.machine.start(name)

    return act


def strike_superlink(running: Running) -> Callable[[], None]:
    def act() -> None:
        found = superlink_processes(running.folder)
        assert found
        os.kill(found[0], signal.SIGKILL)

    return act


def superlink_processes(folder: Path) -> list[int]:
    """Return the processes whose command line names this federation's SuperLink and its folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(b"superlink_process" in word for word in words) and any(
                os.fsencode(folder) in word for word in words
            ):
                found.append(int(entry.name))
    return sorted(found)


@pytest.mark.long
@pytest.mark.parametrize("who", ["bank-1", KEY_HOLDER, COORDINATOR, "superlink"])
def test_a_process_killed_in_a_round_costs_seconds_and_not_the_run(
    running: Running, expected: fc.TrainingResult, who: str
) -> None:
    act = strike_superlink(running) if who == "superlink" else strike(running, who)
    killer = Killer(act)
    federation = fc.Federation.load(running.path, quiet=True)

    result = federation.run(running.job(), progress=killer)
    killer.join()
    federation.close()

    assert np.allclose(result.model.coef_, expected.model.coef_, atol=1e-9, rtol=0)


@pytest.mark.long
def test_a_party_that_never_returns_fails_the_run_by_rule(running: Running) -> None:
    process = running.machine.process("bank-2")
    assert process is not None
    federation = fc.Federation.load(running.path, quiet=True)

    def kill(progress: Progress) -> None:
        if progress.phase == "newton" and running.machine.process("bank-2") == process:
            os.kill(process, signal.SIGKILL)

    with pytest.raises(PartiesMissingError) as caught:
        federation.run(running.job(run_deadline_s=12), progress=kill)
    federation.close()
    running.machine.up()

    assert 40 <= caught.value.exit_code <= 49
    state = federation._backend.requester.member.ledger.state
    failed = [run for run in state.runs.values() if run.status == "failed"]
    assert [run.failure for run in failed] == ["PartiesMissingError"]
    for run in state.runs.values():
        rounds = [opened.data["round"] for opened in run.opened]
        assert len(set(rounds)) == len(rounds), "a round was opened twice"


def test_the_ledger_verifies_to_the_last_signature(running: Running) -> None:
    report = verify_file(
        running.folder / COORDINATOR / "state" / "ledger.db", level=Level.SIGNATURES
    )

    assert report.findings == []
