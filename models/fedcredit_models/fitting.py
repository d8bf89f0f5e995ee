"""Fit a scorecard on one table, with the functions and in the order of a federated run.

Histograms on the declared grids, quantile edges, raw counts, merged bins, Newton's method: each of
these steps reads the rows only through the sums that parties would encrypt. One bank alone and all
rows pooled are therefore fitted by the same arithmetic as a federation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models.binning import (
    BinningRules,
    BinTable,
    RawCells,
    count,
    merge,
    totals,
)
from fedcredit_models.dropped import REASONS, told, why_dropped
from fedcredit_models.errors import NotConvergedError, SchemaError
from fedcredit_models.feature import Feature
from fedcredit_models.grid import Grid, quantiles
from fedcredit_models.logistic import NewtonRules, newton_step, newton_sums, standard_errors


@dataclass(frozen=True)
class Fitted:
    """Parts of a fitted scorecard.

    Parameters
    ----------
    tables : tuple of BinTable
        Features with at least two bins.
    dropped : dict of str to str
        The others, with the reason.
    coefficients, standard_errors : ndarray of shape (1 + n_kept,)
        Intercept first.
    n_steps : int
        Newton steps taken.
    """

    tables: tuple[BinTable, ...]
    dropped: dict[str, str]
    coefficients: NDArray[np.float64]
    standard_errors: NDArray[np.float64]
    n_steps: int


def fit(
    frame: pd.DataFrame,
    y: NDArray[np.int64],
    features: Sequence[Feature],
    *,
    grid_cells: int,
    fine_bins: int,
    binning: BinningRules,
    newton: NewtonRules,
) -> Fitted:
    """Return the scorecard of these rows.

    Parameters
    ----------
    frame : DataFrame
        A table that passed ``schema.check``.
    y : ndarray of shape (n_rows,)
        1 = bad.
    features : sequence of Feature
        Declared columns.
    grid_cells, fine_bins : int
        Cells of the quantile grid, quantile groups.
    binning, newton : BinningRules, NewtonRules
        The job's rules.

    Raises
    ------
    SchemaError
        When there is one outcome only, or no feature with two bins.
    NotConvergedError
        When Newton's method does not settle.
    """
    if y.min() == y.max():
        raise SchemaError(
            "the table holds one outcome only",
            kind="label",
            expected="goods and bads",
            found="no bads" if y.max() == 0 else "no goods",
            remedy="use a longer window or more rows",
        )
    dropped: dict[str, str] = {}
    found = []
    for feature in features:
        table, why = _bins(frame, y, feature, grid_cells, fine_bins, binning)
        found.append(table)
        if why:
            dropped[feature.name] = why
    tables = tuple(table for table in found if table.n_bins > 1)
    if not tables:
        raise SchemaError(
            "no feature tells goods from bads",
            kind="constant",
            expected="a feature with at least two bins",
            found=told(dropped),
            remedy="use more rows, or features that vary and were known before the outcome",
        )
    woe = np.column_stack([table.transform(frame[table.raw.feature.name]) for table in tables])
    beta, errors, n_steps = _newton(woe, y, newton)
    reasons = {name: REASONS[why] for name, why in dropped.items()}
    return Fitted(tables, reasons, beta, errors, n_steps)


def _bins(
    frame: pd.DataFrame,
    y: NDArray[np.int64],
    feature: Feature,
    grid_cells: int,
    fine_bins: int,
    rules: BinningRules,
) -> tuple[BinTable, str]:
    """Return the bins, and the word for dropping them when there are fewer than two."""
    series = frame[feature.name]
    edges: tuple[float, ...] = ()
    if feature.kind == "numeric":
        grid = Grid(feature, cells=grid_cells)
        cells = quantiles(
            grid, grid.histogram(series).tolist(), fine_bins, rules.cells.min_subjects
        )
        edges = tuple(float(grid.upper[cell]) for cell in cells)
    raw = RawCells(feature, edges)
    bads, goods = (counts.tolist() for counts in count(raw, series, y))
    assignment = merge(raw, bads, goods, rules)
    table = BinTable(raw, assignment, totals(assignment, bads), totals(assignment, goods))
    return table, "" if table.n_bins > 1 else why_dropped(bads, goods, rules.cells)


def _newton(
    X: NDArray[np.float64], y: NDArray[np.int64], rules: NewtonRules
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    beta = np.zeros(X.shape[1] + 1)
    for n_steps in range(1, rules.max_rounds + 1):
        sums = newton_sums(X, y, beta)
        step = newton_step(sums, beta, rules, len(y))
        if step.outcome == "diverged":
            break
        beta = step.beta_new
        if step.outcome == "converged":
            return beta, standard_errors(sums, beta, rules), n_steps
    raise NotConvergedError(
        "the coefficients do not settle: the data may be separable or its columns collinear; "
        "drop the feature that decides alone, or raise l2"
    )
