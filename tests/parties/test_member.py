"""A member believes its own copy of the ledger; as a witness it signs what extends that copy."""

from collections.abc import Iterator

import pytest

import fedcredit as fc
from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.errors import ForkError, LedgerError, RollbackError
from fedcredit_ledger.note import Note
from fedcredit_ledger.witness import Witness
from tests.simulated import bank_frames, parts, small_federation


@pytest.fixture(scope="module")
def federation() -> Iterator[fc.Federation]:
    with small_federation(bank_frames(3, n_rows=40)) as federation:
        yield federation


def _signed(federation: fc.Federation, size: int, root: bytes) -> bytes:
    """Let the log sign any head: its operator is the attacker."""
    log = parts(federation).log
    text = Checkpoint(log.origin, size, root).text()
    return Note(text, (log._key.sign(text),)).encode()


def test_a_member_knows_roles_from_the_founding_entry(federation: fc.Federation) -> None:
    member = parts(federation).holders["bank-0"].member

    assert (member.role("coordinator"), member.role("key-holder")) == ("coordinator", "key-holder")
    with pytest.raises(LedgerError, match="no regulator"):
        member.role("regulator")


def test_a_head_of_another_history_is_not_co_signed(federation: fc.Federation) -> None:
    member = parts(federation).holders["bank-0"].member
    size = member.ledger.replica.size

    with pytest.raises(ForkError):
        member.ledger.cosign(Witness(member.identity.witness), _signed(federation, size, bytes(32)))


def test_a_smaller_head_than_one_co_signed_before_is_not_co_signed(
    federation: fc.Federation,
) -> None:
    member = parts(federation).holders["bank-0"].member
    replica = member.ledger.replica
    witness = Witness(member.identity.witness)
    member.ledger.cosign(witness, _signed(federation, replica.size, replica.root))

    with pytest.raises(RollbackError):
        member.ledger.cosign(witness, _signed(federation, 2, replica.root_at(2)))


def test_a_front_that_swallows_an_entry_is_found_by_its_author(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says "accepted", and the entry is not there."""
    member = parts(federation).holders["bank-0"].member
    honest = member.front.submit

    def swallow(notes: list[bytes]) -> object:
        (answer,) = honest([b"nonsense"])
        return [type(answer)(receipt=b"a receipt")]

    monkeypatch.setattr(member.front, "submit", swallow)
    with pytest.raises(LedgerError, match="not in this copy"):
        member.ledger.append(
            "endorsement-given",
            {
                "act_type": "roster-differencing",
                "act_digest": "ab" * 32,
                "decision": "approve",
            },
        )


@pytest.mark.parametrize("change", ["a byte", "the order", "one left out"])
def test_leaves_that_were_tampered_with_are_not_believed(
    federation: fc.Federation, change: str
) -> None:
    sim = parts(federation)
    leaves = sim.log.leaves()
    if change == "a byte":
        leaves[3] = leaves[3].replace(b"bank-", b"bonk-", 1)
    elif change == "the order":
        leaves[2], leaves[3] = leaves[3], leaves[2]
    else:
        del leaves[2]
    replica = type(sim.holders["bank-0"].member.ledger.replica)(sim.founding_entry)

    with pytest.raises(LedgerError):
        replica.update(leaves)
    assert replica.size <= 3
