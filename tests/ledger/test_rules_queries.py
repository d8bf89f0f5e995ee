"""Queries, look-ups and risk lists: what the rules let in, and each thing they refuse."""

from typing import Any

import pytest

from tests.ledger.small_federation import SmallFederation, digest

READERS = ["analyst", "key-holder"]


@pytest.fixture
def fed() -> SmallFederation:
    """bank-a's table may be asked about for one purpose, by sums and look-ups, three times."""
    fed = SmallFederation()
    fed.register("bank-a")
    fed.grant("bank-a", operations=["sum", "lookup"], max_uses=3)
    return fed


def question(query_id: str = "q-1", **changes: Any) -> dict[str, Any]:
    return {
        "query_id": query_id,
        "query_kind": "cash-flow",
        "grant_id": "grant-bank-a",
        "purpose": "modelling",
        "n_subjects_padded": 16,
        "commits": {"request": digest(f"request {query_id}")},
    } | changes


def answer(query_id: str = "q-1", **changes: Any) -> dict[str, Any]:
    return {
        "query_id": query_id,
        "coverage_percent": 100,
        "rules_passed": ["min_parties"],
        "commits": {"answer": digest(f"answer {query_id}")},
    } | changes


def ask(fed: SmallFederation, query_id: str = "q-1", **changes: Any) -> str:
    return fed.attempt("analyst", "query-made", question(query_id, **changes), readers=READERS)


def reply(fed: SmallFederation, author: str = "key-holder", **changes: Any) -> str:
    return fed.attempt(author, "query-answered", answer(**changes), readers=READERS)


def test_a_query_under_a_live_grant_is_one_use_of_it_and_is_answered_once(fed):
    assert ask(fed) == ""
    assert fed.replica.state.grants["grant-bank-a"].n_used == 1
    assert reply(fed) == ""

    query = fed.replica.state.services.queries["q-1"]
    assert (query.asker, query.key_holder, query.grant_id) == (
        "analyst",
        "key-holder",
        "grant-bank-a",
    )
    assert query.answered is not None and query.answered.data["coverage_percent"] == 100
    assert reply(fed) == "duplicate-id"


def test_the_asker_may_write_the_answer_itself(fed):
    ask(fed)

    assert reply(fed, "analyst") == ""


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"grant_id": "grant-bank-b"}, "no-such-reference"),
        ({"purpose": "marketing"}, "grant-scope"),
        ({"query_kind": "gossip"}, "malformed"),
        ({"n_subjects_padded": 0}, "malformed"),
        ({"subject": "x"}, "unknown-field"),
        ({"commits": {}}, "malformed"),
    ],
)
def test_a_query_outside_its_grant_or_form_is_refused(fed, changes, code):
    assert ask(fed, **changes) == code
    assert fed.replica.state.grants["grant-bank-a"].n_used == 0


def test_a_query_id_is_used_once(fed):
    ask(fed)

    assert ask(fed) == "duplicate-id"


def test_only_the_grantee_asks(fed):
    data = question()

    assert fed.attempt("bank-b", "query-made", data, readers=["bank-b", "key-holder"]) == (
        "grant-scope"
    )


@pytest.mark.parametrize(
    "readers", [["all"], ["analyst"], ["analyst", "bank-a"], ["analyst", "bank-a", "key-holder"]]
)
def test_a_query_is_read_by_its_asker_and_a_key_holder_alone(fed, readers):
    assert fed.attempt("analyst", "query-made", question(), readers=readers) == "malformed"


def test_a_look_up_needs_a_grant_that_allows_look_ups(fed):
    narrowed = {"grant_id": "grant-bank-a", "operations": ["sum"]}
    assert ask(fed, "q-1", query_kind="blacklist") == ""

    fed.write("bank-a", "grant-narrowed", narrowed)

    assert ask(fed, "q-2", query_kind="blacklist") == "grant-scope"
    assert ask(fed, "q-2", query_kind="farmer") == ""


def test_a_grant_of_three_uses_answers_three_queries(fed):
    assert [ask(fed, f"q-{i}") for i in range(4)] == ["", "", "", "grant-exhausted"]


def test_a_revoked_grant_stops_queries_and_the_answers_that_are_still_owed(fed):
    ask(fed)
    fed.write("bank-a", "grant-revoked", {"grant_id": "grant-bank-a", "reason": "withdrawn"})

    assert ask(fed, "q-2") == "grant-not-live"
    assert reply(fed) == "grant-not-live"


def test_an_expired_grant_takes_no_query_but_what_was_asked_in_time_is_answered(fed):
    ask(fed)
    fed.clock.tick(31 * 24 * 3600)

    assert ask(fed, "q-2") == "grant-not-live"
    assert reply(fed) == ""


