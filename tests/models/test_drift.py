"""Drift by hand, its thresholds, and that small cells say nothing."""

import math

import numpy as np
import pytest

from fedcredit_models.drift import (
    DriftThresholds,
    calibration_verdict,
    calibration_z,
    drift_index,
    worst,
)


def test_the_index_of_three_cells_by_hand() -> None:
    # shares .5 .3 .2 against .4 .3 .3
    expected = -0.1 * math.log(0.8) + 0.1 * math.log(1.5)
    assert drift_index([50, 30, 20], [400, 300, 300]) == pytest.approx(expected)
    assert drift_index([50, 30, 20], [100, 60, 40]) == 0.0


def test_a_small_cell_joins_the_next_and_a_rest_the_last() -> None:
    # 4|30 of the month: too few, joined; 9 of the baseline: too few, joined; 3|2: the rest
    found = drift_index([50, 30, 60, 9, 40, 11], [4, 30, 66, 40, 57, 3], least=10)
    e, a = np.array([80, 60, 60]) / 200, np.array([34, 66, 100]) / 200
    assert found == pytest.approx(float(((a - e) * np.log(a / e)).sum()), abs=1e-12)


def test_an_empty_cell_joins_its_neighbour() -> None:
    a, e = np.array([40, 60]) / 100, np.array([30, 70]) / 100
    expected = float(((a - e) * np.log(a / e)).sum())
    assert drift_index([10, 20, 70], [0, 40, 60]) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("few", range(10))
def test_one_cell_that_is_left_has_no_index(few: int) -> None:
    assert drift_index([40, 60], [few, 500 - few], least=10) is None
    assert drift_index([40, 60], [500 - few, few], least=10) is None
    assert drift_index([few, 60], [200, 300], least=10) is None
    assert drift_index([40, 60], [10, 490], least=10) is not None


@pytest.mark.parametrize(("expected", "actual"), [([1, 2], [1, 2, 3]), ([0, 0], [1, 2])])
def test_an_index_compares_the_same_cells_with_rows(expected: list[int], actual: list[int]) -> None:
    with pytest.raises(ValueError, match="same cells"):
        drift_index(expected, actual)


def test_a_tenth_is_watched_and_a_quarter_acted_on() -> None:
    limits = DriftThresholds()
    found = [limits.verdict(x) for x in (0.0, 0.0999, 0.1, 0.2499, 0.25, 3.0)]
    assert found == ["steady", "steady", "watch", "watch", "act", "act"]


@pytest.mark.parametrize(("watch", "act"), [(0.0, 0.2), (0.3, 0.2), (0.1, math.inf)])
def test_thresholds_come_in_order(watch: float, act: float) -> None:
    with pytest.raises(ValueError, match="thresholds"):
        DriftThresholds(watch=watch, act=act)


def test_predicted_against_actual_by_hand() -> None:
    p = np.array([0.1] * 50 + [0.4] * 50)
    z = calibration_z(bads=35, sum_p=p.sum(), sum_p2=(p * p).sum())
    assert z == pytest.approx(10 / math.sqrt(50 * 0.09 + 50 * 0.24))
    assert calibration_verdict(z) == "watch"
    assert calibration_verdict(-2.6) == "act"
    assert calibration_verdict(1.9) == "steady"


def test_certain_predictions_leave_no_room_for_chance() -> None:
    assert calibration_z(bads=3, sum_p=3.0, sum_p2=3.0) == 0.0
    assert calibration_z(bads=4, sum_p=3.0, sum_p2=3.0) == math.inf


def test_the_worst_verdict_counts() -> None:
    assert worst(["steady", "act", "watch"]) == "act"
    assert worst([]) == "steady"
