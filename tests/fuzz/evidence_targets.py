"""What reads evidence: packages as they come, packages made anew around one spoiled file, lists."""

import json
import random
from pathlib import Path
from typing import Any

from fedcredit import evidence_batch, fact_sealing
from fedcredit_ledger.evidence import pack_evidence, read_openings, verify_evidence
from tests.fuzz.harness import Target
from tests.fuzz.mutations import spelled, spoil_bytes, spoil_lines, spoil_value
from tests.ledger.small_packages import (
    SUBJECT_OPENING,
    files_of,
    granted_federation,
    packed_anew,
)


def evidence_targets(folder: Path) -> list[Target]:
    """Return the targets that read evidence.

    Parameters
    ----------
    folder : Path
        An empty folder.
    """
    fed = granted_federation()
    opening = [SUBJECT_OPENING[1], "subject", "110101199003070000"]
    package = pack_evidence(
        fed.store, "grant grant-bank-a", openings={2: [opening]}, disclose=("subject",)
    )
    files = files_of(package)
    names = sorted(set(files) - {"SHA256SUMS"})
    cases = b"case_no,contract,court\n1,K-1,Haidian\n2,K-2,Haidian\n"
    fact = {
        "stage": "repay",
        "contract": "K-1",
        "environment_digest": "0" * 64,
        "fields": {"period": 1, "amount_fen": 1, "paid_at": "2026-01-31"},
    }
    (folder / "openings").mkdir()

    def spoiled(rng: random.Random) -> bytes:
        name = rng.choice(names)
        spoil = spoil_lines if rng.random() < 0.5 else spoil_bytes
        return packed_anew({**files, name: spoil(rng, files[name])})

    def feed_package(data: bytes) -> None:
        verify_evidence(data)
        assert data == package, "a package that was changed is accepted"

    def feed_openings(data: bytes) -> None:
        (folder / "openings" / "2.json").write_bytes(data)
        read_openings(folder / "openings")

    def feed_cases(data: bytes) -> None:
        (folder / "cases.csv").write_bytes(data)
        evidence_batch.read_cases(folder / "cases.csv")

    def feed_fact(data: bytes) -> None:
        (folder / "fact.json").write_bytes(data)
        fact_sealing.read_fact(folder / "fact.json")

    def as_json(rng: random.Random, value: Any) -> bytes:
        if rng.random() < 0.7:
            return spelled(rng, spoil_value(rng, value))
        return spoil_bytes(rng, json.dumps(value).encode())

    return [
        Target(
            name="evidence packages",
            mutant=lambda rng: spoil_bytes(rng, package),
            feed=feed_package,
            weight=20,
        ),
        Target(name="spoiled files of packages", mutant=spoiled, feed=feed_package, weight=20),
        Target(name="openings", mutant=lambda rng: as_json(rng, [opening]), feed=feed_openings),
        Target(
            name="lists of cases",
            mutant=lambda rng: spoil_bytes(rng, cases),
            feed=feed_cases,
            weight=5,
        ),
        Target(name="facts", mutant=lambda rng: as_json(rng, fact), feed=feed_fact, weight=5),
    ]
