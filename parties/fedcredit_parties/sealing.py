"""Seal bytes to one member's static X25519 key, so that a relay carries what it cannot read.

A fresh X25519 key per sealed message, HKDF-SHA256, AES-256-GCM. The context (who, to whom, about
what) is bound both into the key and as associated data. There is no forward secrecy against theft
of the recipient's static key, which is therefore rotated; and no statement about the sender: a
sealed message that must prove its author is signed outside.

References
----------
RFC 7748 (X25519), RFC 5869 (HKDF), NIST SP 800-38D (GCM).
"""

import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fedcredit_parties.errors import EncryptionError

USE = b"result/v1"

KEY_BYTES = 32
TAG_BYTES = 16
OVERHEAD = KEY_BYTES + TAG_BYTES
"""Bytes that sealing adds."""

_NONCE = bytes(12)  # Every key is used once.


def seal(public_hex: str, data: bytes, *, context: bytes) -> bytes:
    """Seal `data` to the holder of `public_hex`.

    Parameters
    ----------
    public_hex : str
        The recipient's static X25519 key (`mask_key` of the founding entry).
    data : bytes
        What only the recipient shall read.
    context : bytes
        What the message is about; the recipient must know the same to open it.

    Returns
    -------
    bytes
        Fresh public key (32), ciphertext, tag (16).

    Raises
    ------
    EncryptionError
        When `public_hex` is not a key.

    Disclosure
    ----------
    A relay sees the length of `data` and who is written to.
    """
    try:
        recipient = X25519PublicKey.from_public_bytes(bytes.fromhex(public_hex))
        fresh = X25519PrivateKey.generate()
        shared = fresh.exchange(recipient)
    except ValueError:
        raise EncryptionError(
            "the recipient's sealing key is not usable",
            expected="32 bytes in hex, not of low order",
            found="something else",
            remedy="compare the recipient's mask_key with the founding entry",
        ) from None
    head = fresh.public_key().public_bytes_raw()
    key = _key(shared, head, recipient.public_bytes_raw(), context)
    return head + AESGCM(key).encrypt(_NONCE, data, context)


def unseal(private: X25519PrivateKey, data: bytes, *, context: bytes) -> bytes:
    """Open what was sealed to this key under this context.

    Raises
    ------
    EncryptionError
        When the bytes were changed, are for somebody else, or are about something else.
    """
    head, body = data[:KEY_BYTES], data[KEY_BYTES:]
    try:
        if len(body) < TAG_BYTES:
            raise ValueError("too short")
        shared = private.exchange(X25519PublicKey.from_public_bytes(head))
        key = _key(shared, head, private.public_key().public_bytes_raw(), context)
        return AESGCM(key).decrypt(_NONCE, body, context)
    except (ValueError, InvalidTag):
        raise EncryptionError(
            "a sealed message does not open",
            expected="bytes sealed to this member, about this matter, unchanged",
            found="something else",
            remedy="ask the sender to seal it again to the mask_key of the founding entry",
        ) from None


def _key(shared: bytes, fresh: bytes, recipient: bytes, context: bytes) -> bytes:
    salt = hashlib.sha256(USE + fresh + recipient).digest()
    return HKDF(SHA256(), length=32, salt=salt, info=hashlib.sha256(context).digest()).derive(
        shared
    )
