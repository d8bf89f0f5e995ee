"""The phase in which edges are read from summed grid histograms; shared by the kinds of runs.

Opened: a fine histogram of each number. Released: cell numbers of the declared grid.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models.cells import RawCells
from fedcredit_models.feature import Feature
from fedcredit_models.grid import Grid, quantiles
from fedcredit_parties.course import count_field
from fedcredit_parties.masks import Field

Grids = Mapping[int, Grid]
"""Position of a numeric feature -> its grid."""


def grids_of(features: Sequence[Feature], cells: int) -> dict[int, Grid]:
    """Return the grid of every numeric feature, by its position."""
    return {
        i: Grid(feature, cells=cells)
        for i, feature in enumerate(features)
        if feature.kind == "numeric"
    }


def fields(grids: Grids) -> tuple[Field, ...]:
    """Lay out the sum."""
    return tuple(count_field(f"grid.{i}", grid.n_cells) for i, grid in grids.items())


def addend(grids: Grids, frame: pd.DataFrame) -> dict[str, NDArray[np.int64]]:
    """Return one party's counts, of its training rows."""
    return {f"grid.{i}": grid.histogram(frame[grid.feature.name]) for i, grid in grids.items()}


def release(
    grids: Grids,
    n_features: int,
    sums: Mapping[str, NDArray[np.float64]],
    n_groups: int,
    least: int,
) -> list[list[int]]:
    """Return the cells whose upper values are the edges of at most `n_groups` quantile groups.

    Disclosure
    ----------
    The cells are released. No group is meant to hold fewer than `least` rows, the policy's smallest
    number of subjects: a column with fewer than two such groups has no edges.
    """
    edges: list[list[int]] = [[] for _ in range(n_features)]
    for i, grid in grids.items():
        counts = [int(n) for n in sums[f"grid.{i}"]]
        edges[i] = [int(cell) for cell in quantiles(grid, counts, n_groups, least)]
    return edges


def is_form(value: object, grids: Grids, n_features: int) -> bool:
    """Tell whether it is a list of cells for every feature, in order and within its grid."""
    if not isinstance(value, list) or len(value) != n_features:
        return False
    n_cells = {i: len(grid.upper) for i, grid in grids.items()}
    return all(
        isinstance(cells, list)
        and all(type(cell) is int and 0 <= cell < n_cells.get(i, 0) for cell in cells)
        and cells == sorted(set(cells))
        for i, cells in enumerate(value)
    )


def raw_cells(
    features: Sequence[Feature], grids: Grids, edges: Sequence[Sequence[int]]
) -> tuple[RawCells, ...]:
    """Return each feature's cells between released edges."""
    return tuple(
        RawCells(feature, tuple(float(grids[i].upper[cell]) for cell in cells) if cells else ())
        for i, (feature, cells) in enumerate(zip(features, edges, strict=True))
    )
