"""A signed request to the front: who asks, for what, when, once.

A request is signed with the party's Ed25519 key, the same that signs its ledger entries; the first
line of the signed text keeps the two apart. The text is eight lines, each ended by a newline::

    fedcredit-front-request/v1
    <origin of the ledger>
    <party>
    <method>
    <path with query, as it stands on the wire>
    <SHA-256 of the body, hex>
    <time, as in the ledger>
    <nonce, 32 hex digits>

The origin keeps a request for one federation from being used at another. Client and front build
the text with the same function; nothing else of a request is believed.
"""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from fedcredit_ledger.entry import HEX_DIGEST, PARTY_NAME, format_time, parse_time
from fedcredit_ledger.errors import MalformedEntryError
from fedcredit_ledger.note import Signature, SigningKey, VerifierKey, decode_base64
from fedcredit_parties.errors import MalformedMessageError

FIRST_LINE = "fedcredit-front-request/v1"

CLOCK_WINDOW_S = 120
"""How far the two clocks may differ; a nonce is remembered for as long."""

PARTY, TIME, NONCE, BODY, SIGNATURE = (
    "fedcredit-party",
    "fedcredit-time",
    "fedcredit-nonce",
    "fedcredit-body",
    "fedcredit-signature",
)
"""Names of the five headers, in lower case."""

MORE = "fedcredit-more"
"""Header of an answer that is one page of several."""

MAX_BLOB_BYTES = 64 * 2**20
MAX_NOTE_BYTES = 65_536
MAX_ENTRIES = 64
MAX_ENTRIES_BYTES = MAX_ENTRIES * 20_000
MAX_COSIGNATURE_BYTES = 8_192

_NONCE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True)
class SignedRequest:
    """The five headers of a request.

    Attributes
    ----------
    party : str
        Who asks.
    time : str
        The party's clock.
    nonce : str
        32 hex digits, never used again.
    body_digest : str
        SHA-256 of the body, in hex.
    signature : bytes
        Key id and Ed25519 signature.
    """

    party: str
    time: str
    nonce: str
    body_digest: str
    signature: bytes

    @classmethod
    def sign(
        cls,
        key: SigningKey,
        *,
        origin: str,
        method: str,
        target: str,
        body_digest: str,
        now: datetime,
        nonce: str,
    ) -> Self:
        """Sign a request as the party that the key is named after."""
        time = format_time(now)
        signed = key.sign(_text(origin, key.name, method, target, body_digest, time, nonce))
        return cls(
            party=key.name,
            time=time,
            nonce=nonce,
            body_digest=body_digest,
            signature=signed.key_id + signed.signature,
        )

    def headers(self) -> dict[str, str]:
        """Return the headers."""
        return {
            PARTY: self.party,
            TIME: self.time,
            NONCE: self.nonce,
            BODY: self.body_digest,
            SIGNATURE: base64.b64encode(self.signature).decode(),
        }

    @classmethod
    def parse(cls, headers: Iterable[tuple[bytes, bytes]]) -> Self:
        """Read the headers, each of which stands exactly once.

        Raises
        ------
        MalformedMessageError
            Without saying which one is wrong.
        """
        found: dict[str, str] = {}
        for name, value in headers:
            known = name.decode("latin-1").lower()
            if known in (PARTY, TIME, NONCE, BODY, SIGNATURE):
                if known in found:
                    raise _unsigned()
                found[known] = value.decode("latin-1")
        try:
            request = cls(
                party=found[PARTY],
                time=found[TIME],
                nonce=found[NONCE],
                body_digest=found[BODY],
                signature=decode_base64(found[SIGNATURE]),
            )
            parse_time(request.time)
        except (KeyError, ValueError, MalformedEntryError):
            raise _unsigned() from None
        if not (
            PARTY_NAME.fullmatch(request.party)
            and _NONCE.fullmatch(request.nonce)
            and HEX_DIGEST.fullmatch(request.body_digest)
            and len(request.signature) == 68
        ):
            raise _unsigned()
        return request

    def verify(self, key: VerifierKey, *, origin: str, method: str, target: str) -> None:
        """Check the signature over a request as it arrived.

        Raises
        ------
        SignatureError
            When it is by another key or over another request.
        """
        text = _text(origin, self.party, method, target, self.body_digest, self.time, self.nonce)
        key.verify(text, Signature(self.party, self.signature[:4], self.signature[4:]))


def _text(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in (FIRST_LINE, *lines)).encode()


def _unsigned() -> MalformedMessageError:
    return MalformedMessageError("a request to the front is not signed")
