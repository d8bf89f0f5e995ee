"""The public course of an evaluation: one sum, and the figures that were released of it."""

from collections.abc import Mapping
from typing import Any

from fedcredit_parties.course import NANO, Course, count_field
from fedcredit_parties.evaluation_form import is_figures
from fedcredit_parties.evaluation_task import EvaluationTask
from fedcredit_parties.masks import Field
from fedcredit_parties.release_form import COUNT_BOUND


class EvaluationCourse(Course[EvaluationTask]):
    """What an evaluation has released.

    Attributes
    ----------
    figures : dict
        As ``fedcredit_models.evaluation_figures.release`` returns them; empty before.
    """

    def __init__(self, task: EvaluationTask) -> None:
        super().__init__(task)
        self.figures: dict[str, Any] = {}

    def fields(self) -> tuple[Field, ...]:
        """Return the fields of the sum: whole numbers, then sums of probabilities."""
        plan = self.task.plan
        counts = [count_field(name, length) for name, length in plan.counts().items()]
        return (
            *counts,
            *(self._probabilities(name, n) for name, n in plan.probabilities().items()),
        )

    def _probabilities(self, name: str, length: int) -> Field:
        """Lay out sums of probabilities; only the largest possible number of rows bounds them."""
        return self.real(name, length, COUNT_BOUND - 1)

    def brier_bound(self, n: int) -> float:
        """Return how far a Brier score of `n` rows may lie from that of the rows themselves."""
        unit = 2.0 ** -self._probabilities("sum_p2", 1).scale_bits
        return 3 * len(self.task.parties) * unit / 2 / n + 0.5 / NANO

    def is_form(self, values: Mapping[str, Any], outcome: str) -> bool:
        """Tell whether these are the figures of this task."""
        figures = values.get("figures")
        return (
            set(values) == {"figures", "n_clipped"}
            and isinstance(figures, dict)
            and is_figures(figures, self.task.plan)
        )

    def take(self, values: Mapping[str, Any], outcome: str) -> None:
        """Take in the figures."""
        self.figures = dict(values["figures"])
