"""Spoiled ciphertexts: by a blind fuzzer, and by one that knows what SEAL and TenSEAL write."""

import random
import struct

from fedcredit_parties.ckks import Parameters

# The blind fuzzer


def blind(rng: random.Random, data: bytes) -> bytes:
    mutant = bytearray(data)
    # Half of the mutations fall on the first bytes, where the structure stands.
    places = [rng.randrange(120 if rng.random() < 0.5 else len(data)) for _ in range(4)]
    kind = rng.randrange(5)
    if kind == 0:
        for place in places[: rng.randint(1, 4)]:
            mutant[place] ^= rng.randint(1, 255)
    elif kind == 1:
        del mutant[places[0] :]
    elif kind == 2:
        mutant[places[0] : places[0]] = rng.randbytes(rng.randint(1, 40))
    elif kind == 3:
        del mutant[places[0] : places[0] + rng.randint(1, 40)]
    else:
        length = rng.randint(1, 2_000)
        mutant[places[0] : places[0] + length] = mutant[places[1] : places[1] + length]
    return bytes(mutant)


# The fuzzer that knows the format


def varint(value: int) -> bytes:
    spelled = bytearray()
    while value > 0x7F:
        spelled.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*spelled, value])


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def double(number: int, value: float) -> bytes:
    return bytes([number << 3 | 1]) + struct.pack("<d", value)


class Parts:
    """A ciphertext taken apart: sizes, SEAL blob with one raw block, scale."""

    def __init__(self, parameters: Parameters, data: bytes) -> None:
        self.slots = parameters.slots
        self.scale = 2.0**parameters.scale_bits
        self.sizes = field(1, varint(self.slots))
        start = len(self.sizes) + 1
        while data[start] & 0x80:
            start += 1
        self.blob = data[start + 1 : -9]
        # Zstandard wrote the one block of a NARROW ciphertext raw: it cannot be compressed.
        self.content = self.blob[16 + 7 + 3 :]
        assert len(self.content) == 65_633

    def build(
        self,
        *,
        sizes: bytes | None = None,
        blob: bytes | None = None,
        scale: float | None = None,
        more: bytes = b"",
    ) -> bytes:
        found = self.sizes if sizes is None else sizes
        found += field(2, self.blob if blob is None else blob)
        return found + double(3, self.scale if scale is None else scale) + more

    def with_content(self, content: bytes, stated: int | None = None) -> bytes:
        """Wrap other content into raw blocks of one frame."""
        stated = len(content) if stated is None else stated
        frame = b"\x28\xb5\x2f\xfd\xa0" + stated.to_bytes(4, "little")
        pieces = [content[i : i + 131_072] for i in range(0, len(content), 131_072)] or [b""]
        for i, piece in enumerate(pieces):
            last = i == len(pieces) - 1
            frame += (len(piece) << 3 | last).to_bytes(3, "little") + piece
        return self.build(blob=header(len(frame) + 16) + frame)


def header(
    size: int, *, magic: int = 0xA15E, length: int = 16, version: int = 4, compression: int = 2
) -> bytes:
    return struct.pack("<HBBBBHQ", magic, length, version, 3, compression, 0, size)


def patched(content: bytes, offset: int, data: bytes) -> bytes:
    return content[:offset] + data + content[offset + len(data) :]


# Where SEAL 4 stores what, inside the frame: parms_id, NTT flag, counts, scale, coefficients.
PARMS_ID, NTT, SIZE, DEGREE, MODULI, SCALE, CORRECTION, ARRAY = 0, 32, 33, 41, 49, 57, 65, 73
ODD_DOUBLES = (
    float("nan"),
    0.0,
    float("inf"),
    -1.0,
    1e300,
    5e-324,
    2.0**16,
    2.0**17,
    -float("inf"),
)
ODD_COUNTS = (0, 1, 3, 5, 16, 2**31 - 1, 2**32, 2**63, 2**64 - 1)


def sizes(rng: random.Random, parts: Parts) -> bytes:
    odd = rng.choice([0, 1, parts.slots - 1, parts.slots + 1, 2**31, 2**32 - 1, 2**40, 2**63])
    sizes = rng.choice(
        [
            b"",
            field(1, b""),
            field(1, varint(odd)),
            parts.sizes * rng.randint(2, 5),
            field(1, varint(parts.slots) * rng.randint(2, 50)),
            b"\x08" + varint(parts.slots),
            field(1, b"\x80\x90\x80\x80\x00"),
            field(1, rng.randbytes(rng.randint(1, 12))),
        ]
    )
    return parts.build(sizes=sizes)


