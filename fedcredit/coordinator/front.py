"""The front in one process: ledger calls, blobs and inboxes behind the `Front` interface.

Same calls, same bytes as the deployment's HTTPS counter; here a condition variable stands where the
network would be. Members get a `Window` that knows their name and counts the bytes they hand in.
"""

import hashlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

from fedcredit_ledger.log import Log
from fedcredit_parties.errors import MalformedMessageError
from fedcredit_parties.front import SubmitAnswer

T = TypeVar("T")

MAX_BLOB_BYTES = 64 * 2**20


class Desk:
    """What all windows share: the log, the blobs, the inboxes.

    Parameters
    ----------
    log : Log
        The sequencer.

    Disclosure
    ----------
    Whoever runs the desk sees every ledger entry, every ciphertext and every sealed note, their
    sizes and times; it can open none of the latter two.
    """

    def __init__(self, log: Log) -> None:
        self.log = log
        self._blobs: dict[str, bytes] = {}
        self._inboxes: dict[str, list[bytes]] = defaultdict(list)
        self._wanted = 0
        self._closed = False
        self._changed = threading.Condition()

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
                if found is not None or left <= 0 or self._closed:
                    return found
                self._changed.wait(left)

    def wake(self) -> None:
        """Tell everyone who waits that something changed."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._closed = True
        self.wake()

    def want(self, covering: int) -> None:
        """Ask the witnesses for a quorum over at least `covering` leaves.

        Witnesses are not troubled with heads that nobody waits for.
        """
        with self._changed:
            if covering > self._wanted:
                self._wanted = covering
                self._changed.notify_all()

    def pending(self, old_size: int) -> bytes | None:
        """Return the checkpoint that waits for co-signatures, when it is larger than `old_size`."""
        return self.log.pending(old_size) if self.log.quorum_size < self._wanted else None

    def put_blob(self, data: bytes) -> str:
        """Store bytes under their digest."""
        if len(data) > MAX_BLOB_BYTES:
            raise MalformedMessageError(
                "a blob is too large",
                expected=f"at most {MAX_BLOB_BYTES} bytes",
                found=f"{len(data)} bytes",
            )
        digest = hashlib.sha256(data).hexdigest()
        self._blobs[digest] = bytes(data)
        self.wake()
        return digest

    def get_blob(self, digest: str) -> bytes | None:
        """Return stored bytes, or None."""
        return self._blobs.get(digest)

    def post(self, recipient: str, note: bytes) -> None:
        """Append a note to an inbox."""
        with self._changed:
            self._inboxes[recipient].append(bytes(note))
            self._changed.notify_all()

    def inbox(self, name: str, after: int) -> list[tuple[int, bytes]] | None:
        """Return the notes numbered above `after`, or None when there are none."""
        notes = self._inboxes[name]
        return [(i + 1, notes[i]) for i in range(after, len(notes))] or None


class Window:
    """The calls of one member (`fedcredit_parties.front.Front`)."""

    def __init__(self, name: str, desk: Desk) -> None:
        self.name = name
        self.n_bytes_sent = 0
        self._desk = desk

    def submit(self, notes: list[bytes]) -> list[SubmitAnswer]:
        """Append signed entries, in order."""
        self.n_bytes_sent += sum(map(len, notes))
        outcomes = self._desk.log.submit(notes)
        self._desk.wake()
        return [SubmitAnswer(receipt=o.receipt, code=o.code, detail=o.detail) for o in outcomes]

    def leaves(self, start: int, *, timeout_s: float = 0.0) -> list[bytes]:
        """Return leaves from `start` on."""
        log = self._desk.log
        if timeout_s > 0:
            self._desk.wait(lambda: True if log.size > start else None, timeout_s)
        return log.leaves(start)

    def checkpoint(self, *, covering: int, timeout_s: float) -> bytes | None:
        """Return a quorum checkpoint over at least `covering` leaves."""
        self._desk.want(covering)
        return self._desk.wait(lambda: self._desk.log.quorum_note(covering), timeout_s)

    def witness_pending(self, old_size: int, *, timeout_s: float) -> bytes | None:
        """Wait for a checkpoint that needs this witness."""
        return self._desk.wait(lambda: self._desk.pending(old_size), timeout_s)

    def cosign(self, lines: bytes) -> None:
        """Hand in co-signature lines."""
        self.n_bytes_sent += len(lines)
        self._desk.log.add_cosignatures(lines)
        self._desk.wake()

    def put_blob(self, data: bytes) -> str:
        """Store bytes under their SHA-256."""
        self.n_bytes_sent += len(data)
        return self._desk.put_blob(data)

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
        return self._desk.wait(lambda: self._desk.inbox(self.name, after), timeout_s) or []
