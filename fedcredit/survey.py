"""The question what the parties' columns look like, and how they are best binned."""

from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from fedcredit.given_binning import BinningField, GivenBinning
from fedcredit.request import Delivery, Request
from fedcredit.requests import HorizontalJob
from fedcredit.survey_result import SurveyResult
from fedcredit_models.periods import Periods
from fedcredit_models.schema import Schema
from fedcredit_models.scorecard import Scorecard
from fedcredit_models.stepwise import StepwiseRules
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.errors import ConfigError
from fedcredit_parties.survey_task import SurveyTask

TO = ".."
"""Between the first and the last month of `periods`."""

RULES = ("fine_bins", "max_bins", "min_bin", "monotone", "grid_cells")
"""Settings of a scorecard that say how it is binned; a survey takes them under the same names."""


class Survey(Request[SurveyResult]):
    """Describe the columns of several parties, bin them, and count tables over the bins.

    Parameters
    ----------
    binning : Binning, path or JSON text, optional
        Bins that are counted as they are; `features` are its features then.
    moments : bool
        Means, standard deviations, correlations and variance inflation too.
    fine_bins, max_bins, min_bin, monotone, grid_cells
        As in `Scorecard`.
    periods : text, optional
        The first and the last month that are told, ``"2022-01..2023-12"``: bins are counted in each
        period of the `time_column`.
    period : {"month", "quarter", "year"}
        Length of a period.
    ages : sequence of int, optional
        Ages in months of a vintage table by period.
    months_column : str, optional
        The feature that says how many months a loan was watched: until it turned bad, or to its
        last observation.
    crosstabs : sequence of (str, str), optional
        Features whose bins are counted against each other.
    select : bool or StepwiseRules
        Select features step by step: by score test they enter, by Wald test they leave.
    holdout : float
        0 by default: all rows. With a job's `holdout` and `id_column`, the job's training rows.
    purpose, label, features, ...
        As in `Request`.

    Raises
    ------
    ConfigError
        One line per wrong or misspelt field.

    Disclosure
    ----------
    Parties and requester learn what docs/explanation/who-learns-what.md lists for a survey: counts
    and tables whose every cell passes the cell rules, means, deviations and correlations.
    """

    kind: Literal["survey"] = "survey"
    holdout: float = Field(default=0.0, ge=0.0, le=0.9, strict=True)
    binning: BinningField = None
    moments: bool = True
    fine_bins: int = Field(default=20, ge=2, le=100)
    max_bins: int = Field(default=8, ge=2, le=100)
    min_bin: float = Field(default=0.05, ge=0.0, lt=0.5)
    monotone: bool = True
    grid_cells: int = Field(default=2048, ge=16, le=65_536)
    periods: str | None = None
    period: Literal["month", "quarter", "year"] = "month"
    ages: tuple[int, ...] = ()
    months_column: str | None = None
    crosstabs: tuple[tuple[str, str], ...] = ()
    select: bool | StepwiseRules = False

    def __init__(self, **fields: Any) -> None:
        super().__init__(**GivenBinning.read_into(fields))

    @field_validator("ages", "crosstabs", mode="before")
    @classmethod
    def _listed(cls, values: object) -> object:
        if isinstance(values, list | tuple):
            return tuple(tuple(x) if isinstance(x, list) else x for x in values)
        return values

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.periods is not None:
            self._span()
            if self.time_column is None:
                raise ValueError("periods: need a time_column")
        if bool(self.ages) != (self.months_column is not None):
            raise ValueError("ages: a vintage table needs ages and a months_column")
        if self.ages and self.periods is None:
            raise ValueError('ages: need periods, such as "2022-01..2023-12"')
        return self

    def _span(self) -> Periods | None:
        if self.periods is None:
            return None
        first, between, last = self.periods.partition(TO)
        if not between:
            raise ValueError('periods: must be a span of months such as "2022-01..2023-12"')
        return Periods(self.period, first, last)

    @classmethod
    def of(cls, job: HorizontalJob, **fields: Any) -> Self:
        """Return the survey of a job's columns and training rows, binned by its scorecard's rules.

        Parameters
        ----------
        job : HorizontalJob
            Whose rows, columns and terms.
        **fields
            Fields of the survey, which win.
        """
        common = {name: getattr(job, name) for name in Request.model_fields}
        if isinstance(job.model, Scorecard):
            common |= {name: getattr(job.model, name) for name in RULES}
        if job.binning is not None:
            common["binning"] = job.binning
        return cls(**(common | fields))

    def task(
        self, schema: Schema, *, parties: tuple[str, ...], policy: DisclosurePolicy
    ) -> SurveyTask:
        """Return the task document that parties approve; see `Request.common`.

        Raises
        ------
        ConfigError
            When the parts of the survey do not fit together.
        SchemaMismatchError
            When the binning was made for another declaration of a column.
        """
        common = self.common(schema, parties=parties, policy=policy)
        rules = StepwiseRules() if self.select is True else self.select or None
        try:
            return SurveyTask(
                **common,
                **{name: getattr(self, name) for name in (*RULES, "moments", "ages")},
                bins=GivenBinning.plan(self.binning, common["features"]),
                periods=self._span(),
                months_column=self.months_column,
                pairs=self.crosstabs,
                stepwise=rules,
            )
        except ValidationError as error:
            said = error.errors(include_url=False, include_input=False)[0]["msg"]
            raise ConfigError(
                f"the survey is not valid: {said.removeprefix('Value error, ')}",
                remedy="correct the field that is named; nothing was run",
            ) from None

    def assemble(self, delivery: Delivery) -> SurveyResult:
        """Return the tables, each with its entry."""
        from fedcredit.survey_assembly import assemble_survey

        return assemble_survey(delivery, self)
