"""A ledger that is taken back, or forked, is found by the first witness that meets it, and proven.

The attacker is the coordinator: it has the log's key and restores an older copy of its files. The
weaker variant of each attack is the same without a witness that remembers; it goes through.
"""

import json
import threading
from pathlib import Path

import pytest

from fedcredit.coordinator.outside_witnesses import OutsideWitnesses
from fedcredit_ledger.errors import ForkError, RollbackError
from fedcredit_ledger.fork_proof import ForkProof
from fedcredit_ledger.note import Note
from fedcredit_parties.kept_proofs import kept
from fedcredit_parties.member import Member
from tests.outside_ledger import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    one = Ledger(path=tmp_path / "ledger.db")
    one.grow()
    return one


def compare(ledger: Ledger) -> None:
    witnesses = OutsideWitnesses(ledger.desk, {"regulator": ledger.witness})
    witnesses.compare()


def witnessed(ledger: Ledger, member: Member) -> None:
    """Let a member co-sign the newest head, as its witness does."""
    note = ledger.log.checkpoint_note()
    assert note is not None
    member.front.cosign(member.ledger.cosign(member._seen, note))


def branch(ledger: Ledger, word: str) -> None:
    """Let the bank write something else than on the other copy."""
    data = {"act_type": word, "act_digest": "0" * 64, "decision": "approve"}
    ledger.bank.append("endorsement-given", data)


def test_an_outside_witness_stops_a_restored_coordinator_before_its_first_entry(ledger, tmp_path):
    backup = ledger.copy(tmp_path / "backup.db")
    ledger.grow()
    compare(ledger)

    with pytest.raises(RollbackError) as caught:
        compare(backup)

    assert (caught.value.expected, caught.value.found) == ("at least 3 leaves", "2")
    assert caught.value.exit_code == 55
    assert backup.log.size == 2


def test_without_a_witness_a_restored_coordinator_goes_on(ledger, tmp_path):
    backup = ledger.copy(tmp_path / "backup.db")
    ledger.grow()

    assert backup.grow() == 3  # its own head file is as old as it is


def test_a_coordinator_that_has_written_over_the_lost_entries_is_found_as_a_fork(ledger, tmp_path):
    backup = ledger.copy(tmp_path / "backup.db")
    ledger.grow()
    compare(ledger)
    branch(backup, "other")
    branch(backup, "more")

    with pytest.raises(ForkError, match="does not continue what the witness regulator"):
        compare(backup)


def test_an_outside_witness_keeps_the_proof(ledger, tmp_path):
    proofs: list[ForkProof] = []
    ledger.witness._keep = proofs.append
    backup = ledger.copy(tmp_path / "backup.db")
    ledger.grow()
    compare(ledger)
    branch(backup, "other")

    with pytest.raises(ForkError):
        compare(backup)

    (proof,) = proofs
    smaller, larger = proof.heads(ledger.log_key.verifier)
    assert (smaller.size, larger.size) == (3, 3)
    assert {smaller.root, larger.root} == {ledger.log.root, backup.log.root}


def test_an_outside_witness_convicts_by_the_logs_own_proof(ledger, tmp_path):
    """Two sizes: the proof that the log hands in shows what its other branch holds."""
    proofs: list[ForkProof] = []
    ledger.witness._keep = proofs.append
    backup = ledger.copy(tmp_path / "backup.db")
    ledger.grow()
    compare(ledger)
    for word in ("a", "b", "c"):
        branch(backup, word)

    with pytest.raises(ForkError):
        compare(backup)

    smaller, larger = proofs[0].heads(ledger.log_key.verifier)
    assert (smaller.size, larger.size) == (3, 5)
    assert smaller.root == ledger.log.root


def test_a_member_that_has_seen_more_refuses_the_restored_ledger_and_keeps_what_it_has(
    ledger, tmp_path
):
    member = ledger.member("bank-b", tmp_path / "bank-b")
    backup = ledger.copy(tmp_path / "backup.db")
    ledger.grow()
    witnessed(ledger, member)
    member.stop()

    with pytest.raises(RollbackError):
        backup.member("bank-b", tmp_path / "bank-b")

    (path,) = kept(tmp_path / "bank-b")
    said = json.loads(path.read_text("utf-8"))
    assert said["format"] == "fedcredit-refused-head/v1"
    held = Note.parse(said["held"].encode())
    ledger.log_key.verifier.verify(held.text, held.signatures[0])
    assert held.text.split(b"\n")[1] == b"3"


def test_a_member_without_its_state_believes_the_restored_ledger(ledger, tmp_path):
    backup = ledger.copy(tmp_path / "backup.db")
    ledger.grow()
    member = ledger.member("bank-b", tmp_path / "bank-b")
    witnessed(ledger, member)
    member.stop()

    fresh = backup.member("bank-b", tmp_path / "another-folder")

    assert fresh.ledger.replica.size == 2
    fresh.stop()


def test_a_witness_that_is_shown_another_branch_refuses_keeps_the_proof_and_reports_it(
    ledger, tmp_path
):
    """The log signs a second head for a member whose copy is of the first branch."""
    member = ledger.member("bank-b", tmp_path / "bank-b")
    backup = ledger.copy(tmp_path / "backup.db")
    ledger.grow()
    ledger.grow()
    witnessed(ledger, member)
    branch(backup, "other")
    forged = backup.log.checkpoint_note()
    shown = threading.Event()

    class Forged:
        """The front, except that it hands this witness a head of the other branch."""

        def __getattr__(self, name: str) -> object:
            return getattr(ledger_front, name)

        def witness_pending(self, old_size: int, *, timeout_s: float) -> bytes | None:
            shown.set()
            return forged

    ledger_front = member.front
    member.front = Forged()  # type: ignore[assignment]
    member.start()
    assert shown.wait(10)
    found = ledger.desk.wait(
        lambda: next(iter(ledger.log.state.oversight.misbehaviour), None), 10.0
    )
    for thread in member._threads:
        if thread.name.endswith("-witness"):
            thread.join(10)  # it ends by itself: nothing is co-signed any more
    member.stop()

    assert isinstance(member.failures[0], ForkError)
    (path,) = kept(tmp_path / "bank-b")
    smaller, larger = ForkProof.parse(path.read_bytes()).heads(ledger.log_key.verifier)
    assert (smaller.size, larger.size) == (3, 4)
    assert found == ("bank-b", ForkProof.parse(path.read_bytes()).digest)
