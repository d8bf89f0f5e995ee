"""The joint model of a run at a party, as soon as the releases describe it: before the metrics.

A closed table, like that of the kinds of runs. It serves what a party computes for itself; what the
requester is given is built in the front room, from the same releases.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fedcredit_models.bad_classifier import BadClassifier
from fedcredit_models.dropped import REASONS
from fedcredit_models.gbdt import Gbdt
from fedcredit_models.mlp import Mlp
from fedcredit_models.network import WEIGHT_BITS
from fedcredit_models.scorecard import Scorecard
from fedcredit_parties.course import Course
from fedcredit_parties.gbdt_course import GbdtCourse
from fedcredit_parties.network_course import NetworkCourse
from fedcredit_parties.scorecard_course import ScorecardCourse

NETWORK_SETTINGS = (
    "fine_bins", "grid_cells", "hidden", "embedding", "rounds", "patience", "local_epochs",
    "batch_size", "learning_rate", "momentum", "l2", "strategy", "mu", "server_learning_rate",
    "loss", "gamma", "bad_weight", "update_bits", "update_limit", "seed",
)  # fmt: skip
"""Settings of a network that stand in its task under the same name."""


def scorecard(course: ScorecardCourse) -> Scorecard:
    """Return the card, with the settings of the task."""
    task = course.task
    tables = [table for table in course.tables if table is not None]
    return Scorecard.from_parts(
        tables,
        course.coefficients,
        np.zeros(len(tables) + 1),
        features=[feature.name for feature in task.features],
        dropped={task.features[i].name: REASONS[word] for i, word in course.dropped.items()},
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


def gbdt(course: GbdtCourse) -> Gbdt:
    """Return the trees, with the settings of the task."""
    task, trees = course.task, course.boosting
    names = [feature.name for feature in task.features]
    return Gbdt.from_parts(
        course.kept_raw,
        trees.base,
        trees.trees,
        losses=trees.losses,
        dropped={names[i]: REASONS[word] for i, word in course.dropped.items()},
        params={
            "n_trees": task.n_trees,
            "max_depth": task.max_depth,
            "learning_rate": task.learning_rate,
            "l2": task.l2,
            "min_rows": task.min_rows,
            "min_gain": task.min_gain,
            "bins": task.bins,
            "monotone": dict(task.monotone),
            "bad_weight": task.bad_weight,
            "patience": task.patience,
            "grid_cells": task.grid_cells,
        },
    )


def network(course: NetworkCourse) -> Mlp:
    """Return the calibrated network, with the settings of the task."""
    task = course.task
    intercept, slope = (float(np.ldexp(part, -WEIGHT_BITS)) for part in course.calibration)
    settings = {name: getattr(task, name) for name in NETWORK_SETTINGS}
    return Mlp.from_parts(
        task.features,
        course.standards,
        course.weights,
        (intercept, slope),
        losses=course.rounds.losses,
        params=settings,
    )


JOINT_MODELS: Mapping[str, Callable[[Any], BadClassifier]] = {
    "scorecard": scorecard,
    "gbdt": gbdt,
    "network": network,
}
"""Kind of a task -> from its course, after the phase before the metrics, to the fitted model."""


def joint_model(course: Course[Any]) -> BadClassifier | None:
    """Return the joint model; None for a kind of run that makes none."""
    make = JOINT_MODELS.get(course.task.kind)
    return None if make is None else make(course)
