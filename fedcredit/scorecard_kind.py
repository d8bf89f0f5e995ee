"""A scorecard in the front room: settings, task, and the card that the releases describe."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from fedcredit.model_kind import ModelKind
from fedcredit_models.dropped import REASONS
from fedcredit_models.scorecard import Scorecard
from fedcredit_parties.scorecard_course import ScorecardCourse
from fedcredit_parties.scorecard_task import COEFFICIENT_BITS, ScorecardTask


class CardSettings(BaseModel):
    """The ``[model]`` table of a job: settings of `Scorecard`, by the same names."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    kind: Literal["scorecard"] = "scorecard"
    base_score: float = 600.0
    base_odds: float = Field(default=50.0, gt=0.0)
    pdo: float = Field(default=20.0, gt=0.0)
    max_bins: int = Field(default=8, ge=2, le=100)
    min_bin: float = Field(default=0.05, ge=0.0, lt=0.5)
    monotone: bool = True
    signs: bool = True
    l2: float = Field(default=1.0, ge=0.0)
    fine_bins: int = Field(default=20, ge=2, le=100)
    grid_cells: int = Field(default=2048, ge=16, le=65_536)
    tolerance: float = Field(default=1e-9, gt=0.0, le=1e-3)
    max_rounds: int = Field(default=25, ge=1, le=100)


def task(common: Mapping[str, Any], model: Scorecard) -> ScorecardTask:
    """Return the task of a card with the model's settings."""
    return ScorecardTask(
        **common,
        fine_bins=model.fine_bins,
        max_bins=model.max_bins,
        min_bin=model.min_bin,
        monotone=model.monotone,
        signs=model.signs,
        l2=model.l2,
        tolerance=model.tolerance,
        max_rounds=model.max_rounds,
        grid_cells=model.grid_cells,
    )


def fitted(
    course: ScorecardCourse, settings: Scorecard, left_out: Mapping[str, str] | None = None
) -> Scorecard:
    """Return the fitted model that the releases describe.

    Columns of `left_out` were never asked for; the model lists them with the dropped ones.
    """
    unit = 2.0**-COEFFICIENT_BITS
    kept = course.kept
    features = course.task.features
    return Scorecard.from_parts(
        [table for table in course.tables if table is not None],
        course.coefficients,
        [course.standard_errors[i] * unit for i in (0, *(i + 1 for i in kept))],
        features=[*(feature.name for feature in features), *(left_out or {})],
        dropped={features[i].name: REASONS[word] for i, word in course.dropped.items()}
        | dict(left_out or {}),
        params=settings.get_params(),
        n_iter=sum(1 for row in course.history if row["phase"] == "newton"),
    )


SCORECARD = ModelKind(
    estimator=Scorecard,
    settings=CardSettings,
    task=task,
    fitted=fitted,
    scale=lambda card: (card.offset, card.factor),
    released={
        "quantiles": (
            "quantile-edges",
            "cell numbers of the bin edges of every numeric feature",
        ),
        "bins": (
            "merged-bins",
            "merged bins with their bad and good counts; the row total; why a feature is dropped",
        ),
        "newton": (
            "newton-step",
            "coefficients after the step, step size, mean log loss before it",
        ),
        "metrics": ("metrics", "AUC, KS, Gini, Brier, score bands, ROC and calibration points"),
    },
    opened="gradients, Hessians, fine histograms",
    figures={
        "edges": "quantiles",
        "bins": "bins",
        "coefficients": "newton",
        "standard_errors": "newton",
        "points": "newton",
    },
)
