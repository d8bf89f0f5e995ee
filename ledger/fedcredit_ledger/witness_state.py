"""What an outside witness remembers: of every log, the newest head that it has co-signed.

One SQLite file, one row a log, and one for each entry that it holds. A log's row moves forwards
only, by compare-and-set in one transaction that is on the disk before the co-signature leaves: of
two requests that were judged against the same head, the second finds another head and gets nothing.

References
----------
c2sp.org/tlog-witness, add-checkpoint: the race that must not be.
"""

import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

from fedcredit_ledger.entry import SignedEntry
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.held_entry import Held
from fedcredit_ledger.merkle import EMPTY_ROOT
from fedcredit_ledger.store import MEMORY

_TABLES = (
    "CREATE TABLE IF NOT EXISTS log (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, "
    "root BLOB NOT NULL, note BLOB NOT NULL, time_s INTEGER NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS held (origin TEXT NOT NULL, author TEXT NOT NULL, "
    "note BLOB NOT NULL, since_s INTEGER NOT NULL, PRIMARY KEY (origin, author)) STRICT",
)


@dataclass(frozen=True)
class Seen:
    """The newest head of one log that a witness has co-signed.

    Attributes
    ----------
    size : int
        Leaves; 0 before the first co-signature.
    root : bytes
        Root over them, 32 bytes.
    note : bytes
        The checkpoint as the log signed it; empty before the first co-signature.
    time_s : int
        When it was co-signed, in Unix seconds.
    """

    size: int = 0
    root: bytes = EMPTY_ROOT
    note: bytes = b""
    time_s: int = 0


class WitnessState:
    """The heads that one witness has co-signed.

    Parameters
    ----------
    path : Path or str, default ":memory:"
        The file; it is made when there is none.

    Raises
    ------
    LedgerError
        When the file is no witness's state, or cannot be written.

    Notes
    -----
    Safe to use from several threads, and from several processes over one file.
    """

    def __init__(self, path: Path | str = MEMORY) -> None:
        self._lock = threading.Lock()
        self._name = Path(path).name
        try:
            self._db = sqlite3.connect(str(path), isolation_level=None, check_same_thread=False)
            for setting in ("trusted_schema=OFF", "journal_mode=WAL", "synchronous=FULL"):
                self._db.execute(f"PRAGMA {setting}")
            for table in _TABLES:
                self._db.execute(table)
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def seen(self, origin: str) -> Seen:
        """Return the newest head of a log that was co-signed; size 0 for none."""
        rows = self._rows("WHERE origin = ?", origin)
        return rows[origin] if rows else Seen()

    def all(self) -> dict[str, Seen]:
        """Return the newest head of every log, by origin."""
        return self._rows("ORDER BY origin")

    def advance(self, origin: str, old: Seen, new: Seen) -> bool:
        """Replace `old` by `new`, on the disk when this returns.

        Returns
        -------
        bool
            False when the newest head is not `old` any more; nothing has changed then.

        Raises
        ------
        LedgerError
            When it could not be written.
        """
        values: tuple[int | str | bytes, ...]
        if old.note:
            statement = (
                "UPDATE log SET size = ?, root = ?, note = ?, time_s = ? "
                "WHERE origin = ? AND size = ? AND root = ?"
            )
            values = (new.size, new.root, new.note, new.time_s, origin, old.size, old.root)
        else:
            statement = (
                "INSERT INTO log (size, root, note, time_s, origin) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (origin) DO NOTHING"
            )
            values = (new.size, new.root, new.note, new.time_s, origin)
        return self._execute(statement, values) == 1

    def held(self, origin: str) -> dict[str, Held]:
        """Return the entries of one log that are held, by author: one each."""
        with self._lock:
            try:
                rows = self._db.execute(
                    "SELECT author, note, since_s FROM held WHERE origin = ? ORDER BY author",
                    (origin,),
                ).fetchall()
            except sqlite3.Error as error:
                raise self._unusable(error) from error
        return {author: Held(SignedEntry.parse(note), since_s) for author, note, since_s in rows}

    def hold(self, held: Held) -> None:
        """Hold an entry, in the place of its author's earlier one.

        Raises
        ------
        LedgerError
            When it could not be written.
        """
        entry = held.entry.entry
        self._execute(
            "INSERT OR REPLACE INTO held (origin, author, note, since_s) VALUES (?, ?, ?, ?)",
            (entry.ledger, entry.author, held.entry.encode(), held.since_s),
        )

    def release(self, held: Held) -> None:
        """Hold an entry no longer, unless its author has put another in its place."""
        entry = held.entry.entry
        self._execute(
            "DELETE FROM held WHERE origin = ? AND author = ? AND note = ?",
            (entry.ledger, entry.author, held.entry.encode()),
        )

    def _execute(self, statement: str, values: tuple[int | str | bytes, ...]) -> int:
        with self._lock:
            try:
                return self._db.execute(statement, values).rowcount
            except sqlite3.Error as error:
                raise self._unusable(error) from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _rows(self, rest: str, *values: str) -> dict[str, Seen]:
        with self._lock:
            try:
                found = self._db.execute(
                    f"SELECT origin, size, root, note, time_s FROM log {rest}", values
                ).fetchall()
            except sqlite3.Error as error:
                raise self._unusable(error) from error
        return {origin: Seen(*row) for origin, *row in found}

    def _unusable(self, error: sqlite3.Error) -> LedgerError:
        return LedgerError(
            f"the witness's state cannot be used: {error}",
            found=self._name,
            remedy="see that the file is this witness's own and its disk has room; without its "
            "state a witness must not go on under the same key",
        )
