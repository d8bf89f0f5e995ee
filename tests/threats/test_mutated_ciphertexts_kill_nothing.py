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
from tests.fuzz.ciphertexts import STRUCTURED, Parts, blind

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

    found = _outcomes(engine, keys, parameters, honest, lambda: blind(rng, honest), N_MUTANTS // 2)

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
    parts = Parts(NARROW, honest)
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
            engine.encrypt(parameters, blind(rng, public), np.zeros(3, dtype=np.int64))
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
