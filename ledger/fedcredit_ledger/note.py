"""Signed notes: text that several keys can sign, as C2SP writes it.

A note is UTF-8 text, an empty line, and one line per signature: an em dash, the key's name, and
base64 of a four-byte key id and the signature. Entries of the ledger, its checkpoints and the
witnesses' co-signatures are all notes, so Go's ``note`` package or OpenSSL can check them.

References
----------
c2sp.org/signed-note; c2sp.org/tlog-cosignature (cosignature/v1); RFC 8032 for Ed25519.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from fedcredit_ledger.errors import MalformedEntryError, SignatureError

ED25519 = 0x01
COSIGNATURE_V1 = 0x04

MAX_SIGNATURES = 64
MAX_NOTE_BYTES = 1_000_000

_DASH = "\u2014 "
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f\ud800-\udfff]{1,255}")
_CONTROLS = bytes({*range(32), 127} - {ord("\n")})


@dataclass(frozen=True)
class Signature:
    """One signature line.

    Attributes
    ----------
    name : str
        Name of the key.
    key_id : bytes
        Four bytes that tell keys of one name apart.
    signature : bytes
        64 bytes; a co-signature has eight bytes of time before them.
    """

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """Return the line without its newline."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}"

    @classmethod
    def parse(cls, line: str) -> "Signature":
        """Read one line.

        Raises
        ------
        MalformedEntryError
        """
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] + " " != _DASH:
            raise MalformedEntryError("a signature line is an em dash, a name and base64")
        raw = decode_base64(parts[2])
        if _NAME.fullmatch(parts[1]) is None or len(raw) < 5:
            raise MalformedEntryError("a signature line has a bad key name or no signature")
        return cls(parts[1], raw[:4], raw[4:])


@dataclass(frozen=True)
class Note:
    """A text and its signatures, in order.

    Parameters
    ----------
    text : bytes
        UTF-8, ending in a newline.
    signatures : tuple of Signature
    """

    text: bytes
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """Return the bytes of the note."""
        lines = "".join(signature.line() + "\n" for signature in self.signatures)
        return self.text + b"\n" + lines.encode()

    @classmethod
    def parse(cls, data: bytes) -> "Note":
        """Read a note; nothing is verified yet.

        Raises
        ------
        MalformedEntryError
        """
        if len(data) > MAX_NOTE_BYTES:
            raise MalformedEntryError(
                "a note is too large",
                expected=f"at most {MAX_NOTE_BYTES} bytes",
                found=f"{len(data)} bytes",
            )
        cut = data.rfind(b"\n\n")
        if cut < 0 or not data.endswith(b"\n"):
            raise MalformedEntryError("a note is text, an empty line and signature lines")
        try:
            text, tail = data[: cut + 1], data[cut + 2 :].decode()
            text.decode()
            if len(text.translate(None, _CONTROLS)) != len(text):
                raise MalformedEntryError("a note's text holds a control character")
        except UnicodeDecodeError as error:
            raise MalformedEntryError("a note is not UTF-8") from error
        lines = tail.split("\n")[:-1]
        if not 1 <= len(lines) <= MAX_SIGNATURES:
            raise MalformedEntryError(
                "a note has too few signatures, or too many",
                expected=f"1 to {MAX_SIGNATURES}",
                found=f"{len(lines)}",
            )
        return cls(text, tuple(Signature.parse(line) for line in lines))


