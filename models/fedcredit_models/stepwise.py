"""Stepwise selection: columns enter by score test and leave by Wald test, one at a time.

Each round is one sum of gradient and curvature over all columns at a released point. While the
model of the active columns has not settled, a round is a Newton step; once it has, the same sums
test what could enter and what should leave. Every decision is a pure function of sums, point and
active columns, so the key holder keeps no memory and each decision can be followed from the
releases.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.logistic import NewtonRules, NewtonSums, newton_step, standard_errors
from fedcredit_models.score_test import ScoreTest, score_tests
from fedcredit_models.tails import normal_two_sided

Move = Literal["fit", "enter", "leave", "done"]


@dataclass(frozen=True)
class StepwiseRules:
    """When a column enters and leaves.

    Parameters
    ----------
    enter, leave : float, default 0.05, 0.10
        Largest p value of the score test that enters a column; smallest p value of the Wald test
        that makes one leave. ``enter <= leave``, or a column could go in and out for ever.
    most : int, default 20
        Most columns in the model.
    backward : bool, default True
        Whether columns leave at all.

    Raises
    ------
    ValueError
        For p values outside (0, 1) or in the wrong order, or no column.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid", "strict": True}

    enter: float = 0.05
    leave: float = 0.10
    most: int = 20
    backward: bool = True

    def __post_init__(self) -> None:
        """Refuse rules that need not end."""
        if not 0 < self.enter <= self.leave < 1:
            raise ValueError("stepwise: 0 < enter <= leave < 1")
        if self.most < 1:
            raise ValueError("stepwise: at least one column may enter")


@dataclass(frozen=True)
class Step:
    """What one round decides.

    Parameters
    ----------
    move : {"fit", "enter", "leave", "done"}
        *Fit*: a Newton step of the model as it is.
    column : int
        The column that enters or leaves, from 1; 0 otherwise.
    beta : ndarray of shape (1 + n_columns,)
        The next point; 0 for columns outside the model.
    tests : tuple of ScoreTest
        Of all columns outside the model; only when the model has settled.
    wald : tuple of float
        Wald statistics (coefficient over standard error) of the active columns, in their order;
        only when the model has settled.
    step_size : float
        Largest change of a coefficient.
    """

    move: Move
    column: int
    beta: NDArray[np.float64]
    tests: tuple[ScoreTest, ...] = ()
    wald: tuple[float, ...] = ()
    step_size: float = 0.0


def step(
    sums: NewtonSums,
    beta: NDArray[np.float64],
    active: Sequence[int],
    barred: Sequence[int],
    rules: StepwiseRules,
    n: int,
) -> Step | None:
    """Return the decision of one round, or None when the model of the active columns diverges.

    Parameters
    ----------
    sums : NewtonSums
        Of all rows and all columns at `beta`.
    beta : ndarray of shape (1 + n_columns,)
        The released point.
    active : sequence of int
        Columns in the model, in the order in which they entered.
    barred : sequence of int
        Columns that left: they do not come back.
    rules : StepwiseRules
        The job's.
    n : int
        Rows in the sums.

    Disclosure
    ----------
    The step is released, gradient and curvature are not.
    """
    newton = NewtonRules(l2=0.0, signs=False)
    inside = [0, *active]
    own = _restricted(sums, inside)
    found = newton_step(own, beta[inside], newton, n)
    if found.outcome == "diverged":
        return None
    point = np.zeros(len(beta))
    point[inside] = found.beta_new
    if found.outcome == "continue":
        return Step("fit", 0, point, step_size=found.step_size)
    errors = standard_errors(own, beta[inside], newton)
    wald = tuple(float(b / e) for b, e in zip(found.beta_new[1:], errors[1:], strict=True))
    p_values = [normal_two_sided(z) for z in wald]
    outside = [c for c in range(1, len(beta)) if c not in active and c not in barred]
    tests = tuple(score_tests(sums, active, outside))
    size = found.step_size
    if rules.backward and max(p_values, default=0.0) > rules.leave:
        column = active[int(np.argmax(p_values))]
        point[column] = 0.0
        return Step("leave", column, point, tests, wald, size)
    best = min(tests, key=lambda test: (test.p_value, -test.statistic), default=None)
    if best is not None and best.p_value <= rules.enter and len(active) < rules.most:
        return Step("enter", best.column, point, tests, wald, size)
    return Step("done", 0, point, tests, wald, size)


def _restricted(sums: NewtonSums, inside: Sequence[int]) -> NewtonSums:
    """Return the sums of the columns in the model."""
    part = sums.hessian[np.ix_(inside, inside)]
    return NewtonSums(
        gradient=sums.gradient[list(inside)],
        hessian_upper=part[np.triu_indices(len(inside))],
        log_loss=sums.log_loss,
        weight_square=sums.weight_square,
    )
