"""Without a live grant no row is read; a withdrawn grant stops the next round.

Here a bank's table explodes when anything looks at it. Every way in which a grant can fail to fit
must end before that. The weak variant is the same bank without the gate: it explodes.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import fedcredit as fc
from fedcredit_ledger.entry import format_time
from fedcredit_parties import grants
from fedcredit_parties.errors import (
    ExpiredGrantError,
    GrantScopeError,
    NoGrantError,
    PartyError,
    RevokedGrantError,
)
from tests.simulated import newest_run, parts, small_federation, small_job, types_of


class TouchedError(Exception):
    """Raised by whoever looked at a row."""


class Untouchable:
    """Stands in a table's place and ends whoever uses it."""

    def __getattr__(self, name: str) -> Any:
        raise TouchedError(name)

    def __getitem__(self, name: Any) -> Any:
        raise TouchedError(name)

    def __len__(self) -> int:
        raise TouchedError("len")


@pytest.fixture(scope="module")
def federation() -> Iterator[fc.Federation]:
    """Three banks without grants; bank-0's rows end whoever reads them."""
    with small_federation(purposes=()) as federation:
        (table,) = parts(federation).holders["bank-0"].tables.values()
        table._frame = Untouchable()  # type: ignore[assignment]
        yield federation


def no_grant(federation: fc.Federation, purpose: str) -> None:
    """Leave bank-0 without a grant for the purpose."""


def another_purpose(federation: fc.Federation, purpose: str) -> None:
    federation.grant("bank-0", purpose="loan_origination")


def another_grantee(federation: fc.Federation, purpose: str) -> None:
    now = datetime.now(UTC)
    parts(federation).holders["bank-0"].member.ledger.append(
        "grant-issued",
        {
            "grant_id": "for-bank-1",
            "basis": "contract",
            "grantee": "bank-1",
            "purpose": purpose,
            "categories": ["all"],
            "holders": ["bank-0"],
            "assets": ["bank-0/table"],
            "operations": ["sum"],
            "valid_from": format_time(now),
            "valid_until": format_time(now + timedelta(days=1)),
        },
    )


def expired(federation: fc.Federation, purpose: str) -> None:
    now = datetime.now(UTC)
    member = parts(federation).holders["bank-0"].member
    clock, member.clock = member.clock, lambda: now - timedelta(days=2)
    federation.grant("bank-0", purpose=purpose, valid_until=now - timedelta(days=1))
    member.clock = clock


def not_yet(federation: fc.Federation, purpose: str) -> None:
    federation.grant("bank-0", purpose=purpose, valid_from=datetime.now(UTC) + timedelta(days=1))


def fewer_columns(federation: fc.Federation, purpose: str) -> None:
    federation.grant("bank-0", purpose=purpose, features=["income", "bad"])


def without_the_label(federation: fc.Federation, purpose: str) -> None:
    federation.grant("bank-0", purpose=purpose, features=["income", "home", "age"])


def revoked(federation: fc.Federation, purpose: str) -> None:
    federation.revoke(federation.grant("bank-0", purpose=purpose))


CASES = [
    (no_grant, "evidence", NoGrantError),
    (another_purpose, "post_loan", NoGrantError),
    (another_grantee, "blacklist_check", NoGrantError),
    (expired, "fraud_intervention", ExpiredGrantError),
    (not_yet, "modelling", GrantScopeError),
    (fewer_columns, "modelling", GrantScopeError),
    (without_the_label, "modelling", GrantScopeError),
    (revoked, "modelling", RevokedGrantError),
]
"""A purpose each, as far as there are purposes: of one purpose the newest grant is judged."""


