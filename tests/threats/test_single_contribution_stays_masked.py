"""Key holder and coordinator together decrypt one contribution, and still read noise.

The attackers have the secret key, every ciphertext, every public key of the masks, and the secrets
of the members they have bribed. What they get out of one bank is compared with its plain numbers.
The weak variants: no masks (the same attack reads the bank), and n - 1 colluders of n (the stated
limit: their own numbers subtracted from the sum are the last one's).
"""

from collections.abc import Iterator

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from numpy.typing import NDArray
from scipy.stats import kstest

from fedcredit_parties.ckks import WIDE, Engine, KeyPair
from fedcredit_parties.masks import (
    Field,
    MaskStatement,
    PeerKeys,
    Tensor,
    mask,
    roster_digest,
)

PARTIES = ("bank-0", "bank-1", "bank-2", "bank-3")
VICTIM = "bank-0"
LENGTH = 2_000
MODULUS = 1 << WIDE.modulus_bits
TENSOR = Tensor("bins", (Field("bads", LENGTH, scale_bits=0, limbs=1, bound=1 << 31),))


class _Banks:
    """Four banks with keys and bin counts, and what each would send."""

    def __init__(self) -> None:
        rng = np.random.default_rng(11)
        self.plain = {party: rng.integers(0, 500, LENGTH) for party in PARTIES}
        self.static = {party: X25519PrivateKey.generate() for party in PARTIES}
        self.ephemeral = {party: X25519PrivateKey.generate() for party in PARTIES}
        self.public = {
            party: PeerKeys(
                self.static[party].public_key().public_bytes_raw().hex(),
                self.ephemeral[party].public_key().public_bytes_raw().hex(),
            )
            for party in PARTIES
        }

    def mask_of(self, party: str, peers: tuple[str, ...]) -> NDArray[np.int64]:
        """Return the mask `party` would share with `peers`, from the secrets of `party`."""
        statement = MaskStatement(
            ledger="fedcredit.test/one",
            run="r-1",
            round=1,
            attempt=1,
            phase="bins",
            group="all",
            roster_digest=roster_digest([party, *peers]),
            input_digest="aa" * 32,
            he_context_digest="bb" * 32,
            modulus_bits=WIDE.modulus_bits,
        )
        return mask(
            statement,
            name=party,
            static=self.static[party],
            ephemeral=self.ephemeral[party],
            peers={peer: self.public[peer] for peer in peers},
            tensor=TENSOR.name,
            length=LENGTH,
        )

    def slots(self, party: str, *, masked: bool) -> NDArray[np.int64]:
        plain, n_clipped = TENSOR.quantise({"bads": self.plain[party]}, WIDE.modulus_bits)
        assert n_clipped == 0
        if not masked:
            return plain
        peers = tuple(peer for peer in PARTIES if peer != party)
        return (plain + self.mask_of(party, peers)) % MODULUS


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


@pytest.fixture(scope="module")
def keys(engine: Engine) -> KeyPair:
    return engine.new_keys(WIDE)


def _decrypted(
    engine: Engine, keys: KeyPair, slots: NDArray[np.int64], n_parties: int = 1
) -> NDArray[np.int64]:
    """Send one contribution as a bank would and open it alone, as the colluders would."""
    blobs = engine.encrypt(WIDE, keys.public, slots)
    return engine.open(WIDE, keys.secret, blobs, length=LENGTH, n_parties=n_parties)


def _share_read(found: NDArray[np.int64], plain: NDArray[np.int64]) -> float:
    return float(np.mean(found == plain))


def test_the_colluders_decrypt_one_contribution_and_find_uniform_numbers(
    engine: Engine, keys: KeyPair
) -> None:
    banks = _Banks()

    found = _decrypted(engine, keys, banks.slots(VICTIM, masked=True))

    assert _share_read(found, banks.plain[VICTIM]) == 0.0
    assert kstest(found / MODULUS, "uniform").pvalue > 1e-7
    assert abs(np.corrcoef(found, banks.plain[VICTIM])[0, 1]) < 0.12


def test_the_same_attack_reads_a_bank_that_does_not_mask(engine: Engine, keys: KeyPair) -> None:
    banks = _Banks()

    found = _decrypted(engine, keys, banks.slots(VICTIM, masked=False))

    assert _share_read(found, banks.plain[VICTIM]) == 1.0


def test_the_whole_roster_s_sum_opens_to_the_plain_sum(engine: Engine, keys: KeyPair) -> None:
    banks = _Banks()
    contributions = {
        party: engine.encrypt(WIDE, keys.public, banks.slots(party, masked=True))
        for party in PARTIES
    }
    aggregate = engine.add(WIDE, keys.public, contributions, length=LENGTH)

    opened = engine.open(WIDE, keys.secret, aggregate, length=LENGTH, n_parties=len(PARTIES))
    found = TENSOR.dequantise(opened, WIDE.modulus_bits, n_parties=len(PARTIES))

    assert found["bads"].tolist() == sum(banks.plain.values(), np.zeros(LENGTH, int)).tolist()


def _partial_sums(banks: _Banks, colluders: tuple[str, ...]) -> NDArray[np.int64]:
    """Subtract from the opened sum what the colluders sent in the clear."""
    total = sum((banks.slots(party, masked=True) for party in PARTIES), np.zeros(LENGTH, int))
    return np.asarray((total - sum(banks.plain[party] for party in colluders)) % MODULUS)


def test_two_bribed_banks_of_four_learn_the_sum_of_the_other_two_and_neither_alone(
    engine: Engine, keys: KeyPair
) -> None:
    banks = _Banks()

    victim = _decrypted(engine, keys, banks.slots(VICTIM, masked=True))
    rest = _partial_sums(banks, ("bank-2", "bank-3"))

    assert rest.tolist() == (banks.plain["bank-0"] + banks.plain["bank-1"]).tolist()
    assert _share_read(victim, banks.plain[VICTIM]) == 0.0
    assert kstest(victim / MODULUS, "uniform").pvalue > 1e-7


def test_all_other_banks_together_get_the_last_one_which_no_sum_can_prevent() -> None:
    banks = _Banks()

    last = _partial_sums(banks, ("bank-1", "bank-2", "bank-3"))

    assert _share_read(last, banks.plain[VICTIM]) == 1.0


def test_a_stolen_long_term_key_does_not_open_a_past_contribution() -> None:
    banks = _Banks()
    sent = banks.slots(VICTIM, masked=True)
    # Long-term keys of everybody are stolen later; the ephemeral ones were erased.
    banks.ephemeral = {party: X25519PrivateKey.generate() for party in PARTIES}

    guessed = banks.mask_of(VICTIM, tuple(party for party in PARTIES if party != VICTIM))

    assert _share_read((sent - guessed) % MODULUS, banks.plain[VICTIM]) == 0.0


def test_two_attempts_of_one_round_are_masked_independently(engine: Engine, keys: KeyPair) -> None:
    banks = _Banks()
    first = _decrypted(engine, keys, banks.slots(VICTIM, masked=True))
    banks.ephemeral = {party: X25519PrivateKey.generate() for party in PARTIES}
    banks.public = {
        party: PeerKeys(
            keys_.static_hex, banks.ephemeral[party].public_key().public_bytes_raw().hex()
        )
        for party, keys_ in banks.public.items()
    }

    second = _decrypted(engine, keys, banks.slots(VICTIM, masked=True))

    assert kstest(((first - second) % MODULUS) / MODULUS, "uniform").pvalue > 1e-7
