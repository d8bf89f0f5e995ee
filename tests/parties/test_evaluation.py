"""An evaluation's task, sums and release: what is counted, what leaves, what a reader believes."""

import base64
import copy
import json
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from fedcredit_models.saved_model import canonical_text
from fedcredit_models.schema import Feature
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.errors import MalformedMessageError, SchemaMismatchError, SteepModelError
from fedcredit_parties.evaluation_course import EvaluationCourse
from fedcredit_parties.evaluation_sums import EvaluationSums
from fedcredit_parties.evaluation_task import EvaluationTask
from fedcredit_parties.packed_model import pack_model, unpack_model
from fedcredit_parties.release import release
from fedcredit_parties.rows import Rows
from fedcredit_parties.tasks import parse_task
from tests.models.monitored_rows import MONTHS, applications, models

FEATURES = (
    Feature("income", "numeric", lower=0.0, upper=1e6),
    Feature("age", "numeric", lower=0.0, upper=120.0),
    Feature("product", "categorical", levels=("car", "cash")),
    Feature("sex", "categorical", levels=("f", "m")),
)


def task(**changes: Any) -> EvaluationTask:
    card, trees = (pack_model(canonical_text(model.model)) for model in models())
    fields: dict[str, Any] = {
        "purpose": "modelling",
        "label": "bad",
        "features": FEATURES,
        "bad_definition_digest": "ab" * 32,
        "holdout": 0.0,
        "time_column": "opened",
        "parties": ("a", "b", "c"),
        "min_parties": 3,
        "deadline_s": 60,
        "policy": DisclosurePolicy(),
        "champion": card,
        "challenger": trees,
        "partitions": (
            {"by": "period", "column": "opened", "names": MONTHS},
            {"by": "group", "column": "sex", "names": ("f", "m")},
        ),
        "score_cells": 1024,
        "slice_cells": 256,
        "joint_cells": 64,
    }
    return EvaluationTask.model_validate(fields | changes)


def rows(frame: pd.DataFrame, what: EvaluationTask) -> Rows:
    return Rows(
        frame, what.table_schema, holdout=what.holdout, oot_from=what.oot_from, split_key=b"k" * 32
    )


def summed(what: EvaluationTask, *frames: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """Return the sum of all parties, as the key holder opens it."""
    course = EvaluationCourse(what)
    parts = [EvaluationSums(rows(frame, what), what).addend(course) for frame in frames]
    total = {name: np.sum([part[name] for part in parts], axis=0) for name in parts[0]}
    return {
        field.name: np.asarray(total.get(field.name, np.zeros(1)), dtype=float)
        for field in course.tensor().fields
    }


@cache
def document() -> dict[str, Any]:
    what = task()
    return release(EvaluationCourse(what), summed(what, *(applications(s, 700) for s in (1, 2, 3))))


def test_a_task_comes_back_from_its_document() -> None:
    what = task()
    assert parse_task(what.document()) == what
    assert what.phases() == ("figures",)
    assert what.most_rounds == 1


def test_a_model_is_packed_and_comes_back() -> None:
    text = canonical_text(models()[1].model)
    packed = pack_model(text)
    assert len(packed) < len(text) / 2
    assert unpack_model(packed).digest == models()[1].digest


@pytest.mark.parametrize(
    "packed",
    [
        "%%%",
        base64.b64encode(b"not compressed").decode(),
        base64.b64encode(zlib.compress(b"{}")).decode(),
        base64.b64encode(zlib.compress(b'{"format": "fedcredit-scorecard/v1"}')).decode(),
        base64.b64encode(zlib.compress(b"{}") + b"more").decode(),
        base64.b64encode(zlib.compress(b" " * 30_000_000)).decode(),
    ],
    ids=["no base64", "no zlib", "no model", "half a model", "more than one", "a bomb"],
)
def test_what_is_no_packed_model_is_refused_with_the_task(packed: str) -> None:
    raw = json.loads(task().document())
    raw["champion"] = packed
    with pytest.raises(MalformedMessageError, match="champion"):
        parse_task(json.dumps(raw, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"features": FEATURES[1:]},
        {"partitions": ({"by": "group", "column": "city", "names": ("x",)},)},
        {"rows": "holdout"},
        {"baseline": ({"eta_high_nano": 0, "n": 5},)},
        {"baseline": ({"eta_high_nano": 0, "n": 5}, {"eta_high_nano": 0, "n": 5})},
        {"joint_cells": 100},
        {"slice_cells": 200},
        {
            "partitions": (
                {"by": "segment", "column": "sex", "names": ("f",)},
                {"by": "group", "column": "sex", "names": ("m",)},
            )
        },
    ],
    ids=[
        "feature",
        "column",
        "sample",
        "one band",
        "same band",
        "joint grid",
        "slice grid",
        "one column twice",
    ],
)
def test_a_task_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        task(**changes)


