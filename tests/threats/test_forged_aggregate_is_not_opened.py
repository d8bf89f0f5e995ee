"""The coordinator submits something else than the sum, and the key holder opens nothing.

The hostile coordinator follows the protocol up to the addition; then it names the digest of an
aggregate of its own making, or offers other bytes as a bank's contribution. The weak variant is a
key holder that opens what it is handed, without adding again: the difference of two attempts of
one round, each a legal sum, is one bank's numbers to the last digit.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import tenseal as ts
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from numpy.typing import NDArray

import fedcredit as fc
from fedcredit_parties.ckks import WIDE, Engine
from fedcredit_parties.errors import (
    EncryptionError,
    ForgedAggregateError,
    MalformedMessageError,
    WireError,
)
from fedcredit_parties.masks import MaskStatement, PeerKeys, mask, roster_digest
from fedcredit_parties.wire import pack_ciphertexts
from tests.simulated import (
    ForgingEngine,
    entries,
    newest_run,
    parts,
    small_job,
    types_of,
)

Blobs = tuple[bytes, ...]


def combine(public: bytes, a: Blobs, b: Blobs, *, minus: bool = False) -> Blobs:
    """Add or subtract ciphertexts with nothing but the public context."""
    context = ts.context_from(public)
    pairs = [
        (ts.ckks_vector_from(context, x), ts.ckks_vector_from(context, y))
        for x, y in zip(a, b, strict=True)
    ]
    return tuple((x - y if minus else x + y).serialize() for x, y in pairs)


def own_ciphertexts(public: bytes, n: int) -> Blobs:
    """Encrypt ones: anybody who has the public context can."""
    context = ts.context_from(public)
    ones = [1.0] * WIDE.slots
    return tuple(ts.ckks_vector(context, ones, scale=2.0**40).serialize() for _ in range(n))


def one_bank_out(public: bytes, contributions: dict[str, Blobs], total: Blobs) -> Blobs:
    return combine(public, total, contributions["bank-0"], minus=True)


def one_bank_twice(public: bytes, contributions: dict[str, Blobs], total: Blobs) -> Blobs:
    return combine(public, total, contributions["bank-0"])


def something_added(public: bytes, contributions: dict[str, Blobs], total: Blobs) -> Blobs:
    return combine(public, total, own_ciphertexts(public, len(total)))


def a_foreign_ciphertext(public: bytes, contributions: dict[str, Blobs], total: Blobs) -> Blobs:
    return own_ciphertexts(public, len(total))


def one_contribution(public: bytes, contributions: dict[str, Blobs], total: Blobs) -> Blobs:
    return contributions["bank-0"]


@pytest.mark.parametrize(
    "forge",
    [one_bank_out, one_bank_twice, something_added, a_foreign_ciphertext, one_contribution],
    ids=lambda forge: forge.__name__,
)
def test_an_aggregate_that_is_not_the_sum_is_not_opened(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch, forge: Any
) -> None:
    coordinator = parts(federation).coordinator
    monkeypatch.setattr(coordinator, "engine", ForgingEngine(coordinator.engine, forge))

    with pytest.raises(ForgedAggregateError) as refused:
        federation.run(small_job())

    run = newest_run(federation)
    kinds = types_of(federation, run.run_id)
    assert refused.value.party == "coordinator"
    assert "round-aggregated" in kinds and "round-opened" not in kinds
    assert (run.status, run.failure) == ("failed", "ForgedAggregateError")
    assert entries(federation, "opening-refused")[-1].data["rule"] == "ForgedAggregateError"


def test_the_difference_of_two_attempts_is_not_opened(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    coordinator = parts(federation).coordinator
    honest_collect = coordinator._collect
    first: dict[str, Blobs] = {}

    def collect_twice(run: Any, attempt: Any, phase: str, stop: Any) -> Any:
        first.update(honest_collect(run, attempt, phase, stop))
        coordinator.member.ledger.append(
            "round-abandoned",
            {
                "run_id": run.run_id,
                "round": attempt.round,
                "attempt": attempt.attempt,
                "missing": [],
                "reason": "none",
            },
        )
        attempt = coordinator._attempt(run, phase)
        contributions = honest_collect(run, attempt, phase, stop)
        aggregate_second(run, attempt, phase, contributions)
        return contributions

    def aggregate_second(run: Any, attempt: Any, phase: str, contributions: Any) -> None:
        task = next(iter(parts(federation).holders.values()))._runs[run.run_id].task
        honest_aggregate(run, task, attempt, phase, contributions)
        coordinator.member.mailbox.send(
            "key-holder",
            "open-please",
            {
                "aggregated": attempt.aggregated.entry_id,
                "blobs": [
                    [name, coordinator.member.front.put_blob(pack_ciphertexts(blobs))]
                    for name, blobs in contributions.items()
                ],
            },
            run_id=run.run_id,
        )
        coordinator._wait_for_opening(run, attempt, threading.Event())

    def difference(public: bytes, contributions: dict[str, Blobs], total: Blobs) -> Blobs:
        earlier = first["bank-0"]
        for name in ("bank-1", "bank-2"):
            earlier = combine(public, earlier, first[name])
        return combine(public, earlier, total, minus=True)

    honest_aggregate = coordinator._aggregate
    monkeypatch.setattr(coordinator, "_collect", collect_twice)
    monkeypatch.setattr(coordinator, "engine", ForgingEngine(coordinator.engine, difference))

    with pytest.raises(ForgedAggregateError):
        federation.run(small_job())

    run = newest_run(federation)
    assert [attempt.attempt for attempt in run.rounds] == [1, 2]
    assert all(attempt.is_committed for attempt in run.rounds)
    assert run.opened == []


@pytest.mark.parametrize("offered", ["own bytes", "another bank's bytes", "an old contribution"])
def test_other_bytes_than_a_bank_committed_to_are_not_added(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch, offered: str
) -> None:
    sim = parts(federation)
    coordinator, honest_send = sim.coordinator, sim.coordinator.member.mailbox.send
    old: dict[str, str] = {}

    def send(recipient: str, kind: str, body: Mapping[str, Any], *, run_id: str = "") -> None:
        if kind == "open-please":
            blobs = dict(body["blobs"])
            if offered == "own bytes":
                public = sim.desk.get_blob(newest_run(federation).proposal["he_context_digest"])
                assert public is not None
                forged = pack_ciphertexts(own_ciphertexts(public, 1))
                blobs["bank-0"] = coordinator.member.front.put_blob(forged)
            elif offered == "another bank's bytes":
                blobs["bank-0"] = blobs["bank-1"]
            elif old:
                blobs["bank-0"] = old["bank-0"]
            old.update(blobs)
            body = {**body, "blobs": [[name, digest] for name, digest in blobs.items()]}
        honest_send(recipient, kind, body, run_id=run_id)

    monkeypatch.setattr(coordinator.member.mailbox, "send", send)

    with pytest.raises(MalformedMessageError) as refused:
        federation.run(small_job())

    run = newest_run(federation)
    assert refused.value.party == "bank-0"
    assert len(run.opened) == (1 if offered == "an old contribution" else 0)
    assert run.failure == "MalformedMessageError"


def test_an_opening_that_names_fewer_banks_than_the_roster_is_refused(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = parts(federation).coordinator.member.mailbox
    honest_send = mailbox.send

    def send(recipient: str, kind: str, body: Mapping[str, Any], *, run_id: str = "") -> None:
        if kind == "open-please":
            body = {**body, "blobs": body["blobs"][1:]}
        honest_send(recipient, kind, body, run_id=run_id)

    monkeypatch.setattr(mailbox, "send", send)

    with pytest.raises(WireError, match="other contributions than the attempt's roster"):
        federation.run(small_job())

    assert newest_run(federation).opened == []


def test_a_bank_that_commits_to_another_bank_s_ciphertext_opens_nothing(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bribed bank copies a digest from the ledger, to have its neighbour counted twice."""
    sim = parts(federation)
    victim, copyist = sim.holders["bank-0"], sim.holders["bank-1"]
    honest_make = copyist._make_contribution

    def copy(run: Any, attempt: Any, local: Any) -> Any:
        honest_make(run, attempt, local)
        sim.coordinator.member.ledger.wait(
            lambda _: attempt.contributions.get("bank-0"), deadline=time.monotonic() + 10.0
        )
        kept = victim.contributions.get(run.run_id, attempt.entry_id)
        assert kept is not None
        return kept

    monkeypatch.setattr(copyist, "_make_contribution", copy)

    with pytest.raises(EncryptionError):
        federation.run(small_job())

    assert newest_run(federation).opened == []


