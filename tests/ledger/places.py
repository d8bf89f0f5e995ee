"""Where a ledger can be kept, for tests that hold over every database."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from fedcredit_ledger.ledger_store import TABLES, LedgerStore
from fedcredit_ledger.store import Store
from fedcredit_ledger.store_postgres import PostgresStore
from tests.postgres_server import PostgresServer

REFUSED = (sqlite3.IntegrityError, "RaiseException")


class SqlitePlace:
    """A file in a folder."""

    kind = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "ledger.db"
        self.head = folder / "ledger.db-head"

    def open(self, **options: Any) -> LedgerStore:
        return Store(self.path, **options)

    def another(self) -> "SqlitePlace":
        folder = self.folder / "another"
        folder.mkdir()
        return SqlitePlace(folder)

    def execute(self, *statements: str) -> None:
        """Do what somebody does who is no daemon but may enter the database."""
        with closing(sqlite3.connect(self.path)) as other, other:
            for statement in statements:
                other.execute(statement)

    def shorten(self, size: int) -> None:
        """Make it what it was at `size` leaves: an old copy."""
        self.execute(*(f"DROP TRIGGER {table}_no_delete" for table in TABLES), *_deletions(size))

    def unlock(self) -> list[str]:
        """Return the statements that let a leaf be changed."""
        return ["DROP TRIGGER leaf_no_update"]


class PostgresPlace:
    """A schema on the session's server."""

    kind = "postgres"

    def __init__(self, server: PostgresServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.url = server.url()
        self.head = folder / "ledger-head"

    def open(self, **options: Any) -> LedgerStore:
        return PostgresStore(self.url, head=self.head, **options)

    def another(self) -> "PostgresPlace":
        folder = self.folder / "another"
        folder.mkdir()
        return PostgresPlace(self.server, folder)

    def execute(self, *statements: str) -> None:
        self.server.execute(*statements, url=self.url)

    def shorten(self, size: int) -> None:
        self.execute("SET session_replication_role = replica", *_deletions(size))

    def unlock(self) -> list[str]:
        return ["SET session_replication_role = replica"]


Place = SqlitePlace | PostgresPlace


def _deletions(size: int) -> list[str]:
    return [
        f"DELETE FROM leaf WHERE i >= {size}",
        f"DELETE FROM node WHERE ((i + 1) << level) > {size}",
        f"DELETE FROM checkpoint WHERE size > {size}",
        f"DELETE FROM cosignature WHERE size > {size}",
    ]