def test_the_tensor_has_the_fields_of_the_sums() -> None:
    what = task()
    course = EvaluationCourse(what)
    found = EvaluationSums(rows(applications(1, 300), what), what).addend(course)
    lengths = {field.name: field.length for field in course.fields()}
    assert {name: len(part) for name, part in found.items()} == lengths
    for field in course.fields():
        field.check_fits(what.parameters.modulus_bits)


def test_only_the_asked_sample_is_counted() -> None:
    frame = applications(1, 600)
    everything = summed(task(), frame)
    held = summed(task(holdout=0.4, rows="holdout"), frame)
    trained = summed(task(holdout=0.4, rows="train"), frame)
    n = [sum(part[f"champion.{x}"].sum() for x in ("bads", "goods")) for part in (held, trained)]
    assert everything["champion.bads"].sum() == frame["bad"].sum()
    assert 100 < n[0] < n[1]
    assert sum(n) == 600


def test_a_release_is_believed_and_read() -> None:
    course = EvaluationCourse(task())
    course.absorb(document())
    assert course.phase is None
    assert course.figures["champion"]["n"] == 2100
    assert course.figures["comparison"]["delong"]["first_nano"] > 500_000_000


def test_an_index_of_one_cell_is_a_word_that_a_reader_knows() -> None:
    other = copy.deepcopy(document())
    month = other["values"]["figures"]["period"][1]
    month["index_nano"] = month["feature_index_nano"][0] = "one_cell"
    course = EvaluationCourse(task())
    course.absorb(other)
    assert course.figures["period"][1]["index_nano"] == "one_cell"


def _set(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(found: dict[str, Any]) -> None:
        at: Any = found["values"]["figures"]
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = to

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("champion", "auc_nano", to=1_000_000_001),
        _set("champion", "auc_nano", to=0.7),
        _set("champion", "n", to=-1),
        _set("champion", "bads", to=2_100),
        _set("champion", "extra", to=1),
        _set("champion", "cut", "approved", to=5_000),
        _set("champion", "cut", to={"withheld": "because"}),
        _set("champion", "recalibration", to={"slope_nano": 1}),
        _set("champion", "bands", 0, "n", to=True),
        _set("challenger", to={"withheld": "too_alike", "auc_nano": 1}),
        _set("comparison", "mcnemar", to={"only_champion": 3}),
        _set("comparison", "delong", "error_nano", to=1 << 60),
        _set("period", to=[]),
        _set("period", 0, "approval", to={"approved": 1, "bads_approved": 2}),
        _set("period", 1, "feature_index_nano", to=[1]),
        _set("period", 1, "feature_index_nano", to=["one_cell", "few", "one_cell"]),
        _set("period", 1, "index_nano", to="no_rows"),
        _set("group", 0, "index_nano", to=1),
        _set("group", 0, to=None),
        _set("segment", to=[]),
    ],
)
def test_another_form_is_not_believed(change: Callable[[dict[str, Any]], None]) -> None:
    other = copy.deepcopy(document())
    change(other)
    course = EvaluationCourse(task())
    with pytest.raises(MalformedMessageError, match="no result of the phase figures"):
        course.absorb(other)


def test_histograms_of_different_rows_are_not_released() -> None:
    what = task()
    sums = summed(what, applications(1, 700))
    for field in ("period.bads", "joint.goods", "cells.0", "challenger.goods"):
        wrong = {**sums, field: sums[field].copy()}
        wrong[field][0] += 1
        with pytest.raises(MalformedMessageError, match="same rows"):
            release(EvaluationCourse(what), wrong)


def test_a_column_that_the_model_reads_otherwise_is_named() -> None:
    what = task()
    frame = applications(1, 300).assign(age="old")
    with pytest.raises(SchemaMismatchError, match="age"):
        EvaluationSums(rows(frame, what), what).addend(EvaluationCourse(what))


def test_a_steep_model_is_not_answered() -> None:
    card = json.loads(canonical_text(models()[0].model))
    card["coefficients"][1] = -21.0
    what = task(champion=pack_model(json.dumps(card)))
    with pytest.raises(SteepModelError, match="too steep"):
        EvaluationSums(rows(applications(1, 300), what), what).addend(EvaluationCourse(what))
