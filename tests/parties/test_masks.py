"""Fixed-point integers and the masks that cancel in the sum."""

import dataclasses
import hashlib
import hmac
import json
from fractions import Fraction

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import kstest

from fedcredit_parties.course import HEAD, count_field
from fedcredit_parties.errors import (
    DataError,
    MalformedMessageError,
    PrecisionError,
    TooFewPartiesError,
)
from fedcredit_parties.masks import (
    Field,
    MaskStatement,
    PeerKeys,
    Tensor,
    mask,
    roster_digest,
)

WIDE_BITS, NARROW_BITS = 40, 34


def _statement(names: list[str], modulus_bits: int = WIDE_BITS) -> MaskStatement:
    return MaskStatement(
        ledger="fedcredit.test/one",
        run="r-1",
        round=2,
        attempt=1,
        phase="newton",
        group="all",
        roster_digest=roster_digest(names),
        input_digest="aa" * 32,
        he_context_digest="bb" * 32,
        modulus_bits=modulus_bits,
    )


def _key(name: str, use: str) -> X25519PrivateKey:
    seed = hashlib.sha256(f"{name} {use}".encode()).digest()
    return X25519PrivateKey.from_private_bytes(seed)


def _hex(key: X25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


def _masks(
    names: list[str], statement: MaskStatement, length: int = 1000, tensor: str = "newton"
) -> dict[str, NDArray[np.int64]]:
    public = {n: PeerKeys(_hex(_key(n, "static")), _hex(_key(n, "ephemeral"))) for n in names}
    return {
        name: mask(
            statement,
            name=name,
            static=_key(name, "static"),
            ephemeral=_key(name, "ephemeral"),
            peers={peer: keys for peer, keys in public.items() if peer != name},
            tensor=tensor,
            length=length,
        )
        for name in names
    }


# Masks


@pytest.mark.parametrize("n", [2, 3, 15])
@pytest.mark.parametrize("modulus_bits", [WIDE_BITS, NARROW_BITS])
def test_masks_of_the_whole_roster_cancel_modulo_m(n: int, modulus_bits: int) -> None:
    names = [f"bank-{i}" for i in range(n)]

    masks = _masks(names, _statement(names, modulus_bits))

    total = sum(vector.astype(object) for vector in masks.values())
    assert all(value % 2**modulus_bits == 0 for value in total)
    assert all(0 <= m.min() and m.max() < 2**modulus_bits for m in masks.values())


def test_masks_of_all_but_one_do_not_cancel() -> None:
    names = ["bank-0", "bank-1", "bank-2"]

    masks = _masks(names, _statement(names))

    partial = (masks["bank-0"] + masks["bank-1"]) % 2**WIDE_BITS
    assert np.count_nonzero(partial) == len(partial)


def test_one_mask_is_uniform_modulo_m() -> None:
    names = ["bank-0", "bank-1", "bank-2"]

    found = _masks(names, _statement(names), length=20_000)["bank-1"]

    assert kstest(found / 2**WIDE_BITS, "uniform").pvalue > 1e-3
    assert kstest((found % 2**10) / 2**10 + 2**-11, "uniform").pvalue > 1e-3


def test_a_mask_is_what_the_specification_says_computed_by_other_means() -> None:
    names = ["bank-a", "bank-b"]
    statement = _statement(names)
    a, b = ((_hex(_key(name, "static")), _hex(_key(name, "ephemeral"))) for name in names)
    words = ["mask/v1", "fedcredit.test/one", "r-1", 2, 1, "newton", "all"]
    words += [roster_digest(names), "aa" * 32, "bb" * 32, 40, *names, a[0], b[0], a[1], b[1]]
    salt = hashlib.sha256(json.dumps(words, separators=(",", ":")).encode()).digest()
    secret = _key("bank-a", "ephemeral").exchange(_key("bank-b", "ephemeral").public_key())
    secret += _key("bank-a", "static").exchange(_key("bank-b", "static").public_key())
    # RFC 5869, section 2, with one block of output.
    extracted = hmac.digest(salt, secret, "sha256")
    seed = hmac.digest(extracted, b'["newton",4]' + b"\x01", "sha256")
    # NIST SP 800-38A, 6.5: counter blocks 0 and 1.
    counters = (0).to_bytes(16, "big") + (1).to_bytes(16, "big")
    stream = Cipher(AES(seed), ECB()).encryptor().update(counters)
    numbers = [int.from_bytes(stream[8 * i : 8 * i + 8], "little") % 2**40 for i in range(4)]

    found = _masks(names, statement, length=4)

    assert found["bank-a"].tolist() == numbers
    assert found["bank-b"].tolist() == [-number % 2**40 for number in numbers]


def test_the_roster_digest_does_not_depend_on_the_order_of_names() -> None:
    expected = hashlib.sha256(b'["bank-a","bank-b"]').hexdigest()

    assert roster_digest(["bank-b", "bank-a"]) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"ledger": "other"},
        {"run": "r-2"},
        {"round": 3},
        {"attempt": 2},
        {"phase": "bins"},
        {"group": "g-1"},
        {"input_digest": "ab" * 32},
        {"he_context_digest": "bc" * 32},
    ],
    ids=lambda change: next(iter(change)),
)
def test_anything_else_in_the_statement_gives_an_unrelated_mask(change: dict[str, object]) -> None:
    names = ["bank-0", "bank-1", "bank-2"]
    statement = _statement(names)

    one = _masks(names, statement)["bank-0"]
    other = _masks(names, dataclasses.replace(statement, **change))["bank-0"]  # type: ignore[arg-type]

    assert np.count_nonzero(one == other) == 0


