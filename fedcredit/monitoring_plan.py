"""What is watched after a model is in use, and from which value on: the plan that reports print."""

from typing import NamedTuple

STABILITY = (0.1, 0.25)
"""modelling.md B.1: an index of stability is watched from the first, acted on from the second."""

CALIBRATION_Z = (1.96, 2.58)
"""Actual against predicted bads, in standard deviations."""


class Watched(NamedTuple):
    """One row of the plan.

    Attributes
    ----------
    measure : str
        Key of its name in the catalogue.
    watch, act : str
        Where a look and where a decision begins: a number, or a key of the catalogue.
    often : {"month", "quarter"}
        How often.
    """

    measure: str
    watch: str
    act: str
    often: str


def plan(watch: float = STABILITY[0], act: float = STABILITY[1]) -> tuple[Watched, ...]:
    """Return the rows of the plan, in order.

    Parameters
    ----------
    watch, act : float
        Thresholds of the indices of stability; the customary ones when absent.
    """
    return (
        Watched("score", f"{watch:g}", f"{act:g}", "month"),
        Watched("feature", f"{watch:g}", f"{act:g}", "month"),
        Watched("calibration", f"{CALIBRATION_Z[0]:g}", f"{CALIBRATION_Z[1]:g}", "month"),
        Watched("auc", "measure.below", "measure.twice", "quarter"),
    )
