"""Attack: try every identity number that a committed value could be.

There are so few of them that an unsalted digest is no secret: the weak variant falls in a second.
So does a salt that two fields share, once one of them is shown. Here every field of every entry has
32 random bytes of its own, and without them no guess can be tested, not even the right one.
"""

import base64
import hashlib
import json
import random
import secrets
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from fedcredit_ledger.entry import commit
from fedcredit_parties.kept_openings import KeptOpenings

HEADER = b"fedcredit-ledger-commit/v1\n"
"""SPEC.md, Commitment; hashed by hand below, as an attacker would."""

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECKS = "10X98765432"
N_GUESSES = 1_000_000


def identity_numbers(district: str, first: date, n_days: int) -> Iterator[bytes]:
    """Yield the thousand numbers of each day of birth in one district, with check digit."""
    serials = [f"{serial:03d}" for serial in range(1000)]
    sums = [sum(w * int(x) for w, x in zip(WEIGHTS[14:], s, strict=True)) for s in serials]
    for offset in range(n_days):
        born = f"{district}{first + timedelta(days=offset):%Y%m%d}"
        base = sum(w * int(x) for w, x in zip(WEIGHTS[:14], born, strict=True))
        for serial, total in zip(serials, sums, strict=True):
            yield f"{born}{serial}{CHECKS[(base + total) % 11]}".encode()


@pytest.fixture(scope="module")
def guesses() -> list[bytes]:
    return list(identity_numbers("110101", date(1989, 1, 1), N_GUESSES // 1000))


def walk(target: str, guesses: Sequence[bytes], prefix: bytes, suffix: bytes) -> bytes:
    """Hash every guess between a prefix and a suffix; return the one that hits, or nothing."""
    wanted, sha256 = bytes.fromhex(target), hashlib.sha256
    for guess in guesses:
        if sha256(prefix + guess + suffix).digest() == wanted:
            return guess
    return b""


def walk_with(salt: str, target: str, guesses: Sequence[bytes]) -> bytes:
    """Walk with a salt that the attacker has, or invents."""
    return walk(target, guesses, HEADER + f'["{salt}","subject","'.encode(), b'"]')


def test_the_guesses_are_real_numbers(guesses):
    """GB 11643-1999 prints 11010519491231002X as its example."""
    assert b"11010519491231002X" in identity_numbers("110105", date(1949, 12, 31), 1)
    assert len(guesses) == N_GUESSES
    assert len(set(guesses[:5000])) == 5000


def test_a_million_guesses_find_nothing(guesses):
    person = guesses[130_431]
    shown = secrets.token_bytes(32)
    unsalted = hashlib.sha256(person).hexdigest()
    shared, _ = commit("subject", person.decode(), salt=shown)
    committed, salt = commit("subject", person.decode())
    _, neighbour = commit("purpose", "modelling")  # of the same entry, and disclosed

    # The weak variants: no salt; one salt for two fields, one of which was shown.
    assert walk(unsalted, guesses, b"", b"") == person
    assert walk_with(base64.b64encode(shown).decode(), shared, guesses) == person
    # Ours: the right guess is among them, and nothing says so.
    assert walk_with(neighbour, committed, guesses) == b""
    assert walk_with(salt, committed, guesses[130_000:131_000]) == person


@pytest.mark.long
def test_no_salt_that_an_attacker_could_invent_finds_anybody(guesses, record_property):
    seed = secrets.randbits(32)
    record_property("seed", seed)
    chosen = random.Random(seed).sample(guesses, 5)
    zeros = base64.b64encode(bytes(32)).decode()
    n_guesses = 0
    for person in chosen:
        committed, _ = commit("subject", person.decode())
        of_the_digest = base64.b64encode(bytes.fromhex(committed)).decode()
        for salt in ("", zeros, of_the_digest, commit("subject", person.decode())[1]):
            assert walk_with(salt, committed, guesses) == b"", f"seed {seed}"
            n_guesses += len(guesses)
    record_property("n_guesses", n_guesses)


def test_after_an_erasure_even_the_holder_cannot_test_the_right_guess(tmp_path: Path):
    kept = KeptOpenings(tmp_path / "openings.db", key=bytes(32))
    person = "110101199003070052"
    made = [kept.commit({"subject": person, "document": "D-1"}, subject=person) for _ in range(3)]
    erased = made[1].commits["subject"]
    (before,) = [kept.get(erased)]
    assert before is not None and before[2] == person  # until now it could

    kept.erase([erased])

    salts = [
        opening[0]
        for one in made
        for digest in one.commits.values()
        if (opening := kept.get(digest)) is not None
    ]
    assert len(salts) == 5
    for salt in salts:
        text = json.dumps([salt, "subject", person], separators=(",", ":")).encode()
        assert hashlib.sha256(HEADER + text).hexdigest() != erased
    kept.close()
