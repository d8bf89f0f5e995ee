"""Parties join and leave, keys and policies change: what is let through, and each refusal."""

import hashlib
from typing import Any

import pytest

from fedcredit_ledger.errors import QuorumError, SignatureError
from fedcredit_ledger.evidence import pack_evidence, verify_evidence
from fedcredit_ledger.evidence_verifier import Members, rule_at
from fedcredit_ledger.head_rules import read_head_rules
from fedcredit_ledger.log import Log
from fedcredit_ledger.note import Note, SigningKey
from fedcredit_ledger.quorum import quorum_of
from fedcredit_ledger.replica import Replica
from fedcredit_ledger.state_keys import with_other_key
from fedcredit_ledger.verify import Level, verify
from tests.ledger.mid_life import (
    VOTERS,
    NewParty,
    endorse,
    endorsed,
    join,
    other_key,
    policy_data,
    recovery_of,
    sign,
    submit,
)
from tests.ledger.small_federation import ORIGIN, WITNESSES, SmallFederation, digest, seed

COURT = NewParty()
WORD = {"act_type": "x", "act_digest": digest("x"), "decision": "approve"}


@pytest.fixture
def fed() -> SmallFederation:
    return SmallFederation()


@pytest.mark.parametrize(
    ("n", "needed"), [(1, 1), (3, 3), (4, 3), (5, 4), (7, 5), (10, 7), (15, 11), (50, 34)]
)
def test_the_quorum_of_parties_is_that_of_the_specification(n: int, needed: int):
    assert quorum_of(n) == needed


def test_of_no_parties_there_is_no_quorum():
    assert quorum_of(0) == 1


def test_a_party_joins_in_mid_life_and_writes_from_the_next_entry_on(fed: SmallFederation):
    assert submit(fed, "court", "endorsement-given", WORD, COURT.signing).code == "unknown-author"

    assert join(fed, COURT).code == ""
    assert fed.attempt("court", "endorsement-given", WORD) == ""

    state = fed.replica.state
    assert state.parties["court"].roles == ("regulator", "witness")
    assert [(p.use, p.valid_from) for p in state.keys if p.party == "court"] == [
        ("signing", fed.replica.size - 1),
        ("witness", fed.replica.size - 1),
        ("recovery", fed.replica.size - 1),
    ]


def test_a_member_that_replays_reaches_the_same_parties(fed: SmallFederation):
    join(fed, COURT)
    fed.write("court", "endorsement-given", WORD)
    copy = Replica(fed.founding.id)

    copy.update(fed.log.leaves())

    assert copy.state.parties == fed.log.state.parties
    assert copy.state.keys == fed.log.state.keys


def rows(fed: SmallFederation) -> dict[str, tuple[dict[str, Any], list[Any], str]]:
    """Return by sentence: data before endorsements, signing keys, the code it is refused with."""
    own, court = fed.keys["coordinator"], COURT.signing
    both = [own, court]
    return {
        "a name that is taken": (
            NewParty("bank-a").row(),
            [own, NewParty("bank-a").signing],
            "duplicate-id",
        ),
        "a name that readers use": (
            NewParty("all").row(),
            [own, NewParty("all").signing],
            "duplicate-id",
        ),
        "a second coordinator": (COURT.row(roles=["coordinator"]), both, "not-permitted"),
        "a second key holder": (COURT.row(roles=["key-holder"]), both, "not-permitted"),
        "a key of a founder": (
            COURT.row(mask_key=digest("mask bank-a")),
            both,
            "duplicate-id",
        ),
        "a key that serves twice": (
            COURT.row(recovery_vkey=COURT.signing.vkey),
            both,
            "duplicate-id",
        ),
        "a key of another name": (
            COURT.row(recovery_vkey=recovery_of("bank-a").vkey),
            both,
            "malformed",
        ),
        "a witness without a witness key": (
            {k: v for k, v in COURT.row().items() if k != "witness_vkey"},
            both,
            "malformed",
        ),
        "the newcomer has not signed": (COURT.row(), [own], "missing-cosigner"),
        "only the newcomer has signed": (COURT.row(), [court], "wrong-key"),
        "somebody signs for the newcomer": (COURT.row(), [own, fed.keys["bank-a"]], "wrong-key"),
        "the newcomer signs first": (COURT.row(), [court, own], "wrong-key"),
        "one signature too many": (COURT.row(), [*both, fed.keys["bank-a"]], "wrong-key"),
    }


