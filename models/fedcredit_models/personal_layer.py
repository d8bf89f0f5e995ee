"""A party's own last layer on the joint model's representation of its rows.

Every model of this room ends in a sum: a scorecard adds slopes times weights of evidence, boosted
trees add trees, a network adds its last hidden units. A party may fit that last sum again on its
own rows, drawn towards the joint coefficients: what the federation learnt about the features stays,
how much each counts may differ. It is taken only when its cross-fitted log loss is better by more
than chance among so few candidates explains.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models.drawn_regression import draw, log_losses
from fedcredit_models.gbdt import Gbdt, cells_of
from fedcredit_models.mixture import folds
from fedcredit_models.mlp import Mlp
from fedcredit_models.network import as_floats
from fedcredit_models.network_inputs import coded
from fedcredit_models.personal_calibration import calibrate
from fedcredit_models.scorecard import Scorecard
from fedcredit_models.trees import LEAF_BITS

PENALTIES: tuple[float, ...] = (300.0, 100.0, 30.0, 10.0)
"""Precisions that draw slopes to the joint ones; the smaller, the freer."""

NEEDED = 3.0
"""A last layer of its own must save so much log loss over all rows: a likelihood ratio of 20."""

BLOCKS = 10
"""Trees are counted in blocks of successive ones: the first are coarse, the last fine."""

INTERCEPT_PRECISION = 0.1

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LastLayer:
    """Coefficients on the joint model's representation.

    Parameters
    ----------
    coefficients : tuple of float
        Intercept first.
    penalty : float
        How strongly they were drawn to the joint ones.

    Raises
    ------
    ValueError
        When they are not finite.
    """

    coefficients: tuple[float, ...]
    penalty: float

    def __post_init__(self) -> None:
        """Refuse coefficients that cannot score."""
        if not np.isfinite([*self.coefficients, self.penalty]).all() or self.penalty <= 0:
            raise ValueError("coefficients of a last layer are finite, its penalty above zero")

    def apply(self, Z: Floats) -> Floats:
        """Return log odds of represented rows.

        Raises
        ------
        ValueError
            When the representation has another width.
        """
        if Z.shape[1] + 1 != len(self.coefficients):
            raise ValueError("the last layer does not belong to this joint model")
        return np.asarray(self.coefficients[0] + Z @ np.array(self.coefficients[1:]))


def representation(joint: Any, X: pd.DataFrame) -> Floats:
    """Return what the joint model's last sum adds up, shape (n_rows, width).

    Weights of evidence of a scorecard; the sums of ten blocks of trees; the last hidden units of a
    network; the log odds themselves of any other classifier, whose last layer is then an intercept
    and a slope.
    """
    if isinstance(joint, Scorecard):
        return joint.transform(X)
    if isinstance(joint, Gbdt):
        joint.decision_function(X[:0])  # refuses what cannot be scored
        cells = cells_of(joint.raw_, X)
        units = np.zeros((len(X), len(_blocks(joint))))
        for place, block in enumerate(_blocks(joint)):
            for number in block:
                units[:, place] += joint.trees_[number].units(cells)
        return np.ldexp(units, -LEAF_BITS)
    if isinstance(joint, Mlp):
        return _hidden(joint, X)
    return np.asarray(joint.decision_function(X), dtype=np.float64)[:, None]


def joint_layer(joint: Any) -> Floats:
    """Return the joint model's own coefficients on its representation, intercept first."""
    if isinstance(joint, Scorecard):
        return np.array([joint.intercept_, *joint.coef_])
    if isinstance(joint, Gbdt):
        return np.array([float(np.ldexp(joint.base_, -LEAF_BITS)), *np.ones(len(_blocks(joint)))])
    if isinstance(joint, Mlp):
        weights, bias = _layers(joint)[-1]
        slopes = joint.slope_ * weights[:, 0]
        return np.array([joint.intercept_ + joint.slope_ * bias[0], *slopes])
    return np.array([0.0, 1.0])


def _layers(joint: Mlp) -> list[tuple[Floats, Floats]]:
    parts = joint.architecture_.split(as_floats(joint.weights_))
    layers = parts[len(joint.architecture_.tables) :]
    return list(zip(layers[::2], layers[1::2], strict=True))


def _hidden(joint: Mlp, X: pd.DataFrame) -> Floats:
    """Return the last hidden units, or the inputs of a network without hidden layers."""
    joint.decision_function(X[:0])  # refuses what cannot be scored
    architecture = joint.architecture_
    rows = coded(X, architecture.features, joint.standards_)
    tables = architecture.split(as_floats(joint.weights_))[: len(architecture.tables)]
    x = np.column_stack(
        [rows.numbers, *(table[rows.codes[:, j]] for j, table in enumerate(tables))]
    )
    for weights, bias in _layers(joint)[:-1]:
        x = np.maximum(x @ weights + bias, 0.0)
    return x


def _blocks(joint: Gbdt) -> list[NDArray[np.int64]]:
    numbers = np.arange(len(joint.trees_))
    return [block for block in np.array_split(numbers, BLOCKS) if len(block)]


def refit(Z: Floats, y: NDArray[np.int64], centre: Floats, penalty: float) -> LastLayer:
    """Fit the last layer on a party's rows.

    Parameters
    ----------
    Z : ndarray of shape (n_rows, width)
        As from `representation`.
    y : ndarray of shape (n_rows,)
        1 = bad.
    centre : ndarray of shape (1 + width,)
        As from `joint_layer`.
    penalty : float
        Precision of every slope; the intercept is nearly free.
    """
    rows = np.hstack([np.ones((len(Z), 1)), Z])
    precision = np.array([INTERCEPT_PRECISION, *np.full(Z.shape[1], penalty)])
    return LastLayer(tuple(draw(rows, y, centre, precision).tolist()), penalty)


def choose(
    Z: Floats, y: NDArray[np.int64], centre: Floats, *, charge: float = 0.0, seed: int = 0
) -> tuple[LastLayer, Floats] | None:
    """Return the best last layer and its cross-fitted log odds; None when the joint one stays.

    Every candidate, the joint layer with a calibration of its own among them, is judged on rows
    that it was not fitted on.

    Parameters
    ----------
    Z, y, centre : as for `refit`
    charge : float, default 0.0
        By how much the joint model flatters itself on these rows, in log loss over all of them: a
        layer that only believes it more would save as much, so it has to save that as well.
    seed : int, default 0
        Of the folds.
    """
    cuts = folds(y, seed)
    eta, stays = centre[0] + Z @ centre[1:], np.empty(len(y))
    for rest, fold in cuts:
        stays[fold] = calibrate(eta[rest], y[rest]).apply(eta[fold])
    best, chosen = float(log_losses(stays, y).sum()) - NEEDED - charge, None
    for penalty in PENALTIES:
        eta = np.empty(len(y))
        for rest, fold in cuts:
            eta[fold] = refit(Z[rest], y[rest], centre, penalty).apply(Z[fold])
        loss = float(log_losses(eta, y).sum())
        if loss < best:
            best, chosen = loss, (penalty, eta)
    if chosen is None:
        return None
    return refit(Z, y, centre, chosen[0]), chosen[1]
