"""The entries that packages are cut from: read where they are stored, found by what they name.

A ledger may be long, and a package holds a few entries. Nothing of the others is held in memory but
their places, under the names by which `choose` finds them: 8 bytes an entry, and the names.
"""

from array import array
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from fedcredit_ledger.errors import EvidenceError
from fedcredit_ledger.evidence_verifier import Leaf, names, parse_leaf, references
from fedcredit_ledger.kept import KeptTree
from fedcredit_ledger.ledger_store import LedgerStore
from fedcredit_ledger.merkle import leaf_hash

_PAGE = 1024
_HELD = 4096
"""Entries that were read and are remembered: those of the cases around this one."""

_SUBJECTS = ("run_id", "grant_id", "batch_id", "query_id", "about")

_FACT = "fact-sealed"
_FACT_ENDS = f'"type":"{_FACT}"}}'.encode()
"""How the line of a sealed fact ends: it brings no name but its id, and most entries are facts."""


def pages(store: LedgerStore) -> Iterator[bytes]:
    """Return the leaves of a store, of which a page at a time is in memory."""
    start = 0
    while page := store.leaves(start, _PAGE):
        yield from page
        start += len(page)


class _Read(NamedTuple):
    raw: bytes
    leaf: Leaf


class Source:
    """The first `size` entries of a ledger that was verified.

    Parameters
    ----------
    store : LedgerStore
        Stays open for as long as the source is used.
    size : int
    root : bytes
        Over these entries, from a head that was verified.

    Attributes
    ----------
    tree : KeptTree
        Its proofs.

    Raises
    ------
    EvidenceError
        When the entries are not those under the root.
    """

    def __init__(self, store: LedgerStore, size: int, root: bytes) -> None:
        self._store, self.size = store, size
        self.tree = KeptTree(store.node)
        self._read = lru_cache(maxsize=_HELD)(self._read_anew)
        self._places: dict[str, array[int]] = {}
        while self.tree.size < size:
            self._take_page(
                self.tree.size, store.leaves(self.tree.size, min(_PAGE, size - self.tree.size))
            )
        if self.tree.root != root:
            raise changed_meanwhile()

    def __getitem__(self, place: int) -> Leaf:
        """Return the entry at a place."""
        return self._read(place).leaf

    def raw(self, place: int) -> bytes:
        """Return the bytes of the leaf at a place."""
        return self._read(place).raw

    def places(self, handle: str) -> list[int]:
        """Return, in order, the places of the entries of a name: an entry id, or of `_handles`."""
        if " " in handle:
            return list(self._places.get(handle, ()))
        place = self._store.find(handle)
        is_here = place is not None and place < self.size and self[place].id == handle
        return [place] if place is not None and is_here else []

    def named(self, *handles: str) -> list[Leaf]:
        """Return, in order, the entries of any of these names."""
        found = {*chain.from_iterable(self.places(handle) for handle in handles)}
        return [self[place] for place in sorted(found)]

    def _take_page(self, start: int, raws: list[bytes]) -> None:
        """Remember where the entries of a page are, under each of their names."""
        if not raws:
            raise changed_meanwhile()
        for place, raw in enumerate(raws, start):
            for handle in _quick_handles(raw, place):
                self._places.setdefault(handle, array("Q")).append(place)
        self.tree.extend([leaf_hash(raw) for raw in raws])
        self.tree.settle()

    def _read_anew(self, place: int) -> _Read:
        (raw,) = self._store.leaves(place, 1)
        return _Read(raw, parse_leaf(raw, f"entries/{place}.leaf"))


def changed_meanwhile() -> EvidenceError:
    """Return what is said when entries are not those that were verified."""
    return EvidenceError(
        "the ledger is not what was verified a moment ago",
        expected="a file that nobody changes, but to add entries",
        found="other entries under the same head",
        remedy="copy it (fedcredit ledger backup), verify the copy, and pack from that",
    )


def _quick_handles(raw: bytes, place: int) -> list[str]:
    """Return what `_handles` does; of a fact, whose rules were verified, without parsing it."""
    if raw.split(b"\n", 6)[5].endswith(_FACT_ENDS):
        return [f"type {_FACT}"]
    return _handles(parse_leaf(raw, f"entries/{place}.leaf"))


def _handles(leaf: Leaf) -> list[str]:
    """Return the names, each with a space in it, under which an entry is found."""
    data = leaf.data
    found = [f"type {leaf.type}", *names(leaf)[1:]]
    found += [f"{field} {data[field]}" for field in _SUBJECTS if field in data]
    found += [f"grant_ids {grant}" for grant in data.get("grant_ids", ())]
    found += [f"cites {name}" for name in references(leaf) if name.startswith("batch ")]
    if leaf.type in ("grant-narrowed", "grant-revoked"):
        found.append(f"course of grant {data['grant_id']}")
    elif leaf.type == "commitment-erased":
        found.append(f"erasures of {data['entry_id']}")
    elif leaf.type == "endorsement-given":
        found.append(f"endorses {data['act_digest']}")
    elif leaf.type == "lookups-served":
        found.append(f"served {data['day']}")
    return found
