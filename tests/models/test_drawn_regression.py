"""A regression drawn towards given coefficients, and the calibration that rests on it."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from fedcredit_models.drawn_regression import draw, log_losses
from fedcredit_models.personal_calibration import Calibration, calibrate


def _rows(n: int = 400, p: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    X = np.hstack([np.ones((n, 1)), rng.normal(size=(n, p))])
    eta = X @ np.array([-1.0, 0.8, -0.5, 0.0])
    return X, (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)


def test_it_is_the_minimum_that_scipy_finds():
    X, y = _rows()
    centre, precision = np.array([0.5, -1.0, 2.0, 1.0]), np.array([0.1, 5.0, 50.0, 500.0])

    def objective(beta):
        eta = X @ beta
        loss = np.log1p(np.exp(-np.abs(eta))) + np.maximum(eta, 0) - y * eta
        return loss.sum() + precision @ (beta - centre) ** 2 / 2

    expected = minimize(objective, centre, method="BFGS", options={"gtol": 1e-8}).x
    assert draw(X, y, centre, precision) == pytest.approx(expected, abs=1e-5)


def test_drawn_to_zero_it_is_scikit_learns_ridge():
    X, y = _rows()
    ridge = LogisticRegression(C=1 / 3, fit_intercept=False, tol=1e-12, max_iter=1000).fit(X, y)

    assert draw(X, y, np.zeros(4), np.full(4, 3.0)) == pytest.approx(ridge.coef_[0], abs=1e-6)


def test_an_offset_is_a_column_whose_coefficient_is_one():
    X, y = _rows()
    fixed = np.array([1e-3, 1e12, 1e-3, 1e-3])
    whole = draw(X, y, np.array([0.0, 0.7, 0.0, 0.0]), fixed)

    rest = draw(X[:, [0, 2, 3]], y, np.zeros(3), np.full(3, 1e-3), offset=0.7 * X[:, 1])

    assert whole[[0, 2, 3]] == pytest.approx(rest, abs=1e-6)


def test_separable_rows_have_an_answer():
    X = np.column_stack([np.ones(20), np.linspace(-1, 1, 20) * 50])
    y = (X[:, 1] > 0).astype(int)

    beta = draw(X, y, np.array([0.0, 1.0]), np.array([0.1, 1.0]))

    assert np.isfinite(beta).all() and beta[1] >= 1.0


def test_a_precision_of_zero_is_refused():
    with pytest.raises(ValueError, match="above zero"):
        draw(*_rows(), np.zeros(4), np.zeros(4))


def test_log_losses_of_large_scores_do_not_overflow():
    assert log_losses(np.array([800.0, -800.0, 0.0]), np.array([1, 1, 0])) == pytest.approx(
        [0.0, 800.0, np.log(2)]
    )


@pytest.mark.parametrize("slope", [-0.5, 0.4, 0.9, 2.5])
def test_a_calibration_is_the_bounded_minimum_that_scipy_finds(slope):
    rng = np.random.default_rng(11)
    eta = rng.normal(size=800)
    y = (rng.random(800) < 1 / (1 + np.exp(-(-1.0 + slope * eta)))).astype(int)

    def objective(beta):
        score = beta[0] + beta[1] * eta
        return (
            (np.logaddexp(0, score) - y * score).sum() + beta[0] ** 2 / 20 + (beta[1] - 1) ** 2 / 2
        )

    expected = minimize(objective, [0.0, 1.0], method="L-BFGS-B", bounds=[(-9, 9), (0.05, 1.0)]).x
    found = calibrate(eta, y)

    assert [found.intercept, found.slope] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("parts", [(0.0, 0.0), (0.0, 1.5), (float("nan"), 1.0)])
def test_what_is_no_calibration_is_refused(parts):
    with pytest.raises(ValueError, match="calibration"):
        Calibration(*parts)
