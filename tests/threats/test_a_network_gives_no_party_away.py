"""Updates of a network: never one party's alone, never code, never from few rows.

One party's update says much about its rows (gradient inversion); the average of several says less.
Attacked here: a run in which all but one abstain, so that the average is one party's update; a
scorecard over the same roster, whose totals less those of the network would be the party that
abstained; the exact weights, in which the divisor of an average would show; a coordinator or key
holder that sends a program instead of weights; a party with few rows.
Weak variants: the update itself, from which a row is read; an average divided by the exact number
of rows trained on, from which that number is read.
"""

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fedcredit as fc
from fedcredit_models import network_rounds
from fedcredit_models.local_training import LocalRules, train
from fedcredit_models.network import Architecture, as_floats
from fedcredit_models.network_inputs import CodedRows
from fedcredit_models.network_rounds import RoundRules, Rounds, Totals
from fedcredit_models.network_updates import Packing
from fedcredit_parties import key_holder
from fedcredit_parties.errors import MalformedMessageError, TooFewPartiesError
from fedcredit_parties.procedures import PROCEDURES
from fedcredit_parties.tasks import parse_task
from tests.simulated import bank_frames, entries, small_federation, small_job

MODEL = dict(hidden=(4,), rounds=2, batch_size=64, learning_rate=0.05)


@pytest.fixture(scope="module")
def lonely() -> Iterator[fc.Federation]:
    """Three banks, of which one alone has rows enough to train."""
    frames = bank_frames(n_rows=500)
    small = {name: frame if name == "bank-0" else frame[:120] for name, frame in frames.items()}
    with small_federation(small) as federation:
        yield federation


def network_job(**changes: Any) -> fc.HorizontalJob:
    model = fc.Mlp(**MODEL)  # type: ignore[arg-type]
    return small_job(model=model, encryption="narrow", run_deadline_s=60, **changes)


def test_weak_one_step_on_one_row_is_that_row() -> None:
    shape = Architecture((fc.Feature(name="x", kind="numeric", lower=0, upper=1),), hidden=())
    row = np.array([[0.3, -0.7, 0.0]])
    rows = CodedRows(row, np.empty((1, 0), np.int64))
    start = as_floats(shape.start(0))

    after = train(
        start, shape, rows, np.array([1]), LocalRules(l2=0.0, batch_size=1), (1.0, 1.0), seed=0
    )

    update = after - start
    assert update[:3] / update[3] == pytest.approx(row[0])


def test_an_update_alone_among_abstaining_parties_is_never_opened(
    lonely: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    released: list[Any] = []
    honest = key_holder.release

    def release(course: Any, sums: Any, memory: Any) -> Any:
        released.append(None)
        released[-1] = honest(course, sums, memory)
        return released[-1]

    monkeypatch.setattr(key_holder, "release", release)

    with pytest.raises(TooFewPartiesError, match="rows enough"):
        lonely.run(network_job())

    assert released and not any(released)  # not even counts, of which one party's would follow
    phases = [e.data["phase"] for e in entries(lonely, "round-contributed")]
    assert set(phases) == {"quantiles"}  # no party made an update


@pytest.fixture(scope="module")
def mixed() -> Iterator[fc.Federation]:
    """Four banks, of which one is too small to train."""
    frames = bank_frames(4, n_rows=600)
    frames["bank-3"] = frames["bank-3"][:60]
    for name, frame in frames.items():
        frame.insert(0, "id", [f"{name}-{i}" for i in range(len(frame))])
    with small_federation(frames) as federation:
        yield federation


def test_a_scorecard_less_a_network_is_not_the_party_that_abstained(
    mixed: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    released: dict[tuple[str, str], Any] = {}
    sent: list[tuple[bool, str, Any]] = []
    honest, side = key_holder.release, PROCEDURES["network"].sums

    def release(course: Any, sums: Any, memory: Any) -> Any:
        document = honest(course, sums, memory)
        released[course.task.kind, document["phase"]] = document["values"]
        return document

    class Watched(side):  # type: ignore[misc, valid-type]
        def addend(self, course: Any) -> Any:
            sent.append((self._rows.abstains, course.phase, found := super().addend(course)))
            return found

    monkeypatch.setattr(key_holder, "release", release)
    watched = replace(PROCEDURES["network"], sums=Watched)
    monkeypatch.setitem(PROCEDURES, "network", watched)  # type: ignore[arg-type]
    common: dict[str, Any] = dict(id_column="id", features=["income", "age"], holdout=0.3)
    result = mixed.run(network_job(**common))
    mixed.run(small_job(run_deadline_s=60, **common))

    assert list(result.file.abstaining) == ["bank-3"]
    network, card = released["network", "quantiles"], released["scorecard", "bins"]
    assert (network["n"], network["bads"]) == (card["n"], sum(card["features"][0]["bads"]))
    for name in ("train", "holdout"):
        ours, theirs = (
            released[kind, "metrics"]["samples"][name] for kind in ("network", "scorecard")
        )
        assert (ours["n"], ours["bads"]) == (theirs["n"], theirs["bads"])
    held = released["network", "metrics"]["samples"]["holdout"]
    assert (network["held_n"], network["held_bads"]) == (held["n"], held["bads"])
    assert network["n_parties"] == 3
    # What it does not take part in is the training alone; its loss is part of everybody's.
    own = [found for abstains, phase, found in sent if abstains and phase == "train"]
    assert len(own) == MODEL["rounds"]
    for found in own:
        assert not any(np.any(found[name]) for name in ("update", "cut", "trained"))
        assert found["loss"] > 0


def averaged(trained: int, exactly: bool, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Return how far the weights move for the same sum, in whole steps of 2**-40."""
    shape = Architecture((fc.Feature(name="x", kind="numeric", lower=0, upper=1),), hidden=(40,))
    begun = Rounds(shape, RoundRules(), Totals(n=1000, bads=300))
    sums = {
        "update": begun.packing.pack(np.arange(begun.packing.n)),
        "cut": np.array([0]),
        "trained": np.array([trained]),
        "loss": np.array([500.0]),
    }
    if exactly:
        monkeypatch.setattr(network_rounds, "DIVISOR_STEPS", begun.totals.n)
    values, _ = network_rounds.step(begun, sums, {})
    return np.asarray(np.array(values["weights"]) - begun.weights)


def test_weak_an_exact_divisor_is_read_off_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = averaged(937, True, monkeypatch)

    step = Packing(len(moved), 1.0, 17, 34).step
    unit = as_floats(moved)[-1] / (len(moved) - 1)  # what every move is a multiple of
    assert round(1000 * step / unit) == 937


def test_weights_do_not_tell_how_many_rows_were_trained_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moved = averaged(937, False, monkeypatch)

    assert (moved == averaged(815, False, monkeypatch)).all()


class _Program:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self._path,)


def test_no_bytes_of_a_program_are_taken_for_a_network(tmp_path: Path) -> None:
    weak, ours = tmp_path / "weak", tmp_path / "ours"
    pickle.loads(pickle.dumps(_Program(weak)))  # how others send weights
    program = pickle.dumps(_Program(ours))

    with pytest.raises(ValueError, match="not JSON"):
        fc.Mlp.from_json(program)
    with pytest.raises(MalformedMessageError):
        parse_task(program)

    assert weak.exists() and not ours.exists()
