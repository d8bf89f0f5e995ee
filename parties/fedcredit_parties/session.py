"""One living daemon per identity, also between machines: the front hears who else calls.

A lock file keeps a second daemon out of the same state folder. It cannot see a copy of the identity
on another machine; the front can. A daemon draws a number for its life and repeats it every two
seconds. The front keeps, for each name, the number that it heard first, and refuses another until
the first has been silent for some seconds: so the later of two living daemons ends, and says why.

After a crash nobody should wait. The numbers of this state folder's earlier lives stand in a file;
they are dead for certain, because the lock is held, and the front is told that this life follows
them. The file is bound to the place where it lies: in a copied folder it counts for nothing.
"""

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

from fedcredit_parties.disk import kept_in
from fedcredit_parties.errors import DuplicateIdentityError, FrontUnreachableError
from fedcredit_parties.front_client import FrontClient

BEAT_S = 2.0
"""How often a daemon says that it lives."""

SILENT_S = 7.0
"""A number that was not heard for so long gives up its place."""

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_EARLIER = 4


class Session:
    """One life of a daemon, as the front knows it.

    Parameters
    ----------
    name : str
        The member.
    front : FrontClient
        Signed calls.
    state : Path
        The daemon's state folder, whose lock is held.
    head : callable, optional
        Returns the newest head that the log has signed for this member.

    Disclosure
    ----------
    The coordinator learns when this daemon started, that it lives, and which of the log's own heads
    it has seen.
    """

    def __init__(
        self,
        name: str,
        front: FrontClient,
        state: Path,
        *,
        head: Callable[[], bytes] = bytes,
    ) -> None:
        self.id = secrets.token_hex(16)
        self._name = name
        self._front = front
        self._head = head
        self._path = state / "sessions.json"
        self._earlier = self._read()

    def begin(self, stop: threading.Event) -> None:
        """Take the identity's place at the front, or wait until a silent one has given it up.

        Raises
        ------
        DuplicateIdentityError
            As soon as another daemon has called again.
        DiskFullError, MachineError
            When the number cannot be kept.
        """
        self._write()
        first: float | None = None
        while not stop.is_set():
            try:
                heard_s = self._front.hello(self.id, self._earlier, self._head())
            except FrontUnreachableError:
                first = None  # the coordinator may have started anew
            else:
                if heard_s is None:
                    return
                heard = time.monotonic() - heard_s
                first = heard if first is None else first
                if heard > first + BEAT_S / 4:  # it has called again since we first asked
                    raise self._double(heard_s)
            stop.wait(BEAT_S / 4)

    def serve(self, stop: threading.Event) -> None:
        """Say every two seconds that this daemon lives, until `stop` is set.

        Raises
        ------
        DuplicateIdentityError
            When the front has given the place to another.
        """
        while not stop.wait(BEAT_S):
            heard_s = self._front.hello(self.id, (), self._head())
            if heard_s is not None:
                raise self._double(heard_s)

    def _double(self, heard_s: float) -> DuplicateIdentityError:
        return DuplicateIdentityError(
            f"another daemon of {self._name} is alive: this one, which came later, ends",
            party=self._name,
            expected="one living daemon for one identity",
            found=f"another one, last heard by the front {heard_s:.1f} s ago",
            remedy="stop the other one first, or leave it; if nobody here runs it, the identity "
            "was copied: tell the coordinator and the other parties",
        )

    def _read(self) -> tuple[str, ...]:
        """Return the numbers of earlier lives in this very folder; they are dead."""
        try:
            kept = json.loads(self._path.read_text("utf-8"))
            if kept["place"] != self._place():
                return ()
            return tuple(str(number) for number in kept["sessions"])[:_EARLIER]
        except (OSError, ValueError, TypeError, KeyError):
            return ()

    def _write(self) -> None:
        kept = {"place": self._place(), "sessions": [self.id, *self._earlier][:_EARLIER]}
        part = self._path.with_name("part-sessions.json")
        with kept_in(self._path.parent, f"the daemon of {self._name} did not start"):
            part.write_text(json.dumps(kept), "utf-8")
            part.replace(self._path)

    def _place(self) -> str:
        """Return what a copied folder does not have: this boot of this machine, this folder."""
        found = self._path.parent.stat()
        boot = _BOOT.read_text("ascii").strip() if _BOOT.exists() else ""
        return hashlib.sha256(f"{boot} {found.st_dev} {found.st_ino}".encode()).hexdigest()
