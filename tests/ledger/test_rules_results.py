"""Reports, batches of facts, actions and retired models: what is let in, and each refusal."""

from typing import Any

import pytest

from tests.ledger.small_federation import SmallFederation, digest
from tests.ledger.test_rules_queries import READERS, answer, question


@pytest.fixture
def fed() -> SmallFederation:
    """One query of the analyst, asked under bank-a's grant and answered."""
    fed = SmallFederation()
    fed.register("bank-a")
    fed.grant("bank-a")
    assert fed.attempt("analyst", "query-made", question(), readers=READERS) == ""
    assert fed.attempt("key-holder", "query-answered", answer(), readers=READERS) == ""
    return fed


def report(**changes: Any) -> dict[str, Any]:
    return {
        "report_id": "r-1",
        "report_kind": "cash-flow",
        "template_version": "1",
        "query_id": "q-1",
        "commits": {"report": digest("report")},
    } | changes


def issue(
    fed: SmallFederation, author: str = "key-holder", readers: Any = READERS, **changes: Any
) -> str:
    return fed.attempt(author, "report-issued", report(**changes), readers=readers)


# reports


def test_the_key_holder_or_the_asker_reports_on_an_answered_query(fed):
    assert issue(fed) == ""
    assert issue(fed, "analyst", ["analyst"], report_id="r-2") == ""
    assert issue(fed, "analyst", ["analyst", "bank-b"], report_id="r-3") == ""
    assert sorted(fed.replica.state.services.reports) == ["r-1", "r-2", "r-3"]


@pytest.mark.parametrize(
    ("author", "readers", "changes", "code"),
    [
        ("bank-a", ["analyst", "bank-a"], {}, "not-permitted"),
        ("key-holder", READERS, {"query_id": "q-9"}, "no-such-reference"),
        ("key-holder", READERS, {"run_id": "run-1"}, "malformed"),
        ("key-holder", ["all"], {}, "malformed"),
        ("key-holder", ["analyst"], {}, "malformed"),
        ("key-holder", ["analyst", "bank-a", "key-holder"], {}, "malformed"),
        ("key-holder", READERS, {"commits": {}}, "malformed"),
        ("key-holder", READERS, {"score": 612}, "unknown-field"),
    ],
)
def test_a_report_of_a_stranger_or_about_nothing_or_for_many_is_refused(
    fed, author, readers, changes, code
):
    assert issue(fed, author, readers, **changes) == code


def test_a_report_id_is_used_once(fed):
    issue(fed)

    assert issue(fed) == "duplicate-id"


def test_a_query_without_an_answer_has_no_report(fed):
    asked = question("q-2")
    assert fed.attempt("analyst", "query-made", asked, readers=READERS) == ""

    assert issue(fed, query_id="q-2") == "wrong-phase"


def test_a_report_on_a_run_waits_for_its_first_opening():
    fed = SmallFederation()
    fed.grant_all()
    fed.start()
    data = report(run_id="run-1")
    del data["query_id"]
    both, none = data | {"query_id": "q-1"}, {k: v for k, v in data.items() if k != "run_id"}

    def write(author: str, entry: dict[str, Any]) -> str:
        return fed.attempt(author, "report-issued", entry, readers=sorted({author, "bank-a"}))

    early = write("analyst", data)
    fed.open(fed.aggregate(1), 1)

    assert early == "wrong-phase"
    assert write("analyst", data | {"run_id": "run-2"}) == "no-such-reference"
    assert write("bank-a", data) == "not-permitted"
    assert (write("analyst", both), write("analyst", none)) == ("malformed", "malformed")
    assert write("analyst", data) == ""


def test_a_failed_run_has_no_report():
    fed = SmallFederation()
    fed.grant_all()
    fed.start()
    fed.open(fed.aggregate(1), 1)
    fed.write("coordinator", "run-failed", {"run_id": "run-1", "error": "PartyLostError"})
    data = report(run_id="run-1")
    del data["query_id"]

    assert fed.attempt("analyst", "report-issued", data, readers=["analyst"]) == "wrong-phase"


# batches of facts


def test_a_holder_seals_a_batch_of_facts_for_itself_once(fed):
    batch = {"batch_root": digest("root"), "commits": {"n": digest("n")}}

    assert fed.attempt("analyst", "facts-sealed", batch, readers=["analyst"]) == "not-permitted"
    assert fed.attempt("bank-a", "facts-sealed", batch) == "malformed"
    assert fed.attempt("bank-a", "facts-sealed", batch, readers=["bank-b"]) == "malformed"
    assert fed.attempt("bank-a", "facts-sealed", batch, readers=["bank-a"]) == ""
    assert fed.attempt("bank-a", "facts-sealed", batch, readers=["bank-a"]) == "duplicate-id"
    assert fed.attempt("bank-a", "facts-sealed", batch | {"n": 21}, readers=["bank-a"]) == (
        "unknown-field"
    )


# actions


def action(**changes: Any) -> dict[str, Any]:
    return {"action_id": "a-1", "level": 2, "commits": {"alert": digest("alert")}} | changes


def act(fed: SmallFederation, kind: str, author: str = "bank-a", **changes: Any) -> str:
    data = action(**changes) if kind == "action-taken" else {"action_id": "a-1"} | changes
    return fed.attempt(author, kind, data, readers=[author])


def test_a_bank_takes_an_action_and_lifts_it_once(fed):
    assert act(fed, "action-lifted") == "no-such-reference"
    assert act(fed, "action-taken") == ""
    assert act(fed, "action-taken") == "duplicate-id"
    assert act(fed, "action-lifted", "bank-b") == "not-permitted"
    assert fed.attempt("bank-a", "action-lifted", {"action_id": "a-1"}) == "malformed"
    assert act(fed, "action-lifted", commits={"order_no": digest("order")}) == ""
    assert act(fed, "action-lifted") == "duplicate-id"
    assert fed.replica.state.services.actions["a-1"].lifted is not None


@pytest.mark.parametrize(
    ("author", "changes", "code"),
    [
        ("analyst", {}, "not-permitted"),
        ("bank-a", {"level": 0}, "malformed"),
        ("bank-a", {"level": 5}, "malformed"),
        ("bank-a", {"level": "2"}, "malformed"),
        ("bank-a", {"commits": {"order_no": digest("order")}}, "malformed"),
        ("bank-a", {"commits": {"alert": digest("a"), "name": digest("n")}}, "unknown-field"),
        ("bank-a", {"commits": {"alert": digest("a"), "order_no": digest("o")}}, ""),
    ],
)
def test_an_action_has_a_level_and_an_alert(fed, author, changes, code):
    assert act(fed, "action-taken", author, **changes) == code


def test_an_action_is_read_by_its_bank_alone(fed):
    assert fed.attempt("bank-a", "action-taken", action()) == "malformed"


# models


def test_a_model_is_retired_once_by_who_registered_it():
    fed = SmallFederation()
    fed.grant_all()
    fed.finished_run()
    model = {"model_id": "m-1", "version": "1"}
    digests = {"model_digest": digest("model"), "card_digest": digest("card")}
    assert fed.attempt("analyst", "model-retired", model) == "no-such-reference"
    fed.write("analyst", "model-registered", {"run_id": "run-1", **model, **digests})

    assert fed.attempt("bank-a", "model-retired", model) == "not-permitted"
    assert fed.attempt("analyst", "model-retired", model | {"version": "2"}) == "no-such-reference"
    assert fed.attempt("analyst", "model-retired", model) == ""
    assert fed.attempt("analyst", "model-retired", model) == "duplicate-id"
    assert fed.replica.state.models["m-1", "1"].retired is not None
