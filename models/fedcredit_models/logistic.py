"""Logistic regression from summed gradients and Hessians.

Each party evaluates `newton_sums` at the released point; the sums of all parties are those of the
pooled rows. `newton_step` turns them into the next point. It is a pure function of sums, point and
rules, so whoever holds the sums computes the same step and nobody keeps a state.

Model: p = 1 / (1 + exp(-eta)), eta = b_0 + sum_j b_j x_j, the probability of *bad*. Objective:
log-loss + (l2 / 2) sum_j b_j**2 over the slopes, the intercept is free; with `signs`, every slope
is at most 0, as weights of evidence in the sign ln(good/bad) demand.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

MAX_STEP = 5.0
"""Longest step of one coefficient; a longer step is shortened as a whole."""

Outcome = Literal["continue", "converged", "diverged"]


@dataclass(frozen=True)
class NewtonSums:
    """Sums over rows at one point; those of two parties add.

    Parameters
    ----------
    gradient : ndarray of shape (p,)
        ``X'(y - prob)``, intercept first: the direction of ascent of the likelihood.
    hessian_upper : ndarray of shape (p (p + 1) / 2,)
        Upper triangle, row by row, of ``X' diag(w) X`` with ``w = prob (1 - prob)``.
    log_loss : float
        Sum of ``ln(1 + exp(eta)) - y eta``, without the penalty.
    weight_square : float
        Sum of ``w**2``.
    """

    gradient: NDArray[np.float64]
    hessian_upper: NDArray[np.float64]
    log_loss: float
    weight_square: float

    @property
    def hessian(self) -> NDArray[np.float64]:
        """The full symmetric matrix, shape (p, p).

        Raises
        ------
        ValueError
            When the triangle does not belong to the gradient.
        """
        p = len(self.gradient)
        if len(self.hessian_upper) != p * (p + 1) // 2:
            raise ValueError(f"expected {p * (p + 1) // 2} Hessian entries for {p} coefficients")
        full = np.zeros((p, p))
        full[np.triu_indices(p)] = self.hessian_upper
        return full + np.triu(full, 1).T

    @property
    def effective_rows(self) -> float:
        """``(sum w)**2 / sum w**2``: how many rows of equal weight would carry these sums."""
        if self.weight_square <= 0:
            return 0.0
        return float(self.hessian_upper[0]) ** 2 / self.weight_square


@dataclass(frozen=True)
class NewtonRules:
    """Rules of Newton's method.

    Parameters
    ----------
    l2 : float, default 1.0
        Penalty on squared slopes; keeps the optimum finite on separable data.
    signs : bool, default True
        Slopes are at most 0.
    tolerance : float, default 1e-9
        Converged when no coefficient moves by more than ``tolerance * (1 + |b|)``.
    max_rounds : int, default 25
        For the caller, who counts.
    limit : float, default 20.0
        A coefficient beyond it means separable data, not a scorecard: diverged.
    """

    l2: float = 1.0
    signs: bool = True
    tolerance: float = 1e-9
    max_rounds: int = 25
    limit: float = 20.0


@dataclass(frozen=True)
class NewtonStep:
    """One step.

    Parameters
    ----------
    beta_new : ndarray of shape (p,)
        The next point, not yet rounded to the released precision.
    step_size : float
        Largest absolute change of a coefficient.
    outcome : {"continue", "converged", "diverged"}
        "diverged" must not be released: the model is too steep (see `newton_step`).
    """

    beta_new: NDArray[np.float64]
    step_size: float
    outcome: Outcome


def newton_sums(
    X: NDArray[np.float64], y: NDArray[np.int64], beta: NDArray[np.float64]
) -> NewtonSums:
    """Return the sums of these rows at `beta`.

    Parameters
    ----------
    X : ndarray of shape (n_rows, p - 1)
        Weights of evidence, without a column of ones.
    y : ndarray of shape (n_rows,)
        1 = bad.
    beta : ndarray of shape (p,)
        Intercept first.

    Disclosure
    ----------
    Nothing by itself. One party's sums in the clear can reveal rows; they are masked and encrypted
    before they leave it.
    """
    ones = np.ones((len(X), 1))
    rows = np.hstack([ones, X])
    eta = rows @ beta
    p = probability(eta)
    w = p * (1.0 - p)
    hessian = rows.T @ (rows * w[:, None])
    return NewtonSums(
        gradient=rows.T @ (y - p),
        hessian_upper=hessian[np.triu_indices(len(beta))],
        log_loss=float((np.logaddexp(0.0, eta) - y * eta).sum()),
        weight_square=float((w * w).sum()),
    )


def probability(eta: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-eta)) without overflow."""
    small = np.exp(-np.abs(eta))
    return np.where(eta >= 0, 1.0, small) / (1.0 + small)


def rows_carry_weight(w: NDArray[np.float64]) -> bool:
    """Say whether enough rows carry weight: a steep model would single out a few.

    At least 50 rows, or a quarter of them when there are fewer than 200, must weigh more than one
    hundredth of the heaviest. True for no rows.
    """
    if len(w) == 0:
        return True
    return int((w > 0.01 * w.max()).sum()) >= min(50.0, len(w) / 4)


