"""Score tests and stepwise selection, against statsmodels and arithmetic."""

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy.stats import chi2

from fedcredit_models.logistic import NewtonSums, newton_sums
from fedcredit_models.score_test import score_tests
from fedcredit_models.stepwise import Step, StepwiseRules, step

RNG = np.random.default_rng(5)
X = RNG.normal(size=(1_500, 5))
X[:, 3] = X[:, 0] + 0.3 * RNG.normal(size=1_500)  # stands in for column 1
Y = (RNG.random(1_500) < 1 / (1 + np.exp(1.2 - 0.9 * X[:, 0] - 0.5 * X[:, 1]))).astype(int)


def fitted(columns: list[int]) -> NDArray[np.float64]:
    """Return statsmodels' coefficients of these columns (from 1), 0 elsewhere."""
    design = sm.add_constant(X[:, [c - 1 for c in columns]]) if columns else np.ones((len(X), 1))
    found = np.zeros(X.shape[1] + 1)
    found[[0, *columns]] = sm.GLM(Y, design, family=sm.families.Binomial()).fit().params
    return found


@pytest.mark.parametrize("active", [[], [1], [1, 2]])
def test_the_score_test_is_that_of_statsmodels(active: list[int]) -> None:
    candidates = [c for c in range(1, 6) if c not in active]
    found = score_tests(newton_sums(X, Y, fitted(active)), active, candidates)
    design = np.column_stack([np.ones(len(X)), X[:, [c - 1 for c in active]]])
    model = sm.GLM(Y, design, family=sm.families.Binomial()).fit()
    for test in found:
        # statsmodels' own exog_extra test: U' (V - C)^-1 U at the fitted model.
        statistic, p_value = model.score_test(exog_extra=X[:, [test.column - 1]])
        assert test.statistic == pytest.approx(float(np.squeeze(statistic)), rel=1e-6)
        assert test.p_value == pytest.approx(float(np.squeeze(p_value)), rel=1e-6)


def test_a_collinear_candidate_is_never_entered() -> None:
    doubled = np.column_stack([X[:, 0], 2 * X[:, 0]])
    sums = newton_sums(doubled, Y, np.array([-1.0, 0.5, 0.0]))
    (test,) = score_tests(sums, [1], [2])
    assert (test.statistic, test.p_value) == (0.0, 1.0)


def selected(rules: StepwiseRules) -> tuple[list[tuple[str, int]], list[int], NDArray[np.float64]]:
    """Carry out a selection from the summed halves of the rows; return moves, columns, point."""
    beta, active, barred, moves = np.zeros(6), [], [], []
    while True:
        halves = [newton_sums(X[part], Y[part], beta) for part in (slice(0, 400), slice(400, None))]
        sums = NewtonSums(
            halves[0].gradient + halves[1].gradient,
            halves[0].hessian_upper + halves[1].hessian_upper,
            halves[0].log_loss + halves[1].log_loss,
            halves[0].weight_square + halves[1].weight_square,
        )
        found: Step | None = step(sums, beta, active, barred, rules, len(X))
        assert found is not None
        beta = found.beta
        if found.move == "done":
            return moves, active, beta
        if found.move != "fit":
            moves.append((found.move, found.column))
        if found.move == "enter":
            active = [*active, found.column]
        if found.move == "leave":
            active = [c for c in active if c != found.column]
            barred = [*barred, found.column]


def test_selection_ends_where_greedy_selection_by_statsmodels_ends() -> None:
    moves, active, beta = selected(StepwiseRules())
    expected: list[int] = []
    while True:  # forward by score test, every model fitted anew
        design = np.column_stack([np.ones(len(X)), X[:, [c - 1 for c in expected]]])
        model = sm.GLM(Y, design, family=sm.families.Binomial()).fit()
        rest = [c for c in range(1, 6) if c not in expected]
        p = {c: float(np.squeeze(model.score_test(exog_extra=X[:, [c - 1]])[1])) for c in rest}
        best = min(p, key=lambda c: p[c])
        if p[best] > 0.05:
            break
        expected.append(best)
    assert moves == [("enter", c) for c in expected]
    assert active == expected
    assert beta == pytest.approx(fitted(expected), abs=1e-8)


def test_a_column_that_another_makes_superfluous_leaves_and_stays_out() -> None:
    # With a hair of p, everything enters; leaving at 0.2 throws the weak ones out again.
    moves, active, beta = selected(StepwiseRules(enter=0.2, leave=0.2))
    wald = sm.GLM(
        Y, sm.add_constant(X[:, [c - 1 for c in active]]), family=sm.families.Binomial()
    ).fit()
    assert (wald.pvalues[1:] <= 0.2).all()
    assert set(moves) >= {("enter", c) for c in active}
    assert beta[[0, *active]] == pytest.approx(wald.params, abs=1e-8)


def test_no_more_columns_enter_than_allowed() -> None:
    _, active, _ = selected(StepwiseRules(enter=0.9, leave=0.95, most=2))
    assert len(active) == 2


@pytest.mark.parametrize(("enter", "leave"), [(0.2, 0.1), (0.0, 0.1), (0.05, 1.0)])
def test_rules_that_need_not_end_are_refused(enter: float, leave: float) -> None:
    with pytest.raises(ValueError, match="0 < enter <= leave < 1"):
        StepwiseRules(enter=enter, leave=leave)


def test_a_separable_column_makes_no_step() -> None:
    sums = newton_sums(X, (X[:, 0] > 0).astype(int), np.array([0.0, 19.0, 0, 0, 0, 0]))
    assert step(sums, np.array([0.0, 19.0, 0, 0, 0, 0]), [1], [], StepwiseRules(), 1500) is None


def test_p_values_are_scipys() -> None:
    (test, *_) = score_tests(newton_sums(X, Y, fitted([])), [], [3])
    assert test.p_value == pytest.approx(chi2.sf(test.statistic, 1), rel=1e-10)
