"""A ledger file for readers: its entries in order, and the facts that a report cites.

Reading here decides nothing: what a line says is what the file says. Whether the file can be
believed is the question of `fedcredit_ledger.verify`, which `facts` asks first.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.store import Store
from fedcredit_ledger.verify import Level, Report, verify_file

TERMS = (
    "federation-created",
    "policy-changed",
    "grant-issued",
    "data-asset-registered",
    "run-proposed",
    "model-registered",
)
"""Entries of which a report cites what they say: witnesses, quorum, grants, tables, digests."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One entry as it stands in the file."""

    index: int
    entry_id: str
    type: str
    author: str
    received: str
    data: dict[str, Any]
    readers: tuple[str, ...] = ("all",)

    def fact(self) -> dict[str, object]:
        """Return what a report cites of an entry: everything but its data."""
        return {
            "index": self.index,
            "entry_id": self.entry_id,
            "type": self.type,
            "author": self.author,
            "received": self.received,
        }


def demand(path: Path) -> Path:
    """Return the path of a ledger file that is there.

    Raises
    ------
    LedgerError
        When there is no file of this name.
    """
    if not path.is_file():
        raise LedgerError(
            "there is no ledger file of this name",
            expected="the ledger.db of a run or a demonstration",
            found=path.name,
            remedy="fedcredit job list says where saved runs lie",
        )
    return path


def n_witnessed(path: Path) -> int:
    """Return how many entries of a ledger file are under a head with the witnesses' quorum.

    Raises
    ------
    LedgerError
        When it is not a ledger.
    """
    return verify_file(demand(path), level=Level.HEAD).quorum_size


def lines(path: Path) -> Iterator[Line]:
    """Yield the entries of a ledger file, oldest first.

    Raises
    ------
    LedgerError
        When there is no file, or it is not a ledger.
    """
    with Store(demand(path), read_only=True) as store:
        for index, raw in enumerate(store.leaves()):
            leaf = Leaf.parse(raw)
            entry = leaf.signed.entry
            yield Line(
                index=index,
                entry_id=leaf.signed.id,
                type=entry.type,
                author=entry.author,
                received=leaf.received,
                data=entry.data,
                readers=tuple(entry.readers),
            )


def settle(path: Path) -> None:
    """Make a closed ledger one self-contained file, so that reading it leaves nothing beside it.

    While a ledger is written, SQLite keeps a write-ahead log beside it, and readers need that
    log's index. A ledger that is kept or sent is read where nobody may write.
    """
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=DELETE")


def facts(
    path: Path, *, founding_entry: str | None = None
) -> tuple[Report, list[dict[str, object]]]:
    """Verify a ledger file to the last level, then return the report and the facts to cite.

    Raises
    ------
    LedgerError
        The first finding of the verification; nothing is cited from a file that fails.
    """
    found = list(lines(path))
    report = verify_file(path, level=Level.SIGNATURES, founding_entry=founding_entry)
    report.must_be_clean()
    return report, [
        line.fact() | ({"data": line.data} if line.type in TERMS else {}) for line in found
    ]
