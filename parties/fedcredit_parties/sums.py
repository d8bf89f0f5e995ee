"""Answer a SUM: derive this party's addend from its rows, at the released point and nowhere else.

Pure on top of the rows: what a phase asks for is fixed here, by the installed package. The largest
thing that leaves this file is a table of integers, which the caller masks and encrypts.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models import binning, logistic, metrics, samples
from fedcredit_models.schema import Schema
from fedcredit_parties.errors import SteepModelError
from fedcredit_parties.released import Released
from fedcredit_parties.tasks import COEFFICIENT_LIMIT

Addend = dict[str, NDArray[np.float64] | NDArray[np.int64]]


class Rows:
    """One party's rows for one run: label, sample of each row, weights of evidence.

    Parameters
    ----------
    frame : DataFrame
        The party's table, already checked against the task's schema.
    schema : Schema
        Features, label and optional columns of the task.
    holdout : float
        Share of subjects kept out of training.
    oot_from : str or None
        Start of the out-of-time sample.
    split_key : bytes
        Federation-wide key: a subject at two parties falls on one side.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        schema: Schema,
        *,
        holdout: float,
        oot_from: str | None,
        split_key: bytes,
    ) -> None:
        self.y = frame[schema.label].to_numpy().astype(np.int64)
        self.sample = samples.assign(
            frame, schema, holdout=holdout, split_key=split_key, oot_from=oot_from
        )
        self.frame = frame
        self.train = self.sample == "train"
        self._woe: NDArray[np.float64] | None = None

    @property
    def n_train(self) -> int:
        """Rows this party trains on."""
        return int(self.train.sum())

    def woe(self, released: Released) -> NDArray[np.float64]:
        """Weights of evidence of every row, shape (n_rows, n_kept)."""
        if self._woe is None:
            columns = [
                table.transform(self.frame[feature.name])
                for feature, table in zip(released.task.features, released.tables, strict=True)
                if table is not None
            ]
            self._woe = np.column_stack(columns) if columns else np.empty((len(self.y), 0))
        return self._woe


def addend(rows: Rows, released: Released) -> Addend:
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
    found: Addend = {"n": np.array([rows.n_train])}
    train = rows.frame[rows.train]
    y = rows.y[rows.train]
    if released.phase == "quantiles":
        for i, grid in released.grids.items():
            found[f"grid.{i}"] = grid.histogram(train[released.task.features[i].name])
    elif released.phase == "bins":
        for i, raw in enumerate(released.raw):
            series = train[released.task.features[i].name]
            found[f"bads.{i}"], found[f"goods.{i}"] = binning.count(raw, series, y)
    elif released.phase == "newton":
        found |= _newton(rows.woe(released)[rows.train], y, released)
    else:
        found |= _metrics(rows, released)
    return found


def _newton(X: NDArray[np.float64], y: NDArray[np.int64], released: Released) -> Addend:
    beta = _point(released)
    p = 1.0 / (1.0 + np.exp(-np.clip(beta[0] + X @ beta[1:], -500, 500)))
    if len(p) and not logistic.rows_carry_weight(p * (1.0 - p)):
        raise SteepModelError(
            "the released model would single out few rows of this party",
            expected="at least 50 rows, or a quarter, that carry weight",
            found="fewer",
            remedy="the data may be separable, or the point of evaluation was chosen",
        )
    sums = logistic.newton_sums(X, y, beta)
    return {
        "gradient": sums.gradient,
        "hessian": sums.hessian_upper,
        "log_loss": np.array([sums.log_loss]),
        "weight_square": np.array([sums.weight_square]),
    }


def _point(released: Released) -> NDArray[np.float64]:
    """Return the released point, unless it is too steep to be evaluated on rows."""
    beta = released.coefficients
    if np.abs(beta).max() > COEFFICIENT_LIMIT:
        raise SteepModelError(
            "the released model is too steep to be evaluated on rows",
            expected=f"every coefficient within {COEFFICIENT_LIMIT:g} of zero",
            found="a larger one",
            remedy="the data may be separable: drop the feature that decides alone, or raise l2",
        )
    return beta


def _metrics(rows: Rows, released: Released) -> Addend:
    beta = _point(released)
    eta = beta[0] + rows.woe(released) @ beta[1:]
    found: Addend = {}
    for sample in released.task.samples:
        chosen = rows.sample == sample
        sums = metrics.score_sums(eta[chosen], rows.y[chosen], released.score_grid)
        for name, value in sums.items():
            found[f"{name}.{sample}"] = np.atleast_1d(np.asarray(value))
    return found
