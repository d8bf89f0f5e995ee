"""A joint model made a party's own: calibrated, with its own last layer, mixed with its own model.

Nobody else is asked: a party does this alone, with the joint model that it was given and its own
training rows, and keeps the result. What it may hope for: a score that is not worse than the one it
would have had alone.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from fedcredit_models import alone, mixture, personal_json, personal_layer
from fedcredit_models.bad_classifier import BadClassifier, labelled
from fedcredit_models.drawn_regression import log_losses
from fedcredit_models.personal_calibration import Calibration, calibrate
from fedcredit_models.personal_layer import LastLayer
from fedcredit_models.schema import Schema

LEAST = 10
"""With fewer bads or goods among its training rows a party chooses nothing."""

EDGE = 0.05
"""A weight this near to 0 or 1 is rounded to it."""

Kind = Literal["joint", "alone", "mixture"]


@dataclass(frozen=True)
class Choice:
    """What was chosen, and on what evidence.

    Attributes
    ----------
    kind : {"joint", "alone", "mixture"}
    weight : float
        Of the joint log odds; the local ones have the rest.
    own_layer : bool
        Whether the joint model's last layer was fitted again on the party's rows.
    n_rows, n_bads : int
        Rows by which it was chosen.
    loss_alone, loss_joint, loss_chosen : float or None
        Mean log loss of those rows, cross-fitted and calibrated; the joint part is charged for
        having seen them. None when nothing was compared.
    why : str
    """

    kind: Kind
    weight: float
    own_layer: bool
    n_rows: int
    n_bads: int
    loss_alone: float | None
    loss_joint: float | None
    loss_chosen: float | None
    why: str

    def __post_init__(self) -> None:
        """Refuse a weight that does not belong to the kind."""
        kind = "joint" if self.weight == 1.0 else "alone" if self.weight == 0.0 else "mixture"
        if kind != self.kind or not 0.0 <= self.weight <= 1.0:
            raise ValueError("the weight of the joint score is 1 (joint), 0 (alone) or between")


class Personal(BadClassifier):
    """A party's own version of a joint model, as a scikit-learn classifier.

    Made by :meth:`fit`. Log odds of bad: ``intercept + slope (w joint + (1 - w) local)``.

    Parameters
    ----------
    joint : classifier
        A fitted ``Scorecard``, ``Gbdt`` or ``Mlp``.
    local : classifier or None
        The party's own model of the same kind.
    layer : LastLayer or None
        The joint model's last layer, fitted again; None when it stays as it is.
    calibration : Calibration
    choice : Choice

    Attributes
    ----------
    classes_, feature_names_in_, n_features_in_ : as in scikit-learn

    Notes
    -----
    Rows of the hold-out take no part in the choice, so that they can judge it: see
    :func:`fedcredit_models.gain.gain`.

    Disclosure
    ----------
    Nothing is sent to anybody. The JSON holds the joint model and, when `local` takes part, the
    party's own model: it is the party's, and is not for the others.
    """

    def __init__(
        self,
        joint: Any,
        local: Any,
        layer: LastLayer | None,
        calibration: Calibration,
        choice: Choice,
    ) -> None:
        self.joint = joint
        self.local = local
        self.layer = layer
        self.calibration = calibration
        self.choice = choice
        self.classes_ = np.array([0, 1])
        self.feature_names_in_ = joint.feature_names_in_
        self.n_features_in_ = joint.n_features_in_

    @classmethod
    def fit(
        cls,
        joint: Any,
        X: pd.DataFrame,
        y: ArrayLike,
        *,
        local: Any = None,
        schema: Schema | None = None,
        joint_rows: int | None = None,
        seed: int = 0,
    ) -> Self:
        """Choose by a party's own training rows.

        Parameters
        ----------
        joint : classifier
            A fitted ``Scorecard``, ``Gbdt`` or ``Mlp``.
        X : DataFrame of shape (n_rows, n_columns)
            The party's training rows; the joint model may have seen them.
        y : array-like of shape (n_rows,)
            1 = bad.
        local : classifier, optional
            The party's own model, fitted on the same rows; its settings are used to cross-fit.
            When absent, one with the joint model's settings is fitted.
        schema : Schema, optional
            Declared features, for the local model; inferred from `X` when absent.
        joint_rows : int, optional
            All training rows of the joint model, when it does not say so itself (`Mlp`).
        seed : int, default 0
            Of the cuts into folds.

        Raises
        ------
        SchemaError
            When `X` cannot be scored by the joint model, or `y` is not one label a row.
        ValueError
            When `y` holds something else than 0 and 1.
        """
        outcome = _outcome(X, y)
        eta = joint.decision_function(X)
        n_bads = int(outcome.sum())
        counts = {"n_rows": len(outcome), "n_bads": n_bads}
        if min(n_bads, len(outcome) - n_bads) < LEAST:
            choice = _only_joint(counts, f"fewer than {LEAST} bads or goods: too few to choose by")
            return cls(joint, None, None, Calibration(), choice)
        model = alone.unfitted(joint) if local is None else local
        features = X[[name for name in joint.feature_names_in_ if name in X.columns]]
        why = ""
        if local is None:
            local, why = alone.fitted(model, features, outcome, schema)
        if local is None:
            choice = _only_joint(counts, f"no model of its own: {why}")
            return cls(joint, None, None, calibrate(eta, outcome), choice)
        unseen = alone.cross_fitted(model, features, outcome, schema, seed=seed)
        seen = local.decision_function(X)
        charge = mixture.optimism(
            float(log_losses(unseen, outcome).sum()),
            float(log_losses(seen, outcome).sum()),
            len(outcome),
            joint_rows or alone.n_trained(joint),
        )
        own = personal_layer.choose(
            personal_layer.representation(joint, X),
            outcome,
            personal_layer.joint_layer(joint),
            charge=charge,
            seed=seed,
        )
        layer, eta = (None, eta) if own is None else own
        losses = mixture.losses(eta, unseen, outcome, seed=seed)
        weight = _rounded(mixture.weight_of(losses, charge))
        choice = _chosen(weight, losses, charge, counts, own_layer=own is not None)
        calibration = calibrate(weight * eta + (1.0 - weight) * unseen, outcome)
        return cls(joint, local if weight < 1.0 else None, layer, calibration, choice)

    def decision_function(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return eta, the party's own log odds of bad.

        Raises
        ------
        SchemaError
            For rows that one of the two models cannot score.
        """
        if self.layer is None:
            eta = self.joint.decision_function(X)
        else:
            eta = self.layer.apply(personal_layer.representation(self.joint, X))
        weight = self.choice.weight
        if self.local is not None:
            eta = weight * eta + (1.0 - weight) * self.local.decision_function(X)
        return self.calibration.apply(eta)

    def to_json(self) -> str:
        """Return the model as JSON text; `from_json` gives it back to the last bit."""
        return json.dumps(personal_json.document(self), allow_nan=False, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a model written by `to_json`.

        Raises
        ------
        ValueError
            When the text is anything else; nothing in it names code.
        """
        return cls(**personal_json.parse(text))


def _outcome(X: pd.DataFrame, y: ArrayLike) -> NDArray[np.int64]:
    frame, label = labelled(X, y, None)
    values = frame[label].to_numpy()
    if not np.isin(values, (0, 1)).all():
        raise ValueError("labels are 0 (good) and 1 (bad)")
    return values.astype(np.int64)


def _rounded(weight: float) -> float:
    weight = round(weight, 3)
    return 0.0 if weight <= EDGE else 1.0 if weight >= 1.0 - EDGE else weight


def _only_joint(counts: dict[str, int], why: str) -> Choice:
    return Choice(
        kind="joint", weight=1.0, own_layer=False, **counts,
        loss_alone=None, loss_joint=None, loss_chosen=None, why=why,
    )  # fmt: skip


def _chosen(
    weight: float,
    losses: NDArray[np.float64],
    charge: float,
    counts: dict[str, int],
    *,
    own_layer: bool,
) -> Choice:
    n, grid = counts["n_rows"], np.array(mixture.GRID)
    means = (losses + grid * charge) / n
    kind: Kind = "joint" if weight == 1.0 else "alone" if weight == 0.0 else "mixture"
    why = {
        "joint": "its own rows say that its own model adds nothing",
        "alone": "its own rows say that the joint model adds nothing",
        "mixture": "its own rows say that both together are better, or do not tell",
    }
    return Choice(
        kind=kind,
        weight=weight,
        own_layer=own_layer,
        **counts,
        loss_alone=float(means[0]),
        loss_joint=float(means[-1]),
        loss_chosen=float(np.interp(weight, grid, means)),
        why=why[kind],
    )
