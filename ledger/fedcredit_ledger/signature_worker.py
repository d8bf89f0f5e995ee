"""Verifies Ed25519 signatures in a process of its own: bytes in, a verdict a signature out.

``python -m fedcredit_ledger.signature_worker`` reads frames from its standard input until that
ends. A frame is a number of bytes (4, big-endian) and then key (32), signature (64), length of the
message (4, big-endian) and message, one after the other. The answer to a frame is one byte for each
signature in it, 1 for good. Nothing else is read, and nothing is run that came in.
"""

import sys
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Claim = tuple[bytes, bytes, bytes]
"""Public key (32 bytes), signature (64 bytes), message."""


def frame(claims: Iterable[Claim]) -> bytes:
    """Return the bytes that ask for these verdicts."""
    parts = [b""]
    for public, signature, message in claims:
        parts += [public, signature, len(message).to_bytes(4, "big"), message]
    parts[0] = sum(map(len, parts)).to_bytes(4, "big")
    return b"".join(parts)


def claims_of(body: bytes) -> Iterator[Claim]:
    """Yield what a frame asks, without its first four bytes."""
    at = 0
    while at < len(body):
        end = at + 100 + int.from_bytes(body[at + 96 : at + 100], "big")
        yield body[at : at + 32], body[at + 32 : at + 96], body[at + 100 : end]
        at = end


def verdicts(claims: Iterable[Claim]) -> bytes:
    """Verify signatures; return one byte for each, 1 for good."""
    keys: dict[bytes, Ed25519PublicKey] = {}
    found = bytearray()
    for public, signature, message in claims:
        try:
            key = keys.get(public)
            if key is None:
                key = keys[public] = Ed25519PublicKey.from_public_bytes(public)
            key.verify(signature, message)
            found.append(1)
        except (InvalidSignature, ValueError):  # ValueError: the bytes are no key
            found.append(0)
    return bytes(found)


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer frames until there are no more."""
    while len(length := source.read(4)) == 4:
        sink.write(verdicts(claims_of(source.read(int.from_bytes(length, "big")))))
        sink.flush()


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
