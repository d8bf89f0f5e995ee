"""Mutated ciphertexts and contexts give a named error and kill nothing.

Two fuzzers, 2 000 ciphertexts each: a blind one flips, cuts and inserts bytes; one that knows the
format changes sizes, scales, headers, frames and the fields that SEAL stores inside them. Both send
every mutant through the coordinator's addition. The attacks that end a process when the library is
given the bytes directly stand at the end.
"""

import os
import random
import signal
import struct
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from fedcredit_parties.ckks import NARROW, WIDE, Engine, KeyPair, Parameters
from fedcredit_parties.errors import (
    ContextMismatchError,
    MalformedMessageError,
    PrecisionError,
    SecretKeyExposedError,
)

N_MUTANTS = 2_000
SEED = int(os.environ.get("FEDCREDIT_FUZZ_SEED", "20240817"))


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


@pytest.fixture(scope="module")
def keys(engine: Engine) -> dict[str, KeyPair]:
    return {parameters.name: engine.new_keys(parameters) for parameters in (NARROW, WIDE)}


def _ciphertext(engine: Engine, keys: dict[str, KeyPair], parameters: Parameters) -> bytes:
    vector = np.random.default_rng(1).integers(0, 1 << parameters.modulus_bits, parameters.slots)
    (blob,) = engine.encrypt(parameters, keys[parameters.name].public, vector)
    return blob


# The blind fuzzer


def _blind(rng: random.Random, data: bytes) -> bytes:
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


def _varint(value: int) -> bytes:
    spelled = bytearray()
    while value > 0x7F:
        spelled.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*spelled, value])


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _double(number: int, value: float) -> bytes:
    return bytes([number << 3 | 1]) + struct.pack("<d", value)


class _Parts:
    """A ciphertext taken apart: sizes, SEAL blob with one raw block, scale."""

    def __init__(self, parameters: Parameters, data: bytes) -> None:
        self.slots = parameters.slots
        self.scale = 2.0**parameters.scale_bits
        self.sizes = _field(1, _varint(self.slots))
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
        found += _field(2, self.blob if blob is None else blob)
        return found + _double(3, self.scale if scale is None else scale) + more

    def with_content(self, content: bytes, stated: int | None = None) -> bytes:
        """Wrap other content into raw blocks of one frame."""
        stated = len(content) if stated is None else stated
        frame = b"\x28\xb5\x2f\xfd\xa0" + stated.to_bytes(4, "little")
        pieces = [content[i : i + 131_072] for i in range(0, len(content), 131_072)] or [b""]
        for i, piece in enumerate(pieces):
            last = i == len(pieces) - 1
            frame += (len(piece) << 3 | last).to_bytes(3, "little") + piece
        return self.build(blob=_header(len(frame) + 16) + frame)


def _header(
    size: int, *, magic: int = 0xA15E, length: int = 16, version: int = 4, compression: int = 2
) -> bytes:
    return struct.pack("<HBBBBHQ", magic, length, version, 3, compression, 0, size)


def _patched(content: bytes, offset: int, data: bytes) -> bytes:
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


def _sizes(rng: random.Random, parts: _Parts) -> bytes:
    odd = rng.choice([0, 1, parts.slots - 1, parts.slots + 1, 2**31, 2**32 - 1, 2**40, 2**63])
    sizes = rng.choice(
        [
            b"",
            _field(1, b""),
            _field(1, _varint(odd)),
            parts.sizes * rng.randint(2, 5),
            _field(1, _varint(parts.slots) * rng.randint(2, 50)),
            b"\x08" + _varint(parts.slots),
            _field(1, b"\x80\x90\x80\x80\x00"),
            _field(1, rng.randbytes(rng.randint(1, 12))),
        ]
    )
    return parts.build(sizes=sizes)


def _scales(rng: random.Random, parts: _Parts) -> bytes:
    if rng.random() < 0.2:
        return parts.build()[:-9] + rng.choice([b"", _double(4, parts.scale), b"\x1d\0\0\0\0"])
    return parts.build(scale=rng.choice([*ODD_DOUBLES, rng.uniform(-1e6, 1e6)]))


def _fields(rng: random.Random, parts: _Parts) -> bytes:
    more = rng.choice(
        [
            _field(2, parts.blob),
            _field(4, rng.randbytes(rng.randint(0, 50))),
            _double(3, parts.scale),
            b"\x98\x06\x01",
            b"\x0b",
            b"\0",
            rng.randbytes(rng.randint(1, 9)),
        ]
    )
    if rng.random() < 0.3:
        return more + parts.build()
    return parts.build(more=more)