def test_a_grant_without_a_registered_table_holds_no_more_until_a_later_version(fed):
    registration = fed.replica.state.assets["bank-a/loans"].registered.data
    retired = {"asset": "bank-a/loans", "version": "1"}
    assert fed.attempt("bank-b", "data-asset-retired", retired) == "not-permitted"
    assert fed.attempt("bank-a", "data-asset-retired", retired | {"version": "2"}) == (
        "no-such-reference"
    )

    assert fed.attempt("bank-a", "data-asset-retired", retired) == ""

    assert ask(fed) == "grant-not-live"
    assert fed.attempt("bank-a", "data-asset-retired", retired) == "wrong-phase"
    grant = fed.grant_data("bank-a", grant_id="grant-2")
    assert fed.attempt("bank-a", "grant-issued", grant) == "no-such-reference"
    fed.write("bank-a", "data-asset-registered", registration | {"version": "2"})
    assert ask(fed) == ""


@pytest.mark.parametrize(
    ("author", "changes", "readers", "code"),
    [
        ("key-holder", {"query_id": "q-9"}, READERS, "no-such-reference"),
        ("bank-a", {}, READERS, "not-permitted"),
        ("key-holder", {}, ["all"], "malformed"),
        ("key-holder", {}, ["key-holder"], "malformed"),
        ("key-holder", {"coverage_percent": 101}, READERS, "malformed"),
        ("key-holder", {"coverage_percent": True}, READERS, "malformed"),
        ("key-holder", {"value": 7}, READERS, "unknown-field"),
    ],
)
def test_an_answer_that_is_nobodys_or_out_of_form_is_refused(fed, author, changes, readers, code):
    ask(fed)

    assert fed.attempt(author, "query-answered", answer(**changes), readers=readers) == code


# look-ups


def published(**changes: Any) -> dict[str, Any]:
    return {
        "list_digest": digest("list"),
        "token_epoch": 2,
        "n_entries_band": "1000-9999",
        "n_removed_band": "none",
    } | changes


def served(**changes: Any) -> dict[str, Any]:
    return {
        "day": "2026-11-23",
        "n_served": 40,
        "n_refused": 2,
        "budget": 100,
        "list_digest": digest("list"),
    } | changes


def test_a_holder_publishes_a_list_and_counts_the_days_look_ups_on_it(fed):
    assert fed.attempt("bank-a", "risk-list-published", published()) == ""
    assert fed.attempt("bank-a", "lookups-served", served()) == ""
    assert fed.attempt("bank-a", "lookups-served", served(day="2026-11-22")) == ""


@pytest.mark.parametrize(
    ("author", "changes", "code"),
    [
        ("analyst", {"list_digest": digest("other")}, "not-permitted"),
        ("bank-a", {}, "duplicate-id"),
        ("bank-a", {"list_digest": digest("other"), "token_epoch": 1}, "wrong-phase"),
        ("bank-a", {"list_digest": digest("other"), "token_epoch": 2}, ""),
        ("bank-a", {"list_digest": digest("other"), "n_entries_band": "4711"}, "malformed"),
        ("bank-a", {"list_digest": digest("other"), "n_removed_band": 3}, "malformed"),
        ("bank-b", {"token_epoch": 0}, ""),
    ],
)
def test_a_second_list_is_another_one_of_no_earlier_epoch(fed, author, changes, code):
    fed.write("bank-a", "risk-list-published", published())

    assert fed.attempt(author, "risk-list-published", published(**changes)) == code


@pytest.mark.parametrize(
    ("author", "changes", "code"),
    [
        ("analyst", {"day": "2026-11-22"}, "not-permitted"),
        ("bank-a", {}, "duplicate-id"),
        ("bank-a", {"day": "2026-11-24"}, "wrong-phase"),
        ("bank-a", {"day": "2026-11-31"}, "malformed"),
        ("bank-a", {"day": "2026-11-22T00:00:00.000Z"}, "malformed"),
        ("bank-a", {"day": "2026-11-22", "n_served": 101}, "over-budget"),
        ("bank-a", {"day": "2026-11-22", "list_digest": digest("other")}, "no-such-reference"),
        ("bank-b", {}, "no-such-reference"),
    ],
)
def test_a_days_look_ups_are_counted_once_and_within_the_budget(fed, author, changes, code):
    fed.write("bank-a", "risk-list-published", published())
    fed.write("bank-a", "lookups-served", served())

    assert fed.attempt(author, "lookups-served", served(**changes)) == code
