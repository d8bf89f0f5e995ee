"""The coordinator: it goes on where the ledger says it stopped, and ends what cannot go on."""

import dataclasses
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

import fedcredit as fc
from fedcredit.errors import PartiesMissingError, RunFailedError
from fedcredit.simulation import Simulation
from fedcredit_ledger.errors import QuorumError
from fedcredit_parties.errors import FrontUnreachableError, PartyError, WireError
from fedcredit_parties.member import Member, utc_now
from fedcredit_parties.procedures import PROCEDURES
from fedcredit_parties.tasks import KINDS
from tests.simulated import newest_run, parts, small_federation, small_job, types_of


@pytest.fixture(scope="module")
def federation() -> Iterator[fc.Federation]:
    with small_federation() as federation:
        yield federation


@pytest.mark.parametrize("kind", KINDS)
def test_every_phase_of_a_kind_is_reached_and_the_last_ends_the_run(kind: str) -> None:
    first, *others = KINDS[kind].phases()

    reached = {following for following in KINDS[kind].FOLLOWS.values()} - {first}
    assert reached == {*others, ""}


def test_every_kind_of_task_has_a_procedure_and_no_other() -> None:
    assert set(KINDS) == set(PROCEDURES)


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


def test_banks_that_begin_ahead_of_the_header_commit_once_and_give_the_same_card(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = federation.run(small_job())
    holders = parts(federation).holders.values()
    for holder in holders:
        monkeypatch.setattr(holder, "ahead", True)

    result = federation.run(small_job())

    assert result.model.to_json() == expected.model.to_json()
    run = newest_run(federation)
    kinds = types_of(federation, run.run_id)
    assert kinds.count("round-contributed") == 3 * len(run.opened)


def test_a_bank_that_begins_ahead_sends_nothing_before_it_is_asked(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No header reaches anybody: all commit, no ciphertext moves, the run fails by rule."""
    for holder in parts(federation).holders.values():
        monkeypatch.setattr(holder, "ahead", True)
    coordinator = parts(federation).coordinator
    monkeypatch.setattr(coordinator.replies, "_send", lambda *asked: None)
    before = parts(federation).grid.n_bytes_sent.copy()

    with pytest.raises(PartiesMissingError):
        federation.run(small_job(run_deadline_s=3))

    run = newest_run(federation)
    assert run.rounds[0].is_committed and run.opened == []
    assert parts(federation).grid.n_bytes_sent == before


@pytest.mark.parametrize("who", ["bank-0", "key-holder"])
def test_a_missing_quorum_is_told_to_the_requester_at_once(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    simulation = parts(federation)
    role: Any = simulation.holders[who] if who == "bank-0" else simulation.key_holder

    def never(index: int, *, deadline: float) -> bytes:
        raise QuorumError("no witness quorum")

    monkeypatch.setattr(role.member.ledger, "witnessed", never)
    began = time.monotonic()
    with pytest.raises(WireError, match="the witnesses have not co-signed in time") as told:
        federation.run(small_job())

    assert told.value.party == who
    assert time.monotonic() - began < 4.0


def test_a_bank_that_stops_in_a_round_refuses_nothing(federation: fc.Federation) -> None:
    """What it owes, it answers when it is back; the run waits."""
    with small_federation() as own:
        holder = parts(own).holders["bank-1"]
        own.run(small_job())
        run = newest_run(own)
        holder.member.ledger.leaving.set()

        with pytest.raises(FrontUnreachableError, match="is stopping"):
            holder._wait_for_all(run.run_id, _uncommitted(run.rounds[-1]))

        holder.member.ledger.leaving.clear()
        told = parts(own).requester.member.mailbox.all(lambda x: x.kind == "failed")
        assert told == []


def _uncommitted(attempt: Any) -> Any:
    return dataclasses.replace(attempt, contributions={}, opened=None)


def test_clocks_that_differ_by_a_minute_break_no_round(monkeypatch: pytest.MonkeyPatch) -> None:
    off_s = {"bank-0": 60, "bank-1": -60, "key-holder": 45, "analyst": -45}
    honest = Simulation._member

    def member(self: Simulation, name: str) -> Member:
        found = honest(self, name)
        off = timedelta(seconds=off_s.get(name, 0))
        found.clock = found.ledger.clock = found._seen._clock = lambda: utc_now() + off
        return found

    monkeypatch.setattr(Simulation, "_member", member)
    with small_federation() as own:
        for bank in ("bank-0", "bank-1", "bank-2"):
            yesterday = utc_now() - timedelta(days=1)
            own.grant(bank, purpose="post_loan", valid_from=yesterday)
        result = own.run(small_job(purpose="post_loan", run_deadline_s=180))

    assert result.history["outcome"].iloc[-1] == "done"