def scales(rng: random.Random, parts: Parts) -> bytes:
    if rng.random() < 0.2:
        return parts.build()[:-9] + rng.choice([b"", double(4, parts.scale), b"\x1d\0\0\0\0"])
    return parts.build(scale=rng.choice([*ODD_DOUBLES, rng.uniform(-1e6, 1e6)]))


def fields(rng: random.Random, parts: Parts) -> bytes:
    more = rng.choice(
        [
            field(2, parts.blob),
            field(4, rng.randbytes(rng.randint(0, 50))),
            double(3, parts.scale),
            b"\x98\x06\x01",
            b"\x0b",
            b"\0",
            rng.randbytes(rng.randint(1, 9)),
        ]
    )
    if rng.random() < 0.3:
        return more + parts.build()
    return parts.build(more=more)


def headers(rng: random.Random, parts: Parts) -> bytes:
    body = parts.blob[16:]
    size = rng.choice([len(parts.blob), 0, 1, 16, 2**31, 2**63, 2**64 - 1, len(parts.blob) + 1])
    head = header(
        size,
        magic=rng.choice([0xA15E, 0, rng.randrange(2**16)]),
        length=rng.choice([16, 0, 24, 255]),
        version=rng.choice([4, 3, 5, 255]),
        compression=rng.choice([0, 1, 2, 3, 255]),
    )
    if head == parts.blob[:16]:
        head = header(len(parts.blob), compression=0)
    return parts.build(blob=head + rng.choice([body, parts.content, b""]))


def frames(rng: random.Random, parts: Parts) -> bytes:
    kind = rng.randrange(4)
    if kind == 0:  # Stated size against content.
        return parts.with_content(
            parts.content, stated=rng.choice([0, 1, 65_632, 2**31, 2**32 - 1])
        )
    if kind == 1:  # Run-length blocks: four bytes become 128 KiB each.
        n = rng.choice([1, 2, 100, 30_000])
        block = (131_072 << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
        frame = b"\x28\xb5\x2f\xfd\xa0" + rng.choice([65_633, n * 131_072 % 2**32]).to_bytes(
            4, "little"
        )
        frame += block * (n - 1) + (131_072 << 3 | 1 << 1 | 1).to_bytes(3, "little") + b"\0"
        return parts.build(blob=header(len(frame) + 16) + frame)
    if kind == 2:  # Another kind of frame: window instead of size, dictionary, checksum.
        frame = parts.blob[16:20] + bytes([rng.randrange(256)]) + parts.blob[21:]
        if frame == parts.blob[16:]:
            frame = frame[:-1]
        return parts.build(blob=header(len(frame) + 16) + frame)
    frame = parts.blob[16:] + rng.choice(
        [parts.blob[16:], b"\x50\x2a\x4d\x18\x04\0\0\0abcd", rng.randbytes(8)]
    )
    return parts.build(blob=header(len(frame) + 16) + frame)


def contents(rng: random.Random, parts: Parts) -> bytes:
    """Only SEAL can see these: the outside is right."""
    content = parts.content
    count = struct.pack("<Q", rng.choice(ODD_COUNTS))
    polynomial = (len(content) - 97) // 2
    coefficient = 97 + 8 * rng.randrange(2 * polynomial // 8)
    return parts.with_content(
        rng.choice(
            [
                patched(content, PARMS_ID + rng.randrange(32), rng.randbytes(1) + b"\1"),
                patched(content, PARMS_ID, bytes(32)),
                patched(content, NTT, bytes([rng.choice([0, 2, 255])])),
                patched(content, SIZE, count),
                patched(content, DEGREE, count),
                patched(content, MODULI, count),
                patched(content, SCALE, struct.pack("<d", rng.choice(ODD_DOUBLES))),
                patched(content, CORRECTION, count),
                patched(content, ARRAY + rng.randrange(24), rng.randbytes(4) + b"\xff"),
                # A compression inside the compression.
                patched(content, ARRAY + 5, bytes([rng.choice([1, 2, 3, 255])])),
                patched(content, ARRAY + 5, struct.pack("<BHQ", rng.choice([1, 2]), 0, 1 << 40)),
                patched(content, coefficient, b"\xff" * 8),
                # Transparent: the second polynomial, or both, are zero.
                patched(content, 97 + polynomial, bytes(polynomial)),
                patched(content, 97, bytes(2 * polynomial)),
            ]
        )
    )


STRUCTURED = (sizes, scales, fields, headers, frames, contents)
