"""Keys that were rotated, revoked, never admitted: which signatures count is decided by index."""

from collections.abc import Callable
from typing import Any

import pytest

from fedcredit_ledger.evidence_verifier import Members, Refused, parse_leaf
from fedcredit_ledger.head_rules import read_head_rules
from fedcredit_ledger.log import Log
from fedcredit_ledger.note import SigningKey
from fedcredit_ledger.verify import Level, verify
from tests.ledger.mid_life import (
    NewParty,
    endorsed,
    join,
    other_key,
    recovery_of,
    submit,
)
from tests.ledger.small_federation import ORIGIN, SmallFederation, digest

COURT = NewParty()
WORD = {"act_type": "x", "act_digest": digest("x"), "decision": "approve"}
Step = Callable[[SmallFederation], str]
"""Does something to a federation; returns the code of the refusal, or nothing."""


def rotation(name: str, use: str, old: Any, new: Any) -> dict[str, Any]:
    return {"party": name, "use": use, "old_vkey": old.vkey, "new_vkey": new.vkey}


def rotate(fed: SmallFederation, *keys: Any) -> str:
    """Rotate the signing key of bank-a; by default as it should be done."""
    old, new = fed.keys["bank-a"], other_key("bank-a")
    data = rotation("bank-a", "signing", old, new)
    return submit(fed, "bank-a", "party-key-rotated", data, *(keys or (old, new))).code


def rotate_witness(fed: SmallFederation, *keys: Any) -> str:
    old, new = fed.witness_keys["bank-a"], other_key("bank-a", "witness")
    data = rotation("bank-a", "witness", old, new)
    keys = keys or (fed.keys["bank-a"], old, new)
    return submit(fed, "bank-a", "party-key-rotated", data, *keys).code


def revocation(vkey: str) -> dict[str, Any]:
    return {
        "party": "bank-a",
        "vkey": vkey,
        "suspected_since": "2026-11-23T16:00:00.000Z",
        "reason": "stolen",
    }


def revoke(fed: SmallFederation, *keys: Any) -> str:
    """Revoke the signing key of bank-a; by default with its recovery key."""
    data = revocation(fed.keys["bank-a"].vkey)
    keys = keys or (recovery_of("bank-a"),)
    return submit(fed, "bank-a", "party-key-revoked", data, *keys).code


def revoke_by_quorum(fed: SmallFederation) -> str:
    data = revocation(fed.keys["bank-a"].vkey)
    others = ("bank-b", "bank-c", "regulator")
    whole = endorsed(fed, "party-key-revoked", data, others)
    return submit(fed, "coordinator", "party-key-revoked", whole).code


def write(*keys: Any) -> Step:
    return lambda fed: submit(fed, "bank-a", "endorsement-given", WORD, *keys).code


def admit(fed: SmallFederation) -> str:
    return join(fed, COURT).code


def readmit(fed: SmallFederation) -> str:
    new = NewParty("bank-a", ("data-holder", "witness"))
    data = endorsed(fed, "party-joined", new.row(), ("bank-b", "bank-c", "regulator"))
    keys = (fed.keys["coordinator"], new.signing)
    return submit(fed, "coordinator", "party-joined", data, *keys).code


def replaced_key_holder(fed: SmallFederation) -> str:
    """The parties revoke the key holder's key, and admit theirs under its name."""
    vkey = fed.replica.state.parties["key-holder"].signing_vkey
    data = revocation(vkey) | {"party": "key-holder"}
    whole = endorsed(fed, "party-key-revoked", data)
    assert submit(fed, "coordinator", "party-key-revoked", whole).code == ""
    new = NewParty("key-holder", ("key-holder",))
    data = endorsed(fed, "party-joined", new.row())
    keys = (fed.keys["coordinator"], new.signing)
    return submit(fed, "coordinator", "party-joined", data, *keys).code


def readmit_with_more_roles(fed: SmallFederation) -> str:
    new = NewParty("bank-a", ("data-holder", "regulator", "witness"))
    data = endorsed(fed, "party-joined", new.row(), ("bank-b", "bank-c", "regulator"))
    keys = (fed.keys["coordinator"], new.signing)
    return submit(fed, "coordinator", "party-joined", data, *keys).code


def join_by_a_stolen_word(fed: SmallFederation) -> str:
    """A thief endorses with the key of bank-a, which is revoked before the act."""
    data = endorsed(fed, "party-joined", COURT.row(), ("bank-a", "bank-b", "bank-c"))
    assert revoke(fed) == ""
    keys = (fed.keys["coordinator"], COURT.signing)
    return submit(fed, "coordinator", "party-joined", data, *keys).code


def court_writes(fed: SmallFederation) -> str:
    return submit(fed, "court", "endorsement-given", WORD, COURT.signing).code


def leave(fed: SmallFederation) -> str:
    return submit(fed, "bank-a", "party-left", {"party": "bank-a", "reason": "left"}).code


OLD = SmallFederation().keys["bank-a"]
NEW = other_key("bank-a")
BACK = NewParty("bank-a").signing
RECOVERY = recovery_of("bank-a")