@pytest.mark.parametrize("title", sorted(rows(SmallFederation())))
def test_nobody_joins_with(fed: SmallFederation, title: str):
    bare, keys, code = rows(fed)[title]
    data = endorsed(fed, "party-joined", bare)
    before = dict(fed.replica.state.parties)

    assert submit(fed, "coordinator", "party-joined", data, *keys).code == code
    assert fed.replica.state.parties == before


def test_only_the_coordinator_admits(fed: SmallFederation):
    data = endorsed(fed, "party-joined", COURT.row())

    answer = submit(fed, "bank-a", "party-joined", data, fed.keys["bank-a"], COURT.signing)

    assert answer.code == "not-permitted"


def join_code(fed: SmallFederation, endorsements: list[str]) -> str:
    data = {**COURT.row(), "endorsements": endorsements}
    keys = (fed.keys["coordinator"], COURT.signing)
    return submit(fed, "coordinator", "party-joined", data, *keys).code


def test_two_of_four_are_no_quorum(fed: SmallFederation):
    two = endorse(fed, "party-joined", COURT.row(), VOTERS[:2])

    assert join_code(fed, two) == "not-endorsed"


def test_the_key_holder_and_the_analyst_are_not_asked(fed: SmallFederation):
    given = endorse(fed, "party-joined", COURT.row(), ("bank-a", "bank-b", "key-holder"))

    assert join_code(fed, given) == "not-endorsed"


def test_an_endorsement_of_other_keys_counts_for_nothing(fed: SmallFederation):
    given = endorse(fed, "party-joined", COURT.row(mask_key=digest("another")))

    assert join_code(fed, given) == "not-endorsed"


def test_a_declined_act_is_not_endorsed(fed: SmallFederation):
    given = endorse(fed, "party-joined", COURT.row(), VOTERS[:2])
    given += endorse(fed, "party-joined", COURT.row(), VOTERS[2:3], "decline")

    assert join_code(fed, given) == "not-endorsed"


def test_an_endorsement_that_was_taken_back_counts_no_more(fed: SmallFederation):
    given = endorse(fed, "party-joined", COURT.row())
    endorse(fed, "party-joined", COURT.row(), VOTERS[:1], "decline")

    assert join_code(fed, given) == "not-endorsed"


def test_an_endorsement_older_than_thirty_days_counts_no_more(fed: SmallFederation):
    given = endorse(fed, "party-joined", COURT.row())
    fed.clock.tick(30 * 86_400)

    assert join_code(fed, given) == "not-endorsed"


def test_an_endorsement_carries_one_act(fed: SmallFederation):
    lines = ["# as before", *fed.founding_data()["witness_policy"]]
    data = endorsed(fed, "policy-changed", policy_data(lines))

    assert submit(fed, "coordinator", "policy-changed", data).code == ""
    assert submit(fed, "coordinator", "policy-changed", data).code == "not-endorsed"


# leaving


def test_a_party_that_left_writes_nothing_more_and_its_grants_have_ended(fed: SmallFederation):
    fed.register("bank-a")
    fed.grant("bank-a")

    assert fed.attempt("bank-a", "party-left", {"party": "bank-a", "reason": "left"}) == ""

    assert fed.attempt("bank-a", "endorsement-given", WORD) == "unknown-author"
    assert fed.replica.state.grants["grant-bank-a"].revoked
    assert "bank-a" not in fed.replica.state.parties
    assert {p.valid_to for p in fed.replica.state.keys if p.party == "bank-a"} == {fed.replica.size}


