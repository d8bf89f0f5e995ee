"""Where a ledger is kept, whatever the database: four tables to which rows are only ever added.

One transaction takes the leaves of a batch, the tree nodes they complete and the checkpoint over
them; after COMMIT, and before anybody is told, the checkpoint goes to the head file too. At start
the two are compared: a database that is shorter than its head, or different, is not opened. After
the first write that failed nothing more is written: what a database holds is then read again by a
new process.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.errors import ForkError, LedgerError, RollbackError, StorageError, SyncError
from fedcredit_ledger.head import HeadFile
from fedcredit_ledger.mounts import MOUNTS, refuse_network
from fedcredit_ledger.note import Note

TABLES = ("leaf", "node", "checkpoint", "cosignature")

Row = tuple[object, ...]
Add = Callable[[str, Sequence[Row]], None]
"""Adds rows to a table within a transaction."""

_NO_END = 2**62


class StoredLeaf(NamedTuple):
    """A row of the table of leaves: nothing of it is verified."""

    index: int  # type: ignore[assignment]  # shadows tuple.index on purpose
    leaf: bytes
    hash: bytes


class LedgerStore(ABC):
    """A ledger in a database.

    Attributes
    ----------
    failure : StorageError or None
        A write that failed, or a database that went away; nothing more is written then.

    Notes
    -----
    Safe to call from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._head: HeadFile | None = None
        self.failure: StorageError | None = None

    # What a database has to offer

    @abstractmethod
    def _rows(self, query: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return what a query finds; ``?`` stands for a parameter."""

    @abstractmethod
    def _adding(self) -> AbstractContextManager[Add]:
        """Open a transaction; it is on the disk when the context ends without an error.

        Raises
        ------
        StorageError
            When the database refuses; nothing was stored then, as far as anybody may know.
        """

    @abstractmethod
    def hashed_leaves(self, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
        """Yield every leaf from `start` with its stored hash, in order of the stored index."""

    @abstractmethod
    def export(self, path: Path | str) -> None:
        """Write a consistent copy, one SQLite file, for a backup or an auditor.

        Raises
        ------
        StorageError
            When the file exists already or cannot be written.
        """

    @abstractmethod
    def _close(self) -> None:
        """Close the database."""

    # The head file

    def _hold_head(self, path: Path, *, compare: bool, mounts: Path = MOUNTS) -> None:
        """Take the head file, and with it the right to write; compare it with the database."""
        refuse_network(path, mounts)
        is_new = not path.exists()
        if is_new and compare and self.size:
            raise RollbackError(
                "the ledger has leaves but its head file is missing",
                expected=path.name,
                remedy="restore the head file, or compare with the newest checkpoint of a witness",
            )
        self._head = HeadFile(path)
        head = self._head.read()
        if head is not None and compare:
            self.compare(head, "its head file")

    @property
    def head(self) -> Checkpoint | None:
        """What the head file says; None without one."""
        return None if self._head is None else self._head.read()

    def settle_head(self) -> None:
        """Make the head file say what the database holds, and nothing else, after a restoring.

        Raises
        ------
        StorageError
            When the newest leaves are under no checkpoint.
        """
        note = self.checkpoint(self.size)
        if note is None or self._head is None:
            raise StorageError("the newest stored leaves are under no checkpoint")
        self._head.replace(note)

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
                remedy="do not append: fetch the missing leaves from another member's copy "
                "(fedcredit coordinator restore)",
            )
        note = self.checkpoint(head.size)
        if note is None or Checkpoint.parse(Note.parse(note).text) != head:
            raise ForkError(
                f"the ledger differs from what {whose} says at size {head.size}",
                remedy="do not append: keep both files and call the auditor",
            )

    # Writing

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
        StorageError
            When the disk refuses; nothing may be answered, and nothing more is written.
        SyncError
            When it did not confirm: the process must end.
        """
        with self._lock:
            try:
                with self._writing() as add:
                    add(
                        "leaf",
                        [(leaf.index, leaf.raw, leaf.hash, leaf.signed.id) for leaf in leaves],
                    )
                    add("node", list(nodes))
                    add("checkpoint", [(size, checkpoint)])
                if self._head is not None:
                    self._head.write(checkpoint)
            except SyncError as error:
                self.failure = error
                raise
            except (StorageError, OSError) as error:
                said = error.message if isinstance(error, StorageError) else str(error)
                self.failure = StorageError(f"the ledger could not be written: {said}")
                raise self.failure from error

    def _writing(self) -> AbstractContextManager[Add]:
        if self.failure is not None:
            raise StorageError(
                "a write has failed before", remedy="restart the coordinator; it checks its store"
            )
        return self._adding()

    def add_cosignatures(self, size: int, lines: Iterable[tuple[str, str]]) -> None:
        """Keep co-signature lines (key and line) of the checkpoint of a size.

        Raises
        ------
        StorageError
            When the disk refuses.
        """
        with self._lock:
            try:
                with self._writing() as add:
                    add("cosignature", [(size, key, line) for key, line in lines])
            except SyncError as error:
                self.failure = error
                raise
            except StorageError as error:
                raise StorageError(
                    f"a co-signature could not be written: {error.message}"
                ) from error

    # Reading

    @property
    def size(self) -> int:
        """Number of leaves."""
        ((newest,),) = self._rows("SELECT MAX(i) FROM leaf")
        return 0 if newest is None else integer(newest) + 1

    def leaves(self, start: int = 0, n: int | None = None) -> list[bytes]:
        """Return the leaves from `start`, all or `n` of them."""
        end = _NO_END if n is None else start + n
        rows = self._rows("SELECT leaf FROM leaf WHERE i >= ? AND i < ? ORDER BY i", (start, end))
        return [blob(row[0]) for row in rows]

    def peaks(self, size: int) -> list[bytes]:
        """Return the stored hashes of the largest complete subtrees of the first `size` leaves.

        Raises
        ------
        LedgerError
            When one of them is not stored.
        """
        found, start = [], 0
        for level in range(size.bit_length() - 1, -1, -1):
            if size >> level & 1:
                query = "SELECT hash FROM node WHERE level = ? AND i = ?"
                at: tuple[int, ...] = (level, start >> level)
                if level == 0:
                    query, at = "SELECT hash FROM leaf WHERE i = ?", (start,)
                rows = self._rows(query, at)
                if not rows:
                    raise LedgerError("a stored node is missing: the file is damaged")
                found.append(blob(rows[0][0]))
                start += 1 << level
        return found

    def stored_leaves(self, start: int, n: int) -> list[StoredLeaf]:
        """Return up to `n` rows from index `start` on, each leaf with its stored hash."""
        query = "SELECT i, leaf, hash FROM leaf WHERE i >= ? ORDER BY i LIMIT ?"
        return [
            StoredLeaf(integer(i), blob(leaf), blob(value))
            for i, leaf, value in self._rows(query, (start, n))
        ]

    def find(self, entry_id: str) -> int | None:
        """Return the leaf index that is stored with an entry id, or None."""
        rows = self._rows("SELECT i FROM leaf WHERE entry_id = ?", (entry_id,))
        return integer(rows[0][0]) if rows else None

    def node(self, level: int, index: int) -> bytes:
        """Return the stored hash of a complete subtree of 2**level leaves, or of a leaf.

        Raises
        ------
        LedgerError
            When it is not stored.
        """
        found = self.stored_nodes(level, index, 1)
        if not found:
            raise LedgerError("a stored node is missing: the file is damaged")
        return found[0]

    def stored_nodes(self, level: int, first: int, n: int) -> list[bytes]:
        """Return the stored hashes of up to `n` subtrees of a level, those that are there."""
        query = "SELECT hash FROM node WHERE level = ? AND i >= ? AND i < ? ORDER BY i"
        at: tuple[int, ...] = (level, first, first + n)
        if level == 0:
            query, at = "SELECT hash FROM leaf WHERE i >= ? AND i < ? ORDER BY i", at[1:]
        return [blob(value) for (value,) in self._rows(query, at)]

    def has_other_nodes(self, size: int) -> bool:
        """Tell whether nodes are stored that a tree of `size` leaves has not."""
        height = max(size.bit_length() - 1, 0)
        outside = "SELECT 1 FROM node WHERE level < 1 LIMIT 1", ()
        above = "SELECT 1 FROM node WHERE level > ? LIMIT 1", (height,)
        if self._rows(*outside) or self._rows(*above):
            return True
        before = "SELECT 1 FROM node WHERE level = ? AND i < 0 LIMIT 1"
        beyond = "SELECT 1 FROM node WHERE level = ? AND i >= ? LIMIT 1"
        return any(
            self._rows(before, (n,)) or self._rows(beyond, (n, size >> n))
            for n in range(1, height + 1)
        )

    def nodes(self, start: int = 0) -> list[tuple[int, int, bytes]]:
        """Return the stored nodes over leaf `start` or later ones as (level, index, hash)."""
        rows = self._rows(
            "SELECT level, i, hash FROM node WHERE ((i + 1) << level) > ? ORDER BY level, i",
            (start,),
        )
        return [(integer(level), integer(i), blob(value)) for level, i, value in rows]

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let everything that is read within show one moment."""
        with self._lock:
            yield

    def checkpoint(self, size: int) -> bytes | None:
        """Return the log-signed checkpoint of a size, without co-signatures."""
        rows = self._rows("SELECT note FROM checkpoint WHERE size = ?", (size,))
        return blob(rows[0][0]) if rows else None

    def checkpoint_sizes(self) -> list[int]:
        """Return the sizes that have a checkpoint, ascending."""
        return [integer(row[0]) for row in self._rows("SELECT size FROM checkpoint ORDER BY size")]

    def cosignatures(self, size: int) -> list[str]:
        """Return the co-signature lines of the checkpoint of a size."""
        query = "SELECT line FROM cosignature WHERE size = ? ORDER BY key"
        return [text(row[0]) for row in self._rows(query, (size,))]

    # Its end

    def close(self) -> None:
        """Close the database and let others write it."""
        with self._lock:
            self._close()
            if self._head is not None:
                self._head.close()

    def __enter__(self) -> Self:
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


def blob(value: object) -> bytes:
    """Return a stored blob; a file from outside may hold anything."""
    if not isinstance(value, bytes):
        raise _odd()
    return value


def integer(value: object) -> int:
    """Return a stored integer."""
    if type(value) is not int:
        raise _odd()
    return value


def text(value: object) -> str:
    """Return a stored text."""
    if not isinstance(value, str):
        raise _odd()
    return value


def _odd() -> LedgerError:
    return LedgerError("a stored value is not of its type: the file is damaged")
