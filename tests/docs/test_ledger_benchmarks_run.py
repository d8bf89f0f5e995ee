"""The ledger's benchmarks run, on a ledger of some hundred leaves; what they measure verifies."""

from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _beside_the_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_verification_is_measured_at_every_size(tmp_path: Path) -> None:
    import ledger_verify
    from long_ledger import build

    built = build(tmp_path / "400.db", 400, n_opened=1)

    for level in ("V1", "V2"):
        assert ledger_verify.one_level(built.path, level, 0)["ratio"] > 0
    assert ledger_verify.bare_rate(built.path) > 0
    assert ledger_verify.proofs(built.path)["median"] > 0
    assert ledger_verify.since(built.path, 1)["new_leaves"] == 400 - 256
    assert len(built.openings) == 12


def test_appending_is_measured_beside_the_raw_disk(tmp_path: Path) -> None:
    import ledger_append

    found = ledger_append.measure(
        tmp_path, lambda name: ledger_append.sqlite_store(tmp_path, name), repeats=1, n_each=1
    )

    assert found["submit_per_s"]["median"] > 0
    assert found["append_per_commit"]["median"] > 0
