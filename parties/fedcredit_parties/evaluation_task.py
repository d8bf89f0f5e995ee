"""The task of an evaluation: a saved model, perhaps a challenger, and the slices to judge it by.

Nothing is trained. The models travel in the task as their own strict JSON; a text that is not
exactly a model of a known format is refused with the task.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from fedcredit_models.evaluating import EvaluationPlan
from fedcredit_models.saved_model import SavedModel
from fedcredit_models.schema import Schema
from fedcredit_models.slicing import MAX_SLICES, Slicing
from fedcredit_parties.packed_model import MAX_PACKED, unpack_model
from fedcredit_parties.task import Task

MAX_BANDS = 64
"""Most bands of a baseline."""

LEAST_NUMBERS = 2
"""Least numeric columns that may draw a judged sample where nothing else says whose a row is."""


class Slices(BaseModel):
    """One partition of the rows; see `fedcredit_models.slicing.Slicing`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    by: Literal["period", "segment", "group"]
    column: str = Field(min_length=1, max_length=200)
    names: tuple[str, ...] = Field(min_length=1, max_length=MAX_SLICES, strict=False)

    @property
    def slicing(self) -> Slicing:
        """The same in the words of the models room."""
        return Slicing(self.by, self.column, self.names)


class BaselineBand(BaseModel):
    """A score band that was released when the champion was made."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    eta_high_nano: int = Field(ge=-30_000_000_000, le=30_000_000_000)
    n: int = Field(ge=1, lt=1 << 31)


class EvaluationTask(Task):
    """A saved model judged on every party's rows.

    Parameters
    ----------
    champion, challenger : str
        Packed models (`packed_model`); "" for no challenger.
    rows : {"all", "train", "holdout", "oot"}
        Which sample is judged.
    partitions : tuple of Slices
        By month, segment and group; each at most once, and each by a column of its own.
    approval_rate : float
        Share of rows that would be approved.
    baseline : tuple of BaselineBand
        What the months' scores are compared with; the first told month when empty.
    drawn_by : tuple of str
        Columns that draw the hold-out where there is no id column: those of the job that fitted the
        model, in their order. All features when empty. Where the judged sample is drawn by
        columns, they are all that the champion reads and two numbers or more: drawn by a column
        of few values, the hold-out would be a choice of these, and all rows less the hold-out the
        others.
    slice_cells, joint_cells : int
        Cells of a slice's score grid, and of the joint grid of both scores.
    """

    FOLLOWS: ClassVar[Mapping[tuple[str, str], str]] = {("figures", "done"): ""}

    kind: Literal["evaluation"] = "evaluation"
    champion: str = Field(min_length=1, max_length=MAX_PACKED)
    challenger: str = Field(default="", max_length=MAX_PACKED)
    rows: Literal["all", "train", "holdout", "oot"] = "all"
    partitions: tuple[Slices, ...] = Field(default=(), max_length=3, strict=False)
    approval_rate: float = Field(default=0.8, ge=0.01, le=0.99)
    baseline: tuple[BaselineBand, ...] = Field(default=(), max_length=MAX_BANDS, strict=False)
    drawn_by: tuple[str, ...] = Field(default=(), max_length=500, strict=False)
    slice_cells: int = Field(default=1024, ge=128, le=8192)
    joint_cells: int = Field(default=128, ge=64, le=512)

    @field_validator("champion", "challenger")
    @classmethod
    def _is_a_model(cls, packed: str) -> str:
        if packed:
            unpack_model(packed)
        return packed

    @model_validator(mode="after")
    def _fits(self) -> Self:
        declared = {feature.name for feature in self.features}
        for model in self.plan.models.values():
            missing = sorted({feature.name for feature in model.features} - declared)
            if missing:
                raise ValueError(f"features: the model reads {', '.join(missing)}, too")
        for part in self.partitions:
            if part.column not in declared and part.column != self.time_column:
                raise ValueError("partitions: a column that is neither a feature nor the time")
        if not set(self.drawn_by) <= declared or len(set(self.drawn_by)) != len(self.drawn_by):
            raise ValueError("drawn_by: features of the task, each once")
        self._check_draw()
        ends = [band.eta_high_nano for band in self.baseline]
        if ends != sorted(set(ends)) or len(ends) == 1:
            raise ValueError("baseline: two bands or more, from safe to risky")
        if self.rows != "all" and self.rows not in self.samples:
            raise ValueError("rows: the task has no such sample")
        return self

    def _check_draw(self) -> None:
        """Refuse to draw a judged sample by columns that divide the rows coarsely."""
        given = self.id_column is not None or self.split_column is not None
        if given or self.holdout == 0.0 or self.rows not in ("train", "holdout"):
            return
        drawing = {feature.name: feature for feature in self.draw_schema.features}
        missing = sorted({f.name for f in self.plan.champion.features} - set(drawing))
        if missing:
            raise ValueError(f"drawn_by: the champion reads {', '.join(missing)}, too")
        if sum(f.kind == "numeric" for f in drawing.values()) < LEAST_NUMBERS:
            raise ValueError(
                f"drawn_by: fewer than {LEAST_NUMBERS} numbers draw a hold-out; name an id_column"
            )

    @property
    def draw_schema(self) -> Schema:
        """The columns that draw the hold-out."""
        if not self.drawn_by:
            return self.table_schema
        features = {feature.name: feature for feature in self.features}
        return replace(self.table_schema, features=tuple(features[name] for name in self.drawn_by))

    @cached_property
    def plan(self) -> EvaluationPlan:
        """What is counted.

        Raises
        ------
        ValueError
            When the grids do not nest.
        """
        challenger: SavedModel | None = None
        if self.challenger:
            challenger = unpack_model(self.challenger)
        return EvaluationPlan(
            champion=unpack_model(self.champion),
            challenger=challenger,
            slicings=tuple(part.slicing for part in self.partitions),
            score_cells=self.score_cells,
            slice_cells=self.slice_cells,
            joint_cells=self.joint_cells,
        )
