"""The question how good a saved model is on the parties' rows: nothing is trained."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from fedcredit.errors import JobError
from fedcredit.evaluation_result import EvaluationResult
from fedcredit.judged_model import JudgedModel
from fedcredit.request import Delivery, Request
from fedcredit_models.drift import DriftThresholds
from fedcredit_models.schema import Feature, Schema
from fedcredit_models.slicing import months
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.errors import ConfigError, SchemaMismatchError
from fedcredit_parties.evaluation_task import EvaluationTask
from fedcredit_parties.packed_model import pack_model

TO = ".."
"""Between the first and the last of a range of months."""


class Evaluation(Request[EvaluationResult]):
    """Judge a saved model, and perhaps a challenger, on the rows of several parties.

    Parameters
    ----------
    model, challenger : fitted model, TrainingResult, path or JSON text
        The champion; and what may replace it, optional.
    period_column : str, optional
        Column that says when a row is from: figures by month, and drift.
    periods : sequence of str, or text
        The months that are told, ``"2024-01..2024-12"`` or a list; or other values of the column.
    segment, group : str, optional
        Columns for stability by segment and for fairness by group. Their slices are the declared
        levels of the column, or `segments` and `groups`. Not the same column twice.
    segments, groups : sequence of str, optional
        The slices, where the column is declared as numbers or only some are of interest.
    approval_rate : float
        Share of rows that would be approved; the nearest cut that the cell rules allow is taken.
    loss_given_default : float
        Share of an exposure that is lost when it goes bad.
    rows : {"all", "train", "holdout", "oot"}
        Which sample is judged; with the `holdout` of the job that fitted the model, its hold-out.
    drawn_by : sequence of str, optional
        Columns of the job that fitted the model, in their order. Without `id_column` and
        `split_column` they draw the hold-out; a training result or its saved file says them itself.
        They are all that the champion reads, and two numbers or more.
    watch, act : float
        Drift indices (PSI, CSI) from which a month asks for a look, and for a decision.
    purpose, label, ...
        As in `Request`; `features` follow from the models.

    Raises
    ------
    ConfigError
        One line per wrong or misspelt field.
    JobError
        When what is to be judged is no model.

    Disclosure
    ----------
    Parties and requester learn the figures of all rows and of every slice that passes the cell
    rules; and the models, which travel in the task.
    """

    kind: Literal["evaluation"] = "evaluation"
    model: JudgedModel
    challenger: JudgedModel | None = None
    holdout: float = Field(default=0.0, ge=0.0, le=0.9, strict=True)
    period_column: str | None = None
    periods: tuple[str, ...] = ()
    segment: str | None = None
    segments: tuple[str, ...] = ()
    group: str | None = None
    groups: tuple[str, ...] = ()
    approval_rate: float = Field(default=0.8, ge=0.01, le=0.99)
    loss_given_default: float = Field(default=0.45, ge=0.0, le=1.0)
    rows: Literal["all", "train", "holdout", "oot"] = "all"
    drawn_by: tuple[str, ...] = ()
    watch: float = Field(default=0.1, gt=0.0, allow_inf_nan=False)
    act: float = Field(default=0.25, gt=0.0, allow_inf_nan=False)

    def __init__(self, **fields: Any) -> None:
        if fields.get("features"):
            raise ConfigError(
                "an evaluation takes no features: its models say which columns they read",
                remedy="leave features out",
            )
        for role in ("model", "challenger"):
            if fields.get(role) is not None:
                fields[role] = JudgedModel.of(fields[role])
        read = [feature.name for m in _judged(fields) for feature in m.saved.features]
        sliced = [fields.get(name) for name in ("segment", "group")]
        if fields.get("id_column") or fields.get("split_column") or not fields.get("holdout"):
            fields["drawn_by"] = ()
        elif not fields.get("drawn_by"):
            known = (m.drawn_by for m in _judged(fields) if m.drawn_by)
            fields["drawn_by"] = next(known, ())
        used = [*read, *(str(x) for x in sliced if x), *map(str, fields["drawn_by"])]
        fields["features"] = tuple(dict.fromkeys(used))
        if fields.get("period_column") and not fields.get("time_column"):
            fields["time_column"] = fields["period_column"]
        super().__init__(**fields)

    @field_validator("periods", mode="before")
    @classmethod
    def _range(cls, periods: object) -> object:
        if isinstance(periods, str):
            first, between, last = periods.partition(TO)
            if not between:
                raise ValueError('must be a list of names, or months such as "2024-01..2024-12"')
            return months(first, last)
        return tuple(map(str, periods)) if isinstance(periods, Iterable) else periods

    @field_validator("segments", "groups", "drawn_by", mode="before")
    @classmethod
    def _listed(cls, names: object) -> object:
        if isinstance(names, str):
            raise ValueError(f"must be a list of names: [{names!r}]")
        return tuple(map(str, names)) if isinstance(names, Iterable) else names

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.period_column is None) != (not self.periods):
            raise ValueError('periods: say which, such as period_column="month", periods="..".')
        if self.period_column is not None and self.time_column != self.period_column:
            raise ValueError("period_column: must be the time_column")
        for by in ("segment", "group"):
            if getattr(self, f"{by}s") and getattr(self, by) is None:
                raise ValueError(f"{by}s: needs a {by}, the column that holds them")
        if self.rows == "holdout" and self.holdout == 0.0 and self.split_column is None:
            raise ValueError("rows: there is no hold-out without holdout or a split_column")
        is_drawn = self.id_column is None and self.split_column is None
        if self.rows in ("train", "holdout") and self.holdout and is_drawn and not self.drawn_by:
            raise ValueError(
                "drawn_by: without an id_column the columns of the job that fitted the model draw "
                "its hold-out; name them in their order, or give result.json as the model"
            )
        elif self.rows in ("train", "holdout") and self.drawn_by:
            missing = {f.name for f in self.model.saved.features} - set(self.drawn_by)
            if missing:
                raise ValueError(
                    f"drawn_by: the champion reads {', '.join(sorted(missing))}, too; judge it on "
                    "the hold-out of the job that fitted it, or name an id_column"
                )
        columns = [x for x in (self.period_column, self.segment, self.group) if x is not None]
        if len(set(columns)) != len(columns):
            raise ValueError(
                "period_column, segment, group: a column can be in one of them only, because two "
                "partitions by one column could be subtracted"
            )
        if self.rows == "oot" and self.oot_from is None:
            raise ValueError("rows: out of time from when? give oot_from")
        if self.watch > self.act:
            raise ValueError("watch: must not be above act")
        return self

    @classmethod
    def from_dict(cls, table: dict[str, Any], folder: Path = Path()) -> Self:
        """Build an evaluation from the tables of a TOML file in `folder`.

        Raises
        ------
        ConfigError, JobError
            One line per wrong field, by its path; or when there is no model at a path.
        """
        fields = dict(table)
        for role in ("model", "challenger"):
            if role in fields:
                if not isinstance(fields[role], str):
                    raise ConfigError(
                        f"{role} must be the path of a saved model",
                        expected="text",
                        found=type(fields[role]).__name__,
                        remedy=f'{role} = "result.json"',
                    )
                fields[role] = folder / fields[role]
        return cls(**fields)

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read a TOML file; paths in it are relative to it.

        Raises
        ------
        ConfigError, JobError
        """
        try:
            table = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{path.name} cannot be read as TOML: {error}") from None
        return cls.from_dict(table, path.parent)

    @property
    def judged(self) -> dict[str, JudgedModel]:
        """Role -> model."""
        found = {"champion": self.model}
        return found if self.challenger is None else {**found, "challenger": self.challenger}

    @property
    def thresholds(self) -> DriftThresholds:
        """Where a look and where a decision begins."""
        return DriftThresholds(watch=self.watch, act=self.act)

    def task(
        self, schema: Schema, *, parties: tuple[str, ...], policy: DisclosurePolicy
    ) -> EvaluationTask:
        """Return the task document that parties approve; see `Request.common`.

        Raises
        ------
        JobError
            When a model is too large for a task.
        ConfigError
            When the parties would refuse the task, such as for columns that draw a hold-out badly.
        """
        common = self.common(schema, parties=parties, policy=policy)
        declared = {feature.name: feature for feature in schema.features}
        partitions = []
        if self.period_column is not None:
            partitions.append(("period", self.period_column, self.periods))
        for by in ("segment", "group"):
            column = getattr(self, by)
            if column is not None:
                given = getattr(self, f"{by}s")
                partitions.append((by, column, given or _levels(declared[column], by)))
        try:
            packed = {role: pack_model(model.text) for role, model in self.judged.items()}
        except ValueError as error:
            raise JobError(str(error), remedy="judge a smaller model: fewer trees") from None
        try:
            return EvaluationTask.model_validate(
                {
                    **common,
                    **packed,
                    "rows": self.rows,
                    "drawn_by": self.drawn_by,
                    "partitions": [{"by": b, "column": c, "names": n} for b, c, n in partitions],
                    "approval_rate": self.approval_rate,
                    "baseline": [{"eta_high_nano": end, "n": n} for end, n in self.model.bands],
                }
            )
        except ValidationError as error:
            said = error.errors(include_url=False, include_input=False)[0]["msg"]
            raise ConfigError(
                f"the evaluation is not valid: {said.removeprefix('Value error, ')}",
                remedy="correct the field that is named; nothing was run",
            ) from None

    def assemble(self, delivery: Delivery) -> EvaluationResult:
        """Return the figures, each with its entry."""
        from fedcredit.evaluation_assembly import assemble_evaluation

        return assemble_evaluation(delivery, self)


def _judged(fields: dict[str, Any]) -> list[JudgedModel]:
    given = (fields.get("model"), fields.get("challenger"))
    return [model for model in given if isinstance(model, JudgedModel)]


def _levels(feature: Feature, by: str) -> tuple[str, ...]:
    """Return the declared levels of a column."""
    if feature.kind == "categorical":
        return feature.levels
    raise SchemaMismatchError(
        f"the column {feature.name} is declared as numbers: it has no levels",
        expected=f"a category, or the {by}s by name",
        found="a numeric feature",
        remedy=f'{by}s=["0", "1"] names its values',
    )
