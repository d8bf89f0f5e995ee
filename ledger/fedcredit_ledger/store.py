"""The ledger in an SQLite file: write-ahead log, synced at every commit, one writing process."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from fedcredit_ledger.errors import LedgerError, StorageError, SyncError
from fedcredit_ledger.ledger_store import TABLES, Add, LedgerStore, Row, blob
from fedcredit_ledger.mounts import MOUNTS, refuse_network

MEMORY = ":memory:"

_COLUMNS = {
    "leaf": "i INTEGER PRIMARY KEY, leaf BLOB NOT NULL, hash BLOB NOT NULL, "
    "entry_id TEXT NOT NULL UNIQUE",
    "node": "level INTEGER NOT NULL, i INTEGER NOT NULL, hash BLOB NOT NULL, "
    "PRIMARY KEY (level, i)",
    "checkpoint": "size INTEGER PRIMARY KEY, note BLOB NOT NULL",
    "cosignature": "size INTEGER NOT NULL, key TEXT NOT NULL, line TEXT NOT NULL, "
    "PRIMARY KEY (size, key)",
}

_ADD = {
    "leaf": "INSERT INTO leaf VALUES (?, ?, ?, ?)",
    "node": "INSERT INTO node VALUES (?, ?, ?)",
    "checkpoint": "INSERT INTO checkpoint VALUES (?, ?)",
    "cosignature": "INSERT INTO cosignature VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
}

_NOT_SYNCED = frozenset({sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC})


class Store(LedgerStore):
    """A ledger file, or one in memory.

    Parameters
    ----------
    path : Path or str, default ":memory:"
        The database. A file has its head file beside it, named like it with ``-head`` behind.
    read_only : bool, default False
        For verification: nothing is written, and no head file is needed.
    restoring : bool, default False
        The file may be an old copy: it is not compared with its head file.
    mounts : Path, optional
        Where the system tells what is mounted.

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
    StorageError
        When another process writes it, or it lies on a network file system.
    LedgerError
        When the file is no ledger.
    """

    def __init__(
        self,
        path: Path | str = MEMORY,
        *,
        read_only: bool = False,
        restoring: bool = False,
        mounts: Path = MOUNTS,
    ) -> None:
        super().__init__()
        self.path = str(path)
        self._is_read_only = read_only
        is_written = not read_only and self.path != MEMORY
        if is_written:
            refuse_network(Path(path), mounts)
        self._open(read_only)
        try:
            if is_written:
                self._hold_head(Path(f"{path}-head"), compare=not restoring, mounts=mounts)
        except LedgerError:
            self.close()
            raise

    def _open(self, read_only: bool) -> None:
        try:
            if read_only:
                location = f"{Path(self.path).absolute().as_uri()}?mode=ro"
                self._db = sqlite3.connect(
                    location, uri=True, isolation_level=None, check_same_thread=False
                )
            else:
                self._db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            self._prepare(read_only)
        except (sqlite3.Error, LedgerError, UnicodeDecodeError) as error:
            if hasattr(self, "_db"):
                self._db.close()
            if isinstance(error, LedgerError):
                raise
            # SQLite quotes a spoiled schema in its message, whatever bytes it holds.
            found = "a spoiled schema" if isinstance(error, UnicodeDecodeError) else str(error)
            raise LedgerError(
                "the file cannot be read as a ledger",
                expected="an SQLite file that a ledger's sequencer or a backup wrote",
                found=found,
                remedy="ask its sender for the original; fedcredit ledger backup copies one whole",
            ) from error

    def _prepare(self, read_only: bool) -> None:
        self._db.execute("PRAGMA trusted_schema=OFF")
        if read_only:
            found = self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not set(TABLES) <= {row[0] for row in found}:  # a view could run for ever
                raise LedgerError(
                    "the file cannot be read as a ledger",
                    expected=f"tables {', '.join(sorted(TABLES))}",
                    found="other tables",
                    remedy="name the ledger.db of a run, a demonstration or a party's copy",
                )
            return
        for setting in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "recursive_triggers=ON",
        ):
            self._db.execute(f"PRAGMA {setting}")
        with self._transaction():
            _make_tables(self._db)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _adding(self) -> Iterator[Add]:
        def add(table: str, rows: Sequence[Row]) -> None:
            self._db.executemany(_ADD[table], rows)

        with self._lock:
            try:
                with self._transaction():
                    yield add
            except sqlite3.Error as error:
                raise _refused(error) from error

    def _rows(self, query: str, parameters: Sequence[object] = ()) -> list[Row]:
        with self._lock:
            return self._db.execute(query, parameters).fetchall()

    def hashed_leaves(self, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
        """Yield every leaf from `start` with its stored hash, in order of the stored index."""
        with self._lock:
            rows = self._db.execute("SELECT leaf, hash FROM leaf WHERE i >= ? ORDER BY i", (start,))
            for raw, value in rows:
                yield blob(raw), blob(value)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let everything that is read within show one moment, whoever else writes the file."""
        with self._lock:
            if self._is_read_only:
                self._db.execute("BEGIN")
            try:
                yield
            finally:
                if self._is_read_only and self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def export(self, path: Path | str) -> None:
        """Write a copy of the database, one file, for a backup or an auditor.

        Raises
        ------
        StorageError
            When the file exists already or cannot be written.
        """
        try:
            with self._lock:
                self._db.execute("VACUUM INTO ?", (str(path),))
        except sqlite3.Error as error:
            raise StorageError(f"the ledger could not be exported: {error}") from error

    def _close(self) -> None:
        self._db.close()


def write_copy(path: Path | str, tables: Mapping[str, Iterable[Row]]) -> None:
    """Write a ledger file that nobody appends to, from the rows of another database.

    Parameters
    ----------
    path : Path or str
        A new file.
    tables : mapping
        The rows of every table.

    Raises
    ------
    StorageError
        When the file exists already or cannot be written.
    """
    if Path(path).exists():
        raise StorageError("the ledger could not be exported: output file already exists")
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as copy:
            copy.execute("PRAGMA synchronous=FULL")
            copy.execute("BEGIN IMMEDIATE")
            _make_tables(copy)
            for table, rows in tables.items():
                copy.executemany(_ADD[table], rows)
            copy.execute("COMMIT")
    except sqlite3.Error as error:
        raise StorageError(f"the ledger could not be exported: {error}") from error


def _make_tables(database: sqlite3.Connection) -> None:
    for table, columns in _COLUMNS.items():
        database.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns}) STRICT")
        for act in ("UPDATE", "DELETE"):
            database.execute(
                f"CREATE TRIGGER IF NOT EXISTS {table}_no_{act.lower()} BEFORE {act} "
                f"ON {table} BEGIN SELECT RAISE(ABORT, 'rows are only added'); END"
            )


def _refused(error: sqlite3.Error) -> StorageError:
    if getattr(error, "sqlite_errorcode", None) in _NOT_SYNCED:
        return SyncError(f"the disk did not confirm what was written: {error}")
    return StorageError(str(error))
