"""The hash chain: each leaf is an entry, its place, and the hash of the leaf before it.

A leaf is four header lines that the sequencer adds (format, index, previous leaf's hash, time of
receipt) and then the author's note, untouched. Five lines of any language can check the links; the
tree of `fedcredit_ledger.merkle` over the same leaf hashes gives short proofs. No input or output
happens here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache

from fedcredit_ledger.entry import HEX_DIGEST, NO_ENTRY, SignedEntry, parse_time
from fedcredit_ledger.errors import BrokenChainError, MalformedEntryError
from fedcredit_ledger.merkle import leaf_hash

HEADER = "fedcredit-ledger-leaf/v1"
_HEADER = HEADER.encode()

MAX_LEAF_BYTES = 17_000
MAX_FOUNDING_LEAF_BYTES = 61_000

NO_LEAF = NO_ENTRY
"""`prev` of the first leaf."""


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """One leaf.

    Attributes
    ----------
    index : int
        Position, from 0.
    prev : str
        Hash of the previous leaf in hex; 64 zeros for the first.
    received : str
        The sequencer's clock; never decreases.
    signed : SignedEntry
        What the author wrote.
    """

    index: int
    prev: str
    received: str
    signed: SignedEntry

    @cached_property
    def raw(self) -> bytes:
        """The bytes of the leaf."""
        head = f"{HEADER}\n{self.index}\n{self.prev}\n{self.received}\n"
        return head.encode() + self.signed.encode()

    @cached_property
    def hash(self) -> bytes:
        """The leaf hash, 32 bytes."""
        return leaf_hash(self.raw)

    @cached_property
    def received_at(self) -> datetime:
        """`received` as a time."""
        return parse_time(self.received)

    @classmethod
    def parse(cls, data: bytes) -> "Leaf":
        """Read a leaf; links and signatures are not checked here.

        Raises
        ------
        MalformedEntryError
            When the bytes are not the one form of a leaf.
        """
        return _parse(data)

    @classmethod
    def parse_once(cls, data: bytes) -> "Leaf":
        """Read a leaf as `parse` does, and remember nothing: for who reads each leaf once."""
        return _parse.__wrapped__(data)


def check_link(leaf: Leaf, previous: Leaf | None) -> None:
    """Check that `leaf` stands directly behind `previous`.

    Raises
    ------
    BrokenChainError
    """
    index, prev = (0, NO_LEAF) if previous is None else (previous.index + 1, previous.hash.hex())
    if leaf.index != index:
        raise BrokenChainError(
            "a leaf has the wrong index", index=index, expected=str(index), found=str(leaf.index)
        )
    if leaf.prev != prev:
        raise BrokenChainError(
            f"leaf {index} does not name the leaf before it",
            index=index,
            expected=prev,
            found=leaf.prev,
        )
    if previous is not None and leaf.received < previous.received:
        raise BrokenChainError(
            f"leaf {index} was received before leaf {previous.index}",
            index=index,
            expected=f"{previous.received} or later",
            found=leaf.received,
        )


def time_bracket(
    index: int, checkpoints: Iterable[tuple[int, tuple[int, ...]]]
) -> tuple[int | None, int | None]:
    """Return between which moments leaf `index` was sequenced, in Unix seconds.

    Parameters
    ----------
    index : int
        The leaf.
    checkpoints : iterable of (int, tuple of int)
        Size of each quorum checkpoint and the times of its co-signatures.

    Returns
    -------
    after : int or None
        Earliest co-signature of the largest checkpoint without the leaf.
    before : int or None
        Latest co-signature of the smallest checkpoint with the leaf. Safe if one witness of each
        quorum is honest.
    """
    known = sorted(checkpoints)
    without = [times for size, times in known if size <= index]
    with_it = [times for size, times in known if size > index]
    return (min(without[-1]) if without else None, max(with_it[0]) if with_it else None)


# A pure function of the bytes: several members in one process parse the same leaf once.
@lru_cache(maxsize=4096)
def _parse(data: bytes) -> Leaf:
    if len(data) > MAX_FOUNDING_LEAF_BYTES:
        raise MalformedEntryError(
            "a leaf is too large",
            expected=f"at most {MAX_FOUNDING_LEAF_BYTES} bytes",
            found=f"{len(data)} bytes",
        )
    parts = data.split(b"\n", 4)
    if len(parts) != 5 or parts[0] != _HEADER:
        raise MalformedEntryError(
            "a leaf begins with its header line",
            expected=_HEADER.decode(),
            found=f"{len(data)} bytes of another form",
        )
    try:
        number, prev = parts[1].decode("ascii"), parts[2].decode("ascii")
        received = parts[3].decode("ascii")
    except UnicodeDecodeError as error:
        raise MalformedEntryError("a leaf's header is not ASCII") from error
    if not number.isdigit() or len(number) > 15 or str(int(number)) != number:
        raise MalformedEntryError(
            "a leaf's index is a plain decimal number",
            expected="at most 15 digits, no leading zero",
            found=f"{number[:20]!r}",
        )
    if HEX_DIGEST.fullmatch(prev) is None:
        raise MalformedEntryError(
            f"leaf {number} does not name the leaf before it",
            expected="64 hex digits",
            found=f"{len(prev)} characters",
        )
    received_at = parse_time(received)
    if number != "0" and len(data) > MAX_LEAF_BYTES:
        raise MalformedEntryError(
            f"leaf {number} is too large",
            expected=f"at most {MAX_LEAF_BYTES} bytes",
            found=f"{len(data)} bytes",
        )
    leaf = Leaf(index=int(number), prev=prev, received=received, signed=SignedEntry.parse(parts[4]))
    # Every line has one spelling, so these bytes are the leaf's own.
    leaf.__dict__.update(raw=data, received_at=received_at)
    return leaf
