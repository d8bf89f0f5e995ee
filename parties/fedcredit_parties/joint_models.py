"""The joint model of a run at a party, as soon as the releases describe it: before the metrics.

A closed table, like that of the kinds of runs. It serves what a party computes for itself; what the
requester is given is built in the front room, from the same releases.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fedcredit_models.bad_classifier import BadClassifier
from fedcredit_models.scorecard import Scorecard
from fedcredit_parties.course import Course
from fedcredit_parties.scorecard_course import ScorecardCourse


def scorecard(course: ScorecardCourse) -> Scorecard:
    """Return the card, with the settings of the task."""
    task = course.task
    tables = [table for table in course.tables if table is not None]
    return Scorecard.from_parts(
        tables,
        course.coefficients,
        np.zeros(len(tables) + 1),
        features=[feature.name for feature in task.features],
        dropped={task.features[i].name: word for i, word in course.dropped.items()},
        params={
            "max_bins": task.max_bins,
            "min_bin": task.min_bin,
            "monotone": task.monotone,
            "signs": task.signs,
            "l2": task.l2,
            "fine_bins": task.fine_bins,
            "grid_cells": task.grid_cells,
            "tolerance": task.tolerance,
            "max_rounds": task.max_rounds,
        },
    )


JOINT_MODELS: Mapping[str, Callable[[Any], BadClassifier]] = {"scorecard": scorecard}
"""Kind of a task -> from its course, after the phase before the metrics, to the fitted model."""


def joint_model(course: Course[Any]) -> BadClassifier | None:
    """Return the joint model; None for a kind of run that makes none."""
    make = JOINT_MODELS.get(course.task.kind)
    return None if make is None else make(course)