@pytest.mark.parametrize(
    ("given", "purpose", "error"), CASES, ids=[case[0].__name__ for case in CASES]
)
def test_a_grant_that_does_not_fit_ends_before_a_row_is_read(
    federation: fc.Federation, given: Any, purpose: str, error: type[PartyError]
) -> None:
    for other in ("bank-1", "bank-2"):
        federation.grant(other, purpose=purpose)
    given(federation, purpose)

    with pytest.raises(error) as refused:
        federation.run(small_job(purpose=purpose))

    run = newest_run(federation)
    assert refused.value.party == "bank-0"
    assert refused.value.remedy
    assert run.approvals["bank-0"].decision == "decline"
    assert run.failure == error.__name__
    assert parts(federation).holders["bank-0"].member.crash is None


def test_the_same_bank_without_the_gate_reads_rows(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weak variant: the table does explode when it is read."""
    holder = parts(federation).holders["bank-0"]
    run = newest_run(federation)
    whatever = federation.grant("bank-0", purpose="evidence", max_uses=1)
    monkeypatch.setattr(grants, "find_grant", lambda *_, **__: whatever)

    with pytest.raises(TouchedError):
        holder._prepare(run)


# While a run is under way


@pytest.fixture(scope="module")
def readable() -> Iterator[fc.Federation]:
    with small_federation(purposes=()) as federation:
        yield federation


@pytest.mark.parametrize("another", [False, True], ids=["no other grant", "another live grant"])
def test_a_withdrawn_grant_stops_the_next_round(
    readable: fc.Federation, monkeypatch: pytest.MonkeyPatch, another: bool
) -> None:
    purpose = "post_loan" if another else "modelling"
    grant_ids = {name: readable.grant(name, purpose=purpose) for name in readable.parties}
    coordinator = parts(readable).coordinator
    honest = coordinator._round

    def then_withdraw(run: Any, task: Any, phase: str, stop: Any) -> None:
        honest(run, task, phase, stop)
        if phase == "quantiles":
            if another:
                # It is live, but the run was approved under the one that is withdrawn.
                readable.grant("bank-0", purpose=purpose)
            readable.revoke(grant_ids["bank-0"])
            _explode_on_computing(readable)

    monkeypatch.setattr(coordinator, "_round", then_withdraw)
    with pytest.raises(RevokedGrantError) as refused:
        readable.run(small_job(purpose=purpose))

    run = newest_run(readable)
    assert refused.value.party == "bank-0"
    assert len(run.opened) == 1
    assert "bank-0" not in run.rounds[-1].contributions


def _explode_on_computing(federation: fc.Federation) -> None:
    """Whoever computes on bank-0's rows from now on raises TouchedError instead."""
    holder = parts(federation).holders["bank-0"]
    for local in holder._runs.values():
        local.rows.frame = Untouchable()  # type: ignore[assignment]


def test_a_grant_that_ends_between_two_rounds_stops_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passed = timedelta()

    def clock() -> datetime:
        return datetime.now(UTC) + passed

    with small_federation(purposes=(), clock=clock) as federation:
        for name in federation.parties:
            until = clock() + timedelta(seconds=400 if name == "bank-0" else 40_000)
            federation.grant(name, purpose="modelling", valid_until=until)
        coordinator = parts(federation).coordinator
        honest = coordinator._round

        def then_time_passes(run: Any, task: Any, phase: str, stop: Any) -> None:
            nonlocal passed
            honest(run, task, phase, stop)
            passed = timedelta(seconds=500)

        monkeypatch.setattr(coordinator, "_round", then_time_passes)
        with pytest.raises(ExpiredGrantError):
            federation.run(small_job(run_deadline_s=600))

        run = newest_run(federation)
        assert len(run.opened) == 1
        assert types_of(federation, run.run_id)[-1] == "run-failed"


def test_a_grant_for_one_run_is_used_up_by_it(readable: fc.Federation) -> None:
    for name in readable.parties:
        readable.grant(name, purpose="loan_origination", max_uses=1 if name == "bank-0" else None)

    first = readable.run(small_job(purpose="loan_origination"))
    with pytest.raises(GrantScopeError, match="used up"):
        readable.run(small_job(purpose="loan_origination"))

    assert first.history["outcome"].iloc[-1] == "done"
