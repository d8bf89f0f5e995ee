"""The phase in which a logistic model is fitted on weights of evidence; shared by kinds of runs.

Opened: gradient, curvature and loss at the released point. Released: the next point.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fedcredit_models import logistic
from fedcredit_models.logistic import NewtonSums
from fedcredit_parties.errors import SteepModelError
from fedcredit_parties.masks import Field
from fedcredit_parties.scorecard_task import COEFFICIENT_LIMIT

Floats = NDArray[np.float64]


def fields(
    real: Callable[[str, int, float], Field], beta: Floats, largest: Sequence[float], n: int
) -> tuple[Field, ...]:
    """Lay out the sum; bounds follow from released rows and weights of evidence, nothing local.

    Parameters
    ----------
    real : callable
        ``Course.real``.
    beta : ndarray of shape (p,)
        The released point, intercept first.
    largest : sequence of float of length p
        Largest absolute value of each column; 1 for the intercept.
    n : int
        Training rows of all parties.
    """
    p, x = len(largest), max(largest)
    eta = float(np.abs(beta) @ np.array(largest))
    return (
        real("gradient", p, n * x),
        real("hessian", p * (p + 1) // 2, n * x * x / 4),
        real("log_loss", 1, n * (1.0 + eta)),
        real("weight_square", 1, n / 16),
    )


def addend(X: Floats, y: NDArray[np.int64], beta: Floats) -> dict[str, Floats]:
    """Return one party's sums at the released point.

    Raises
    ------
    SteepModelError
        When the point would single out rows: a coefficient beyond 20, or almost no row carrying
        weight. Nothing is answered then.
    """
    refuse_steep(beta)
    p = logistic.probability(beta[0] + X @ beta[1:])
    if len(p) and not logistic.rows_carry_weight(p * (1.0 - p)):
        raise SteepModelError(
            "the released model would single out few rows of this party",
            expected="at least 50 rows, or a quarter, that carry weight",
            found="fewer",
            remedy="the data may be separable, or the point of evaluation was chosen",
        )
    sums = logistic.newton_sums(X, y, beta)
    return {
        "gradient": sums.gradient,
        "hessian": sums.hessian_upper,
        "log_loss": np.array([sums.log_loss]),
        "weight_square": np.array([sums.weight_square]),
    }


def refuse_steep(beta: Floats) -> None:
    """Refuse a released point that is too steep to be evaluated on rows.

    Raises
    ------
    SteepModelError
    """
    if np.abs(beta).max() > COEFFICIENT_LIMIT:
        raise SteepModelError(
            "the released model is too steep to be evaluated on rows",
            expected=f"every coefficient within {COEFFICIENT_LIMIT:g} of zero",
            found="a larger one",
            remedy="the data may be separable: drop the feature that decides alone, or raise l2",
        )


def opened(sums: Mapping[str, Floats]) -> NewtonSums:
    """Return an opened sum in the words of the models room."""
    return NewtonSums(
        gradient=np.asarray(sums["gradient"]),
        hessian_upper=np.asarray(sums["hessian"]),
        log_loss=float(sums["log_loss"][0]),
        weight_square=float(sums["weight_square"][0]),
    )