def _headers(rng: random.Random, parts: _Parts) -> bytes:
    body = parts.blob[16:]
    size = rng.choice([len(parts.blob), 0, 1, 16, 2**31, 2**63, 2**64 - 1, len(parts.blob) + 1])
    head = _header(
        size,
        magic=rng.choice([0xA15E, 0, rng.randrange(2**16)]),
        length=rng.choice([16, 0, 24, 255]),
        version=rng.choice([4, 3, 5, 255]),
        compression=rng.choice([0, 1, 2, 3, 255]),
    )
    if head == parts.blob[:16]:
        head = _header(len(parts.blob), compression=0)
    return parts.build(blob=head + rng.choice([body, parts.content, b""]))


def _frames(rng: random.Random, parts: _Parts) -> bytes:
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
        return parts.build(blob=_header(len(frame) + 16) + frame)
    if kind == 2:  # Another kind of frame: window instead of size, dictionary, checksum.
        frame = parts.blob[16:20] + bytes([rng.randrange(256)]) + parts.blob[21:]
        if frame == parts.blob[16:]:
            frame = frame[:-1]
        return parts.build(blob=_header(len(frame) + 16) + frame)
    frame = parts.blob[16:] + rng.choice(
        [parts.blob[16:], b"\x50\x2a\x4d\x18\x04\0\0\0abcd", rng.randbytes(8)]
    )
    return parts.build(blob=_header(len(frame) + 16) + frame)


