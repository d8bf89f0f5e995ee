"""No ciphertext leaves a bank before every bank's digest stands under a witnessed checkpoint.

Otherwise a coordinator collects all ciphertexts but one, names the last bank missing, attempts the
round again without it, and holds two sums that differ by one bank. The weak variant is a bank that
sends as soon as it has encrypted.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from flwr.app import Message

import fedcredit as fc
from fedcredit.errors import JobError
from fedcredit_parties.errors import PartyError, WireError
from fedcredit_parties.wire import RECORD, Refusal
from tests.simulated import newest_run, parts, small_federation, small_job


@pytest.fixture(scope="module")
def federation() -> Iterator[fc.Federation]:
    with small_federation() as federation:
        yield federation


def _recorded(federation: fc.Federation, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that fills with the banks whose ciphertexts reach the coordinator."""
    grid = parts(federation).grid
    sent: list[str] = []

    def recording(name: str, honest: Any) -> Any:
        def answer(message: Message, context: Any) -> Message:
            reply: Message = honest(message, context)
            if reply.has_content() and reply.content[RECORD]["message"] == "contribution/v1":
                sent.append(name)
            return reply

        return answer

    for name, honest in list(grid._apps.items()):
        monkeypatch.setitem(grid._apps, name, recording(name, honest))
    return sent


def _silent_until_the_others_commit(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch, seen: list[int]
) -> None:
    """Let bank-2 commit to nothing, wait for the others, and then refuse."""
    sim = parts(federation)

    def answer(message: Message, context: Any) -> Message:
        run = newest_run(federation)
        deadline = time.monotonic() + 10.0
        sim.requester.member.ledger.wait(
            lambda _: True if run.rounds and len(run.rounds[-1].contributions) == 2 else None,
            deadline=deadline,
        )
        seen.append(len(run.rounds[-1].contributions))
        return Message(Refusal(error="PartyError").to_records(), reply_to=message)

    monkeypatch.setitem(sim.grid._apps, "bank-2", answer)


def test_two_banks_that_have_committed_send_nothing_while_the_third_is_silent(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = _recorded(federation, monkeypatch)
    committed: list[int] = []
    _silent_until_the_others_commit(federation, monkeypatch, committed)

    with pytest.raises((JobError, PartyError)):
        federation.run(small_job())

    run = newest_run(federation)
    assert committed == [2]
    assert run.rounds[-1].abandoned is not None
    assert sent == []


def test_a_bank_that_does_not_wait_gives_its_ciphertext_to_an_abandoned_attempt(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weak variant: the same silence, and the coordinator holds what it must not hold."""
    sent = _recorded(federation, monkeypatch)
    _silent_until_the_others_commit(federation, monkeypatch, [])
    hasty = parts(federation).holders["bank-0"]
    monkeypatch.setattr(hasty, "_wait_for_all", lambda run_id, attempt: None)

    with pytest.raises((JobError, PartyError)):
        federation.run(small_job())

    assert sent == ["bank-0"]


def test_a_bank_sends_nothing_while_the_commitments_are_not_witnessed(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A front that withholds the quorum's checkpoint from one bank gets nothing from it."""
    sent = _recorded(federation, monkeypatch)
    sim = parts(federation)
    window = sim.windows["bank-0"]
    honest = window.checkpoint

    def withheld(*, covering: int, timeout_s: float) -> bytes | None:
        run = newest_run(federation)
        if run.rounds and run.rounds[-1].is_committed:
            sim.desk.wait(lambda: None, min(timeout_s, 0.2))
            return None
        return honest(covering=covering, timeout_s=timeout_s)

    monkeypatch.setattr(window, "checkpoint", withheld)
    with pytest.raises((JobError, PartyError)):
        federation.run(small_job(run_deadline_s=2))

    run = newest_run(federation)
    assert run.rounds[-1].is_committed
    assert "bank-0" not in sent


def test_a_checkpoint_of_another_history_frees_no_ciphertext(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old quorum checkpoint, offered again, does not cover the new commitments."""
    sent = _recorded(federation, monkeypatch)
    window = parts(federation).windows["bank-0"]
    honest = window.checkpoint
    old = parts(federation).holders["bank-0"].member.ledger.replica.quorum_note

    def replayed(*, covering: int, timeout_s: float) -> bytes | None:
        run = newest_run(federation)
        if run.rounds and run.rounds[-1].is_committed:
            parts(federation).desk.wait(lambda: None, min(timeout_s, 0.2))
            return old
        return honest(covering=covering, timeout_s=timeout_s)

    monkeypatch.setattr(window, "checkpoint", replayed)
    with pytest.raises((JobError, PartyError)):
        federation.run(small_job(run_deadline_s=2))

    assert "bank-0" not in sent


def test_the_federation_still_works_after_all_these_attacks(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = _recorded(federation, monkeypatch)

    result = federation.run(small_job())

    assert sorted(set(sent)) == ["bank-0", "bank-1", "bank-2"]
    assert len(sent) == 3 * len(result.history)


@pytest.mark.parametrize("code", ["dead", "declines"])
def test_a_bank_that_drops_out_frees_the_others(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """Nobody waits for ever: the run fails by rule, and nothing was sent."""
    sim = parts(federation)
    sent = _recorded(federation, monkeypatch)

    def dead(message: Message, context: Any) -> Message:
        sim.desk.wait(lambda: True if newest_run(federation).status == "failed" else None, 10.0)
        return Message(Refusal(error="PartyError").to_records(), reply_to=message)

    def declines(message: Message, context: Any) -> Message:
        return Message(Refusal(error="WireError").to_records(), reply_to=message)

    monkeypatch.setitem(sim.grid._apps, "bank-2", dead if code == "dead" else declines)
    expected = "PartiesMissingError" if code == "dead" else "WireError"
    started = time.monotonic()
    with pytest.raises((JobError, WireError)):
        federation.run(small_job(run_deadline_s=2))

    run = newest_run(federation)
    assert run.failure == expected
    assert sent == []
    assert time.monotonic() - started < 12.0
