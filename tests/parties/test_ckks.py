"""The encrypted sum is exact, or it is refused; the process that computes it can die."""

import itertools
import os
import signal
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tenseal as ts
import tenseal.sealapi as seal
from numpy.typing import NDArray

from fedcredit_parties.ckks import NARROW, WIDE, Engine, KeyPair, Parameters
from fedcredit_parties.errors import (
    ContextMismatchError,
    EncryptionError,
    MalformedMessageError,
    PrecisionError,
)

Keys = dict[str, KeyPair]
SETS = pytest.mark.parametrize("parameters", [WIDE, NARROW], ids=lambda p: str(p.name))


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


@pytest.fixture(scope="module")
def keys(engine: Engine) -> Keys:
    return {parameters.name: engine.new_keys(parameters) for parameters in (WIDE, NARROW)}


def _numbers(parameters: Parameters, n_parties: int, length: int) -> list[NDArray[np.int64]]:
    rng = np.random.default_rng(n_parties)
    return [rng.integers(0, 1 << parameters.modulus_bits, length) for _ in range(n_parties)]


def _encrypted(
    engine: Engine, parameters: Parameters, keys: KeyPair, vectors: list[NDArray[np.int64]]
) -> dict[str, tuple[bytes, ...]]:
    return {
        f"bank-{i}": engine.encrypt(parameters, keys.public, vector)
        for i, vector in enumerate(vectors)
    }


# Exactness


@SETS
@pytest.mark.parametrize("n_parties", [1, 3, 15, 50])
def test_the_opened_sum_is_the_exact_sum_modulo_m(
    engine: Engine, keys: Keys, parameters: Parameters, n_parties: int
) -> None:
    pair = keys[parameters.name]
    length = parameters.slots - 3
    vectors = _numbers(parameters, n_parties, length)
    aggregate = engine.add(
        parameters, pair.public, _encrypted(engine, parameters, pair, vectors), length=length
    )

    opened = engine.open(parameters, pair.secret, aggregate, length=length, n_parties=n_parties)

    modulus = 2**parameters.modulus_bits
    exact = [sum(map(int, column)) % modulus for column in zip(*vectors, strict=True)]
    assert opened.tolist() == exact


@SETS
@pytest.mark.parametrize("extreme", [0, -1, "half"])
def test_the_largest_sums_of_fifty_parties_are_exact(
    engine: Engine, keys: Keys, parameters: Parameters, extreme: int | str
) -> None:
    modulus = 1 << parameters.modulus_bits
    value = modulus // 2 if extreme == "half" else int(extreme) % modulus
    pair = keys[parameters.name]
    vector = np.full(parameters.slots, value)
    # Fresh encryptions: the noise of one ciphertext added fifty times would not cancel out.
    contributions = _encrypted(engine, parameters, pair, [vector] * 50)
    aggregate = engine.add(parameters, pair.public, contributions, length=parameters.slots)

    opened = engine.open(parameters, pair.secret, aggregate, length=parameters.slots, n_parties=50)

    assert set(opened.tolist()) == {50 * value % modulus}


def test_a_vector_longer_than_one_request_comes_back_in_order(engine: Engine, keys: Keys) -> None:
    length = 65 * NARROW.slots + 5
    vector = np.arange(length, dtype=np.int64)
    pair = keys["narrow"]
    aggregate = engine.add(
        NARROW, pair.public, _encrypted(engine, NARROW, pair, [vector, vector]), length=length
    )

    opened = engine.open(NARROW, pair.secret, aggregate, length=length, n_parties=2)

    assert len(aggregate) == 66
    assert np.array_equal(opened, 2 * vector)


@SETS
def test_addition_gives_the_same_bytes_in_every_order(
    engine: Engine, keys: Keys, parameters: Parameters
) -> None:
    pair = keys[parameters.name]
    contributions = _encrypted(engine, parameters, pair, _numbers(parameters, 4, 10))

    sums = {
        engine.add(parameters, pair.public, dict(order), length=10)
        for order in itertools.permutations(contributions.items())
    }

    assert len(sums) == 1


def test_encrypting_twice_gives_different_bytes(engine: Engine, keys: Keys) -> None:
    slots = np.zeros(5, dtype=np.int64)

    assert engine.encrypt(WIDE, keys["wide"].public, slots) != engine.encrypt(
        WIDE, keys["wide"].public, slots
    )


