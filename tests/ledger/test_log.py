"""The sequencer: receipts, order, idempotence, co-signatures; and the copy that checks it."""

import threading

import pytest

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.checkpoint import Checkpoint, TlogProof
from fedcredit_ledger.entry import SignedEntry
from fedcredit_ledger.errors import (
    BrokenChainError,
    CheckpointError,
    ForkError,
    LedgerError,
    MalformedEntryError,
    QuorumError,
    RejectedEntryError,
    SignatureError,
)
from fedcredit_ledger.log import TARGET_S, Log
from fedcredit_ledger.merkle import verify_consistency
from fedcredit_ledger.note import CosignatureKey, Note, SigningKey
from fedcredit_ledger.replica import Replica
from fedcredit_ledger.store import Store
from tests.ledger.small_federation import BANKS, ORIGIN, WITNESSES, SmallFederation, digest

ENDORSEMENT = {"act_type": "x", "act_digest": digest("x"), "decision": "approve"}


@pytest.fixture
def fed() -> SmallFederation:
    return SmallFederation()


def endorse(fed: SmallFederation, author: str = "bank-a") -> SignedEntry:
    fed.clock.tick()
    return SignedEntry.sign(fed.entry(author, "endorsement-given", ENDORSEMENT), fed.keys[author])


def test_a_receipt_proves_the_leaf_to_its_author(fed):
    signed = endorse(fed)

    receipt = TlogProof.parse(fed.submit(signed).receipt)

    leaf = Leaf.parse(fed.log.leaves(receipt.index, 1)[0])
    assert leaf.signed.id == signed.id
    assert receipt.verify(leaf.hash, log=fed.log_key.verifier).size == 2


def test_the_same_entry_again_gets_the_same_index_and_a_fresh_receipt(fed):
    signed = endorse(fed)
    first = fed.submit(signed)
    fed.submit(endorse(fed, "bank-b"))

    again = fed.submit(signed)

    assert TlogProof.parse(again.receipt).index == TlogProof.parse(first.receipt).index == 1
    assert Checkpoint.parse(TlogProof.parse(again.receipt).checkpoint.text).size == 3
    assert fed.log.receipt(signed.id) == again.receipt
    with pytest.raises(LedgerError):
        fed.log.receipt(digest("unknown"))


def test_a_batch_is_judged_entry_by_entry(fed):
    good, bad = endorse(fed), endorse(fed, "bank-b")
    notes = [good.encode(), b"garbage", bad.encode()[:-2] + b"\n", endorse(fed, "bank-c").encode()]

    outcomes = fed.log.submit(notes)

    assert [o.code for o in outcomes] == ["", "malformed", "malformed", ""]
    assert [bool(o.receipt) for o in outcomes] == [True, False, False, True]
    assert fed.log.size == 3


