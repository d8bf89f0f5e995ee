"""The ledger on disk: an SQLite file to which rows are only ever added.

One transaction takes the leaves of a batch, the tree nodes they complete and the checkpoint over
them; after COMMIT, and before anybody is told, the checkpoint goes to the head file too. At start
the two are compared: a database that is shorter than its head, or different, is not opened.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.errors import ForkError, LedgerError, RollbackError
from fedcredit_ledger.head import HeadFile
from fedcredit_ledger.note import Note

MEMORY = ":memory:"

_TABLES = {
    "leaf": "i INTEGER PRIMARY KEY, leaf BLOB NOT NULL, hash BLOB NOT NULL, "
    "entry_id TEXT NOT NULL UNIQUE",
    "node": "level INTEGER NOT NULL, i INTEGER NOT NULL, hash BLOB NOT NULL, "
    "PRIMARY KEY (level, i)",
    "checkpoint": "size INTEGER PRIMARY KEY, note BLOB NOT NULL",
    "cosignature": "size INTEGER NOT NULL, key TEXT NOT NULL, line TEXT NOT NULL, "
    "PRIMARY KEY (size, key)",
}


class Store:
    """A ledger file, or one in memory.

    Parameters
    ----------
    path : Path or str, default ":memory:"
        The database. A file has its head file beside it, named like it with ``-head`` behind.
    read_only : bool, default False
        For verification: nothing is written, and no head file is needed.

    Attributes
    ----------
    path : str
        As given.

    Raises
    ------
    RollbackError
        When the database is shorter than its head file says.
    ForkError
        When it holds another history than its head file says.
    LedgerError
        When the file is no ledger, or another process writes it.
    """

    def __init__(self, path: Path | str = MEMORY, *, read_only: bool = False) -> None:
        self.path = str(path)
        self._lock = threading.RLock()
        self._head: HeadFile | None = None
        self._open(str(path), read_only)
        try:
            if not read_only and str(path) != MEMORY:
                self._compare_with_head(Path(f"{path}-head"))
        except LedgerError:
            self.close()
            raise

    def _open(self, path: str, read_only: bool) -> None:
        try:
            if read_only:
                location = f"{Path(path).absolute().as_uri()}?mode=ro"
                self._db = sqlite3.connect(
                    location, uri=True, isolation_level=None, check_same_thread=False
                )
            else:
                self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._prepare(read_only)
        except (sqlite3.Error, LedgerError, UnicodeDecodeError) as error:
            if hasattr(self, "_db"):
                self._db.close()
            if isinstance(error, LedgerError):
                raise
            # SQLite quotes a spoiled schema in its message, whatever bytes it holds.
            found = "a spoiled schema" if isinstance(error, UnicodeDecodeError) else str(error)
            raise LedgerError(f"the file cannot be read as a ledger: {found}") from error

    def _prepare(self, read_only: bool) -> None:
        self._db.execute("PRAGMA trusted_schema=OFF")
        if read_only:
            found = self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not set(_TABLES) <= {row[0] for row in found}:  # a view could run for ever
                raise LedgerError("the file cannot be read as a ledger: it has other tables")
            return
        for setting in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "recursive_triggers=ON",
        ):
            self._db.execute(f"PRAGMA {setting}")
        with self._transaction():
            for table, columns in _TABLES.items():
                self._db.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns}) STRICT")
                for act in ("UPDATE", "DELETE"):
                    self._db.execute(
                        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{act.lower()} BEFORE {act} "
                        f"ON {table} BEGIN SELECT RAISE(ABORT, 'rows are only added'); END"
                    )

    def _compare_with_head(self, path: Path) -> None:
        is_new = not path.exists()
        if is_new and self.size:
            raise RollbackError(
                "the ledger has leaves but its head file is missing",
                expected=path.name,
                remedy="restore the head file, or compare with the newest checkpoint of a witness",
            )
        self._head = HeadFile(path)
        head = self._head.read()
        if head is not None:
            self.compare(head, "its head file")

    def compare(self, head: Checkpoint, whose: str) -> None:
        """Compare the database with a head that somebody has seen.

        Raises
        ------
        RollbackError
            When the database is shorter.
        ForkError
            When it has another root at that size.
        """
        if head.size > self.size:
            raise RollbackError(
                f"the ledger is shorter than {whose} says",
                expected=f"at least {head.size} leaves",
                found=f"{self.size}",
                remedy="do not append: fetch the missing leaves from another member's copy",
            )
        note = self.checkpoint(head.size)
        if note is None or Checkpoint.parse(Note.parse(note).text) != head:
            raise ForkError(
                f"the ledger differs from what {whose} says at size {head.size}",
                remedy="do not append: keep both files and call the auditor",
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @property
    def size(self) -> int:
        """Number of leaves."""
        with self._lock:
            (newest,) = self._db.execute("SELECT MAX(i) FROM leaf").fetchone()
        return 0 if newest is None else _integer(newest) + 1

    def append(
        self,
        leaves: Sequence[Leaf],
        *,
        nodes: Iterable[tuple[int, int, bytes]],
        size: int,
        checkpoint: bytes,
    ) -> None:
        """Add a batch, wholly or not at all; return when it is on the disk.

        Parameters
        ----------
        leaves : sequence of Leaf
            In order, continuing what is stored.
        nodes : iterable of (int, int, bytes)
            Level, index and hash of the tree nodes that the batch completes.
        size : int
            Number of leaves after it.
        checkpoint : bytes
            The log-signed note over that size.

        Raises
        ------
        LedgerError
            When the disk refuses; nothing was stored, and nothing may be answered.
        """
        try:
            with self._transaction():
                self._db.executemany(
                    "INSERT INTO leaf VALUES (?, ?, ?, ?)",
                    [(leaf.index, leaf.raw, leaf.hash, leaf.signed.id) for leaf in leaves],
                )
                self._db.executemany("INSERT INTO node VALUES (?, ?, ?)", list(nodes))
                self._db.execute("INSERT INTO checkpoint VALUES (?, ?)", (size, checkpoint))
            if self._head is not None:
                self._head.write(checkpoint)
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(f"the ledger could not be written: {error}") from error

    def leaves(self, start: int = 0, n: int | None = None) -> list[bytes]:
        """Return up to `n` leaves from `start`."""
        with self._lock:
            rows = self._db.execute(
                "SELECT leaf FROM leaf WHERE i >= ? ORDER BY i LIMIT ?",
                (start, -1 if n is None else n),
            ).fetchall()
        return [_blob(row[0]) for row in rows]

    def hashed_leaves(self, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
        """Yield every leaf from `start` with its stored hash, in order of the stored index."""
        with self._lock:
            rows = self._db.execute("SELECT leaf, hash FROM leaf WHERE i >= ? ORDER BY i", (start,))
            for raw, value in rows:
                yield _blob(raw), _blob(value)

    def peaks(self, size: int) -> list[bytes]:
        """Return the stored hashes of the largest complete subtrees of the first `size` leaves.

        Raises
        ------
        LedgerError
            When one of them is not stored.
        """
        found, start = [], 0
        with self._lock:
            for level in range(size.bit_length() - 1, -1, -1):
                if size >> level & 1:
                    query = "SELECT hash FROM node WHERE level = ? AND i = ?"
                    at: tuple[int, ...] = (level, start >> level)
                    if level == 0:
                        query, at = "SELECT hash FROM leaf WHERE i = ?", (start,)
                    row = self._db.execute(query, at).fetchone()
                    if row is None:
                        raise LedgerError("a stored node is missing: the file is damaged")
                    found.append(_blob(row[0]))
                    start += 1 << level
        return found

    def checkpoint(self, size: int) -> bytes | None:
        """Return the log-signed checkpoint of a size, without co-signatures."""
        with self._lock:
            row = self._db.execute("SELECT note FROM checkpoint WHERE size = ?", (size,)).fetchone()
        return None if row is None else _blob(row[0])

    def checkpoint_sizes(self) -> list[int]:
        """Return the sizes that have a checkpoint, ascending."""
        with self._lock:
            rows = self._db.execute("SELECT size FROM checkpoint ORDER BY size").fetchall()
        return [_integer(row[0]) for row in rows]

    def add_cosignatures(self, size: int, lines: Iterable[tuple[str, str]]) -> None:
        """Keep co-signature lines (key and line) of the checkpoint of a size."""
        try:
            with self._transaction():
                self._db.executemany(
                    "INSERT OR IGNORE INTO cosignature VALUES (?, ?, ?)",
                    [(size, key, line) for key, line in lines],
                )
        except sqlite3.Error as error:
            raise LedgerError(f"a co-signature could not be written: {error}") from error

    def cosignatures(self, size: int) -> list[str]:
        """Return the co-signature lines of the checkpoint of a size."""
        with self._lock:
            rows = self._db.execute(
                "SELECT line FROM cosignature WHERE size = ? ORDER BY key", (size,)
            ).fetchall()
        return [_text(row[0]) for row in rows]

    def nodes(self, start: int = 0) -> list[tuple[int, int, bytes]]:
        """Return the stored nodes over leaf `start` or later ones as (level, index, hash)."""
        with self._lock:
            rows = self._db.execute(
                "SELECT level, i, hash FROM node WHERE ((i + 1) << level) > ? ORDER BY level, i",
                (start,),
            ).fetchall()
        return [(_integer(level), _integer(i), _blob(value)) for level, i, value in rows]

    def export(self, path: Path | str) -> None:
        """Write a copy of the database, one file, for an auditor.

        Raises
        ------
        LedgerError
            When the file exists already or cannot be written.
        """
        try:
            with self._lock:
                self._db.execute("VACUUM INTO ?", (str(path),))
        except sqlite3.Error as error:
            raise LedgerError(f"the ledger could not be exported: {error}") from error

    def close(self) -> None:
        """Close the file and let others write it."""
        with self._lock:
            self._db.close()
            if self._head is not None:
                self._head.close()

    def __enter__(self) -> "Store":
        """Return the store itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()


def _blob(value: object) -> bytes:
    """Return a stored blob; a file from outside may hold anything."""
    if not isinstance(value, bytes):
        raise LedgerError("a stored value is not of its type: the file is damaged")
    return value


def _integer(value: object) -> int:
    if type(value) is not int:
        raise LedgerError("a stored value is not of its type: the file is damaged")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise LedgerError("a stored value is not of its type: the file is damaged")
    return value
