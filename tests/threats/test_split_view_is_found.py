"""Attack: the coordinator keeps two ledgers and shows each bank the one it likes.

It holds the log key, so it can sign both. The weak variant is a log without witnesses, where the
log's signature is all there is: both views are accepted. Here each member demands co-signatures
over its own copy, a witness signs one history only, and an entry names the history it was made on.
"""

import pytest

from fedcredit_ledger.checkpoint import open_checkpoint
from fedcredit_ledger.entry import Entry, SignedEntry
from fedcredit_ledger.errors import BrokenChainError, ForkError, QuorumError, RejectedEntryError
from fedcredit_ledger.log import Log
from fedcredit_ledger.note import Note
from fedcredit_ledger.replica import Replica
from fedcredit_ledger.store import Store
from tests.ledger.small_federation import ORIGIN, WITNESSES, SmallFederation, digest


class TwoFaced:
    """One federation, two logs with one key: the honest one and the one shown to bank-c."""

    def __init__(self) -> None:
        self.fed = SmallFederation()
        self.hidden = Log(Store(), self.fed.log_key, ORIGIN, self.fed.clock)
        self.hidden.found(self.fed.founding)

    def to_both(self, author: str, word: str) -> None:
        """An entry that stands in both ledgers."""
        self.fed.clock.tick()
        signed = self.signed(author, word)
        for log in (self.fed.log, self.hidden):
            (outcome,) = log.submit([signed.encode()])
            assert outcome.code == ""

    def signed(self, author: str, word: str) -> SignedEntry:
        data = {"act_type": "x", "act_digest": digest(word), "decision": "approve"}
        entry = self.fed.entry(author, "endorsement-given", data)
        return SignedEntry.sign(entry, self.fed.keys[author])

    def copy(self, log: Log) -> Replica:
        replica = Replica(self.fed.founding.id)
        replica.update(log.leaves())
        return replica


@pytest.fixture
def split() -> TwoFaced:
    """The logs agree on two leaves; then bank-a's revocation is kept from bank-c."""
    two = TwoFaced()
    two.to_both("bank-b", "common")
    two.fed.clock.tick()
    revocation, other = two.signed("bank-a", "revoked"), two.signed("regulator", "other")
    (shown,) = two.fed.log.submit([revocation.encode()])
    (instead,) = two.hidden.submit([other.encode()])
    assert shown.code == instead.code == ""
    assert two.fed.log.size == two.hidden.size == 3
    assert two.fed.log.root != two.hidden.root
    two.fed.refresh()
    return two


def test_the_logs_signature_alone_lets_both_views_pass(split):
    """The weak variant: two members, two histories, and nobody objects."""
    for log in (split.fed.log, split.hidden):
        head = open_checkpoint(Note.parse(log.checkpoint_note()), split.fed.log_key.verifier)
        assert split.copy(log).root_at(head.size) == head.root


def test_a_view_without_the_quorum_is_not_believed(split):
    """Bank-c co-signs what it is shown; the others have signed the other branch, or nothing."""
    shown = split.copy(split.hidden)
    note = split.hidden.pending(0)
    split.hidden.add_cosignatures(split.fed.witnesses["bank-c"].cosign(note, shown))

    assert split.hidden.quorum_note(3) is None
    with pytest.raises(QuorumError):
        shown.update_checkpoint(split.hidden.checkpoint_note())


def test_a_witness_signs_one_of_two_heads_of_one_size(split):
    split.fed.witness()
    other = split.copy(split.hidden)

    for name in WITNESSES:
        with pytest.raises(ForkError):
            split.fed.witnesses[name].cosign(split.hidden.checkpoint_note(), other)


def test_a_member_that_meets_the_other_head_holds_the_proof(split):
    """Two log-signed heads of one size: portable, and nobody but the log can have made them."""
    mine, theirs = split.fed.log.checkpoint_note(), split.hidden.checkpoint_note()

    with pytest.raises(ForkError) as caught:
        split.fed.replica.update_checkpoint(theirs)

    heads = [open_checkpoint(Note.parse(n), split.fed.log_key.verifier) for n in (mine, theirs)]
    assert heads[0].size == heads[1].size and heads[0].root != heads[1].root
    assert caught.value.exit_code == 56
    assert heads[1].root.hex() == caught.value.found


def test_a_private_branch_for_the_key_holder_opens_nothing(split):
    """The aggregate stands on a branch that only bribed witnesses co-sign: it has no quorum."""
    shown = split.copy(split.hidden)
    note = split.hidden.pending(0)
    for name in ("bank-b", "bank-c"):
        split.hidden.add_cosignatures(split.fed.witnesses[name].cosign(note, shown))
    head = open_checkpoint(Note.parse(note), split.fed.log_key.verifier)
    assert shown.root_at(head.size) == head.root  # the weak variant: the log's word is enough

    with pytest.raises(QuorumError):
        shown.update_checkpoint(split.hidden.checkpoint_note())
    assert shown.quorum_size == 0
    # and what the others have seen, the key holder's own copy of the branch does not bear
    split.fed.witnesses["bank-a"].cosign(split.fed.log.pending(0), split.fed.replica)
    with pytest.raises(ForkError):
        shown.update_checkpoint(split.fed.log.checkpoint_note())


def test_an_entry_of_one_branch_cannot_move_to_the_other(split):
    """So the fork cannot be healed by replaying what the other side wrote."""
    split.fed.clock.tick()
    later = split.signed("bank-b", "written after the fork")
    (accepted,) = split.fed.log.submit([later.encode()])

    (moved,) = split.hidden.submit([later.encode()])

    assert accepted.code == ""
    assert moved.code == "seen-unknown"
    copy = split.copy(split.hidden)
    with pytest.raises(RejectedEntryError, match="another history"):
        forged = split.hidden._leaf(later)
        copy.accept(forged)


def test_leaves_of_the_other_branch_do_not_continue_a_copy(split):
    split.fed.clock.tick()
    entry = _entry_on_the_hidden_branch(split)
    signed = SignedEntry.sign(entry, split.fed.keys["bank-c"])
    (outcome,) = split.hidden.submit([signed.encode()])
    assert outcome.code == ""

    with pytest.raises(BrokenChainError, match="does not name"):
        split.fed.replica.update(split.hidden.leaves(3))


def _entry_on_the_hidden_branch(split: TwoFaced) -> Entry:
    copy = split.copy(split.hidden)
    data = {"act_type": "x", "act_digest": digest("on the hidden branch"), "decision": "approve"}
    changes = {"seen_size": copy.size, "seen_root": copy.root.hex()}
    return split.fed.entry("bank-c", "endorsement-given", data, **changes)
