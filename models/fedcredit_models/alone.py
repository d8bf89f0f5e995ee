"""What a party would have without the others: the same settings on its own rows."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from fedcredit_models.errors import NotConvergedError, SchemaError
from fedcredit_models.mixture import folds
from fedcredit_models.schema import Schema


def unfitted(joint: Any) -> Any:
    """Return an unfitted model of the joint model's settings, for one party's rows.

    A rule that stops training by a hold-out is left out: a party's own hold-out judges, and the
    model grows as long as the joint one did.
    """
    model = clone(joint)
    if getattr(model, "patience", 0):
        grown = {"n_trees": "trees_", "rounds": "losses_"}
        model.patience = 0
        for setting, course in grown.items():
            length = len(getattr(joint, course, ()))
            if hasattr(model, setting) and length:
                setattr(model, setting, length)
    return model


def fitted(
    model: Any, X: pd.DataFrame, y: NDArray[np.int64], schema: Schema | None
) -> tuple[Any, str]:
    """Return the model fitted on these rows, or None and why there is none."""
    try:
        return clone(model).fit(X, y, schema=schema), ""
    except (SchemaError, NotConvergedError) as error:
        return None, str(error)


def cross_fitted(
    model: Any, X: pd.DataFrame, y: NDArray[np.int64], schema: Schema | None, *, seed: int
) -> NDArray[np.float64]:
    """Return each row's log odds from a fit that did not see it.

    A part of the rows may be too few for a model where the whole is not: its rows then get the bad
    rate of the others, which is what a party without a model knows.
    """
    eta = np.empty(len(y))
    for rest, fold in folds(y, seed):
        found, _ = fitted(model, X.iloc[rest], y[rest], schema)
        score: Callable[[pd.DataFrame], Any] = (
            _bad_rate(y[rest]) if found is None else found.decision_function
        )
        eta[fold] = score(X.iloc[fold])
    return eta


def _bad_rate(y: NDArray[np.int64]) -> Callable[[pd.DataFrame], NDArray[np.float64]]:
    log_odds = float(np.log(y.sum() / (len(y) - y.sum())))
    return lambda X: np.full(len(X), log_odds)


def n_trained(joint: Any) -> int | None:
    """Return how many rows a model was trained on, where it says so."""
    if tables := getattr(joint, "tables_", ()):
        return int(tables[0].n.sum())
    if trees := getattr(joint, "trees_", ()):
        return int(trees[0].nodes[0].n)
    return None
