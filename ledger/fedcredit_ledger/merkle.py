"""The Merkle tree over the leaves: one hash for all of history, short proofs about parts of it.

A leaf hash is SHA-256(0x00 || leaf), a node SHA-256(0x01 || left || right); the two prefixes keep a
node from being passed off as a leaf. A tree of n leaves splits at the largest power of two below n.
The verifiers are iterative and strict: a hash of another length, a surplus hash, or a consistency
proof from the empty tree is refused.

References
----------
RFC 6962, section 2.1; RFC 9162, sections 2.1.3 and 2.1.4.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from fedcredit_ledger.errors import InvalidEvidenceError

HASH_BYTES = 32

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of the tree without leaves."""


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class AnyTree(ABC):
    """Roots and proofs of a tree, wherever its nodes are."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of leaves."""

    @abstractmethod
    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree of 2**level leaves, the `index`-th of its level."""

    @abstractmethod
    def append(self, value: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf hash; return the nodes completed by it as (level, index, hash)."""

    @property
    def root(self) -> bytes:
        """Root over all leaves."""
        return self.root_at(self.size)

    def leaf(self, index: int) -> bytes:
        """Return the hash of one leaf."""
        return self.node(0, index)

    def root_at(self, size: int) -> bytes:
        """Return the root over the first `size` leaves.

        Raises
        ------
        ValueError
            When the tree has fewer leaves.
        """
        if not 0 <= size <= self.size:
            raise ValueError("the tree has no such size")
        if size == 0:
            return EMPTY_ROOT
        return self._range(0, size)

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """Return the hashes that tie leaf `index` to the root at `size`, leaf's sibling first.

        Raises
        ------
        ValueError
            When there is no such leaf at that size.
        """
        if not 0 <= index < size <= self.size:
            raise ValueError("the tree has no such leaf at that size")
        proof = []
        start, end = 0, size
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                proof.append(self._range(middle, end))
                end = middle
            else:
                proof.append(self._range(start, middle))
                start = middle
        return proof[::-1]

    def consistency_proof(self, old: int, new: int) -> list[bytes]:
        """Return the hashes that show the tree of `old` leaves to be the start of that of `new`.

        Raises
        ------
        ValueError
            Unless ``0 < old <= new <= size``.
        """
        if not 0 < old <= new <= self.size:
            raise ValueError("there is no consistency proof between these sizes")
        proof = []
        start, end, known = 0, new, True
        while old != end:
            middle = start + _split(end - start)
            if old <= middle:
                proof.append(self._range(middle, end))
                end = middle
            else:
                proof.append(self._range(start, middle))
                start, known = middle, False
        if not known:
            proof.append(self._range(start, end))
        return proof[::-1]

    def _range(self, start: int, end: int) -> bytes:
        """Hash of leaves start..end-1, where start is a multiple of a power of two >= end-start."""
        pieces = []
        while start < end:
            level = (end - start).bit_length() - 1
            pieces.append(self.node(level, start >> level))
            start += 1 << level
        value = pieces.pop()
        while pieces:
            value = node_hash(pieces.pop(), value)
        return value


class Tree(AnyTree):
    """A tree that grows at the right and remembers every complete subtree.

    Parameters
    ----------
    leaf_hashes : iterable of bytes, optional
        Leaves to begin with.

    Notes
    -----
    Appending costs one hash on average; the root of any earlier size costs O(log n).
    """

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        for value in leaf_hashes:
            self.append(value)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0])

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree of 2**level leaves, the `index`-th of its level."""
        return self._levels[level][index]

    def append(self, value: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf hash; return the nodes completed by it as (level, index, hash)."""
        if len(value) != HASH_BYTES:
            raise ValueError("a leaf hash has 32 bytes")
        completed = []
        level = 0
        while True:
            row = self._levels[level]
            row.append(value)
            completed.append((level, len(row) - 1, value))
            if len(row) % 2:
                return completed
            value = node_hash(row[-2], row[-1])
            level += 1
            if level == len(self._levels):
                self._levels.append([])


def verify_inclusion(
    value: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that the leaf with hash `value` is leaf `index` of the tree with `root`.

    Raises
    ------
    InvalidEvidenceError

    References
    ----------
    RFC 9162, section 2.1.3.2.
    """
    _check_hashes(value, root, *proof)
    if not 0 <= index < size:
        raise InvalidEvidenceError(
            "an inclusion proof names a leaf outside the tree",
            expected=f"an index from 0, below {size}",
            found=f"{index}",
        )
    fn, sn = index, size - 1
    for sibling in proof:
        if sn == 0:
            raise InvalidEvidenceError(
                f"an inclusion proof of leaf {index} in {size} leaves has surplus hashes",
                expected="fewer",
                found=f"{len(proof)}",
            )
        if fn & 1 or fn == sn:
            value = node_hash(sibling, value)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            value = node_hash(value, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0 or value != root:
        raise InvalidEvidenceError(
            f"an inclusion proof of leaf {index} in {size} leaves does not lead to the root",
            expected=root.hex(),
            found="too few hashes" if sn else value.hex(),
        )


def verify_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree with `old_root` is the start of the tree with `new_root`.

    Raises
    ------
    InvalidEvidenceError

    References
    ----------
    RFC 9162, section 2.1.4.2, with sizes of zero refused.
    """
    _check_hashes(old_root, new_root, *proof)
    if not 0 < old_size <= new_size:
        raise InvalidEvidenceError(
            "a consistency proof between impossible sizes",
            expected="1 leaf or more, and no more than in the larger tree",
            found=f"{old_size} and {new_size}",
        )
    if old_size == new_size:
        if proof or old_root != new_root:
            raise InvalidEvidenceError("two roots of one size differ, or a proof where none is due")
        return
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise InvalidEvidenceError(
            f"a consistency proof from {old_size} to {new_size} leaves is empty",
            expected="hashes",
            found="none",
        )
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if sn == 0:
            raise InvalidEvidenceError(
                f"a consistency proof from {old_size} to {new_size} leaves has surplus hashes",
                expected="fewer",
                found=f"{len(proof)}",
            )
        if fn & 1 or fn == sn:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = node_hash(new, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0 or old != old_root or new != new_root:
        raise InvalidEvidenceError(
            f"a consistency proof from {old_size} to {new_size} leaves does not connect the roots",
            expected=f"{old_root.hex()} and {new_root.hex()}",
            found="too few hashes" if sn else f"{old.hex()} and {new.hex()}",
        )


def _split(size: int) -> int:
    """Largest power of two below `size` (RFC 6962, section 2.1)."""
    return 1 << (size - 1).bit_length() - 1


def _check_hashes(*hashes: bytes) -> None:
    for value in hashes:
        if len(value) != HASH_BYTES:
            raise InvalidEvidenceError(
                "a hash in a proof is not one", expected="32 bytes", found=f"{len(value)} bytes"
            )
