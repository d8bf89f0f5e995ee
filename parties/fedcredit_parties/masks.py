"""The second lock: fixed-point integers, and masks that cancel in the sum and nowhere else.

Every collective computation is a sum of integer vectors modulo M = 2**k. A party turns its numbers
into such integers (`Tensor.quantise`), adds the mask of :func:`mask` and only then encrypts. Each
pair of parties derives one seed from keys that live for one attempt; the party whose name comes
first adds the pair's pseudo-random vector and the other subtracts it. One masked vector is uniform
modulo M; the sum over the whole roster is the sum of the plain vectors, exactly.

Numbers wider than a slot travel as two limbs, base 2**(k - 8): a low one that is never negative and
a signed high one. Up to 256 parties fit before the low limbs of a sum could wrap.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from fedcredit_ledger.canonical import encode
from fedcredit_parties.errors import (
    DataError,
    MalformedMessageError,
    PrecisionError,
    TooFewPartiesError,
)

USE = "mask/v1"
"""First word of every seed of this file; other seeds have other words."""

HEADROOM_BITS = 8
"""A limb has this many bits fewer than M, so that 2**8 parties can be added."""

MAX_PARTIES = 1 << HEADROOM_BITS

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Field:
    """One named row of numbers in a tensor.

    Parameters
    ----------
    name : str
        Name, unique in its tensor.
    length : int
        How many numbers.
    scale_bits : int
        A number x travels as the integer nearest to ``x * 2**scale_bits``.
    limbs : {1, 2}
        Slots per number.
    bound : int
        Largest absolute value of the *scaled* integer: of every party's own (larger ones are
        clipped and counted) and of the sum (a larger one is refused). It follows from committed
        row totals and declared bounds, so an honest sum always fits.
    signed : bool, default True
        Whether a sum may be negative; a negative one of another field is refused.
    """

    name: str
    length: int
    scale_bits: int
    limbs: int
    bound: int
    signed: bool = True

    def __post_init__(self) -> None:
        """Refuse a layout that no modulus could carry."""
        if not self.name or self.length < 1:
            raise ValueError("a field has a name and at least one number")
        if self.limbs not in (1, 2) or not 0 <= self.scale_bits <= 62:
            raise ValueError(f"field {self.name}: one or two limbs, scale of 0 to 62 bits")
        if not 1 <= self.bound < 1 << 62:
            raise ValueError(f"field {self.name}: the bound must be within 1 and 2**62")

    def check_fits(self, modulus_bits: int) -> None:
        """Refuse a bound that the limbs cannot carry under this modulus.

        Raises
        ------
        ValueError
            The tensor cannot be summed exactly with these parameters.
        """
        half = 1 << (modulus_bits - 1)
        if self.limbs == 1:
            fits = self.bound < half
        else:
            # The high limbs of a sum exceed those of the summed value by at most one a party.
            fits = (self.bound >> (modulus_bits - HEADROOM_BITS)) + 1 + MAX_PARTIES < half
        if not fits:
            raise ValueError(
                f"field {self.name}: its bound needs {self.bound.bit_length()} bits and sign, "
                f"more than {self.limbs} limb(s) of modulus 2**{modulus_bits} hold"
            )


@dataclass(frozen=True)
class Tensor:
    """The fixed-point layout of one sum; the same at every member of a run.

    Parameters
    ----------
    name : str
        The phase's name; masks depend on it.
    fields : tuple of Field
        In the order in which they fill the slots; of a field with two limbs first all low ones,
        then all high ones.
    """

    name: str
    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        """Refuse a tensor without fields or with two of one name."""
        names = [field.name for field in self.fields]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"tensor {self.name}: needs fields with distinct names")

    @property
    def n_slots(self) -> int:
        """Slots all fields need together."""
        return sum(field.length * field.limbs for field in self.fields)

    def quantise(
        self, addend: Mapping[str, NDArray[np.float64] | NDArray[np.int64]], modulus_bits: int
    ) -> tuple[Ints, int]:
        """Turn one party's numbers into slots modulo M.

        Parameters
        ----------
        addend : mapping of str to ndarray
            One array per field, of the field's length.
        modulus_bits : int
            k of M = 2**k.

        Returns
        -------
        slots : ndarray of int64, shape (n_slots,)
            In [0, M).
        n_clipped : int
            Numbers that were cut to their field's bound.

        Raises
        ------
        ValueError
            When a field is missing, unknown, of another length, or cannot fit.
        DataError
            When a number is NaN or infinite.
        """
        if set(addend) != {field.name for field in self.fields}:
            raise ValueError(f"tensor {self.name}: the addend has other fields")
        modulus = 1 << modulus_bits
        parts: list[Ints] = []
        n_clipped = 0
        for field in self.fields:
            field.check_fits(modulus_bits)
            scaled, clipped = _scale(field, addend[field.name])
            n_clipped += clipped
            if field.limbs == 1:
                parts.append(scaled & (modulus - 1))
            else:
                limb_bits = modulus_bits - HEADROOM_BITS
                parts.append(scaled & ((1 << limb_bits) - 1))
                parts.append((scaled >> limb_bits) & (modulus - 1))
        return np.concatenate(parts), n_clipped

    def dequantise(self, slots: Ints, modulus_bits: int, *, n_parties: int) -> dict[str, Ints]:
        """Turn the opened sum modulo M back into scaled integers, one array per field.

        Parameters
        ----------
        slots : ndarray of int64, shape (n_slots,)
            The sum over the roster, in [0, M).
        n_parties : int
            Parties in the sum.

        Returns
        -------
        dict of str to ndarray of int64
            Integers in units of ``2**-scale_bits`` of their field.

        Raises
        ------
        PrecisionError
            When a sum lies outside its declared range: a party's addend was out of range, masks
            did not cancel, or the sum wrapped around.
        """
        if slots.shape != (self.n_slots,) or not 1 <= n_parties <= MAX_PARTIES:
            raise ValueError(f"tensor {self.name}: {self.n_slots} slots of 1 to 256 parties")
        found: dict[str, Ints] = {}
        position = 0
        for field in self.fields:
            field.check_fits(modulus_bits)
            low = slots[position : position + field.length]
            position += field.length
            if field.limbs == 1:
                found[field.name] = self._in_range(field, _signed(low, modulus_bits))
                continue
            high = _signed(slots[position : position + field.length], modulus_bits)
            position += field.length
            found[field.name] = self._joined(field, low, high, modulus_bits, n_parties)
        return found

    def _joined(
        self, field: Field, low: Ints, high: Ints, modulus_bits: int, n_parties: int
    ) -> Ints:
        """Put two limbs together; ranges first, so that int64 cannot overflow."""
        limb_bits = modulus_bits - HEADROOM_BITS
        largest_low = n_parties * ((1 << limb_bits) - 1)
        largest_high = (field.bound >> limb_bits) + 1 + n_parties
        if low.max() > largest_low or np.abs(high).max() > largest_high:
            raise self._out_of_range(field)
        high = high + (low >> limb_bits)
        if np.abs(high).max() > (field.bound >> limb_bits) + 1:
            raise self._out_of_range(field)
        return self._in_range(field, (high << limb_bits) + (low & ((1 << limb_bits) - 1)))

    def _in_range(self, field: Field, values: Ints) -> Ints:
        if np.abs(values).max() > field.bound or (not field.signed and values.min() < 0):
            raise self._out_of_range(field)
        return values

    def _out_of_range(self, field: Field) -> PrecisionError:
        return PrecisionError(
            f"the sum of {field.name} in {self.name} lies outside its declared range",
            expected="a sum within the bounds that follow from the declared features and rows",
            found="another one; it was not opened",
            remedy="a party used other bounds or other masks: compare the parties' versions",
        )

    def to_float(self, name: str, ints: Ints) -> NDArray[np.float64]:
        """Return scaled integers of a field as floats."""
        field = next(field for field in self.fields if field.name == name)
        return np.ldexp(ints.astype(np.float64), -field.scale_bits)


def _scale(field: Field, values: NDArray[np.float64] | NDArray[np.int64]) -> tuple[Ints, int]:
    """Return nearest scaled integers within the bound, and how many had to be clipped."""
    if values.shape != (field.length,):
        raise ValueError(f"field {field.name}: {field.length} numbers, not shape {values.shape}")
    if np.issubdtype(values.dtype, np.integer):
        limit = field.bound >> field.scale_bits
        clipped = (values > limit) | (values < -limit)
        exact = np.clip(values, -limit, limit).astype(np.int64) << field.scale_bits
        return exact, int(clipped.sum())
    if not np.isfinite(values).all():
        raise DataError(
            f"the addend {field.name} is not finite",
            expected="finite numbers",
            found="NaN or infinity",
            remedy="the fit may have diverged, or a feature overflows: check the declared bounds",
        )
    scaled = np.rint(np.ldexp(values.astype(np.float64), field.scale_bits))
    # Float64 may round a bound up; beyond 2**53 the next float below it is the safe limit.
    top = float(field.bound)
    top = top if int(top) <= field.bound else float(np.nextafter(top, 0.0))
    clipped = np.abs(scaled) > top
    return np.clip(scaled, -top, top).astype(np.int64), int(clipped.sum())


def _signed(slots: Ints, modulus_bits: int) -> Ints:
    """Map [0, M) to [-M/2, M/2)."""
    half = 1 << (modulus_bits - 1)
    return ((slots + half) & ((1 << modulus_bits) - 1)) - half


@dataclass(frozen=True)
class PeerKeys:
    """One peer's public X25519 keys, in hex.

    Attributes
    ----------
    static_hex : str
        The founding entry's `mask_key`.
    ephemeral_hex : str
        The `mask_epk` the peer published for this attempt.
    """

    static_hex: str
    ephemeral_hex: str


@dataclass(frozen=True, kw_only=True)
class MaskStatement:
    """Everything a mask is bound to; any difference gives an unrelated mask.

    Attributes
    ----------
    ledger : str
        Origin of the ledger.
    run : str
        Run id.
    round, attempt : int
        Numbers within the run and the round.
    phase, group : str
        The opening key's other words.
    roster_digest : str
        :func:`roster_digest` of all parties of the attempt.
    input_digest, he_context_digest : str
        The released input and the CKKS context, as in the ledger.
    modulus_bits : int
        k of M = 2**k.
    """

    ledger: str
    run: str
    round: int
    attempt: int
    phase: str
    group: str
    roster_digest: str
    input_digest: str
    he_context_digest: str
    modulus_bits: int


def roster_digest(names: Iterable[str]) -> str:
    """Return the SHA-256 (hex) of the canonical sorted list of names."""
    return hashlib.sha256(encode(sorted(names))).hexdigest()


def mask(
    statement: MaskStatement,
    *,
    name: str,
    static: X25519PrivateKey,
    ephemeral: X25519PrivateKey,
    peers: Mapping[str, PeerKeys],
    tensor: str,
    length: int,
) -> Ints:
    """Return this party's mask: add it to the slots modulo M before encrypting.

    Parameters
    ----------
    statement : MaskStatement
        What the mask is for.
    name : str
        This party.
    static, ephemeral : X25519PrivateKey
        Its long-term key and its key for this attempt, to be erased after use.
    peers : mapping of str to PeerKeys
        Every other party of the roster. (An entry for `name` is passed over.)
    tensor : str
        The tensor's name.
    length : int
        Slots.

    Returns
    -------
    ndarray of int64, shape (length,)
        Uniform in [0, M); over the roster the masks add up to 0 modulo M.

    Raises
    ------
    TooFewPartiesError
        When there is no peer: the mask would be none.
    MalformedMessageError
        When a peer's key is not a key, or the exchange with it gives zero (RFC 7748, 6.1).
    ValueError
        When the peers are not the statement's roster.

    Disclosure
    ----------
    With the mask, a party's slots are uniform for everybody but all its n - 1 peers together.
    """
    others = sorted(set(peers) - {name})
    if not others:
        raise TooFewPartiesError("a sum of one party has no mask", party=name)
    if roster_digest([name, *others]) != statement.roster_digest:
        raise ValueError("the peers are not the roster that the statement names")
    own = PeerKeys(_public_hex(static), _public_hex(ephemeral))
    total = np.zeros(length, dtype=np.uint64)
    for peer in others:
        secret = _exchange(ephemeral, peers[peer].ephemeral_hex, peer)
        secret += _exchange(static, peers[peer].static_hex, peer)
        seed = _seed(statement, secret, (name, own), (peer, peers[peer]), tensor, length)
        stream = keystream(seed, length)
        # uint64 wraps modulo 2**64, of which M is a divisor.
        total = total + stream if name < peer else total - stream
    return (total & np.uint64((1 << statement.modulus_bits) - 1)).astype(np.int64)


def _seed(
    statement: MaskStatement,
    secret: bytes,
    one: tuple[str, PeerKeys],
    other: tuple[str, PeerKeys],
    tensor: str,
    length: int,
) -> bytes:
    """Return the pair's 32 bytes, the same at both ends."""
    (name_i, i), (name_j, j) = (one, other) if one[0] < other[0] else (other, one)
    salt = encode(
        [
            USE,
            statement.ledger,
            statement.run,
            statement.round,
            statement.attempt,
            statement.phase,
            statement.group,
            statement.roster_digest,
            statement.input_digest,
            statement.he_context_digest,
            statement.modulus_bits,
            name_i,
            name_j,
            i.static_hex,
            j.static_hex,
            i.ephemeral_hex,
            j.ephemeral_hex,
        ]
    )
    return HKDF(
        SHA256(), length=32, salt=hashlib.sha256(salt).digest(), info=encode([tensor, length])
    ).derive(secret)


def keystream(seed: bytes, length: int) -> NDArray[np.uint64]:
    """Return `length` pseudo-random 64-bit numbers: AES-256 in counter mode under a fresh key.

    The nonce is zero because a seed is used for one stream only.
    """
    stream = Cipher(AES256(seed), CTR(bytes(16))).encryptor().update(bytes(8 * length))
    return np.frombuffer(stream, dtype="<u8").astype(np.uint64, copy=False)


def _public_hex(key: X25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


def _exchange(own: X25519PrivateKey, peer_hex: str, peer: str) -> bytes:
    try:
        key = bytes.fromhex(peer_hex)
        if key.hex() != peer_hex:
            raise ValueError("another spelling of the key")
        # The exchange itself refuses an all-zero result.
        return own.exchange(X25519PublicKey.from_public_bytes(key))
    except ValueError:
        raise MalformedMessageError(
            f"a mask key of {peer} is not usable",
            party=peer,
            expected="32 bytes in lower-case hex, not of low order",
            found="something else",
            remedy=f"{peer} must publish a new mask key",
        ) from None
