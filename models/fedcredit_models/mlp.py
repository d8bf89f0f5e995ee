"""A neural network for credit and fraud, as a scikit-learn classifier.

Unfitted it is the modeller's choice of rules. Fitted, it scores applicants offline, with NumPy
alone. A fit reads the rows only through sums of whole numbers, so that several parties' sums train
the same network under encryption as in the clear.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from fedcredit_models import mlp_json, network_rounds
from fedcredit_models.bad_classifier import BadClassifier, check_scored, check_settings, labelled
from fedcredit_models.cell_rules import CellRules
from fedcredit_models.feature import Feature
from fedcredit_models.grid import Grid, quantiles
from fedcredit_models.local_training import Device, LocalRules
from fedcredit_models.network import Architecture, as_floats, check_weights
from fedcredit_models.network_calibration import platt
from fedcredit_models.network_inputs import CodedRows, Standard, coded, moments
from fedcredit_models.network_loss import LossRules
from fedcredit_models.network_rounds import NetworkRows, RoundRules, Rounds, Totals
from fedcredit_models.schema import Schema, SchemaError, check, infer
from fedcredit_models.score_bands import ScoreGrid
from fedcredit_models.server_steps import ServerRules, Strategy

RANGES: dict[str, tuple[float, float]] = {
    "rounds": (1, 1000),
    "local_epochs": (1, 100),
    "batch_size": (1, 1_000_000),
    "learning_rate": (1e-6, 10.0),
    "momentum": (0.0, 0.999),
    "l2": (0.0, 10.0),
    "mu": (0.0, 1000.0),
    "gamma": (0.0, 10.0),
    "embedding": (1, 64),
    "patience": (0, 1000),
    "update_limit": (1e-3, 64.0),
    "fine_bins": (2, 100),
    "grid_cells": (16, 65_536),
    "seed": (0, (1 << 53) - 1),
}
"""Settings of a fit and the smallest and largest value of each."""

SCORES = ScoreGrid()
"""The grid on which a score is counted for its calibration."""


class Mlp(BadClassifier):
    """A feed-forward network, trained by federated averaging and calibrated.

    Parameters
    ----------
    hidden : sequence of int, default (32, 16)
        Units of each hidden layer.
    rounds : int, default 30
        Most rounds of averaging.
    local_epochs : int, default 1
        Passes of each party over its rows in a round.
    batch_size : int, default 256
    learning_rate : float, default 0.02
        Of the parties' gradient descent.
    momentum : float, default 0.9
    strategy : {"fedavg", "fedprox", "fedadam"}, default "fedavg"
    mu : float, default 0.01
        Pull towards the released weights, with "fedprox".
    server_learning_rate : float, optional
        Share of the average update that is taken: 1 when absent; with "fedadam" its step, 0.01.
    loss : {"log", "focal"}, default "log"
    gamma : float, default 2.0
        Exponent of the focal loss.
    bad_weight : float or "balanced", default 1.0
        Weight of a bad row; "balanced" gives goods and bads the same total.
    embedding : int, default 4
        Most numbers that describe a level of a category.
    l2 : float, default 1e-5
        Penalty on squared weights.
    patience : int, default 0
        Stop when the hold-out's loss has not fallen for so many rounds, and keep the best weights.
    update_bits : int, optional
        Bits of each number of an update; half a slot when absent: 17 under the narrow encryption,
        20 under the wide one.
    update_limit : float, default 1.0
        A weight moves at most this far in a round at one party.
    fine_bins : int, default 50
        Quantile groups that place a number among the others.
    grid_cells : int, default 2048
        Cells of the grid on which quantiles are counted.
    seed : int, default 0
    device : {"auto", "cpu", "cuda"}, default "auto"
        For `fit`; each party of a federation uses what it has.

    Attributes
    ----------
    architecture_ : Architecture
    weights_ : ndarray of int64
        In units of 2**-40.
    standards_ : tuple of Standard or None
        How each number is standardised.
    intercept_, slope_ : float
        Calibration of the log odds.
    losses_ : list of (float, float or None)
        Learning curve: mean loss before each round, training and hold-out.
    dropped_ : dict of str to str
        Columns that were never asked for, with the reason.
    classes_, feature_names_in_, n_features_in_ : as in scikit-learn

    Disclosure
    ----------
    A fitted network holds its weights, quantile edges, means and deviations; nothing of a single
    row by name. Weights remember: see ``docs/explanation/who-learns-what.md`` on what averaged
    weights can give away. Whoever receives its JSON receives these.
    """

    def __init__(
        self,
        *,
        hidden: Sequence[int] = (32, 16),
        rounds: int = 30,
        local_epochs: int = 1,
        batch_size: int = 256,
        learning_rate: float = 0.02,
        momentum: float = 0.9,
        strategy: Strategy = "fedavg",
        mu: float = 0.01,
        server_learning_rate: float | None = None,
        loss: Literal["log", "focal"] = "log",
        gamma: float = 2.0,
        bad_weight: float | Literal["balanced"] = 1.0,
        embedding: int = 4,
        l2: float = 1e-5,
        patience: int = 0,
        update_bits: int | None = None,
        update_limit: float = 1.0,
        fine_bins: int = 50,
        grid_cells: int = 2048,
        seed: int = 0,
        device: Device = "auto",
    ) -> None:
        self.hidden = hidden
        self.rounds = rounds
        self.local_epochs = local_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.strategy = strategy
        self.mu = mu
        self.server_learning_rate = server_learning_rate
        self.loss = loss
        self.gamma = gamma
        self.bad_weight = bad_weight
        self.embedding = embedding
        self.l2 = l2
        self.patience = patience
        self.update_bits = update_bits
        self.update_limit = update_limit
        self.fine_bins = fine_bins
        self.grid_cells = grid_cells
        self.seed = seed
        self.device = device

    def rules(self, modulus_bits: int = 34) -> RoundRules:
        """Return the rules of a run with these settings.

        Parameters
        ----------
        modulus_bits : int, default 34
            Bits of a slot of the encryption.

        Raises
        ------
        ValueError
            For a setting outside its range.
        """
        check_settings(self, RANGES)
        if self.strategy not in ("fedavg", "fedprox", "fedadam"):
            raise ValueError("strategy must be fedavg, fedprox or fedadam")
        if self.loss not in ("log", "focal"):
            raise ValueError("loss must be log or focal")
        if self.bad_weight != "balanced" and not 1e-3 <= float(self.bad_weight) <= 1e4:
            raise ValueError('bad_weight must be "balanced", or 0.001 to 10000')
        server = self.server_learning_rate
        if server is None:
            server = 0.01 if self.strategy == "fedadam" else 1.0
        if not 1e-6 <= server <= 10.0:
            raise ValueError("server_learning_rate must be 0.000001 to 10")
        return RoundRules(
            rounds=self.rounds,
            patience=self.patience,
            seed=self.seed,
            local=LocalRules(
                epochs=self.local_epochs,
                batch_size=self.batch_size,
                learning_rate=self.learning_rate,
                momentum=self.momentum,
                l2=self.l2,
                mu=self.mu if self.strategy == "fedprox" else 0.0,
                loss=LossRules(self.loss, self.gamma, self.bad_weight),
            ),
            server=ServerRules(self.strategy, server),
            update_limit=self.update_limit,
            update_bits=modulus_bits // 2 if self.update_bits is None else self.update_bits,
            modulus_bits=modulus_bits,
        )

    def fit(
        self,
        X: pd.DataFrame,
        y: ArrayLike,
        *,
        holdout: tuple[pd.DataFrame, ArrayLike] | None = None,
        schema: Schema | None = None,
    ) -> Self:
        """Train on one table, with the functions of a federated run.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            Features; without `schema`, every column is one.
        y : array-like of shape (n_rows,)
            1 = bad, 0 = good.
        holdout : (DataFrame, array-like), optional
            Rows for the curve, for `patience`, and for the calibration; without it the network is
            calibrated on its training rows.
        schema : Schema, optional
            Declared features; inferred from `X` when absent.

        Raises
        ------
        SchemaError
            When `X` or `y` does not fit the schema, or there is no bad or no good.
        NotConvergedError
            When training diverges or learns nothing.
        ValueError
            For a setting outside its range.
        """
        rules = self.rules()
        if self.patience and holdout is None:
            raise ValueError("patience stops by a hold-out: pass holdout=(X, y), or patience=0")
        frame, label = labelled(X, y, schema)
        schema = schema or infer({"": frame}, label=label)
        features = schema.features
        architecture = Architecture(features, tuple(self.hidden), self.embedding)
        check(frame, Schema(features=features, label=label))
        outcome = _both(frame[label].to_numpy().astype(np.int64))
        standards = tuple(self._standard(frame, feature) for feature in features)
        rows = NetworkRows(coded(frame, features, standards), outcome)
        totals = Totals(len(outcome), int(outcome.sum()))
        if holdout is not None:
            rest, _ = labelled(holdout[0], holdout[1], schema, label)
            check(rest, Schema(features=features, label=label), scoring=True)
            rows.held = coded(rest, features, standards)
            rows.held_y = _both(rest[label].to_numpy().astype(np.int64))
            totals = Totals(totals.n, totals.bads, len(rest), int(rows.held_y.sum()))
        course = network_rounds.fit([rows], Rounds(architecture, rules, totals), device=self.device)
        held = rows.train if rows.held is None else rows.held
        self._set(architecture, standards, course.best, (0.0, 1.0))
        eta = self._log_odds(held)
        self._calibrate(eta, outcome if rows.held is None else rows.held_y)
        self.losses_ = list(course.losses)
        self.dropped_: dict[str, str] = {}
        return self

    def _standard(self, frame: pd.DataFrame, feature: Feature) -> Standard | None:
        if feature.kind == "categorical":
            return None
        grid = Grid(feature, cells=self.grid_cells)
        counts = grid.histogram(frame[feature.name]).tolist()
        cells = quantiles(grid, counts, self.fine_bins)
        edges = tuple(float(grid.upper[cell]) for cell in cells)
        return Standard(edges, *moments(grid, counts, cells, CellRules()))

    def _calibrate(self, eta: NDArray[np.float64], y: NDArray[np.int64]) -> None:
        cells, is_bad = SCORES.cell_of(eta), y == 1
        bads = np.bincount(cells[is_bad], minlength=SCORES.cells)
        goods = np.bincount(cells[~is_bad], minlength=SCORES.cells)
        self.intercept_, self.slope_ = platt(bads.tolist(), goods.tolist(), SCORES)

    @classmethod
    def from_parts(
        cls,
        features: Sequence[Feature],
        standards: Sequence[Standard | None],
        weights: Sequence[int] | NDArray[np.int64],
        calibration: tuple[float, float],
        *,
        params: Mapping[str, Any] | None = None,
        losses: Sequence[tuple[float, float | None]] = (),
        dropped: Mapping[str, str] | None = None,
    ) -> Self:
        """Build a fitted network from released parts.

        Parameters
        ----------
        features : sequence of Feature
        standards : sequence of Standard or None
            One for each feature; None for a category.
        weights : sequence of int
            In units of 2**-40.
        calibration : (float, float)
            Intercept and slope.
        params : mapping, optional
            Constructor arguments.
        losses : sequence of (float, float or None)
            Learning curve.
        dropped : mapping of str to str, optional
            Columns that were never asked for, with the reason.

        Raises
        ------
        ValueError
            When the parts do not fit together.
        """
        model = cls(**dict(params or {}))
        architecture = Architecture(tuple(features), tuple(model.hidden), model.embedding)
        model._set(architecture, tuple(standards), np.asarray(weights), calibration)
        model.losses_ = list(losses)
        model.dropped_ = dict(dropped or {})
        return model

    def _set(
        self,
        architecture: Architecture,
        standards: tuple[Standard | None, ...],
        weights: NDArray[np.int64],
        calibration: tuple[float, float],
    ) -> None:
        kinds = ["categorical" if standard is None else "numeric" for standard in standards]
        if kinds != [feature.kind for feature in architecture.features]:
            raise ValueError("each numeric feature has a standard, and no category has one")
        if not np.isfinite(calibration).all() or calibration[1] <= 0:
            raise ValueError("a calibration is finite, its slope above zero")
        self.architecture_ = architecture
        self.standards_ = standards
        self.weights_ = check_weights(weights, architecture)
        self.intercept_, self.slope_ = (float(part) for part in calibration)
        self.feature_names_in_ = np.array([f.name for f in architecture.features], dtype=object)
        self.n_features_in_ = len(architecture.features)
        self.classes_ = np.array([0, 1])

    def decision_function(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return the calibrated log odds of bad.

        Raises
        ------
        SchemaError
            For a missing column, text where numbers belong, or infinity. Unseen categories, missing
            values and numbers beyond the bounds are scored.
        """
        check_is_fitted(self)
        check_scored(X, self.architecture_.features)
        eta = self._log_odds(coded(X, self.architecture_.features, self.standards_))
        return self.intercept_ + self.slope_ * eta

    def _log_odds(self, rows: CodedRows) -> NDArray[np.float64]:
        return self.architecture_.log_odds(as_floats(self.weights_), rows)

    @property
    def dropped(self) -> dict[str, str]:
        """Columns without effect on the score: never asked for, or the same in every row."""
        check_is_fitted(self)
        constant = {
            feature.name: "does not vary"
            for feature, standard in zip(self.architecture_.features, self.standards_, strict=True)
            if standard is not None and standard.deviation == 0
        }
        return constant | self.dropped_

    @property
    def suspicious(self) -> dict[str, float]:
        """Features with an information value that is too good: a network computes none."""
        return {}

    def summary(self) -> pd.DataFrame:
        """Return a row for each part of the network: part, inputs, outputs, parameters."""
        check_is_fitted(self)
        shape = self.architecture_
        categories = [f.name for f in shape.features if f.kind == "categorical"]
        rows = [
            (f"embedding of {name}", *size, math.prod(size))
            for name, size in zip(categories, shape.tables, strict=True)
        ]
        last = len(shape.layers) - 1
        rows += [
            ("output" if place == last else f"hidden {place + 1}", *size, (size[0] + 1) * size[1])
            for place, size in enumerate(shape.layers)
        ]
        return pd.DataFrame(rows, columns=["part", "inputs", "outputs", "parameters"])

    def to_json(self) -> str:
        """Return the fitted network as JSON text; `from_json` gives it back to the last bit."""
        check_is_fitted(self)
        return json.dumps(mlp_json.document(self), allow_nan=False, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a network written by `to_json`.

        Raises
        ------
        ValueError
            When the text is anything else; nothing in it names code.
        """
        return cls.from_parts(**mlp_json.parse(text))


def _both(y: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return labels that hold both outcomes."""
    if len(y) == 0 or y.min() == y.max():
        raise SchemaError(
            "the table holds one outcome only",
            kind="label",
            expected="goods and bads",
            found="no bads" if len(y) == 0 or y.max() == 0 else "no goods",
            remedy="use a longer window or more rows",
        )
    return y
