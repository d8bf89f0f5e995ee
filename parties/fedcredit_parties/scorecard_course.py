"""The public course of a scorecard run: edges, bins, coefficients, figures."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.binning import BinTable, RawCells
from fedcredit_models.cell_rules import CellRules
from fedcredit_models.dropped import REASONS
from fedcredit_models.metrics import ScoreGrid
from fedcredit_parties import fixed_bins_phase, metrics_phase, newton_phase, quantile_phase
from fedcredit_parties.course import Course, count_field
from fedcredit_parties.errors import MalformedMessageError
from fedcredit_parties.masks import Field
from fedcredit_parties.release_form import are_bins, is_count, is_point, is_word
from fedcredit_parties.scorecard_task import COEFFICIENT_BITS, ScorecardTask


class ScorecardCourse(Course[ScorecardTask]):
    """What a scorecard run has released.

    Attributes
    ----------
    dropped : dict of int to str
        Position of a feature without two bins, and the word that says why.
    point : tuple of int
        Intercept and one coefficient per feature of the task, in units of 2**-40.
    """

    def __init__(self, task: ScorecardTask) -> None:
        super().__init__(task)
        self.grids = quantile_phase.grids_of(task.features, task.grid_cells)
        self.score_grid = ScoreGrid(cells=task.score_cells)
        self.raw: tuple[RawCells, ...] = ()
        self.tables: tuple[BinTable | None, ...] = ()
        self.dropped: dict[int, str] = {}
        self.point: tuple[int, ...] = (0,) * (len(task.features) + 1)
        self.standard_errors: tuple[int, ...] = ()

    @property
    def kept(self) -> tuple[int, ...]:
        """Positions of the features that have at least two bins."""
        return tuple(i for i, table in enumerate(self.tables) if table is not None)

    @property
    def coefficients(self) -> NDArray[np.float64]:
        """Intercept and kept coefficients as floats, shape (1 + n_kept,)."""
        positions = [0, *(i + 1 for i in self.kept)]
        point = np.array([self.point[i] for i in positions], dtype=np.float64)
        return np.ldexp(point, -COEFFICIENT_BITS)

    def fields(self) -> tuple[Field, ...]:
        """Return the fields of the next sum."""
        if self.phase == "quantiles":
            return quantile_phase.fields(self.grids)
        if self.phase == "bins":
            return tuple(
                count_field(f"{kind}.{i}", raw.n)
                for i, raw in enumerate(self.raw)
                for kind in ("bads", "goods")
            )
        if self.phase == "newton":
            return self._newton_fields()
        return metrics_phase.fields(self, self.score_grid)

    def _newton_fields(self) -> tuple[Field, ...]:
        tables = (self._table(i) for i in self.kept)
        largest = [1.0, *(float(np.abs(table.woe).max()) for table in tables)]
        return newton_phase.fields(self.real, self.coefficients, largest, self.n_train)

    def _table(self, i: int) -> BinTable:
        table = self.tables[i]
        if table is None:
            raise MalformedMessageError("a dropped feature has no bins")
        return table

    def is_form(self, values: Mapping[str, Any], outcome: str) -> bool:
        """Tell whether these are values of the phase that comes next."""
        n_features = len(self.task.features)
        if self.phase == "quantiles":
            return set(values) == {"edges", "n_clipped"} and quantile_phase.is_form(
                values["edges"], self.grids, n_features
            )
        if self.phase == "bins":
            return (
                set(values) == {"n", "features", "n_clipped"}
                and is_count(values["n"])
                and values["n"] > 0
                and self._are_bins(values["features"])
            )
        if self.phase == "newton":
            return _newton(values, n_features + 1, outcome)
        return metrics_phase.is_form(values, self.task.samples)

    def _are_bins(self, value: object) -> bool:
        """Tell whether these are bins of every feature, where they were fixed the fixed ones."""
        if not isinstance(value, list) or len(value) != len(self.raw):
            return False
        fixed = self.task.fixed
        for raw, feature in zip(self.raw, value, strict=True):
            if not _bins(feature, raw.n, self.task.policy.cells):
                return False
            bins = fixed.get(raw.feature.name)
            if bins and "dropped" not in feature and bins.assignment != (*feature["assignment"],):
                return False
        return True

    def take(self, values: Mapping[str, Any], outcome: str) -> None:
        """Take in the values of the phase that comes next."""
        if self.phase == "quantiles":
            cells = quantile_phase.raw_cells(self.task.features, self.grids, values["edges"])
            self.raw = fixed_bins_phase.raw_cells(cells, self.task.fixed)
        elif self.phase == "bins":
            self.n_train = values["n"]
            self.dropped = {
                i: f["dropped"] for i, f in enumerate(values["features"]) if "dropped" in f
            }
            self.tables = tuple(
                BinTable(raw, tuple(f["assignment"]), tuple(f["bads"]), tuple(f["goods"]))
                if len(f["bads"]) > 1
                else None
                for raw, f in zip(self.raw, values["features"], strict=True)
            )
        elif self.phase == "newton":
            self.point = tuple(values["point"])
            self.standard_errors = tuple(values.get("standard_errors", ()))
        else:
            self.metrics = values["samples"]


def _bins(value: object, n: int, rules: CellRules) -> bool:
    """Tell whether it is one feature's bins; one with a single bin says why it is dropped."""
    if not isinstance(value, dict) or set(value) - {"dropped"} != {"assignment", "bads", "goods"}:
        return False
    return (
        are_bins(value["assignment"], value["bads"], value["goods"], n, rules)
        and ("dropped" in value) == (len(value["bads"]) == 1)
        and is_word(value.get("dropped", "few"), REASONS)
    )


def _newton(values: Mapping[str, Any], length: int, outcome: str) -> bool:
    names = {"point", "log_loss_nano", "step_nano", "n_clipped"}
    if outcome == "converged":
        names.add("standard_errors")
    return (
        set(values) == names
        and is_point(values["point"], length)
        and is_point([values["log_loss_nano"], values["step_nano"]], 2)
        and is_point(values.get("standard_errors", [0] * length), length)
    )