@pytest.mark.parametrize(("parameters", "most"), [(WIDE, 57.6), (NARROW, 32.2)])
def test_a_number_takes_the_bytes_that_the_specification_says(
    engine: Engine, keys: Keys, parameters: Parameters, most: float
) -> None:
    vector = _numbers(parameters, 1, parameters.slots)[0]

    (blob,) = engine.encrypt(parameters, keys[parameters.name].public, vector)

    assert 0.9 * most < len(blob) / parameters.slots <= most


# Parameters


@pytest.mark.parametrize(
    ("degree", "bits", "scale_bits", "modulus_bits", "why"),
    [
        (4096, (60, 50), 18, 34, "128"),
        (8192, (60, 60, 60, 39), 40, 40, "128"),
        (16384, (60,) * 7 + (19,), 40, 40, "128"),
        (2048, (30, 25), 18, 16, "128"),
        (5000, (60, 49), 18, 34, "128"),
        (4096, (60, 49), 16, 34, "drowns"),
        (4096, (60, 49), 18, 40, "overflow"),
        (8192, (60, 40, 60), 40, 60, "overflow"),
        (8192, (60,), 40, 40, "two or more"),
        (8192, (61, 40, 60), 40, 40, "20 to 60"),
    ],
)
def test_insecure_or_inexact_parameters_cannot_be_made(
    degree: int, bits: tuple[int, ...], scale_bits: int, modulus_bits: int, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        Parameters(
            name="wrong",
            poly_modulus_degree=degree,
            coeff_bits=bits,
            scale_bits=scale_bits,
            modulus_bits=modulus_bits,
        )


@pytest.mark.parametrize(("degree", "bits"), [(4096, (60, 49)), (8192, (60, 40, 60, 58))])
def test_parameters_at_the_edge_of_the_128_bit_table_are_accepted(
    degree: int, bits: tuple[int, ...]
) -> None:
    parameters = Parameters(
        name="edge", poly_modulus_degree=degree, coeff_bits=bits, scale_bits=30, modulus_bits=20
    )

    assert parameters.slots == degree // 2


@pytest.mark.parametrize("slots", [[], [-1], [1 << 40], [[1, 2]]], ids=str)
def test_numbers_outside_the_modulus_are_not_encrypted(
    engine: Engine, keys: Keys, slots: list[int]
) -> None:
    with pytest.raises(ValueError):
        engine.encrypt(WIDE, keys["wide"].public, np.array(slots, dtype=np.int64))


# Foreign contexts and ciphertexts


def test_a_context_of_another_parameter_set_is_refused(engine: Engine, keys: Keys) -> None:
    with pytest.raises(ContextMismatchError):
        engine.check_public(WIDE, keys["narrow"].public)
    with pytest.raises(ContextMismatchError):
        engine.encrypt(NARROW, keys["wide"].public, np.zeros(3, dtype=np.int64))


def test_a_context_with_other_moduli_of_the_same_size_is_refused(engine: Engine) -> None:
    twin = Parameters(
        name="twin",
        poly_modulus_degree=8192,
        coeff_bits=(60, 45, 60),
        scale_bits=40,
        modulus_bits=40,
    )
    public = engine.new_keys(twin).public

    engine.check_public(twin, public)
    with pytest.raises(ContextMismatchError, match="another one"):
        engine.check_public(WIDE, public)


def test_a_ciphertext_of_another_parameter_set_names_its_sender(engine: Engine, keys: Keys) -> None:
    good = engine.encrypt(WIDE, keys["wide"].public, np.zeros(3, dtype=np.int64))
    bad = engine.encrypt(NARROW, keys["narrow"].public, np.zeros(3, dtype=np.int64))

    with pytest.raises(MalformedMessageError) as caught:
        engine.add(WIDE, keys["wide"].public, {"bank-a": good, "bank-b": bad}, length=3)

    assert caught.value.party == "bank-b"


@pytest.mark.parametrize("n", [0, 2])
def test_another_number_of_ciphertexts_names_its_sender(engine: Engine, keys: Keys, n: int) -> None:
    (good,) = engine.encrypt(WIDE, keys["wide"].public, np.zeros(3, dtype=np.int64))

    with pytest.raises(MalformedMessageError) as caught:
        engine.add(WIDE, keys["wide"].public, {"bank-a": (good,), "bank-b": (good,) * n}, length=3)

    assert (caught.value.party, caught.value.expected, caught.value.found) == (
        "bank-b",
        "1",
        str(n),
    )


@SETS
def test_a_ciphertext_under_another_key_makes_a_sum_that_is_not_opened(
    engine: Engine, keys: Keys, parameters: Parameters
) -> None:
    pair, other = keys[parameters.name], engine.new_keys(parameters)
    slots = np.arange(10, dtype=np.int64)
    contributions = {
        "bank-a": engine.encrypt(parameters, pair.public, slots),
        "bank-b": engine.encrypt(parameters, other.public, slots),
    }
    aggregate = engine.add(parameters, pair.public, contributions, length=10)

    with pytest.raises(PrecisionError):
        engine.open(parameters, pair.secret, aggregate, length=10, n_parties=2)


def test_a_public_context_opens_nothing(engine: Engine, keys: Keys) -> None:
    aggregate = engine.encrypt(WIDE, keys["wide"].public, np.zeros(3, dtype=np.int64))

    with pytest.raises(ContextMismatchError):
        engine.open(WIDE, keys["wide"].public, aggregate, length=3, n_parties=1)


# Health


def _ciphertext(parameters: Parameters, public: bytes, slots: list[complex], path: Path) -> bytes:
    """Encrypt arbitrary complex slots with SEAL itself, in TenSEAL's envelope."""
    context = ts.context_from(public, n_threads=1)
    native = context.seal_context().data
    plain, cipher = seal.Plaintext(), seal.Ciphertext()
    seal.CKKSEncoder(native).encode(slots, 2.0**parameters.scale_bits, plain)
    seal.Encryptor(native, context.public_key().data).encrypt(plain, cipher)
    cipher.save(str(path / "ciphertext"))
    blob = (path / "ciphertext").read_bytes()
    sizes = parameters.slots
    spelled = bytes([sizes & 0x7F | 0x80, sizes >> 7])
    length = bytes([len(blob) & 0x7F | 0x80, len(blob) >> 7 & 0x7F | 0x80, len(blob) >> 14])
    scale = struct.pack("<d", 2.0**parameters.scale_bits)
    return b"\x0a\x02" + spelled + b"\x12" + length + blob + b"\x19" + scale


def test_healthy_slots_made_by_seal_itself_are_opened(
    engine: Engine, keys: Keys, tmp_path: Path
) -> None:
    slots = [complex(7)] * 5 + [complex(0)] * (WIDE.slots - 5)
    forged = _ciphertext(WIDE, keys["wide"].public, slots, tmp_path)

    opened = engine.open(WIDE, keys["wide"].secret, (forged,), length=5, n_parties=1)

    assert opened.tolist() == [7] * 5


@pytest.mark.parametrize(
    ("position", "value"),
    [
        (0, 7.4),
        (4095, 0.3),
        (0, 7 + 0.4j),
        (4095, 0.4j),
        (4095, 1),
        (0, 2.0**40),
        (0, -(2.0**57)),
    ],
    ids=[
        "not an integer",
        "noise in an unused slot",
        "an imaginary part",
        "an imaginary part in an unused slot",
        "an integer in an unused slot",
        "larger than one party can be",
        "so large that every float is an integer",
    ],
)
def test_an_unhealthy_slot_keeps_the_sum_closed(
    engine: Engine, keys: Keys, tmp_path: Path, position: int, value: complex
) -> None:
    slots = [complex(7)] * 5 + [complex(0)] * (WIDE.slots - 5)
    slots[position] = complex(value)
    forged = _ciphertext(WIDE, keys["wide"].public, slots, tmp_path)

    with pytest.raises(PrecisionError):
        engine.open(WIDE, keys["wide"].secret, (forged,), length=5, n_parties=1)


def test_the_error_is_the_same_whatever_the_distance_from_an_integer(
    engine: Engine, keys: Keys, tmp_path: Path
) -> None:
    texts = set()
    for value in (0.3, 0.4, 0.5, 0.3j, 2.0**57):
        slots = [complex(value)] + [complex(0)] * (WIDE.slots - 1)
        forged = _ciphertext(WIDE, keys["wide"].public, slots, tmp_path)
        with pytest.raises(PrecisionError) as caught:
            engine.open(WIDE, keys["wide"].secret, (forged,), length=1, n_parties=1)
        texts.add(caught.value.diagnostics() + repr(vars(caught.value)))

    assert len(texts) == 1


# The child process


def test_the_child_starts_at_the_first_call_and_ends_with_its_engine() -> None:
    engine = Engine()
    assert engine.process_id is None

    engine.new_keys(NARROW)
    process_id = engine.process_id
    assert process_id is not None
    engine.close()

    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)