TABLE: dict[str, tuple[list[Step], str]] = {
    # rotated
    "a rotated key signs from the next entry on": ([rotate, write(NEW)], ""),
    "the key before a rotation signs no more": ([rotate, write(OLD)], "wrong-key"),
    "a key signs nothing before it is rotated in": ([write(NEW)], "wrong-key"),
    "both keys under one entry are one too many": ([rotate, write(NEW, OLD)], "wrong-key"),
    "a rotation is not signed by the old key": (
        [lambda fed: rotate(fed, NEW, NEW)],
        "wrong-key",
    ),
    "a rotation is not signed by the new key": (
        [lambda fed: rotate(fed, OLD)],
        "missing-cosigner",
    ),
    "a rotation is signed by another new key": (
        [lambda fed: rotate(fed, OLD, SigningKey.from_seed("bank-a", bytes(32)))],
        "wrong-key",
    ),
    "a rotation is signed in the other order": ([lambda fed: rotate(fed, NEW, OLD)], "wrong-key"),
    "a rotation has a surplus signature": (
        [lambda fed: rotate(fed, OLD, NEW, RECOVERY)],
        "wrong-key",
    ),
    "the recovery key rotates nothing": (
        [lambda fed: rotate(fed, RECOVERY, NEW)],
        "wrong-key",
    ),
    "a retired key does not come back": (
        [
            rotate,
            lambda fed: (
                submit(
                    fed,
                    "bank-a",
                    "party-key-rotated",
                    rotation("bank-a", "signing", NEW, OLD),
                    NEW,
                    OLD,
                ).code
            ),
        ],
        "duplicate-id",
    ),
    "a rotation names a key that is not the newest": (
        [
            rotate,
            lambda fed: (
                submit(
                    fed,
                    "bank-a",
                    "party-key-rotated",
                    rotation("bank-a", "signing", OLD, BACK),
                    NEW,
                    BACK,
                ).code
            ),
        ],
        "no-such-reference",
    ),
    "nobody rotates another's key": (
        [
            lambda fed: (
                submit(
                    fed,
                    "bank-b",
                    "party-key-rotated",
                    rotation("bank-a", "signing", OLD, NEW),
                    fed.keys["bank-b"],
                    NEW,
                ).code
            )
        ],
        "not-permitted",
    ),
    "a signing key becomes no witness key": (
        [
            lambda fed: (
                submit(
                    fed,
                    "bank-a",
                    "party-key-rotated",
                    {**rotation("bank-a", "signing", OLD, other_key("bank-a", "witness"))},
                    OLD,
                    other_key("bank-a", "witness"),
                ).code
            )
        ],
        "malformed",
    ),
    "a witness key is rotated by signing key, old and new": ([rotate_witness, write(OLD)], ""),
    "a witness key is not rotated without the old one": (
        [lambda fed: rotate_witness(fed, OLD, other_key("bank-a", "witness"))],
        "wrong-key",
    ),
    "a witness key is not rotated without the signing key": (
        [
            lambda fed: rotate_witness(
                fed, fed.witness_keys["bank-a"], other_key("bank-a", "witness")
            )
        ],
        "wrong-key",
    ),
    # revoked
    "a revoked key signs no more": ([revoke, write(OLD)], "wrong-key"),
    "the recovery key signs nothing but a revocation": ([write(RECOVERY)], "wrong-key"),
    "a key revokes itself": ([lambda fed: revoke(fed, OLD)], "wrong-key"),
    "a key is revoked twice": ([revoke, revoke], "no-such-reference"),
    "a revocation has a surplus signature": (
        [lambda fed: revoke(fed, RECOVERY, OLD)],
        "wrong-key",
    ),
    "the parties revoke a key whose recovery key is lost": (
        [revoke_by_quorum, write(OLD)],
        "wrong-key",
    ),
    "the coordinator alone revokes nobody's key": (
        [lambda fed: submit(fed, "coordinator", "party-key-revoked", revocation(OLD.vkey)).code],
        "malformed",
    ),
    "another bank revokes nobody's key": (
        [
            lambda fed: (
                submit(
                    fed,
                    "bank-b",
                    "party-key-revoked",
                    {**revocation(OLD.vkey), "endorsements": [digest("x")]},
                ).code
            )
        ],
        "not-permitted",
    ),
    "a revoked key is not rotated": ([revoke, rotate], "wrong-key"),
    "a party whose key is revoked is admitted again with new keys": (
        [revoke, readmit, write(BACK)],
        "",
    ),
    "the revoked key stays revoked when the party is back": (
        [revoke, readmit, write(OLD)],
        "wrong-key",
    ),
    "who is admitted again has no more roles than before": (
        [revoke, readmit_with_more_roles],
        "not-permitted",
    ),
    "the key holder's name is given to nobody, whoever endorses it": (
        [replaced_key_holder],
        "not-permitted",
    ),
    "what a key endorsed counts for nothing once it is revoked": (
        [join_by_a_stolen_word],
        "not-endorsed",
    ),
    # before a join, after an end
    "a key signs nothing before its party has joined": ([court_writes], "unknown-author"),
    "a key signs once its party has joined": ([admit, court_writes], ""),
    "a key signs nothing after its party has left": ([leave, write(OLD)], "unknown-author"),
    "a key does not come back by a rotation after its party has left": (
        [leave, rotate],
        "unknown-author",
    ),
    "a recovery key of a party that left revokes nothing": ([leave, revoke], "unknown-author"),
}