def test_many_threads_lose_no_receipt(fed):
    """Entries of many authors at once; each author's own go in order."""
    failures: list[str] = []

    def work(author: str) -> None:
        copy = Replica(fed.founding.id)
        for _ in range(20):
            copy.update(fed.log.leaves(copy.size))
            head = copy.state.author_heads.get(author)
            changes = {
                "author_seq": 0 if head is None else head[0] + 1,
                "author_prev": "0" * 64 if head is None else head[1],
                "seen_size": copy.size,
                "seen_root": copy.root.hex(),
            }
            entry = base[author].__class__(**{**vars(base[author]), **changes})
            signed = SignedEntry.sign(entry, fed.keys[author])
            (outcome,) = fed.log.submit([signed.encode()])
            if outcome.code:
                failures.append(outcome.code)
                continue
            receipt = TlogProof.parse(outcome.receipt)
            leaf = Leaf.parse(fed.log.leaves(receipt.index, 1)[0])
            receipt.verify(leaf.hash, log=fed.log_key.verifier)
            if leaf.signed.id != signed.id:
                failures.append("another leaf")

    base = {author: fed.entry(author, "endorsement-given", ENDORSEMENT) for author in BANKS}
    threads = [threading.Thread(target=work, args=(author,)) for author in BANKS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert fed.log.size == 1 + 20 * len(BANKS)
    fed.refresh()
    assert fed.replica.root == fed.log.root


def test_consistency_proofs_connect_the_heads(fed):
    for _ in range(6):
        fed.submit(endorse(fed))
    roots = {n: fed.replica.root_at(n) for n in range(1, 8)}

    for old in range(1, 8):
        verify_consistency(
            old_size=old,
            old_root=roots[old],
            new_size=7,
            new_root=roots[7],
            proof=fed.log.consistency(old, 7),
        )
    with pytest.raises(LedgerError):
        fed.log.consistency(0, 7)


def test_a_head_has_its_quorum_when_the_last_witness_has_signed(fed):
    note = fed.log.pending(0)
    for name in WITNESSES[:-1]:
        fed.log.add_cosignatures(fed.witnesses[name].cosign(note, fed.replica))
    assert fed.log.quorum_size == 0
    assert fed.log.quorum_note(1) is None

    fed.log.add_cosignatures(fed.witnesses[WITNESSES[-1]].cosign(note, fed.replica))

    assert fed.log.quorum_size == 1
    quorum = fed.log.quorum_note(1)
    assert fed.replica.update_checkpoint(quorum).size == 1
    assert (fed.replica.quorum_size, fed.replica.quorum_note) == (1, quorum)
    assert fed.log.quorum_note(2) is None
    assert fed.log.pending(0) is None


def test_all_witnesses_are_shown_one_head_while_the_ledger_grows(fed):
    fed.submit(endorse(fed))
    first = fed.log.pending(0)
    fed.submit(endorse(fed))

    assert fed.log.pending(0) == first
    assert fed.log.pending(2) is None
    for name in WITNESSES:
        fed.log.add_cosignatures(fed.witnesses[name].cosign(fed.log.pending(0), fed.replica))
    assert fed.log.quorum_size == 2
    assert Checkpoint.parse(Note.parse(fed.log.pending(2)).text).size == 3


def test_a_head_that_waits_too_long_gives_way(fed, monkeypatch):
    first = fed.log.pending(0)
    fed.submit(endorse(fed))
    assert fed.log.pending(0) == first

    monkeypatch.setattr("fedcredit_ledger.log.TARGET_S", -1.0)

    assert Checkpoint.parse(Note.parse(fed.log.pending(0)).text).size == 2
    assert TARGET_S > 0


def test_cosignatures_that_are_none_are_refused(fed):
    text = Note.parse(fed.log.pending(0)).text
    stranger = CosignatureKey.generate("bank-a").cosign(text, 1).line().encode() + b"\n"
    other_text = fed.witness_keys["bank-a"].cosign(b"x\n1\nAAAA\n", 1).line().encode() + b"\n"
    good = fed.witness_keys["bank-a"].cosign(text, 1).line().encode() + b"\n"

    for lines in (stranger, other_text):
        with pytest.raises(SignatureError):
            fed.log.add_cosignatures(lines)
    for lines in (b"", b"hello\n", b"\xff\n", good[:-1]):
        with pytest.raises(MalformedEntryError):
            fed.log.add_cosignatures(lines)
    assert fed.log.add_cosignatures(good + good) == 1


def test_a_copy_believes_no_head_but_its_own(fed):
    fed.submit(endorse(fed))
    fed.witness()
    good = Note.parse(fed.log.quorum_note(2))
    other = Checkpoint(ORIGIN, 2, bytes(32)).text()
    ahead = Checkpoint(ORIGIN, 9, bytes(32)).text()
    thief = SigningKey.generate(ORIGIN)

    with pytest.raises(ForkError):
        fed.replica.update_checkpoint(Note(other, (fed.log_key.sign(other),)).encode())
    with pytest.raises(CheckpointError, match="ahead"):
        fed.replica.update_checkpoint(Note(ahead, (fed.log_key.sign(ahead),)).encode())
    with pytest.raises(CheckpointError, match="not signed by the log"):
        forged = Note(good.text, (thief.sign(good.text), *good.signatures[1:]))
        fed.replica.update_checkpoint(forged.encode())
    with pytest.raises(QuorumError):
        fed.replica.update_checkpoint(Note(good.text, good.signatures[:-1]).encode())
    assert fed.replica.quorum_size == 0
    fed.replica.update_checkpoint(good.encode())
    assert fed.replica.quorum_size == 2


def test_an_older_quorum_does_not_take_a_copy_back(fed):
    fed.witness()
    older = fed.log.quorum_note(1)
    fed.submit(endorse(fed))
    fed.witness()
    fed.replica.update_checkpoint(fed.log.quorum_note(2))

    fed.replica.update_checkpoint(older)

    assert fed.replica.quorum_size == 2


def test_leaves_out_of_order_are_found_and_those_before_are_kept(fed):
    for _ in range(4):
        fed.submit(endorse(fed))
    leaves = fed.log.leaves()
    copy = Replica(fed.founding.id)

    with pytest.raises(BrokenChainError):
        copy.update([*leaves[:2], leaves[3]])

    assert copy.size == 2
    copy.update(leaves[2:])
    assert copy.root == fed.log.root
    assert copy.find(Leaf.parse(leaves[3]).signed.id) == 3
    assert copy.leaf(3) == leaves[3]
    with pytest.raises(LedgerError):
        copy.find(digest("nothing"))
    with pytest.raises(LedgerError):
        copy.leaf(5)


def test_received_is_the_clock_and_never_goes_back(fed):
    fed.submit(endorse(fed))
    fed.clock.tick(-30)
    fed.submit(endorse(fed))

    first, second = (Leaf.parse(raw).received for raw in fed.log.leaves(1))

    assert second == first


def test_a_clock_that_jumps_back_suspends_the_ledger(fed):
    fed.submit(endorse(fed))
    fed.clock.tick(-700)

    outcome = fed.submit(endorse(fed))

    assert outcome.code == "stale"
    assert "suspended" in outcome.detail
    fed.clock.tick(700)
    with pytest.raises(LedgerError, match="suspended"):
        fed.submit(endorse(fed))


def test_a_ledger_is_founded_once_and_by_its_own_log(fed):
    with pytest.raises(LedgerError, match="already"):
        fed.log.found(fed.founding)
    other = SigningKey.generate(ORIGIN)
    with pytest.raises(LedgerError, match="another log key"):
        Log(Store(), other, ORIGIN, fed.clock).found(fed.founding)
    with pytest.raises(LedgerError, match="origin"):
        Log(Store(), other, "elsewhere", fed.clock)
    empty = Log(Store(), fed.log_key, ORIGIN, fed.clock)
    assert empty.submit([endorse(fed).encode()])[0].code == "wrong-phase"


def test_a_full_disk_suspends(fed, monkeypatch):
    signed = endorse(fed)

    def full(*_args, **_kwargs):
        raise LedgerError("the ledger could not be written: disk full")

    monkeypatch.setattr(fed.store, "append", full)
    with pytest.raises(LedgerError, match="disk full"):
        fed.log.submit([signed.encode()])
    monkeypatch.undo()

    with pytest.raises(LedgerError, match="suspended"):
        fed.log.submit([signed.encode()])
    assert (fed.log.size, len(fed.log.leaves()), fed.store.size) == (1, 1, 1)


def test_errors_say_what_to_do():
    error = RejectedEntryError("already-opened", "opened before", party="key-holder", remedy="stop")

    assert str(error) == "already-opened: opened before"
    assert (error.code, error.detail, error.exit_code) == ("already-opened", "opened before", 58)
    assert error.diagnostics().splitlines() == [
        "RejectedEntryError: already-opened: opened before",
        "  party: key-holder",
        "  what to do: stop",
    ]


def test_a_reader_walks_through_every_head_with_a_quorum(fed):
    fed.witness()
    fed.submit(endorse(fed))
    fed.submit(endorse(fed))
    fed.witness()

    found = [Checkpoint.parse(Note.parse(fed.log.quorum_note(n)).text).size for n in (1, 2, 3)]

    assert found == [1, 3, 3]
    assert fed.log.quorum_note(4) is None