def test_tensor_and_length_give_unrelated_masks() -> None:
    names = ["bank-0", "bank-1"]
    statement = _statement(names)

    one = _masks(names, statement)["bank-0"]

    assert np.count_nonzero(one == _masks(names, statement, tensor="bins")["bank-0"]) == 0
    assert np.count_nonzero(one[:999] == _masks(names, statement, length=999)["bank-0"]) == 0


def _mask_with(peers: dict[str, PeerKeys], names: list[str]) -> NDArray[np.int64]:
    return mask(
        _statement(names),
        name="bank-a",
        static=_key("bank-a", "static"),
        ephemeral=_key("bank-a", "ephemeral"),
        peers=peers,
        tensor="newton",
        length=3,
    )


@pytest.mark.parametrize(
    "key",
    ["00" * 32, "01" + "00" * 31, "aa", "", "zz" * 32, "AB" * 32],
    ids=["zero", "low order", "short", "empty", "not hex", "capitals"],
)
@pytest.mark.parametrize("place", ["static", "ephemeral"])
def test_a_peer_key_that_is_none_or_of_low_order_names_the_peer(key: str, place: str) -> None:
    good = _hex(_key("bank-b", "static"))
    keys = PeerKeys(key, good) if place == "static" else PeerKeys(good, key)

    with pytest.raises(MalformedMessageError) as caught:
        _mask_with({"bank-b": keys}, ["bank-a", "bank-b"])

    assert caught.value.party == "bank-b"


def test_a_party_alone_has_no_mask_and_gets_none() -> None:
    with pytest.raises(TooFewPartiesError):
        _mask_with({}, ["bank-a"])


def test_peers_that_are_not_the_roster_of_the_statement_are_refused() -> None:
    keys = PeerKeys(_hex(_key("bank-b", "static")), _hex(_key("bank-b", "ephemeral")))

    with pytest.raises(ValueError, match="roster"):
        _mask_with({"bank-b": keys}, ["bank-a", "bank-b", "bank-c"])


# Fixed point


def test_numbers_become_the_nearest_integers_and_two_limbs() -> None:
    tensor = Tensor("t", (Field("x", 3, scale_bits=1, limbs=2, bound=2**50),))

    slots, n_clipped = tensor.quantise({"x": np.array([0.75, -0.5, 2.0**36])}, WIDE_BITS)

    # 0.75 * 2 = 1.5 -> 2 (to even); -1 = -1 * 2**32 + (2**32 - 1); 2**37 = 32 * 2**32.
    assert slots.tolist() == [2, 2**32 - 1, 0, 0, 2**40 - 1, 32]
    assert n_clipped == 0


