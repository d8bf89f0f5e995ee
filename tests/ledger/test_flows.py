"""What is missing of each flow is named: a run, a query, a look-up, an action, a loan."""

from typing import Any

import pytest

from fedcredit_ledger.evidence import pack_evidence, verify_evidence
from fedcredit_ledger.evidence_verifier import Leaf, parse_leaf
from fedcredit_ledger.flows import Flow, flows
from tests.ledger.small_federation import BANKS, SmallFederation, digest
from tests.ledger.test_rules_queries import READERS, answer, published, question, served
from tests.ledger.test_rules_results import act, issue

SALT = "A" * 43 + "="


def leaves_of(fed: SmallFederation) -> list[Leaf]:
    return [parse_leaf(raw, f"entries/{i}.leaf") for i, raw in enumerate(fed.log.leaves())]


def only_flow(fed: SmallFederation, disclosed: Any = None) -> Flow:
    (flow,) = flows(leaves_of(fed), disclosed)
    return flow


def test_an_empty_ledger_has_no_flows():
    assert flows(leaves_of(SmallFederation())) == []


def test_a_run_under_way_misses_what_is_to_come_and_a_finished_one_its_model():
    fed = SmallFederation()
    fed.grant_all()
    fed.start()
    aggregated = fed.aggregate(1)

    assert only_flow(fed).missing == ("round 1 attempt 1: opening", "end")

    fed.open(aggregated, 1)
    fed.write(
        "coordinator",
        "run-finished",
        {"run_id": "run-1", "n_rounds": 1, "result_digest": digest("result")},
    )
    flow = only_flow(fed)
    assert (flow.kind, flow.name, flow.missing) == ("run", "run-1", ("model",))
    assert flow.document() == {
        "kind": "run",
        "name": "run-1",
        "n_present": 12,  # context, proposal, 3 answers, start, 3 contributions, sum, opening, end
        "missing": ["model"],
    }


def test_an_abandoned_attempt_misses_nothing():
    fed = SmallFederation()
    fed.grant_all()
    fed.start()
    fed.write("coordinator", "round-attempted", fed.attempted(1))
    given_up = {"run_id": "run-1", "round": 1, "attempt": 1, "reason": "deadline"}
    fed.write("coordinator", "round-abandoned", given_up | {"missing": list(BANKS)})

    assert only_flow(fed).missing == ("end",)


@pytest.fixture
def granted() -> SmallFederation:
    fed = SmallFederation()
    fed.register("bank-a")
    fed.grant("bank-a", operations=["sum", "lookup"])
    return fed


def test_a_query_goes_from_grant_to_report(granted):
    fed = granted
    assert fed.attempt("analyst", "query-made", question(), readers=READERS) == ""
    assert only_flow(fed).missing == ("answer", "report")

    assert fed.attempt("key-holder", "query-answered", answer(), readers=READERS) == ""
    assert only_flow(fed).missing == ("report",)

    assert issue(fed) == ""
    assert only_flow(fed).steps == (
        "present grant: entry 2 (grant-issued)",
        "present query: entry 3 (query-made)",
        "present answer: entry 4 (query-answered)",
        "present report: entry 5 (report-issued)",
    )


def test_a_look_up_misses_the_count_of_every_holder_that_had_a_list(granted):
    fed = granted
    fed.write("bank-a", "risk-list-published", published())
    fed.write("bank-b", "risk-list-published", published())
    asked = question(query_kind="blacklist")
    assert fed.attempt("analyst", "query-made", asked, readers=READERS) == ""
    assert fed.attempt("key-holder", "query-answered", answer(), readers=READERS) == ""
    fed.write("bank-a", "lookups-served", served())
    fed.write("bank-b", "lookups-served", served(day="2026-11-22"))

    assert only_flow(fed).missing == ("look-ups of bank-b on 2026-11-23",)


def test_a_look_up_without_any_list_says_so(granted):
    asked = question(query_kind="payee")
    assert granted.attempt("analyst", "query-made", asked, readers=READERS) == ""

    assert only_flow(granted).missing == ("answer", "a risk list that was looked up")


def test_an_action_without_statute_or_end_says_so():
    fed = SmallFederation()
    assert act(fed, "action-taken") == ""
    flow = only_flow(fed)
    assert (flow.kind, flow.name) == ("action", "a-1")
    assert flow.missing == ("grant by statute", "sealed grants", "end")

    assert act(fed, "action-lifted") == ""
    assert only_flow(fed).missing == ("grant by statute", "sealed grants")


def test_loans_are_told_apart_by_what_is_disclosed_of_them_and_by_nothing_else():
    fed = SmallFederation()
    environment = {"captured_at": fed.later(), "environment_digest": digest("environment")}
    for stage in ("kyc", "sign"):
        data = {"stage": stage, "commits": {"contract": digest(stage)}} | environment
        assert fed.attempt("bank-a", "fact-sealed", data, readers=["bank-a"]) == ""
    one, other = [[SALT, "contract", "K-1"]], [[SALT, "contract", "K-2"]]

    assert flows(leaves_of(fed)) == []
    flow = only_flow(fed, {1: one, 2: one})
    assert (flow.kind, flow.name) == ("case", "bank-a entry 1")
    assert flow.missing == ("auth", "disb", "plan", "notice", "accel", "evidence")
    assert [f.name for f in flows(leaves_of(fed), {1: one, 2: other})] == [
        "bank-a entry 1",
        "bank-a entry 2",
    ]


# packages


def test_a_package_about_a_query_holds_what_the_query_rests_on_and_what_came_of_it(granted):
    fed = granted
    assert fed.attempt("analyst", "query-made", question(), readers=READERS) == ""
    assert fed.attempt("key-holder", "query-answered", answer(), readers=READERS) == ""
    assert issue(fed) == ""
    fed.write("bank-a", "grant-revoked", {"grant_id": "grant-bank-a", "reason": "withdrawn"})
    fed.register("bank-b")
    fed.witness()

    proven = verify_evidence(pack_evidence(fed.store, "query q-1"))

    assert [leaf.type for leaf in proven.leaves] == [
        "federation-created",
        "data-asset-registered",
        "grant-issued",
        "query-made",
        "query-answered",
        "report-issued",
        "grant-revoked",
    ]
    assert proven.missing == []


def test_a_package_about_a_grant_holds_its_queries_with_their_answers(granted):
    fed = granted
    assert fed.attempt("analyst", "query-made", question(), readers=READERS) == ""
    assert fed.attempt("key-holder", "query-answered", answer(), readers=READERS) == ""
    fed.witness()

    proven = verify_evidence(pack_evidence(fed.store, "grant grant-bank-a"))

    assert [leaf.type for leaf in proven.leaves][2:] == [
        "grant-issued",
        "query-made",
        "query-answered",
    ]


def test_a_package_says_which_of_its_openings_are_erased(granted):
    fed = granted
    registered = parse_leaf(fed.log.leaves(1, 1)[0], "entries/1.leaf").id
    erased = {"entry_id": registered, "names": ["n_rows"], "legal_basis": "PIPL art. 47"}
    fed.write("bank-a", "commitment-erased", erased)
    fed.witness()

    proven = verify_evidence(pack_evidence(fed.store, "grant grant-bank-a"))

    assert [leaf.type for leaf in proven.leaves][-1] == "commitment-erased"
