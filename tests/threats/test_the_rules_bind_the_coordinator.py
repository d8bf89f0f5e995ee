"""Attack: the coordinator writes what the rules forbid, with the log key and all witnesses' keys.

Its own log would refuse, so it writes the file itself; every link, root and co-signature is right.
The weak variant is a reader that checks those and replays no rules. Here every member's copy, and
whoever verifies the file, names the entry and the rule. The ledgers are those of ledger/vectors.
"""

from collections.abc import Iterable
from pathlib import Path

import pytest

from fedcredit_ledger.chain import Leaf, check_link
from fedcredit_ledger.entry import SignedEntry
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.note import VerifierKey
from fedcredit_ledger.replica import Replica
from fedcredit_ledger.verify import Level, verify_file
from tests.ledger.small_federation import SmallFederation, digest
from tests.ledger.vector_files import CHAIN, WrittenLedger


def only_links(leaves: Iterable[bytes]) -> int:
    """Check the weak way; return how many leaves were accepted."""
    previous = None
    for raw in leaves:
        leaf = Leaf.parse(raw)
        check_link(leaf, previous)
        previous = leaf
    return 0 if previous is None else previous.index + 1


def refused_by_a_member(name: str) -> tuple[int, str]:
    """Return at which leaf a member's copy stops, and by which rule."""
    leaves = WrittenLedger.bad(name).leaves
    assert only_links(leaves) == len(leaves)  # the weak variant accepts
    copy = Replica(Leaf.parse(leaves[0]).signed.id)
    with pytest.raises(RejectedEntryError) as caught:
        copy.update(leaves)
    return copy.size, caught.value.code


def found_in_the_file(name: str, folder: Path, level: Level = Level.RULES) -> list[tuple[int, str]]:
    path = folder / f"{name}-{level}.db"
    report = verify_file(WrittenLedger.bad(name).store(path), level=level)
    return [(finding.index or 0, finding.code) for finding in report.findings]


def test_the_sound_ledger_is_accepted() -> None:
    copy = Replica(CHAIN["founding_entry"])
    copy.update(WrittenLedger.good().leaves)

    assert copy.size == 21


def test_an_old_approval_is_refused() -> None:
    """Signed in good faith, kept in a drawer, played when it suits."""
    assert refused_by_a_member("played-later") == (7, "stale")


def test_backdated_entry_falls_outside_its_bracket(tmp_path: Path) -> None:
    """Author and coordinator agree on yesterday; the witnesses' times around the leaf do not."""
    assert found_in_the_file("backdated", tmp_path) == [(7, "outside-bracket")]
    assert found_in_the_file("backdated", tmp_path, Level.CHAIN) == []  # the weak variant


def test_equivocation_is_evidence() -> None:
    """One author, one number, two texts: the second is refused, and both are kept."""
    fed = SmallFederation()
    said: dict[str, dict[str, str]] = {
        "endorsement-given": {"act_type": "x", "act_digest": digest("x"), "decision": "approve"},
        "grant-revoked": {"grant_id": "g-1", "reason": "withdrawn"},
    }
    first, second = (
        SignedEntry.sign(fed.entry("bank-a", kind, data), fed.keys["bank-a"])
        for kind, data in said.items()
    )
    assert fed.submit(first).code == ""

    assert fed.submit(second).code == "author-equivocation"
    kept = fed.log.refused.take()
    assert kept is not None
    stands = Leaf.parse(fed.log.leaves()[-1]).signed
    told = SignedEntry.parse(kept.note)
    founder = next(f for f in fed.founding.entry.data["founders"] if f["party"] == "bank-a")
    key = VerifierKey.parse(founder["signing_vkey"])
    for signed in (stands, told):  # a stranger can check both against the founding entry
        key.verify(signed.note.text, signed.signatures[0])
    assert stands.entry.author_seq == told.entry.author_seq
    assert stands.id != told.id
    assert refused_by_a_member("one-number-twice") == (8, "author-equivocation")


def test_an_entry_left_out_moved_or_doubled_is_found() -> None:
    """With every link and head made anew; the entries after it name another history."""
    assert refused_by_a_member("removed-entry") == (5, "seen-unknown")
    assert refused_by_a_member("swapped-entries") == (5, "seen-unknown")
    assert refused_by_a_member("doubled-entry") == (6, "duplicate-id")
    assert refused_by_a_member("withheld-entry") == (7, "author-gap")


def test_a_round_opens_once(tmp_path: Path) -> None:
    """Not twice, not another sum than the aggregate's, not before the witnesses have seen it."""
    assert refused_by_a_member("second-opening") == (19, "already-opened")
    assert refused_by_a_member("forged-aggregate") == (18, "aggregate-mismatch")
    assert found_in_the_file("unwitnessed-opening", tmp_path) == [(18, "opening-unwitnessed")]


def test_aggregate_names_exactly_the_contributions() -> None:
    assert refused_by_a_member("aggregate-without-a-bank") == (17, "aggregate-mismatch")
    assert refused_by_a_member("aggregate-with-a-stranger") == (17, "aggregate-mismatch")


def test_a_grant_that_is_not_live_or_not_meant_for_it_carries_nothing() -> None:
    assert refused_by_a_member("revoked-grant") == (15, "grant-not-live")
    assert refused_by_a_member("another-purpose") == (10, "grant-scope")


def test_a_point_that_nobody_released_is_not_attempted() -> None:
    assert refused_by_a_member("crafted-input") == (13, "input-not-released")


@pytest.mark.parametrize("level", [Level.HEAD, Level.CHAIN])
def test_a_policy_that_nobody_allowed_is_named_where_rules_are_not_replayed(
    tmp_path: Path, level: Level
) -> None:
    """The log's key alone writes a policy whose only witness is the attacker's friend."""
    path = WrittenLedger.bad("policy-of-two").store(tmp_path / "ledger.db")

    report = verify_file(path, level=level)

    assert report.exit_code == 0  # the weak variant: it looks witnessed
    assert [(remark.index, remark.code) for remark in report.remarks] == [(8, "believed")]
    assert verify_file(path, level=Level.RULES).exit_code == 58
