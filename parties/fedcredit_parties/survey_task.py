"""The task of a survey: what columns look like, how they are binned, and tables over the bins.

A survey is the sums workbench as one run. Two rounds give descriptive statistics, fine and coarse
bins; where they are asked for, a third gives distributions over periods, vintages and cross-tables,
and further ones select columns step by step.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from fedcredit_models.binning import BinningRules
from fedcredit_models.fixed_bins import FixedBins
from fedcredit_models.periods import Periods
from fedcredit_models.stepwise import StepwiseRules
from fedcredit_parties.fixed_bins_phase import check_fit
from fedcredit_parties.task import Task

MAX_MOMENTS = 120
"""Most numeric features of a survey with correlations: their pairs must fit a few ciphertexts."""

MAX_PAIRS = 50
"""Most cross-tables of one survey."""


class SurveyTask(Task):
    """Descriptive statistics and bins over every party's rows.

    Parameters
    ----------
    moments : bool, default True
        Means, standard deviations and correlations too.
    bins : tuple of FixedBins
        Bins that the modeller fixed; those of other features follow from the rules.
    periods : Periods or None
        Count the bins of every feature in each period of the time column.
    ages : tuple of int
        Ages in months of a vintage table by period; empty for none.
    months_column : str or None
        The feature that says how many months a loan was watched.
    pairs : tuple of (str, str)
        Features whose bins are counted against each other.
    stepwise : StepwiseRules or None
        Select features by score test.
    max_rounds : int, default 200
        Most rounds of the selection.
    """

    FOLLOWS: ClassVar[Mapping[tuple[str, str], str]] = {
        ("quantiles", "continue"): "statistics",
        ("statistics", "continue"): "tables",
        ("statistics", "done"): "",
        ("tables", "continue"): "stepwise",
        ("tables", "done"): "",
        ("stepwise", "continue"): "stepwise",
        ("stepwise", "done"): "",
    }

    kind: Literal["survey"] = "survey"
    fine_bins: int = Field(default=20, ge=2, le=100)
    max_bins: int = Field(default=8, ge=2, le=100)
    min_bin: float = Field(default=0.05, ge=0.0, lt=0.5)
    monotone: bool = True
    moments: bool = True
    bins: tuple[FixedBins, ...] = Field(default=(), max_length=500, strict=False)
    periods: Periods | None = None
    ages: tuple[int, ...] = Field(default=(), max_length=60, strict=False)
    months_column: str | None = None
    pairs: tuple[tuple[str, str], ...] = Field(default=(), max_length=MAX_PAIRS, strict=False)
    stepwise: StepwiseRules | None = None
    max_rounds: int = Field(default=200, ge=1, le=500)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        declared = {feature.name: feature for feature in self.features}
        check_fit(self.bins, self.features)
        n_numeric = sum(feature.kind == "numeric" for feature in self.features)
        if self.moments and n_numeric > MAX_MOMENTS:
            raise ValueError(f"moments: {MAX_MOMENTS} numeric features at most")
        if self.periods is not None and self.time_column is None:
            raise ValueError("periods: need a time_column")
        if self.ages:
            if self.periods is None:
                raise ValueError("ages: a vintage table needs periods")
            if list(self.ages) != sorted(set(self.ages)) or not 1 <= self.ages[0]:
                raise ValueError("ages: must increase, from 1 month on")
            watched = declared.get(self.months_column or "")
            if watched is None or watched.kind != "numeric":
                raise ValueError("ages: months_column must be a numeric feature of the survey")
        elif self.months_column is not None:
            raise ValueError("months_column: needs ages")
        if any(a == b or not {a, b} <= set(declared) for a, b in self.pairs):
            raise ValueError("pairs: each names two features of the survey")
        if len({frozenset(pair) for pair in self.pairs}) != len(self.pairs):
            raise ValueError("pairs: one stands twice")
        return self

    @property
    def most_rounds(self) -> int:
        """Most steps of the selection, and one round for each other phase."""
        return 3 + (self.max_rounds if self.stepwise is not None else 0)

    @property
    def has_tables(self) -> bool:
        """Whether the survey goes on after the bins."""
        return bool(self.periods or self.pairs or self.stepwise)

    @property
    def fixed(self) -> dict[str, FixedBins]:
        """Bins that the modeller fixed, by feature."""
        return {bins.feature: bins for bins in self.bins}

    @property
    def binning(self) -> BinningRules:
        """Rules for merging raw cells into bins, the policy's cell rules included."""
        return BinningRules(
            max_bins=self.max_bins,
            min_bin=self.min_bin,
            monotone=self.monotone,
            cells=self.policy.cells,
        )
