"""All bytes that cross a counter or the grid in a real run, scanned for every secret there is.

Recorded are the ledger's entries, co-signatures, blobs, notes and Flower messages in both
directions. Looked for are the private keys of all members, every fresh mask key, pieces of every
run's CKKS secret key, the split key, and the numbers that were computed; raw, in hex, in base64.
The weak variants: a member that leaks one of them, once, in each spelling.
"""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from flwr.app import Message
from flwr.common.serde import recorddict_to_proto

import fedcredit as fc
from fedcredit_ledger.canonical import encode
from fedcredit_parties import key_holder as key_holder_module
from fedcredit_parties.ckks import Engine
from fedcredit_parties.mask_keys import MaskKeys
from tests.simulated import parts, small_federation, small_job

PIECE = 24
"""Bytes of a long secret that are looked for at a time."""


class Recording:
    """A run's bytes and secrets."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.secrets: dict[str, bytes] = {}
        self.documents: list[dict[str, Any]] = []

    def record(self, *data: Any) -> None:
        for item in data:
            if isinstance(item, bytes):
                self.sent.append(item)
            elif isinstance(item, list | tuple):
                self.record(*item)


@pytest.fixture(scope="module")
def recording() -> Iterator[Recording]:
    """Carry out one run with every way out recorded."""
    found = Recording()
    patch = pytest.MonkeyPatch()
    _record_fresh_keys(found, patch)
    _record_releases(found, patch)
    with patch.context(), small_federation() as federation:
        _record_windows(found, federation, patch)
        _record_grid(found, federation, patch)
        _record_identities(found, federation)
        federation.run(small_job())
        found.record(*parts(federation).log.leaves())
        yield found
    patch.undo()


def _record_fresh_keys(found: Recording, patch: pytest.MonkeyPatch) -> None:
    honest_fresh, honest_keys = MaskKeys.fresh, Engine.new_keys

    def fresh(self: MaskKeys) -> str:
        public = honest_fresh(self)
        found.secrets[f"mask key {public[:8]}"] = self.get(public).private_bytes_raw()
        return public

    def new_keys(self: Engine, parameters: Any) -> Any:
        pair = honest_keys(self, parameters)
        # The head of both contexts is the parameters, which are public; the key comes after it.
        for i, start in enumerate(range(20_000, len(pair.secret) - PIECE, 9_973)):
            found.secrets[f"CKKS key, piece {i}"] = pair.secret[start : start + PIECE]
        return pair

    patch.setattr(MaskKeys, "fresh", fresh)
    patch.setattr(Engine, "new_keys", new_keys)


def _record_releases(found: Recording, patch: pytest.MonkeyPatch) -> None:
    honest = key_holder_module.release

    def release(course: Any, sums: Any, memory: Any) -> dict[str, Any]:
        document = honest(course, sums, memory)
        found.documents.append(document)
        return document

    patch.setattr(key_holder_module, "release", release)


def _record_windows(found: Recording, federation: fc.Federation, patch: pytest.MonkeyPatch) -> None:
    def recorded(honest: Any) -> Any:
        def call(*arguments: Any) -> Any:
            found.record(*arguments)
            return honest(*arguments)

        return call

    for window in parts(federation).windows.values():
        for name in ("submit", "cosign", "put_blob", "post"):
            patch.setattr(window, name, recorded(getattr(window, name)))


def _record_grid(found: Recording, federation: fc.Federation, patch: pytest.MonkeyPatch) -> None:
    apps = parts(federation).grid._apps
    for name, honest in list(apps.items()):

        def answer(message: Message, context: Any, honest: Any = honest) -> Message:
            found.record(recorddict_to_proto(message.content).SerializeToString())
            reply: Message = honest(message, context)
            found.record(recorddict_to_proto(reply.content).SerializeToString())
            return reply

        patch.setitem(apps, name, answer)


def _record_identities(found: Recording, federation: fc.Federation) -> None:
    for name, identity in parts(federation).identities.items():
        found.secrets[f"signing key of {name}"] = identity.signing.seed
        found.secrets[f"witness key of {name}"] = identity.witness.seed
        found.secrets[f"recovery key of {name}"] = identity.recovery.seed
        found.secrets[f"static mask key of {name}"] = identity.mask_key.private_bytes_raw()
        scalar = identity.node.private_numbers().private_value
        found.secrets[f"node key of {name}"] = scalar.to_bytes(48, "big")
    found.secrets["split key"] = parts(federation).key_holder._split_key


def spellings(secret: bytes) -> set[bytes]:
    """Return the ways in which a secret may stand in a message."""
    found = {secret, secret[::-1], secret.hex().encode(), secret.hex().upper().encode()}
    for shift in range(3):
        # base64 at each of the three alignments, without the characters that touch neighbours
        for encoded in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encoded(bytes(shift) + secret)[4:-4])
    return found


def leaks(sent: list[bytes], secrets: dict[str, bytes]) -> list[str]:
    """Return the names of the secrets that stand in what was sent."""
    everything = b"\x00".join(sent)
    return [
        name for name, secret in secrets.items() if any(s in everything for s in spellings(secret))
    ]


def test_no_secret_stands_in_any_byte_that_was_sent(recording: Recording) -> None:
    assert sum(map(len, recording.sent)) > 1_000_000
    assert len(recording.secrets) > 50
    assert leaks(recording.sent, recording.secrets) == []


def test_no_released_document_is_sent_in_the_clear(recording: Recording) -> None:
    everything = b"\x00".join(recording.sent)

    assert {d["phase"] for d in recording.documents} == {"quantiles", "bins", "newton", "metrics"}
    for document in recording.documents:
        values = encode(document["values"])
        assert len(values) > 40
        assert all(values[i : i + 40] not in everything for i in range(0, len(values) - 40, 40))


@pytest.mark.parametrize("spell", [bytes, bytes.hex, base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("kind", ["signing key of bank-0", "CKKS key, piece 3", "split key"])
def test_the_scan_finds_a_secret_that_is_sent_once(
    recording: Recording, kind: str, spell: Any
) -> None:
    """The weak variant: a member that lets one secret slip into one message."""
    spelt = spell(recording.secrets[kind])
    spelt = spelt.encode() if isinstance(spelt, str) else spelt
    leaky = b"an innocent beginning " + spelt + b" and an innocent end"

    assert leaks([leaky], recording.secrets) == [kind]


def test_each_mask_key_and_each_run_s_key_is_made_once(recording: Recording) -> None:
    values = list(recording.secrets.values())

    assert len({hashlib.sha256(value).digest() for value in values}) == len(values)
