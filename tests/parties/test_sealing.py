"""Sealed bytes open for one member, about one matter, unchanged."""

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from fedcredit_parties.errors import EncryptionError
from fedcredit_parties.sealing import OVERHEAD, seal, unseal

KEY = X25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw().hex()


@settings(max_examples=30)
@given(data=st.binary(max_size=200), context=st.binary(max_size=50))
def test_the_recipient_reads_what_was_sealed(data: bytes, context: bytes) -> None:
    sealed = seal(PUBLIC, data, context=context)

    assert unseal(KEY, sealed, context=context) == data
    assert len(sealed) == len(data) + OVERHEAD


def test_sealing_twice_gives_unrelated_bytes() -> None:
    one, other = (seal(PUBLIC, bytes(64), context=b"c") for _ in range(2))

    assert sum(a == b for a, b in zip(one, other, strict=True)) < len(one) / 4


def test_every_changed_byte_is_noticed() -> None:
    sealed = seal(PUBLIC, b"values", context=b"c")

    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 0x41
        with pytest.raises(EncryptionError):
            unseal(KEY, bytes(changed), context=b"c")


def test_another_context_or_key_does_not_open_it() -> None:
    sealed = seal(PUBLIC, b"values", context=b"run-1")

    with pytest.raises(EncryptionError):
        unseal(KEY, sealed, context=b"run-2")
    with pytest.raises(EncryptionError):
        unseal(X25519PrivateKey.generate(), sealed, context=b"run-1")


@pytest.mark.parametrize("length", [0, 1, 31, 32, 47])
def test_bytes_too_short_to_be_sealed_are_refused(length: int) -> None:
    with pytest.raises(EncryptionError, match="does not open"):
        unseal(KEY, seal(PUBLIC, b"values", context=b"c")[:length], context=b"c")


@pytest.mark.parametrize("public", ["", "00" * 32, "aa" * 31, "no hex"])
def test_nothing_is_sealed_to_what_is_no_key(public: str) -> None:
    with pytest.raises(EncryptionError, match="sealing key"):
        seal(public, b"values", context=b"c")