def test_the_federation_still_works_after_all_these_attacks(federation: fc.Federation) -> None:
    assert federation.run(small_job()).model.table() is not None


# The weak variant


def _masked(
    numbers: Mapping[str, NDArray[np.int64]], keys: Mapping[str, Any], attempt: int
) -> dict[str, NDArray[np.int64]]:
    """Mask one attempt's numbers over its own roster, with fresh keys."""
    fresh = {name: X25519PrivateKey.generate() for name in numbers}
    public = {
        name: PeerKeys(
            keys[name].public_key().public_bytes_raw().hex(),
            fresh[name].public_key().public_bytes_raw().hex(),
        )
        for name in numbers
    }
    statement = MaskStatement(
        ledger="ledger.example/weak",
        run="r",
        round=1,
        attempt=attempt,
        phase="bins",
        group="all",
        roster_digest=roster_digest(numbers),
        input_digest="00" * 32,
        he_context_digest="11" * 32,
        modulus_bits=WIDE.modulus_bits,
    )
    found = {}
    for name, plain in numbers.items():
        peers = {peer: key for peer, key in public.items() if peer != name}
        added = mask(
            statement,
            name=name,
            static=keys[name],
            ephemeral=fresh[name],
            peers=peers,
            tensor="bins",
            length=len(plain),
        )
        found[name] = (plain + added) % (1 << WIDE.modulus_bits)
    return found


def test_a_key_holder_that_does_not_add_again_opens_one_bank_s_numbers(engine: Engine) -> None:
    rng = np.random.default_rng(5)
    names = ("bank-0", "bank-1", "bank-2", "bank-3")
    plain = {name: rng.integers(0, 500, 300) for name in names}
    static = {name: X25519PrivateKey.generate() for name in names}
    keys = engine.new_keys(WIDE)

    def total(roster: tuple[str, ...], attempt: int) -> Blobs:
        masked = _masked({name: plain[name] for name in roster}, static, attempt)
        ciphertexts = {n: engine.encrypt(WIDE, keys.public, slots) for n, slots in masked.items()}
        return engine.add(WIDE, keys.public, ciphertexts, length=300)

    with_victim, without = total(names, 1), total(names[1:], 2)
    forged = combine(keys.public, with_victim, without, minus=True)
    opened = engine.open(WIDE, keys.secret, forged, length=300, n_parties=8)

    assert (opened == plain["bank-0"]).all()
