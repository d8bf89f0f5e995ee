"""What the desk keeps for its members: blobs by digest, notes by number.

In memory for a simulation; in a folder for a coordinator that may be killed at any moment and goes
on where it was. A blob is a file written beside, synchronised and renamed; notes stand in SQLite,
committed before the sender is answered. Ciphertexts are kept no longer than they are needed: see
`drop`.
"""

import hashlib
import io
import os
import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from fedcredit.errors import CoordinatorError
from fedcredit_ledger.entry import HEX_DIGEST, format_time
from fedcredit_parties.disk import kept_in
from fedcredit_parties.errors import MalformedMessageError
from fedcredit_parties.file_lock import only_one
from fedcredit_parties.front_request import MAX_BLOB_BYTES
from fedcredit_parties.member import utc_now

MAX_HELD_BYTES = 4 * 2**30
"""Blobs of one member that are kept at a time."""

MAX_INBOX_BYTES = 256 * 2**20
"""Notes of one sender that are kept at a time."""

MAX_LOOSE_NOTES = 100
"""Notes of one sender to one recipient and of one kind that are about no run."""


class FullDeskError(CoordinatorError):
    """The coordinator keeps no more of this member: its share is used up."""


@dataclass(frozen=True, kw_only=True)
class Label:
    """What can be read on the outside of a note.

    Attributes
    ----------
    sender : str
        Who posted it.
    kind, run_id : str
        As the note says; a note about no run has no `run_id`.
    post_id : str
        The sender's number for this posting: posted again, it stays one note.
    """

    sender: str
    kind: str
    run_id: str
    post_id: str


class Blob(Protocol):
    """Bytes that are being handed in."""

    def write(self, chunk: bytes) -> None:
        """Add bytes."""
        ...

    def commit(self, expected: str | None = None) -> str:
        """Keep them; return their SHA-256.

        Raises
        ------
        MalformedMessageError
            When they hash to something else than `expected`.
        """
        ...

    def abort(self) -> None:
        """Forget them, unless they were kept."""
        ...


class Shelf(Protocol):
    """Where a desk keeps things. Safe to use from several threads."""

    def new_blob(self, owner: str) -> Blob:
        """Begin to store bytes that `owner` hands in."""
        ...

    def open_blob(self, digest: str) -> BinaryIO | None:
        """Open stored bytes for reading, or return None."""
        ...

    def post(self, recipient: str, note: bytes, label: Label | None = None) -> int:
        """Append a note to an inbox; return its number, from 1."""
        ...

    def newest(self, recipient: str) -> int:
        """Return the number of the newest note of an inbox, 0 for none."""
        ...

    def notes(self, recipient: str, after: int, *, most: int) -> list[tuple[int, bytes]]:
        """Return notes above a number, up to `most` bytes of them but at least one."""
        ...

    def drop(self, before: datetime, *, owner: str | None = None) -> None:
        """Forget blobs (of one owner) and notes about runs that are older than `before`."""
        ...

    def close(self) -> None:
        """End."""
        ...


class _Measured:
    """Counts and hashes what is handed in."""

    def __init__(self) -> None:
        self.n_bytes = 0
        self._hash = hashlib.sha256()

    def add(self, chunk: bytes) -> None:
        self.n_bytes += len(chunk)
        if self.n_bytes > MAX_BLOB_BYTES:
            raise MalformedMessageError(
                "a blob is too large",
                expected=f"at most {MAX_BLOB_BYTES} bytes",
                found=f"more than {MAX_BLOB_BYTES} bytes",
            )
        self._hash.update(chunk)

    def check(self, expected: str | None) -> str:
        digest = self._hash.hexdigest()
        if expected is not None and digest != expected:
            raise MalformedMessageError(
                "a blob is not the bytes of its digest",
                expected=f"SHA-256 {expected[:12]}",
                found=f"SHA-256 {digest[:12]}",
            )
        return digest


class _MemoryBlob:
    def __init__(self, blobs: dict[str, bytes]) -> None:
        self._measured = _Measured()
        self._bytes = bytearray()
        self._blobs = blobs

    def write(self, chunk: bytes) -> None:
        self._measured.add(chunk)
        self._bytes += chunk

    def commit(self, expected: str | None = None) -> str:
        digest = self._measured.check(expected)
        self._blobs[digest] = bytes(self._bytes)
        return digest

    def abort(self) -> None:
        self._bytes.clear()


