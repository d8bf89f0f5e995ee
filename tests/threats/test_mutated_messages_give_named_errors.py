"""Mutated messages to everything that parses foreign bytes: named errors, no crash, no growth.

``make fuzz N=10000`` feeds as many as one likes; some hundreds are fed whenever the tests run, ten
thousand by the long ones. The weak variants at the end are readers that do what the fuzzer looks
for: each is found.
"""

import json
import os
import random
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fedcredit_parties.errors import MalformedMessageError
from fedcredit_parties.tasks import KINDS
from tests.fuzz import harness
from tests.fuzz.harness import Target, run
from tests.fuzz.mutations import spoil_bytes
from tests.fuzz.targets import all_targets

SEED = int(os.environ.get("FEDCREDIT_FUZZ_SEED", "20261125"))


@pytest.fixture(scope="module", name="targets")
def targets_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Target]]:
    with all_targets(tmp_path_factory.mktemp("fuzz")) as targets:
        yield targets


def test_hundreds_of_mutants_are_refused_by_name(targets: list[Target]) -> None:
    report = run(targets, n=800, seed=SEED)
    print(report.table())

    assert report.findings == []
    assert report.n >= 780
    assert {row.name for row in report.rows if row.n == row.accepted} == set()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_thousand_mutants_are_refused_by_name(
    targets: list[Target], record_property: Callable[[str, object], None]
) -> None:
    seed = secrets.randbelow(2**31)
    print(f"seed {seed}: make fuzz N=10000 SEED={seed}")
    report = run(targets, n=10_000, seed=seed)
    print(report.table())
    record_property("fuzz", report.document())

    assert report.findings == []
    assert report.n >= 9_900


def test_everything_on_the_list_of_the_front_and_the_nodes_is_fed(targets: list[Target]) -> None:
    names = {target.name for target in targets}

    assert names >= {
        "Fleet calls", "Flower messages", "HTTP bytes", "answers of the front",
        "ciphertexts, added", "contexts, used", "frames", "handler table", "letters",
        "ledger leaves", "party.toml",
        "receipts", "requests, signed", "requests, unsigned",
        "sealed releases", "signed ledger entries", "wire records",
    }  # fmt: skip
    for kind in KINDS:
        assert {f"released documents, {kind}", f"task documents, {kind}"} <= names


# What is found of readers that are weaker


def fed(feed: Callable[[bytes], str | None], n: int = 50) -> harness.Report:
    def mutant(rng: random.Random) -> bytes:
        return spoil_bytes(rng, b'{"a": 1, "b": [1, 2, 3]}')

    return run([Target(name="weak", mutant=mutant, feed=feed)], n=n, seed=1)


def test_an_exception_without_a_name_is_found_with_its_bytes(tmp_path: Path) -> None:
    def feed(data: bytes) -> None:
        json.loads(data)

    target = Target(name="weak reader", mutant=lambda rng: rng.randbytes(9), feed=feed)
    report = run([target], n=20, seed=1, findings=tmp_path)

    assert len(report.findings) == 20
    kept = json.loads((tmp_path / "weak-reader-1.json").read_text(encoding="utf-8"))
    assert kept["what"] in ("JSONDecodeError", "UnicodeDecodeError")
    assert "json.loads" in kept["trace"]
    assert eval(kept["mutant"]) == random.Random("1/weak reader").randbytes(9)


def test_a_reader_that_names_its_errors_is_not_found() -> None:
    def feed(data: bytes) -> None:
        try:
            json.loads(data)
        except ValueError:
            raise MalformedMessageError("not JSON") from None

    report = fed(feed)

    assert report.findings == []
    assert report.rows[0].refused.keys() == {"MalformedMessageError"}
    assert report.rows[0].accepted + report.rows[0].refused.total() == report.n == 50


def test_a_reader_that_takes_too_long_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "SLOWEST_S", 0.01)

    report = fed(lambda data: time.sleep(0.02), n=1)

    assert [finding["what"][:4] for finding in report.findings] == ["took"]


def test_a_reader_that_keeps_what_it_reads_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "GROWTH_BYTES", 8 * 2**20)
    kept: list[bytes] = []

    report = fed(lambda data: kept.append(os.urandom(2**20)))

    assert [finding["target"] for finding in report.findings] == ["process"]


def test_the_same_seed_makes_the_same_mutants() -> None:
    def mutants(seed: int) -> list[bytes]:
        seen: list[bytes] = []
        target = Target(
            name="t", mutant=lambda rng: spoil_bytes(rng, b"honest" * 20), feed=seen.append
        )
        run([target], n=30, seed=seed)
        return seen

    assert mutants(5) == mutants(5) != mutants(6)
