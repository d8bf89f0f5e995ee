"""Attack: somebody with the coordinator's disk changes, inserts, deletes or swaps what was written.

The weak variant is a plain log that is only linked, as an audit trail with a hash in each line:
whoever can write the file makes the links anew. The ledger's members hold a head that witnesses
have co-signed, and every entry is signed by its author.
"""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from fedcredit_ledger.chain import Leaf, check_link
from fedcredit_ledger.entry import SignedEntry
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.merkle import Tree, leaf_hash
from fedcredit_ledger.replica import Replica
from tests.ledger.small_federation import BANKS, SmallFederation


@pytest.fixture(scope="module")
def fed() -> SmallFederation:
    """Five leaves: the founding, three tables, a grant; the head is co-signed by all."""
    fed = SmallFederation()
    for bank in BANKS:
        fed.register(bank)
    fed.grant("bank-a")
    fed.witness()
    assert fed.log.size == 5
    return fed


def only_links(leaves: Iterable[bytes]) -> None:
    """Check the weak way: each line names the hash of the one before it."""
    previous = None
    for raw in leaves:
        leaf = Leaf.parse(raw)
        check_link(leaf, previous)
        previous = leaf


def accepts(fed: SmallFederation, leaves: Iterable[bytes]) -> bool:
    """Tell whether a member accepts these leaves and the co-signed head over them."""
    copy = Replica(fed.founding.id)
    try:
        copy.update(leaves)
        copy.update_checkpoint(fed.log.quorum_note(5))
    except LedgerError:
        return False
    return copy.size == 5


def test_the_untouched_ledger_is_accepted(fed):
    assert accepts(fed, fed.log.leaves())


def test_every_changed_byte_changes_the_root_that_was_cosigned(fed):
    leaves = fed.log.leaves()
    hashes = [leaf_hash(raw) for raw in leaves]
    unnoticed = 0
    n_bytes = 0
    for i, raw in enumerate(leaves):
        for position in range(len(raw)):
            changed = bytearray(raw)
            changed[position] ^= 0x01
            root = Tree([*hashes[:i], leaf_hash(bytes(changed)), *hashes[i + 1 :]]).root
            unnoticed += root == fed.log.root
            n_bytes += 1

    assert n_bytes == sum(map(len, leaves)) > 5000
    assert unnoticed == 0


def test_a_member_finds_every_changed_byte_with_a_named_error(fed):
    leaves = fed.log.leaves()
    for i, raw in enumerate(leaves):
        before = Replica(fed.founding.id)
        before.update(leaves[:i])
        for position in range(len(raw)):
            changed = bytearray(raw)
            changed[position] ^= 0x01
            try:
                leaf = Leaf.parse(bytes(changed))
                check_link(leaf, before.last)
            except LedgerError:
                continue
            assert not accepts(fed, [*leaves[:i], bytes(changed), *leaves[i + 1 :]]), (i, position)


def test_every_changed_byte_of_the_checkpoint_is_found(fed):
    note = fed.log.quorum_note(5)
    copy = Replica(fed.founding.id)
    copy.update(fed.log.leaves())
    unnoticed = []
    for position in range(len(note)):
        changed = bytearray(note)
        changed[position] ^= 0x01
        try:
            copy.update_checkpoint(bytes(changed))
        except LedgerError:
            continue
        unnoticed.append(position)

    assert len(note) > 600
    assert unnoticed == []
    assert copy.quorum_size == 0
    copy.update_checkpoint(note)
    assert copy.quorum_size == 5


def rechain(leaves: Iterable[bytes]) -> list[bytes]:
    """Make every index and link anew, as whoever writes the file can."""
    made: list[bytes] = []
    prev = "0" * 64
    for index, raw in enumerate(leaves):
        leaf = replace(Leaf.parse(raw), index=index, prev=prev)
        made.append(leaf.raw)
        prev = leaf.hash.hex()
    return made


def forgeries(fed: SmallFederation) -> dict[str, list[bytes]]:
    leaves = fed.log.leaves()
    return {
        "a changed purpose": [
            *leaves[:4],
            leaves[4].replace(b'"modelling"', b'"evidence"'),
        ],
        "a deleted leaf": [*leaves[:2], *leaves[3:]],
        "a leaf twice": [*leaves[:4], leaves[3], leaves[4]],
        "two leaves swapped": [leaves[0], leaves[2], leaves[1], *leaves[3:]],
        "a cut tail": leaves[:4],
        "a later time of receipt": [
            *leaves[:4],
            leaves[4].replace(b"\n2026-11-23T16:00:0", b"\n2026-11-23T16:05:0", 1),
        ],
    }


@pytest.mark.parametrize(
    "forgery",
    [
        "a changed purpose",
        "a deleted leaf",
        "a leaf twice",
        "two leaves swapped",
        "a cut tail",
        "a later time of receipt",
    ],
)
def test_links_made_anew_fool_the_weak_log_and_no_member(fed, forgery):
    forged = forgeries(fed)[forgery]
    honest = fed.log.leaves()
    assert forged != honest
    if forgery == "two leaves swapped":  # a forger keeps the times in order
        forged = [
            replace(Leaf.parse(raw), received=Leaf.parse(honest[i]).received).raw
            for i, raw in enumerate(forged)
        ]
    if forgery == "a leaf twice":
        forged[4] = replace(Leaf.parse(forged[4]), received=Leaf.parse(forged[5]).received).raw
        forged[3] = replace(Leaf.parse(forged[3]), received=Leaf.parse(forged[2]).received).raw

    rewritten = rechain(forged)

    only_links(rewritten)  # the weak variant accepts
    assert not accepts(fed, rewritten)


def test_an_entry_by_a_thief_of_the_disk_is_found_by_its_signature(fed):
    """Appended behind the co-signed head, where no root protects it yet."""
    grant = fed.grant_data("bank-b", grant_id="grant-forged", grantee="coordinator")
    entry = fed.entry("bank-b", "grant-issued", grant)
    signed = SignedEntry.sign(entry, fed.keys["coordinator"])
    last = Leaf.parse(fed.log.leaves()[-1])
    leaf = replace(last, index=5, prev=last.hash.hex(), signed=signed)

    only_links([*fed.log.leaves(), leaf.raw])  # the weak variant accepts
    copy = Replica(fed.founding.id)
    copy.update(fed.log.leaves())
    with pytest.raises(LedgerError, match="wrong-key"):
        copy.update([leaf.raw])
    assert "grant-forged" not in copy.state.grants
