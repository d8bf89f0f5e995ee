"""The coordinator: it goes on where the ledger says it stopped, and ends what cannot go on."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import fedcredit as fc
from fedcredit.coordinator.rounds import NEXT_PHASE
from fedcredit.errors import RunFailedError
from fedcredit_parties.errors import PartyError
from fedcredit_parties.release_form import OUTCOMES
from fedcredit_parties.tasks import PHASES
from tests.simulated import newest_run, parts, small_federation, small_job, types_of


@pytest.fixture(scope="module")
def federation() -> Iterator[fc.Federation]:
    with small_federation() as federation:
        yield federation


def test_every_outcome_that_goes_on_has_a_next_phase() -> None:
    assert set(NEXT_PHASE) == {(phase, o) for phase in PHASES for o in OUTCOMES[phase]}
    assert set(NEXT_PHASE.values()) == {*PHASES[1:], ""}


def test_a_run_is_written_down_in_order(federation: fc.Federation) -> None:
    result = federation.run(small_job())

    kinds = types_of(federation, result.run_id)
    assert kinds[:6] == [
        "he-context-published",
        "run-proposed",
        *["run-approved"] * 3,
        "run-started",
    ]
    one_round = ["round-attempted", *["round-contributed"] * 3, "round-aggregated", "round-opened"]
    assert kinds[6:-2] == one_round * len(result.history)
    assert kinds[-2:] == ["run-finished", "model-registered"]


@pytest.mark.parametrize("phase", ["bins", "metrics"])
def test_a_coordinator_that_dies_in_a_round_goes_on_from_the_ledger(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    """It dies once all contributions are there, before it has added anything."""
    coordinator = parts(federation).coordinator
    honest_carry, honest_aggregate = coordinator.carry_out, coordinator._aggregate
    deaths: list[str] = []

    def dying(run: Any, task: Any, attempt: Any, now: str, contributions: Any) -> None:
        if now == phase and not deaths:
            deaths.append(attempt.entry_id)
            raise DeathError
        honest_aggregate(run, task, attempt, now, contributions)

    def carry_out(run: Any, stop: threading.Event) -> None:
        try:
            honest_carry(run, stop)
        except DeathError:
            honest_carry(run, stop)

    monkeypatch.setattr(coordinator, "_aggregate", dying)
    monkeypatch.setattr(coordinator, "carry_out", carry_out)
    result = federation.run(small_job())

    run = newest_run(federation)
    assert len(deaths) == 1
    assert result.history["outcome"].iloc[-1] == "done"
    # The attempt that was under way is finished, not made again: same bytes, same masks.
    assert [a.attempt for a in run.rounds] == [1] * len(run.rounds)
    assert all(len(a.contributions) == 3 for a in run.rounds)


class DeathError(Exception):
    """Ends the coordinator in the middle of a round."""


@pytest.mark.parametrize("name", ["no class at all", "SystemExit", "<script>", "", "x" * 500])
def test_a_bank_that_declines_with_a_nonsensical_reason_ends_the_run_all_the_same(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    holder = parts(federation).holders["bank-1"]
    mailbox = holder.member.mailbox

    def tell(run: Any, error: PartyError) -> None:
        mailbox.send("coordinator", "failed", {"error": name}, run_id=run.run_id)

    def never(run: Any) -> Any:
        raise PartyError("no")

    monkeypatch.setattr("fedcredit.requester.REASON_S", 0.2)
    monkeypatch.setattr(holder, "_tell", tell)
    monkeypatch.setattr(holder, "_prepare", never)
    with pytest.raises((RunFailedError, PartyError)):
        federation.run(small_job())

    run = newest_run(federation)
    assert (run.status, run.failure) == ("failed", "PartyError")
    parts(federation).check()


def test_the_next_run_after_failures_works(federation: fc.Federation) -> None:
    assert federation.run(small_job()).history["outcome"].iloc[-1] == "done"
