"""The public course of a network: figures of its inputs, weights round by round, calibration."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.metrics import ScoreGrid
from fedcredit_models.network import WEIGHT_BITS, WEIGHT_LIMIT, Integers, as_floats
from fedcredit_models.network_inputs import MOMENT_STEP, MOMENT_UNITS, CodedRows, Standard
from fedcredit_models.network_rounds import Rounds, Totals
from fedcredit_parties import metrics_phase, quantile_phase
from fedcredit_parties.course import Course, count_field
from fedcredit_parties.errors import MalformedMessageError
from fedcredit_parties.masks import Field
from fedcredit_parties.network_task import NetworkTask
from fedcredit_parties.release_form import is_count, is_point, is_whole

TOTALS = ("n", "bads", "held_n", "held_bads", "n_parties")
"""Released row totals of the whole roster, and how many of its parties train."""


class NetworkCourse(Course[NetworkTask]):
    """What a network's run has released.

    Attributes
    ----------
    standards : tuple of Standard or None
        One for each feature; None for a category.
    n_parties : int
        Parties that train; the others' rows are in every other sum.
    calibration : tuple of int
        Intercept and slope, in units of 2**-40.
    calibrated_on : str
        The sample that they were found on.
    """

    def __init__(self, task: NetworkTask) -> None:
        super().__init__(task)
        self.grids = quantile_phase.grids_of(task.features, task.grid_cells)
        self.score_grid = ScoreGrid(cells=task.score_cells)
        self.standards: tuple[Standard | None, ...] = ()
        self.n_parties = 0
        self.calibration: tuple[int, int] = (0, 1 << WEIGHT_BITS)
        self.calibrated_on = ""
        self._rounds: Rounds | None = None

    @property
    def rounds(self) -> Rounds:
        """The rounds of averaging; they begin when the row totals are released.

        Raises
        ------
        MalformedMessageError
            Before that.
        """
        if self._rounds is None:
            raise MalformedMessageError("the row totals are not released yet")
        return self._rounds

    @property
    def weights(self) -> Integers:
        """The weights that the run ends with, in units of 2**-40."""
        return self.rounds.best

    def log_odds(self, rows: CodedRows) -> NDArray[np.float64]:
        """Return the network's log odds of bad, before calibration."""
        return self.task.architecture.log_odds(as_floats(self.weights), rows)

    def calibrated(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated log odds."""
        intercept, slope = (float(np.ldexp(x, -WEIGHT_BITS)) for x in self.calibration)
        return intercept + slope * eta

    @property
    def calibrating(self) -> tuple[str, ...]:
        """Samples whose scores are counted for the calibration; the first that passes is used."""
        return ("holdout", "train") if "holdout" in self.task.samples else ("train",)

    def fields(self) -> tuple[Field, ...]:
        """Return the fields of the next sum."""
        if self.phase == "quantiles":
            totals = (count_field(name, 1) for name in TOTALS[1:])
            return (*quantile_phase.fields(self.grids), *totals)
        if self.phase == "train":
            return self._train_fields()
        if self.phase == "calibrate":
            return tuple(
                count_field(f"{kind}.{sample}", self.score_grid.cells)
                for sample in self.calibrating
                for kind in ("bads", "goods")
            )
        return metrics_phase.fields(self, self.score_grid)

    def _train_fields(self) -> tuple[Field, ...]:
        """Numbers of the update lie several in a slot (`network_updates`); bounds are released."""
        course = self.rounds
        packing, totals = course.packing, course.totals
        update = Field("update", packing.n_slots, scale_bits=0, limbs=1, bound=packing.slot_bound)
        found = [
            update,
            count_field("cut", 1),
            count_field("trained", 1),
            self.real("loss", 1, totals.n * course.largest_loss),
        ]
        if totals.held_n:
            found.append(self.real("held_loss", 1, totals.held_n * course.largest_loss))
        return tuple(found)

    def is_form(self, values: Mapping[str, Any], outcome: str) -> bool:
        """Tell whether these are values of the phase that comes next."""
        if self.phase == "quantiles":
            return self._is_start(values)
        if self.phase == "train":
            return self._is_round(values, outcome)
        if self.phase == "calibrate":
            return (
                set(values) == {"calibration", "sample", "n_clipped"}
                and is_point(values["calibration"], 2)
                and values["calibration"][1] > 0
                and values["sample"] in self.calibrating
            )
        return metrics_phase.is_form(values, self.task.samples)

    def _is_start(self, values: Mapping[str, Any]) -> bool:
        n_features, moments = len(self.task.features), values.get("moments")
        return (
            set(values) == {"edges", "moments", "n_clipped", *TOTALS}
            and quantile_phase.is_form(values["edges"], self.grids, n_features)
            and isinstance(moments, list)
            and len(moments) == n_features
            and all(_is_moment(m, i in self.grids) for i, m in enumerate(moments))
            and all(is_count(values[name]) for name in TOTALS)
            and 0 < values["bads"] < values["n"]
            and values["held_bads"] <= values["held_n"]
            and 1 <= values["n_parties"] <= len(self.task.parties)
        )

    def _is_round(self, values: Mapping[str, Any], outcome: str) -> bool:
        names = {"weights", "log_loss_nano", "step_nano", "n_cut", "n_clipped"}
        if self.rounds.totals.held_n:
            names.add("holdout_loss_nano")
        return (
            set(values) == names
            and is_point(values["weights"], self.task.architecture.n_parameters)
            and all(abs(w) <= WEIGHT_LIMIT for w in values["weights"])
            and all(is_whole(values[name]) for name in names - {"weights"})
            and (outcome == "converged") == self.rounds.is_last(values.get("holdout_loss_nano"))
        )

    def take(self, values: Mapping[str, Any], outcome: str) -> None:
        """Take in the values of the phase that comes next."""
        if self.phase == "quantiles":
            self.standards = tuple(
                Standard(
                    tuple(float(self.grids[i].upper[cell]) for cell in values["edges"][i]),
                    *values["moments"][i],
                )
                if i in self.grids
                else None
                for i in range(len(self.task.features))
            )
            self.n_parties = values["n_parties"]
            self.n_train = values["n"]
            totals = Totals(*(values[name] for name in TOTALS[:4]))
            self._rounds = Rounds(self.task.architecture, self.task.rules, totals)
        elif self.phase == "train":
            self.rounds.absorb(values)
        elif self.phase == "calibrate":
            self.calibration = (values["calibration"][0], values["calibration"][1])
            self.calibrated_on = values["sample"]
        else:
            self.metrics = values["samples"]


def _is_moment(value: object, is_numeric: bool) -> bool:
    if not is_numeric:
        return value == []
    return is_point(value, 2) and all(
        0 <= x <= MOMENT_UNITS and x % MOMENT_STEP == 0
        for x in value  # type: ignore[attr-defined]
    )
