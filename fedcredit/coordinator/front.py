"""The front in one process: ledger calls, blobs and inboxes behind the `Front` interface.

Same calls, same bytes as the deployment's HTTPS counter; here a condition variable stands where the
network would be. Members get a `Window` that knows their name and counts the bytes they hand in.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import BinaryIO, TypeVar

from fedcredit.coordinator.desk_store import Blob, Label, MemoryShelf, Shelf
from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.entry import parse_time
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.log import Log, SubmitOutcome
from fedcredit_parties.errors import MalformedMessageError
from fedcredit_parties.front import SubmitAnswer

T = TypeVar("T")

KEEP = timedelta(hours=24)
"""How long blobs and notes about runs are kept, and longer while their run is open."""

SPENT = timedelta(minutes=10)
"""How long the coordinator's own blobs (ciphertexts) are kept when no run is open."""

PAGE_BYTES = 2**20

COMPARE_S = 60.0
"""One wait of the coordinator's own member for a witness's head; then it waits again."""


class Desk:
    """What all windows share: the log, the blobs, the inboxes.

    Parameters
    ----------
    log : Log
        The sequencer.
    store : Shelf, optional
        Keeps blobs and notes; in memory when absent.
    compare_first : bool, default False
        Take no entry before a witness has said which head it has seen: the ledger's store may be an
        old copy.

    Disclosure
    ----------
    Whoever runs the desk sees every ledger entry, every ciphertext and every sealed note, their
    sizes and times; it can open none of the latter two.
    """

    def __init__(
        self, log: Log, *, store: Shelf | None = None, compare_first: bool = False
    ) -> None:
        self.log = log
        self.is_compared = not compare_first
        self.closed = False
        self._shelf: Shelf = MemoryShelf() if store is None else store
        self._wanted = 0
        self._changed = threading.Condition()
        self._listeners: list[Callable[[], None]] = []

    def window(self, name: str) -> "Window":
        """Return the calls of one member."""
        return Window(name, self)

    def wait(self, look: Callable[[], T | None], timeout_s: float) -> T | None:
        """Return what `look` finds, as soon as it finds something, or None after `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                found = look()
                left = deadline - time.monotonic()
                if found is not None or left <= 0 or self.closed:
                    return found
                self._changed.wait(left)

    def wake(self) -> None:
        """Tell everyone who waits that something changed."""
        with self._changed:
            self._changed.notify_all()
        for listener in tuple(self._listeners):
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener`, in whatever thread, after every change; it must not wait."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Let nobody wait any longer."""
        self.closed = True
        self.wake()
        self._shelf.close()

    def submit(self, notes: list[bytes]) -> list[SubmitOutcome]:
        """Append signed entries, in order.

        Raises
        ------
        LedgerError
            When nothing can be written, or no witness was heard yet.
        """
        if not self.is_compared:
            raise LedgerError("no witness has said yet which ledger it has seen")
        outcomes = self.log.submit(notes)
        self.wake()
        return outcomes

    def hear(self, party: str, note: bytes) -> None:
        """Compare the ledger with the newest head that a member holds; empty for none.

        A witness that holds none, for its own disk was lost too, has said nothing.

        Raises
        ------
        RollbackError, ForkError
            When this ledger is an old copy, or another. It takes nothing more.
        MalformedEntryError, SignatureError, CheckpointError
            When it is no head of this ledger's log.
        """
        if note:
            self.log.hear(note)
        if note and not self.is_compared and party in self.log.state.with_role("witness"):
            self.is_compared = True
            self.wake()

    def want(self, covering: int) -> None:
        """Ask the witnesses for a quorum over at least `covering` leaves.

        Witnesses are not troubled with heads that nobody waits for.
        """
        covering = min(covering, self.log.size)
        with self._changed:
            if covering <= self._wanted:
                return
            self._wanted = covering
        self.wake()

    @property
    def wants(self) -> bool:
        """Whether somebody waits for a quorum."""
        return self.log.quorum_size < self._wanted

    def pending(self, old_size: int) -> bytes | None:
        """Return the checkpoint that waits for co-signatures, when it is larger than `old_size`."""
        return self.log.pending(old_size) if self.wants else None

    def new_blob(self, owner: str) -> Blob:
        """Begin to store bytes that `owner` hands in."""
        return self._shelf.new_blob(owner)

    def put_blob(self, data: bytes, owner: str = "") -> str:
        """Store bytes under their digest."""
        blob = self._shelf.new_blob(owner)
        try:
            blob.write(data)
            return blob.commit()
        finally:
            blob.abort()

    def open_blob(self, digest: str) -> BinaryIO | None:
        """Open stored bytes, or return None."""
        return self._shelf.open_blob(digest)

    def get_blob(self, digest: str) -> bytes | None:
        """Return stored bytes, or None."""
        file = self._shelf.open_blob(digest)
        if file is None:
            return None
        with file:
            return file.read()

    def post(self, recipient: str, note: bytes, label: Label | None = None) -> int:
        """Append a note to an inbox; return its number."""
        number = self._shelf.post(recipient, note, label)
        self.wake()
        return number

    def has_note(self, name: str, after: int) -> bool:
        """Say whether an inbox has a note numbered above `after`."""
        return self._shelf.newest(name) > after

    def inbox(self, name: str, after: int) -> list[tuple[int, bytes]] | None:
        """Return the notes numbered above `after`, a page of them, or None for none."""
        if not self.has_note(name, after):
            return None
        return self._shelf.notes(name, after, most=PAGE_BYTES) or None

    def tidy(self, now: datetime) -> None:
        """Forget what no run needs any more; ciphertexts first.

        Blobs and notes about runs go after a day, later while a run is open that was proposed
        before. What the coordinator itself put there, the contributions for the key holder, goes
        ten minutes after the last open run. Notes about no run stay.
        """
        state, size = self.log.state, self.log.size
        open_since = [
            Leaf.parse(self.log.leaves(run.proposed_index, 1)[0]).received_at
            for run in list(state.runs.values())
            if run.status in ("proposed", "started")
            and run.proposed_index < size
            and parse_time(run.proposal["valid_until"]) > now
        ]
        self._shelf.drop(min([now - KEEP, *open_since]))
        if not open_since:
            for name in state.with_role("coordinator"):
                self._shelf.drop(now - SPENT, owner=name)


