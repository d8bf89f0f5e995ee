"""What the two locks cost per number: mask, encrypt, add, decrypt, and bytes.

``python benchmarks/ckks_cost.py`` measures CPU time (medians) of what the parties really call, with
the child process, the parsing of foreign bytes and the health check of every slot, and beside it
the bare addition and decryption of ciphertexts in memory. Every sum is checked: it is the integer
sum to the last bit.
"""

import argparse
import secrets
from collections.abc import Mapping
from typing import Any

import numpy as np
import tenseal
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from measuring import cpu_seconds, machine, median_cost, write
from numpy.typing import NDArray

from fedcredit_parties.ckks import NARROW, WIDE, Engine, Parameters
from fedcredit_parties.masks import MaskStatement, PeerKeys, mask, roster_digest

PARTIES = (3, 15, 32)
N_CIPHERTEXTS = 8
MASKED = 1 << 18
"""Numbers in the vector that is masked: long, so that agreeing on keys does not show."""

# shared/spec/crypto.md, 1: nanoseconds and bytes per number; where a range stands, its upper end.
# The addition from bytes is its section 2a: 0.4 ms for a ciphertext of 235 kB.
SPECIFIED: dict[str, dict[str, float]] = {
    "wide": {"encrypt": 1000, "add": 12, "decrypt": 250, "bytes": 57, "add_bytes": 0.4e6 / 4096},
    "narrow": {"encrypt": 720, "add": 7, "decrypt": 130, "bytes": 32},
}
MASK = {3: 27.0, 15: 48.0, 32: 95.0}


def _encrypted(
    engine: Engine, parameters: Parameters, public: bytes, n: int, length: int
) -> tuple[dict[str, tuple[bytes, ...]], NDArray[np.int64]]:
    """Return n parties' ciphertexts of random numbers, and their sum modulo M."""
    random = np.random.default_rng(secrets.randbits(64))
    modulus = 1 << parameters.modulus_bits
    numbers = random.integers(0, modulus, size=(n, length), dtype=np.int64)
    sums = np.array([0] * length, dtype=np.int64)
    for row in numbers:
        sums = (sums + row) & (modulus - 1)
    sent = {f"bank-{i:02d}": engine.encrypt(parameters, public, numbers[i]) for i in range(n)}
    return sent, sums


def _mask_cost(n: int, parameters: Parameters, repeats: int) -> tuple[float, float]:
    """Return nanoseconds per number, and microseconds per peer whatever the length."""
    names = [f"bank-{i:02d}" for i in range(n)]
    static = {name: X25519PrivateKey.generate() for name in names}
    fresh = {name: X25519PrivateKey.generate() for name in names}
    peers: Mapping[str, PeerKeys] = {
        name: PeerKeys(
            static[name].public_key().public_bytes_raw().hex(),
            fresh[name].public_key().public_bytes_raw().hex(),
        )
        for name in names
    }
    statement = MaskStatement(
        ledger="ledger.example/benchmark",
        run="benchmark",
        round=1,
        attempt=1,
        phase="newton",
        group="all",
        roster_digest=roster_digest(names),
        input_digest="0" * 64,
        he_context_digest="0" * 64,
        modulus_bits=parameters.modulus_bits,
    )

    def seconds(length: int) -> float:
        return median_cost(
            lambda: mask(
                statement,
                name=names[0],
                static=static[names[0]],
                ephemeral=fresh[names[0]],
                peers=peers,
                tensor="newton",
                length=length,
            ),
            repeats=repeats,
        )

    agreement = seconds(1)
    return (seconds(MASKED) - agreement) / MASKED * 1e9, agreement / (n - 1) * 1e6


def _bare(parameters: Parameters, repeats: int) -> tuple[float, float]:
    """Return nanoseconds per number of adding and of decrypting what is in memory."""
    context = tenseal.context(
        tenseal.SCHEME_TYPE.CKKS,
        parameters.poly_modulus_degree,
        coeff_mod_bit_sizes=list(parameters.coeff_bits),
    )
    context.global_scale = 2.0**parameters.scale_bits
    numbers = np.random.default_rng(0).integers(0, 1 << 20, parameters.slots).tolist()
    total, other = (tenseal.ckks_vector(context, numbers) for _ in range(2))

    def add() -> None:
        for _ in range(200):
            total.add_(other)

    other = tenseal.ckks_vector(context, numbers)
    return (
        median_cost(add, repeats=repeats) / 200 / parameters.slots * 1e9,
        median_cost(other.decrypt, repeats=5 * repeats) / parameters.slots * 1e9,
    )


def measure(parameters: Parameters, *, repeats: int) -> list[dict[str, Any]]:
    """Return one row a number of parties."""
    length = N_CIPHERTEXTS * parameters.slots
    bare_add, bare_decrypt = _bare(parameters, repeats)
    rows = []
    with Engine() as engine:
        keys = engine.new_keys(parameters)

        def clock() -> float:
            return cpu_seconds(engine.process_id)

        numbers = np.random.default_rng(1).integers(0, 1 << 30, length, dtype=np.int64)
        encrypt = median_cost(
            lambda: engine.encrypt(parameters, keys.public, numbers), repeats=repeats, clock=clock
        )
        for n in PARTIES:
            sent, sums = _encrypted(engine, parameters, keys.public, n, length)
            aggregate = engine.add(parameters, keys.public, sent, length=length)

            def add(sent: dict[str, tuple[bytes, ...]] = sent) -> None:
                engine.add(parameters, keys.public, sent, length=length)

            def decrypt(aggregate: tuple[bytes, ...] = aggregate, n: int = n) -> NDArray[np.int64]:
                return engine.open(parameters, keys.secret, aggregate, length=length, n_parties=n)

            if not np.array_equal(decrypt(), sums):
                raise SystemExit(f"{parameters.name}, {n} parties: the opened sum is not exact")
            n_bytes = sum(map(len, next(iter(sent.values()))))
            masking, agreement = _mask_cost(n, parameters, repeats)
            rows.append(
                {
                    "parameters": parameters.name,
                    "parties": n,
                    "mask_ns": masking,
                    "agreement_us_per_peer": agreement,
                    "encrypt_ns": encrypt / length * 1e9,
                    "add_ns": bare_add,
                    "add_from_bytes_ns": median_cost(add, repeats=repeats, clock=clock)
                    / (length * n)
                    * 1e9,
                    "decrypt_ns": bare_decrypt,
                    "decrypt_from_bytes_ns": median_cost(decrypt, repeats=repeats, clock=clock)
                    / length
                    * 1e9,
                    "bytes": n_bytes / length,
                    "exact": True,
                }
            )
    return rows


def main() -> None:
    """Measure both parameter sets and write ``results/ckks_cost.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=11)
    repeats = parser.parse_args().repeats
    rows = [row for p in (WIDE, NARROW) for row in measure(p, repeats=repeats)]
    for row in rows:
        specified = SPECIFIED[row["parameters"]]
        row["specified"] = {
            "mask_ns": MASK[row["parties"]],
            "encrypt_ns": specified["encrypt"],
            "add_ns": specified["add"],
            "add_from_bytes_ns": specified.get("add_bytes"),
            "decrypt_ns": specified["decrypt"],
            "bytes": specified["bytes"],
        }
        for name, value in row.items():
            if isinstance(value, float):
                row[name] = float(f"{value:.4g}")
    print(write("ckks_cost", {"machine": machine(), "repeats": repeats, "rows": rows}))


if __name__ == "__main__":
    main()
