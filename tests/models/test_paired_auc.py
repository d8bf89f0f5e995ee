"""DeLong's test on raw scores, against its definition by loops and against scikit-learn."""

import itertools
import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fedcredit_models import paired_auc


def _psi(bad: float, good: float) -> float:
    return 1.0 if bad > good else 0.5 if bad == good else 0.0


def _by_definition(scores: list[np.ndarray], y: np.ndarray) -> tuple[list[float], np.ndarray]:
    """AUCs and their covariance by the formulas of DeLong et al. (1988), equations 4 to 6."""
    bads, goods = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    m, n = len(bads), len(goods)
    areas, v10, v01 = [], [], []
    for s in scores:
        matrix = np.array([[_psi(s[i], s[j]) for j in goods] for i in bads])
        areas.append(matrix.mean())
        v10.append(matrix.mean(axis=1))
        v01.append(matrix.mean(axis=0))
    covariance = np.zeros((2, 2))
    for a, b in itertools.product(range(2), range(2)):
        s10 = sum((v10[a] - areas[a]) * (v10[b] - areas[b])) / (m - 1)
        s01 = sum((v01[a] - areas[a]) * (v01[b] - areas[b])) / (n - 1)
        covariance[a, b] = s10 / m + s01 / n
    return areas, covariance


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    y = (rng.random(90) < 0.3).astype(int)
    first = np.round(y + rng.normal(size=90), 1)  # rounded: with ties
    return first, np.round(first + 0.4 * y + rng.normal(size=90), 1), y


def test_areas_and_their_difference_are_those_of_the_definition(rows):
    first, second, y = rows
    areas, covariance = _by_definition([first, second], y)

    found = paired_auc.compare(first, second, y)

    assert [found.first, found.second] == pytest.approx(areas)
    assert found.first == pytest.approx(roc_auc_score(y, first))
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    assert found.standard_error == pytest.approx(math.sqrt(variance))
    assert found.interval[0] == pytest.approx(
        areas[1] - areas[0] - 1.959964 * math.sqrt(variance), abs=1e-6
    )


def test_one_area_has_an_interval(rows):
    first, _, y = rows
    areas, covariance = _by_definition([first, first], y)

    low, high = paired_auc.interval(first, y)

    assert [(low + high) / 2, (high - low) / 2] == pytest.approx(
        [areas[0], 1.959964 * math.sqrt(covariance[0, 0])], abs=1e-6
    )


def test_an_interval_ends_at_one():
    y = np.array([0] * 5 + [1] * 5)

    assert paired_auc.interval(np.arange(10.0), y) == (1.0, 1.0)


def test_one_outcome_has_no_area():
    with pytest.raises(ValueError, match="at least one bad and one good"):
        paired_auc.auc(np.arange(3.0), np.zeros(3, dtype=int))


def test_one_bad_has_no_variance():
    with pytest.raises(ValueError, match="two bads and two goods"):
        paired_auc.interval(np.arange(3.0), np.array([0, 0, 1]))