def test_clipping_is_counted_on_both_sides_and_bounds_themselves_pass() -> None:
    tensor = Tensor("t", (Field("x", 5, scale_bits=0, limbs=1, bound=10),))

    slots, n_clipped = tensor.quantise({"x": np.array([10, 11, -10, -11, 0])}, NARROW_BITS)
    floats, n_floats = tensor.quantise({"x": np.array([10.4, 10.6, -10.0, -1e300, 0])}, NARROW_BITS)

    assert slots.tolist() == floats.tolist() == [10, 10, 2**34 - 10, 2**34 - 10, 0]
    assert (n_clipped, n_floats) == (2, 2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    tensor = Tensor("t", (Field("x", 1, scale_bits=0, limbs=1, bound=10),))

    with pytest.raises(DataError, match="x is not finite"):
        tensor.quantise({"x": np.array([value])}, WIDE_BITS)


@given(
    numbers=st.lists(
        st.tuples(*[st.integers(-(2**51), 2**51) for _ in range(4)]), min_size=2, max_size=9
    ),
    counts=st.lists(st.integers(0, 2**20), min_size=2, max_size=9),
    modulus_bits=st.sampled_from([WIDE_BITS, NARROW_BITS]),
)
def test_sums_modulo_m_come_back_as_the_exact_integer_sums(
    numbers: list[tuple[int, ...]], counts: list[int], modulus_bits: int
) -> None:
    n = min(len(numbers), len(counts))
    tensor = Tensor(
        "t",
        (
            Field("x", 4, scale_bits=3, limbs=2, bound=2**58 + 1024),
            Field("n", 1, scale_bits=0, limbs=1, bound=2**31),
        ),
    )
    total = np.zeros(tensor.n_slots, dtype=np.int64)
    for row, count in zip(numbers[:n], counts[:n], strict=True):
        addend = {"x": np.array(row, dtype=np.float64), "n": np.array([count])}
        total = (total + tensor.quantise(addend, modulus_bits)[0]) % 2**modulus_bits

    found = tensor.dequantise(total, modulus_bits, n_parties=n)

    exact = [sum(int(Fraction(float(row[i])) * 8) for row in numbers[:n]) for i in range(4)]
    assert found["x"].tolist() == exact
    assert found["n"].tolist() == [sum(counts[:n])]


def test_the_layout_of_the_fit_with_its_widest_bound_fits_both_parameter_sets() -> None:
    field = Field("hessian", 2, scale_bits=26, limbs=2, bound=2**58 + 1024)
    tensor = Tensor("newton", (field,))
    addend = {"hessian": np.array([2.0**32, -(2.0**32)])}

    for modulus_bits in (WIDE_BITS, NARROW_BITS):
        slots, n_clipped = tensor.quantise(addend, modulus_bits)
        found = tensor.dequantise(slots, modulus_bits, n_parties=1)

        assert found["hessian"].tolist() == [2**58, -(2**58)]
        assert tensor.to_float("hessian", found["hessian"]).tolist() == [2.0**32, -(2.0**32)]
        assert n_clipped == 0


@pytest.mark.parametrize(("limbs", "bound"), [(1, 2**33), (2, 2**59)])
def test_a_bound_that_the_limbs_cannot_hold_is_refused_at_use(limbs: int, bound: int) -> None:
    tensor = Tensor("t", (Field("x", 1, scale_bits=0, limbs=limbs, bound=bound),))

    with pytest.raises(ValueError, match="more than"):
        tensor.quantise({"x": np.array([1])}, NARROW_BITS)
    with pytest.raises(ValueError, match="more than"):
        tensor.dequantise(np.zeros(limbs, dtype=np.int64), NARROW_BITS, n_parties=2)


@pytest.mark.parametrize("limbs", [1, 2])
@pytest.mark.parametrize("excess", [1, -1])
def test_a_sum_outside_its_declared_range_is_refused(limbs: int, excess: int) -> None:
    honest = Tensor("t", (Field("x", 1, scale_bits=0, limbs=limbs, bound=1000),))
    wider = Tensor("t", (Field("x", 1, scale_bits=0, limbs=limbs, bound=1001),))
    at_bound, _ = honest.quantise({"x": np.array([1000 * excess])}, WIDE_BITS)
    beyond, _ = wider.quantise({"x": np.array([1001 * excess])}, WIDE_BITS)

    assert honest.dequantise(at_bound, WIDE_BITS, n_parties=3)["x"].tolist() == [1000 * excess]
    with pytest.raises(PrecisionError, match="declared range"):
        honest.dequantise(beyond, WIDE_BITS, n_parties=3)


def test_low_limbs_larger_than_the_parties_can_make_are_refused() -> None:
    tensor = Tensor("t", (Field("x", 1, scale_bits=0, limbs=2, bound=2**50),))
    slots = np.array([3 * (2**32 - 1) + 1, 0])

    with pytest.raises(PrecisionError):
        tensor.dequantise(slots, WIDE_BITS, n_parties=3)


def test_masks_that_do_not_cancel_are_seen_as_a_sum_out_of_range() -> None:
    names = ["bank-0", "bank-1", "bank-2"]
    tensor = Tensor("newton", (Field("x", 100, scale_bits=0, limbs=1, bound=10_000),))
    slots, _ = tensor.quantise({"x": np.arange(100)}, WIDE_BITS)
    masks = _masks(names, _statement(names), length=100)

    with pytest.raises(PrecisionError):
        tensor.dequantise((slots + masks["bank-0"]) % 2**WIDE_BITS, WIDE_BITS, n_parties=3)


@pytest.mark.parametrize(
    "addend",
    [{}, {"x": np.zeros(2), "y": np.zeros(1)}, {"x": np.zeros(3)}, {"x": np.zeros((2, 1))}],
    ids=["missing", "unknown", "longer", "two-dimensional"],
)
def test_an_addend_of_another_layout_is_refused(addend: dict[str, NDArray[np.float64]]) -> None:
    tensor = Tensor("t", (Field("x", 2, scale_bits=0, limbs=1, bound=10),))

    with pytest.raises(ValueError):
        tensor.quantise(addend, WIDE_BITS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"length": 0},
        {"limbs": 3},
        {"scale_bits": -1},
        {"bound": 0},
        {"bound": 2**62},
    ],
    ids=str,
)
def test_a_field_that_nothing_could_carry_is_refused(wrong: dict[str, object]) -> None:
    good: dict[str, object] = {"name": "x", "length": 1, "scale_bits": 0, "limbs": 1, "bound": 1}

    with pytest.raises(ValueError):
        Field(**{**good, **wrong})  # type: ignore[arg-type]


def test_a_tensor_needs_fields_with_distinct_names() -> None:
    field = Field("x", 1, scale_bits=0, limbs=1, bound=1)

    with pytest.raises(ValueError):
        Tensor("t", (field, field))
    with pytest.raises(ValueError):
        Tensor("t", ())


def test_a_negative_sum_of_counts_is_refused_and_another_is_not() -> None:
    for signed in (False, True):
        tensor = Tensor("t", (Field("x", 2, scale_bits=0, limbs=1, bound=10, signed=signed),))
        slots = np.array([2**WIDE_BITS - 5, 5])  # minus five in a cell nobody else counts in
        if signed:
            assert tensor.dequantise(slots, WIDE_BITS, n_parties=3)["x"].tolist() == [-5, 5]
        else:
            with pytest.raises(PrecisionError, match="declared range"):
                tensor.dequantise(slots, WIDE_BITS, n_parties=3)


def test_every_number_of_rows_is_laid_out_as_a_count() -> None:
    assert not count_field("n", 1).signed and not any(field.signed for field in HEAD)
