"""Signed notes and co-signatures, against notes that other programs made."""

import base64
import hashlib
import json
from pathlib import Path

import pytest

from fedcredit_ledger.errors import MalformedEntryError, SignatureError
from fedcredit_ledger.note import (
    COSIGNATURE_V1,
    ED25519,
    CosignatureKey,
    Note,
    Signature,
    SigningKey,
    VerifierKey,
)

VECTORS = Path(__file__).parents[2] / "ledger" / "vectors"
NOTES = json.loads((VECTORS / "N.json").read_text(encoding="utf-8"))["rows"]
BY_ID = {row["id"]: row for row in NOTES}
E1 = json.loads((VECTORS / "E1.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", [r for r in NOTES if "vkey" in r], ids=lambda r: r["id"])
def test_public_notes_verify_and_fail_with_any_bit_of_the_text_changed(row):
    key, signature = VerifierKey.parse(row["vkey"]), Signature.parse(row["line"])
    text = row["text"].encode()

    key.verify(text, signature)
    for position in range(len(text)):
        for bit in range(8):
            changed = bytearray(text)
            changed[position] ^= 1 << bit
            with pytest.raises(SignatureError):
                key.verify(bytes(changed), signature)


def test_any_bit_of_a_signature_changed_is_found():
    row = BY_ID["N1"]
    key, good = VerifierKey.parse(row["vkey"]), Signature.parse(row["line"])

    for position in range(len(good.signature)):
        for bit in range(8):
            raw = bytearray(good.signature)
            raw[position] ^= 1 << bit
            with pytest.raises(SignatureError):
                key.verify(row["text"].encode(), Signature(good.name, good.key_id, bytes(raw)))


def test_our_key_makes_the_signature_that_go_makes():
    row = BY_ID["N2"]
    name, _, rest = row["private"].partition("+")
    seed = base64.b64decode(rest.partition("+")[2])[1:]

    key = SigningKey.from_seed(name, seed)

    assert key.vkey == row["vkey"]
    assert key.sign(row["text"].encode()).line() == row["line"]


@pytest.mark.parametrize("vector", ["C1", "C2"])
def test_our_witness_makes_the_cosignature_that_sunlight_makes(vector):
    row = BY_ID[vector]

    key = CosignatureKey.from_seed(row["name"], hashlib.sha256(row["seed_text"].encode()).digest())

    assert key.cosign(row["text"].encode(), row["time_s"]).line() == row["line"]
    assert key.vkey == row.get("vkey", key.vkey)
    assert key.verifier.time_s(Signature.parse(row["line"])) == 1767139200


def test_the_third_vector_of_rfc_8032():
    message = bytes.fromhex(E1["message"])
    key = VerifierKey.of("rfc", ED25519, bytes.fromhex(E1["public"]))
    signature = Signature("rfc", key.key_id, bytes.fromhex(E1["signature"]))

    key.verify(message, signature)
    assert SigningKey.from_seed("rfc", bytes.fromhex(E1["secret"])).sign(message) == signature
    with pytest.raises(SignatureError):
        key.verify(b"\xae\x82", signature)


def test_a_signature_with_s_beyond_the_group_order_is_refused():
    order = 2**252 + 27742317777372353535851937790883648493
    key = VerifierKey.of("rfc", ED25519, bytes.fromhex(E1["public"]))
    raw = bytes.fromhex(E1["signature"])
    s = int.from_bytes(raw[32:], "little") + order
    twin = raw[:32] + s.to_bytes(32, "little")

    with pytest.raises(SignatureError):
        key.verify(bytes.fromhex(E1["message"]), Signature("rfc", key.key_id, twin))


def test_a_note_survives_encoding():
    key = SigningKey.from_seed("a", bytes(32))
    note = Note(b"x\n\ny\n", (key.sign(b"x\n\ny\n"), key.sign(b"z\n")))

    assert Note.parse(note.encode()) == note


def test_a_line_by_another_key_is_refused_before_it_is_verified():
    one, other = SigningKey.from_seed("a", bytes(32)), SigningKey.from_seed("a", bytes([1] * 32))

    with pytest.raises(SignatureError, match="another key"):
        one.verifier.verify(b"x\n", other.sign(b"x\n"))


def test_an_entry_signature_is_no_cosignature_of_the_same_bytes():
    seed = bytes(32)
    signer = SigningKey.from_seed("a", seed)
    witness = VerifierKey.of("a", COSIGNATURE_V1, signer.verifier.public)
    raw = signer.sign(b"x\n").signature

    with pytest.raises(SignatureError):
        witness.verify(b"x\n", Signature("a", witness.key_id, bytes(8) + raw))


GOOD = Note(b"x\n", (SigningKey.from_seed("a", bytes(32)).sign(b"x\n"),)).encode()


@pytest.mark.parametrize(
    ("data", "defect"),
    [
        (b"", "nothing"),
        (b"x\n\n", "no signature"),
        (GOOD[:-1], "no last newline"),
        (GOOD.replace(b"x\n\n", b"x\n"), "no empty line"),
        (GOOD.replace("\u2014".encode(), b"-"), "a hyphen for the em dash"),
        (GOOD.replace(b"\x94 a ", b"\x94  a "), "two spaces"),
        (GOOD.replace(b"\x94 a ", b"\x94 a+b "), "a plus sign in the name"),
        (GOOD[:-2] + b"!\n", "a character outside base64"),
        (GOOD.replace(b"x\n\n", b"x\t\n\n"), "a tab in the text"),
        (GOOD.replace(b"x\n\n", b"\xff\n\n"), "text that is not UTF-8"),
        (GOOD + GOOD.splitlines(keepends=True)[-1] * 64, "65 signatures"),
        ("x\n\n\u2014 a AAAA\n".encode(), "a key id without a signature"),
        ("x\n\n\u2014 a AAAAAB==\n".encode(), "base64 with loose bits"),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)
def test_malformed_notes_are_refused(data, defect):
    with pytest.raises(MalformedEntryError):
        Note.parse(data)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "a",
        "a+b+c",
        BY_ID["N1"]["vkey"].replace("530d903a", "530d903b"),
        BY_ID["N1"]["vkey"].replace("foo", "bar"),
        BY_ID["N1"]["vkey"][:-4],
        "\udc80" + BY_ID["N1"]["vkey"],
    ],
)
def test_malformed_verifier_keys_are_refused(vkey):
    with pytest.raises(MalformedEntryError):
        VerifierKey.parse(vkey)
