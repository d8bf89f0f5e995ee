"""A grant is live for exactly its party, purpose, data, columns, operation and period."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fedcredit_ledger.state import GrantState, State
from fedcredit_parties.errors import (
    ExpiredGrantError,
    GrantError,
    GrantScopeError,
    NoGrantError,
    RevokedGrantError,
)
from fedcredit_parties.grants import find_grant

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _grant(grant_id: str = "g-1", **changes: Any) -> GrantState:
    fields: dict[str, Any] = {
        "grant_id": grant_id,
        "entry_id": "ab" * 32,
        "index": 3,
        "issuer": "bank-0",
        "grantee": "analyst",
        "purpose": "modelling",
        "assets": ("bank-0/loans",),
        "operations": ("sum",),
        "categories": ("loans",),
        "columns": ("income", "bad"),
        "valid_from": "2026-02-01T00:00:00.000Z",
        "valid_until": "2026-04-01T00:00:00.000Z",
        "max_uses": None,
        "max_rounds": None,
        "epsilon_micro": None,
        "limits": {},
    }
    return GrantState(**fields | changes)


def _find(*held: GrantState, **changes: Any) -> str:
    question: dict[str, Any] = {
        "issuer": "bank-0",
        "grantee": "analyst",
        "purpose": "modelling",
        "asset": "bank-0/loans",
        "columns": ["income", "bad"],
        "operation": "sum",
        "category": "loans",
        "now": NOW,
    }
    return find_grant(State(grants={g.grant_id: g for g in held}), **question | changes)


def test_a_fitting_grant_is_found() -> None:
    assert _find(_grant()) == "g-1"


def test_a_fitting_grant_is_found_among_others_that_do_not_fit() -> None:
    assert _find(_grant("g-1", revoked=True), _grant("g-2"), _grant("g-3", purpose="x")) == "g-2"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"issuer": "bank-1"}, NoGrantError),
        ({"grantee": "bank-1"}, NoGrantError),
        ({"purpose": "marketing"}, NoGrantError),
        ({"revoked": True}, RevokedGrantError),
        ({"valid_until": "2026-03-01T12:00:00.000Z"}, ExpiredGrantError),
        ({"valid_from": "2026-03-01T12:00:00.001Z"}, GrantScopeError),
        ({"assets": ("bank-0/cards",)}, GrantScopeError),
        ({"operations": ("match",)}, GrantScopeError),
        ({"columns": ("income",)}, GrantScopeError),
        ({"categories": ("cashflow", "tax")}, GrantScopeError),
        ({"categories": ()}, GrantScopeError),
        ({"holders": ("bank-1",)}, GrantScopeError),
        ({"of_subject": True}, GrantScopeError),
        ({"max_uses": 1, "used_by": {"run-1"}}, GrantScopeError),
        ({"max_rounds": 4, "n_rounds": 4}, GrantScopeError),
        ({"epsilon_micro": 10, "epsilon_spent_micro": 10}, GrantScopeError),
    ],
    ids=str,
)
def test_a_grant_that_does_not_fit_is_a_named_error(
    changes: dict[str, Any], error: type[GrantError]
) -> None:
    with pytest.raises(GrantError) as refused:
        _find(_grant(**changes))

    assert type(refused.value) is error
    assert refused.value.party == "bank-0"
    assert refused.value.remedy


def test_the_last_moment_of_a_grant_is_the_one_before_its_end() -> None:
    end = datetime(2026, 4, 1, tzinfo=UTC)

    assert _find(_grant(), now=end - timedelta(milliseconds=1)) == "g-1"
    with pytest.raises(ExpiredGrantError):
        _find(_grant(), now=end)


def test_a_grant_that_names_no_column_is_for_all() -> None:
    assert _find(_grant(columns=()), columns=["anything", "else"]) == "g-1"


def test_a_grant_for_every_category_is_for_a_table_of_any() -> None:
    assert _find(_grant(categories=("all",)), category="judicial") == "g-1"


def test_a_requester_that_does_not_know_the_category_looks_at_the_rest() -> None:
    assert _find(_grant(categories=("cashflow",)), category="") == "g-1"


@pytest.mark.parametrize("limit", ["data_from", "data_to"])
def test_a_data_window_needs_a_table_that_says_when_a_row_is_from(limit: str) -> None:
    held = _grant(**{limit: "2026-01-31"})

    assert _find(held, is_dated=True) == "g-1"
    with pytest.raises(GrantScopeError, match="time column"):
        _find(held, is_dated=False)


def test_of_several_that_stop_a_task_the_newest_is_named() -> None:
    """Not the one whose name comes last: ids end in a number without zeros."""
    older, newer = (
        _grant("g-9", index=3, revoked=True),
        _grant("g-10", index=4, purpose="modelling"),
    )
    newer.columns = ("income",)

    with pytest.raises(GrantScopeError, match="g-10"):
        _find(older, newer)


def test_a_use_by_this_run_is_not_counted_twice() -> None:
    held = _grant(max_uses=1, used_by={"run-1"})

    assert _find(held, run_id="run-1") == "g-1"
    with pytest.raises(GrantScopeError, match="used up"):
        _find(held, run_id="run-2")


def test_a_run_goes_on_under_its_own_grant_only() -> None:
    with pytest.raises(RevokedGrantError):
        _find(_grant("g-1", revoked=True), _grant("g-2"), grant_id="g-1")


def test_the_columns_beyond_a_grant_are_named() -> None:
    with pytest.raises(GrantScopeError) as refused:
        _find(_grant(), columns=["income", "bad", "religion"])

    assert refused.value.found == "also religion"
