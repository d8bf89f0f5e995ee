"""On whose authority a run uses which rows: a grant over the table, or its subjects' own.

Three banks; each test asks one of them, for a purpose of its own.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fedcredit as fc
from fedcredit_ledger.authorization import root_over, sealed_leaf
from fedcredit_ledger.entry import open_commitment
from fedcredit_ledger.state import ApprovalState, RunState
from fedcredit_parties.authority import Authority, withdraw
from fedcredit_parties.data_holder import DataHolder
from fedcredit_parties.errors import (
    DifferencingError,
    GrantError,
    GrantScopeError,
    NoGrantError,
    RevokedGrantError,
    SchemaMismatchError,
)
from fedcredit_parties.grant_entries import narrow
from fedcredit_parties.grant_terms import Terms
from fedcredit_parties.scorecard_task import ScorecardTask
from fedcredit_parties.sealed_grants import Authorization
from tests.simulated import bank_frames, entries, newest_run, parts, small_federation, small_job

FEATURES = ("income", "home", "age")
BANKS = ("bank-0", "bank-1", "bank-2")
ENDORSEMENT = {"act_type": "x", "act_digest": "ab" * 32, "decision": "approve"}


def dated(frame: pd.DataFrame) -> pd.DataFrame:
    """Give each row a subject and a day: the first half is of 2024, the second of 2025."""
    half = len(frame) // 2
    return frame.assign(
        subject=[f"s-{i:03d}" for i in range(len(frame))],
        day=["2024-06-30"] * half + ["2025-06-30"] * (len(frame) - half),
    )


@pytest.fixture(scope="module")
def federation() -> Iterator[fc.Federation]:
    frames = {name: dated(frame) for name, frame in bank_frames().items()}
    with small_federation(frames, purposes=(), time_column="day") as federation:
        for name in BANKS:
            (table,) = holder(federation, name).tables.values()
            table.subject_column = "subject"
        yield federation


def holder(federation: fc.Federation, name: str = "bank-0") -> DataHolder:
    return parts(federation).holders[name]


def authorize(bank: DataHolder, purpose: str, *numbers: int, **changes: Any) -> list[Authorization]:
    """Keep an authorization of each numbered subject."""
    shared = Terms(
        grantee="analyst",
        purpose=purpose,
        assets=[f"{bank.name}/table"],
        basis="consent",
        subject_type="enterprise",
        max_uses=9,
    )
    several = [replace(shared, subject=f"s-{i:03d}", **changes) for i in numbers]
    return bank.sealed.take(several, holder=bank.name, now=bank.member.clock())


def asked(
    federation: fc.Federation, purpose: str, *, run_id: str = "run-1", **approved: Any
) -> tuple[RunState, ScorecardTask]:
    """Return a run that a bank is asked to take part in, or has approved."""
    job = small_job(features=FEATURES, purpose=purpose)
    task = job.task(federation.schema(job), parties=BANKS, policy=federation.policy)
    run = RunState(
        run_id=run_id,
        proposal_id="ab" * 32,
        proposal={"purpose": purpose},
        proposed_index=1,
        requester="analyst",
        key_holder="key-holder",
        context=None,
    )
    if approved:
        fields: dict[str, Any] = {"grant_ids": (), "grants_root": ""} | approved
        run.approvals["bank-0"] = run.approvals["bank-1"] = ApprovalState(
            entry_id="cd" * 32, index=2, decision="approve", mask_epk="ef" * 32, **fields
        )
    return run, task


def find(federation: fc.Federation, bank: DataHolder, purpose: str, **run: Any) -> Authority:
    return bank.authorities.find(*asked(federation, purpose, **run))


def rows(authority: Authority) -> list[int]:
    assert authority.keep is not None
    return [int(i) for i in np.flatnonzero(authority.keep)]


def contributed(federation: fc.Federation, bank: DataHolder, authority: Authority) -> None:
    """Let an earlier run have contributed under the batch."""
    bank.member.ledger.state.batches[authority.batch_id].used_by.add("an earlier run")


def test_only_authorized_rows_are_used_and_exactly_theirs_stand_under_the_root(
    federation: fc.Federation,
) -> None:
    bank = holder(federation)
    taken = authorize(bank, "modelling", 3, 5, 8)
    authorize(bank, "modelling", 900, 901)  # nobody of the table
    authorize(bank, "modelling", 11, grantee="bank-1")
    authorize(bank, "modelling", 12, categories=["tax"])
    authorize(bank, "modelling", 13, features=["income", "bad"])
    authorize(bank, "modelling", 14, operations=["lookup"])

    found = find(federation, bank, "modelling")

    assert rows(found) == [3, 5, 8]
    assert found.root == root_over(sealed_leaf(x.terms) for x in taken)
    assert found.approved == found.contributed == {"grants_root": found.root}
    sealed = entries(federation, "grants-sealed")[-1]
    assert sealed.data["root"] == found.root
    opening = bank.openings.get(sealed.data["commits"]["n_grants"])
    assert opening is not None
    assert opening[2] == 3
    assert open_commitment(sealed.data["commits"]["n_grants"], *opening)
    assert "s-00" not in str([entry.data for entry in entries(federation)])
    assert find(federation, bank, "modelling").batch_id == found.batch_id  # sealed once


def test_after_a_restart_a_run_goes_on_over_the_same_rows(federation: fc.Federation) -> None:
    bank = holder(federation, "bank-1")
    authorize(bank, "modelling", 1, 2)
    before = find(federation, bank, "modelling")
    authorize(bank, "modelling", 3)  # too late for this run

    after = find(federation, bank, "modelling", grants_root=before.root)

    assert rows(after) == rows(before) == [1, 2]
    assert after.root == before.root
    assert rows(find(federation, bank, "modelling")) == [1, 2, 3]


def test_each_subjects_window_holds_for_its_own_rows(federation: fc.Federation) -> None:
    bank = holder(federation)
    authorize(bank, "post_loan", 1, 2, data_to=date(2024, 12, 31))
    authorize(bank, "post_loan", 101, 102, data_to=date(2024, 12, 31))  # theirs are later
    authorize(bank, "post_loan", 150, data_from=date(2025, 1, 1))

    found = find(federation, bank, "post_loan")

    assert rows(found) == [1, 2, 150]
    assert found.n_grants == 3


def test_a_withdrawal_is_obeyed_before_the_ledger_knows(federation: fc.Federation) -> None:
    bank = holder(federation)
    taken = authorize(bank, "evidence", 1, 2, 3)
    bank.sealed.withdraw(taken[0].grant_id, "2026-01-01T00:00:00.000Z")

    assert rows(find(federation, bank, "evidence")) == [2, 3]
    with pytest.raises(GrantError, match="withdrawn before"):
        withdraw(bank.member, bank.sealed, taken[0].grant_id)


def test_who_is_erased_is_used_no_more(federation: fc.Federation) -> None:
    bank = holder(federation)
    authorize(bank, "blacklist_check", 1, 2, 61)
    bank.openings.erase(bank.openings.about("s-061"))

    assert rows(find(federation, bank, "blacklist_check")) == [1, 2]


def test_one_use_is_one_run_and_two_runs_do_not_differ_by_a_few(federation: fc.Federation) -> None:
    bank = holder(federation, "bank-2")
    authorize(bank, "modelling", *range(20))
    once = authorize(bank, "modelling", 20, max_uses=1)
    first = find(federation, bank, "modelling")
    assert rows(first) == [*range(21)]
    contributed(federation, bank, first)

    with pytest.raises(DifferencingError, match="but for a few"):  # without subject 20
        find(federation, bank, "modelling")
    authorize(bank, "modelling", *range(21, 30))
    assert rows(find(federation, bank, "modelling")) == [*range(20), *range(21, 30)]
    assert once[0].grant_id in bank.sealed.runs(bank.member.ledger.state, holder="bank-2")


def test_one_use_is_one_run_though_two_are_approved_before_the_first_contributes(
    federation: fc.Federation,
) -> None:
    bank = holder(federation, "bank-1")
    authorize(bank, "evidence", *range(20), max_uses=1)
    first = find(federation, bank, "evidence")
    going, _ = asked(federation, "evidence", run_id="going", grants_root=first.root)
    runs = bank.member.ledger.state.runs
    runs["going"] = going

    with pytest.raises(NoGrantError):
        find(federation, bank, "evidence")
    authorize(bank, "evidence", *range(19), max_uses=1)  # the run that goes on has one more
    with pytest.raises(DifferencingError, match="but for a few"):
        find(federation, bank, "evidence")
    going.status = "failed"  # it used nothing
    assert rows(find(federation, bank, "evidence")) == [*range(20)]
    del runs["going"]


def test_a_grant_over_the_table_differs_from_a_batch_by_more_than_a_few(
    federation: fc.Federation,
) -> None:
    bank = holder(federation, "bank-1")
    authorize(bank, "fraud_intervention", *range(195))
    contributed(federation, bank, find(federation, bank, "fraud_intervention"))
    federation.grant("bank-1", purpose="fraud_intervention")

    with pytest.raises(DifferencingError):
        find(federation, bank, "fraud_intervention")


def test_a_table_that_names_no_subject_is_not_used_by_subjects(federation: fc.Federation) -> None:
    bank = holder(federation)
    (table,) = bank.tables.values()
    authorize(bank, "fraud_intervention", 1)
    table.subject_column = None
    try:
        with pytest.raises(SchemaMismatchError, match="whom a row is about"):
            find(federation, bank, "fraud_intervention")
    finally:
        table.subject_column = "subject"
    with pytest.raises(NoGrantError):
        find(federation, bank, "loan_origination")


def test_a_window_of_a_grant_over_the_table_leaves_the_other_rows_out(
    federation: fc.Federation,
) -> None:
    federation.grant("bank-0", purpose="loan_origination", data_from=date(2025, 1, 1))
    bank = holder(federation)

    assert rows(find(federation, bank, "loan_origination")) == [*range(100, 200)]

    too_early = federation.grant("bank-2", purpose="loan_origination", data_to=date(2020, 1, 1))
    with pytest.raises(GrantScopeError, match=f"no row.*{too_early}"):
        find(federation, holder(federation, "bank-2"), "loan_origination")


def test_a_window_that_is_narrowed_in_a_run_ends_it(federation: fc.Federation) -> None:
    """Its next round would be a sum over fewer rows."""
    bank = holder(federation)
    grant_id = federation.grant("bank-0", purpose="loan_origination", data_to=date(2024, 12, 31))
    run, task = asked(federation, "loan_origination", grant_ids=(grant_id,))
    run.approvals["bank-0"] = replace(
        run.approvals["bank-0"], index=bank.member.ledger.replica.size
    )
    before = bank.authorities.find(run, task)
    bank.authorities.demand(run, task, before)

    bank.member.ledger.append("endorsement-given", ENDORSEMENT)
    narrow(bank.member, grant_id, {"data_to": "2024-06-30"})

    assert rows(before) == [*range(100)]
    for go_on in (
        lambda: bank.authorities.demand(run, task, before),
        lambda: bank.authorities.find(run, task),  # after a restart
    ):
        with pytest.raises(GrantScopeError, match="narrowed after"):
            go_on()


def test_one_withdrawn_authorization_stops_the_next_round_of_its_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames = {name: dated(frame) for name, frame in bank_frames().items()}
    with small_federation(frames, purposes=()) as federation:
        for name in ("bank-1", "bank-2"):
            federation.grant(name, purpose="modelling")
        bank = holder(federation)
        (table,) = bank.tables.values()
        table.subject_column = "subject"
        taken = authorize(bank, "modelling", *range(120))
        coordinator = parts(federation).coordinator
        honest = coordinator._round

        def then_withdraw(running: Any, task: Any, phase: str, stop: Any) -> None:
            honest(running, task, phase, stop)
            withdraw(bank.member, bank.sealed, taken[0].grant_id)

        monkeypatch.setattr(coordinator, "_round", then_withdraw)
        with pytest.raises(RevokedGrantError):
            federation.run(small_job(features=FEATURES))

        run = newest_run(federation)
        assert len(run.opened) == 1
        assert "bank-0" not in run.rounds[-1].contributions
        (given,) = [e for e in entries(federation, "round-contributed") if e.author == "bank-0"]
        assert given.data["grants_root"] == root_over(sealed_leaf(x.terms) for x in taken)
        assert "grant_ids" not in given.data
        (ended,) = entries(federation, "grant-revoked")
        assert ended.data["grant_id"].startswith("batch-")
