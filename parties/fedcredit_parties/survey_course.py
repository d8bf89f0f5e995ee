"""The public course of a survey: columns, statistics, bins, tables, selection."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.binning import BinTable, RawCells
from fedcredit_models.distribution import SPREADS, Distribution
from fedcredit_models.feature import Feature
from fedcredit_models.fixed_point import MAGNITUDE_BITS
from fedcredit_models.moments import LOW_BITS, field_lengths
from fedcredit_parties import fixed_bins_phase, newton_phase, quantile_phase, survey_form
from fedcredit_parties.course import Course, count_field
from fedcredit_parties.masks import MAX_PARTIES, Field
from fedcredit_parties.scorecard_task import COEFFICIENT_BITS
from fedcredit_parties.survey_task import SurveyTask

MICRO = 1_000_000
"""Released test statistics are integers in units of 1e-6."""


class SurveyCourse(Course[SurveyTask]):
    """What a survey has released.

    Attributes
    ----------
    columns : tuple of Distribution
        What is told of each feature without the outcome.
    raw : tuple of RawCells
        Cells between the quantile edges, or those that the modeller fixed.
    tables, fine : tuple of BinTable or None
        Coarse and fine bins; None for a feature without two bins, and for fine bins of fixed ones.
    dropped : dict of int to str
        Position of a feature without two bins, and the word that says why.
    statistics : dict
        Means, deviations, correlations and the exponent of their bound, as they were released.
    released_tables : dict
        Distributions over periods, vintages and cross-tables, as they were released.
    point : tuple of int
        Intercept and one coefficient per feature of the task, in units of 2**-40.
    active, barred : tuple of int
        Features in the selected model in the order of their entering, and those that left, counted
        from 1 among the kept ones.
    steps : list of dict
        Every decision of the selection, as it was released.
    """

    def __init__(self, task: SurveyTask) -> None:
        super().__init__(task)
        self.grids = quantile_phase.grids_of(task.features, task.grid_cells)
        self.columns: tuple[Distribution, ...] = ()
        self.raw: tuple[RawCells, ...] = ()
        self.tables: tuple[BinTable | None, ...] = ()
        self.fine: tuple[BinTable | None, ...] = ()
        self.dropped: dict[int, str] = {}
        self.statistics: dict[str, Any] = {}
        self.released_tables: dict[str, Any] = {}
        self.point: tuple[int, ...] = (0,) * (len(task.features) + 1)
        self.active: tuple[int, ...] = ()
        self.barred: tuple[int, ...] = ()
        self.steps: list[dict[str, Any]] = []

    @property
    def measured(self) -> tuple[int, ...]:
        """Positions of the features with means and correlations, in order."""
        if not self.task.moments:
            return ()
        return tuple(i for i in self.grids if self.columns[i].has_moments)

    @property
    def measured_features(self) -> tuple[Feature, ...]:
        """The same features."""
        return tuple(self.task.features[i] for i in self.measured)

    @property
    def kept(self) -> tuple[int, ...]:
        """Positions of the features that have at least two bins."""
        return tuple(i for i, table in enumerate(self.tables) if table is not None)

    def kept_tables(self) -> list[tuple[int, BinTable]]:
        """Return position and bins of every kept feature."""
        return [(i, table) for i, table in enumerate(self.tables) if table is not None]

    def table_named(self, name: str) -> BinTable | None:
        """Return the bins of a feature by its name; None when it has none."""
        names = [feature.name for feature in self.task.features]
        return self.tables[names.index(name)]

    @property
    def coefficients(self) -> NDArray[np.float64]:
        """Intercept and kept coefficients as floats, shape (1 + n_kept,)."""
        positions = [0, *(i + 1 for i in self.kept)]
        point = np.array([self.point[i] for i in positions], dtype=np.float64)
        return np.ldexp(point, -COEFFICIENT_BITS)

    def fields(self) -> tuple[Field, ...]:
        """Return the fields of the next sum."""
        if self.phase == "quantiles":
            levels = (
                count_field(f"levels.{i}", RawCells(feature).n)
                for i, feature in enumerate(self.task.features)
                if feature.kind == "categorical"
            )
            return (*quantile_phase.fields(self.grids), *levels)
        if self.phase == "statistics":
            counts = (
                count_field(f"{kind}.{i}", raw.n)
                for i, raw in enumerate(self.raw)
                for kind in ("bads", "goods")
            )
            return (*counts, *self._moment_fields())
        if self.phase == "tables":
            return self._table_fields()
        return self._step_fields()

    def _moment_fields(self) -> tuple[Field, ...]:
        """Lay out the sums of whole units; bounds follow from rows and units, nothing local."""
        p, n = len(self.measured), max(self.n_train, 1)
        if p == 0:
            return ()
        high = (n << (2 * MAGNITUDE_BITS - LOW_BITS)) + MAX_PARTIES
        bounds = {
            "count": n,
            "total": n << MAGNITUDE_BITS,
            "square.high": high,
            "square.low": MAX_PARTIES << LOW_BITS,
            "product.high": high,
            "product.low": MAX_PARTIES << LOW_BITS,
        }
        return tuple(
            Field(name, length, scale_bits=0, limbs=2, bound=bounds[name])
            for name, length in field_lengths(p).items()
            if length
        )

    def _table_fields(self) -> tuple[Field, ...]:
        found: list[Field] = []
        periods, tables = self.task.periods, self.kept_tables()
        if periods is not None:
            found += [
                count_field(f"periods.{i}", table.n_bins * (periods.n + 1)) for i, table in tables
            ]
            if self.task.ages:
                cells = (periods.n + 1) * (1 + len(self.task.ages))
                found += [count_field(f"vintage.{kind}", cells) for kind in ("n", "bads")]
        for k, (row, column) in enumerate(self.task.pairs):
            first, second = self.table_named(row), self.table_named(column)
            if first is not None and second is not None:
                cells = first.n_bins * second.n_bins
                found += [count_field(f"pair.{k}.{kind}", cells) for kind in ("n", "bads")]
        return tuple(found)

    def _step_fields(self) -> tuple[Field, ...]:
        largest = [1.0, *(float(np.abs(table.woe).max()) for _, table in self.kept_tables())]
        return newton_phase.fields(self.real, self.coefficients, largest, self.n_train)

    def is_form(self, values: Mapping[str, Any], outcome: str) -> bool:
        """Tell whether these are values of the phase that comes next."""
        return survey_form.FORMS[str(self.phase)](self, values, outcome)

    def take(self, values: Mapping[str, Any], outcome: str) -> None:
        """Take in the values of the phase that comes next."""
        if self.phase == "quantiles":
            self.n_train = values["n"]
            self.columns = tuple(
                Distribution(
                    column["present"],
                    tuple(column["tail"]),
                    SPREADS[column["spread"]],
                    tuple(column["quantiles"]),
                )
                for column in values["columns"]
            )
            cells = quantile_phase.raw_cells(self.task.features, self.grids, values["edges"])
            self.raw = fixed_bins_phase.raw_cells(cells, self.task.fixed)
        elif self.phase == "statistics":
            self._take_statistics(values)
        elif self.phase == "tables":
            self.released_tables = {name: values[name] for name in ("periods", "vintage", "pairs")}
        else:
            self._take_step(values)

    def _take_statistics(self, values: Mapping[str, Any]) -> None:
        self.statistics = dict(values["statistics"])
        features = values["features"]
        self.dropped = {i: f["dropped"] for i, f in enumerate(features) if "dropped" in f}
        self.tables = tuple(
            BinTable(raw, tuple(f["assignment"]), tuple(f["bads"]), tuple(f["goods"]))
            if len(f["bads"]) > 1
            else None
            for raw, f in zip(self.raw, features, strict=True)
        )
        self.fine = tuple(
            BinTable(raw, *(tuple(f["fine"][key]) for key in ("assignment", "bads", "goods")))
            if "fine" in f
            else None
            for raw, f in zip(self.raw, features, strict=True)
        )

    def _take_step(self, values: Mapping[str, Any]) -> None:
        self.point = tuple(values["point"])
        column = values["column"]
        if values["move"] == "enter":
            self.active = (*self.active, column)
        elif values["move"] == "leave":
            self.active = tuple(c for c in self.active if c != column)
            self.barred = (*self.barred, column)
        self.steps.append(dict(values))
