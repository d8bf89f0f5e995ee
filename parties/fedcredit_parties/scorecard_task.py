"""The task of a scorecard: bins from sums, then Newton's method on weights of evidence."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from fedcredit_models.binning import BinningRules
from fedcredit_models.fixed_bins import FixedBins
from fedcredit_models.logistic import NewtonRules
from fedcredit_parties.fixed_bins_phase import check_fit
from fedcredit_parties.task import Task

COEFFICIENT_BITS = 40
"""Released coefficients are integers in units of 2**-40."""

COEFFICIENT_LIMIT = 20.0
"""Beyond this a coefficient on weight-of-evidence inputs is not a scorecard but a probe."""


class ScorecardTask(Task):
    """A horizontal scorecard over every party's rows.

    Parameters
    ----------
    bins : tuple of FixedBins
        Bins that the modeller fixed; those of other features follow from the rules.
    """

    FOLLOWS: ClassVar[Mapping[tuple[str, str], str]] = {
        ("quantiles", "continue"): "bins",
        ("bins", "continue"): "newton",
        ("newton", "continue"): "newton",
        ("newton", "converged"): "metrics",
        ("metrics", "done"): "",
    }

    kind: Literal["scorecard"] = "scorecard"
    fine_bins: int = Field(default=20, ge=2, le=100)
    max_bins: int = Field(default=8, ge=2, le=100)
    min_bin: float = Field(default=0.05, ge=0.0, lt=0.5)
    monotone: bool = True
    signs: bool = True
    l2: float = Field(default=1.0, ge=0.0)
    tolerance: float = Field(default=1e-9, gt=0.0, le=1e-3)
    max_rounds: int = Field(default=25, ge=1, le=100)
    bins: tuple[FixedBins, ...] = Field(default=(), max_length=500, strict=False)

    @model_validator(mode="after")
    def _finite(self) -> Self:
        check_fit(self.bins, self.features)
        if not all(math.isfinite(x) for x in (self.l2, self.tolerance)):
            raise ValueError("l2, tolerance: must be finite")
        return self

    @property
    def most_rounds(self) -> int:
        """Most Newton steps, and one round for each other phase."""
        return self.max_rounds + 3

    def start(self) -> Any:
        """Return Newton's start: zero."""
        return [0] * (len(self.features) + 1)

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

    @property
    def newton(self) -> NewtonRules:
        """Rules of Newton's method."""
        return NewtonRules(
            l2=self.l2, signs=self.signs, tolerance=self.tolerance, max_rounds=self.max_rounds
        )
