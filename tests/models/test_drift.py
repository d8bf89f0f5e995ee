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


def test_an_empty_cell_counts_as_half_a_row() -> None:
    a, e = np.array([0.5, 99.0]) / 99.5, np.array([10, 90]) / 100
    expected = float(((a - e) * np.log(a / e)).sum())
    assert drift_index([10, 90], [0, 99]) == pytest.approx(expected, abs=1e-12)


def test_an_index_says_nothing_of_what_a_small_cell_holds() -> None:
    found = {drift_index([40, 60], [few, 500], least=10) for few in range(10)}
    assert len(found) == 1
    assert drift_index([40, 60], [10, 500], least=10) not in found


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
