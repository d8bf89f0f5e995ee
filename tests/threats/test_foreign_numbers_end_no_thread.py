"""Numbers that no honest member sends refuse a run by name; whoever met them serves on.

Before, a task, an addend or a release that the mathematics could not work with ended the thread of
every bank or of the key holder, and again after each restart while the run was open. The weak
variant is a boundary that lets the mathematics' own error through.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import fedcredit as fc
from fedcredit_parties import data_holder
from fedcredit_parties.errors import MalformedMessageError, PartyError, PrecisionError
from fedcredit_parties.foreign import CAUSES
from fedcredit_parties.procedure import addend
from fedcredit_parties.procedures import course_of
from tests.fuzz.honest_courses import HonestCourse, honest_courses
from tests.simulated import bank_frames, parts, small_federation, small_job


@pytest.fixture(scope="module")
def federation() -> Iterator[fc.Federation]:
    with small_federation(bank_frames(n_rows=400)) as federation:
        yield federation


@pytest.fixture(scope="module")
def courses() -> dict[str, HonestCourse]:
    return honest_courses()


def alive(federation: fc.Federation) -> bool:
    sim = parts(federation)
    members = [sim.key_holder.member, *(holder.member for holder in sim.holders.values())]
    return all(
        member.crash is None and all(thread.is_alive() for thread in member._threads)
        for member in members
    )


def lie_in(phase: str, change: Callable[[Any], None]) -> Callable[..., Any]:
    """Return an addend function by which every party lies in one phase."""

    def lying(rows: Any, side: Any, course: Any) -> Any:
        found = {name: np.array(values) for name, values in addend(rows, side, course).items()}
        if course.phase == phase:
            change(found)
        return found

    return lying


def test_a_negative_count_is_refused_and_the_key_holder_serves_on(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def negative(found: Any) -> None:
        found["bads.0"][-1] -= 5
        found["bads.0"][0] += 5

    monkeypatch.setattr(data_holder, "addend", lie_in("bins", negative))
    with pytest.raises(PrecisionError, match=r"bads\.0"):
        federation.run(small_job(features=["income", "age"]))

    assert alive(federation)


def test_impossible_squares_are_refused_and_the_key_holder_serves_on(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impossible(found: Any) -> None:
        found["square.high"][:] = 0
        found["square.low"][:] = 0

    monkeypatch.setattr(data_holder, "addend", lie_in("statistics", impossible))
    with pytest.raises(MalformedMessageError, match="ValueError"):
        federation.run(fc.Survey(purpose="modelling", label="bad", features=["income", "age"]))

    assert alive(federation)


def test_a_task_that_breaks_the_mathematics_is_declined_and_every_bank_serves_on(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any, **settings: Any) -> Any:
        raise ZeroDivisionError("4711 is a row's value")

    with monkeypatch.context() as patched:
        patched.setattr(data_holder, "Rows", broken)
        with pytest.raises(MalformedMessageError, match="ZeroDivisionError") as refused:
            federation.run(small_job(features=["income"]))

    assert "4711" not in str(refused.value)
    assert alive(federation)
    assert federation.run(small_job(features=["income"])).model is not None


def test_a_boundary_that_names_nothing_lets_the_error_through(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = parts(federation).holders["bank-0"]
    run = next(iter(holder.member.ledger.state.runs.values()))
    monkeypatch.setattr(data_holder, "named", lambda *_, **__: nullcontext())
    monkeypatch.setattr(data_holder, "parse_task", lambda document: {}["no such task"])

    with pytest.raises(CAUSES):
        holder.consider(run)


# A key holder that lies


def changed(document: dict[str, Any], path: tuple[Any, ...], value: object) -> dict[str, Any]:
    spoiled = copy.deepcopy(document)
    holder = spoiled["values"]
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return spoiled


SAMPLE = ("samples", "train")
LIES: list[tuple[str, str, tuple[Any, ...], object]] = [
    ("scorecard", "bins", ("features", 0), {"dropped": []}),
    ("scorecard", "bins", ("features", 0, "bads", 0), 0),
    ("scorecard", "metrics", (*SAMPLE, "surplus"), 1),
    ("scorecard", "metrics", (*SAMPLE, "auc_nano"), 10**9 + 1),
    ("scorecard", "metrics", (*SAMPLE, "bands", 0, "n"), True),
    ("scorecard", "metrics", SAMPLE, {"withheld": []}),
    ("scorecard", "metrics", SAMPLE, {"withheld": "no_rows", "n": False, "bads": 0}),
    ("gbdt", "start", ("features", 0), {"dropped": []}),
    ("gbdt", "start", ("features", 0, "suspicious"), True),
    ("gbdt", "start", ("features", 0, "suspicious"), 1.0),
    ("gbdt", "start", ("bads",), 2**31 - 1),
    ("gbdt", "trees", ("nodes", 0), {"value": 2**53}),
    ("network", "quantiles", ("n_parties",), 0),
    ("survey", "statistics", ("features", 0, "dropped"), []),
    ("survey", "statistics", ("features", 0, "goods", 0), 0),
    ("survey", "tables", ("pairs", 0), {"withheld": []}),
    ("survey", "stepwise", ("move",), []),
    ("evaluation", "figures", ("figures", "champion"), {"withheld": []}),
    ("evaluation", "figures", ("figures", "champion"), {"withheld": "no_rows", "n": 0.0}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "phase", "path", "value"), LIES, ids=lambda part: str(part).replace(" ", "")[:40]
)
def test_a_release_of_a_second_form_is_refused_by_name(
    courses: dict[str, HonestCourse], kind: str, phase: str, path: tuple[Any, ...], value: object
) -> None:
    course = course_of(courses[kind].task)
    for document in courses[kind].documents:
        if document["phase"] == phase:
            with pytest.raises(PartyError):
                course.absorb(changed(document, path, value))
            return
        course.absorb(document)
    raise AssertionError(f"the honest run of {kind} has no phase {phase}")


def test_a_release_that_leaves_no_further_sum_is_refused_when_it_is_absorbed(
    courses: dict[str, HonestCourse],
) -> None:
    """2**31 rows with log odds of 2**13 lose up to 2**64 units of 2**-20: more than two limbs."""
    honest = courses["gbdt"]
    course = course_of(honest.task)
    course.absorb(honest.documents[0])
    start = changed(honest.documents[1], ("bads",), 2**30 - 1)
    course.absorb(changed(start, ("goods",), 2**30 - 1))
    leaf = {"nodes": [{"value": 2**53 - 1}], "n_clipped": 0}

    with pytest.raises(MalformedMessageError, match="ValueError"):
        course.absorb({"phase": "trees", "outcome": "continue", "values": leaf})
