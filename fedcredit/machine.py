"""The processes of a federation on one machine: start them, look after them, stop them.

`machine_founding` writes the folders that they run in.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from fedcredit.errors import CoordinatorError, JobError
from fedcredit.machine_founding import MachineTable, deal, found, free_ports
from fedcredit.machine_processes import left_in, memory_bytes
from fedcredit.simulation import ANALYST, COORDINATOR, KEY_HOLDER
from fedcredit_parties.config import PartyConfig
from fedcredit_parties.daemon import PartySetup, read_status
from fedcredit_parties.file_lock import holder_of
from fedcredit_parties.grant_entries import issue
from fedcredit_parties.grant_terms import Terms

START_S = 60.0
"""How long all daemons together may take until each has said that it is ready."""

STOP_S = 15.0
"""How long a daemon may take to leave in order; then it is killed."""

LEFT_S = 3.0
"""How long what a killed daemon has started may take to end; then it is killed too."""


class Machine:
    """The processes of a federation on this machine.

    Parameters
    ----------
    folder : Path
        What `found` has written.
    tethered : bool
        The daemons that are started here end with this process, even when it is killed.

    Raises
    ------
    JobError
        When the folder holds no federation.
    """

    def __init__(self, folder: Path, *, tethered: bool = False) -> None:
        self.folder = folder.resolve()
        if not (self.folder / "federation.toml").exists():
            raise JobError(
                f"{folder.name} holds no federation",
                expected="federation.toml",
                found="nothing",
                remedy=f"fedcredit federation init {folder} --data FILE.csv --label COLUMN",
            )
        members = sorted(path.parent for path in self.folder.glob("*/party.toml"))
        self.members = [home.name for home in members if home.name != ANALYST]
        self.witnesses = sorted(path.parent.name for path in self.folder.glob("*/witness.toml"))
        self._tethered = tethered
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def names(self) -> list[str]:
        """Everybody with a daemon, the coordinator first, witnesses that are no members last."""
        return [COORDINATOR, *self.members, *self.witnesses]

    def up(self, *, but: Collection[str] = ()) -> None:
        """Start what does not run, and wait until everything answers.

        Parameters
        ----------
        but : collection of str
            Who is not started yet.

        Raises
        ------
        CoordinatorError
            When a process ends or does not answer within a minute, with its last words.
        """
        waiting = [name for name in self.names if name not in but]
        for name in waiting:
            if self.process(name) is None and not self._is_starting(name):
                self.start(name)
        deadline = time.monotonic() + START_S
        while waiting:
            waiting = [name for name in waiting if not self.is_ready(name)]
            gone = [name for name in self.ended() if name in waiting]
            if gone or (waiting and time.monotonic() > deadline):
                self._complain(gone or waiting, has_ended=bool(gone))
            time.sleep(0.05)

    def _is_starting(self, name: str) -> bool:
        """Say whether a process started here has not come to its lock and first status yet."""
        child = self._children.get(name)
        has_said = (self.state(name) / "status.json").exists()
        return child is not None and child.poll() is None and not has_said

    def _complain(self, names: Sequence[str], *, has_ended: bool) -> NoReturn:
        name = names[0]
        said = read_status(self.state(name)).get("ended_with")
        last = str(said) if said else "".join(self.words(name, 1))
        raise CoordinatorError(
            f"{', '.join(names)} did not start",
            party=name,
            expected="a running daemon" if has_ended else f"an answer within {START_S:.0f} s",
            found=("the process has ended" if has_ended else "none")
            + (f": {last}" if last else ""),
            remedy=f"mend what {self.log(name)} says, then fedcredit federation up {self.folder}",
        )

    def start(self, name: str) -> None:
        """Start one process in a session of its own; the one before it must have ended."""
        ended = self._children.pop(name, None)
        if ended is not None:
            ended.wait()
        noun = self._noun(name)
        (self.state(name) / "status.json").unlink(missing_ok=True)
        program = ["fedcredit.tethered", str(os.getpid())] if self._tethered else ["fedcredit"]
        with self.log(name).open("ab") as log:
            self._children[name] = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    *program,
                    noun,
                    "start",
                    str(self.folder / name / f"{noun}.toml"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def grant(self, name: str, *, purpose: str, grantee: str = ANALYST) -> str:
        """Allow a purpose on all of a holder's tables, as its operator; return the grant's id."""
        setup = PartySetup(self.folder / name / "party.toml")
        member = setup.member()
        try:
            assets = [f"{name}/{table.name}" for table in setup.config.data]
            terms = Terms(assets=assets, grantee=grantee, purpose=purpose)
            with closing(setup.openings()) as openings:
                return issue(member, terms, openings=openings).grant_id
        finally:
            member.stop()

    def ended(self) -> list[str]:
        """Return the members whose process was started here and has ended by itself."""
        return [name for name, child in self._children.items() if child.poll() is not None]

    def state(self, name: str) -> Path:
        """Return a member's state folder."""
        folder = self.folder / name / "state"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    def log(self, name: str) -> Path:
        """Return a process's log file."""
        return self.folder / name / "daemon.log"

    def words(self, name: str, n: int = 8) -> list[str]:
        """Return the last lines of a process's log."""
        path = self.log(name)
        text = path.read_text("utf-8", "replace") if path.exists() else ""
        return text.rstrip().splitlines()[-n:]

    def process(self, name: str) -> int | None:
        """Return the process id of a running daemon, by the lock that it holds."""
        return holder_of(self.state(name) / "daemon.lock")

    def is_ready(self, name: str) -> bool:
        """Say whether a daemon has written that it answers."""
        try:
            status = json.loads((self.state(name) / "status.json").read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return False
        return bool(status.get("ready")) and status.get("process") == self.process(name)

    def status(self) -> dict[str, dict[str, object]]:
        """Return every daemon's own status with its memory, or that it does not run."""
        found: dict[str, dict[str, object]] = {}
        for name in self.names:
            said = {"name": name, **read_status(self.state(name))}
            told = self.state(name) / "status.json"
            if "time" not in said and told.exists():  # of one that was killed
                when = datetime.fromtimestamp(told.stat().st_mtime, UTC)
                said["time"] = when.isoformat(timespec="seconds")
            process = said.get("process")
            memory = memory_bytes(process) if isinstance(process, int) else None
            found[name] = said | {"role": self.role(name), "memory_bytes": memory}
        return found

    def role(self, name: str) -> str:
        """Return what a member does, by its configuration."""
        if self._noun(name) != "party":
            return self._noun(name)
        return PartyConfig.read(self.folder / name / "party.toml").role

    def _noun(self, name: str) -> str:
        """Return the noun of the command that starts a daemon; its configuration is named so."""
        if name == COORDINATOR:
            return "coordinator"
        return "witness" if name in self.witnesses else "party"

    def down(self, *, within_s: float = STOP_S) -> None:
        """Stop every daemon: parties, coordinator, witnesses, by SIGTERM, then by force.

        Parameters
        ----------
        within_s : float
            How long the parties, and then the coordinator, may take to leave in order.

        Raises
        ------
        CoordinatorError
            When a process of the federation is still there at the end.
        """
        for group in (self.members, [COORDINATOR], self.witnesses):
            deadline = time.monotonic() + within_s
            number = signal.SIGTERM
            told: set[int] = set()
            while running := self._running(group):
                if time.monotonic() > deadline:
                    number, told = signal.SIGKILL, set()
                _tell(running - told, number)
                told |= running
                time.sleep(0.02)
        # What a killed daemon has left behind sees that within a second, and ends by itself.
        deadline = time.monotonic() + LEFT_S
        while left := left_in(self.folder):
            if time.monotonic() > deadline + LEFT_S:
                raise CoordinatorError(
                    "processes of the federation are still there",
                    expected=f"nothing that runs in {self.folder}",
                    found=", ".join(map(str, left)),
                    remedy=f"kill -9 {' '.join(map(str, left))}",
                )
            if time.monotonic() > deadline:
                _tell(left, signal.SIGKILL)
            time.sleep(0.05)

    def _running(self, names: Sequence[str]) -> set[int]:
        """Return the processes of these daemons: by their locks, and children without one yet."""
        found = {process for name in names if (process := self.process(name)) is not None}
        for name in names:
            child = self._children.get(name)
            if child is None:
                continue
            if child.poll() is None:
                found.add(child.pid)
            else:
                del self._children[name]
        return found


def _tell(processes: Iterable[int], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):  # it has just left by itself
            os.kill(process, number)


__all__ = [
    "ANALYST",
    "COORDINATOR",
    "KEY_HOLDER",
    "Machine",
    "MachineTable",
    "deal",
    "found",
    "free_ports",
]