@dataclass(frozen=True)
class VerifierKey:
    """A public key with its name, written ``name+hash+base64`` (a vkey).

    Attributes
    ----------
    name : str
    key_id : bytes
        SHA-256(name, newline, type, key)[:4].
    type : int
        1 for Ed25519 signatures, 4 for co-signatures of checkpoints.
    public : bytes
        32 bytes.
    """

    name: str
    key_id: bytes
    type: int
    public: bytes

    @classmethod
    def parse(cls, vkey: str) -> "VerifierKey":
        """Read a vkey.

        Raises
        ------
        MalformedEntryError
        """
        return _parse_vkey(vkey)

    @classmethod
    def of(cls, name: str, kind: int, public: bytes) -> "VerifierKey":
        """Name a public key.

        Raises
        ------
        MalformedEntryError
            When the name holds a space or a plus sign.
        """
        if _NAME.fullmatch(name) is None:
            raise MalformedEntryError("a key name holds no white space and no plus sign")
        key_id = hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]
        return cls(name, key_id, kind, public)

    @cached_property
    def vkey(self) -> str:
        """The key as text."""
        tail = base64.b64encode(bytes([self.type]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{tail}"

    def owns(self, signature: Signature) -> bool:
        """Tell whether the line claims to be by this key."""
        return signature.name == self.name and signature.key_id == self.key_id

    def verify(self, text: bytes, signature: Signature) -> None:
        """Check one signature over `text`.

        Raises
        ------
        SignatureError
            When the line is by another key, or does not verify.
        """
        if not self.owns(signature):
            raise SignatureError(
                "a signature is by another key",
                party=self.name,
                expected=f"{self.name} {self.key_id.hex()}",
                found=f"{signature.name} {signature.key_id.hex()}",
            )
        if not _verifies(*self.claim(text, signature)):
            raise SignatureError(f"a signature of {self.name} does not verify", party=self.name)

    def claim(self, text: bytes, signature: Signature) -> tuple[bytes, bytes, bytes]:
        """Return public key, signature (64 bytes) and message: what Ed25519 has to judge.

        Raises
        ------
        SignatureError
            When the line is too short or too long.
        """
        message, raw = text, signature.signature
        if self.type == COSIGNATURE_V1:
            message, raw = cosigned_message(text, self.time_s(signature)), raw[8:]
        if len(raw) != 64:
            raise SignatureError(f"a signature of {self.name} does not verify", party=self.name)
        return self.public, raw, message

    def time_s(self, signature: Signature) -> int:
        """Return the time (Unix seconds) that a co-signature states.

        Raises
        ------
        SignatureError
            When the line is too short to be a co-signature.
        """
        if self.type != COSIGNATURE_V1 or len(signature.signature) != 72:
            raise SignatureError(f"a line of {self.name} is no co-signature", party=self.name)
        return int.from_bytes(signature.signature[:8], "big")


class SigningKey:
    """An Ed25519 key that signs entries, checkpoints or inbox notes.

    Parameters
    ----------
    name : str
        Name of the key: the party, or the ledger's origin for its log key.
    seed : bytes
        The 32 secret bytes.

    Disclosure
    ----------
    `seed` is the whole secret. Nothing in this package writes it anywhere.
    """

    kind = ED25519

    def __init__(self, name: str, seed: bytes) -> None:
        if len(seed) != 32:
            raise ValueError("an Ed25519 seed has 32 bytes")
        self.seed = seed
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = VerifierKey.of(
            name, self.kind, self._private.public_key().public_bytes_raw()
        )

    @classmethod
    def generate(cls, name: str) -> "SigningKey":
        """Make a new key from the system's randomness."""
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def from_seed(cls, name: str, seed: bytes) -> "SigningKey":
        """Make the key of a stored seed."""
        return cls(name, seed)

    @property
    def name(self) -> str:
        """Name of the key."""
        return self.verifier.name

    @property
    def vkey(self) -> str:
        """The public half as text."""
        return self.verifier.vkey

    def sign(self, text: bytes) -> Signature:
        """Sign the text of a note."""
        return Signature(self.name, self.verifier.key_id, self._private.sign(text))


class CosignatureKey:
    """A witness's key: it signs checkpoints and the time at which it saw them.

    Parameters
    ----------
    name : str
        Name of the witness.
    seed : bytes
        The 32 secret bytes; never those of the signing key.
    """

    kind = COSIGNATURE_V1

    def __init__(self, name: str, seed: bytes) -> None:
        if len(seed) != 32:
            raise ValueError("an Ed25519 seed has 32 bytes")
        self.seed = seed
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = VerifierKey.of(
            name, self.kind, self._private.public_key().public_bytes_raw()
        )

    @classmethod
    def generate(cls, name: str) -> "CosignatureKey":
        """Make a new key from the system's randomness."""
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def from_seed(cls, name: str, seed: bytes) -> "CosignatureKey":
        """Make the key of a stored seed."""
        return cls(name, seed)

    @property
    def name(self) -> str:
        """Name of the witness."""
        return self.verifier.name

    @property
    def vkey(self) -> str:
        """The public half as text."""
        return self.verifier.vkey

    def cosign(self, checkpoint_text: bytes, time_s: int) -> Signature:
        """Sign a checkpoint's text at a time in Unix seconds."""
        raw = self._private.sign(cosigned_message(checkpoint_text, time_s))
        return Signature(self.name, self.verifier.key_id, time_s.to_bytes(8, "big") + raw)


def cosigned_message(checkpoint_text: bytes, time_s: int) -> bytes:
    """Return what a witness signs (cosignature/v1)."""
    return b"cosignature/v1\ntime %d\n" % time_s + checkpoint_text


def decode_base64(text: str) -> bytes:
    """Decode standard base64 that encodes back to itself.

    Raises
    ------
    MalformedEntryError
    """
    try:
        raw = binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedEntryError("bad base64") from error
    if binascii.b2a_base64(raw, newline=False).decode() != text:
        raise MalformedEntryError("base64 that is not the one spelling of its bytes")
    return raw


@lru_cache(maxsize=1024)
def _parse_vkey(vkey: str) -> VerifierKey:
    name, _, rest = vkey.partition("+")
    claimed, _, tail = rest.partition("+")
    raw = decode_base64(tail)
    if len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE_V1):
        raise MalformedEntryError(
            "a verifier key is of a type that is unknown here",
            expected="33 bytes, the first 1 or 4 (Ed25519)",
            found=f"{len(raw)} bytes, the first {raw[0] if raw else 'none'}",
        )
    key = VerifierKey.of(name, raw[0], raw[1:])
    if key.key_id.hex() != claimed:
        raise MalformedEntryError(
            "a verifier key's id is not the hash of its name and key",
            expected=key.key_id.hex(),
            found=ascii(claimed[:16]),
        )
    return key


@lru_cache(maxsize=1024)
def _public_key(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)


# A pure function of its arguments: several members in one process check the same line once.
@lru_cache(maxsize=8192)
def _verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        _public_key(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True
