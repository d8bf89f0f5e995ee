"""A network's run: who abstains, what a restart changes, and what its errors say."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fedcredit as fc
from fedcredit_parties.errors import (
    ConfigError,
    ConstantFeatureError,
    MalformedMessageError,
    NoBadsError,
    TrainingDivergedError,
)
from fedcredit_parties.network_course import NetworkCourse
from fedcredit_parties.network_task import NetworkTask
from fedcredit_parties.tasks import parse_task
from tests.simulated import bank_frames, parts, small_federation, small_job

SETTINGS: dict[str, Any] = dict(hidden=(4,), rounds=3, batch_size=64, learning_rate=0.05)


def network_job(**changes: Any) -> fc.HorizontalJob:
    model = fc.Mlp(**SETTINGS | changes.pop("model", {}))
    return small_job(model=model, encryption="narrow", run_deadline_s=90, **changes)


@pytest.fixture(scope="module")
def federation() -> Iterator[fc.Federation]:
    """Three banks with rows enough, and one with too few to train."""
    frames = bank_frames(n_banks=4, n_rows=600)
    frames["bank-3"] = frames["bank-3"][:150]
    with small_federation(frames) as federation:
        yield federation


def task_of(**settings: Any) -> NetworkTask:
    feature = fc.Feature(name="x", kind="numeric", lower=0, upper=1)
    common = dict(
        purpose="modelling",
        label="bad",
        features=(feature,),
        bad_definition_digest="0" * 64,
        holdout=0.3,
        parties=("a", "b", "c"),
        min_parties=3,
        deadline_s=60,
        encryption="narrow",
    )
    return NetworkTask(**common | settings)  # type: ignore[arg-type]


def test_a_bank_with_few_rows_abstains_and_both_sides_are_told(
    federation: fc.Federation, caplog: pytest.LogCaptureFixture
) -> None:
    result = federation.run(network_job())

    assert list(result.file.abstaining) == ["bank-3"]
    assert "200 training rows with 20 bads" in result.file.abstaining["bank-3"]
    assert any("bank-3 abstained" in line for line in result.remarks())
    assert any("bank-3 abstains" in record.getMessage() for record in caplog.records)
    # It is counted like everybody: 3 * 600 rows, and its 150.
    assert result.metrics["train"]["n"] + result.metrics["holdout"]["n"] == 1950


@pytest.mark.parametrize("strategy", ["fedadam", pytest.param("fedavg", marks=pytest.mark.long)])
def test_members_that_restart_between_rounds_change_no_bit(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    job = network_job(model={"strategy": strategy, "server_learning_rate": 0.5, "l2": 1e-4})
    undisturbed = federation.run(job).model.weights_
    sim, restarts = parts(federation), []
    honest = sim.coordinator._wait_for_opening

    def restart(run: Any, attempt: Any, stop: Any) -> None:
        honest(run, attempt, stop)
        # What a new process would not have: everything but the vault and the ledger.
        sim.holders["bank-0"]._runs.clear()
        sim.key_holder._keys.clear()
        restarts.append(attempt.phase)

    monkeypatch.setattr(sim.coordinator, "_wait_for_opening", restart)
    again = federation.run(job).model.weights_

    assert restarts.count("train") == SETTINGS["rounds"]
    assert (again == undisturbed).all()


def test_a_bank_without_a_training_row_declines_by_name() -> None:
    frames = bank_frames(4, 300)
    frames = {
        n: f.assign(sample="holdout" if n == "bank-3" else "train") for n, f in frames.items()
    }

    with small_federation(frames) as federation:
        with pytest.raises(NoBadsError, match="no training row"):
            federation.run(network_job(split_column="sample", holdout=0.3))


def test_training_that_diverges_ends_the_run_by_name(federation: fc.Federation) -> None:
    with pytest.raises(TrainingDivergedError) as told:
        federation.run(network_job(model={"learning_rate": 10.0, "momentum": 0.99}))

    assert "learning_rate = 3.3" in told.value.remedy


def test_a_column_without_values_is_named() -> None:
    frames = {n: f.assign(score=np.nan) for n, f in bank_frames(3, 300).items()}
    features = (
        fc.Feature(name="income", kind="numeric", lower=0, upper=10_000),
        fc.Feature(name="score", kind="numeric", lower=0, upper=1),
    )
    schema = fc.Schema(features=features, label="bad")

    with small_federation(frames, schema=schema) as federation:
        with pytest.raises(ConstantFeatureError, match="score"):
            federation.run(network_job(features=("income", "score")))


@pytest.mark.parametrize(
    "settings",
    [{"hidden": (5000,)}, {"update_bits": 39}, {"patience": 2, "holdout": 0.0}, {"rounds": 0}],
    ids=["hidden", "update_bits", "patience", "rounds"],
)
def test_a_task_that_contradicts_itself_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        task_of(**settings)


def test_a_job_that_contradicts_itself_says_what_is_wrong(federation: fc.Federation) -> None:
    with pytest.raises(ConfigError, match="patience"):
        federation.run(network_job(model={"patience": 2}, holdout=0.0))


def test_a_task_is_read_back_as_it_was_written() -> None:
    task = task_of(hidden=(3, 2), strategy="fedprox", mu=0.1)

    assert parse_task(task.document()) == task


def first_release() -> dict[str, Any]:
    values = {
        "edges": [[10, 20]],
        "moments": [[500_000_000, 100_000_000]],
        "n": 600,
        "bads": 90,
        "held_n": 200,
        "held_bads": 30,
        "n_parties": 3,
        "n_clipped": 0,
    }
    return {"phase": "quantiles", "outcome": "continue", "values": values}


@pytest.mark.parametrize(
    "change",
    [
        {"edges": [[20, 10]]},
        {"moments": [[500_000_000]]},
        {"moments": [[500_000_000, -1]]},
        {"moments": [[500_000_001, 100_000_000]]},
        {"moments": [[]]},
        {"bads": 600},
        {"held_bads": 201},
        {"n_parties": 4},
        {"more": 1},
    ],
    ids=range(9),
)
def test_a_first_release_of_another_form_is_refused(change: dict[str, Any]) -> None:
    document = first_release()
    document["values"] |= change

    with pytest.raises(MalformedMessageError):
        NetworkCourse(task_of()).absorb(document)


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"weights": [0]}, "continue"),
        ({"weights": [1 << 53]}, "continue"),
        ({"weights": [0.5]}, "continue"),
        ({"log_loss_nano": "1"}, "continue"),
        ({"code": "import os"}, "continue"),
        ({}, "converged"),
    ],
    ids=["few", "large", "real", "text", "more", "too-early"],
)
def test_a_round_of_another_form_is_refused(change: dict[str, Any], outcome: str) -> None:
    course = NetworkCourse(task_of(hidden=(2,), rounds=3))
    course.absorb(first_release())
    n = course.task.architecture.n_parameters
    values = {
        "weights": [0] * n,
        "log_loss_nano": 1,
        "holdout_loss_nano": 1,
        "step_nano": 1,
        "n_cut": 0,
        "n_clipped": 0,
    }
    if "weights" in change and len(change["weights"]) == 1 and change["weights"] != [0]:
        change = {"weights": change["weights"] * n}

    with pytest.raises(MalformedMessageError):
        course.absorb({"phase": "train", "outcome": outcome, "values": values | change})
    course.absorb({"phase": "train", "outcome": "continue", "values": values})