def test_the_others_expel_a_party_without_asking_it(fed: SmallFederation):
    data = {"party": "bank-a", "reason": "expelled"}
    three = endorsed(fed, "party-left", data, ("bank-b", "bank-c", "regulator"))

    assert submit(fed, "coordinator", "party-left", three).code == ""
    assert fed.attempt("bank-a", "endorsement-given", WORD) == "unknown-author"


def test_a_party_that_left_comes_back_under_another_name_only(fed: SmallFederation):
    fed.write("bank-a", "party-left", {"party": "bank-a", "reason": "left"})
    again = NewParty("bank-a", ("data-holder", "witness"))
    data = endorsed(fed, "party-joined", again.row(), ("bank-b", "bank-c", "regulator"))

    answer = submit(
        fed, "coordinator", "party-joined", data, fed.keys["coordinator"], again.signing
    )

    assert answer.code == "duplicate-id"


@pytest.mark.parametrize(
    ("author", "data", "code"),
    [
        pytest.param(
            "bank-a", {"party": "bank-b", "reason": "left"}, "not-permitted", id="for another"
        ),
        pytest.param(
            "coordinator",
            {"party": "bank-a", "reason": "expelled"},
            "malformed",
            id="expelled without endorsements",
        ),
        pytest.param(
            "bank-a", {"party": "bank-a", "reason": "expelled"}, "malformed", id="expels itself"
        ),
        pytest.param(
            "coordinator",
            {"party": "coordinator", "reason": "left"},
            "not-permitted",
            id="the coordinator",
        ),
        pytest.param(
            "bank-a", {"party": "bank-x", "reason": "left"}, "no-such-reference", id="nobody"
        ),
    ],
)
def test_nobody_leaves(fed: SmallFederation, author: str, data: dict[str, Any], code: str):
    assert submit(fed, author, "party-left", data).code == code


# policies and the log


def new_policy(fed: SmallFederation, *names: str, needed: int) -> list[str]:
    keys = {**fed.witness_keys, "court": COURT.witness}
    return [
        f"log {fed.log_key.vkey}",
        *(f"witness {name} {keys[name].vkey}" for name in names),
        f"group parties {needed} {' '.join(names)}",
        "quorum parties",
    ]


def change(fed: SmallFederation, lines: list[str]) -> str:
    data = endorsed(fed, "policy-changed", policy_data(lines), VOTERS)
    return submit(fed, "coordinator", "policy-changed", data).code


def cosign(fed: SmallFederation, *names: str) -> None:
    note = fed.log.checkpoint_note()
    assert note is not None
    keys = {**fed.witness_keys, "court": COURT.witness}
    for name in names:
        line = keys[name].cosign(Note.parse(note).text, int(fed.clock().timestamp()))
        fed.log.add_cosignatures(f"{line.line()}\n".encode(), size=fed.log.size)


def test_a_head_is_judged_by_the_policy_in_force_at_its_size(fed: SmallFederation):
    fed.witness()
    before = fed.log.size
    join(fed, COURT)
    assert change(fed, new_policy(fed, "bank-a", "court", needed=2)) == ""
    cosign(fed, "bank-a", "court")

    copy = Replica(fed.founding.id)
    copy.update(fed.log.leaves())
    for size in (before, fed.log.size):
        note = fed.log.checkpoint_note(size)
        assert note is not None
        assert copy.update_checkpoint(note).size == size
    assert fed.log.quorum_size == fed.log.size
    assert read_head_rules(fed.log.leaves()) == fed.log.state.head_rules
    report = verify(fed.store, level=Level.SIGNATURES)
    assert report.findings == [] and report.quorum_size == fed.log.size


