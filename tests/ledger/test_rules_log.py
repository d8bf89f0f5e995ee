"""Erasures, accusations, interruptions, audits, anchors and logged reads, and each refusal."""

from typing import Any

import pytest

from tests.ledger.small_federation import SmallFederation, digest


@pytest.fixture
def fed() -> SmallFederation:
    return SmallFederation()


# erasure


def test_an_author_erases_the_openings_of_its_own_entry_each_once(fed):
    entry = fed.register("bank-a")
    erased = {"entry_id": entry, "names": ["n_rows"], "legal_basis": "GDPR art. 17"}

    def erase(author: str = "bank-a", **changes: Any) -> str:
        return fed.attempt(author, "commitment-erased", erased | changes)

    assert erase("bank-b") == "not-permitted"
    assert erase(entry_id=digest("nothing")) == "no-such-reference"
    assert erase(names=["subject"]) == "no-such-reference"
    assert erase(names=[]) == "malformed"
    assert erase(names=["statistics", "n_rows"]) == "malformed"  # not sorted
    assert erase() == ""
    assert erase() == "duplicate-id"
    assert erase(names=["n_rows", "statistics"]) == "duplicate-id"
    assert erase(names=["statistics"]) == ""
    assert fed.replica.state.oversight.erased == {entry: {"n_rows", "statistics"}}


def test_an_entry_without_commitments_has_nothing_to_erase(fed):
    fed.register("bank-a")
    fed.grant("bank-a")
    revoked = fed.write(
        "bank-a", "grant-revoked", {"grant_id": "grant-bank-a", "reason": "withdrawn"}
    )
    data = {"entry_id": revoked, "names": ["subject"], "legal_basis": "PIPL art. 47"}

    assert fed.attempt("bank-a", "commitment-erased", data) == "no-such-reference"


def test_an_open_dispute_holds_the_openings_of_its_entry(fed):
    entry = fed.register("bank-a")
    other = fed.register("bank-b")
    fed.write("bank-c", "dispute-filed", {"dispute_id": "d-1", "about": entry, "ground": "period"})
    data = {"entry_id": entry, "names": ["n_rows"], "legal_basis": "PIPL art. 47"}

    assert fed.attempt("bank-a", "commitment-erased", data) == "legal-hold"
    assert fed.attempt("bank-b", "commitment-erased", data | {"entry_id": other}) == ""
    fed.write("bank-c", "dispute-resolved", {"dispute_id": "d-1", "outcome": "corrected"})
    assert fed.attempt("bank-a", "commitment-erased", data) == ""


# accusations


def test_a_party_accuses_another_with_each_proof_once(fed):
    data = {"kind": "fork", "accused": "coordinator", "proof_digest": digest("two heads")}

    assert fed.attempt("bank-a", "misbehaviour-reported", data) == ""
    assert fed.attempt("bank-a", "misbehaviour-reported", data) == "duplicate-id"
    assert fed.attempt("bank-b", "misbehaviour-reported", data) == ""


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"accused": "stranger"}, "no-such-reference"),
        ({"accused": "bank-a"}, "malformed"),
        ({"kind": "rudeness"}, "malformed"),
        ({"proof_digest": "the proof"}, "malformed"),
        ({"story": "long"}, "unknown-field"),
    ],
)
def test_an_accusation_of_nobody_or_of_nothing_is_refused(fed, changes, code):
    data = {"kind": "fork", "accused": "coordinator", "proof_digest": digest("p")} | changes

    assert fed.attempt("bank-a", "misbehaviour-reported", data) == code


# interruptions


