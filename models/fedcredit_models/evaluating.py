"""What a party counts when a saved model is judged on its rows; nothing is trained.

One set of sums holds everything: each model's score by outcome on the fine grid; the champion's by
month, segment and group on a coarser grid; the rows of each month by the model's own cells; both
scores together on the joint grid. Sums of several parties are those of their pooled rows.
`evaluation_figures.release` turns them into figures.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models.joint_grid import JointGrid
from fedcredit_models.saved_model import SavedModel
from fedcredit_models.score_bands import FINE_UNITS, ScoreGrid
from fedcredit_models.slicing import Slicing

Sums = dict[str, NDArray[np.int64]]

COUNTS = ("bads", "goods")


@dataclass(frozen=True)
class EvaluationPlan:
    """What is counted.

    Parameters
    ----------
    champion : SavedModel
    challenger : SavedModel or None
    slicings : tuple of Slicing
        At most one of each kind, each by a column of its own: two partitions by one column could
        be subtracted.
    score_cells, slice_cells, joint_cells : int
        Cells of the score grid of all rows, of one slice, and of the joint grid; multiples of 256,
        of 128, and of 64.

    Raises
    ------
    ValueError
        For grids that do not nest, two partitions of one kind, two by one column, or a champion
        that divides one column into cells twice.
    """

    champion: SavedModel
    challenger: SavedModel | None = None
    slicings: tuple[Slicing, ...] = ()
    score_cells: int = 8192
    slice_cells: int = 1024
    joint_cells: int = 128

    def __post_init__(self) -> None:
        """Refuse what would not nest."""
        if self.score_cells % FINE_UNITS or self.slice_cells % FINE_UNITS:
            raise ValueError(f"score_cells and slice_cells must be multiples of {FINE_UNITS}")
        if self.challenger is not None:
            _ = self.joint_grid
        kinds = [slicing.by for slicing in self.slicings]
        if len(set(kinds)) != len(kinds):
            raise ValueError("one partition of each kind")
        columns = [slicing.column for slicing in self.slicings]
        if len(set(columns)) != len(columns):
            raise ValueError("partitions: a column can be in one of them only")
        read = [feature.name for feature in self.champion.features]
        if len(set(read)) != len(read):
            raise ValueError("champion: a column has one division into cells, not two")

    @property
    def score_grid(self) -> ScoreGrid:
        """Grid of all rows' scores."""
        return ScoreGrid(cells=self.score_cells)

    @property
    def slice_grid(self) -> ScoreGrid:
        """Grid of one slice's scores."""
        return ScoreGrid(cells=self.slice_cells)

    @property
    def joint_grid(self) -> JointGrid:
        """Grid of both scores."""
        return JointGrid(self.score_grid, cells=self.joint_cells)

    @property
    def models(self) -> dict[str, SavedModel]:
        """Role -> model."""
        found = {"champion": self.champion}
        return found if self.challenger is None else {**found, "challenger": self.challenger}

    def slicing(self, by: str) -> Slicing | None:
        """Return the partition of a kind, where there is one."""
        return next((slicing for slicing in self.slicings if slicing.by == by), None)

    def counts(self) -> dict[str, int]:
        """Return field -> length; every field is a row of whole numbers."""
        found = {f"{role}.{name}": self.score_cells for role in self.models for name in COUNTS}
        for slicing in self.slicings:
            found |= {f"{slicing.by}.{name}": slicing.n * self.slice_cells for name in COUNTS}
        period = self.slicing("period")
        if period is not None:
            found |= {
                f"cells.{j}": period.n * cells.n for j, cells in enumerate(self.champion.cells)
            }
        if self.challenger is not None:
            found |= {f"joint.{name}": self.joint_cells**2 for name in COUNTS}
        return found

    def sums(self, frame: pd.DataFrame, y: NDArray[np.int64]) -> Sums:
        """Return one table's sums: the fields of `counts`.

        Parameters
        ----------
        frame : DataFrame
            The evaluated rows.
        y : ndarray of shape (n_rows,)
            1 = bad.

        Raises
        ------
        SchemaError
            When a column is missing or of another type.

        Disclosure
        ----------
        Nothing by itself: the sums are masked and encrypted before they leave a party.
        """
        return self.sums_of({role: m.scores(frame) for role, m in self.models.items()}, frame, y)

    def sums_of(
        self, eta: dict[str, NDArray[np.float64]], frame: pd.DataFrame, y: NDArray[np.int64]
    ) -> Sums:
        """Return the sums of rows whose scores are known; see `sums`."""
        found: Sums = {}
        for role, scores in eta.items():
            cell, is_bad = self.score_grid.cell_of(scores), np.asarray(y) == 1
            found[f"{role}.bads"] = _counted(cell[is_bad], self.score_cells)
            found[f"{role}.goods"] = _counted(cell[~is_bad], self.score_cells)
        for slicing in self.slicings:
            found |= self._sliced(slicing, slicing.slice_of(frame), eta["champion"], y)
        period = self.slicing("period")
        if period is not None:
            slice_ = period.slice_of(frame)
            for j, cells in enumerate(self.champion.cells):
                place = slice_ * cells.n + cells.cell_of(frame[cells.feature.name])
                found[f"cells.{j}"] = _counted(place, period.n * cells.n)
        if self.challenger is not None:
            joint = self.joint_grid.histogram(eta["champion"], eta["challenger"], y)
            found |= {f"joint.{name}": joint[name] for name in COUNTS}
        return found

    def _sliced(
        self,
        slicing: Slicing,
        slice_: NDArray[np.int64],
        eta: NDArray[np.float64],
        y: NDArray[np.int64],
    ) -> Sums:
        is_bad = np.asarray(y) == 1
        place = slice_ * self.slice_cells + self.slice_grid.cell_of(eta)
        size = slicing.n * self.slice_cells
        return {
            f"{slicing.by}.bads": _counted(place[is_bad], size),
            f"{slicing.by}.goods": _counted(place[~is_bad], size),
        }


def _counted(place: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    return np.bincount(place, minlength=size).astype(np.int64)