class MemoryShelf:
    """A shelf that ends with its process and drops nothing before."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._inboxes: dict[str, list[bytes]] = defaultdict(list)
        self._posted: dict[tuple[str, str, str], int] = {}
        self._lock = threading.Lock()

    def new_blob(self, owner: str) -> Blob:
        """Begin to store bytes."""
        return _MemoryBlob(self._blobs)

    def open_blob(self, digest: str) -> BinaryIO | None:
        """Open stored bytes for reading."""
        data = self._blobs.get(digest)
        return None if data is None else io.BytesIO(data)

    def post(self, recipient: str, note: bytes, label: Label | None = None) -> int:
        """Append a note to an inbox."""
        with self._lock:
            inbox = self._inboxes[recipient]
            if label is not None:
                key = (recipient, label.sender, label.post_id)
                if key in self._posted:
                    return self._posted[key]
                self._posted[key] = len(inbox) + 1
            inbox.append(bytes(note))
            return len(inbox)

    def newest(self, recipient: str) -> int:
        """Return the number of the newest note."""
        return len(self._inboxes.get(recipient, ()))

    def notes(self, recipient: str, after: int, *, most: int) -> list[tuple[int, bytes]]:
        """Return notes above a number."""
        with self._lock:
            numbered = list(enumerate(self._inboxes.get(recipient, ()), start=1))[after:]
        return _page(iter(numbered), most)

    def drop(self, before: datetime, *, owner: str | None = None) -> None:
        """Keep everything."""

    def close(self) -> None:
        """Nothing to end."""


class _FileBlob:
    def __init__(self, shelf: "DeskStore", owner: str) -> None:
        self._shelf, self._owner = shelf, owner
        self._measured = _Measured()
        self._path = shelf.folder / f"part-{os.urandom(8).hex()}"
        self._file: BinaryIO | None = None
        with self._shelf.disk():
            self._file = open(self._path, "xb", opener=_private)

    def write(self, chunk: bytes) -> None:
        self._measured.add(chunk)
        self._shelf.afford(self._owner, self._path, self._measured.n_bytes)
        assert self._file is not None
        with self._shelf.disk():
            self._file.write(chunk)

    def commit(self, expected: str | None = None) -> str:
        digest = self._measured.check(expected)
        assert self._file is not None
        with self._shelf.disk():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._shelf.keep(self._path, digest, self._owner, self._measured.n_bytes)
        return digest

    def abort(self) -> None:
        if self._file is not None:
            self._file.close()
        self._path.unlink(missing_ok=True)
        self._shelf.leave(self._owner, self._path)


_TABLES = """
CREATE TABLE IF NOT EXISTS held (
    digest TEXT NOT NULL, owner TEXT NOT NULL, n_bytes INTEGER NOT NULL, stored TEXT NOT NULL,
    PRIMARY KEY (digest, owner)
) STRICT;
CREATE TABLE IF NOT EXISTS inbox (recipient TEXT PRIMARY KEY, newest INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS note (
    recipient TEXT NOT NULL, number INTEGER NOT NULL, sender TEXT NOT NULL, kind TEXT NOT NULL,
    run_id TEXT NOT NULL, post_id TEXT NOT NULL, stored TEXT NOT NULL, note BLOB NOT NULL,
    PRIMARY KEY (recipient, number), UNIQUE (recipient, sender, post_id)
) STRICT;
"""


class DeskStore:
    """A shelf in a folder; whoever is answered finds the same after the process was killed.

    Parameters
    ----------
    folder : Path
        Is made, for its owner only. One process at a time.
    clock : callable, optional
        Returns the current time in UTC.

    Raises
    ------
    ConfigError
        When another process uses the folder.
    DiskFullError, MachineError
        When the disk takes nothing.

    Disclosure
    ----------
    Whoever reads the folder learns what the coordinator learns: ciphertexts and sealed notes with
    sizes, times, senders and recipients.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.folder = folder
        self._clock = clock
        self._lock = threading.RLock()
        with self.disk():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._only_one = only_one(folder / "lock", "the desk")
        self._only_one.__enter__()
        with self.disk():
            self._db = sqlite3.connect(
                folder / "desk.db", isolation_level=None, check_same_thread=False
            )
            (folder / "desk.db").chmod(0o600)
            for setting in ("trusted_schema=OFF", "journal_mode=WAL", "synchronous=FULL"):
                self._db.execute(f"PRAGMA {setting}")
            self._db.executescript(_TABLES)
            self._tidy_up()
        self._held: Counter[str] = Counter(
            dict(self._db.execute("SELECT owner, SUM(n_bytes) FROM held GROUP BY owner"))
        )
        self._arriving: dict[str, dict[Path, int]] = defaultdict(dict)
        self._shares = threading.Lock()  # of the two above; never held while the disk works
        self._posted: Counter[str] = Counter(
            dict(self._db.execute("SELECT sender, SUM(LENGTH(note)) FROM note GROUP BY sender"))
        )
        self._newest: dict[str, int] = dict(self._db.execute("SELECT recipient, newest FROM inbox"))

    def disk(self) -> AbstractContextManager[None]:
        """Turn what the disk refuses into an error for the coordinator's operator.

        Raises
        ------
        DiskFullError, MachineError
        """
        return kept_in(self.folder, "the desk kept nothing of a call and confirmed nothing")

    def _tidy_up(self) -> None:
        """Remove what a killed process left: files without a row, rows without a file."""
        known = {str(row[0]) for row in self._db.execute("SELECT digest FROM held")}
        for path in self.folder.iterdir():
            stray = HEX_DIGEST.fullmatch(path.name) is not None and path.name not in known
            if stray or path.name.startswith("part-"):
                path.unlink()
        for digest in known:
            if not (self.folder / digest).exists():
                self._db.execute("DELETE FROM held WHERE digest = ?", (digest,))

    # Blobs

    def new_blob(self, owner: str) -> Blob:
        """Begin to store bytes that `owner` hands in."""
        return _FileBlob(self, owner)

    def open_blob(self, digest: str) -> BinaryIO | None:
        """Open stored bytes for reading."""
        if HEX_DIGEST.fullmatch(digest) is None:
            return None
        try:
            return open(self.folder / digest, "rb")
        except FileNotFoundError:
            return None

    def afford(self, owner: str, part: Path, n_bytes: int) -> None:
        """Set aside what has come of a blob, beside everything else that arrives or is kept.

        Raises
        ------
        FullDeskError
        """
        with self._shares:
            arriving = self._arriving[owner]
            others = sum(arriving.values()) - arriving.get(part, 0)
            if self._held[owner] + others + n_bytes <= MAX_HELD_BYTES:
                arriving[part] = n_bytes
                return
        raise FullDeskError(
            f"the desk keeps no more bytes of {owner}",
            party=owner,
            expected=f"at most {MAX_HELD_BYTES} bytes at a time",
            found="more",
            remedy="wait until the runs that are open have ended",
        )

    def leave(self, owner: str, part: Path) -> None:
        """Give back what was set aside for a blob."""
        with self._shares:
            self._arriving[owner].pop(part, None)

    def keep(self, part: Path, digest: str, owner: str, n_bytes: int) -> None:
        """Give a finished file its name; what others hold under it stays theirs."""
        with self._lock:
            part.replace(self.folder / digest)
            _sync(self.folder)
            known = self._db.execute(
                "SELECT 1 FROM held WHERE digest = ? AND owner = ?", (digest, owner)
            ).fetchone()
            self._db.execute(
                "INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?)",
                (digest, owner, n_bytes, self._now()),
            )
            with self._shares:
                self._arriving[owner].pop(part, None)
                self._held[owner] += 0 if known else n_bytes

    # Notes

    def post(self, recipient: str, note: bytes, label: Label | None = None) -> int:
        """Append a note to an inbox; the same posting again gets the same number."""
        label = label or Label(sender="", kind="", run_id="", post_id=os.urandom(16).hex())
        with self._lock, self.disk():
            known = self._db.execute(
                "SELECT number FROM note WHERE recipient = ? AND sender = ? AND post_id = ?",
                (recipient, label.sender, label.post_id),
            ).fetchone()
            if known is not None:
                return int(known[0])
            number = self._newest.get(recipient, 0) + 1
            outside = (label.sender, label.kind, label.run_id, label.post_id)
            with self._transaction():
                freed = self._make_room(recipient, len(note), label)
                self._db.execute(
                    "INSERT INTO note VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (recipient, number, *outside, self._now(), note),
                )
                self._db.execute("INSERT OR REPLACE INTO inbox VALUES (?, ?)", (recipient, number))
            self._newest[recipient] = number
            self._posted.subtract(freed)
            self._posted[label.sender] += len(note)
            return number

    def _make_room(self, recipient: str, n_bytes: int, label: Label) -> Counter[str]:
        """Delete the oldest loose notes, in a transaction; return their bytes by sender."""
        if self._posted[label.sender] + n_bytes > MAX_INBOX_BYTES:
            raise FullDeskError(
                f"the desk keeps no more notes of {label.sender}",
                party=label.sender,
                expected=f"at most {MAX_INBOX_BYTES} bytes at a time",
                found="more",
                remedy="wait until the runs that are open have ended",
            )
        if label.run_id:
            return Counter()
        return self._delete_notes(
            "recipient = ? AND sender = ? AND kind = ? AND run_id = '' ORDER BY number DESC "
            f"LIMIT -1 OFFSET {MAX_LOOSE_NOTES - 1}",
            (recipient, label.sender, label.kind),
        )

    def newest(self, recipient: str) -> int:
        """Return the number of the newest note of an inbox, 0 for none."""
        return self._newest.get(recipient, 0)

    def notes(self, recipient: str, after: int, *, most: int) -> list[tuple[int, bytes]]:
        """Return notes above a number, up to `most` bytes of them but at least one."""
        with self._lock:
            rows = self._db.execute(
                "SELECT number, note FROM note WHERE recipient = ? AND number > ? ORDER BY number",
                (recipient, after),
            )
            return _page(((int(number), bytes(note)) for number, note in rows), most)

    # Age

    def drop(self, before: datetime, *, owner: str | None = None) -> None:
        """Forget blobs, and without `owner` also notes about runs, stored before a time."""
        limit = format_time(before)
        with self._lock, self.disk():
            whose, values = ("", [limit]) if owner is None else (" AND owner = ?", [limit, owner])
            old = self._db.execute(
                f"SELECT digest, owner, n_bytes FROM held WHERE stored < ?{whose}", values
            ).fetchall()
            for digest, held_by, n_bytes in old:
                self._db.execute(
                    "DELETE FROM held WHERE digest = ? AND owner = ?", (digest, held_by)
                )
                with self._shares:
                    self._held[str(held_by)] -= int(n_bytes)
                if not self._is_held(str(digest)):
                    (self.folder / str(digest)).unlink(missing_ok=True)
            if owner is None:
                with self._transaction():
                    freed = self._delete_notes("run_id != '' AND stored < ?", (limit,))
                self._posted.subtract(freed)

    def _is_held(self, digest: str) -> bool:
        found = self._db.execute("SELECT 1 FROM held WHERE digest = ?", (digest,)).fetchone()
        return found is not None

    def _delete_notes(self, where: str, values: tuple[str, ...]) -> Counter[str]:
        """Delete notes, in a transaction; return their bytes by sender."""
        rows = self._db.execute(
            f"SELECT recipient, number, sender, LENGTH(note) FROM note WHERE {where}", values
        ).fetchall()
        freed: Counter[str] = Counter()
        for recipient, number, sender, n_bytes in rows:
            self._db.execute(
                "DELETE FROM note WHERE recipient = ? AND number = ?", (recipient, number)
            )
            freed[str(sender)] += int(n_bytes)
        return freed

    def close(self) -> None:
        """Close the files and let another process use the folder."""
        with self._lock:
            self._db.close()
            self._only_one.__exit__(None, None, None)

    def _now(self) -> str:
        return format_time(self._clock())

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # SQLite may have rolled back itself
                self._db.execute("ROLLBACK")
            raise


def _page(numbered: Iterator[tuple[int, bytes]], most: int) -> list[tuple[int, bytes]]:
    page: list[tuple[int, bytes]] = []
    n_bytes = 0
    for number, note in numbered:
        n_bytes += len(note)
        if page and n_bytes > most:
            break
        page.append((number, note))
    return page


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
