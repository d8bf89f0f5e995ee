"""A ledger file for readers: its entries in order, filtered, and the facts that a report cites.

Reading here decides nothing: what a line says is what the file says. Whether the file can be
believed is the question of `fedcredit_ledger.verify`, which `facts` asks first.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.entry import open_commitment, parse_time
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.store import Store
from fedcredit_ledger.verify import Level, Report, verify_file


@dataclass(frozen=True, kw_only=True)
class Line:
    """One entry as it stands in the file."""

    index: int
    entry_id: str
    type: str
    author: str
    received: str
    data: dict[str, Any]

    def fact(self) -> dict[str, object]:
        """Return what a report cites of an entry: everything but its data."""
        return {
            "index": self.index,
            "entry_id": self.entry_id,
            "type": self.type,
            "author": self.author,
            "received": self.received,
        }

    def is_about(self, *, kind: str, run: str, grant: str, party: str) -> bool:
        """Tell whether the entry passes every filter that is not empty.

        Parameters
        ----------
        kind : str
            Entry type.
        run : str
            A run's id or its beginning.
        grant : str
            A grant's id: the grant itself, its end, and the approvals that use it.
        party : str
            The author, or a party that the entry names.
        """
        data = self.data
        grants = (data.get("grant_id"), *data.get("grant_ids", []))
        named = [self.author, data.get("party"), data.get("author")]
        named += [*data.get("parties", []), *data.get("holders", [])]
        return (
            (not kind or self.type == kind)
            and (not run or str(data.get("run_id", "")).startswith(run))
            and (not grant or grant in grants)
            and (not party or party in named)
        )


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
            )


def since(lines_: Iterator[Line], moment: str) -> Iterator[Line]:
    """Yield the entries received at `moment` or later.

    Parameters
    ----------
    lines_ : iterator of Line
        Entries.
    moment : str
        ``2026-11-23`` or ``2026-11-23T16:00:00`` in UTC.

    Raises
    ------
    ValueError
        When `moment` is neither.
    """
    start = _moment(moment)
    return (line for line in lines_ if parse_time(line.received) >= start)


def until(lines_: Iterator[Line], moment: str) -> Iterator[Line]:
    """Yield the entries received before `moment`, which is written as in `since`.

    Raises
    ------
    ValueError
        When `moment` is not a moment.
    """
    end = _moment(moment)
    return (line for line in lines_ if parse_time(line.received) < end)


def about_subject(
    lines_: Iterable[Line], value: object, openings: Mapping[int, Sequence[Sequence[Any]]]
) -> Iterator[Line]:
    """Yield the entries about one subject: who was allowed to use its data, and who did.

    The ledger holds salted commitments only, so this needs the openings that the holder keeps.

    Parameters
    ----------
    lines_ : iterable of Line
        Entries in order.
    value : object
        What was committed to under the name ``subject``.
    openings : mapping
        ``[salt, name, value]`` by index of the entry.
    """
    grants: set[str] = set()
    for line in lines_:
        committed = line.data.get("commits", {}).get("subject", "")
        is_its = any(
            (name, found) == ("subject", value) and open_commitment(committed, salt, name, found)
            for salt, name, found in openings.get(line.index, ())
        )
        if is_its and "grant_id" in line.data:
            grants.add(str(line.data["grant_id"]))
        cited = {line.data.get("grant_id"), *line.data.get("grant_ids", ())}
        if is_its or grants & cited:
            yield line


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


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
    return report, [line.fact() for line in found]
