"""Two sums over the same people, with and without one bank, are that bank: refused.

The attackers are a requester that asks twice with different banks, or dresses the second run up as
another kind, and a coordinator that starts a run of five with a victim and two friends. The weak
variant is a federation without the rule: the difference of two released tables is one bank's.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fedcredit as fc
from fedcredit.errors import JobError
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.rules_runs import DIFFERENCING, differencing_digest
from fedcredit_parties.errors import DifferencingError, WireError
from tests.simulated import bank_frames, newest_run, parts, small_federation, small_job, types_of

SOME = ("bank-0", "bank-1", "bank-2")


@pytest.fixture(scope="module")
def opened_by_four() -> Iterator[fc.Federation]:
    """Four banks whose joint run was opened."""
    with small_federation(bank_frames(4)) as federation:
        federation.run(small_job())
        yield federation


def test_the_same_people_without_one_bank_are_not_summed(opened_by_four: fc.Federation) -> None:
    with pytest.raises(DifferencingError) as refused:
        opened_by_four.run(small_job(parties=SOME))

    run = newest_run(opened_by_four)
    assert "bank-3" in str(refused.value)
    assert run.failure == "DifferencingError"
    assert "round-attempted" not in types_of(opened_by_four, run.run_id)


@pytest.mark.parametrize("kind", ["trees", "survey"])
def test_another_kind_of_run_over_fewer_banks_is_refused_too(
    opened_by_four: fc.Federation, kind: str
) -> None:
    """Counts of a scorecard less those of anything else over three banks are the fourth's."""
    terms: dict[str, Any] = {"parties": SOME, "run_deadline_s": 20}
    with pytest.raises(DifferencingError):
        if kind == "trees":
            opened_by_four.run(small_job(model=fc.Gbdt(n_trees=1), **terms))
        else:
            fc.describe(opened_by_four, purpose="modelling", label="bad", **terms)

    assert newest_run(opened_by_four).opened == []


@pytest.mark.parametrize("field", ["request_kind", "label_definition_digest"])
def test_dressing_the_run_up_as_another_kind_does_not_help(
    opened_by_four: fc.Federation, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    """Kind and definition follow from the task: a requester must not be able to choose them."""
    ledger = parts(opened_by_four).requester.member.ledger
    honest_append = ledger.append

    def append(kind: str, data: Any, **more: Any) -> str:
        if kind == "run-proposed":
            forged = "horizontal-scorecard-2" if field == "request_kind" else "ef" * 32
            data = {**data, field: forged}
        return honest_append(kind, data, **more)

    monkeypatch.setattr(ledger, "append", append)
    with pytest.raises((WireError, JobError)) as refused:
        opened_by_four.run(small_job(parties=SOME))

    assert field in str(refused.value)
    assert newest_run(opened_by_four).started is None


@pytest.mark.parametrize("endorser", ["bank-0", "bank-3"])
def test_only_the_bank_in_the_difference_can_allow_it(
    opened_by_four: fc.Federation, monkeypatch: pytest.MonkeyPatch, endorser: str
) -> None:
    sim = parts(opened_by_four)
    honest = sim.coordinator.carry_out

    def endorsed(run: Any, stop: Any) -> None:
        sim.holders[endorser].member.ledger.append(
            "endorsement-given",
            {
                "act_type": DIFFERENCING,
                "act_digest": differencing_digest(run.run_id),
                "decision": "approve",
            },
        )
        honest(run, stop)

    monkeypatch.setattr(sim.coordinator, "carry_out", endorsed)
    job = small_job(parties=SOME)

    if endorser == "bank-3":
        assert opened_by_four.run(job).file.parties == SOME
    else:
        with pytest.raises(DifferencingError):
            opened_by_four.run(job)


def test_a_coordinator_cannot_start_a_run_with_a_victim_and_two_friends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Five banks approve a run of five; the coordinator starts it with three."""
    with small_federation(bank_frames(5, n_rows=150)) as federation:
        coordinator = parts(federation).coordinator
        honest_append = coordinator.member.ledger.append

        def append(kind: str, data: Any, **more: Any) -> str:
            if kind == "run-started":
                run = newest_run(federation)
                kept = [run.approvals[name].entry_id for name in SOME]
                data = {**data, "roster": list(SOME), "approvals": kept}
            return honest_append(kind, data, **more)

        monkeypatch.setattr(coordinator.member.ledger, "append", append)
        with pytest.raises(WireError, match="roster-too-small"):
            federation.run(small_job())

        run = newest_run(federation)
        assert "round-contributed" not in types_of(federation, run.run_id)
        assert run.failure == "WireError"


def test_the_roster_cannot_shrink_once_everybody_has_committed(
    four_banks: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    coordinator = parts(four_banks).coordinator
    honest_round = coordinator._round
    codes: list[str] = []

    def hostile_round(run: Any, task: Any, phase: str, stop: Any) -> None:
        attempt = coordinator._attempt(run, phase)
        assert len(coordinator._collect(run, attempt, phase, stop)) == 4
        about = {"run_id": run.run_id, "round": attempt.round, "attempt": attempt.attempt}
        abandoned = {**about, "reason": "bank-3 is slow"}
        smaller = {
            **about,
            "attempt": attempt.attempt + 1,
            "phase": phase,
            "group": "all",
            "roster": list(SOME),
            "input_digest": attempt.input_digest,
            "deadline": attempt.deadline,
        }
        codes.append(_refusal(coordinator, "round-abandoned", {**abandoned, "missing": ["bank-3"]}))
        codes.append(_refusal(coordinator, "round-abandoned", {**abandoned, "missing": []}))
        codes.append(_refusal(coordinator, "round-attempted", smaller))
        monkeypatch.setattr(coordinator, "_round", honest_round)
        honest_round(run, task, phase, stop)

    monkeypatch.setattr(coordinator, "_round", hostile_round)
    four_banks.run(small_job())

    assert codes == ["not-missing", "", "roster-changed"]
    run = newest_run(four_banks)
    assert [a.attempt for a in run.rounds[:2]] == [1, 2]
    assert all(len(a.roster) == 4 for a in run.rounds)


def _refusal(coordinator: Any, kind: str, data: dict[str, Any]) -> str:
    """Return the code of the rule that refuses an entry, or "" when the ledger takes it."""
    try:
        coordinator.member.ledger.append(kind, data)
    except RejectedEntryError as error:
        return error.code
    return ""


# The weak variant


def test_without_the_rule_two_released_tables_give_away_one_bank() -> None:
    """Each table passes the cell rules; their difference is bank-3's own table."""
    frames = bank_frames(4)
    groups = ["own", "parents", "rent"]

    def released(names: list[str]) -> Any:
        return sum(
            frames[n].groupby("home")["bad"].agg(["sum", "count"]).loc[groups].to_numpy()
            for n in names
        )

    four, three = released(sorted(frames)), released(list(SOME))

    assert three.min() >= 10
    own = frames["bank-3"].groupby("home")["bad"].agg(["sum", "count"]).loc[groups].to_numpy()
    assert np.array_equal(four - three, own)
