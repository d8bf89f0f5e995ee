"""Boosted trees in the front room: settings, task, and the model that the releases describe."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from fedcredit.model_kind import ModelKind
from fedcredit_models.boosting_start import SUSPICIOUS_IV
from fedcredit_models.dropped import REASONS
from fedcredit_models.gbdt import Gbdt
from fedcredit_parties.errors import ConfigError
from fedcredit_parties.gbdt_course import GbdtCourse
from fedcredit_parties.gbdt_task import GbdtTask


class GbdtSettings(BaseModel):
    """The ``[model]`` table of a job: settings of `Gbdt`, by the same names."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    kind: Literal["gbdt"] = "gbdt"
    n_trees: int = Field(default=100, ge=1, le=2000)
    max_depth: int = Field(default=5, ge=1, le=8)
    learning_rate: float = Field(default=0.1, ge=1e-4, le=1.0)
    l2: float = Field(default=1.0, ge=0.0, le=1e6)
    min_rows: int = Field(default=20, ge=1, le=10_000_000)
    min_gain: float = Field(default=0.0, ge=0.0, le=1e9)
    bins: int = Field(default=32, ge=2, le=255)
    monotone: dict[str, Literal[-1, 1]] | None = None
    bad_weight: float | Literal["balanced"] = 1.0
    patience: int = Field(default=0, ge=0, le=2000)
    grid_cells: int = Field(default=2048, ge=16, le=65_536)


def task(common: Mapping[str, Any], model: Gbdt) -> GbdtTask:
    """Return the task of trees with the model's settings.

    Raises
    ------
    ConfigError
        When a setting does not go with the columns, the hold-out or the federation's policy.
    """
    monotone = dict(model.monotone or {})
    names = [feature.name for feature in common["features"]]
    unknown = sorted(set(monotone) - set(names))
    least = common["policy"].min_subjects
    if unknown:
        raise ConfigError(
            f"model.monotone names columns that are no features: {', '.join(unknown)}",
            expected=f"some of {', '.join(names[:12])}",
            found=", ".join(unknown),
            remedy="correct the names in the job's [model.monotone]",
        )
    if model.min_rows < least:
        raise ConfigError(
            "model.min_rows is below the smallest cell that the federation releases",
            expected=f"min_rows of at least {least}",
            found=str(model.min_rows),
            remedy=f"set min_rows = {least} or more in the job's [model]",
        )
    if model.patience and not common["holdout"] and common["split_column"] is None:
        raise ConfigError(
            "model.patience stops by a hold-out, and the job keeps none",
            expected="holdout above 0, or a split_column",
            found="holdout = 0",
            remedy="set holdout = 0.3, or patience = 0",
        )
    return GbdtTask(
        **common,
        n_trees=model.n_trees,
        max_depth=model.max_depth,
        learning_rate=model.learning_rate,
        l2=model.l2,
        min_rows=model.min_rows,
        min_gain=model.min_gain,
        bins=model.bins,
        monotone=monotone,  # type: ignore[arg-type]  # the settings' own check was strict
        bad_weight=model.bad_weight,
        patience=model.patience,
        grid_cells=model.grid_cells,
    )


def fitted(course: GbdtCourse, settings: Gbdt, left_out: Mapping[str, str] | None = None) -> Gbdt:
    """Return the fitted model that the releases describe.

    Columns of `left_out` were never asked for; the model lists them with the dropped ones.
    """
    names = [feature.name for feature in course.task.features]
    trees = course.boosting
    return Gbdt.from_parts(
        course.kept_raw,
        trees.base,
        trees.trees,
        losses=trees.losses,
        dropped={names[i]: REASONS[word] for i, word in course.dropped.items()}
        | dict(left_out or {}),
        suspicious={names[i]: SUSPICIOUS_IV for i in course.suspicious},
        params=settings.get_params(),
    )


GBDT = ModelKind(
    estimator=Gbdt,
    settings=GbdtSettings,
    task=task,
    fitted=fitted,
    opened="histograms of gradients and curvatures, kept until the next level; fine histograms",
    released={
        "quantiles": (
            "quantile-edges",
            "cell numbers of the edges of every numeric feature",
        ),
        "start": (
            "tree-cells",
            "bads and goods of all rows and of the hold-out; of each feature which values are "
            "rare, whether its information value is above 0.5, why it is dropped",
        ),
        "trees": (
            "tree-level",
            "of each node of a level its split and its children's rows (to the nearest "
            "min_subjects) or its leaf's value; mean log losses",
        ),
        "metrics": ("metrics", "AUC, KS, Gini, Brier, score bands, ROC and calibration points"),
    },
    figures={"edges": "quantiles", "cells": "start", "trees": "trees", "importance": "trees"},
)
