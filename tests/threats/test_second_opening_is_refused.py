"""A round is opened once, an input is used once, and a key that refused three times is dead.

The hostile coordinator asks again: for the same aggregate, for another attempt of an opened round,
for the same input under another round number, for aggregates that do not exist. The weak variant
is an opener without a memory: the same input summed twice, once without a bank, is that bank.
"""

import time
from typing import Any

import numpy as np
import pytest

import fedcredit as fc
from fedcredit.errors import JobError
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_parties.ckks import WIDE, Engine
from fedcredit_parties.errors import WireError
from fedcredit_parties.key_holder import MAX_REFUSALS
from tests.simulated import entries, newest_run, parts, small_job


def _refusal_of(coordinator: Any, kind: str, data: dict[str, Any]) -> str:
    with pytest.raises(RejectedEntryError) as refused:
        coordinator.member.ledger.append(kind, data)
    return refused.value.code


def _after_the_first_opening(federation: fc.Federation, attack: Any) -> Any:
    """Return a replacement for the coordinator's rounds that attacks when one is opened."""
    honest = parts(federation).coordinator._round
    done: list[str] = []

    def attacked(run: Any, task: Any, phase: str, stop: Any) -> None:
        honest(run, task, phase, stop)
        if not done:
            done.append(run.run_id)
            attack(run)

    return attacked


def test_an_opened_round_cannot_be_attempted_again(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    coordinator = parts(federation).coordinator
    codes: list[str] = []

    def attack(run: Any) -> None:
        first = run.rounds[0]
        again = {
            "run_id": run.run_id,
            "round": 1,
            "attempt": 2,
            "phase": first.phase,
            "group": first.group,
            "roster": list(first.roster),
            "input_digest": first.input_digest,
            "deadline": first.deadline,
        }
        codes.append(_refusal_of(coordinator, "round-attempted", again))
        as_another_round = again | {"round": 2, "attempt": 1}
        codes.append(_refusal_of(coordinator, "round-attempted", as_another_round))
        as_another_phase = as_another_round | {"phase": "bins"}
        codes.append(_refusal_of(coordinator, "round-attempted", as_another_phase))

    monkeypatch.setattr(coordinator, "_round", _after_the_first_opening(federation, attack))
    federation.run(small_job())

    assert codes == ["already-opened", "input-repeated", "input-not-released"]


def test_asking_again_gets_the_same_release_and_no_second_opening(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim = parts(federation)
    honest_send, honest_open = sim.coordinator.member.mailbox.send, sim.key_holder.engine.open
    decrypted: list[int] = []

    def send(recipient: str, kind: str, body: Any, *, run_id: str = "") -> None:
        for _ in range(3 if kind == "open-please" else 1):
            honest_send(recipient, kind, body, run_id=run_id)

    def counted(*arguments: Any, **named: Any) -> Any:
        decrypted.append(1)
        return honest_open(*arguments, **named)

    monkeypatch.setattr(sim.coordinator.member.mailbox, "send", send)
    monkeypatch.setattr(sim.key_holder.engine, "open", counted)
    result = federation.run(small_job())

    run = newest_run(federation)
    rounds = [
        e.data["round"]
        for e in entries(federation, "round-opened")
        if e.data["run_id"] == run.run_id
    ]
    assert rounds == list(range(1, len(result.history) + 1))
    assert len(decrypted) == len(result.history)


def test_the_key_holder_itself_cannot_open_an_aggregate_twice(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key holder that forgot is stopped by the ledger, and so by everybody."""
    sim = parts(federation)
    codes: list[str] = []

    def attack(run: Any) -> None:
        codes.append(_refusal_of(sim.key_holder, "round-opened", run.opened[0].data))
        forged = run.opened[0].data | {"round": 2}
        codes.append(_refusal_of(sim.key_holder, "round-opened", forged))

    monkeypatch.setattr(sim.coordinator, "_round", _after_the_first_opening(federation, attack))
    federation.run(small_job())

    assert codes == ["already-opened", "wrong-phase"]


def test_three_refused_openings_destroy_the_key(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal is one bit; three bits a key is all that anybody gets."""
    sim = parts(federation)
    mailbox = sim.coordinator.member.mailbox
    honest_send = mailbox.send

    def send(recipient: str, kind: str, body: Any, *, run_id: str = "") -> None:
        if kind == "open-please":
            for _ in range(MAX_REFUSALS):
                nonsense = {"aggregated": "cd" * 32, "blobs": body["blobs"]}
                honest_send(recipient, kind, nonsense, run_id=run_id)
        honest_send(recipient, kind, body, run_id=run_id)

    monkeypatch.setattr(mailbox, "send", send)
    with pytest.raises((JobError, WireError)):
        federation.run(small_job(run_deadline_s=3))

    run = newest_run(federation)
    assert run.opened == []
    assert run.status == "failed"
    assert run.run_id not in sim.key_holder._keys
    assert sim.key_holder._vault.get(f"key.{run.run_id}") is None


def test_a_run_s_key_is_gone_when_the_run_is_over(federation: fc.Federation) -> None:
    result = federation.run(small_job())
    key_holder = parts(federation).key_holder

    def kept() -> list[str]:
        vault = key_holder._vault
        return [*vault.names(f"key.{result.run_id}"), *vault.names(f"release.{result.run_id}")]

    deadline = time.monotonic() + 5.0
    while kept() and time.monotonic() < deadline:
        parts(federation).desk.wait(lambda: None, 0.02)

    assert kept() == []
    assert result.run_id not in key_holder._keys


def test_a_second_context_for_a_run_is_refused(federation: fc.Federation) -> None:
    """A key is made for one run and used for no other."""
    run = newest_run(federation)
    key_holder = parts(federation).key_holder
    published = run.context
    assert published is not None

    assert _refusal_of(key_holder, "he-context-published", published.data) == "duplicate-id"


# The weak variant


def test_an_opener_without_a_memory_gives_away_one_bank(engine: Engine) -> None:
    """Both sums are legal, both are opened; their difference is nobody's to see."""
    rng = np.random.default_rng(8)
    plain = {f"bank-{i}": rng.integers(0, 400, 250) for i in range(4)}
    keys = engine.new_keys(WIDE)

    def opened(names: list[str]) -> Any:
        ciphertexts = {n: engine.encrypt(WIDE, keys.public, plain[n]) for n in names}
        total = engine.add(WIDE, keys.public, ciphertexts, length=250)
        return engine.open(WIDE, keys.secret, total, length=250, n_parties=len(names))

    everybody, without = opened(sorted(plain)), opened(["bank-1", "bank-2", "bank-3"])

    assert (everybody - without == plain["bank-0"]).all()
