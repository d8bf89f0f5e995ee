"""The secret key goes into no message: a public context that carries one is refused.

The scan looks for pieces of the key's own coefficients, compressed as they are stored and
uncompressed. The weak variant is the library's context serialised with ``save_secret_key``: the
same scan finds it there.
"""

import pickle
from collections.abc import Iterator

import numpy as np
import pytest
import tenseal as ts
from numpy.typing import NDArray

from fedcredit_parties.ckks import NARROW, WIDE, Engine, KeyPair, Parameters
from fedcredit_parties.errors import SecretKeyExposedError

SETS = pytest.mark.parametrize("parameters", [WIDE, NARROW], ids=lambda p: str(p.name))
SLOTS: NDArray[np.int64] = np.arange(10, dtype=np.int64)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


def _pieces(secret: bytes) -> list[bytes]:
    """Cut the secret context's key into pieces of 16 bytes, past headers and parameters."""
    return [secret[i : i + 16] for i in range(400, len(secret) - 16, 1_000)]


def _holds(data: bytes, pieces: list[bytes]) -> bool:
    return any(piece in data for piece in pieces)


def _leaky(keys: KeyPair) -> bytes:
    """Return what the library writes when asked for both halves: public with the secret key."""
    public = ts.context_from(keys.public, n_threads=1).serialize(True, False, False, False)
    private_field = keys.secret[keys.secret.index(b"\x1a", _end_of_public(keys.secret)) :]
    return bytes(public) + private_field


def _end_of_public(secret: bytes) -> int:
    # Field 1 is the parameters (one length byte), field 2 the public part without a key (11 bytes).
    parameters = 2 + secret[1]
    assert secret[parameters] == 0x12
    return parameters + 2 + secret[parameters + 1]


@SETS
def test_nothing_that_is_sent_holds_a_piece_of_the_secret_key(
    engine: Engine, parameters: Parameters
) -> None:
    keys = engine.new_keys(parameters)
    blobs = engine.encrypt(parameters, keys.public, SLOTS)
    aggregate = engine.add(parameters, keys.public, {"a": blobs, "b": blobs}, length=10)
    opened = engine.open(parameters, keys.secret, aggregate, length=10, n_parties=2)
    pieces = _pieces(keys.secret)

    for sent in (keys.public, *blobs, *aggregate, opened.tobytes(), repr(keys).encode()):
        assert not _holds(sent, pieces)
    assert _holds(_leaky(keys), pieces)


@SETS
def test_a_public_context_that_carries_a_secret_key_is_refused_everywhere(
    engine: Engine, parameters: Parameters
) -> None:
    keys = engine.new_keys(parameters)
    leaky = _leaky(keys)
    assert ts.context_from(leaky, n_threads=1).has_secret_key(), "the library takes it"
    blobs = engine.encrypt(parameters, keys.public, SLOTS)

    with pytest.raises(SecretKeyExposedError):
        engine.check_public(parameters, leaky)
    with pytest.raises(SecretKeyExposedError):
        engine.encrypt(parameters, leaky, SLOTS)
    with pytest.raises(SecretKeyExposedError):
        engine.add(parameters, leaky, {"a": blobs}, length=10)


def test_a_secret_context_handed_in_as_the_public_one_is_refused(engine: Engine) -> None:
    keys = engine.new_keys(WIDE)

    with pytest.raises(SecretKeyExposedError):
        engine.encrypt(WIDE, keys.secret, SLOTS)


@pytest.mark.parametrize("place", ["first", "last", "between"])
def test_a_secret_field_is_seen_wherever_it_stands(engine: Engine, place: str) -> None:
    keys = engine.new_keys(NARROW)
    end = 2 + keys.public[1]
    secret = b"\x1a\x03\x0a\x01\x00"
    contexts = {
        "first": secret + keys.public,
        "last": keys.public + secret,
        "between": keys.public[:end] + secret + keys.public[end:],
    }

    with pytest.raises(SecretKeyExposedError) as caught:
        engine.check_public(NARROW, contexts[place])

    assert caught.value.exit_code == 33


def test_a_key_pair_cannot_be_pickled_or_printed_by_accident(engine: Engine) -> None:
    keys = engine.new_keys(NARROW)

    with pytest.raises(TypeError, match="secret"):
        pickle.dumps(keys)
    assert "secret" not in repr(keys)
