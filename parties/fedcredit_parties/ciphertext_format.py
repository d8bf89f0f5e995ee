"""Read foreign ciphertexts and contexts before the library does.

TenSEAL's loader trusts what it is given: twelve bytes can kill a process, half a megabyte can grow
to gigabytes, a missing size or a scale of NaN is accepted. So every byte that came from outside
passes this parser first, which accepts exactly the one form that our own writer produces::

    ciphertext  = 1: packed sizes, exactly [slots] · 2: one SEAL blob · 3: our scale, bit for bit
    context     = 1: SEAL blob of the parameters · 2: (1: SEAL blob of the public key ·
                  2: settings · 3: our scale) · nothing else; field 3 would be a secret key
    SEAL blob   = 16-byte header (magic, version, compression, size) · one Zstandard frame

The Zstandard frame must state its content's size, which must be the size that the parameters
prescribe; and since nobody need believe a statement, its blocks are walked too: a block holds at
most 128 KiB, so few blocks cannot become many bytes. Inside the frame the first 97 bytes are SEAL's
own description of the object; they are the same for every object of one parameter set, and
`ckks_child` compares them with its own (a nested compression there ends the process inside SEAL).
What remains are coefficients, whose range SEAL checks. Pure; no import of TenSEAL.

References
----------
Protocol Buffers encoding; SEAL 4 `serialization.h`; RFC 8878, 3.1.1 (Zstandard frames).
"""

import struct
from dataclasses import dataclass

from fedcredit_parties.errors import (
    ContextMismatchError,
    MalformedMessageError,
    SecretKeyExposedError,
)

SEAL_HEADER = struct.Struct("<HBBBBHQ")
SEAL_MAGIC = 0xA15E
SEAL_VERSION = (4, 3)
SEAL_ZSTD = 2

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
BLOCK_BYTES = 128 * 1024

# What SEAL stores before the coefficients of a ciphertext or public key, uncompressed: identifier
# of the parameters, form, counts, scale, correction factor, header of the array.
DESCRIPTION_BYTES = 97
MAX_PARAMETER_BYTES = 1024
# TenSEAL's three automatic switches (relinearise, rescale, switch modulus), all on.
SETTINGS = 7