def _contents(rng: random.Random, parts: _Parts) -> bytes:
    """Only SEAL can see these: the outside is right."""
    content = parts.content
    count = struct.pack("<Q", rng.choice(ODD_COUNTS))
    polynomial = (len(content) - 97) // 2
    coefficient = 97 + 8 * rng.randrange(2 * polynomial // 8)
    return parts.with_content(
        rng.choice(
            [
                _patched(content, PARMS_ID + rng.randrange(32), rng.randbytes(1) + b"\1"),
                _patched(content, PARMS_ID, bytes(32)),
                _patched(content, NTT, bytes([rng.choice([0, 2, 255])])),
                _patched(content, SIZE, count),
                _patched(content, DEGREE, count),
                _patched(content, MODULI, count),
                _patched(content, SCALE, struct.pack("<d", rng.choice(ODD_DOUBLES))),
                _patched(content, CORRECTION, count),
                _patched(content, ARRAY + rng.randrange(24), rng.randbytes(4) + b"\xff"),
                # A compression inside the compression.
                _patched(content, ARRAY + 5, bytes([rng.choice([1, 2, 3, 255])])),
                _patched(content, ARRAY + 5, struct.pack("<BHQ", rng.choice([1, 2]), 0, 1 << 40)),
                _patched(content, coefficient, b"\xff" * 8),
                # Transparent: the second polynomial, or both, are zero.
                _patched(content, 97 + polynomial, bytes(polynomial)),
                _patched(content, 97, bytes(2 * polynomial)),
            ]
        )
    )


STRUCTURED = (_sizes, _scales, _fields, _headers, _frames, _contents)


# Both


def _outcomes(
    engine: Engine,
    keys: dict[str, KeyPair],
    parameters: Parameters,
    honest: bytes,
    mutate: Callable[[], bytes],
    n: int,
) -> dict[str, int]:
    """Send `n` mutants as bank-b's contribution; count what comes of them."""
    public, secret = keys[parameters.name].public, keys[parameters.name].secret
    found = {"refused": 0, "not opened": 0, "same sum": 0, "other sum": 0}
    length = parameters.slots
    (blob,) = engine.add(parameters, public, {"a": (honest,), "b": (honest,)}, length=length)
    same = engine.open(parameters, secret, (blob,), length=length, n_parties=2)
    process_id = engine.process_id
    for _ in range(n):
        mutant = mutate()
        contributions = {"bank-a": (honest,), "bank-b": (mutant,)}
        try:
            aggregate = engine.add(parameters, public, contributions, length=length)
        except MalformedMessageError as error:
            assert error.party == "bank-b"
            found["refused"] += 1
        else:
            # A well-formed ciphertext, perhaps of something else. Its digest is not the committed
            # one, so the key holder would not get here; even so nothing dies, nothing is opened.
            try:
                opened = engine.open(parameters, secret, aggregate, length=length, n_parties=2)
            except PrecisionError:
                found["not opened"] += 1
            else:
                found["same sum" if np.array_equal(opened, same) else "other sum"] += 1
        assert engine.process_id == process_id
    return found


@pytest.mark.parametrize("parameters", [NARROW, WIDE], ids=lambda p: str(p.name))
def test_blind_mutants_are_refused_or_not_opened_and_kill_nothing(
    engine: Engine, keys: dict[str, KeyPair], parameters: Parameters
) -> None:
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    honest = _ciphertext(engine, keys, parameters)

    found = _outcomes(engine, keys, parameters, honest, lambda: _blind(rng, honest), N_MUTANTS // 2)

    print(found)
    assert found["refused"] > N_MUTANTS // 4
    assert found["other sum"] == 0
    assert sum(found.values()) == N_MUTANTS // 2


def test_mutants_of_the_structure_are_refused_and_kill_nothing(
    engine: Engine, keys: dict[str, KeyPair]
) -> None:
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    honest = _ciphertext(engine, keys, NARROW)
    parts = _Parts(NARROW, honest)
    assert parts.build() == honest

    found = _outcomes(
        engine, keys, NARROW, honest, lambda: rng.choice(STRUCTURED)(rng, parts), N_MUTANTS
    )

    print(found)
    # What passes is a mutation that changed nothing: the same content in another frame.
    assert found["refused"] > 0.98 * N_MUTANTS
    assert found["not opened"] == found["other sum"] == 0
    assert sum(found.values()) == N_MUTANTS


@pytest.mark.parametrize("parameters", [NARROW, WIDE], ids=lambda p: str(p.name))
def test_mutated_public_contexts_are_refused_or_encrypt_and_kill_nothing(
    engine: Engine, keys: dict[str, KeyPair], parameters: Parameters
) -> None:
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    public = keys[parameters.name].public
    refused = 0
    process_id = engine.process_id

    for _ in range(200):
        try:
            engine.encrypt(parameters, _blind(rng, public), np.zeros(3, dtype=np.int64))
        except (MalformedMessageError, ContextMismatchError, SecretKeyExposedError):
            refused += 1

    assert refused > 50
    assert engine.process_id == process_id


# What the same bytes do without the parser


def _library_alone(body: str) -> int:
    """Run TenSEAL on bytes from outside as a program without a parser would; return the status."""
    script = textwrap.dedent(
        """
        import resource, struct, sys
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        import tenseal as ts
        context = ts.context(ts.SCHEME_TYPE.CKKS, 8192, coeff_mod_bit_sizes=[60, 40, 60])
        """
    ) + textwrap.dedent(body)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60)
    return done.returncode


TWELVE_BYTES = bytes.fromhex("0a0101190000000000007042")


def test_twelve_bytes_that_kill_the_library_are_refused_here(
    engine: Engine, keys: dict[str, KeyPair]
) -> None:
    died = _library_alone(
        f"""
        honest = ts.ckks_vector(context, [1.0] * 4096, scale=2.0**40)
        honest + ts.ckks_vector_from(context, bytes.fromhex("{TWELVE_BYTES.hex()}"))
        """
    )
    honest = _ciphertext(engine, keys, WIDE)

    with pytest.raises(MalformedMessageError) as caught:
        engine.add(
            WIDE,
            keys["wide"].public,
            {"bank-a": (honest,), "bank-b": (TWELVE_BYTES,)},
            length=WIDE.slots,
        )

    assert died == -signal.SIGSEGV
    assert caught.value.party == "bank-b"


def test_a_compression_inside_the_compression_aborts_the_library_and_is_refused_here(
    engine: Engine, keys: dict[str, KeyPair]
) -> None:
    died = _library_alone(
        """
        context = ts.context(ts.SCHEME_TYPE.CKKS, 4096, coeff_mod_bit_sizes=[60, 49])
        slots = [float(2**33 - 7919 * i) for i in range(2048)]
        mutant = bytearray(ts.ckks_vector(context, slots, scale=2.0**18).serialize())
        # The header of the array inside the frame: how it is compressed, and its stated size.
        at = mutant.rindex(bytes.fromhex("5ea1100403"))
        mutant[at + 5 : at + 16] = struct.pack("<BHQ", 1, 0, 1 << 40)
        ts.ckks_vector_from(context, bytes(mutant))
        """
    )
    honest = _ciphertext(engine, keys, NARROW)
    mutant = bytearray(honest)
    at = mutant.rindex(bytes.fromhex("5ea1100403"))
    mutant[at + 5 : at + 16] = struct.pack("<BHQ", 1, 0, 1 << 40)
    process_id = engine.process_id

    with pytest.raises(MalformedMessageError, match="another form") as caught:
        engine.add(NARROW, keys["narrow"].public, {"bank-b": (bytes(mutant),)}, length=NARROW.slots)

    assert died == -signal.SIGABRT
    assert caught.value.party == "bank-b"
    assert engine.process_id == process_id


def test_what_loads_without_complaint_in_the_library_is_refused_here(
    engine: Engine, keys: dict[str, KeyPair]
) -> None:
    accepted = _library_alone(
        """
        honest = ts.ckks_vector(context, [1.0] * 4096, scale=2.0**40).serialize()
        for scale in (float("nan"), 0.0, float("inf")):
            ts.ckks_vector_from(context, honest[:-8] + struct.pack("<d", scale))
        """
    )
    honest = _ciphertext(engine, keys, WIDE)

    for scale in (float("nan"), 0.0, float("inf")):
        bad = honest[:-8] + struct.pack("<d", scale)
        with pytest.raises(MalformedMessageError, match="another scale"):
            engine.add(WIDE, keys["wide"].public, {"bank-b": (bad,)}, length=WIDE.slots)

    assert accepted == 0
