"""Run keys: made for a requester, a few at a time, and gone by the key holder's own clock."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

import fedcredit as fc
from fedcredit import requester
from fedcredit.errors import JobError
from fedcredit_parties.errors import PartyError
from fedcredit_parties.key_holder import MARGIN, MAX_KEYS, UNPROPOSED, KeyHolder
from fedcredit_parties.member import utc_now
from tests.simulated import entries, newest_run, parts, small_federation, small_job


@pytest.fixture
def federation() -> Iterator[fc.Federation]:
    with small_federation() as federation:
        yield federation


def _ask(federation: fc.Federation, run_id: str) -> None:
    """Ask as the analyst, and wait for the context."""
    member = parts(federation).requester.member
    member.mailbox.send("key-holder", "context-please", {"parameters": "wide"}, run_id=run_id)
    found = member.ledger.wait(
        lambda state: state.contexts.get(run_id), deadline=time.monotonic() + 10.0
    )
    assert found is not None


def _kept(key_holder: KeyHolder) -> list[str]:
    return key_holder._vault.names("key.")


def test_a_key_for_which_no_run_was_proposed_is_destroyed_after_an_hour(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_holder = parts(federation).key_holder
    _ask(federation, "run-1")

    monkeypatch.setattr(key_holder.member, "clock", lambda: utc_now() + UNPROPOSED / 2)
    key_holder.destroy_old()
    assert _kept(key_holder) == ["key.run-1"]

    later = UNPROPOSED + timedelta(seconds=1)
    monkeypatch.setattr(key_holder.member, "clock", lambda: utc_now() + later)
    key_holder.destroy_old()

    assert _kept(key_holder) == []
    assert "run-1" not in key_holder._keys


def test_a_key_goes_after_the_proposal_s_end_though_the_coordinator_never_writes_an_end(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim = parts(federation)
    monkeypatch.setattr(requester, "GRACE_S", 0.0)
    monkeypatch.setattr(sim.coordinator, "carry_out", lambda run, stop: stop.wait(0.1))
    with pytest.raises(JobError):
        federation.run(small_job(run_deadline_s=2))
    run = newest_run(federation)
    assert run.status == "proposed"
    assert _kept(sim.key_holder) == [f"key.{run.run_id}"]

    later = MARGIN + timedelta(seconds=3)
    monkeypatch.setattr(sim.key_holder.member, "clock", lambda: utc_now() + later)
    sim.key_holder.destroy_old()

    assert _kept(sim.key_holder) == []


def test_a_key_that_was_kept_before_a_restart_is_destroyed_too(federation: fc.Federation) -> None:
    sim = parts(federation)
    _ask(federation, "run-1")
    sim.key_holder.member.stop()
    restarted = KeyHolder(
        member=sim._member("key-holder"),
        policy=sim.policy,
        split_key=bytes(32),
        vault=sim.key_holder._vault,
    )
    restarted.member.clock = lambda: utc_now() + UNPROPOSED + timedelta(seconds=1)

    restarted.destroy_old()

    assert _kept(restarted) == []
    restarted.close()


@pytest.mark.parametrize("asker", ["bank-1", "coordinator"])
def test_a_member_that_is_no_result_user_gets_no_context(
    federation: fc.Federation, asker: str
) -> None:
    sim = parts(federation)
    members = {"bank-1": sim.holders["bank-1"].member, "coordinator": sim.coordinator.member}
    asked = {"parameters": "wide"}

    members[asker].mailbox.send("key-holder", "context-please", asked, run_id="theirs")
    _ask(federation, "mine")  # letters are answered in order

    assert list(sim.requester.member.ledger.state.contexts) == ["mine"]
    assert _kept(sim.key_holder) == ["key.mine"]


def test_a_requester_has_so_many_live_keys_and_is_told(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim = parts(federation)
    monkeypatch.setattr("fedcredit_parties.key_holder.MAX_KEYS", 2)
    for number in range(2):
        _ask(federation, f"run-{number}")

    with pytest.raises(PartyError, match="2 live keys"):
        federation.run(small_job())

    assert len(_kept(sim.key_holder)) == 2
    assert MAX_KEYS >= 8


def test_a_run_that_another_proposed_under_somebody_s_key_is_not_opened(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger lets anyone propose; the context stands there for all to cite."""
    key_holder = parts(federation).key_holder
    honest: Any = key_holder.publish_context

    def made_for_another(run_id: str, parameters: str, asker: str) -> None:
        honest(run_id, parameters, asker)
        key_holder._keys[run_id].requester = "bank-0"

    monkeypatch.setattr(key_holder, "publish_context", made_for_another)
    with pytest.raises(PartyError, match="made for another requester"):
        federation.run(small_job())

    assert newest_run(federation).opened == []
    assert [e.data["rule"] for e in entries(federation, "opening-refused")] == ["WireError"]
