"""What one party adds to a scorecard's sums, at the released point and nowhere else.

Pure on top of the rows: what a phase asks for is fixed here, by the installed package. The largest
thing that leaves this file is a table of integers, which the caller masks and encrypts.
"""

import numpy as np
from numpy.typing import NDArray

from fedcredit_models import binning
from fedcredit_parties import metrics_phase, newton_phase, quantile_phase
from fedcredit_parties.procedure import Addend
from fedcredit_parties.rows import Rows
from fedcredit_parties.scorecard_course import ScorecardCourse
from fedcredit_parties.scorecard_task import ScorecardTask


class ScorecardSums:
    """One party's side of a scorecard run.

    Parameters
    ----------
    rows : Rows
        The party's rows.
    task : ScorecardTask
        What is computed.
    """

    def __init__(self, rows: Rows, task: ScorecardTask) -> None:
        self._rows = rows
        self._task = task
        self._woe: NDArray[np.float64] | None = None

    def addend(self, course: ScorecardCourse) -> Addend:
        """Return this party's addend for the next phase, one array per field of the tensor.

        Raises
        ------
        SteepModelError
            When the released point would single out rows: a coefficient beyond 20, or almost no row
            carrying weight. Nothing is answered then.

        Disclosure
        ----------
        Nothing: the caller masks and encrypts before anything is sent.
        """
        rows = self._rows
        train = rows.frame[rows.train]
        y = rows.y[rows.train]
        if course.phase == "quantiles":
            return {**quantile_phase.addend(course.grids, train)}
        if course.phase == "bins":
            found: Addend = {}
            for i, raw in enumerate(course.raw):
                series = train[raw.feature.name]
                found[f"bads.{i}"], found[f"goods.{i}"] = binning.count(raw, series, y)
            return found
        if course.phase == "newton":
            return {
                **newton_phase.addend(self._weights(course)[rows.train], y, course.coefficients)
            }
        beta = course.coefficients
        newton_phase.refuse_steep(beta)
        eta = beta[0] + self._weights(course) @ beta[1:]
        return metrics_phase.addend(eta, rows.y, rows.sample, self._task, course.score_grid)

    def _weights(self, course: ScorecardCourse) -> NDArray[np.float64]:
        """Return the weights of evidence of every row, shape (n_rows, n_kept)."""
        if self._woe is None:
            columns = [
                table.transform(self._rows.frame[feature.name])
                for feature, table in zip(self._task.features, course.tables, strict=True)
                if table is not None
            ]
            self._woe = np.column_stack(columns) if columns else np.empty((len(self._rows.y), 0))
        return self._woe
