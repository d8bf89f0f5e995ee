"""The front door: what one gets, what one may ask, and what is left after closing."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fedcredit as fc
from fedcredit_ledger.__main__ import main as verify_main
from fedcredit_parties.errors import GrantError
from tests.simulated import bank_frames, entries, parts, small_federation, small_job


@pytest.fixture(scope="module")
def federation() -> Iterator[fc.Federation]:
    with small_federation() as federation:
        yield federation


@pytest.fixture(scope="module")
def result(federation: fc.Federation) -> fc.TrainingResult:
    return federation.run(small_job())


def test_the_result_scores_new_people_unseen_levels_and_missing_values(
    result: fc.TrainingResult,
) -> None:
    people = pd.DataFrame(
        {"income": [1_500.0, np.nan, 8_500.0], "home": ["rent", "boat", None], "age": [30, 40, 50]}
    )

    p = result.model.predict_proba(people)

    assert p.shape == (3, 2)
    assert np.allclose(p.sum(axis=1), 1.0)
    assert p[0, 1] > p[2, 1]


def test_the_history_follows_the_rounds_of_the_ledger(
    federation: fc.Federation, result: fc.TrainingResult
) -> None:
    opened = [e for e in entries(federation, "round-opened") if e.data["run_id"] == result.run_id]

    assert list(result.history["round"]) == [e.data["round"] for e in opened]
    assert list(result.history["outcome"]) == [e.data["outcome"] for e in opened]
    losses = result.history["log_loss"].dropna()
    assert len(losses) >= 3
    assert losses.is_monotonic_decreasing


def test_every_member_learns_what_the_statement_says(result: fc.TrainingResult) -> None:
    said = str(result.disclosure)

    assert "bank-0, bank-1, bank-2 and analyst learned" in said
    assert "no single contribution" in said
    assert "coordinator learned who answered when" in said


def test_every_bank_sent_about_the_same(result: fc.TrainingResult) -> None:
    sent = [row.bytes_sent for row in result.file.participation.values()]

    assert min(sent) > 100_000
    assert max(sent) < 1.2 * min(sent)


def test_a_grant_of_nobody_is_an_error(federation: fc.Federation) -> None:
    with pytest.raises(GrantError, match="bank-9") as refused:
        federation.grant("bank-9", purpose="modelling")

    assert refused.value.expected == "bank-0, bank-1, bank-2"


def test_a_grant_that_does_not_exist_cannot_be_withdrawn(federation: fc.Federation) -> None:
    with pytest.raises(GrantError, match="no grant"):
        federation.revoke("never-issued")


def test_the_seed_decides_who_is_held_out_and_nothing_else() -> None:
    """Same seed, same sums, same model; keys and masks are random every time."""
    models, digests = [], []
    for _ in range(2):
        with small_federation() as federation:
            result = federation.run(small_job(features=("income",)))
            models.append(result.model.to_json())
            digests.append(
                [e.data["payload_digest"] for e in entries(federation, "round-contributed")]
            )

    assert models[0] == models[1]
    assert set(digests[0]).isdisjoint(digests[1])


def test_the_narrow_parameter_set_gives_the_same_model() -> None:
    models = []
    for encryption in ("wide", "narrow"):
        with small_federation() as federation:
            job = small_job(features=("income",), encryption=encryption)
            models.append(federation.run(job).model)

    wide, narrow = models
    assert list(wide.table()["bads"]) == list(narrow.table()["bads"])
    assert np.allclose(wide.table()["coefficient"], narrow.table()["coefficient"], atol=1e-6)


def test_a_ledger_on_disk_verifies_after_closing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ledger.sqlite"
    with small_federation(ledger=path) as federation:
        federation.run(small_job(features=("income",)))

    for level in ("--full", "--rules"):
        assert verify_main(["verify", str(path), level]) == 0, capsys.readouterr()


def test_closing_ends_every_thread_and_every_child() -> None:
    before = set(threading.enumerate())
    federation = small_federation(bank_frames(3, n_rows=80))
    sim = parts(federation)
    engines = [sim.coordinator.engine, sim.key_holder.engine]
    engines += [holder.engine for holder in sim.holders.values()]
    federation.run(small_job(features=("income",)))
    federation.close()

    left = [t.name for t in set(threading.enumerate()) - before if t.is_alive()]
    assert left == []
    assert [engine.process_id for engine in engines] == [None] * 5
