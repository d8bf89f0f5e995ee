"""What holds of a ledger in any database: only added to, whole batches, compared with its head."""

import shutil

import pytest

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.entry import SignedEntry
from fedcredit_ledger.errors import ForkError, LedgerError, RollbackError, StorageError
from fedcredit_ledger.log import Log
from fedcredit_ledger.store import Store
from fedcredit_ledger.verify import Level, verify, verify_file
from tests.ledger.places import Place
from tests.ledger.small_federation import ORIGIN, SmallFederation, digest

ENDORSEMENT = {"act_type": "x", "act_digest": digest("x"), "decision": "approve"}


def endorse(fed: SmallFederation, n: int) -> None:
    for _ in range(n):
        fed.write("bank-a", "endorsement-given", ENDORSEMENT)


def test_a_ledger_survives_closing(place: Place):
    with place.open() as store:
        fed = SmallFederation(store)
        endorse(fed, 3)
        fed.witness()
        endorse(fed, 1)
        root, note = fed.log.root, fed.log.quorum_note(4)

    with place.open() as store:
        log = Log(store, fed.log_key, ORIGIN, fed.clock)
        assert (log.size, log.root, log.quorum_size) == (5, root, 4)
        assert log.quorum_note(4) == note
        assert log.state == fed.log.state
        fed.log = log
        endorse(fed, 1)
        assert store.size == 6


def test_every_database_answers_alike(place: Place):
    """The same entries give the same rows as in memory, leaf by leaf and node by node."""
    with place.open() as store, Store() as memory:
        for one in (store, memory):
            fed = SmallFederation(one)
            endorse(fed, 5)
            fed.witness()
        for ask in (
            lambda x: x.size,
            lambda x: x.leaves(),
            lambda x: x.leaves(2, 3),
            lambda x: x.leaves(99),
            lambda x: list(x.hashed_leaves(1)),
            lambda x: x.nodes(),
            lambda x: x.nodes(3),
            lambda x: x.peaks(5),
            lambda x: x.checkpoint(3),
            lambda x: x.checkpoint(99),
            lambda x: x.checkpoint_sizes(),
            lambda x: x.cosignatures(6),
            lambda x: x.stored_leaves(1, 3),
            lambda x: x.stored_nodes(0, 1, 4),
            lambda x: x.stored_nodes(1, 0, 9),
            lambda x: [x.find(leaf_id) for leaf_id in ("0" * 64, fed.founding.id)],
            lambda x: (x.has_other_nodes(6), x.has_other_nodes(3)),
        ):
            assert ask(store) == ask(memory)
        assert len(store.cosignatures(6)) == 4


@pytest.mark.parametrize(
    "act",
    [
        "DELETE FROM leaf",
        "DELETE FROM node",
        "DELETE FROM checkpoint",
        "DELETE FROM cosignature",
        "UPDATE leaf SET i = i + 100",
        "UPDATE node SET i = i + 100",
        "UPDATE checkpoint SET size = size + 100",
        "UPDATE cosignature SET size = size + 100",
    ],
)
def test_rows_are_only_added(place: Place, act: str):
    with place.open() as store:
        fed = SmallFederation(store)
        endorse(fed, 1)
        fed.witness()

    # The two drivers have no error class in common.
    with pytest.raises(Exception, match="rows are only added"):
        place.execute(act)


def test_a_shorter_database_is_found_at_start(place: Place):
    """The head file stays; the database comes back from a backup."""
    with place.open() as store:
        fed = SmallFederation(store)
        endorse(fed, 4)
    place.shorten(3)

    with pytest.raises(RollbackError) as caught:
        place.open()

    assert caught.value.exit_code == 55
    assert caught.value.expected == "at least 5 leaves"
    assert caught.value.found == "3"


def test_another_history_is_found_at_start(place: Place):
    for seconds, one in enumerate((place, other := place.another()), start=1):
        with one.open() as store:
            fed = SmallFederation(store)
            fed.clock.tick(seconds)
            endorse(fed, 2)
    shutil.copy(other.head, place.head)

    with pytest.raises(ForkError):
        place.open()


def test_a_missing_head_file_is_not_a_fresh_start(place: Place):
    with place.open() as store:
        SmallFederation(store)
    place.head.unlink()

    with pytest.raises(RollbackError, match="missing"):
        place.open()


