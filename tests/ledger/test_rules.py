"""Which entry may follow: a whole run is accepted, and each row of the table is refused."""

import json
from pathlib import Path

import pytest

from fedcredit_ledger.entry import SignedEntry
from fedcredit_ledger.errors import BrokenChainError, RejectedEntryError
from fedcredit_ledger.note import SigningKey
from fedcredit_ledger.replica import Replica
from fedcredit_ledger.rules_log import is_recorded
from fedcredit_ledger.rules_runs import differencing_digest
from tests.ledger.small_federation import BANKS, ORIGIN, SmallFederation, digest, seed

VECTORS = Path(__file__).parents[2] / "ledger" / "vectors"


@pytest.fixture
def fed() -> SmallFederation:
    return SmallFederation()


@pytest.fixture
def started(fed) -> SmallFederation:
    fed.grant_all()
    fed.start()
    return fed


def test_a_run_from_proposal_to_registered_model(started):
    fed = started
    first = fed.open(fed.aggregate(1), 1)
    second = fed.open(fed.aggregate(2), 2, outcome="converged")
    fed.write(
        "coordinator",
        "run-finished",
        {"run_id": "run-1", "n_rounds": 2, "result_digest": digest("x")},
    )
    fed.write(
        "analyst",
        "model-registered",
        {
            "model_id": "m-1",
            "version": "1",
            "model_digest": digest("model"),
            "card_digest": digest("card"),
            "run_id": "run-1",
            "auc_micro": 800_000,
        },
    )

    run = fed.replica.state.runs["run-1"]
    assert run.status == "finished"
    assert [act.entry_id for act in run.opened] == [first, second]
    assert run.next_input == digest("result run-1 2")
    assert fed.replica.state.opening_keys["run-1", 2, "newton", "all"] == second
    assert run.context.data["scheme"] == "ckks"
    assert fed.replica.state.grants["grant-bank-a"].n_used == 1
    assert fed.replica.state.grants["grant-bank-a"].used_by == {"run-1"}
    assert fed.replica.state.models["m-1", "1"].registered.data["auc_micro"] == 800_000
    assert fed.replica.state.with_role("data-holder") == BANKS


# --- form, author, place


def test_entries_out_of_form_are_refused(fed):
    good = {"act_type": "x", "act_digest": digest("x"), "decision": "approve"}
    write = fed.attempt

    assert write("bank-a", "data-forgotten", {}) == "unknown-type"
    assert write("bank-a", "endorsement-given", good | {"comment": "hello"}) == "unknown-field"
    assert write("bank-a", "endorsement-given", {"act_type": "x"}) == "malformed"
    assert write("bank-a", "endorsement-given", good | {"decision": "maybe"}) == "malformed"
    assert write("bank-a", "endorsement-given", good | {"act_digest": "abc"}) == "malformed"
    assert write("bank-a", "endorsement-given", good | {"commits": {}}) == "unknown-field"
    assert write("bank-a", "endorsement-given", good, ledger="other.example/x") == "wrong-ledger"
    assert write("bank-a", "endorsement-given", good, readers=["stranger"]) == "malformed"
    assert write("bank-a", "endorsement-given", good, readers=["bank-b"]) == ""
    assert write("coordinator", "federation-created", fed.founding_data()) == "wrong-phase"
    grant = fed.grant_data("bank-a", assets=["a" * 499 + str(i) for i in range(40)])
    assert write("bank-a", "grant-issued", grant) == "too-large"


ENDORSEMENT = {"act_type": "x", "act_digest": digest("x"), "decision": "approve"}


def sign(fed, author, key, *cosigners, **changes):
    fed.clock.tick()
    entry = fed.entry(author, "endorsement-given", ENDORSEMENT, **changes)
    return SignedEntry.sign(entry, key, *cosigners)


def test_only_the_authors_own_key_of_the_ledger_speaks_for_it(fed):
    a, b = fed.keys["bank-a"], fed.keys["bank-b"]
    thief = SigningKey.from_seed("bank-a", seed("thief"))
    forged = sign(fed, "bank-a", a)
    other = sign(fed, "bank-a", a, time=fed.later(seconds=1))
    borrowed = type(forged)(forged.entry, type(forged.note)(forged.note.text, other.signatures))

    assert fed.submit(sign(fed, "stranger", SigningKey.from_seed("stranger", bytes(32)))).code == (
        "unknown-author"
    )
    assert fed.submit(sign(fed, "bank-a", b)).code == "wrong-key"
    assert fed.submit(sign(fed, "bank-a", thief)).code == "wrong-key"
    assert fed.submit(sign(fed, "bank-a", a, b)).code == "wrong-key"
    assert fed.submit(borrowed).code == "bad-signature"
    assert fed.submit(sign(fed, "bank-a", a)).code == ""


