"""Rao's score test: would a further column improve a fitted logistic model? Answered without a fit.

At the maximum of a model the gradient of every column in it is zero. The gradient of a column that
is not in it, measured by its variance given the others, is chi-square with one degree of freedom
when the column adds nothing. Gradient and curvature of all columns, in the model or not, come from
the sums of one Newton round (`logistic.newton_sums`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from fedcredit_models.logistic import NewtonSums
from fedcredit_models.tails import chi_square_tail

COLLINEAR = 1e-9
"""A column keeps less than this share of its curvature beside the others: they contain it."""


@dataclass(frozen=True)
class ScoreTest:
    """One candidate.

    Parameters
    ----------
    column : int
        Its position among the columns, from 1; 0 is the intercept.
    statistic : float
        ``U**2 / V``.
    p_value : float
        Of a chi-square variable with one degree of freedom.
    """

    column: int
    statistic: float
    p_value: float


def score_tests(
    sums: NewtonSums, active: Sequence[int], candidates: Collection[int]
) -> list[ScoreTest]:
    """Return the test of each candidate given the model of the active columns.

    ``U_c = g_c``, the gradient; ``V_c = H_cc - H_ca H_aa^-1 H_ac``. Away from the exact maximum the
    gradient of the active columns is not quite zero; ``U_c = g_c - H_ca H_aa^-1 g_a`` takes that
    into account to first order.

    Parameters
    ----------
    sums : NewtonSums
        Sums of all rows at the maximum of the model, for all columns; without a penalty.
    active : sequence of int
        Positions of the columns in the model; the intercept (0) always is.
    candidates : collection of int
        Positions of the columns to be tested.

    Returns
    -------
    list of ScoreTest
        In the order of their positions. A candidate that the active columns contain (collinear)
        has statistic 0.

    Disclosure
    ----------
    The tests are released, gradient and curvature are not.

    References
    ----------
    Rao, C. R. (1948). Large sample tests of statistical hypotheses concerning several parameters.
    Proc. Cambridge Phil. Soc. 44.
    """
    inside = [0, *active]
    hessian, gradient = sums.hessian, sums.gradient
    within = hessian[np.ix_(inside, inside)]
    found = []
    for column in sorted(candidates):
        across = np.linalg.solve(within, hessian[inside, column])
        left = float(hessian[column, column] - hessian[column, inside] @ across)
        u = float(gradient[column] - gradient[inside] @ across)
        own = float(hessian[column, column])
        statistic = u * u / left if left > COLLINEAR * own and own > 0 else 0.0
        found.append(ScoreTest(column, statistic, chi_square_tail(statistic, 1)))
    return found