def test_a_torn_head_slot_leaves_the_other(place: Place):
    with place.open() as store:
        fed = SmallFederation(store)
        endorse(fed, 3)
    raw = bytearray(place.head.read_bytes())
    for slot in (0, 4096):
        torn = bytearray(raw)
        torn[slot + 100] ^= 1
        place.head.write_bytes(torn)
        with place.open() as store:
            assert store.size == 4


def test_one_process_writes(place: Place):
    patience = {"patience_s": 0.05} if place.kind == "postgres" else {}
    with place.open() as store:
        SmallFederation(store)
        with pytest.raises(StorageError, match="another process"):
            place.open(**patience)
        with place.open(read_only=True) as reader:
            assert reader.size == 1
    with place.open() as store:
        assert store.size == 1


def test_a_stored_leaf_that_changed_stops_the_start(place: Place):
    with place.open() as store:
        fed = SmallFederation(store)
        endorse(fed, 3)
        (leaf,) = store.leaves(2, 1)
    changed = leaf.replace(b"approve", b"decline").hex()
    literal = f"X'{changed}'" if place.kind == "sqlite" else f"'\\x{changed}'::bytea"
    place.execute(*place.unlock(), f"UPDATE leaf SET leaf = {literal} WHERE i = 2")

    with place.open() as store, pytest.raises(LedgerError):
        Log(store, fed.log_key, ORIGIN, fed.clock)


def test_an_export_is_one_file_with_everything(place: Place, tmp_path):
    copied = tmp_path / "copy.db"
    with place.open() as store:
        fed = SmallFederation(store)
        endorse(fed, 2)
        fed.witness()
        store.export(copied)
        with pytest.raises(StorageError, match="already exists"):
            store.export(copied)
        with Store(copied, read_only=True) as copy:
            assert copy.leaves() == store.leaves()
            assert copy.cosignatures(3) == store.cosignatures(3) != []
            assert copy.nodes() == store.nodes()
            assert copy.checkpoint_sizes() == [1, 2, 3]

    assert verify_file(copied, level=Level.SIGNATURES).findings == []
    assert sorted(path.name for path in tmp_path.glob("copy*")) == ["copy.db"]


def test_an_open_database_verifies_like_a_file(place: Place):
    with place.open() as store:
        fed = SmallFederation(store)
        endorse(fed, 3)
        fed.witness()
        report = verify(store, level=Level.SIGNATURES, founding_entry=fed.founding.id)

    assert (report.findings, report.size, report.quorum_size) == ([], 4, 4)
    assert report.root == fed.log.root.hex()


def test_a_batch_that_cannot_be_written_leaves_nothing_and_ends_the_writing(place: Place):
    with place.open() as store:
        fed = SmallFederation(store)
        leaf = next_leaf(fed)
        with pytest.raises(StorageError, match="could not be written"):
            store.append([leaf, leaf], nodes=[], size=3, checkpoint=b"x")
        assert store.size == 1
        assert store.checkpoint(3) is None
        with pytest.raises(StorageError, match="failed before"):
            store.append([leaf], nodes=[], size=2, checkpoint=b"x")
        assert store.size == 1


def next_leaf(fed: SmallFederation) -> Leaf:
    entry = fed.entry("bank-a", "endorsement-given", ENDORSEMENT)
    return fed.log._leaf(SignedEntry.sign(entry, fed.keys["bank-a"]))


def test_an_entry_that_is_handed_in_again_stands_once_and_keeps_its_place(place: Place):
    with place.open() as store:
        fed = SmallFederation(store)
        endorse(fed, 1)
        signed = SignedEntry.sign(
            fed.entry("bank-a", "endorsement-given", ENDORSEMENT), fed.keys["bank-a"]
        )
        first = fed.log.submit([signed.encode()])
        again = fed.log.submit([signed.encode(), signed.encode()])
        assert store.size == 3

    with place.open() as store:
        log = Log(store, fed.log_key, ORIGIN, fed.clock)
        after = log.submit([signed.encode()])
        assert store.size == 3

    receipts = {outcome.receipt for outcome in [*first, *again, *after]}
    assert len(receipts) == 1 and receipts.pop().startswith(b"c2sp.org/tlog-proof")


def test_an_old_copy_is_opened_to_be_restored_and_its_head_settled(place: Place):
    with place.open() as store:
        fed = SmallFederation(store)
        endorse(fed, 4)
    place.shorten(3)

    with place.open(restoring=True) as store:
        assert store.head is not None
        assert (store.size, store.head.size) == (3, 5)
        store.settle_head()
    with place.open() as store:
        assert store.head is not None
        assert (store.size, store.head.size) == (3, 3)