def test_an_engine_that_is_forgotten_leaves_no_process() -> None:
    engine = Engine()
    engine.new_keys(NARROW)
    process_id = engine.process_id
    assert process_id is not None

    del engine

    with pytest.raises(ProcessLookupError):
        os.kill(process_id, 0)


def test_a_child_killed_between_calls_is_replaced_and_blames_nobody(keys: Keys) -> None:
    with Engine() as engine:
        engine.check_public(NARROW, keys["narrow"].public)
        first = engine.process_id
        assert first is not None
        os.kill(first, signal.SIGKILL)
        time.sleep(0.05)

        blobs = engine.encrypt(NARROW, keys["narrow"].public, np.array([1, 2]))
        opened = engine.open(NARROW, keys["narrow"].secret, blobs, length=2, n_parties=1)

        assert opened.tolist() == [1, 2]
        assert engine.process_id != first


def test_a_child_that_dies_over_ciphertexts_names_the_sender_and_is_replaced(
    engine: Engine, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = keys["narrow"]
    one = engine.encrypt(NARROW, pair.public, np.array([1]))
    call = engine._call

    def fatal(request: list[bytes], what: str, party: str = "") -> list[bytes]:
        if party == "bank-b" and engine.process_id is not None:
            os.kill(engine.process_id, signal.SIGKILL)
        return call(request, what, party)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "_call", fatal)
        with pytest.raises(MalformedMessageError) as caught:
            engine.add(NARROW, pair.public, {"bank-a": one, "bank-b": one}, length=1)

    assert caught.value.party == "bank-b"
    total = engine.add(NARROW, pair.public, {"bank-a": one, "bank-b": one}, length=1)
    assert engine.open(NARROW, pair.secret, total, length=1, n_parties=2).tolist() == [2]


