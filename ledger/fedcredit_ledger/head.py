"""The head file: the newest checkpoint, kept apart from the database.

SQLite drops a damaged tail of its write-ahead log silently, so a ledger could come back shorter
without an error. The head file says how long it was. Two slots of 4 KiB are written in turn, each
with a digest of its content, so that a torn write loses at most the newer of the two.
"""

import errno
import fcntl
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.errors import (
    CheckpointError,
    LedgerError,
    MalformedEntryError,
    StorageError,
    SyncError,
)
from fedcredit_ledger.note import Note

SLOT_BYTES = 4096
_PREFIX_BYTES = 36


class HeadFile:
    """One open head file; holding it is holding the right to write the ledger.

    Parameters
    ----------
    path : Path
        The file; made when it does not exist.
    sync : callable, optional
        Returns when what was written to a descriptor is on the disk.

    Raises
    ------
    StorageError
        When another process holds it, or it cannot be made.
    """

    def __init__(self, path: Path, *, sync: Callable[[int], None] = os.fdatasync) -> None:
        self._sync = sync
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(
                f"the head file cannot be opened: {error.strerror}", found=path.name
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise StorageError(
                "another process is writing this ledger", remedy="stop it, or wait for it"
            ) from error
        self._next = self._newest_slot() ^ 1

    def write(self, note: bytes) -> None:
        """Store a checkpoint and return when it is on the disk.

        Raises
        ------
        OSError
            When it could not be written.
        SyncError
            When the disk did not confirm it.
        """
        if len(note) > SLOT_BYTES - _PREFIX_BYTES:
            raise LedgerError("a checkpoint does not fit into the head file")
        body = hashlib.sha256(note).digest() + len(note).to_bytes(4, "big") + note
        slot = body.ljust(SLOT_BYTES, b"\0")
        if os.pwrite(self._file, slot, self._next * SLOT_BYTES) != SLOT_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        try:
            self._sync(self._file)
        except OSError as error:
            raise SyncError(
                f"the disk did not confirm the head file: {error.strerror}",
                remedy="look at the disk's health, then start again: nothing is tried twice",
            ) from error
        self._next ^= 1

    def replace(self, note: bytes) -> None:
        """Forget what was stored, and store a checkpoint that may be smaller."""
        self.write(note)
        self.write(note)

    def read(self) -> Checkpoint | None:
        """Return the newest whole checkpoint."""
        found = [c for c in (self._slot(0), self._slot(1)) if c is not None]
        return max(found, key=lambda c: c.size, default=None)

    def _newest_slot(self) -> int:
        sizes = [-1 if c is None else c.size for c in (self._slot(0), self._slot(1))]
        return 0 if sizes[0] >= sizes[1] else 1

    def _slot(self, number: int) -> Checkpoint | None:
        raw = os.pread(self._file, SLOT_BYTES, number * SLOT_BYTES)
        length = int.from_bytes(raw[32:_PREFIX_BYTES], "big")
        note = raw[_PREFIX_BYTES : _PREFIX_BYTES + length]
        if not note or len(note) != length or hashlib.sha256(note).digest() != raw[:32]:
            return None
        try:
            return Checkpoint.parse(Note.parse(note).text)
        except (CheckpointError, MalformedEntryError):
            return None

    def close(self) -> None:
        """Let go of the file and the right to write."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> "HeadFile":
        """Return the file itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()
