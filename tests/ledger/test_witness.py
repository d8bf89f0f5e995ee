"""A witness goes forwards only, and remembers."""

import pytest

from fedcredit_ledger.canonical import encode
from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.errors import CheckpointError, ForkError, LedgerError, RollbackError
from fedcredit_ledger.note import Note, Signature
from fedcredit_ledger.witness import Witness
from tests.ledger.small_federation import START, SmallFederation, digest

ENDORSEMENT = {"act_type": "x", "act_digest": digest("x"), "decision": "approve"}


@pytest.fixture
def fed() -> SmallFederation:
    return SmallFederation()


def grow(fed: SmallFederation, n: int = 1) -> bytes:
    for _ in range(n):
        fed.write("bank-a", "endorsement-given", ENDORSEMENT)
    return fed.log.checkpoint_note()


def test_a_witness_signs_the_head_and_its_own_time(fed):
    note = grow(fed)

    line = fed.witnesses["bank-a"].cosign(note, fed.replica)

    key = fed.witness_keys["bank-a"].verifier
    signature = Signature.parse(line.decode().rstrip("\n"))
    key.verify(Note.parse(note).text, signature)
    assert key.time_s(signature) == int(START.timestamp()) + 1


def test_a_smaller_head_is_refused(fed):
    small = grow(fed)
    witness = fed.witnesses["bank-a"]
    witness.cosign(grow(fed), fed.replica)

    with pytest.raises(RollbackError):
        witness.cosign(small, fed.replica)
    assert witness.size == 3


def test_a_head_of_another_history_is_refused(fed):
    fed.witnesses["bank-a"].cosign(grow(fed), fed.replica)
    other = SmallFederation()
    other.clock.tick(7)
    note = grow(other, 2)

    with pytest.raises(ForkError):
        fed.witnesses["bank-a"].cosign(note, other.replica)  # a copy of the other branch
    fed.write("bank-a", "endorsement-given", ENDORSEMENT)
    with pytest.raises(ForkError):
        fed.witnesses["bank-a"].cosign(note, fed.replica)  # the witness's own copy


def test_a_forged_head_of_the_right_size_is_refused(fed):
    grow(fed)
    text = Checkpoint("ledger.example/test", 2, bytes(32)).text()

    with pytest.raises(ForkError):
        fed.witnesses["bank-a"].cosign(Note(text, (fed.log_key.sign(text),)).encode(), fed.replica)


def test_a_leaf_received_at_another_time_is_refused(fed):
    note = grow(fed)
    witness = fed.witnesses["bank-a"]
    for seconds in (-601, 601):
        fed.clock.tick(seconds)
        with pytest.raises(CheckpointError, match="clock"):
            witness.cosign(note, fed.replica)
        fed.clock.tick(-seconds)
    assert witness.size == 0
    witness.cosign(note, fed.replica)


def test_witness_never_signs_backwards_after_a_restart(fed, tmp_path):
    path = tmp_path / "witness"
    small, large = grow(fed), grow(fed)
    Witness(fed.witness_keys["bank-a"], path=path, clock=fed.clock).cosign(large, fed.replica)

    again = Witness(fed.witness_keys["bank-a"], path=path, clock=fed.clock)

    assert (again.size, again.root) == (3, fed.replica.root)
    with pytest.raises(RollbackError):
        again.cosign(small, fed.replica)
    again.cosign(large, fed.replica)


def test_the_size_is_on_the_disk_before_the_cosignature_leaves(fed, tmp_path, monkeypatch):
    note = grow(fed)
    witness = Witness(fed.witness_keys["bank-a"], path=tmp_path / "witness", clock=fed.clock)

    def crash(*_args):
        raise OSError("power lost")

    monkeypatch.setattr("fedcredit_ledger.witness.os.replace", crash)
    with pytest.raises(OSError, match="power lost"):
        witness.cosign(note, fed.replica)

    assert witness.size == 0


def test_the_file_of_another_witness_is_refused(fed, tmp_path):
    path = tmp_path / "witness"
    path.write_bytes(encode({"name": "bank-b", "root": digest(""), "size": 0}))

    with pytest.raises(LedgerError):
        Witness(fed.witness_keys["bank-a"], path=path)
