"""Newton on sums reaches the optimum that statsmodels and scipy reach on rows."""

from collections.abc import Sequence

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy.optimize import minimize

from fedcredit_models.logistic import (
    NewtonRules,
    NewtonSums,
    newton_step,
    newton_sums,
    rows_carry_weight,
    standard_errors,
    sums_carry_weight,
)

Floats = NDArray[np.float64]
PLAIN = NewtonRules(l2=0.0, signs=False)


def rows(seed: int, n: int, slopes: Sequence[float]) -> tuple[Floats, NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, len(slopes))) @ (np.eye(len(slopes)) + 0.4)
    p = 1 / (1 + np.exp(1.5 - X @ np.array(slopes)))
    return X, (rng.random(n) < p).astype(np.int64)


def add(parts: Sequence[NewtonSums]) -> NewtonSums:
    return NewtonSums(
        np.sum([part.gradient for part in parts], axis=0),
        np.sum([part.hessian_upper for part in parts], axis=0),
        sum(part.log_loss for part in parts),
        sum(part.weight_square for part in parts),
    )


def fit(X: Floats, y: NDArray[np.int64], rules: NewtonRules) -> tuple[Floats, str, NewtonSums]:
    """Walk as a federation of three parties does: sums of thirds, coefficients on 2**-40."""
    beta = np.zeros(X.shape[1] + 1)
    for _ in range(rules.max_rounds):
        thirds = np.array_split(np.arange(len(y)), 3)
        sums = add([newton_sums(X[third], y[third], beta) for third in thirds])
        step = newton_step(sums, beta, rules, len(y))
        if step.outcome == "diverged":
            return beta, "diverged", sums
        beta = np.rint(step.beta_new * 2**40) / 2**40
        if step.outcome == "converged":
            return beta, "converged", sums
    return beta, "continue", sums


def by_scipy(X: Floats, y: NDArray[np.int64], l2: float, signs: bool) -> Floats:
    rows_ = np.column_stack([np.ones(len(y)), X])

    def loss(beta: Floats) -> tuple[float, Floats]:
        eta = rows_ @ beta
        value = np.logaddexp(0, eta).sum() - y @ eta + l2 / 2 * (beta[1:] @ beta[1:])
        slope = rows_.T @ (1 / (1 + np.exp(-eta)) - y) + l2 * np.array([0, *beta[1:]])
        return value / len(y), slope / len(y)

    bounds = [(None, None), *[(None, 0.0 if signs else None)] * X.shape[1]]
    start = np.zeros(X.shape[1] + 1)
    options = {"maxiter": 10_000, "ftol": 1e-16, "gtol": 1e-11}
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options=options)
    return np.asarray(found.x)


def test_sums_are_gradient_curvature_and_loss_by_hand() -> None:
    # One row x = 2, y = 1 at the origin: p = 1/2, w = 1/4.
    sums = newton_sums(np.array([[2.0]]), np.array([1]), np.zeros(2))
    assert sums.gradient.tolist() == [0.5, 1.0]
    assert sums.hessian_upper.tolist() == [0.25, 0.5, 1.0]
    assert sums.hessian.tolist() == [[0.25, 0.5], [0.5, 1.0]]
    assert sums.log_loss == pytest.approx(np.log(2))
    assert sums.weight_square == 0.0625
    assert sums.effective_rows == 1.0


def test_sums_of_parties_are_the_sums_of_their_pooled_rows() -> None:
    X, y = rows(1, 500, [-1, -0.5])
    beta = np.array([0.3, -0.7, 0.2])
    pooled = newton_sums(X, y, beta)
    added = add([newton_sums(X[:100], y[:100], beta), newton_sums(X[100:], y[100:], beta)])
    np.testing.assert_allclose(added.gradient, pooled.gradient, atol=1e-10)
    np.testing.assert_allclose(added.hessian_upper, pooled.hessian_upper, atol=1e-10)
    assert added.log_loss == pytest.approx(pooled.log_loss, abs=1e-9)


def test_loss_and_sums_do_not_overflow_far_out() -> None:
    sums = newton_sums(np.array([[800.0], [-800.0]]), np.array([0, 1]), np.array([0.0, 1.0]))
    assert sums.log_loss == pytest.approx(1600.0)
    assert np.isfinite(sums.gradient).all()


def test_without_penalty_coefficients_and_errors_are_those_of_statsmodels() -> None:
    X, y = rows(2, 1500, [-1.0, 0.6, 0.0])
    reference = sm.Logit(y, sm.add_constant(X)).fit(disp=0, tol=1e-14)
    beta, outcome, sums = fit(X, y, PLAIN)
    assert outcome == "converged"
    np.testing.assert_allclose(beta, reference.params, atol=1e-9)
    np.testing.assert_allclose(standard_errors(sums, beta, PLAIN), reference.bse, atol=1e-8)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("l2", [1.0, 25.0])
