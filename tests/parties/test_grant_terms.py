"""Terms of an authorization: what is written, what is only committed to, what cannot be meant."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from fedcredit_parties.errors import ExpiredGrantError, GrantError
from fedcredit_parties.grant_terms import Terms, check_terms

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TERMS = Terms(grantee="bank-b", purpose="modelling", assets=["bank-a/loans"])
CONSENT = replace(
    TERMS,
    basis="consent",
    subject="token-7f",
    subject_type="person",
    separate_consents=["pipl-23", "pipl-29"],
    document="ab" * 32,
    application_no="A-1",
)


def check(terms: Terms) -> None:
    check_terms(terms, holder="bank-a", columns=["income", "bad"], now=NOW)


def test_a_grant_is_for_thirty_days_and_every_category_when_nothing_is_said() -> None:
    assert TERMS.data(holder="bank-a", now=NOW) == {
        "basis": "contract",
        "grantee": "bank-b",
        "purpose": "modelling",
        "categories": ["all"],
        "holders": ["bank-a"],
        "assets": ["bank-a/loans"],
        "operations": ["sum"],
        "valid_from": "2026-03-01T12:00:00.000Z",
        "valid_until": "2026-03-31T12:00:00.000Z",
    }
    assert TERMS.committed == {}


def test_every_limit_that_is_given_is_written() -> None:
    given = replace(
        TERMS,
        basis="statute",
        statute=("PIPL", "13"),
        features=["income", "bad", "income"],
        data_from=date(2025, 1, 1),
        data_to=date(2025, 12, 31),
        max_rounds=9,
        epsilon_micro=5,
    )
    check(given)

    data = given.data(holder="bank-a", now=NOW)

    assert (data["columns"], data["statute"]) == (
        ["bad", "income"],
        {"law": "PIPL", "article": "13"},
    )
    assert (data["data_from"], data["data_to"]) == ("2025-01-01", "2025-12-31")
    assert (data["max_rounds"], data["epsilon_micro"]) == (9, 5)
    assert "max_uses" not in data


def test_what_identifies_somebody_is_never_written() -> None:
    check(CONSENT)

    written = str(CONSENT.data(holder="bank-a", now=NOW))

    assert CONSENT.committed == {
        "subject": "token-7f",
        "document": "ab" * 32,
        "application_no": "A-1",
    }
    assert not any(value in written for value in CONSENT.committed.values())


def test_one_subjects_authorization_is_for_one_use_when_nothing_is_said() -> None:
    assert CONSENT.data(holder="bank-a", now=NOW)["max_uses"] == 1
    assert replace(CONSENT, max_uses=5).data(holder="bank-a", now=NOW)["max_uses"] == 5


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"purpose": "marketing"}, "fraud_intervention"),
    ({"basis": "custom"}, "police_order"),
    ({"subject_type": "applicants"}, "household"),
    ({"categories": ["income"]}, "rural_assets"),
    ({"categories": []}, "rural_assets"),
    ({"categories": "loans"}, "rural_assets"),
    ({"operations": ["guess"]}, "lookup"),
    ({"separate_consents": ["pipl-13"]}, "pipl-29"),
    ({"separate_consents": ["pipl-23"]}, "given by a person"),
    ({"document": "contract.pdf"}, "64 hex digits"),
    ({"features": ["incom"]}, "did you mean income?"),
    ({"max_rounds": 0}, "1 or more"),
    ({"epsilon_micro": 0.5}, "1 or more"),
    ({"data_from": date(2026, 2, 1), "data_to": date(2026, 1, 31)}, "data_from on or before"),
    ({"basis": "consent"}, "commits to the subject"),
    ({"basis": "statute"}, "law and article"),
    ({"basis": "court_order"}, "order's number"),
    ({"basis": "police_order"}, "order's number"),
    ({"basis": "consent", "subject": "t", "subject_type": "person"}, "pipl-23, pipl-29"),
]


@pytest.mark.parametrize(("changes", "says"), WRONG, ids=[str(case[0])[:60] for case in WRONG])
def test_terms_that_cannot_be_meant_are_named(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(GrantError) as refused:
        check(replace(TERMS, **changes))

    assert says in refused.value.diagnostics()
    assert refused.value.party == "bank-a"
    assert refused.value.remedy


def test_no_error_repeats_whose_authorization_it_is() -> None:
    with pytest.raises(GrantError) as refused:
        check(replace(CONSENT, separate_consents=[], subject="110101199003070000"))

    assert "110101199003070000" not in refused.value.diagnostics()


def test_a_period_that_is_over_is_an_expired_grant() -> None:
    with pytest.raises(ExpiredGrantError):
        check(replace(TERMS, valid_until=NOW - timedelta(days=1)))
