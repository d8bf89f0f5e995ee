"""What packages are cut from: entries read where they are stored, found by what they name."""

import hashlib

import pytest

from fedcredit_ledger.errors import EvidenceError
from fedcredit_ledger.evidence_source import Source
from fedcredit_ledger.store import Store
from tests.ledger.small_federation import SmallFederation
from tests.ledger.small_packages import finished_federation


@pytest.fixture(name="fed", scope="module")
def fed_fixture() -> SmallFederation:
    return finished_federation()


def source_of(fed: SmallFederation) -> Source:
    return Source(fed.store, fed.store.size, fed.replica.root)


def test_the_entries_of_a_run_are_found_by_its_id_in_the_ledgers_order(
    fed: SmallFederation,
) -> None:
    source = source_of(fed)

    found = source.named("run_id run-1")

    spoken = [i for i, raw in enumerate(fed.store.leaves()) if b'"run_id":"run-1"' in raw]
    assert [leaf.place for leaf in found] == spoken
    assert source.named("run_id run-2") == source.named() == []


def test_an_entry_is_found_by_its_id_and_its_bytes_are_those_that_are_stored(
    fed: SmallFederation,
) -> None:
    source = source_of(fed)
    raw = fed.store.leaves(4, 1)[0]
    text = raw.split(b"\n", 4)[4].split(b"\n\n")[0] + b"\n"

    assert source.places(hashlib.sha256(text).hexdigest()) == [4]
    assert source.raw(4) == raw


def test_what_came_after_the_head_is_not_there(fed: SmallFederation) -> None:
    size = fed.store.size
    last = source_of(fed)[size - 1]

    source = Source(fed.store, size - 1, fed.replica.tree.root_at(size - 1))

    assert source.places(last.id) == []
    assert all(leaf.place < size - 1 for leaf in source.named(f"type {last.type}", "run_id run-1"))


def test_a_stored_index_that_points_to_another_entry_finds_nothing(
    fed: SmallFederation, tmp_path
) -> None:
    class Misled(Store):
        def find(self, entry_id: str) -> int | None:
            return 0

    fed.store.export(tmp_path / "ledger.db")
    with Misled(tmp_path / "ledger.db", read_only=True) as store:
        source = Source(store, store.size, fed.replica.root)

        assert source.places(source[3].id) == []
        assert source.places(source[0].id) == [0]


def test_entries_that_are_not_those_under_the_head_are_refused(fed: SmallFederation) -> None:
    size = fed.store.size

    with pytest.raises(EvidenceError, match="not what was verified"):
        Source(fed.store, size, fed.replica.tree.root_at(size - 1))
    with pytest.raises(EvidenceError, match="not what was verified"):
        Source(fed.store, size + 1, fed.replica.root)


def test_proofs_are_those_of_the_whole_tree(fed: SmallFederation) -> None:
    size = fed.store.size
    source = source_of(fed)

    for place in range(size):
        proof = source.tree.inclusion_proof(place, size)
        assert proof == fed.replica.tree.inclusion_proof(place, size)
