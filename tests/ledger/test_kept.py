"""A copy that reads back what is stored believes the same as one that holds everything."""

import hashlib
import random

import pytest

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.kept import KeptIndex, KeptTree
from fedcredit_ledger.merkle import EMPTY_ROOT, Tree
from fedcredit_ledger.replica import NEWEST, Replica
from fedcredit_ledger.store import Store
from tests.ledger.small_federation import BANKS, SmallFederation

HASHES = [hashlib.sha256(bytes([number])).digest() for number in range(150)]


class Shelf:
    """Keeps nodes as a database would, and says what was asked for."""

    def __init__(self) -> None:
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.n_asked = 0

    def read(self, level: int, index: int) -> bytes:
        self.n_asked += 1
        return self.nodes[level, index]


@pytest.mark.parametrize("seed", range(5))
def test_a_tree_that_reads_its_nodes_back_gives_the_same_roots_and_proofs(seed):
    chance, shelf, whole = random.Random(seed), Shelf(), Tree()
    kept = KeptTree(shelf.read)
    assert kept.root == EMPTY_ROOT
    while whole.size < len(HASHES):
        values = HASHES[whole.size :][: chance.randrange(1, 12)]
        nodes = [node for value in values for node in whole.append(value)]
        found = [(n, i + k, h) for n, i, row in kept.extend(values) for k, h in enumerate(row)]
        assert sorted(found) == sorted(nodes)
        if chance.random() < 0.5:
            for level in range(whole.size.bit_length()):
                shelf.nodes |= {
                    (level, i): whole.node(level, i) for i in range(whole.size >> level)
                }
            kept.settle()
        size = chance.randrange(1, whole.size + 1)
        assert kept.root_at(size) == whole.root_at(size)
        index = chance.randrange(size)
        assert kept.inclusion_proof(index, size) == whole.inclusion_proof(index, size)
        old = chance.randrange(1, size + 1)
        assert kept.consistency_proof(old, size) == whole.consistency_proof(old, size)
    assert kept.root == whole.root
    assert shelf.n_asked > 0


def test_a_tree_goes_on_from_a_size_that_is_stored():
    whole, shelf = Tree(HASHES), Shelf()
    for level in range(8):
        shelf.nodes |= {(level, i): whole.node(level, i) for i in range(100 >> level)}

    kept = KeptTree(shelf.read, 100)
    kept.extend(HASHES[100:])

    assert kept.root == whole.root
    with pytest.raises(ValueError, match="32 bytes"):
        kept.append(b"short")
    with pytest.raises(ValueError, match="no such size"):
        kept.root_at(151)


@pytest.fixture
def fed() -> SmallFederation:
    fed = SmallFederation()
    fed.grant_all()
    fed.finished_run()
    fed.witness()
    return fed


def test_an_index_knows_no_entry_that_is_stored_beyond_what_was_added(fed):
    ids = [Leaf.parse(raw).signed.id for raw in fed.log.leaves(0, 3)]
    index = KeptIndex(fed.store)

    index[ids[0]] = 0
    index[ids[1]] = 1
    assert (index.get(ids[1]), index.get(ids[2])) == (1, None)
    index.settle()

    assert [index.get(i) for i in ids] == [0, 1, None]
    assert ids[1] in index and ids[2] not in index and 7 not in index


class Liar:
    """Stores leaves, and says of an entry that it is another one's leaf."""

    def __init__(self, store: Store) -> None:
        self.leaves, self.node = store.leaves, store.node

    def find(self, entry_id: str) -> int | None:
        return 1


def test_where_an_entry_is_stored_is_only_a_hint(fed):
    first, second = (Leaf.parse(raw).signed.id for raw in fed.log.leaves(0, 2))
    index = KeptIndex(Liar(fed.store))
    index[first], index[second] = 0, 1
    index.settle()

    assert (index.get(first), index.get(second)) == (None, 1)


def test_a_copy_over_its_store_holds_the_newest_leaves_and_believes_the_same(fed, monkeypatch):
    monkeypatch.setattr("fedcredit_ledger.replica.NEWEST", 4)
    leaves = fed.log.leaves()
    copy = Replica(fed.founding.id, fed.store)
    for raw in leaves:
        copy.update([raw])
        copy.settle()

    assert NEWEST > 4
    assert (copy.size, copy.root) == (fed.replica.size, fed.replica.root)
    assert copy.leaves() == leaves
    assert copy.leaves(2, 5) == leaves[2:5]
    assert copy.leaves(len(leaves) - 2) == leaves[-2:]
    assert [copy.leaf(i) for i in (0, 3, len(leaves) - 1)] == [leaves[0], leaves[3], leaves[-1]]
    assert copy.find(fed.founding.id) == 0
    assert copy.state.author_heads == fed.replica.state.author_heads
    assert copy.update_checkpoint(fed.log.quorum_note(copy.size)).root == copy.root
    with pytest.raises(LedgerError, match="not in this copy"):
        copy.find("f" * 64)


def test_an_entry_that_is_stored_further_on_is_not_there_yet(fed):
    """A dispute about an entry that comes later is refused, wherever the copy looks it up."""
    dispute = {"dispute_id": "d-1", "about": "0" * 64, "ground": "a mistake"}
    assert fed.attempt(BANKS[0], "dispute-filed", dispute) == "no-such-reference"
    copy = Replica(fed.founding.id, fed.store)
    copy.update(fed.log.leaves(0, 3))
    later = fed.replica.state.author_heads["coordinator"][1]

    with pytest.raises(LedgerError):
        copy.find(later)


def test_a_store_finds_entries_and_nodes_and_says_what_is_not_there(fed):
    store: Store = fed.store
    tree = fed.replica.tree

    assert store.find(fed.founding.id) == 0
    assert store.find("f" * 64) is None
    assert store.node(0, 1) == tree.leaf(1)
    assert store.node(2, 0) == tree.node(2, 0)
    assert store.stored_nodes(1, 0, 3) == [tree.node(1, i) for i in range(3)]
    assert not store.has_other_nodes(fed.log.size)
    assert store.has_other_nodes(4)
    with pytest.raises(LedgerError, match="node is missing"):
        store.node(1, fed.log.size)
    rows = store.stored_leaves(1, 2)
    assert [row.index for row in rows] == [1, 2]
    assert [row.leaf for row in rows] == fed.log.leaves(1, 2)