def test_equivocation_is_evidence(fed):
    key = fed.keys["bank-a"]
    revoked = {"grant_id": "g-1", "reason": "withdrawn"}
    first = sign(fed, "bank-a", key)
    second = SignedEntry.sign(fed.entry("bank-a", "grant-revoked", revoked), key)
    assert first.entry.author_seq == second.entry.author_seq == 0
    assert fed.submit(first).code == ""

    assert fed.submit(second).code == "author-equivocation"
    refusal = fed.log.refused.take()
    assert refusal is not None
    assert (refusal.note, refusal.code) == (second.encode(), "author-equivocation")


def test_of_what_is_refused_the_first_of_an_author_and_rule_waits_to_be_recorded(fed):
    revoked = {"grant_id": "g-1", "reason": "withdrawn"}
    a, thief = fed.keys["bank-a"], SigningKey.from_seed("bank-a", seed("thief"))
    entry = fed.entry("bank-a", "grant-revoked", revoked)
    other = fed.entry("bank-a", "grant-revoked", revoked | {"grant_id": "g-2"})
    gap = fed.entry("bank-a", "grant-revoked", revoked, author_seq=2, author_prev=digest("x"))

    codes = [
        fed.submit(signed).code
        for signed in (
            SignedEntry.sign(entry, thief),
            SignedEntry.sign(gap, a),
            sign(fed, "bank-a", a, author_seq=0, time=fed.later(seconds=-700)),
            SignedEntry.sign(entry, a),
            SignedEntry.sign(other, a),
        )
    ]

    assert codes == ["wrong-key", "author-gap", "stale", *["no-such-reference"] * 2]
    first, nothing = fed.log.refused.take(), fed.log.refused.take()
    assert first is not None and nothing is None
    assert first.entry_id == SignedEntry.sign(entry, a).id


def test_an_authors_chain_has_no_gap(fed):
    key = fed.keys["bank-a"]
    fed.submit(sign(fed, "bank-a", key))

    assert fed.submit(sign(fed, "bank-a", key, author_seq=2)).code == "author-gap"
    assert fed.submit(sign(fed, "bank-a", key, author_prev=digest("x"))).code == "author-gap"


def test_a_refusal_does_not_use_up_the_number(fed):
    assert fed.attempt("bank-a", "endorsement-given", {}) == "malformed"

    assert fed.attempt("bank-a", "endorsement-given", ENDORSEMENT) == ""


def test_an_old_approval_is_refused(fed):
    signed = sign(fed, "bank-a", fed.keys["bank-a"])
    early = sign(fed, "bank-b", fed.keys["bank-b"], time=fed.later(seconds=605))
    fed.clock.tick(601)

    assert fed.submit(signed).code == "stale"
    fed.clock.tick(-601)
    assert fed.submit(early).code == "stale"
    fed.clock.tick(599)
    assert fed.submit(signed).code == ""


def test_an_entry_is_tied_to_the_history_its_author_saw(fed):
    key = fed.keys["bank-a"]
    size = fed.replica.size
    assert fed.submit(sign(fed, "bank-a", key, seen_root=digest("x"))).code == "seen-unknown"
    assert fed.submit(sign(fed, "bank-a", key, seen_size=size + 5)).code == "seen-unknown"
    fed.submit(sign(fed, "bank-a", key))

    back = sign(fed, "bank-a", key, seen_size=0, seen_root=digest(""))

    assert fed.submit(back).code == "seen-went-back"


# --- founding


