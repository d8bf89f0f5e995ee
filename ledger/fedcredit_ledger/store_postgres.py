"""The ledger in PostgreSQL: for who needs streaming replication, or more than one file should hold.

Behind the same functions as the SQLite file. The right to write is an advisory lock that the one
connection holds; it is never opened again: when it is lost, the process reads its store anew. What
a COMMIT confirms must be on a disk, so a server that promises less is refused. The head file stands
on the coordinator's own disk: a database that comes back from an old backup is noticed by it.

References
----------
PostgreSQL 15, 13.3.5 "Advisory Locks", 20.5.1 ``fsync``, ``synchronous_commit``.
"""

import hashlib
import importlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fedcredit_ledger.errors import LedgerError, StorageError
from fedcredit_ledger.ledger_store import TABLES, Add, LedgerStore, Row, blob, integer
from fedcredit_ledger.mounts import MOUNTS
from fedcredit_ledger.store import write_copy

if TYPE_CHECKING:
    import psycopg

SCHEMES = ("postgresql://", "postgres://")

PATIENCE_S = 30.0
"""How long a start waits for a server that mends itself, or for a killed writer's session."""

CONNECT_S = 10
"""How long a server may take to answer."""

MIN_VERSION = 140_000

PAGE = 4096
"""Rows that are read in one go."""

_COLUMNS = {
    "leaf": "i BIGINT PRIMARY KEY, leaf BYTEA NOT NULL, hash BYTEA NOT NULL, "
    "entry_id TEXT NOT NULL UNIQUE",
    "node": "level INTEGER NOT NULL, i BIGINT NOT NULL, hash BYTEA NOT NULL, "
    "PRIMARY KEY (level, i)",
    "checkpoint": "size BIGINT PRIMARY KEY, note BYTEA NOT NULL",
    "cosignature": "size BIGINT NOT NULL, key TEXT NOT NULL, line TEXT NOT NULL, "
    "PRIMARY KEY (size, key)",
}

_ADD = {
    "leaf": "INSERT INTO leaf VALUES (%s, %s, %s, %s)",
    "node": "INSERT INTO node VALUES (%s, %s, %s)",
    "checkpoint": "INSERT INTO checkpoint VALUES (%s, %s)",
    "cosignature": "INSERT INTO cosignature VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
}

_REFUSE = """
CREATE OR REPLACE FUNCTION fedcredit_rows_are_only_added() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'rows are only added'; END $$
"""

_TRIGGER = """
CREATE OR REPLACE TRIGGER {table}_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION fedcredit_rows_are_only_added()
"""

_PROMISES = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_apply", "remote_write", "local"),
}
"""Setting -> values under which what COMMIT confirms survives a loss of power."""


