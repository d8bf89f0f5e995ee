"""Trust does not start at the coordinator: what is not chained to the pins is refused.

The attack is the classic one on secure aggregation: the coordinator founds a second federation in
which it plays all the other banks, or swaps one key in the true one. The weak variant is a bank
that trusts the founding entry it is shown: it sends its numbers to two masks that the coordinator
holds.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

import fedcredit as fc
from fedcredit.simulation import ORIGIN, Simulation
from fedcredit_ledger.errors import BrokenChainError, LedgerError, RejectedEntryError
from fedcredit_parties.ckks import WIDE, Engine
from fedcredit_parties.errors import (
    EncryptionError,
    UntrustedFederationError,
)
from fedcredit_parties.identity import Identity
from fedcredit_parties.masks import MaskStatement, PeerKeys, mask, roster_digest
from fedcredit_parties.member import Member
from fedcredit_parties.trust import Trust
from tests.simulated import newest_run, parts, small_federation, small_job


@pytest.fixture(scope="module")
def true() -> Iterator[fc.Federation]:
    with small_federation() as federation:
        yield federation


@pytest.fixture(scope="module")
def false() -> Iterator[fc.Federation]:
    """A federation with the same names in which every key is somebody else's."""
    with small_federation() as federation:
        yield federation


def _join(where: Simulation, trust: Trust, who: Simulation | None = None) -> Member:
    """Let bank-0 meet a front, with its own keys and pins."""
    return Member(
        identity=(who or where).identities["bank-0"],
        origin=ORIGIN,
        trust=trust,
        front=where.desk.window("bank-0"),
    )


def test_an_unpinned_federation_is_refused(true: fc.Federation, false: fc.Federation) -> None:
    pins = parts(true).trust("bank-0")

    with pytest.raises(BrokenChainError, match="pinned founding entry"):
        _join(parts(false), pins, who=parts(true))


@pytest.mark.parametrize("who", ["key_holder", "bank-1", "bank-2"])
def test_a_founder_whose_key_is_not_the_pinned_one_is_refused(
    true: fc.Federation, false: fc.Federation, who: str
) -> None:
    """Pins that disagree with the founding entry: one was told wrongly, or one is forged."""
    pins = parts(true).trust("bank-0")
    other = parts(false).trust("bank-0")
    if who == "key_holder":
        pins = dataclasses.replace(pins, key_holder=other.key_holder)
    else:
        pins = dataclasses.replace(pins, peers={**pins.peers, who: other.peers[who]})

    with pytest.raises(UntrustedFederationError) as refused:
        _join(parts(true), pins)

    assert refused.value.party == who.replace("_", "-")
    assert "telephone" in refused.value.remedy


def test_a_bank_that_nobody_pinned_is_refused(true: fc.Federation) -> None:
    pins = parts(true).trust("bank-0")
    fewer = {name: key for name, key in pins.peers.items() if name != "bank-2"}

    with pytest.raises(UntrustedFederationError) as refused:
        _join(parts(true), dataclasses.replace(pins, peers=fewer))

    assert refused.value.party == "bank-2"


def test_a_pinned_bank_that_is_missing_is_noticed(true: fc.Federation) -> None:
    pins = parts(true).trust("bank-0")
    more = {**pins.peers, "bank-9": pins.peers["bank-1"]}

    with pytest.raises(UntrustedFederationError) as refused:
        _join(parts(true), dataclasses.replace(pins, peers=more))

    assert refused.value.party == "bank-9"


def test_the_right_pins_are_accepted(true: fc.Federation) -> None:
    assert _join(parts(true), parts(true).trust("bank-0")).name == "bank-0"


def test_only_the_pinned_key_holder_can_publish_a_context(true: fc.Federation) -> None:
    """A context of the coordinator's own would be a key of its own."""
    ledger = parts(true).coordinator.member.ledger
    context = {
        "run_id": "a-run-of-its-own",
        "context_digest": "ab" * 32,
        "scheme": "ckks",
        "poly_modulus_degree": 8192,
        "coeff_bits": [60, 40, 60],
        "scale_bits": 40,
        "security_bits": 128,
    }

    with pytest.raises(RejectedEntryError) as refused:
        ledger.append("he-context-published", context)

    assert refused.value.code == "not-permitted"


