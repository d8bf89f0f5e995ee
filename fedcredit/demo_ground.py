"""What the demonstration runs on: daemons of its own, or objects in this one process.

Both give the same `Federation` with the same key of the hold-out, hence the same numbers. The
daemons are separate processes on loopback with TLS; they are ended with the demonstration, and
their folder, which holds private keys, is removed.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from fedcredit import machine as machines
from fedcredit.declared import Declared
from fedcredit.demo_people import People
from fedcredit.errors import CoordinatorError
from fedcredit.federation import Federation
from fedcredit.machine import COORDINATOR, Machine, MachineTable
from fedcredit.request import DEFAULT_DEFINITION
from fedcredit.simulation import REGULATOR, split_key
from fedcredit_parties.errors import FrontUnreachableError

SEED = 7
"""Draws the hold-out, of both grounds alike."""

PURPOSE = "modelling"

LEAVE_S = 3.0
"""How long daemons may take to leave in order: what they keep is thrown away anyway."""


class InProcess:
    """Every role in this process: a fast look, and the ground for systems without ``/proc``.

    Parameters
    ----------
    who : People
        Whose rows.
    """

    words = "all of them in this one process, with keys and ledger copies of their own"
    late = ""

    def __init__(self, who: People) -> None:
        self._who = who

    @property
    def early(self) -> tuple[str, ...]:
        """Banks that are there from the beginning: all."""
        return tuple(self._who.frames)

    @contextmanager
    def federation(self) -> Iterator[Federation]:
        """Found the federation; it ends with the context."""
        with Federation.simulate(
            self._who.frames, seed=SEED, purposes=(), quiet=True, regulator=True
        ) as federation:
            yield federation

    def grant(self, federation: Federation, name: str) -> None:
        """Let a bank allow the demonstration's purpose."""
        federation.grant(name, purpose=PURPOSE)

    def complete(self) -> None:
        """Do nothing: nobody is late."""

    def check(self) -> None:
        """Do nothing: the federation looks after its own members."""

    def explain(self, error: BaseException, stream: TextIO) -> None:
        """Do nothing: there are no logs."""

    def keep_logs(self, folder: Path) -> None:
        """Do nothing: there are no logs."""


class Daemons:
    """A process for every role but the analyst, who is this one.

    Parameters
    ----------
    who : People
        Whose rows.
    folder : Path
        Where the members' folders are made.
    tell : callable
        Told what has been started.

    Attributes
    ----------
    early : tuple of str
        Banks that are there from the beginning.
    late : str
        The bank that is started after the others' grants are final.
    """

    words = "each but the analyst a process of its own, over TLS, reachable on this machine only"

    def __init__(self, who: People, folder: Path, tell: Callable[[str], None]) -> None:
        *early, self.late = who.frames
        self.early = tuple(early)
        self._who = who
        self._folder = folder
        self._tell = tell
        self._machine: Machine | None = None

    @contextmanager
    def federation(self) -> Iterator[Federation]:
        """Found, start all but the late bank, connect; all ends with the context."""
        declared = Declared.infer(self._who.frames)
        path = machines.found(
            self._folder,
            {
                name: MachineTable(frame=frame, bad_definition=DEFAULT_DEFINITION)
                for name, frame in self._who.frames.items()
            },
            features=[f for name, f in declared.features.items() if name != self._who.label],
            name="demo",
            split_key=split_key(SEED),
            external_witnesses=(REGULATOR,),
        )
        self._machine = Machine(self._folder, tethered=True)
        try:
            self._machine.up(but=(self.late,))
            started = [name for name in self._machine.names if name != self.late]
            self._tell(f"started: {', '.join(started)}")
            with Federation.load(path, quiet=True) as federation:
                yield federation
        finally:
            self._machine.down(within_s=LEAVE_S)

    def grant(self, federation: Federation, name: str) -> None:
        """Let a bank allow the demonstration's purpose, as its operator."""
        self._running.grant(name, purpose=PURPOSE)

    def complete(self) -> None:
        """Start the late bank."""
        self._running.up()

    @property
    def _running(self) -> Machine:
        assert self._machine is not None, "the federation was founded"
        return self._machine

    def check(self) -> None:
        """Raise when a daemon has ended: nobody would answer for it before the deadline.

        Raises
        ------
        CoordinatorError
            Naming the member.
        """
        for name in self._running.ended():
            raise CoordinatorError(
                f"the process of {name} has ended",
                party=name,
                expected="a daemon that answers until it is told to stop",
                found="its end",
                remedy="its last words are above; the whole log is kept",
            )

    def explain(self, error: BaseException, stream: TextIO) -> None:
        """Print the last words of the daemon that an error speaks of."""
        name = self._culprit(error)
        if self._machine is None or not name or not self._machine.words(name):
            return
        print(f"\nThe last words of {name}:", file=stream)
        for line in self._machine.words(name):
            print(f"   {line}", file=stream)

    def _culprit(self, error: BaseException) -> str:
        named = getattr(error, "party", "")
        if self._machine is not None and named in self._machine.names:
            return str(named)
        return COORDINATOR if isinstance(error, CoordinatorError | FrontUnreachableError) else ""

    def keep_logs(self, folder: Path) -> None:
        """Copy every daemon's log, and those of Flower's programs."""
        if self._machine is None:
            return
        folder.mkdir(parents=True, exist_ok=True)
        for name in self._machine.names:
            if self._machine.log(name).exists():
                shutil.copyfile(self._machine.log(name), folder / f"{name}.log")
        for path in (self._machine.state(COORDINATOR) / "superlink").glob("*.log"):
            shutil.copyfile(path, folder / path.name)
