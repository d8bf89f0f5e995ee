"""The coordinator holds the public context and every ciphertext, and reads nothing.

The attack tries every key it can lay hands on: the public context itself, keys of its own making
for the same parameters, and whatever secret a member it bribed holds. The weak variant is how other
frameworks ship CKKS, with one secret key at every client: one bribe reads everybody.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pytest
import tenseal as ts
from numpy.typing import NDArray

from fedcredit_parties.ckks import WIDE, Engine, KeyPair
from fedcredit_parties.errors import ContextMismatchError, PrecisionError

PARTIES = ("bank-0", "bank-1", "bank-2")
LENGTH = 500


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


def _vectors() -> dict[str, NDArray[np.int64]]:
    """Plain updates that an attacker would like to read; unmasked, so that only CKKS protects."""
    rng = np.random.default_rng(5)
    return {party: rng.integers(0, 1_000, LENGTH) for party in PARTIES}


def _read(contexts: Iterable[bytes], blobs: Iterable[bytes], truth: NDArray[np.int64]) -> float:
    """Decrypt everything with everything; return the best share of numbers read right."""
    best = 0.0
    for serialised in contexts:
        context = ts.context_from(serialised, n_threads=1)
        for blob in blobs:
            vector = ts.ckks_vector_from(context, blob)
            try:
                found = np.array(vector.decrypt())
            except ValueError:  # "the current context of the tensor doesn't hold a secret_key"
                continue
            best = max(best, float(np.mean(np.abs(found[: len(truth)] - truth) < 0.5)))
    return best


def _sent(engine: Engine, keys: KeyPair) -> dict[str, tuple[bytes, ...]]:
    return {
        party: engine.encrypt(WIDE, keys.public, vector) for party, vector in _vectors().items()
    }


def test_no_key_the_coordinator_has_or_makes_reads_a_contribution_or_the_sum(
    engine: Engine,
) -> None:
    keys = engine.new_keys(WIDE)
    contributions = _sent(engine, keys)
    aggregate = engine.add(WIDE, keys.public, contributions, length=LENGTH)
    seen = [blob for blobs in [*contributions.values(), aggregate] for blob in blobs]
    own = [engine.new_keys(WIDE) for _ in range(3)]

    held = [keys.public, *(pair.secret for pair in own), *(pair.public for pair in own)]

    for truth in [*_vectors().values(), sum(_vectors().values(), np.zeros(LENGTH, np.int64))]:
        assert _read(held, seen, truth) < 0.02


def test_the_same_attack_reads_everything_where_clients_share_the_secret_key(
    engine: Engine,
) -> None:
    keys = engine.new_keys(WIDE)
    contributions = _sent(engine, keys)
    bribed_client = keys.secret

    for party, truth in _vectors().items():
        assert _read([bribed_client], contributions[party], truth) == 1.0


def test_the_engine_opens_nothing_with_what_the_coordinator_holds(engine: Engine) -> None:
    keys = engine.new_keys(WIDE)
    aggregate = engine.add(WIDE, keys.public, _sent(engine, keys), length=LENGTH)

    with pytest.raises(ContextMismatchError):
        engine.open(WIDE, keys.public, aggregate, length=LENGTH, n_parties=3)
    with pytest.raises(PrecisionError):
        own = engine.new_keys(WIDE)
        engine.open(WIDE, own.secret, aggregate, length=LENGTH, n_parties=3)


def test_two_encryptions_of_one_vector_cannot_be_told_from_two_vectors(engine: Engine) -> None:
    keys = engine.new_keys(WIDE)
    vectors = _vectors()

    one, same = (engine.encrypt(WIDE, keys.public, vectors["bank-0"])[0] for _ in range(2))
    (other,) = engine.encrypt(WIDE, keys.public, vectors["bank-1"])

    def alike(a: bytes, b: bytes) -> float:
        # Past the headers the compressed coefficients stand; lengths differ by compression only.
        size = min(len(a), len(b)) - 1_000
        left, right = (np.frombuffer(x[500:size], dtype=np.uint8) for x in (a, b))
        return float(np.mean(left == right))

    assert alike(one, same) == pytest.approx(alike(one, other), abs=0.002)
    assert alike(one, same) < 0.01
