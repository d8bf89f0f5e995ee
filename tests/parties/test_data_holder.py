"""A data holder's rounds when things are repeated, abandoned or interrupted."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

import fedcredit as fc
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.rules import AttemptState, RunState, State
from fedcredit_parties.data_holder import DataHolder
from fedcredit_parties.errors import FrontUnreachableError, ReplayedMessageError
from fedcredit_parties.masks import Tensor
from fedcredit_parties.wire import AttemptHeader
from tests.simulated import newest_run, parts, small_federation, small_job

N_CLIPPED = 5


@pytest.fixture(scope="module")
def federation() -> Iterator[fc.Federation]:
    with small_federation() as federation:
        yield federation


def _told(federation: fc.Federation, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect what bank-0 tells about failures."""
    told: list[str] = []
    holder = parts(federation).holders["bank-0"]
    monkeypatch.setattr(holder, "_tell", lambda run, error: told.append(type(error).__name__))
    return told


def _hears_of_the_opening(holder: DataHolder, attempt: AttemptState) -> tuple[RunState, Any]:
    """Return the run and the attempt as the holder's own copy has them, once it is opened there."""
    ledger = holder.member.ledger

    def opened(state: State) -> tuple[str, AttemptState] | None:
        found = state.attempts.get(attempt.entry_id)
        return found if found is not None and found[1].opened is not None else None

    found = ledger.wait(opened, deadline=time.monotonic() + 10.0)
    assert found is not None
    return ledger.state.runs[found[0]], found[1]


@pytest.mark.parametrize("was_found_before", [False, True])
def test_a_header_repeated_after_its_round_was_opened_counts_for_nothing(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch, was_found_before: bool
) -> None:
    """Also when the attempt was looked up before the opening was heard of."""
    sim = parts(federation)
    honest, holder = sim.coordinator._wait_for_opening, sim.holders["bank-0"]
    told, refused = _told(federation, monkeypatch), []

    def wait_and_repeat(run: Any, attempt: Any, stop: Any) -> None:
        honest(run, attempt, stop)
        header = AttemptHeader(run_id=run.run_id, entry_id=attempt.entry_id)
        own_run, own = _hears_of_the_opening(holder, attempt)
        with monkeypatch.context() as patch, pytest.raises(ReplayedMessageError) as error:
            if was_found_before:
                patch.setattr(holder, "_find_attempt", lambda header, *, deadline: (own_run, own))
            holder.answer(header)
        refused.append(error.value.party)

    monkeypatch.setattr(sim.coordinator, "_wait_for_opening", wait_and_repeat)
    result = federation.run(small_job())

    assert refused == ["bank-0"] * len(result.history)
    assert told == []


def test_what_was_clipped_is_committed_though_a_crash_came_in_between(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim = parts(federation)
    holder, honest_attempt = sim.holders["bank-0"], sim.coordinator._attempt
    honest_quantise = Tensor.quantise
    crashed: list[str] = []

    def crash(*arguments: Any) -> None:
        raise FrontUnreachableError("the process ends here")

    def attempt(run: Any, phase: str) -> Any:
        made = honest_attempt(run, phase)
        if not crashed:
            crashed.append(made.entry_id)
            with monkeypatch.context() as patch:
                patch.setattr(holder, "_commit", crash)
                patch.setattr(
                    Tensor, "quantise", lambda *a, **n: (honest_quantise(*a, **n)[0], N_CLIPPED)
                )
                with pytest.raises(FrontUnreachableError):
                    holder.answer(AttemptHeader(run_id=run.run_id, entry_id=made.entry_id))
            holder._runs.clear()  # whoever starts again remembers what is on its disk
        return made

    monkeypatch.setattr(sim.coordinator, "_attempt", attempt)
    federation.run(small_job())

    run = newest_run(federation)
    opened = {
        (attempt.round, name): sim.holders[name].openings.get(act.data["commits"]["n_clipped"])
        for attempt in run.rounds
        for name, act in attempt.contributions.items()
    }
    clipped = {place: opening[2] for place, opening in opened.items() if opening is not None}
    assert len(clipped) == 3 * len(run.opened)
    assert {place: n for place, n in clipped.items() if n} == {
        (run.rounds[0].round, "bank-0"): N_CLIPPED
    }


def test_what_a_party_committed_to_can_be_opened_by_that_party_alone(
    federation: fc.Federation,
) -> None:
    sim = parts(federation)
    federation.run(small_job())

    asset = sim.requester.member.ledger.state.assets[sim.asset("bank-1")].registered
    committed = newest_run(federation).rounds[0].contributions["bank-1"].data["commits"]

    kept = sim.holders["bank-1"].openings
    opened = [kept.get(asset.data["commits"]["n_rows"]), kept.get(committed["n_grants"])]
    assert [(name, value) for _, name, value in filter(None, opened)] == [
        ("n_rows", 200),
        ("n_grants", 1),
    ]
    rows = kept.get(committed["n_rows"])
    assert rows is not None and 0 < rows[2] < 200  # the training sample
    assert sim.holders["bank-0"].openings.get(committed["n_rows"]) is None


def test_an_attempt_abandoned_before_the_commitment_was_taken_costs_no_run(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger names the same mask key again: no contribution was made under it."""
    sim = parts(federation)
    coordinator, holder = sim.coordinator, sim.holders["bank-0"]
    honest_attempt, honest_commit = coordinator._attempt, holder._commit
    abandoned: list[str] = []

    def attempt(run: Any, phase: str) -> Any:
        made = honest_attempt(run, phase)
        if abandoned:
            return made
        abandoned.append(made.entry_id)

        def too_late(*arguments: Any) -> None:
            coordinator.member.ledger.append(
                "round-abandoned",
                {
                    "run_id": run.run_id,
                    "round": made.round,
                    "attempt": made.attempt,
                    "missing": ["bank-0"],
                    "reason": "deadline",
                },
            )
            honest_commit(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(holder, "_commit", too_late)
            with pytest.raises(Exception, match="wrong-phase") as refused:
                holder.answer(AttemptHeader(run_id=run.run_id, entry_id=made.entry_id))
            assert isinstance(refused.value.__cause__, RejectedEntryError)
        return honest_attempt(run, phase)

    monkeypatch.setattr(coordinator, "_attempt", attempt)
    federation.run(small_job())

    run = newest_run(federation)
    first, second = run.rounds[:2]
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.mask_epks["bank-0"] == second.mask_epks["bank-0"]
    assert (first.abandoned is None, second.opened is None) == (False, False)
    used = [a.mask_epks["bank-0"] for a in run.rounds if "bank-0" in a.contributions]
    assert len(used) == len(set(used)) == len(run.opened)
    assert [key for key in used if holder.mask_keys._vault.get(f"mask-key.{key}")] == []
