"""What was sent once counts once: headers, contributions, notes and entries that come again.

Whoever relays can repeat, delay and reorder. The weak variant is a bank that masks two different
vectors under one mask key: their difference stands there in the clear.
"""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

import fedcredit as fc
from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_parties.errors import ReplayedMessageError, WireError
from fedcredit_parties.mask_keys import MaskKeys
from fedcredit_parties.masks import MaskStatement, PeerKeys, mask, roster_digest
from fedcredit_parties.vault import Vault
from fedcredit_parties.wire import AttemptHeader
from tests.simulated import entries, newest_run, parts, small_federation, small_job


def _after_a_round(federation: fc.Federation, monkeypatch: pytest.MonkeyPatch, attack: Any) -> None:
    """Let the coordinator attack after its second round; then the run goes on."""
    coordinator = parts(federation).coordinator
    honest = coordinator._round
    rounds: list[str] = []

    def attacked(run: Any, task: Any, phase: str, stop: Any) -> None:
        honest(run, task, phase, stop)
        rounds.append(phase)
        if len(rounds) == 2:
            attack(run)

    monkeypatch.setattr(coordinator, "_round", attacked)
    federation.run(small_job())
    assert len(rounds) > 2


def test_a_header_of_an_earlier_round_is_not_answered(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = parts(federation).holders["bank-0"]
    told: list[str] = []

    def attack(run: Any) -> None:
        with pytest.raises(ReplayedMessageError) as refused:
            holder.answer(AttemptHeader(run_id=run.run_id, entry_id=run.rounds[0].entry_id))
        told.append(refused.value.party or "refused")

    _after_a_round(federation, monkeypatch, attack)

    assert told == ["bank-0"]


@pytest.mark.parametrize("field", ["run_id", "entry_id"])
def test_a_header_of_another_run_is_not_answered(federation: fc.Federation, field: str) -> None:
    run = newest_run(federation)
    words = {"run_id": run.run_id, "entry_id": run.rounds[-1].entry_id, field: "ab" * 32}

    with pytest.raises(WireError):
        parts(federation).holders["bank-0"].answer(AttemptHeader(**words))


def test_a_header_of_a_finished_run_is_not_answered(federation: fc.Federation) -> None:
    run = newest_run(federation)
    header = AttemptHeader(run_id=run.run_id, entry_id=run.rounds[-1].entry_id)

    with pytest.raises(ReplayedMessageError):
        parts(federation).holders["bank-0"].answer(header)


def test_one_header_sent_four_times_at_once_gets_one_contribution(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two encryptions of one masked vector would be two contributions to one attempt."""
    sim = parts(federation)
    holder = sim.holders["bank-0"]
    honest_answer, honest_encrypt = holder.answer, holder.engine.encrypt
    encryptions: list[str] = []
    answers: set[tuple[str, tuple[bytes, ...]]] = set()

    def encrypt(*arguments: Any) -> Any:
        encryptions.append(newest_run(federation).rounds[-1].entry_id)
        return honest_encrypt(*arguments)

    def answer(header: AttemptHeader) -> Any:
        def again() -> None:
            reply = honest_answer(header)
            answers.add((header.entry_id, reply.ciphertexts))

        threads = [threading.Thread(target=again) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return honest_answer(header)

    monkeypatch.setattr(holder.engine, "encrypt", encrypt)
    monkeypatch.setattr(holder, "answer", answer)
    result = federation.run(small_job())

    assert len(encryptions) == len(set(encryptions)) == len(result.history)
    assert len(answers) == len(result.history)


def test_a_bank_cannot_contribute_twice_or_to_another_bank_s_attempt(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = parts(federation).holders["bank-0"]
    codes: list[str] = []

    def attack(run: Any) -> None:
        first = run.rounds[0].contributions["bank-0"].data
        for changes in ({}, {"mask_epk": "aa" * 32}):
            with pytest.raises(RejectedEntryError) as refused:
                holder.member.ledger.append("round-contributed", {**first, **changes})
            codes.append(refused.value.code)

    _after_a_round(federation, monkeypatch, attack)

    assert codes == ["wrong-phase", "wrong-phase"]


def test_an_entry_that_is_handed_in_again_is_the_same_entry(federation: fc.Federation) -> None:
    log = parts(federation).log
    size = log.size
    old = [Leaf.parse(raw).signed.encode() for raw in log.leaves()]

    outcomes = log.submit(old)

    assert log.size == size
    assert [o.code for o in outcomes] == [""] * len(old)


def test_an_entry_that_was_held_back_for_eleven_minutes_is_stale() -> None:
    """A front that keeps a signed grant and brings it out when it suits it."""
    passed = timedelta()

    def clock() -> datetime:
        return datetime.now(UTC) + passed

    with small_federation(clock=clock) as federation:
        window = parts(federation).windows["bank-0"]
        honest, kept = window.submit, []

        def hold_back(notes: list[bytes]) -> Any:
            kept.extend(notes)
            return honest([])

        window.submit = hold_back  # type: ignore[method-assign]
        with pytest.raises(ValueError, match="unpack"):
            federation.grant("bank-0", purpose="post_loan")
        passed = timedelta(minutes=11)
        (outcome,) = parts(federation).log.submit(kept)

        assert outcome.code == "stale"
        assert [
            e for e in entries(federation, "grant-issued") if e.data["purpose"] == "post_loan"
        ] == []


def test_a_contribution_after_the_deadline_is_late() -> None:
    passed = timedelta()

    def clock() -> datetime:
        return datetime.now(UTC) + passed

    codes: list[str] = []
    with small_federation(clock=clock) as federation:
        holder = parts(federation).holders["bank-0"]
        honest = holder._commit

        def commit_late(*arguments: Any) -> None:
            nonlocal passed
            passed = timedelta(seconds=100)
            try:
                honest(*arguments)
            except RejectedEntryError as error:
                codes.append(error.code)
                raise

        holder._commit = commit_late  # type: ignore[method-assign]
        with pytest.raises(Exception, match=r"\(late\)|did not answer|before every party"):
            federation.run(small_job(run_deadline_s=60))

        assert codes == ["late"]
        assert newest_run(federation).opened == []


def test_a_note_that_is_posted_again_and_again_ends_nobody(federation: fc.Federation) -> None:
    """Every note of the runs so far comes again, to everybody."""
    sim = parts(federation)
    notes = {note for window in sim.windows.values() for _, note in window.inbox(0)}
    for name in sim.windows:
        for note in notes:
            sim.desk.post(name, note)

    result = federation.run(small_job())

    assert result.history["outcome"].iloc[-1] == "done"
    sim.check()


# Mask keys


def test_a_mask_key_is_gone_after_its_contribution(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = parts(federation).holders["bank-0"]
    kept: list[int] = []

    _after_a_round(
        federation,
        monkeypatch,
        lambda run: kept.append(
            sum(1 for a in run.rounds if _holds(holder.mask_keys, a.mask_epks["bank-0"]))
        ),
    )

    assert kept == [0]


def _holds(keys: MaskKeys, public: str) -> bool:
    try:
        keys.get(public)
    except ReplayedMessageError:
        return False
    return True


def test_a_used_mask_key_masks_nothing_more() -> None:
    keys = MaskKeys(Vault())
    public = keys.fresh()
    keys.erase(public)

    with pytest.raises(ReplayedMessageError, match="used before"):
        keys.get(public)


def test_one_mask_over_two_vectors_is_no_mask() -> None:
    """The weak variant: a mask key used twice for one statement."""
    rng = np.random.default_rng(2)
    own, peer = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    public = peer.public_key().public_bytes_raw().hex()
    statement = MaskStatement(
        ledger="l",
        run="r",
        round=1,
        attempt=1,
        phase="bins",
        group="all",
        roster_digest=roster_digest(["a", "b"]),
        input_digest="00" * 32,
        he_context_digest="11" * 32,
        modulus_bits=40,
    )

    def masked(plain: Any) -> Any:
        added = mask(
            statement,
            name="a",
            static=own,
            ephemeral=own,
            peers={"b": PeerKeys(public, public)},
            tensor="bins",
            length=len(plain),
        )
        return (plain + added) % (1 << 40)

    one, two = rng.integers(0, 900, 50), rng.integers(0, 900, 50)

    assert np.array_equal((masked(one) - masked(two)) % (1 << 40), (one - two) % (1 << 40))