def test_the_old_quorum_is_none_under_the_new_policy(fed: SmallFederation):
    join(fed, COURT)
    change(fed, new_policy(fed, "bank-a", "court", needed=2))
    note = Note.parse(fed.log.checkpoint_note() or b"")
    lines = [fed.witness_keys[name].cosign(note.text, 1_795_449_600) for name in WITNESSES]
    signed = Note(note.text, (*note.signatures, *lines)).encode()

    with pytest.raises(QuorumError):
        fed.replica.update_checkpoint(signed)


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        pytest.param(["log {log}", "quorum none"], "malformed", id="that nobody must fulfil"),
        pytest.param(["quorum none"], "malformed", id="without the log"),
        pytest.param(
            ["log {log}", "witness a {a}", "quorum b"], "malformed", id="that is not well formed"
        ),
        pytest.param(
            ["log {log}", "witness a {stranger}", "quorum a"],
            "no-such-reference",
            id="with a key that the party has not",
        ),
    ],
)
def test_no_witness_policy_comes_in_force(fed: SmallFederation, lines: list[str], code: str):
    keys = {
        "log": fed.log_key.vkey,
        "a": fed.witness_keys["bank-a"].vkey,
        "stranger": other_key("bank-a", "witness").vkey,
    }

    assert change(fed, [line.format(**keys) for line in lines]) == code


def test_a_policy_that_is_not_its_digest_is_refused(fed: SmallFederation):
    bare = {**policy_data(fed.founding_data()["witness_policy"]), "digest": digest("other")}
    data = endorsed(fed, "policy-changed", bare)

    assert submit(fed, "coordinator", "policy-changed", data).code == "malformed"


def test_a_disclosure_policy_holds_for_runs_proposed_later(fed: SmallFederation):
    lines = ['["fedcredit-disclosure-policy/v1",{"min_bads":20}]']
    bare = {
        "policy": "disclosure",
        "digest": hashlib.sha256(lines[0].encode()).hexdigest(),
        "lines": lines,
    }
    data = endorsed(fed, "policy-changed", bare)

    assert submit(fed, "coordinator", "policy-changed", data).code == ""
    assert fed.replica.state.disclosure_digest == bare["digest"]


def next_log_key() -> SigningKey:
    return SigningKey.from_seed(ORIGIN, seed("next log"))


def rotate_log(fed: SmallFederation) -> str:
    new = next_log_key()
    bare = {"old_vkey": fed.log_key.vkey, "new_vkey": new.vkey}
    data = endorsed(fed, "log-key-rotated", bare)
    keys = (fed.keys["coordinator"], new)
    return submit(fed, "coordinator", "log-key-rotated", data, *keys).code


def test_a_sequencer_does_not_go_over_to_a_key_that_it_has_not(fed: SmallFederation):
    assert rotate_log(fed) == "not-permitted"


def test_heads_after_a_rotated_log_key_carry_both_signatures_for_thirty_days(fed: SmallFederation):
    fed.log = Log(fed.store, fed.log_key, ORIGIN, fed.clock, other_keys=(next_log_key(),))
    assert rotate_log(fed) == ""

    both = Note.parse(fed.log.checkpoint_note() or b"")
    fed.clock.tick(30 * 86_400 + 1)
    fed.write("bank-a", "endorsement-given", WORD)
    one = Note.parse(fed.log.checkpoint_note() or b"")

    new, old = next_log_key().verifier, fed.log_key.verifier
    assert [line.key_id for line in both.signatures] == [new.key_id, old.key_id]
    assert [line.key_id for line in one.signatures] == [new.key_id]
    new.verify(both.text, both.signatures[0])
    old.verify(both.text, both.signatures[1])
    fed.witness()
    assert verify(fed.store, level=Level.SIGNATURES).findings == []


def test_a_log_goes_on_after_a_restart_with_the_new_key(fed: SmallFederation):
    fed.log = Log(fed.store, fed.log_key, ORIGIN, fed.clock, other_keys=(next_log_key(),))
    rotate_log(fed)

    again = Log(fed.store, next_log_key(), ORIGIN, fed.clock)

    assert again.size == fed.log.size
    signed = sign(fed, "bank-a", "endorsement-given", WORD)
    assert again.submit([signed.encode()])[0].code == ""


def test_nothing_follows_the_end_of_a_ledger(fed: SmallFederation):
    bare = {"final_size": fed.log.size + 4, "successor": "ledger.example/next"}
    data = endorsed(fed, "log-closed", bare)

    assert submit(fed, "coordinator", "log-closed", data).code == ""
    assert fed.log.size == bare["final_size"]
    assert fed.attempt("bank-a", "endorsement-given", WORD) == "ledger-closed"


