"""A result, a receipt and a ledger file say whether they are final: seen by the quorum."""

from pathlib import Path

import pytest

from fedcredit.assembly import finality_of
from fedcredit.ledger_copy import save_ledger
from fedcredit.quorum import Quorum
from fedcredit.result_file import Finality, ResultFile
from fedcredit_ledger.add_checkpoint import AddCheckpoint
from fedcredit_ledger.checkpoint import Checkpoint, TlogProof
from fedcredit_ledger.errors import QuorumError
from fedcredit_ledger.note import Note
from fedcredit_ledger.state_keys import rule_at
from fedcredit_ledger.verify import verify
from tests.fedcredit.command_line import fedcredit
from tests.outside_ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(path=tmp_path / "ledger.db")


def witness(ledger: Ledger, *banks: str, regulator: bool) -> int:
    """Let these co-sign the newest head; return its size."""
    raw = ledger.log.checkpoint_note()
    assert raw is not None
    note = Note.parse(raw)
    size = Checkpoint.parse(note.text).size
    lines = [ledger.members[name].witness.cosign(note.text, 1_800_000_000) for name in banks]
    for line in lines:
        ledger.log.add_cosignatures(line.line().encode() + b"\n")
    if regulator:
        old = ledger.witness.state.seen(ledger.log.origin).size
        proof = tuple(ledger.log.consistency(old, size)) if old else ()
        answer = ledger.witness.add_checkpoint(AddCheckpoint(old, proof, note).encode())
        ledger.log.add_cosignatures(answer.body)
    ledger.desk.wake()
    return size


def test_with_a_quorum_it_is_final_and_says_who_and_when(ledger, tmp_path):
    size = ledger.grow()
    witness(ledger, "bank-a", "bank-c", regulator=True)
    member = ledger.member("bank-b", tmp_path / "b")

    checkpoint, finality = finality_of(member, size - 1, within_s=5)
    member.stop()

    assert finality is not None
    found = Finality.model_validate(finality)
    assert found.size == size
    assert set(found.witnessed) == {"bank-a", "bank-c", "regulator"}
    assert found.witnessed["bank-a"] == "2027-01-15T08:00:00.000Z"
    policy = rule_at(ledger.log.state.head_rules, size).lines
    assert Quorum.of(policy, checkpoint.encode()).is_final


def test_without_the_regulator_it_is_there_but_not_final(ledger, tmp_path):
    member = ledger.member("bank-a", tmp_path / "a")
    member.ledger.append(
        "endorsement-given", {"act_type": "x", "act_digest": "0" * 64, "decision": "approve"}
    )
    size = witness(ledger, "bank-a", "bank-b", "bank-c", regulator=False)

    checkpoint, finality = finality_of(member, size - 1, within_s=0.05)
    member.stop()

    assert finality is None
    assert Checkpoint.parse(Note.parse(checkpoint.encode()).text).size == size
    policy = rule_at(ledger.log.state.head_rules, size).lines
    assert not Quorum.of(policy, checkpoint.encode()).is_final


def test_a_receipt_carries_the_quorum_once_the_entry_is_final(ledger):
    index = ledger.grow() - 1
    entry = next(e for e, i in ledger.log.state.entry_index.items() if i == index)
    log, policy = ledger.log_key.verifier, rule_at(ledger.log.state.head_rules, index).policy
    leaf = ledger.bank.replica.last.hash
    early = TlogProof.parse(ledger.log.receipt(entry))
    early.verify(leaf, log=log)
    with pytest.raises(QuorumError):
        early.verify(leaf, log=log, policy=policy)

    witness(ledger, "bank-a", "bank-b", regulator=True)
    ledger.grow()
    late = TlogProof.parse(ledger.log.receipt(entry))

    assert late.verify(leaf, log=log, policy=policy).size == index + 1


def test_a_ledger_file_says_which_entries_are_unwitnessed(ledger, tmp_path):
    ledger.grow()
    witness(ledger, "bank-a", "bank-b", regulator=True)
    ledger.grow()
    ledger.grow()
    report = verify(ledger.log._store)
    ledger.log._store.close()

    shown = fedcredit("ledger", "show", ledger.path)
    verified = fedcredit("ledger", "verify", ledger.path)

    assert (report.size, report.quorum_size) == (4, 2)
    assert "unwitnessed, so not final yet: 2 of these, from 2 on" in shown.out
    assert "unwitnessed: the leaves from 2 on" in verified.out


def test_a_copy_may_leave_out_what_is_not_final(ledger, tmp_path):
    ledger.grow()
    witness(ledger, "bank-a", "bank-b", regulator=True)
    ledger.grow()

    with pytest.raises(QuorumError):
        save_ledger(ledger.bank, tmp_path / "a.db", timeout_s=0.0)
    assert save_ledger(ledger.bank, tmp_path / "b.db", timeout_s=0.0, only_witnessed=True) == 2


def test_a_saved_result_says_it_in_words(saved):
    finality = {
        "size": 9,
        "witnessed": {
            "bank-0": "2026-11-30T10:00:00.000Z",
            "regulator": "2026-11-30T10:00:01.000Z",
        },
    }

    final = ResultFile.model_validate(saved | {"finality": finality})
    not_final = ResultFile.model_validate(saved | {"finality": None})

    words = "final: witnessed by bank-0, regulator at 2026-11-30T10:00:01.000Z"
    assert ResultFile.parse(final.model_dump_json()).final_words == words
    assert not_final.final_words.startswith("not final yet: too few witnesses")