class Window:
    """The calls of one member (`fedcredit_parties.front.Front`)."""

    def __init__(self, name: str, desk: Desk) -> None:
        self.name = name
        self.n_bytes_sent = 0
        self._desk = desk
        self._left = False

    def submit(self, notes: list[bytes]) -> list[SubmitAnswer]:
        """Append signed entries, in order."""
        self.n_bytes_sent += sum(map(len, notes))
        while not (self._desk.is_compared or self._desk.closed or self._left):
            self._wait(lambda: self._desk.is_compared or None, COMPARE_S)
        outcomes = self._desk.submit(notes)
        return [SubmitAnswer(receipt=o.receipt, code=o.code, detail=o.detail) for o in outcomes]

    def leaves(self, start: int, *, timeout_s: float = 0.0) -> list[bytes]:
        """Return leaves from `start` on."""
        log = self._desk.log
        if timeout_s > 0:
            self._wait(lambda: True if log.size > start else None, timeout_s)
        return log.leaves(start)

    def checkpoint(self, *, covering: int, timeout_s: float) -> bytes | None:
        """Return a quorum checkpoint over at least `covering` leaves."""
        self._desk.want(covering)
        return self._wait(lambda: self._desk.log.quorum_note(covering), timeout_s)

    def witness_pending(self, old_size: int, *, timeout_s: float) -> bytes | None:
        """Wait for a checkpoint that needs this witness."""
        return self._wait(lambda: self._desk.pending(old_size), timeout_s)

    def cosign(self, lines: bytes) -> None:
        """Hand in co-signature lines."""
        self.n_bytes_sent += len(lines)
        self._desk.log.add_cosignatures(lines)
        self._desk.wake()

    def put_blob(self, data: bytes) -> str:
        """Store bytes under their SHA-256."""
        self.n_bytes_sent += len(data)
        return self._desk.put_blob(data, self.name)

    def get_blob(self, digest: str) -> bytes:
        """Return the bytes with this SHA-256; they are hashed again here.

        Raises
        ------
        MalformedMessageError
            When there are none, or they hash to something else.
        """
        data = self._desk.get_blob(digest)
        if data is None or hashlib.sha256(data).hexdigest() != digest:
            raise MalformedMessageError(
                "the front holds no bytes with the digest asked for",
                expected=f"bytes with SHA-256 {digest[:12]}",
                found="none" if data is None else "other bytes",
                remedy="run the job again; if it stays, ask the coordinator's operator",
            )
        return data

    def post(self, recipient: str, note: bytes) -> None:
        """Put a note into another member's inbox."""
        self.n_bytes_sent += len(note)
        self._desk.post(recipient, note)

    def inbox(self, after: int, *, timeout_s: float = 0.0) -> list[tuple[int, bytes]]:
        """Return own notes numbered above `after`."""
        found = self._wait(lambda: self._desk.inbox(self.name, after), timeout_s) or []
        page = found
        while page and (page := self._desk.inbox(self.name, page[-1][0]) or []):
            found += page
        return found

    def leave(self) -> None:
        """Wait no longer."""
        self._left = True
        self._desk.wake()

    def _wait(self, look: Callable[[], T | None], timeout_s: float) -> T | None:
        """Wait at the desk until `look` finds something or this member leaves."""
        found: list[T] = []

        def found_or_left() -> bool | None:
            value = look()
            if value is not None:
                found.append(value)
            return True if found or self._left else None

        self._desk.wait(found_or_left, timeout_s)
        return found[0] if found else None

    def close(self) -> None:
        """Do nothing: nothing is held open."""
