"""The public course of an evaluation: one sum, and the figures that were released of it."""

from collections.abc import Mapping
from typing import Any

from fedcredit_parties.course import Course, count_field
from fedcredit_parties.evaluation_form import is_figures
from fedcredit_parties.evaluation_task import EvaluationTask
from fedcredit_parties.masks import Field


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
        """Return the fields of the sum: rows of whole numbers."""
        return tuple(count_field(name, n) for name, n in self.task.plan.counts().items())

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