_DOUBLE = struct.Struct("<d")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a parameter set prescribes for bytes on the wire.

    Attributes
    ----------
    degree, n_moduli : int
        Ring degree N and number of coefficient moduli, the special one included.
    scale : float
        The one scale of the parameter set.
    """

    degree: int
    n_moduli: int
    scale: float

    @property
    def ciphertext_content(self) -> int:
        """Uncompressed bytes of a fresh ciphertext: two polynomials without the special modulus."""
        return 2 * (self.n_moduli - 1) * self.degree * 8 + DESCRIPTION_BYTES

    @property
    def public_key_content(self) -> int:
        """Uncompressed bytes of a public key: two polynomials with the special modulus."""
        return 2 * self.n_moduli * self.degree * 8 + DESCRIPTION_BYTES


def check_ciphertext(data: bytes, layout: Layout, *, party: str) -> bytes:
    """Accept exactly one full ciphertext of this layout; return its Zstandard frame.

    Raises
    ------
    MalformedMessageError
        Naming `party`.
    """
    reader = _Reader(data, party)
    sizes = reader.bytes_field(1)
    if sizes != _varint(layout.degree // 2):
        raise _malformed(party, f"exactly one vector of {layout.degree // 2} slots", "another size")
    blob = reader.bytes_field(2)
    reader.scale_field(3, layout.scale)
    reader.end()
    return _check_blob(blob, layout.ciphertext_content, party)


def check_public_context(data: bytes, layout: Layout) -> bytes:
    """Accept exactly one public context of this layout; return its key's Zstandard frame.

    Raises
    ------
    SecretKeyExposedError
        When it carries a secret key.
    ContextMismatchError
        When its key or scale has the form of another parameter set.
    MalformedMessageError
        When it is not a context.
    """
    if 3 in _field_numbers(data):
        raise SecretKeyExposedError(
            "a public context carries a secret part",
            expected="parameters and a public key only",
            found="a field for private keys; nothing was loaded",
            remedy="the key holder must destroy this key and publish another context",
        )
    reader = _Reader(data, "")
    parameters = reader.bytes_field(1)
    public = reader.bytes_field(2)
    reader.end()
    if len(parameters) > MAX_PARAMETER_BYTES:
        raise _malformed("", "a short parameter block", "a long one")
    _check_blob(parameters, None, "")
    inner = _Reader(public, "")
    key = inner.bytes_field(1)
    if inner.varint_field(2) != SETTINGS:
        raise _malformed("", "the automatic switches on", "another setting")
    try:
        inner.scale_field(3, layout.scale)
        inner.end()
        return _check_blob(key, layout.public_key_content, "")
    except MalformedMessageError as error:
        raise ContextMismatchError(
            "the public context is not of the run's parameter set",
            expected=error.expected,
            found=error.found,
            remedy="fetch the context again by the digest in he-context-published",
        ) from None


def _check_blob(blob: bytes, content: int | None, party: str) -> bytes:
    """Accept one SEAL object whose uncompressed size is `content`; return its frame."""
    if len(blob) < SEAL_HEADER.size:
        raise _malformed(party, "a SEAL header", "fewer bytes")
    magic, header, major, minor, compression, reserved, size = SEAL_HEADER.unpack_from(blob)
    if (magic, header, reserved) != (SEAL_MAGIC, SEAL_HEADER.size, 0):
        raise _malformed(party, "a SEAL header", "other bytes")
    if (major, minor) != SEAL_VERSION:
        raise _malformed(
            party, "an object of SEAL {}.{}".format(*SEAL_VERSION), "another version of SEAL"
        )
    if compression != SEAL_ZSTD or size != len(blob):
        raise _malformed(party, "a Zstandard object of the stated size", "another form or size")
    stated, largest = _zstd_bounds(blob, SEAL_HEADER.size, party)
    limit = MAX_PARAMETER_BYTES if content is None else content
    if stated > limit or (content is not None and stated != content):
        raise _malformed(party, "an object of the size that the parameters prescribe", "another")
    if len(blob) > limit * 1.1 + 64 or largest > 2 * limit + 4 * BLOCK_BYTES:
        raise _malformed(party, "an object of the size that the parameters prescribe", "a larger")
    return blob[SEAL_HEADER.size :]


def _zstd_bounds(data: bytes, start: int, party: str) -> tuple[int, int]:
    """Walk one Zstandard frame; return its stated content size and the most it can hold."""
    if data[start : start + 4] != ZSTD_MAGIC or len(data) < start + 6:
        raise _malformed(party, "a Zstandard frame", "other bytes")
    descriptor = data[start + 4]
    # RFC 8878, 3.1.1.1.1: single segment, no reserved bit, no checksum, no dictionary.
    if descriptor & 0b00111111 != 0b00100000:
        raise _malformed(party, "a Zstandard frame as SEAL writes it", "another kind of frame")
    width = (1, 2, 4, 8)[descriptor >> 6]
    position = start + 5
    stated = int.from_bytes(data[position : position + width], "little")
    stated += 256 if width == 2 else 0
    position += width
    largest, last = 0, False
    while not last:
        if position + 3 > len(data):
            raise _malformed(party, "a whole Zstandard frame", "a shorter one")
        head = int.from_bytes(data[position : position + 3], "little")
        last, kind, size = bool(head & 1), head >> 1 & 3, head >> 3
        if kind == 3 or size > BLOCK_BYTES:
            raise _malformed(party, "blocks of at most 128 KiB", "another block")
        # Raw and run-length blocks hold what they state; a compressed one at most a full block.
        largest += size if kind != 2 else BLOCK_BYTES
        position += 3 + (1 if kind == 1 else size)
    if position != len(data):
        raise _malformed(party, "one Zstandard frame", "more or fewer bytes")
    return stated, largest


class _Reader:
    """Protocol buffers in the one order and spelling that the writer uses."""

    def __init__(self, data: bytes, party: str) -> None:
        self._data = data
        self._party = party
        self._position = 0

    def bytes_field(self, number: int) -> bytes:
        self._tag(number, 2)
        length = self._number()
        found = self._data[self._position : self._position + length]
        if len(found) != length:
            raise _malformed(self._party, "a whole message", "a shorter one")
        self._position += length
        return found

    def varint_field(self, number: int) -> int:
        self._tag(number, 0)
        return self._number()

    def scale_field(self, number: int, scale: float) -> None:
        self._tag(number, 1)
        found = self._data[self._position : self._position + 8]
        if found != _DOUBLE.pack(scale):
            raise _malformed(self._party, "the scale of the parameter set", "another scale")
        self._position += 8

    def end(self) -> None:
        if self._position != len(self._data):
            raise _malformed(self._party, "nothing after the last field", "more bytes")

    def _tag(self, number: int, wire_type: int) -> None:
        if self._data[self._position : self._position + 1] != bytes([number << 3 | wire_type]):
            raise _malformed(self._party, f"field {number} of the message", "something else")
        self._position += 1

    def _number(self) -> int:
        value, self._position = _read_varint(self._data, self._position, self._party)
        return value


def _read_varint(data: bytes, position: int, party: str) -> tuple[int, int]:
    """Return a number of at most 35 bits in its shortest spelling, and where it ends."""
    for length in range(1, 6):
        if position + length > len(data):
            break
        if data[position + length - 1] < 0x80:
            spelled = data[position : position + length]
            value = sum((byte & 0x7F) << 7 * i for i, byte in enumerate(spelled))
            if _varint(value) != spelled:
                break
            return value, position + length
    raise _malformed(party, "a number in its shortest spelling", "other bytes")


def _varint(value: int) -> bytes:
    spelled = bytearray()
    while value > 0x7F:
        spelled.append(value & 0x7F | 0x80)
        value >>= 7
    spelled.append(value)
    return bytes(spelled)


def _field_numbers(data: bytes) -> set[int]:
    """Return the numbers of all top-level fields that can be read; stop at the first that cannot.

    Only used to name a secret key as what it is; what is accepted is decided by `_Reader`.
    """
    numbers: set[int] = set()
    position = 0
    try:
        while position < len(data):
            tag, position = _read_varint(data, position, "")
            numbers.add(tag >> 3)
            if tag & 7 == 2:
                length, position = _read_varint(data, position, "")
                position += length
            elif tag & 7 == 1:
                position += 8
            elif tag & 7 == 0:
                _, position = _read_varint(data, position, "")
            else:
                break
    except MalformedMessageError:
        pass
    return numbers


def _malformed(party: str, expected: str, found: str) -> MalformedMessageError:
    sender = f" from {party}" if party else ""
    return MalformedMessageError(
        f"encrypted bytes{sender} are not of the agreed form",
        party=party,
        expected=expected,
        found=found,
        remedy=f"{party or 'the sender'} must send them again, with the same FedCredit version",
    )