@pytest.mark.parametrize("title", TABLE)
def test_key_rotations(title: str):
    steps, code = TABLE[title]
    fed = SmallFederation()

    codes = [step(fed) for step in steps]

    assert codes == [*[""] * (len(steps) - 1), code]


@pytest.mark.parametrize("title", TABLE)
def test_a_replaying_member_agrees_to_every_row(title: str):
    fed = SmallFederation()
    for step in TABLE[title][0]:
        step(fed)

    assert fed.replica.state.keys == fed.log.state.keys
    assert read_head_rules(fed.log.leaves()) == fed.log.state.head_rules
    assert verify(fed.store, level=Level.SIGNATURES).exit_code in (0, 57)


COSIGNED = {
    "party-joined": (
        "coordinator",
        lambda fed: endorsed(fed, "party-joined", COURT.row()),
        lambda fed: (fed.keys["coordinator"], COURT.signing),
    ),
    "party-key-rotated of a signing key": (
        "bank-a",
        lambda fed: rotation("bank-a", "signing", OLD, NEW),
        lambda fed: (OLD, NEW),
    ),
    "party-key-rotated of a witness key": (
        "bank-a",
        lambda fed: rotation(
            "bank-a", "witness", fed.witness_keys["bank-a"], other_key("bank-a", "witness")
        ),
        lambda fed: (OLD, fed.witness_keys["bank-a"], other_key("bank-a", "witness")),
    ),
    "log-key-rotated": (
        "coordinator",
        lambda fed: endorsed(
            fed,
            "log-key-rotated",
            {"old_vkey": fed.log_key.vkey, "new_vkey": next_log_key(fed).vkey},
        ),
        lambda fed: (fed.keys["coordinator"], next_log_key(fed)),
    ),
}


def next_log_key(fed: SmallFederation) -> SigningKey:
    return SigningKey.from_seed(fed.log_key.name, bytes(range(32)))


@pytest.mark.parametrize("title", COSIGNED)
def test_missing_cosigner_is_refused(title: str):
    author, data, keys = COSIGNED[title]
    fed = SmallFederation()
    fed.log = Log(fed.store, fed.log_key, ORIGIN, fed.clock, other_keys=(next_log_key(fed),))
    kind = title.split()[0]
    act = data(fed)

    signed_by = keys(fed)
    for missing in range(1, len(signed_by)):
        assert submit(fed, author, kind, act, *signed_by[:missing]).code == "missing-cosigner"
    assert submit(fed, author, kind, act, *signed_by[1:]).code in ("wrong-key", "missing-cosigner")
    assert submit(fed, author, kind, act, *signed_by, fed.keys["bank-b"]).code == "wrong-key"
    assert submit(fed, author, kind, act, *signed_by).code == ""


def expel(fed: SmallFederation, name: str, others: tuple[str, ...]) -> str:
    data = {"party": name, "reason": "expelled"}
    whole = endorsed(fed, "party-left", data, others)
    return submit(fed, "coordinator", "party-left", whole).code


def test_three_of_five_do_not_expel_the_others_one_by_one():
    """The quorum of five is four; counted without the expelled, three would do."""
    fed = SmallFederation(banks=("bank-a", "bank-b", "bank-c", "bank-d"))

    assert expel(fed, "bank-d", ("bank-a", "bank-b", "bank-c")) == "not-endorsed"
    assert expel(fed, "bank-d", ("bank-a", "bank-b", "bank-c", "regulator")) == ""


def test_a_party_rotates_no_witness_key_of_another():
    """Else a member's co-signature would stand for the regulator's in a forged package."""
    fed = SmallFederation()
    members, founding = Members(), parse_leaf(fed.log.leaves()[0], "entries/0.leaf")
    members.take(founding, "entries/0.leaf")
    new = other_key("bank-a", "witness")
    theirs = rotation("bank-a", "witness", fed.witness_keys["regulator"], new)
    own = rotation("bank-a", "witness", fed.witness_keys["bank-a"], new)
    forged = founding._replace(place=1, type="party-key-rotated", author="bank-a", data=theirs)

    assert submit(
        fed, "bank-a", forged.type, theirs, OLD, fed.witness_keys["bank-a"], new
    ).code == ("no-such-reference")
    with pytest.raises(Refused, match="the old key is not the newest of bank-a"):
        members.take(forged, "entries/1.leaf")
    members.take(forged._replace(data=own), "entries/1.leaf")
    assert members.heads[-1].policy.witnesses["bank-a"].vkey == new.vkey
