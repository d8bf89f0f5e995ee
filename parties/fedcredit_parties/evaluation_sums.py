"""What one party adds to an evaluation's sums: its rows, scored by the task's models, counted."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models.errors import SchemaError
from fedcredit_models.saved_model import ETA_LIMIT, SavedModel
from fedcredit_parties.data import as_data_error
from fedcredit_parties.errors import SteepModelError
from fedcredit_parties.evaluation_course import EvaluationCourse
from fedcredit_parties.evaluation_task import EvaluationTask
from fedcredit_parties.procedure import Addend
from fedcredit_parties.rows import Rows


class EvaluationSums:
    """One party's side of an evaluation.

    Parameters
    ----------
    rows : Rows
        The party's rows.
    task : EvaluationTask
        The models and the slices.
    """

    def __init__(self, rows: Rows, task: EvaluationTask) -> None:
        self._rows = rows
        self._task = task

    def addend(self, course: EvaluationCourse) -> Addend:
        """Return this party's histograms.

        Raises
        ------
        SteepModelError
            When a model is too steep for a model: it could be made to single out rows.
        DataError
            When a model, or a slice, reads a column in another way than the table holds it.

        Disclosure
        ----------
        Nothing: the caller masks and encrypts before anything is sent.
        """
        wanted = self._task.rows
        sample = self._rows.sample
        chosen = sample != "" if wanted == "all" else sample == wanted
        frame = self._rows.frame[chosen]
        plan = self._task.plan
        try:
            eta = {role: _scored(model, frame) for role, model in plan.models.items()}
            return {**plan.sums_of(eta, frame, self._rows.y[chosen])}
        except SchemaError as error:
            raise as_data_error(error, party="") from None


def _scored(model: SavedModel, frame: pd.DataFrame) -> NDArray[np.float64]:
    eta = model.scores(frame)
    if model.is_probe(eta):
        raise SteepModelError(
            "the model is too steep to be evaluated on rows: it could single some out",
            expected=f"log odds within {ETA_LIMIT:g} of zero; a scorecard's coefficients within 20",
            found="larger ones",
            remedy="give the model that was fitted, not one that was edited",
        )
    return eta
