"""Updates of a network: never one party's alone, never code, never from few rows.

One party's update says much about its rows (gradient inversion); the average of several says less.
Attacked here: a run in which all but one abstain, so that the average is one party's update; a
coordinator or key holder that sends a program instead of weights; a party with few rows.
The weak variant: the update itself, from which a row is read.
"""

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fedcredit as fc
from fedcredit_models.local_training import LocalRules, train
from fedcredit_models.network import Architecture, as_floats
from fedcredit_models.network_inputs import CodedRows
from fedcredit_parties import network_release
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
    opened: list[str] = []
    honest = network_release.TABLE["train"]

    def release(course: Any, sums: Any, memory: Any) -> Any:
        opened.append(course.phase)
        return honest(course, sums, memory)

    monkeypatch.setattr(network_release, "TABLE", network_release.TABLE | {"train": release})

    with pytest.raises(TooFewPartiesError, match="rows enough"):
        lonely.run(network_job())

    assert opened == []
    phases = [e.data["phase"] for e in entries(lonely, "round-contributed")]
    assert set(phases) == {"quantiles"}  # no party made an update


def test_a_party_with_few_rows_adds_zeros(
    lonely: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sums = []
    honest = PROCEDURES["network"].sums

    class Watched(honest):  # type: ignore[misc, valid-type]
        def addend(self, course: Any) -> Any:
            sums.append((self._rows.n_train, found := super().addend(course)))
            return found

    watched = replace(PROCEDURES["network"], sums=Watched)
    monkeypatch.setitem(PROCEDURES, "network", watched)  # type: ignore[arg-type]

    with pytest.raises(TooFewPartiesError):
        lonely.run(network_job(holdout=0.2))

    few = [addend for n, addend in sums if n == 0]
    assert len(few) == 2
    assert not any(np.any(values) for addend in few for values in addend.values())


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
