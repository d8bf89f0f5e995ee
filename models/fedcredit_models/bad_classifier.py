"""What scikit-learn classifiers of *bad* have in common: tables in, log odds and labels out."""

from abc import ABCMeta, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from fedcredit_models.feature import Feature
from fedcredit_models.logistic import probability
from fedcredit_models.schema import Schema, SchemaError, check


class BadClassifier(ClassifierMixin, BaseEstimator, metaclass=ABCMeta):
    """A classifier whose score is the log odds of bad; 1 = bad."""

    @abstractmethod
    def decision_function(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return eta, the log odds of bad."""

    def predict_proba(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return probabilities, shape (n_rows, 2); column 1 = bad."""
        p = probability(self.decision_function(X))
        return np.column_stack([1.0 - p, p])

    def predict(self, X: pd.DataFrame) -> NDArray[np.int64]:
        """Return 1 where bad is more likely than good."""
        return (self.decision_function(X) > 0).astype(np.int64)


def check_settings(model: BaseEstimator, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Refuse a setting outside its range.

    Raises
    ------
    ValueError
    """
    for name, (least, most) in ranges.items():
        if not least <= getattr(model, name) <= most:
            raise ValueError(f"{name} must be {least:g} to {most:g}")


def labelled(
    X: pd.DataFrame, y: ArrayLike, schema: Schema | None, label: str = ""
) -> tuple[pd.DataFrame, str]:
    """Return the rows with their labels beside them, and the name of that column.

    Parameters
    ----------
    X : DataFrame
    y : array-like of shape (n_rows,)
    schema : Schema, optional
        Names the label; without it a name is taken that no column has.
    label : str, optional
        Name of the label, before all else.

    Raises
    ------
    TypeError
        When `X` is no DataFrame.
    SchemaError
        When there is not one label a row.
    """
    _demand_names(X)
    if len(np.asarray(y)) != len(X):
        raise SchemaError(
            "the labels are not those of the rows",
            kind="label",
            expected=f"{len(X)} labels, one a row",
            found=str(len(np.asarray(y))),
            remedy='pass the label column of the same rows: model.fit(X, table["bad"])',
        )
    name = label or ("label" if schema is None else schema.label)
    while schema is None and name in X.columns:
        name += "_"
    return X.assign(**{name: np.asarray(y)}), name


def check_scored(X: pd.DataFrame, features: Sequence[Feature]) -> None:
    """Check rows that are to be scored.

    Raises
    ------
    TypeError
        When `X` is no DataFrame.
    SchemaError
        For a missing column, text where numbers belong, or infinity. Unseen categories, missing
        values and numbers beyond the bounds are scored.
    """
    _demand_names(X)
    free = "label" + "_" * sum(len(feature.name) for feature in features)
    check(X, Schema(features=tuple(features), label=free), scoring=True)


def _demand_names(X: object) -> None:
    if not isinstance(X, pd.DataFrame):
        raise TypeError("a model reads a pandas DataFrame, whose columns have the features' names")