def test_the_coordinator_suspends_the_ledger_and_restores_it(fed):
    suspended, restored = {"reason": "disk-full"}, {"from_size": 2, "source": "bank-a"}
    write = fed.attempt

    assert write("bank-a", "ledger-suspended", suspended) == "not-permitted"
    assert write("coordinator", "ledger-suspended", {"reason": "no room!"}) == "malformed"
    assert write("coordinator", "ledger-suspended", suspended) == ""
    assert fed.replica.state.oversight.suspended is not None
    assert write("coordinator", "ledger-suspended", suspended) == "wrong-phase"
    assert write("bank-a", "ledger-restored", restored) == "not-permitted"
    assert write("coordinator", "ledger-restored", restored | {"from_size": 3}) == (
        "no-such-reference"
    )
    assert write("coordinator", "ledger-restored", restored) == ""
    assert fed.replica.state.oversight.suspended is None
    assert write("coordinator", "ledger-suspended", suspended) == ""


def test_a_ledger_that_lost_its_end_is_restored_without_having_been_suspended(fed):
    restored = {"from_size": 1, "source": "bank-b"}

    assert fed.attempt("coordinator", "ledger-restored", restored) == ""


# audits


def audit(fed: SmallFederation, **changes: Any) -> dict[str, Any]:
    return {
        "from_size": 0,
        "size": fed.replica.size,
        "root": fed.replica.root.hex(),
        "level": "signatures",
        "n_findings": 0,
        "tool_version": "fedcredit 0.1",
    } | changes


def test_the_regulator_records_what_it_verified(fed):
    fed.register("bank-a")
    old = audit(fed)
    fed.register("bank-b")

    assert fed.attempt("regulator", "audit-completed", audit(fed)) == ""
    assert fed.attempt("regulator", "audit-completed", old) == ""
    assert [act.data["size"] for act in fed.replica.state.oversight.audits] == [3, 2]


@pytest.mark.parametrize(
    ("author", "changes", "code"),
    [
        ("bank-a", {}, "not-permitted"),
        ("coordinator", {}, "not-permitted"),
        ("regulator", {"root": digest("another branch")}, "seen-unknown"),
        ("regulator", {"size": 9}, "seen-unknown"),
        ("regulator", {"size": 1}, "seen-unknown"),
        ("regulator", {"from_size": 2}, "malformed"),
        ("regulator", {"level": "glance"}, "malformed"),
        ("regulator", {"n_findings": -1}, "malformed"),
    ],
)
def test_an_audit_of_another_ledger_or_by_nobody_is_refused(fed, author, changes, code):
    fed.register("bank-a")

    assert fed.attempt(author, "audit-completed", audit(fed, **changes)) == code


# anchors


def test_an_outside_time_stamp_is_recorded_over_a_witnessed_head_once(fed):
    fed.register("bank-a")
    token = {"checkpoint_size": 2, "kind": "rfc3161", "token_digest": digest("token")}
    write = fed.attempt

    assert write("coordinator", "anchor-recorded", token) == "opening-unwitnessed"
    fed.witness()
    assert write("bank-a", "anchor-recorded", token) == "not-permitted"
    assert write("coordinator", "anchor-recorded", token | {"checkpoint_size": 9}) == (
        "no-such-reference"
    )
    assert write("coordinator", "anchor-recorded", token | {"kind": "notary"}) == "malformed"
    assert write("coordinator", "anchor-recorded", token) == ""
    assert write("coordinator", "anchor-recorded", token) == "duplicate-id"


# reads


def test_the_reads_of_a_day_are_logged_once_by_the_coordinator(fed):
    reads = {"day": "2026-11-23", "n_reads": 4, "log_digest": digest("who")}
    write = fed.attempt

    assert write("regulator", "access-logged", reads) == "not-permitted"
    assert write("coordinator", "access-logged", reads | {"day": "2026-11-24"}) == "wrong-phase"
    assert write("coordinator", "access-logged", reads | {"day": "today"}) == "malformed"
    assert write("coordinator", "access-logged", reads | {"readers": ["regulator"]}) == (
        "unknown-field"
    )
    assert write("coordinator", "access-logged", reads) == ""
    assert write("coordinator", "access-logged", reads | {"n_reads": 5}) == "duplicate-id"