@pytest.mark.parametrize(
    ("changes", "defect"),
    [
        (lambda d: d["founders"].append(d["founders"][1]), "a founder twice"),
        (lambda d: d["founders"][1].update(mask_key=d["founders"][2]["mask_key"]), "a shared key"),
        (
            lambda d: d["founders"][1].update(recovery_vkey=d["founders"][1]["signing_vkey"]),
            "a recovery key that is the signing key",
        ),
        (
            lambda d: d["founders"][1].update(recovery_vkey=d["founders"][2]["recovery_vkey"]),
            "a key under another name",
        ),
        (lambda d: d.update(witness_policy=["quorum nobody"]), "a policy that does not parse"),
        (lambda d: d.update(witness_policy=["quorum none"]), "a policy without the log"),
        (lambda d: d.update(suite="md5-rsa"), "another suite"),
        (lambda d: d.update(founders=[]), "no founder"),
        (lambda d: d["founders"][0].update(roles=["regulator"]), "no coordinator"),
        (lambda d: d.pop("min_parties"), "a missing field"),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)
def test_founding_entries_with_a_defect_are_refused(fed, changes, defect):
    data = fed.founding_data()
    changes(data)
    entry = fed.found().entry
    broken = type(entry)(**{**vars(entry), "data": data})
    others = [key for name, key in fed.keys.items() if name != "coordinator"]
    signed = SignedEntry.sign(broken, fed.keys["coordinator"], *others)

    with pytest.raises(RejectedEntryError):
        replay_founding(signed)


def replay_founding(signed: SignedEntry) -> None:
    from fedcredit_ledger.chain import Leaf

    Replica(signed.id).accept(
        Leaf(index=0, prev="0" * 64, received=signed.entry.time, signed=signed)
    )


def test_every_founder_signs_the_founding_entry(fed):
    entry = fed.found().entry
    keys = [key for name, key in fed.keys.items() if name != "coordinator"]

    for signers, code in (
        ([fed.keys["coordinator"], *keys[:-1]], "missing-cosigner"),
        ([fed.keys["coordinator"], *keys[::-1]], "wrong-key"),
        ([*keys], "wrong-key"),
        ([fed.keys["coordinator"], *keys, keys[0]], "wrong-key"),
    ):
        with pytest.raises(RejectedEntryError) as caught:
            replay_founding(SignedEntry.sign(entry, *signers))
        assert caught.value.code == code
    replay_founding(SignedEntry.sign(entry, fed.keys["coordinator"], *keys))


def test_an_unpinned_federation_is_refused(fed):
    with pytest.raises(BrokenChainError, match="pinned"):
        Replica(digest("another federation")).update(fed.log.leaves())


# --- assets and grants


def test_a_holder_grants_only_its_own_registered_tables(fed):
    fed.register("bank-a")
    a = fed.grant_data("bank-a")

    assert fed.attempt("bank-b", "grant-issued", a) == "not-permitted"
    assert fed.attempt("analyst", "grant-issued", a) == "not-permitted"
    assert fed.attempt("bank-a", "grant-issued", a | {"assets": ["bank-a/x"]}) == (
        "no-such-reference"
    )
    assert fed.attempt("bank-a", "grant-issued", a | {"grantee": "nobody"}) == "no-such-reference"
    backwards = a | {"valid_until": a["valid_from"]}
    assert fed.attempt("bank-a", "grant-issued", backwards) == "malformed"
    assert fed.attempt("bank-a", "grant-issued", a) == ""
    assert fed.attempt("bank-a", "grant-issued", a) == "duplicate-id"


def test_a_table_is_registered_by_its_holder_once_a_version(fed):
    fed.register("bank-a")
    data = fed.replica.state.assets["bank-a/loans"].registered.data

    assert fed.attempt("bank-a", "data-asset-registered", data) == "duplicate-id"
    assert fed.attempt("bank-b", "data-asset-registered", data) == "not-permitted"
    assert fed.attempt("bank-a", "data-asset-registered", data | {"version": "2"}) == ""


def test_a_grant_is_narrowed_and_never_widened(fed):
    fed.register("bank-a")
    fed.grant("bank-a", max_uses=3, categories=["loans", "tax"], columns=["income", "age"])
    narrow = lambda **limits: fed.attempt(  # noqa: E731
        "bank-a", "grant-narrowed", {"grant_id": "grant-bank-a", **limits}
    )

    assert narrow(max_uses=4) == "grant-widened"
    assert narrow(categories=["loans", "judicial"]) == "grant-widened"
    assert narrow(columns=["income", "debt"]) == "grant-widened"
    assert narrow(operations=["sum", "train"]) == "grant-widened"
    assert narrow(valid_until=fed.later(days=31)) == "grant-widened"
    assert narrow(max_uses=2, columns=["income"], valid_until=fed.later(days=9)) == ""
    grant = fed.replica.state.grants["grant-bank-a"]
    assert (grant.max_uses, grant.categories) == (2, ("loans", "tax"))
    assert grant.columns == ("income",)
    assert fed.attempt("bank-b", "grant-narrowed", {"grant_id": "grant-bank-a", "max_uses": 1}) == (
        "not-permitted"
    )


def test_a_grant_ends_by_its_issuer_or_a_regulator(fed):
    for bank in BANKS[:2]:
        fed.register(bank)
        fed.grant(bank)
    end = lambda who, bank: fed.attempt(  # noqa: E731
        who, "grant-revoked", {"grant_id": f"grant-{bank}", "reason": "withdrawn"}
    )

    assert end("bank-b", "bank-a") == "not-permitted"
    assert end("bank-a", "bank-a") == ""
    assert end("bank-a", "bank-a") == "grant-not-live"
    assert end("regulator", "bank-b") == ""
    assert end("regulator", "bank-c") == "no-such-reference"
    assert fed.replica.state.grants["grant-bank-a"].revoked


# --- proposal, approval, start


def test_proposals_with_a_defect_are_refused(fed):
    fed.publish_context("run-1")
    good = fed.proposal("run-1")
    propose = lambda **changes: fed.attempt("analyst", "run-proposed", good | changes)  # noqa: E731

    assert propose(run_id="run-2") == "no-such-reference"
    assert propose(he_context_digest=digest("other")) == "no-such-reference"
    assert propose(disclosure_policy_digest=digest("looser")) == "not-endorsed"
    assert propose(parties=["analyst", "bank-a", "bank-b"]) == "no-such-reference"
    assert propose(parties=["bank-b", "bank-a", "bank-c"]) == "malformed"
    assert propose(min_parties=2) == "roster-too-small"
    assert propose(min_parties=4) == "roster-too-small"
    assert propose(valid_until=fed.later(seconds=-1)) == "late"
    assert propose() == ""
    assert propose() == "duplicate-id"
    assert fed.attempt("analyst", "he-context-published", context(fed)) == "not-permitted"
    assert fed.attempt("key-holder", "he-context-published", context(fed)) == "duplicate-id"


def context(fed):
    return fed.replica.state.contexts["run-1"][0].data


def test_approvals_with_a_defect_are_refused(fed):
    fed.grant_all()
    proposal = fed.propose()
    good = fed.approval("bank-a", "run-1", proposal)
    approve = lambda who, **changes: fed.attempt(who, "run-approved", good | changes)  # noqa: E731

    assert approve("analyst") == "not-in-roster"
    assert approve("bank-a", proposal=digest("other")) == "no-such-reference"
    assert approve("bank-a", grant_ids=["grant-x"]) == "no-such-reference"
    assert approve("bank-a", grant_ids=["grant-bank-b"]) == "grant-scope"
    without = {name: value for name, value in good.items() if name != "mask_epk"}
    assert fed.attempt("bank-a", "run-approved", without) == "malformed"
    assert approve("bank-a") == ""
    assert approve("bank-a") == "duplicate-id"
    assert approve("bank-b", grant_ids=["grant-bank-b"]) == "duplicate-id"  # a mask key again
    declined = {"run_id": "run-1", "proposal": proposal, "decision": "decline"}
    assert fed.attempt("bank-b", "run-approved", declined) == ""


def test_a_grant_for_another_purpose_or_party_is_no_approval(fed):
    fed.register("bank-a")
    fed.grant("bank-a", grant_id="g-purpose", purpose="evidence")
    fed.grant("bank-a", grant_id="g-party", grantee="regulator")
    fed.grant("bank-a", grant_id="g-early", valid_from=fed.later(days=1))
    fed.grant("bank-a", grant_id="g-late", valid_until=fed.later(seconds=3))
    good = fed.approval("bank-a", "run-1", fed.propose())
    fed.clock.tick(5)

    for grant, code in {
        "g-purpose": "grant-scope",
        "g-party": "grant-scope",
        "g-early": "grant-not-live",
        "g-late": "grant-not-live",
    }.items():
        assert fed.attempt("bank-a", "run-approved", good | {"grant_ids": [grant]}) == code


def test_a_run_starts_with_those_that_approved_under_a_quorum(fed):
    fed.grant_all()
    proposal = fed.propose()
    approvals = fed.approve("run-1", proposal, BANKS[:2])
    start = lambda roster, named, who="coordinator": fed.attempt(  # noqa: E731
        who, "run-started", {"run_id": "run-1", "roster": roster, "approvals": named}
    )

    assert start(list(BANKS), approvals) == "not-approved"
    assert start(list(BANKS[:2]), approvals) == "roster-too-small"
    approvals += fed.approve("run-1", proposal, BANKS[2:])
    assert start(list(BANKS), approvals[:2]) == "not-approved"
    assert start(list(BANKS), approvals, who="bank-a") == "not-permitted"
    assert start(list(BANKS), approvals) == "opening-unwitnessed"
    fed.witness()
    assert start(list(BANKS), approvals) == ""
    assert start(list(BANKS), approvals) == "wrong-phase"


# --- rounds


def test_attempts_with_a_defect_are_refused(started):
    fed = started
    attempt = lambda **changes: fed.attempt(  # noqa: E731
        "coordinator", "round-attempted", fed.attempted(1) | changes
    )

    assert attempt(phase="weights") == "wrong-phase"
    assert attempt(group="second") == "wrong-phase"
    assert attempt(round=21) == "wrong-phase"
    assert attempt(roster=["bank-a", "bank-b"]) == "roster-too-small"
    assert attempt(roster=["analyst", "bank-a", "bank-b"]) == "not-in-roster"
    assert attempt(deadline=fed.later(seconds=-5)) == "late"
    assert attempt(run_id="run-9") == "no-such-reference"
    assert fed.attempt("bank-a", "round-attempted", fed.attempted(1)) == "not-permitted"
    assert attempt() == ""
    assert attempt() == "duplicate-id"
    assert attempt(attempt=2) == "wrong-phase"  # the first is under way


def test_a_crafted_input_is_not_attempted(started):
    fed = started
    crafted = fed.attempted(1, input_digest=digest("steep"))
    assert fed.attempt("coordinator", "round-attempted", crafted) == "input-not-released"

    fed.open(fed.aggregate(1), 1)

    again = fed.attempted(2, input_digest=digest("initial"))
    assert fed.attempt("coordinator", "round-attempted", again) == "input-repeated"
    other_phase = fed.attempted(2, input_digest=digest("initial"), phase="bins")
    assert fed.attempt("coordinator", "round-attempted", other_phase) == "input-not-released"


def test_contributions_with_a_defect_are_refused(started):
    fed = started
    fed.write("coordinator", "round-attempted", fed.attempted(1))
    good = fed.contribution("bank-a", 1)
    give = lambda who="bank-a", **changes: fed.attempt(  # noqa: E731
        who, "round-contributed", good | changes
    )

    assert give("analyst") == "not-in-roster"
    assert give(attempt=2) == "no-such-reference"
    assert give(phase="bins") == "no-such-reference"
    assert give(input_digest=digest("other")) == "input-not-released"
    assert give(he_context_digest=digest("other")) == "no-such-reference"
    assert give(grant_ids=["grant-bank-b"]) == "grant-scope"
    assert give(mask_epk=fed.approval("bank-a", "run-1", digest("x"))["mask_epk"]) == (
        "duplicate-id"
    )
    no_root = {name: value for name, value in good.items() if name != "grants_root"}
    assert fed.attempt("bank-a", "round-contributed", no_root) == "malformed"
    assert give(grants_root=digest("root")) == "grants-root"
    no_grant = {name: value for name, value in good.items() if name != "grant_ids"}
    assert fed.attempt("bank-a", "round-contributed", no_grant) == "grant-scope"
    assert give() == ""
    assert give(mask_epk=digest("yet another")) == "already-contributed"
    other_roster = fed.contribution("bank-b", 1, roster_digest=digest("other"))
    assert fed.attempt("bank-b", "round-contributed", other_roster) == "roster-changed"


def test_revoked_grant_stops_the_next_round(started):
    fed = started
    fed.open(fed.aggregate(1), 1)
    fed.write("bank-a", "grant-revoked", {"grant_id": "grant-bank-a", "reason": "withdrawn"})
    fed.write("coordinator", "round-attempted", fed.attempted(2))

    code = fed.attempt("bank-a", "round-contributed", fed.contribution("bank-a", 2))

    assert code == "grant-not-live"


def test_a_grant_for_one_use_serves_one_run(fed):
    for bank in BANKS:
        fed.register(bank)
        fed.grant(bank, max_uses=1)
    fed.finished_run("run-1")
    proposal = fed.propose("run-2")

    code = fed.attempt("bank-a", "run-approved", fed.approval("bank-a", "run-2", proposal))

    assert code == "grant-exhausted"


def test_a_contribution_after_the_deadline_is_late(started):
    fed = started
    fed.write("coordinator", "round-attempted", fed.attempted(1, deadline=fed.later(seconds=10)))
    fed.clock.tick(11)

    assert fed.attempt("bank-a", "round-contributed", fed.contribution("bank-a", 1)) == "late"


def test_aggregate_names_exactly_the_contributions(started):
    fed = started
    fed.write("coordinator", "round-attempted", fed.attempted(1))
    entries = [
        fed.write("bank-a", "round-contributed", fed.contribution("bank-a", 1)),
        fed.write("bank-b", "round-contributed", fed.contribution("bank-b", 1)),
    ]
    add = lambda named: fed.attempt(  # noqa: E731
        "coordinator",
        "round-aggregated",
        {**fed.place(1), "contributions": named, "aggregate_digest": digest("a")},
    )

    assert add(entries) == "too-few-contributions"
    entries.append(fed.write("bank-c", "round-contributed", fed.contribution("bank-c", 1)))
    assert add(entries[:2]) == "aggregate-mismatch"
    assert add([*entries, digest("a stranger's")]) == "aggregate-mismatch"
    assert add([*entries, entries[0]]) == "malformed"
    assert add(entries) == ""
    assert add(entries) == "already-aggregated"


def test_a_round_opens_once(started):
    fed = started
    aggregated = fed.aggregate(1)
    fed.open(aggregated, 1)

    assert fed.attempt("key-holder", "round-opened", fed.opening(aggregated, 1)) == "already-opened"
    second = fed.attempted(1, 2, input_digest=digest("result run-1 1"))
    assert fed.attempt("coordinator", "round-attempted", second) == "already-opened"


def test_only_one_of_two_attempts_is_opened(started):
    fed = started
    first = fed.aggregate(1)
    fed.write(
        "coordinator",
        "round-abandoned",
        {"run_id": "run-1", "round": 1, "attempt": 1, "missing": [], "reason": "disk"},
    )
    second = fed.aggregate(1, 2)
    fed.witness()

    assert fed.attempt("key-holder", "round-opened", fed.opening(first, 1)) == "wrong-phase"
    fed.open(second, 1, 2)
    assert fed.attempt("key-holder", "round-opened", fed.opening(first, 1)) == "already-opened"


def test_openings_with_a_defect_are_refused(started):
    fed = started
    aggregated = fed.aggregate(1)
    open_it = lambda who="key-holder", **changes: fed.attempt(  # noqa: E731
        who, "round-opened", fed.opening(aggregated, 1) | changes
    )

    assert open_it("coordinator") == "not-permitted"
    assert open_it(aggregated=digest("other")) == "no-such-reference"
    assert open_it(aggregate_digest=digest("other")) == "aggregate-mismatch"
    assert open_it(n_parties=2) == "aggregate-mismatch"
    assert open_it(phase="bins") == "aggregate-mismatch"
    assert open_it(healthy=False) == "unhealthy-opening"
    assert open_it(commits={}) == "malformed"
    assert open_it() == "opening-unwitnessed"
    fed.witness()
    assert open_it() == ""


def test_nobody_is_missing_who_has_committed(started):
    fed = started
    fed.write("coordinator", "round-attempted", fed.attempted(1))
    fed.write("bank-a", "round-contributed", fed.contribution("bank-a", 1))
    give_up = lambda missing: fed.attempt(  # noqa: E731
        "coordinator",
        "round-abandoned",
        {"run_id": "run-1", "round": 1, "attempt": 1, "missing": missing, "reason": "timeout"},
    )

    assert give_up(["bank-a"]) == "not-missing"
    assert give_up(["analyst"]) == "not-in-roster"
    assert give_up(["bank-b"]) == ""
    assert give_up(["bank-b"]) == "wrong-phase"
    late = fed.contribution("bank-b", 1)
    assert fed.attempt("bank-b", "round-contributed", late) == "wrong-phase"


def test_a_mask_key_serves_until_its_party_has_contributed_under_it(started):
    fed = started
    state = fed.replica.state
    first = fed.write("coordinator", "round-attempted", fed.attempted(1))
    initial = {b: state.mask_epk("run-1", b, first) for b in BANKS}
    fed.write("bank-a", "round-contributed", fed.contribution("bank-a", 1))
    fed.write(
        "coordinator",
        "round-abandoned",
        {"run_id": "run-1", "round": 1, "attempt": 1, "missing": ["bank-b"], "reason": "lost"},
    )

    second = fed.write("coordinator", "round-attempted", fed.attempted(1, 2))

    assert initial == {b: digest(f"epk run-1 {b} first") for b in BANKS}
    assert state.mask_epk("run-1", "bank-a", second) == digest("epk run-1 bank-a 1 1")
    assert state.mask_epk("run-1", "bank-b", second) == initial["bank-b"]
    with pytest.raises(KeyError):
        state.mask_epk("run-2", "bank-a", second)


FIVE = ("bank-a", "bank-b", "bank-c", "bank-d", "bank-e")


def test_a_roster_may_shrink_to_two_thirds_before_it_is_frozen():
    fed = SmallFederation(banks=FIVE)
    fed.grant_all()
    fed.start()

    three = fed.attempted(1, roster=list(FIVE[:3]))
    assert fed.attempt("coordinator", "round-attempted", three) == "roster-too-small"
    four = fed.attempted(1, roster=list(FIVE[:4]))
    assert fed.attempt("coordinator", "round-attempted", four) == ""
    fed.contribute(1)
    fed.write(
        "coordinator",
        "round-abandoned",
        {"run_id": "run-1", "round": 1, "attempt": 1, "missing": [], "reason": "disk"},
    )
    for roster in (FIVE, FIVE[1:]):
        changed = fed.attempted(1, 2, roster=list(roster))
        assert fed.attempt("coordinator", "round-attempted", changed) == "roster-changed"
    same = fed.attempted(1, 2, roster=list(FIVE[:4]))
    assert fed.attempt("coordinator", "round-attempted", same) == ""


SMALLEST = json.loads((VECTORS / "R1.json").read_text(encoding="utf-8"))["rosters"]


@pytest.mark.parametrize("vector", SMALLEST, ids=lambda v: f"{v['least']} of {v['parties']}")
def test_a_run_starts_with_two_thirds_of_all_that_were_asked(vector):
    banks = tuple(f"bank-{i:02d}" for i in range(vector["parties"]))
    fed = SmallFederation(banks=banks)
    fed.grant_all()
    proposal = fed.propose(min_parties=vector["min_parties"])
    approvals = fed.approve("run-1", proposal)
    fed.witness()

    def start(n: int) -> str:
        roster = {"run_id": "run-1", "roster": list(banks[:n]), "approvals": approvals[:n]}
        return fed.attempt("coordinator", "run-started", roster)

    assert start(vector["least"] - 1) == "roster-too-small"
    assert start(vector["least"]) == ""


def test_a_roster_does_not_shrink_by_a_third_twice():
    banks = tuple(f"bank-{i:02d}" for i in range(15))
    fed = SmallFederation(banks=banks)
    fed.grant_all()
    approvals = fed.approve("run-1", fed.propose(), banks[:12])
    fed.witness()
    start = {"run_id": "run-1", "roster": list(banks[:12]), "approvals": approvals}
    fed.write("coordinator", "run-started", start)

    # Two thirds of the twelve that started would be eight.
    assert [
        fed.attempt("coordinator", "round-attempted", fed.attempted(1, roster=list(banks[:n])))
        for n in (8, 9, 10)
    ] == ["roster-too-small", "roster-too-small", ""]


def second_run(fed: SmallFederation, roster: tuple[str, ...], **changes) -> str:
    """Propose and approve run-2 and return the code of its start."""
    proposal = fed.propose("run-2", parties=list(roster), **changes)
    approvals = fed.approve("run-2", proposal, roster)
    fed.witness()
    return fed.attempt(
        "coordinator",
        "run-started",
        {"run_id": "run-2", "roster": list(roster), "approvals": approvals},
    )


@pytest.fixture
def five_finished() -> SmallFederation:
    fed = SmallFederation(banks=FIVE)
    fed.grant_all()
    fed.finished_run()
    return fed


def test_a_run_over_the_same_cohort_without_one_bank_is_refused(five_finished):
    assert second_run(five_finished, FIVE[:4]) == "roster-differencing"


def test_the_same_roster_may_run_again(five_finished):
    assert second_run(five_finished, FIVE) == ""


@pytest.mark.parametrize("field", ["label_definition_digest", "request_kind"])
def test_another_label_or_another_kind_counts_the_same_people(five_finished, field):
    """Rows and edges say nothing of the label: their difference is a bank's all the same."""
    value = digest("other") if field == "label_definition_digest" else "horizontal-survey"

    code = second_run(five_finished, FIVE[:4], **{field: value})

    assert code == "roster-differencing"


def test_the_bank_in_the_difference_may_endorse_it(five_finished):
    fed = five_finished
    endorsement = {
        "act_type": "roster-differencing",
        "act_digest": differencing_digest("run-2"),
        "decision": "approve",
    }
    fed.write("bank-a", "endorsement-given", endorsement)
    assert second_run(fed, FIVE[:4]) == "roster-differencing"

    fed.write("bank-e", "endorsement-given", endorsement)
    fed.write("bank-e", "endorsement-given", endorsement | {"decision": "decline"})
    run = fed.replica.state.runs["run-2"]
    start = {
        "run_id": "run-2",
        "roster": list(FIVE[:4]),
        "approvals": [run.approvals[b].entry_id for b in FIVE[:4]],
    }
    assert fed.attempt("coordinator", "run-started", start) == "roster-differencing"
    fed.write("bank-e", "endorsement-given", endorsement)
    assert fed.attempt("coordinator", "run-started", start) == ""


def test_of_two_runs_at_once_only_one_roster_is_opened():
    fed = SmallFederation(banks=FIVE)
    fed.grant_all()
    fed.start("run-1")
    fed.start("run-2", parties=list(FIVE[:4]))
    fed.open(fed.aggregate(1, run_id="run-1"), 1, run_id="run-1")
    aggregated = fed.aggregate(1, run_id="run-2")
    fed.witness()

    code = fed.attempt("key-holder", "round-opened", fed.opening(aggregated, 1, run_id="run-2"))

    assert code == "roster-differencing"


def test_privacy_budget_spent_stops_the_opening(fed):
    for bank in BANKS:
        fed.register(bank)
        fed.grant(bank, epsilon_micro=1_000_000)
    fed.start()
    fed.open(fed.aggregate(1), 1, epsilon_spent_micro=600_000)
    aggregated = fed.aggregate(2)
    fed.witness()

    opening = fed.opening(aggregated, 2, epsilon_spent_micro=400_001)

    assert fed.attempt("key-holder", "round-opened", opening) == "grant-exhausted"
    opening["epsilon_spent_micro"] = 400_000
    assert fed.attempt("key-holder", "round-opened", opening) == ""


# --- the end


def test_nothing_follows_the_end_of_a_run(started):
    fed = started
    failed = {"run_id": "run-1", "error": "PartiesMissingError", "round": 1}
    assert fed.attempt("bank-a", "run-failed", failed) == "not-permitted"
    assert fed.attempt("coordinator", "run-failed", failed | {"error": "no class"}) == "malformed"
    fed.write("coordinator", "run-failed", failed)

    assert fed.attempt("coordinator", "round-attempted", fed.attempted(1)) == "run-over"
    assert fed.attempt("coordinator", "run-failed", failed) == "run-over"
    assert fed.replica.state.runs["run-1"].failure == "PartiesMissingError"
    model = {
        "model_id": "m",
        "version": "1",
        "model_digest": digest("m"),
        "card_digest": digest("c"),
        "run_id": "run-1",
    }
    assert fed.attempt("analyst", "model-registered", model) == "wrong-phase"


def test_a_finished_run_counts_its_openings(started):
    fed = started
    fed.open(fed.aggregate(1), 1)
    end = {"run_id": "run-1", "n_rounds": 2, "result_digest": digest("x")}

    assert fed.attempt("coordinator", "run-finished", end) == "malformed"
    assert fed.attempt("coordinator", "run-finished", end | {"n_rounds": 1}) == ""


def test_refusals_name_an_entry_and_a_rule(started):
    fed = started
    about = {"about": fed.replica.state.runs["run-1"].proposal_id, "rule": "min_subjects"}

    assert fed.attempt("bank-a", "opening-refused", about) == "not-permitted"
    assert fed.attempt("key-holder", "opening-refused", about) == ""
    assert fed.attempt("bank-a", "disclosure-refused", about) == ""
    assert fed.attempt("bank-a", "disclosure-refused", about | {"about": digest("x")}) == (
        "no-such-reference"
    )
    recorded = {
        "entry_id": digest("a refused entry"),
        "author": "bank-a",
        "code": "already-opened",
        "text_digest": digest("text"),
    }
    assert fed.attempt("bank-a", "entry-refused", recorded) == "not-permitted"
    assert fed.attempt("coordinator", "entry-refused", recorded) == ""
    assert fed.attempt("coordinator", "entry-refused", recorded) == "duplicate-id"
    stranger = recorded | {"author": "stranger", "entry_id": digest("a stranger's")}
    assert fed.attempt("coordinator", "entry-refused", stranger) == "no-such-reference"
    accepted = recorded | {"entry_id": fed.replica.state.runs["run-1"].proposal_id}
    assert fed.attempt("coordinator", "entry-refused", accepted) == "wrong-phase"


def test_what_is_refused_again_and_again_counts_as_recorded_until_a_run_or_a_day_later(started):
    fed = started

    def record(number: int, author: str = "bank-a", code: str = "late") -> str:
        """Record it as the coordinator does."""
        if is_recorded(fed.log.state, author, code, fed.clock()):
            return "duplicate-id"
        return fed.attempt(
            "coordinator",
            "entry-refused",
            {
                "entry_id": digest(f"refused {number}"),
                "author": author,
                "code": code,
                "text_digest": digest(f"text {number}"),
            },
        )

    assert record(1) == ""
    assert {record(n) for n in range(2, 20)} == {"duplicate-id"}
    assert [record(20, code="run-over"), record(21, author="bank-b")] == ["", ""]
    fed.propose("run-2")
    assert [record(22), record(23)] == ["", "duplicate-id"]
    fed.clock.tick(86_390)
    assert record(24) == "duplicate-id"
    fed.clock.tick(20)
    assert record(25) == ""


def test_a_refused_entry_changes_nothing(started):
    fed = started
    aggregated = fed.aggregate(1)
    before = repr(fed.log.state)

    fed.attempt("key-holder", "round-opened", fed.opening(aggregated, 1))
    fed.attempt("bank-a", "round-contributed", fed.contribution("bank-a", 1))
    fed.attempt("coordinator", "round-attempted", fed.attempted(2))

    assert repr(fed.log.state) == before


def test_everyone_who_replays_reaches_the_same_state(started):
    fed = started
    fed.open(fed.aggregate(1), 1)

    other = Replica(fed.founding.id)
    other.update(fed.log.leaves())

    assert other.root == fed.log.root
    assert other.state == fed.log.state
    assert other.log_key.name == ORIGIN
