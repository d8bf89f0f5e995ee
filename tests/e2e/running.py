"""Four banks, a key holder and a coordinator as processes, and ways to kill them at a known moment.

A process is killed when the ledger shows a certain entry, not after some seconds; where that is not
exact enough, a process that could go too far is stopped (SIGSTOP) until the other has been killed.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import fedcredit as fc
from fedcredit import machine as machines
from fedcredit.ledger_copy import save_ledger
from fedcredit.machine import COORDINATOR, KEY_HOLDER, Machine, MachineTable
from fedcredit_ledger.rules import AttemptState, RunState, State
from fedcredit_ledger.verify import Level, verify_file
from fedcredit_models.schema import infer
from fedcredit_parties.daemon import PartySetup, read_status
from fedcredit_parties.ledger_client import LedgerClient
from tests.simulated import bank_frames

FRAMES = bank_frames(n_banks=4, n_rows=400)

SUPERLINK, SERVER_APP = "superlink", "server-app"
"""Two processes beside the daemons: Flower's server, and the coordinator's job under it."""

BACK_S = 0.5
"""How long a killed process stays away; a service manager takes about as long."""

MOMENT_S = 60.0
"""Longest wait for a moment of a run."""


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
        self.undisturbed_s = 0.0

    def start(self) -> None:
        """Start every process and let every bank allow the purpose."""
        self.machine.up()
        for bank in FRAMES:
            self.machine.grant(bank, purpose="modelling")

    def job(self, **changes: object) -> fc.HorizontalJob:
        """Return a job over all columns."""
        settings = {"purpose": "modelling", "label": "bad", "run_deadline_s": 120}
        return fc.HorizontalJob(**settings | changes)

    @contextlib.contextmanager
    def federation(self) -> Iterator[fc.Federation]:
        """Return the analyst's door to the daemons."""
        federation = fc.Federation.load(self.path, quiet=True)
        try:
            yield federation
        finally:
            federation.close()

    def simulated(self) -> fc.TrainingResult:
        """Return what a simulation with the daemons' split key gives."""
        split_key = PartySetup(self.folder / KEY_HOLDER / "party.toml").vault().get("split-key")
        with fc.Federation.simulate(FRAMES, split_key=split_key, quiet=True) as federation:
            return federation.run(self.job())

    def timed_run(self, federation: fc.Federation) -> tuple[fc.TrainingResult, float]:
        """Run the job; return its result and its seconds."""
        began = time.monotonic()
        result = federation.run(self.job())
        return result, time.monotonic() - began

    # Processes

    def process(self, name: str) -> int:
        """Return the id of a running process."""
        found = self.machine.process(name) if name in self.members else self._flower(name)
        assert found is not None, f"{name} does not run"
        return found

    @property
    def members(self) -> tuple[str, ...]:
        """Every daemon."""
        return (*FRAMES, KEY_HOLDER, COORDINATOR)

    def kill(self, *names: str) -> None:
        """Kill processes at once; start the daemons among them again after half a second."""
        for name in names:
            os.kill(self.process(name), signal.SIGKILL)
        time.sleep(BACK_S)
        for name in names:
            if name in self.members:
                self.machine.start(name)

    def restart(self, name: str) -> None:
        """Ask a daemon to end, wait until it has, start it and wait until it answers."""
        process = self.process(name)
        os.kill(process, signal.SIGTERM)
        deadline = time.monotonic() + MOMENT_S
        while self.machine.process(name) == process and time.monotonic() < deadline:
            time.sleep(0.05)
        self.machine.up()

    def halt(self, *names: str) -> None:
        """Stop processes where they are."""
        for name in names:
            os.kill(self.process(name), signal.SIGSTOP)

    def let_go(self, *names: str) -> None:
        """Let stopped daemons go on."""
        for name in names:
            process = self.machine.process(name)
            if process is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)

    def _flower(self, name: str) -> int | None:
        """Return a process of Flower's that belongs to this federation's coordinator."""
        parents = {self.machine.process(COORDINATOR)}
        wanted = b"superlink_process" if name == SUPERLINK else b"flwr-serverapp"
        for _ in range(3):  # the coordinator's children, and theirs
            children = {
                int(entry.name)
                for entry in Path("/proc").iterdir()
                if entry.name.isdigit() and _parent(entry) in parents
            }
            for child in sorted(children):
                if wanted in _command(child):
                    return child
            parents |= children
        return None

    # What stands in the end

    def check_ledgers(self, folder: Path) -> None:
        """Verify the ledger as every member has it, to the last rule.

        Each daemon's own copy, by the root that it states; and a copy that each fetches with its
        own pins, saved and verified by the offline verifier.
        """
        for name in (*FRAMES, KEY_HOLDER):
            member = PartySetup(self.folder / name / "party.toml").member()
            try:
                path = folder / f"{name}.db"
                save_ledger(member.ledger, path)
                own = self._own_head(name)
                assert member.ledger.replica.root_at(own[0]).hex() == own[1]
            finally:
                member.stop()
            assert verify_file(path, level=Level.RULES).findings == []
        kept = self.folder / COORDINATOR / "state" / "ledger.db"
        assert verify_file(kept, level=Level.RULES).findings == []

    def _own_head(self, name: str) -> tuple[int, str]:
        """Return size and root of a running daemon's own copy, once it has been written."""
        deadline = time.monotonic() + MOMENT_S
        while time.monotonic() < deadline:
            said = read_status(self.folder / name / "state")
            if said.get("ledger_size"):
                return int(said["ledger_size"]), str(said["ledger_root"])
            time.sleep(0.1)
        raise AssertionError(f"{name} has written no status")


class Moments:
    """Moments of the newest run, seen in the analyst's copy of the ledger."""

    def __init__(self, federation: fc.Federation) -> None:
        self._ledger: LedgerClient = federation._backend.requester.member.ledger
        self._known = set(self._ledger.state.runs)

    def wait(self, look: Callable[[RunState], bool]) -> RunState:
        """Wait until the run of this federation's next job is as `look` wants it."""

        def found(state: State) -> RunState | None:
            new = [run for run in list(state.runs.values()) if run.run_id not in self._known]
            return new[0] if new and look(new[0]) else None

        run = self._ledger.wait(found, deadline=time.monotonic() + MOMENT_S)
        assert run is not None, "the moment did not come"
        return run

    def attempted(self, number: int) -> AttemptState:
        """Wait for a round's attempt."""
        return self.wait(lambda run: _round(run, number) is not None).rounds[-1]

    def contributed(self, number: int, bank: str) -> None:
        """Wait until a bank has committed in a round."""
        self.wait(lambda run: bank in getattr(_round(run, number), "contributions", ()))

    def aggregated(self, number: int) -> None:
        """Wait until the coordinator has added a round."""
        self.wait(lambda run: getattr(_round(run, number), "aggregated", None) is not None)

    def opened(self, number: int) -> None:
        """Wait until a round was opened."""
        self.wait(lambda run: len(run.opened) >= number)


class Meanwhile:
    """Do something in a thread while a job runs; raise here what went wrong there."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self._act()
        except BaseException as error:
            self._error = error

    def __enter__(self) -> "Meanwhile":
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._thread.join(MOMENT_S)
        if self._error is not None:
            raise self._error
        assert not self._thread.is_alive()


def _round(run: RunState, number: int) -> AttemptState | None:
    return next((a for a in run.rounds if a.round == number), None)


def _parent(entry: Path) -> int | None:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def _command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""
