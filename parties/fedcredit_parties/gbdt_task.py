"""The task of boosted trees: cells from sums, then one sum for every level of every tree."""

import math
from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from fedcredit_models.boosting import BoostingRules
from fedcredit_models.tree_growth import GrowthRules
from fedcredit_parties.task import Task


class GbdtTask(Task):
    """Boosted trees over every party's rows; settings as in ``fedcredit_models.Gbdt``."""

    FOLLOWS: ClassVar[Mapping[tuple[str, str], str]] = {
        ("quantiles", "continue"): "start",
        ("start", "continue"): "trees",
        ("trees", "continue"): "trees",
        ("trees", "done"): "metrics",
        ("metrics", "done"): "",
    }

    kind: Literal["gbdt"] = "gbdt"
    n_trees: int = Field(default=100, ge=1, le=2000)
    max_depth: int = Field(default=5, ge=1, le=8)
    learning_rate: float = Field(default=0.1, ge=1e-4, le=1.0)
    l2: float = Field(default=1.0, ge=0.0, le=1e6)
    min_rows: int = Field(default=20, ge=1, le=10_000_000)
    min_gain: float = Field(default=0.0, ge=0.0, le=1e9)
    bins: int = Field(default=32, ge=2, le=255)
    monotone: dict[str, Literal[-1, 1]] = Field(default_factory=dict)
    bad_weight: float | Literal["balanced"] = 1.0
    patience: int = Field(default=0, ge=0, le=2000)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        numbers = (self.learning_rate, self.l2, self.min_gain)
        if not all(math.isfinite(x) for x in numbers):
            raise ValueError("learning_rate, l2, min_gain: must be finite")
        if isinstance(self.bad_weight, float) and not 1e-3 <= self.bad_weight <= 1e3:
            raise ValueError("bad_weight: must be 0.001 to 1000")
        if self.min_rows < self.policy.min_subjects:
            raise ValueError("min_rows: must be at least the policy's min_subjects")
        if not set(self.monotone) <= {feature.name for feature in self.features}:
            raise ValueError("monotone: names features of the task")
        if self.patience and "holdout" not in self.samples:
            raise ValueError("patience: needs a hold-out")
        return self

    @property
    def most_rounds(self) -> int:
        """One round for each level, one that judges the last tree, and one for each other phase.

        That may be thousands (2 000 trees of depth 8: 16 004); a grant's ``max_rounds`` bounds it.
        """
        return self.n_trees * self.max_depth + 4

    def rules(self, features: tuple[int, ...], n_bads: int, n_goods: int) -> BoostingRules:
        """Return the rules of a run that keeps these features, the policy's cell rules included.

        Parameters
        ----------
        features : tuple of int
            Places of the features that are kept.
        n_bads, n_goods : int
            Training rows of either kind.
        """
        weight = self.bad_weight
        return BoostingRules(
            growth=GrowthRules(
                l2=self.l2,
                min_rows=self.min_rows,
                min_bads=self.policy.min_bads,
                min_goods=self.policy.min_goods,
                min_gain=self.min_gain,
                learning_rate=self.learning_rate,
                monotone=tuple(self.monotone.get(self.features[i].name, 0) for i in features),
                rounding=self.policy.min_subjects,
            ),
            max_depth=self.max_depth,
            max_trees=self.n_trees,
            bad_weight=n_goods / n_bads if isinstance(weight, str) else weight,
            patience=self.patience,
        )