def test_a_ledger_does_not_end_at_another_size(fed: SmallFederation):
    data = endorsed(fed, "log-closed", {"final_size": fed.log.size + 5})

    assert submit(fed, "coordinator", "log-closed", data).code == "malformed"


def test_a_key_changes_in_a_policy_where_it_stands_and_nowhere_else():
    old, new = "a+0+A/=", "a+1+B/="
    lines = [f"# {old} of a", f"witness\ta  {old}", f"witness b b{old}", f"witness c {old}c"]

    assert with_other_key(lines, old, new) == (
        "# a+1+B/= of a",
        "witness\ta  a+1+B/=",
        "witness b ba+0+A/=",
        "witness c a+0+A/=c",
    )


def test_a_key_suspected_since_a_time_is_remarked_on_and_costs_nothing(fed: SmallFederation):
    fed.write("bank-a", "endorsement-given", WORD)
    since = fed.later(seconds=1)
    fed.write("bank-a", "endorsement-given", WORD)
    disputed = fed.log.size - 1
    data = {
        "party": "bank-a",
        "vkey": fed.keys["bank-a"].vkey,
        "suspected_since": since,
        "reason": "stolen",
    }
    submit(fed, "bank-a", "party-key-revoked", data, recovery_of("bank-a"))
    cosign(fed, *WITNESSES)

    report = verify(fed.store, level=Level.RULES)

    assert [(r.index, r.code) for r in report.remarks] == [(disputed, "disputed-key")]
    assert report.findings == [] and report.exit_code == 0


def ends(fed: SmallFederation, how: str) -> None:
    """End the witness key of bank-a, though the policy goes on naming it."""
    if how == "revoked":
        data = {
            "party": "bank-a",
            "vkey": fed.witness_keys["bank-a"].vkey,
            "suspected_since": fed.later(),
            "reason": "stolen",
        }
        assert submit(fed, "bank-a", "party-key-revoked", data, recovery_of("bank-a")).code == ""
    else:
        fed.write("bank-a", "party-left", {"party": "bank-a", "reason": "left"})


@pytest.mark.parametrize("how", ["revoked", "left"])
def test_a_witness_key_that_has_ended_counts_for_no_later_head(fed: SmallFederation, how: str):
    fed.witness()
    before = fed.log.size
    ends(fed, how)

    cosign(fed, "bank-b", "bank-c", "regulator")
    with pytest.raises(SignatureError):
        cosign(fed, "bank-a")

    assert fed.log.quorum_size == before
    old = fed.log.checkpoint_note(before)
    assert old is not None and fed.replica.update_checkpoint(old).size == before
    assert verify(fed.store, level=Level.SIGNATURES).quorum_size == before
    assert read_head_rules(fed.log.leaves()) == fed.log.state.head_rules


@pytest.mark.parametrize("how", ["revoked", "left"])
def test_a_package_is_judged_without_the_witness_key_that_has_ended(fed: SmallFederation, how: str):
    ends(fed, how)
    entry = fed.write("bank-b", "endorsement-given", WORD)
    others = ("bank-b", "bank-c", "regulator")
    lines = [f"# without bank-a, {how}", *new_policy(fed, *others, needed=3)]
    data = endorsed(fed, "policy-changed", policy_data(lines), others)
    assert submit(fed, "coordinator", "policy-changed", data).code == ""
    cosign(fed, *others)

    proven = verify_evidence(pack_evidence(fed.store, f"entries {entry}"))
    members = Members()
    for leaf in proven.leaves:
        members.take(leaf, f"entries/{leaf.place}.leaf")

    assert set(proven.witnesses) == set(others)
    ended = next(leaf.place for leaf in proven.leaves if leaf.author == "bank-a") + 1
    assert set(rule_at(members.heads, ended - 1).policy.witnesses) == {*others, "bank-a"}
    assert set(rule_at(members.heads, ended).policy.witnesses) == set(others)