class PostgresStore(LedgerStore):
    """A ledger in a PostgreSQL database, in the first schema of the connection's search path.

    Parameters
    ----------
    url : str
        ``postgresql://USER@HOST/DATABASE``. A password belongs into ``~/.pgpass``, or into a file
        that only its owner may read.
    head : Path, optional
        The head file, on a disk of this machine. Needed unless `read_only`.
    read_only : bool, default False
        Nothing is written and no lock is taken.
    restoring : bool, default False
        The database may be an old copy: it is not compared with its head file.
    mounts : Path, optional
        Where the system tells what is mounted.
    patience_s : float
        How long to wait for another writer to end, and for a server that starts, in s.

    Raises
    ------
    RollbackError, ForkError
        When the database is shorter than, or differs from, what its head file says.
    StorageError
        When ``psycopg`` is missing, the server does not answer or promises too little, another
        process writes, or there are no tables and none can be made.

    Disclosure
    ----------
    The server's operator reads every entry. No message of an error holds the URL's password.
    """

    def __init__(
        self,
        url: str,
        *,
        head: Path | None = None,
        read_only: bool = False,
        restoring: bool = False,
        mounts: Path = MOUNTS,
        patience_s: float = PATIENCE_S,
    ) -> None:
        super().__init__()
        self._driver = _driver()
        self._db = self._connect(url, read_only=read_only, patience_s=patience_s)
        try:
            self._prepare(read_only=read_only, patience_s=patience_s)
            if not read_only:
                if head is None:
                    raise StorageError("a ledger that is written needs a head file")
                self._hold_head(head, compare=not restoring, mounts=mounts)
        except LedgerError:
            self.close()
            raise

    def _connect(
        self, url: str, *, read_only: bool, patience_s: float
    ) -> "psycopg.Connection[Row]":
        remedy = "correct the address of the database, or start its server"
        try:
            parameters = self._driver.conninfo.conninfo_to_dict(url)
        except self._driver.Error:  # its message may quote the whole address
            raise StorageError(
                "the address of the database cannot be read",
                expected="postgresql://USER@HOST/DATABASE",
                found="something else",
                remedy=remedy,
            ) from None
        # A server whose client's machine has died gives the lock back after a minute.
        defaults = {
            "application_name": "fedcredit ledger",
            "connect_timeout": CONNECT_S,
            "keepalives_idle": 10,
            "keepalives_interval": 10,
            "keepalives_count": 3,
        }
        self._wait_for_recovery(url, patience_s)
        try:
            database = self._driver.connect(**(defaults | parameters), autocommit=True)
            # BEGIN READ ONLY would let one query through that is sent outside of it.
            database.execute(f"SET default_transaction_read_only = {'on' if read_only else 'off'}")
            for setting in ("tcp_keepalives_idle", "tcp_keepalives_interval"):
                database.execute(f"SET {setting} = 10")
        except self._driver.Error as error:
            raise StorageError(
                f"the database does not answer: {_discreet(str(error), parameters)}", remedy=remedy
            ) from None
        found: psycopg.Connection[Row] = database
        return found

    def _wait_for_recovery(self, url: str, patience_s: float) -> None:
        """Give a server that is starting, or mends itself after a crash, time to do so."""
        deadline = time.monotonic() + patience_s
        ping, rejects = self._driver.pq.PGconn.ping, self._driver.pq.Ping.REJECT
        while ping(url.encode()) == rejects and time.monotonic() < deadline:
            time.sleep(0.1)

    def _prepare(self, *, read_only: bool, patience_s: float) -> None:
        if self._db.info.server_version < MIN_VERSION:
            raise StorageError(
                "the server is too old",
                expected=f"PostgreSQL {MIN_VERSION // 10_000}",
                found=f"{self._db.info.server_version // 10_000}",
                remedy="upgrade it",
            )
        try:
            if read_only:
                if self._missing():
                    raise StorageError("the database holds no ledger")
                return
            self._check_promises()
            self._take_lock(patience_s)
            if self._missing():
                self._make_tables()
            self._check_triggers()
        except self._driver.Error as error:
            raise _said(error, "the database cannot be used") from error

    def _check_promises(self) -> None:
        for setting, good in _PROMISES.items():
            ((value,),) = self._rows(f"SHOW {setting}")
            if value not in good:
                raise StorageError(
                    "the server confirms what is not on its disk",
                    expected=f"{setting} = {good[0]}",
                    found=f"{setting} = {value}",
                    remedy=f"set {setting} = {good[0]} for this server, database and role",
                )

    def _take_lock(self, patience_s: float) -> None:
        ((schema,),) = self._rows("SELECT current_schema()")
        name = hashlib.sha256(f"fedcredit ledger {schema}".encode()).digest()
        key = int.from_bytes(name[:8], "big", signed=True)
        self._rows(
            f"SELECT set_config('lock_timeout', '{max(1, round(patience_s * 1000))}', false)"
        )
        try:
            self._rows("SELECT 1 FROM pg_advisory_lock(?)", (key,))
        except self._driver.errors.LockNotAvailable:
            raise StorageError(
                "another process is writing this ledger", remedy="stop it, or wait for it"
            ) from None
        self._rows("SELECT set_config('lock_timeout', '0', false)")

    def _missing(self) -> bool:
        query = "SELECT to_regclass(quote_ident(current_schema()) || '.' || ?)"
        return any(self._rows(query, (table,)) == [(None,)] for table in TABLES)

    def _make_tables(self) -> None:
        with self._db.transaction():
            self._db.execute(_REFUSE)
            for table, columns in _COLUMNS.items():
                self._db.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
                self._db.execute(_TRIGGER.format(table=table))

    def _check_triggers(self) -> None:
        """Refuse tables from which rows could be taken: somebody has made them otherwise."""
        query = (
            "SELECT 1 FROM pg_trigger WHERE tgrelid = to_regclass(quote_ident(current_schema()) "
            "|| '.' || ?) AND tgname = ? AND tgenabled IN ('O', 'A')"
        )
        for table in TABLES:
            if not self._rows(query, (table, f"{table}_only_added")):
                raise StorageError(
                    f"the table {table} lets rows be changed",
                    expected=f"the trigger {table}_only_added",
                    found="none, or one that is switched off",
                    remedy="keep the database as it is; restore into an empty one",
                )

    @contextmanager
    def _adding(self) -> Iterator[Add]:
        def add(table: str, rows: Sequence[Row]) -> None:
            cursor.executemany(_ADD[table], rows)

        with self._lock:
            try:
                with self._db.transaction(), self._db.cursor() as cursor:
                    yield add
            except self._driver.Error as error:
                raise self._refusal(error, "the database refuses") from error

    def _rows(self, query: str, parameters: Sequence[object] = ()) -> list[Row]:
        with self._lock:
            try:
                # The queries are this room's own, with no other question or percent marks.
                return self._execute(query.replace("?", "%s"), parameters)
            except self._driver.errors.LockNotAvailable:
                raise
            except self._driver.Error as error:
                raise self._refusal(error, "the database cannot be read") from error

    def _refusal(self, error: "psycopg.Error", what: str) -> StorageError:
        """Return the error for what the server said; without a connection nothing follows."""
        refused = _said(error, what)
        if self._db.closed:
            self.failure = refused
        return refused

    def _execute(self, query: str, parameters: Sequence[object]) -> list[Row]:
        database: Any = self._db  # psycopg takes only text that stands in the source
        found: list[Row] = database.execute(query, parameters).fetchall()
        return found

    def hashed_leaves(self, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
        """Yield every leaf from `start` with its stored hash, in order of the stored index."""
        after = start - 1
        query = "SELECT i, leaf, hash FROM leaf WHERE i > ? ORDER BY i LIMIT ?"
        while page := self._rows(query, (after, PAGE)):
            for i, raw, value in page:
                after = integer(i)
                yield blob(raw), blob(value)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let everything that is read within show one moment, whoever else writes."""
        with self._lock, self._db.transaction():
            self._db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield

    def export(self, path: Path | str) -> None:
        """Write what the database holds at one moment as one SQLite file.

        Raises
        ------
        StorageError
            When the file exists already or cannot be written, or the server stops answering.
        """
        with self._lock:
            try:
                with self._db.transaction():
                    self._db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                    write_copy(path, {table: self._all(table) for table in TABLES})
            except self._driver.Error as error:
                raise _said(error, "the ledger could not be exported") from error

    def _all(self, table: str) -> Iterator[Row]:
        """Yield the rows of a table, some thousand at a time, within a transaction."""
        with self._db.cursor(name=f"all_{table}") as cursor:
            cursor.itersize = PAGE
            query: Any = f"SELECT * FROM {table}"
            yield from cursor.execute(query)

    def _close(self) -> None:
        self._db.close()


def _discreet(said: str, parameters: Mapping[str, object]) -> str:
    """Return what the driver said, on one line, without the password of the address."""
    password = str(parameters.get("password") or "")
    for form in (password, quote(password, safe="")):
        said = said.replace(form, "***") if form else said
    return " ".join(said.split())


def _driver() -> ModuleType:
    try:
        return importlib.import_module("psycopg")
    except ImportError:
        raise StorageError(
            "a ledger in PostgreSQL needs the package psycopg",
            expected="psycopg 3",
            found="none",
            remedy="pip install 'fedcredit[postgres]'",
        ) from None


def _said(error: "psycopg.Error", what: str) -> StorageError:
    """Return the error for what the server said; it names tables and numbers, never an entry."""
    sentence = error.diag.message_primary or type(error).__name__
    return StorageError(f"{what}: {sentence}", remedy="look at the server's log")