def sums_carry_weight(sums: NewtonSums, n: int) -> bool:
    """Say the same of summed weights: effective rows of at least ``min(50, n / 4)``."""
    return sums.effective_rows >= min(50.0, n / 4)


def newton_step(
    sums: NewtonSums, beta: NDArray[np.float64], rules: NewtonRules, n: int
) -> NewtonStep:
    """Return the next point of Newton's method.

    The step goes to the minimum of the quadratic model at `beta`, with the bounds on the slopes
    (`_bounded_minimum`, exact); with `signs` this is sequential quadratic programming, whose fixed
    points are the constrained optimum and no others. A step longer than 5 in a coefficient is
    shortened as a whole. Start at zero: there the model's curvature is the largest possible
    (w = 1/4), so the first step never overshoots.

    Outcome "diverged", not to be released: the curvature is singular (collinear columns without
    penalty), a coefficient would pass ``rules.limit``, or too few rows carry weight. The caller
    treats more than ``rules.max_rounds`` steps the same way.

    Parameters
    ----------
    sums : NewtonSums
        Sums of all rows at `beta`.
    beta : ndarray of shape (p,)
        Intercept first; slopes keep the sign constraint.
    rules : NewtonRules
        The job's rules.
    n : int
        Number of rows in the sums.

    Notes
    -----
    Steps are undamped: convergence from zero is the rule on weight-of-evidence inputs with a
    penalty, not a theorem. No step is judged by the loss, because that would need the previous one.

    Disclosure
    ----------
    The new point, the step size and the mean log-loss are released, gradient and Hessian are not.
    """
    penalty = rules.l2 * np.array([0.0, *np.ones(len(beta) - 1)])
    hessian = sums.hessian + np.diag(penalty)
    gradient = sums.gradient - penalty * beta
    if not sums_carry_weight(sums, n) or not _is_positive_definite(hessian):
        return NewtonStep(beta.copy(), 0.0, "diverged")
    target = _bounded_minimum(hessian, gradient + hessian @ beta, signs=rules.signs)
    step = target - beta
    longest = float(np.abs(step).max())
    shortened = longest > MAX_STEP
    beta_new = beta + step * (MAX_STEP / longest) if shortened else target
    if float(np.abs(beta_new).max()) > rules.limit:
        outcome: Outcome = "diverged"
    elif not shortened and bool((np.abs(step) <= rules.tolerance * (1 + np.abs(beta))).all()):
        outcome = "converged"
    else:
        outcome = "continue"
    return NewtonStep(beta_new, min(longest, MAX_STEP), outcome)


def standard_errors(
    sums: NewtonSums, beta: NDArray[np.float64], rules: NewtonRules
) -> NDArray[np.float64]:
    """Return the square roots of the diagonal of the inverse penalised Hessian.

    A slope that the sign constraint holds at zero is no estimate: its error is 0, and it is left
    out of the matrix for the others.
    """
    penalty = rules.l2 * np.array([0.0, *np.ones(len(beta) - 1)])
    hessian = sums.hessian + np.diag(penalty)
    free = np.ones(len(beta), dtype=bool)
    if rules.signs:
        free[1:] = beta[1:] < 0
    errors = np.zeros(len(beta))
    errors[free] = np.sqrt(np.diag(np.linalg.inv(hessian[np.ix_(free, free)])))
    return errors


def _is_positive_definite(matrix: NDArray[np.float64]) -> bool:
    values = np.linalg.eigvalsh(matrix)
    return bool(values[0] > 1e-12 * max(values[-1], 1e-300))


def _bounded_minimum(
    hessian: NDArray[np.float64], linear: NDArray[np.float64], *, signs: bool
) -> NDArray[np.float64]:
    """Return the minimiser of u'Hu/2 - linear'u, with u[1:] <= 0 when `signs`.

    Principal pivoting: hold some slopes at zero, solve for the rest, exchange every coefficient
    whose sign or multiplier is wrong; when the number of wrong ones stops falling, exchange only
    the last of them, which ends for every positive definite matrix.

    References
    ----------
    Kim, J., Park, H. (2011). Fast nonnegative matrix factorization: an active-set-like method and
    comparisons. SIAM J. Sci. Comput. 33(6), section 3 (block principal pivoting, Murty's rule).
    """
    held = np.zeros(len(linear), dtype=bool)
    slack = 1e-12 * max(float(np.abs(linear).max()), 1e-300)
    fewest, patience = len(linear) + 1, 3
    while True:
        u = np.zeros(len(linear))
        u[~held] = np.linalg.solve(hessian[np.ix_(~held, ~held)], linear[~held])
        if not signs:
            return u
        pull = linear - hessian @ u  # a held slope is right when it is pulled upward
        wrong = np.where(held, pull < -slack, u > 0.0)
        wrong[0] = False
        n_wrong = int(wrong.sum())
        if n_wrong == 0:
            return u
        if n_wrong < fewest:
            fewest, patience = n_wrong, 3
        elif patience > 0:
            patience -= 1
        else:
            wrong[: np.flatnonzero(wrong)[-1]] = False
        held ^= wrong