def test_context_bytes_that_are_not_the_published_ones_are_refused(
    true: fc.Federation, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The front hands a bank another context under the published digest."""
    window = parts(true).windows["bank-0"]
    honest = window.get_blob
    own = engine.new_keys(WIDE)

    def swapped(digest: str) -> bytes:
        run = newest_run(true)
        return own.public if digest == run.proposal["he_context_digest"] else honest(digest)

    monkeypatch.setattr(window, "get_blob", swapped)
    with pytest.raises(EncryptionError) as refused:
        true.run(small_job())

    run = newest_run(true)
    assert refused.value.party == "bank-0"
    assert run.failure == "ContextMismatchError"
    assert "bank-0" not in run.rounds[0].contributions


def test_an_entry_signed_by_another_key_is_not_believed(
    true: fc.Federation, false: fc.Federation
) -> None:
    """The coordinator writes a grant in bank-1's name, with a key it made."""
    forger = parts(false).holders["bank-1"].member.ledger
    victim = parts(true).holders["bank-1"].member.ledger
    signed: list[bytes] = []

    def keep(notes: list[bytes]) -> Any:
        signed.extend(notes)
        raise LedgerError("kept")

    forged = type(victim)(
        key=forger.key,
        origin=ORIGIN,
        founding_entry=parts(true).founding_entry,
        front=parts(true).desk.window("bank-1"),
        clock=victim.clock,
    )
    forged.refresh()
    forged.front.submit = keep  # type: ignore[method-assign]
    with pytest.raises(LedgerError, match="kept"):
        forged.append("grant-revoked", {"grant_id": "bank-1-modelling-0", "reason": "withdrawn"})
    (outcome,) = parts(true).log.submit(signed)

    assert outcome.code in ("wrong-key", "bad-signature")


def test_a_letter_by_another_key_is_dropped(true: fc.Federation, false: fc.Federation) -> None:
    """Somebody who calls itself the key holder sends a split key of its own choice."""
    box = parts(true).holders["bank-0"].member.mailbox
    before = len(box.refused)
    sender = parts(false).key_holder.member.mailbox
    posted: list[bytes] = []
    front = sender._front
    honest = front.post
    front.post = lambda recipient, note: posted.append(note)  # type: ignore[method-assign]
    try:
        sender.send("bank-0", "split-key", {"split_key": "00" * 32})
    finally:
        front.post = honest  # type: ignore[method-assign]
    parts(true).desk.post("bank-0", posted[0])
    box.collect()

    assert len(box.refused) == before + 1
    assert [x.body for x in box.all(lambda x: x.body.get("split_key") == "00" * 32)] == []


def test_a_founder_is_not_coordinator_and_key_holder() -> None:
    """Both locks in one hand."""
    with pytest.raises(ValueError, match="both locks"):
        Identity.generate("one", ("coordinator", "key-holder"))


# The weak variant


def test_a_bank_that_trusts_what_it_is_shown_gives_its_numbers_to_the_coordinator(
    engine: Engine,
) -> None:
    """Two of the three banks are the coordinator: their masks come off, the rest is bank-0."""
    rng = np.random.default_rng(4)
    plain = rng.integers(0, 500, 200)
    names = ("bank-0", "bank-1", "bank-2")
    static = {name: X25519PrivateKey.generate() for name in names}
    fresh = {name: X25519PrivateKey.generate() for name in names}
    public = {
        name: PeerKeys(
            static[name].public_key().public_bytes_raw().hex(),
            fresh[name].public_key().public_bytes_raw().hex(),
        )
        for name in names
    }
    statement = MaskStatement(
        ledger=ORIGIN,
        run="r",
        round=1,
        attempt=1,
        phase="bins",
        group="all",
        roster_digest=roster_digest(names),
        input_digest="00" * 32,
        he_context_digest="11" * 32,
        modulus_bits=WIDE.modulus_bits,
    )

    def mask_of(name: str) -> Any:
        return mask(
            statement,
            name=name,
            static=static[name],
            ephemeral=fresh[name],
            peers={peer: keys for peer, keys in public.items() if peer != name},
            tensor="bins",
            length=200,
        )

    keys = engine.new_keys(WIDE)  # the false key holder is the coordinator, too
    modulus = 1 << WIDE.modulus_bits
    sent = engine.encrypt(WIDE, keys.public, (plain + mask_of("bank-0")) % modulus)
    opened = engine.open(WIDE, keys.secret, sent, length=200, n_parties=1)
    read = (opened + mask_of("bank-1") + mask_of("bank-2")) % modulus

    assert np.array_equal(read, plain)
