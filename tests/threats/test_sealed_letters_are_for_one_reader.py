"""Releases and letters open for their one recipient, unchanged, about their own matter.

The front relays all of them, may deliver any to anybody, and may change every byte. The weak
variant is a release without a commitment: a key holder could tell each bank another point.
"""

import random
from collections.abc import Iterator
from typing import Any

import pytest

import fedcredit as fc
from fedcredit_ledger.canonical import encode
from fedcredit_ledger.entry import commit
from fedcredit_ledger.note import Note
from fedcredit_parties.errors import EncryptionError, InputNotReleasedError, MalformedMessageError
from fedcredit_parties.identity import Identity
from fedcredit_parties.mailbox import HEADER
from fedcredit_parties.releases import open_release, seal_release
from fedcredit_parties.sealing import seal
from tests.simulated import parts, small_federation, small_job

ABOUT = {"run_id": "run-1", "opened": "ab" * 32, "recipient": "bank-0"}
DOCUMENT = {"outcome": "continue", "phase": "newton", "values": {"n_clipped": 0, "point": [1, 2]}}


@pytest.fixture(scope="module")
def bank() -> Identity:
    return Identity.generate("bank-0", ("data-holder",))


@pytest.fixture(scope="module")
def sealed(bank: Identity) -> tuple[bytes, str]:
    """Return a release sealed to bank-0 and the ledger's commitment to it."""
    commitment, salt = commit("result", DOCUMENT)
    return seal_release(DOCUMENT, salt, **ABOUT, mask_key=bank.mask_hex), commitment


def test_the_recipient_reads_what_the_ledger_commits_to(
    bank: Identity, sealed: tuple[bytes, str]
) -> None:
    blob, commitment = sealed

    assert open_release(blob, **ABOUT, key=bank.mask_key, commitment=commitment) == DOCUMENT


def test_another_bank_cannot_open_it(sealed: tuple[bytes, str]) -> None:
    blob, commitment = sealed
    other = Identity.generate("bank-1", ("data-holder",))

    with pytest.raises(EncryptionError):
        open_release(blob, **ABOUT, key=other.mask_key, commitment=commitment)


@pytest.mark.parametrize("word", sorted(ABOUT))
def test_a_release_about_something_else_does_not_open(
    bank: Identity, sealed: tuple[bytes, str], word: str
) -> None:
    blob, commitment = sealed

    with pytest.raises(EncryptionError):
        open_release(
            blob, **{**ABOUT, word: "something-else"}, key=bank.mask_key, commitment=commitment
        )


def test_a_changed_byte_anywhere_does_not_open(bank: Identity, sealed: tuple[bytes, str]) -> None:
    blob, commitment = sealed
    for place in range(len(blob)):
        changed = bytearray(blob)
        changed[place] ^= 1 << (place % 8)

        with pytest.raises(EncryptionError):
            open_release(bytes(changed), **ABOUT, key=bank.mask_key, commitment=commitment)


@pytest.mark.parametrize("length", [0, 1, 31, 32, 47, 48])
def test_a_cut_release_does_not_open(
    bank: Identity, sealed: tuple[bytes, str], length: int
) -> None:
    with pytest.raises(EncryptionError):
        open_release(sealed[0][:length], **ABOUT, key=bank.mask_key, commitment=sealed[1])


def test_a_properly_sealed_other_document_is_not_believed(
    bank: Identity, sealed: tuple[bytes, str]
) -> None:
    other = {**DOCUMENT, "values": {"n_clipped": 0, "point": [1, 3]}}
    forged = seal_release(other, commit("result", other)[1], **ABOUT, mask_key=bank.mask_hex)

    with pytest.raises(InputNotReleasedError):
        open_release(forged, **ABOUT, key=bank.mask_key, commitment=sealed[1])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b'{"document":{},"salt":"x","x":1}',
        b'{"document":{}}',
        b'{"a":1.5}',
        b'{"document":[],"salt":"x"}',
        b'{"document":{},"salt":3}',
        b"\xff",
    ],
)
def test_sealed_nonsense_is_a_named_error(bank: Identity, content: bytes) -> None:
    words = ["fedcredit-release/v1", ABOUT["run_id"], ABOUT["opened"], ABOUT["recipient"]]
    blob = seal(bank.mask_hex, content, context=encode(words))

    with pytest.raises((MalformedMessageError, InputNotReleasedError)):
        open_release(blob, **ABOUT, key=bank.mask_key, commitment="00" * 32)


