"""What may be released, phase by phase, and what a reader takes for a release."""

import copy
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fedcredit_models.schema import Feature, Schema
from fedcredit_parties import scorecard_release as release_module
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.errors import (
    ConstantFeatureError,
    MalformedMessageError,
    PrecisionError,
    SeparableDataError,
)
from fedcredit_parties.release import release
from fedcredit_parties.scorecard_course import ScorecardCourse
from fedcredit_parties.scorecard_release import TABLE
from fedcredit_parties.scorecard_task import ScorecardTask
from tests.simulated import small_job

SCHEMA = Schema(
    features=(
        Feature("income", "numeric", lower=0.0, upper=16.0),
        Feature("home", "categorical", levels=("own", "rent")),
    ),
    label="bad",
)


@pytest.fixture
def released() -> ScorecardCourse:
    job = small_job(holdout=0.0, features=[feature.name for feature in SCHEMA.features])
    task = job.task(SCHEMA, parties=("a", "b", "c"), policy=DisclosurePolicy())
    return ScorecardCourse(
        ScorecardTask(
            **{
                **task.model_dump(),
                "grid_cells": 16,
                "features": SCHEMA.features,
                "policy": task.policy,
            }
        )
    )


def _sums(released: ScorecardCourse, **values: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    fields = {f.name: np.zeros(f.length) for f in released.tensor().fields}
    return fields | {name: np.asarray(v, dtype=float) for name, v in values.items()}


def _quantiles(released: ScorecardCourse) -> dict[str, Any]:
    grid = released.grids[0]
    counts = np.zeros(grid.n_cells)
    counts[: len(grid.upper)] = 100  # the last cell is "missing"
    return release(released, _sums(released, **{"grid.0": counts, "n": np.array([1_600])}))


def _bins(released: ScorecardCourse, **others: NDArray[Any]) -> dict[str, Any]:
    values = {"n": np.array([1_600])}
    for i, raw in enumerate(released.raw):
        # One cell a bin of the grid; the last cell of each feature is "missing" and stays empty.
        bads = np.linspace(10, 60, raw.n).round() * (np.arange(raw.n) < raw.n - 1)
        values |= {f"bads.{i}": bads, f"goods.{i}": (100 - bads) * (bads > 0)}
    return release(released, _sums(released, **values | others))


def test_there_is_a_function_for_every_phase_and_no_other() -> None:
    assert tuple(TABLE) == ScorecardTask.phases()


def test_quantiles_release_cell_numbers_and_no_counts(released: ScorecardCourse) -> None:
    document = _quantiles(released)

    assert document["outcome"] == "continue"
    assert document["values"]["edges"] == [list(range(8)), []]  # 0, 2, ... 14
    assert set(document["values"]) == {"edges", "n_clipped"}


def test_bins_release_merged_counts_that_keep_to_the_policy(released: ScorecardCourse) -> None:
    released.absorb(_quantiles(released))

    document = _bins(released)

    assert document["values"]["n"] == 1_600
    for feature in document["values"]["features"]:
        assert min(feature["bads"]) >= 10 and min(feature["goods"]) >= 10


def test_a_feature_that_does_not_vary_is_named(released: ScorecardCourse) -> None:
    released.absorb(_quantiles(released))
    one = np.zeros(released.raw[0].n)
    one[0] = 50

    with pytest.raises(ConstantFeatureError, match="income"):
        release(released, _sums(released, **{"bads.0": one, "goods.0": one}))


def test_a_feature_that_nobody_asked_for_by_name_is_dropped_with_the_reason(
    released: ScorecardCourse,
) -> None:
    task = ScorecardTask(**{**dict(released.task), "all_columns": True})
    released = ScorecardCourse(task)
    released.absorb(_quantiles(released))
    one = np.zeros(released.raw[0].n)
    one[0] = 500

    document = _bins(released, **{"bads.0": one, "goods.0": one})
    released.absorb(document)

    assert document["values"]["features"][0]["dropped"] == "constant"
    assert released.dropped == {0: "constant"}
    assert released.kept == (1,)


def test_a_release_that_drops_a_feature_without_one_of_the_three_words_is_refused(
    released: ScorecardCourse,
) -> None:
    released.absorb(_quantiles(released))
    document = _bins(released)
    bins = document["values"]["features"][0]

    for spoilt in (
        {**bins, "dropped": "few"},
        {"assignment": [0] * released.raw[0].n, "bads": [0], "goods": [0]},
        {"assignment": [0] * released.raw[0].n, "bads": [0], "goods": [0], "dropped": "row 7"},
    ):
        document["values"]["features"][0] = spoilt
        with pytest.raises(MalformedMessageError):
            released.absorb(document)


def test_a_newton_step_releases_the_point_and_neither_gradient_nor_hessian(
    released: ScorecardCourse,
) -> None:
    released.absorb(_quantiles(released))
    released.absorb(_bins(released))
    p = 1 + len(released.kept)
    hessian = np.eye(p)[np.triu_indices(p)] * 400.0

    document = release(
        released,
        _sums(
            released,
            gradient=np.arange(p) * -7.0,
            hessian=hessian,
            log_loss=np.array([1_109.0]),
            weight_square=np.array([100.0]),
            n=np.array([1_600]),
        ),
    )

    assert set(document["values"]) == {"point", "log_loss_nano", "step_nano", "n_clipped"}
    assert document["values"]["log_loss_nano"] == round(1_109.0 / 1_600 * 10**9)
    # One step from zero: -7 j / (400 + l2) with l2 = 1 on slopes.
    step = [x * 2.0**-40 for x in document["values"]["point"]]
    assert np.allclose(step, [0.0, -7 / 401, -14 / 401], atol=1e-9)


def test_a_sum_that_few_rows_carry_is_withheld(released: ScorecardCourse) -> None:
    """The weight says that the point singles out rows: (sum w)^2 / sum w^2 is below 50."""
    released.absorb(_quantiles(released))
    released.absorb(_bins(released))
    p = 1 + len(released.kept)
    hessian = np.eye(p)[np.triu_indices(p)] * 0.25 * 8

    with pytest.raises(SeparableDataError):
        release(
            released,
            _sums(released, hessian=hessian, weight_square=np.array([8 / 16]), log_loss=[1.0]),
        )


def test_after_the_last_phase_nothing_is_summed(released: ScorecardCourse) -> None:
    released.phase = None

    with pytest.raises(MalformedMessageError):
        released.tensor()


def test_a_number_that_is_no_integer_stops_the_release(
    released: ScorecardCourse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        release_module.TABLE, "quantiles", lambda *_: ({"edges": [0.25]}, "continue")
    )

    with pytest.raises(TypeError, match="float among released values"):
        release(released, _sums(released))


# What a reader takes for a release


def _set(document: dict[str, Any], path: list[Any], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["phase"], "bins"),
        (["outcome"], "done"),
        (["outcome"], ["continue"]),
        (["extra"], 1),
        (["values"], []),
        (["values", "edges"], []),
        (["values", "edges", 0], [3, 2]),
        (["values", "edges", 0], [1, 1]),
        (["values", "edges", 0], [16_000]),
        (["values", "edges", 0], [-1]),
        (["values", "edges", 0], [True]),
        (["values", "edges", 1], [0]),
        (["values", "n_clipped"], -1),
        (["values", "n_clipped"], 1.0),
    ],
    ids=str,
)
def test_edges_of_another_form_are_refused(
    released: ScorecardCourse, path: list[Any], value: Any
) -> None:
    document = _set(_quantiles(released), path, value)

    with pytest.raises(MalformedMessageError):
        released.absorb(document)
    assert released.phase == "quantiles" and released.history == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["values", "n"], -1),
        (["values", "n"], 1 << 40),
        (["values", "features"], []),
        (["values", "features", 0], {}),
        (["values", "features", 0, "assignment"], [0]),
        (["values", "features", 0, "assignment", 0], 99),
        (["values", "features", 0, "bads", 0], -5),
        (["values", "features", 0, "bads"], []),
        (["values", "features", 0, "goods", 0], "7"),
    ],
    ids=str,
)
def test_bins_of_another_form_are_refused(
    released: ScorecardCourse, path: list[Any], value: Any
) -> None:
    released.absorb(_quantiles(released))
    document = _set(_bins(released), path, value)

    with pytest.raises(MalformedMessageError):
        released.absorb(document)
    assert released.phase == "bins"


def test_more_bads_than_rows_are_refused_before_anything_is_released(
    released: ScorecardCourse,
) -> None:
    sums = {"pair.0.n": np.array([20.0, 9.0]), "pair.0.bads": np.array([5.0, 10.0])}

    with pytest.raises(PrecisionError, match="more bads than rows"):
        release(released, sums)
