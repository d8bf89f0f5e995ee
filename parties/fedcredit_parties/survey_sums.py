"""What one party adds to a survey's sums, at what was released and nowhere else."""

import numpy as np
from numpy.typing import NDArray

from fedcredit_models import binning, crosstab, stability, vintage
from fedcredit_models.cells import RawCells
from fedcredit_models.errors import SchemaError
from fedcredit_models.moments import moment_sums
from fedcredit_parties import newton_phase, quantile_phase
from fedcredit_parties.data import as_data_error
from fedcredit_parties.procedure import Addend
from fedcredit_parties.rows import Rows
from fedcredit_parties.survey_course import SurveyCourse
from fedcredit_parties.survey_task import SurveyTask


class SurveySums:
    """One party's side of a survey.

    Parameters
    ----------
    rows : Rows
        The party's rows; a survey counts the training rows.
    task : SurveyTask
        What is computed.
    """

    def __init__(self, rows: Rows, task: SurveyTask) -> None:
        self._frame = rows.frame[rows.train]
        self._y = rows.y[rows.train]
        self._task = task
        self._woe: NDArray[np.float64] | None = None

    def addend(self, course: SurveyCourse) -> Addend:
        """Return this party's addend for the next phase, one array per field of the tensor.

        Raises
        ------
        DataError
            When a time, or how long a loan was watched, cannot be read.
        SteepModelError
            When the released model would single out rows.

        Disclosure
        ----------
        Nothing: the caller masks and encrypts before anything is sent.
        """
        if course.phase == "quantiles":
            return self._quantiles(course)
        if course.phase == "statistics":
            return self._statistics(course)
        if course.phase == "tables":
            try:
                return self._tables(course)
            except SchemaError as error:
                raise as_data_error(error, party="") from None
        return {**newton_phase.addend(self._weights(course), self._y, course.coefficients)}

    def _quantiles(self, course: SurveyCourse) -> Addend:
        found: Addend = {**quantile_phase.addend(course.grids, self._frame)}
        for i, feature in enumerate(self._task.features):
            if feature.kind == "categorical":
                raw = RawCells(feature)
                cells = raw.cell_of(self._frame[feature.name])
                found[f"levels.{i}"] = np.bincount(cells, minlength=raw.n).astype(np.int64)
        return found

    def _statistics(self, course: SurveyCourse) -> Addend:
        found: Addend = {}
        for i, raw in enumerate(course.raw):
            series = self._frame[raw.feature.name]
            found[f"bads.{i}"], found[f"goods.{i}"] = binning.count(raw, series, self._y)
        if course.measured:
            sums = moment_sums(self._frame, course.measured_features).fields()
            found |= {name: values for name, values in sums.items() if len(values)}
        return found

    def _tables(self, course: SurveyCourse) -> Addend:
        found: Addend = {}
        bins = {
            table.raw.feature.name: table.bin_of(self._frame[table.raw.feature.name])
            for _, table in course.kept_tables()
        }
        periods = self._task.periods
        if periods is not None and self._task.time_column is not None:
            when = periods.of(self._frame[self._task.time_column])
            for i, table in course.kept_tables():
                counted = stability.counts(
                    bins[table.raw.feature.name], when, n_bins=table.n_bins, n_periods=periods.n
                )
                found[f"periods.{i}"] = counted.ravel()
            if self._task.ages and self._task.months_column is not None:
                n, bads = vintage.counts(
                    when,
                    self._frame[self._task.months_column],
                    self._y,
                    n_vintages=periods.n,
                    ages=self._task.ages,
                )
                found["vintage.n"], found["vintage.bads"] = n.ravel(), bads.ravel()
        for k, (row, column) in enumerate(self._task.pairs):
            first, second = course.table_named(row), course.table_named(column)
            if first is not None and second is not None:
                n, bads = crosstab.counts(
                    bins[row], bins[column], self._y, shape=(first.n_bins, second.n_bins)
                )
                found[f"pair.{k}.n"], found[f"pair.{k}.bads"] = n.ravel(), bads.ravel()
        return found

    def _weights(self, course: SurveyCourse) -> NDArray[np.float64]:
        """Return the weights of evidence of the rows, shape (n_rows, n_kept)."""
        if self._woe is None:
            columns = [
                table.transform(self._frame[table.raw.feature.name])
                for _, table in course.kept_tables()
            ]
            self._woe = np.column_stack(columns) if columns else np.empty((len(self._y), 0))
        return self._woe