def test_with_penalty_and_signs_the_optimum_is_that_of_scipy(seed: int, l2: float) -> None:
    X, y = rows(seed, 800, [-1.2, 0.8, -0.3, 0.1, 0.0, -0.6])
    beta, outcome, _ = fit(X, y, NewtonRules(l2=l2))
    assert outcome == "converged"
    assert (beta[1:] <= 0).all()
    assert (beta[1:] == 0).any()
    np.testing.assert_allclose(beta, by_scipy(X, y, l2, True), atol=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_at_the_end_no_allowed_direction_improves_the_loss(seed: int) -> None:
    rng = np.random.default_rng(seed)
    X, y = rows(seed, 400, rng.normal(size=12).tolist())
    beta, outcome, _ = fit(X, y, NewtonRules())
    p = 1 / (1 + np.exp(-(beta[0] + X @ beta[1:])))
    ascent = np.array([0, *(X.T @ (y - p) - beta[1:])])
    ascent[0] = (y - p).sum()
    free = np.array([True, *(beta[1:] < 0)])
    assert outcome == "converged"
    assert np.abs(ascent[free]).max() < 1e-7
    assert (ascent[~free] > -1e-7).all()  # held at zero because it would go above


def test_a_point_already_optimal_moves_by_nothing() -> None:
    X, y = rows(3, 600, [-1, -1])
    beta, _, _ = fit(X, y, NewtonRules())
    step = newton_step(newton_sums(X, y, beta), beta, NewtonRules(), len(y))
    assert step.outcome == "converged"
    assert step.step_size < 1e-10


def test_collinear_columns_converge_with_a_penalty_and_are_refused_without() -> None:
    X, y = rows(4, 500, [-1.0])
    twice = np.column_stack([X, X])
    beta, outcome, _ = fit(twice, y, NewtonRules())
    assert outcome == "converged"
    assert beta[1] == pytest.approx(beta[2], abs=1e-9)
    assert fit(twice, y, PLAIN)[1] == "diverged"


def test_separable_data_end_diverged_without_penalty() -> None:
    X = np.linspace(-2, 2, 300)[:, None]
    y = (X[:, 0] < 0).astype(np.int64)
    assert fit(X, y, PLAIN)[1] == "diverged"


def test_separable_data_stay_finite_under_the_default_penalty() -> None:
    X = np.linspace(-2, 2, 300)[:, None]
    y = (X[:, 0] < 0).astype(np.int64)
    beta, outcome, _ = fit(X, y, NewtonRules())
    assert outcome == "converged"
    np.testing.assert_allclose(beta, by_scipy(X, y, 1.0, True), atol=1e-6)


def test_one_outcome_only_ends_diverged() -> None:
    X, _ = rows(5, 300, [-1.0])
    assert fit(X, np.zeros(300, dtype=np.int64), NewtonRules())[1] == "diverged"


def test_a_step_is_at_most_five_long() -> None:
    # A tiny column asks for a huge coefficient: the step is shortened, not refused.
    X, y = rows(6, 400, [-1.0])
    step = newton_step(
        newton_sums(X / 100, y, np.zeros(2)), np.zeros(2), NewtonRules(l2=0.0), len(y)
    )
    assert step.step_size == 5.0
    assert np.abs(step.beta_new).max() == pytest.approx(5.0)
    assert step.outcome == "continue"


def test_a_coefficient_beyond_twenty_is_steep() -> None:
    X, y = rows(6, 400, [-1.0])
    assert fit(X / 100, y, PLAIN)[1] == "diverged"


def test_a_slope_held_at_zero_has_no_error_and_leaves_the_others_theirs() -> None:
    X, y = rows(7, 1500, [-1.0, 0.7])
    beta, _, sums = fit(X, y, NewtonRules(l2=0.0))
    errors = standard_errors(sums, beta, NewtonRules(l2=0.0))
    alone = sm.Logit(y, sm.add_constant(X[:, :1])).fit(disp=0, tol=1e-14)
    assert beta[2] == 0.0
    assert errors[2] == 0.0
    np.testing.assert_allclose(errors[:2], alone.bse, atol=1e-8)


def test_a_model_without_features_is_the_log_odds_of_the_bad_rate() -> None:
    y = np.array([1] * 20 + [0] * 80)
    beta, outcome, _ = fit(np.empty((100, 0)), y, NewtonRules())
    assert outcome == "converged"
    assert beta.tolist() == pytest.approx([np.log(20 / 80)], abs=1e-10)


def test_many_constrained_slopes_are_solved_exactly_and_quickly() -> None:
    X, y = rows(8, 2000, np.random.default_rng(8).normal(size=60).tolist())
    beta, outcome, _ = fit(X, y, NewtonRules())
    assert outcome == "converged"
    np.testing.assert_allclose(beta, by_scipy(X, y, 1.0, True), atol=2e-6)


@pytest.mark.parametrize(
    ("weights", "enough"),
    [
        ([0.25] * 60, True),
        ([0.25] * 10 + [0.0] * 90, False),
        ([0.25] * 10, True),
        ([0.25] * 2 + [0.0] * 8, False),
        ([], True),
    ],
)
def test_few_rows_may_not_carry_all_weight(weights: list[float], enough: bool) -> None:
    w = np.array(weights)
    assert rows_carry_weight(w) is enough
    if len(w):
        sums = NewtonSums(np.zeros(1), np.array([w.sum()]), 0.0, float((w**2).sum()))
        assert sums_carry_weight(sums, len(w)) is enough


def test_a_triangle_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 3 Hessian entries"):
        _ = NewtonSums(np.zeros(2), np.zeros(4), 0.0, 0.0).hessian
