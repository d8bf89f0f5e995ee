"""Facts of loans, packages and disputes: what the rules let in, and what a case adds up to."""

from typing import Any

import pytest

from fedcredit_ledger.errors import EvidenceError
from fedcredit_ledger.facts import Fact, assess
from tests.ledger.small_federation import SmallFederation, digest


@pytest.fixture
def fed() -> SmallFederation:
    return SmallFederation()


def fact(fed: SmallFederation, **changes: Any) -> dict[str, Any]:
    return {
        "stage": "repay",
        "captured_at": fed.later(),
        "environment_digest": digest("environment"),
        "commits": {"contract": digest("contract"), "amount_fen": digest("amount")},
    } | changes


def seal(fed: SmallFederation, author: str = "bank-a", **changes: Any) -> str:
    data = fact(fed, **changes)
    return fed.attempt(author, "fact-sealed", data, readers=[author])


# rules


def test_a_holder_seals_a_fact_for_itself(fed):
    assert seal(fed) == ""
    assert fed.attempt("bank-a", "fact-sealed", fact(fed)) == "malformed"
    assert fed.attempt("bank-a", "fact-sealed", fact(fed), readers=["bank-b"]) == "malformed"
    assert seal(fed, "analyst") == "not-permitted"


def test_a_fact_has_the_fields_of_its_stage_and_no_other(fed):
    foreign = {"contract": digest("contract"), "schedule": digest("schedule")}

    assert seal(fed, commits=foreign) == "unknown-field"
    assert seal(fed, stage="plan", commits=foreign) == ""
    assert seal(fed, stage="gossip") == "malformed"
    assert seal(fed, commits={"amount_fen": digest("amount")}) == "malformed"


def test_a_fact_is_not_captured_after_it_was_sealed(fed):
    assert seal(fed, captured_at=fed.later(minutes=11)) == "stale"
    assert seal(fed, captured_at=fed.later(days=-400)) == ""


def test_packages_are_recorded_from_a_head_that_the_witnesses_saw(fed):
    issued = {"package_root": digest("root"), "n_packages": 3, "purpose": "evidence"}
    seal(fed)

    early = fed.attempt("bank-a", "evidence-issued", issued | {"checkpoint_size": 2})
    fed.witness()
    late = fed.attempt("bank-a", "evidence-issued", issued | {"checkpoint_size": 9})

    assert (early, late) == ("opening-unwitnessed", "no-such-reference")
    assert fed.attempt("bank-a", "evidence-issued", issued | {"checkpoint_size": 2}) == ""
    assert (
        fed.attempt("analyst", "evidence-issued", issued | {"checkpoint_size": 2})
        == "not-permitted"
    )


def test_a_dispute_is_filed_once_and_resolved_once_by_its_filer_or_the_regulator(fed):
    entry = fed.register("bank-a")
    filed = {"dispute_id": "d-1", "about": entry, "ground": "wrong period"}
    resolved = {"dispute_id": "d-1", "outcome": "corrected"}

    assert fed.attempt("bank-b", "dispute-resolved", resolved) == "no-such-reference"
    assert fed.attempt("bank-b", "dispute-filed", filed | {"about": "f" * 64}) == (
        "no-such-reference"
    )
    assert fed.attempt("bank-b", "dispute-filed", filed) == ""
    assert fed.attempt("bank-b", "dispute-filed", filed) == "duplicate-id"
    assert fed.replica.state.disputes["d-1"].resolved is None
    assert fed.attempt("bank-c", "dispute-resolved", resolved) == "not-permitted"
    assert fed.attempt("regulator", "dispute-resolved", resolved) == ""
    assert fed.attempt("bank-b", "dispute-resolved", resolved) == "duplicate-id"


# what is owed


def loan(**changes: Any) -> list[Fact]:
    """12 000.00 yuan in three parts; the first is repaid, the loan is called after the second."""
    stages: dict[str, list[dict[str, Any]]] = {
        "kyc": [{}],
        "auth": [{}],
        "sign": [{"principal_fen": 1_200_000}],
        "disb": [{"amount_fen": 1_200_000}],
        "plan": [
            {
                "schedule": [
                    [1, "2026-01-31", 400_000, 6_000],
                    [2, "2026-02-28", 400_000, 4_000],
                    [3, "2026-03-31", 400_000, 2_000],
                ]
            }
        ],
        "repay": [{"period": 1, "principal_fen": 400_000, "interest_fen": 6_000}],
        "dpd": [{"period": 2, "penalty_fen": 1_234}],
        "notice": [{}, {"delivered_at": "2026-03-02"}],
        "accel": [{"date": "2026-03-15", "amount_fen": 805_234}],
    }
    stages |= changes
    pairs = [(stage, fields) for stage, facts in stages.items() for fields in facts]
    return [Fact(index=i, stage=stage, fields=f) for i, (stage, f) in enumerate(pairs)]


def test_the_claim_is_recomputed_to_the_fen():
    """Principal 800 000, interest of period 2 4 000 (period 3 is not due), penalty 1 234."""
    found = assess(loan())

    assert (found.principal_fen, found.interest_fen, found.penalty_fen) == (800_000, 4_000, 1_234)
    assert found.claim_fen == found.stated_fen == 805_234
    assert (found.score, found.missing) == (100, ())
    assert found.demand() is found


def test_one_fen_too_much_is_refused():
    with pytest.raises(EvidenceError, match="expected 805234 fen, found 805235 fen"):
        assess(loan(accel=[{"date": "2026-03-15", "amount_fen": 805_235}])).demand()


@pytest.mark.parametrize(
    ("changes", "missing", "score"),
    [
        ({"kyc": []}, ("kyc",), 87),
        ({"notice": []}, ("notice",), 87),
        ({"notice": [{}]}, ("notice delivered",), 87),
        ({"dpd": []}, ("period 2",), 93),
        ({"sign": [], "disb": []}, ("sign", "disb"), 75),
    ],
)
def test_an_incomplete_case_says_what_is_missing_and_is_refused(changes, missing, score):
    found = assess(loan(**changes))

    assert (found.missing, found.score) == (missing, score)
    with pytest.raises(EvidenceError, match="not complete enough"):
        found.demand()


def test_a_case_of_nothing_has_no_points():
    assert assess([]).score == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"plan": [{}]},
        {"plan": [{"schedule": [[1, "2026-01-32", 1, 1]]}]},
        {"plan": [{"schedule": [[1, "2026-01-31", "1", 1]]}]},
        {"plan": [{"schedule": [[1, "2026-01-31", 1]]}]},
        {"plan": [{"schedule": 7}]},
        {"repay": [{"period": 1, "principal_fen": True, "interest_fen": 1}]},
        {"repay": [{"period": 1, "principal_fen": -1, "interest_fen": 1}]},
        {"dpd": [{"period": "2", "penalty_fen": 1}]},
        {"accel": [{"date": "2026-03-15"}]},
    ],
)
def test_fields_of_another_form_are_named_errors(changes):
    with pytest.raises(EvidenceError, match=r"entry \d+: the "):
        assess(loan(**changes))
