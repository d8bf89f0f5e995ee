"""A long ledger where it is stored: what a copy reads back instead of holding it in memory.

Of a ledger that lies in a database a copy need not hold every leaf, every hash and every entry id
as well. It keeps what is not stored yet, and asks for the rest: leaves by index, complete subtrees
by level and index, entries by their id. What it asks for it has verified before, or written itself.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.merkle import HASH_BYTES, AnyTree

_NODES = 8192
"""Nodes that were read back and are remembered: those near the root, asked for again and again."""

_ROOTS = 1024


class Kept(Protocol):
    """Where a ledger is stored."""

    def leaves(self, start: int = 0, n: int | None = None) -> list[bytes]:
        """Return the leaves from `start`, all or `n` of them."""

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree of 2**level leaves.

        Raises
        ------
        LedgerError
            When it is not stored.
        """

    def find(self, entry_id: str) -> int | None:
        """Return the leaf index of an entry, or None."""


class KeptTree(AnyTree):
    """A tree whose nodes are read from where they are stored.

    Parameters
    ----------
    read : callable
        Returns the hash of a complete subtree by level and index.
    size : int, default 0
        Number of leaves that are stored already.

    Notes
    -----
    New nodes are held until `settle`; then they must be where `read` finds them.
    """

    def __init__(self, read: Callable[[int, int], bytes], size: int = 0) -> None:
        self._read = lru_cache(maxsize=_NODES)(read)
        self._size = size
        self._fresh: list[tuple[int, list[bytes]]] = []
        self._roots: dict[int, bytes] = {}

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._size

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree of 2**level leaves, the `index`-th of its level."""
        if level < len(self._fresh):
            first, row = self._fresh[level]
            if first <= index < first + len(row):
                return row[index - first]
        return self._read(level, index)

    def root_at(self, size: int) -> bytes:
        """Return the root over the first `size` leaves.

        Raises
        ------
        ValueError
            When the tree has fewer leaves.
        """
        root = self._roots.get(size)
        if root is None or size > self._size:
            root = super().root_at(size)
            if len(self._roots) >= _ROOTS:
                self._roots.clear()
            self._roots[size] = root
        return root

    def extend(self, values: Sequence[bytes]) -> list[tuple[int, int, list[bytes]]]:
        """Add leaf hashes; return the nodes completed by them as (level, first index, hashes)."""
        if any(len(value) != HASH_BYTES for value in values):
            raise ValueError("a leaf hash has 32 bytes")
        sha256 = hashlib.sha256
        completed, level, first, row = [], 0, self._size, list(values)
        self._size += len(row)
        while row:
            completed.append((level, first, row))
            pairs = [self.node(level, first - 1), *row] if first % 2 else row
            self._hold(level, first, row)
            row = [
                sha256(b"\x01" + left + right).digest()
                for left, right in zip(pairs[::2], pairs[1::2], strict=False)
            ]
            level, first = level + 1, first // 2
        return completed

    def append(self, value: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf hash; return the nodes completed by it as (level, index, hash)."""
        return [(level, first, row[0]) for level, first, row in self.extend([value])]

    def _hold(self, level: int, first: int, row: list[bytes]) -> None:
        if level == len(self._fresh):
            self._fresh.append((first, list(row)))
        elif self._fresh[level][1]:
            self._fresh[level][1].extend(row)
        else:
            self._fresh[level] = (first, list(row))

    def settle(self) -> None:
        """Let go of the new nodes: they are stored now."""
        self._fresh = [(0, []) for _ in self._fresh]


class KeptIndex(dict[str, int]):
    """Leaf index by entry id; what `settle` was told of is read from where the ledger is stored.

    What is stored with a leaf is only a hint: the leaf that it points to says which entry it is.
    As a dict it holds, counts and iterates over the new entries alone.

    Parameters
    ----------
    kept : Kept
        Where the ledger is stored.
    """

    def __init__(self, kept: Kept) -> None:
        super().__init__()
        self._kept = kept
        self._size = 0

    def get(self, entry_id: str, default: Any = None, /) -> Any:
        """Return the index of an entry that has been added, or the default."""
        try:
            return self[entry_id]
        except KeyError:
            return default

    def __missing__(self, entry_id: str) -> int:
        """Return the index of an entry that is stored.

        Raises
        ------
        KeyError
            When it has not been added.
        """
        index = self._kept.find(entry_id)
        if index is not None and 0 <= index < self._size:
            found = self._kept.leaves(index, 1)
            if found and Leaf.parse(found[0]).signed.id == entry_id:
                return index
        raise KeyError(entry_id)

    def __contains__(self, entry_id: object) -> bool:
        """Tell whether an entry has been added."""
        return isinstance(entry_id, str) and self.get(entry_id) is not None

    def __setitem__(self, entry_id: str, index: int) -> None:
        """Add an entry."""
        super().__setitem__(entry_id, index)
        self._size = index + 1

    def settle(self) -> None:
        """Let go of the new ones: they are stored now."""
        self.clear()