def test_a_child_that_stops_answering_is_ended_within_the_time_limit(keys: Keys) -> None:
    pair = keys["narrow"]
    with Engine(timeout_s=1.0) as engine:
        one = engine.encrypt(NARROW, pair.public, np.array([1]))
        first = engine.process_id
        assert first is not None
        os.kill(first, signal.SIGSTOP)

        with pytest.raises(MalformedMessageError, match="time-out"):
            engine.add(NARROW, pair.public, {"bank-a": one}, length=1)

        assert engine.process_id is None
        assert engine.add(NARROW, pair.public, {"bank-a": one}, length=1) == one


def test_a_child_that_cannot_start_says_so() -> None:
    with (
        Engine(memory_bytes=64 << 20) as engine,
        pytest.raises(EncryptionError, match="does not start"),
    ):
        engine.new_keys(NARROW)


def test_the_child_finds_its_package_and_no_other_from_any_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tenseal.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)

    with Engine() as engine:
        assert engine.new_keys(NARROW).public


def test_threads_take_turns_and_get_their_own_answers(engine: Engine, keys: Keys) -> None:
    pair = keys["narrow"]
    found: dict[int, list[int]] = {}

    def work(i: int) -> None:
        one = engine.encrypt(NARROW, pair.public, np.array([i, i + 1]))
        total = engine.add(NARROW, pair.public, {"bank-a": one, "bank-b": one}, length=2)
        found[i] = engine.open(NARROW, pair.secret, total, length=2, n_parties=2).tolist()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == {i: [2 * i, 2 * i + 2] for i in range(8)}


def test_more_contexts_than_the_child_keeps_still_work(engine: Engine) -> None:
    pairs = [engine.new_keys(NARROW) for _ in range(10)]
    blobs = [engine.encrypt(NARROW, pair.public, np.array([3])) for pair in pairs]

    opened = [
        engine.open(NARROW, pair.secret, blob, length=1, n_parties=1).tolist()
        for pair, blob in zip(pairs, blobs, strict=True)
    ]

    assert opened == [[3]] * 10


def test_a_forgotten_key_is_loaded_again_when_it_is_needed(engine: Engine) -> None:
    pair = engine.new_keys(NARROW)
    blobs = engine.encrypt(NARROW, pair.public, np.array([3]))
    engine.open(NARROW, pair.secret, blobs, length=1, n_parties=1)

    engine.forget(pair.secret)

    assert engine.open(NARROW, pair.secret, blobs, length=1, n_parties=1).tolist() == [3]