def test_without_the_commitment_each_bank_could_be_told_another_point(bank: Identity) -> None:
    """The weak variant: two honestly sealed documents, and nothing to tell them apart by."""
    read = []
    for point in ([1, 2], [1, 3]):
        document = {**DOCUMENT, "values": {"n_clipped": 0, "point": point}}
        own_commitment, salt = commit("result", document)
        blob = seal_release(document, salt, **ABOUT, mask_key=bank.mask_hex)
        read.append(open_release(blob, **ABOUT, key=bank.mask_key, commitment=own_commitment))

    assert read[0] != read[1]


# Letters


@pytest.fixture(scope="module")
def federation() -> Iterator[fc.Federation]:
    with small_federation() as federation:
        yield federation


def _note(federation: fc.Federation, sender: str, head: Any) -> bytes:
    """Sign any head with a true member's key: the sender is bribed, not forged."""
    text = HEADER + encode(head) + b"\n"
    return Note(text, (parts(federation).identities[sender].signing.sign(text),)).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"sender": ["bank-1"]},
        {"sender": {"a": 1}},
        {"sender": 7},
        {"recipient": "bank-2"},
        {"kind": ["open-please"]},
        {"run_id": ["x"]},
        {"run_id": 1},
        {"body": "not base64!", "sealed": True},
        {"body": "AAAA", "sealed": True},
        {"body": 5, "sealed": True},
        {"body": [1], "sealed": False},
        {"extra": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("recipient", ["key-holder", "bank-0", "coordinator", "analyst"])
def test_a_bribed_bank_s_malformed_letter_ends_nobody(
    federation: fc.Federation, recipient: str, changes: dict[str, Any]
) -> None:
    head = {
        "body": {},
        "kind": "open-please",
        "recipient": recipient,
        "run_id": "x",
        "sealed": False,
        "sender": "bank-1",
    } | changes
    sim = parts(federation)
    members = {
        "key-holder": sim.key_holder.member,
        "bank-0": sim.holders["bank-0"].member,
        "coordinator": sim.coordinator.member,
        "analyst": sim.requester.member,
    }
    box = members[recipient].mailbox
    before = len(box.refused)

    sim.desk.post(recipient, _note(federation, "bank-1", head))
    box.collect()

    assert len(box.refused) == before + 1
    assert members[recipient].crash is None


@pytest.mark.parametrize(
    ("run_id", "parameters"),
    [
        ("", "wide"),
        ("../../etc", "wide"),
        ("A B", "wide"),
        ("r" * 65, "wide"),
        ("run-x", "weak"),
        ("run-x", "WIDE"),
    ],
)
def test_asking_for_a_nonsensical_context_ends_nothing(
    federation: fc.Federation, run_id: str, parameters: str
) -> None:
    sim = parts(federation)
    sim.requester.member.mailbox.send(
        "key-holder", "context-please", {"parameters": parameters}, run_id=run_id
    )

    assert federation.run(small_job(features=("income",))).history["outcome"].iloc[-1] == "done"
    assert run_id not in sim.key_holder.member.ledger.state.contexts


def test_random_bytes_in_every_inbox_end_nobody(federation: fc.Federation) -> None:
    rng = random.Random(9)
    sim = parts(federation)
    good = _note(
        federation,
        "bank-1",
        {
            "body": {},
            "kind": "k",
            "recipient": "key-holder",
            "run_id": "",
            "sealed": False,
            "sender": "bank-1",
        },
    )
    for _ in range(60):
        changed = bytearray(good)
        changed[rng.randrange(len(good))] ^= 1 << rng.randrange(8)
        for name in sim.windows:
            sim.desk.post(name, bytes(changed))
            sim.desk.post(name, rng.randbytes(rng.randrange(200)))
            sim.desk.post(name, b"x" * 70_000)

    assert federation.run(small_job()).history["outcome"].iloc[-1] == "done"
    sim.check()
    letters = sim.key_holder.member.mailbox.all(lambda x: x.kind == "k")
    assert letters == []
