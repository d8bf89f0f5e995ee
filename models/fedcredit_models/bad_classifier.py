"""What scikit-learn classifiers of *bad* have in common: tables in, log odds and labels out."""

from abc import ABCMeta, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_array
from sklearn.utils.validation import column_or_1d

from fedcredit_models.feature import Feature
from fedcredit_models.logistic import probability
from fedcredit_models.schema import Schema, SchemaError, check


class BadClassifier(ClassifierMixin, BaseEstimator, metaclass=ABCMeta):
    """A classifier whose score is the log odds of bad; 1 = bad."""

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn: two classes, missing values and text are fine."""
        tags: Tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags

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
    X: pd.DataFrame | ArrayLike, y: ArrayLike | None, schema: Schema | None, label: str = ""
) -> tuple[pd.DataFrame, str]:
    """Return the rows with their labels beside them, and the name of that column.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_rows, n_columns)
        The columns of an array are called x0, x1, ...
    y : array-like of shape (n_rows,)
    schema : Schema, optional
        Names the label; without it a name is taken that no column has.
    label : str, optional
        Name of the label, before all else.

    Raises
    ------
    ValueError
        For an array that is not rows of columns, or no labels.
    SchemaError
        When there is not one label a row.
    """
    if y is None:
        raise ValueError("a classifier requires y to be passed, but the target y is None")
    rows = named(X)
    labels: NDArray[Any] = column_or_1d(y, warn=True)
    if len(labels) != len(rows):
        raise SchemaError(
            "the labels are not those of the rows",
            kind="label",
            expected=f"{len(rows)} labels, one a row",
            found=str(len(labels)),
            remedy='pass the label column of the same rows: model.fit(X, table["bad"])',
        )
    name = label or ("label" if schema is None else schema.label)
    while schema is None and name in rows.columns:
        name += "_"
    return rows.assign(**{name: labels}), name


def named(X: pd.DataFrame | ArrayLike, names: Sequence[str] = ()) -> pd.DataFrame:
    """Return rows as a table: a DataFrame as it is, an array with its columns called x0, x1, ...

    A model that was fitted on named columns finds none of them in an array, and says so: nobody
    knows the order that the array has.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_rows, n_columns)
    names : sequence of str, optional
        Columns of a fitted model.

    Raises
    ------
    ValueError
        For an array that is not rows of columns, or has another number of them than the model's.
    """
    if isinstance(X, pd.DataFrame):
        return X
    array = check_array(X, dtype=None, ensure_all_finite=False)
    found = [f"x{i}" for i in range(array.shape[1])]
    if names and len(names) != len(found) and set(names) == {f"x{i}" for i in range(len(names))}:
        raise ValueError(
            f"X has {len(found)} features, but it is expecting {len(names)} features as input"
        )
    return pd.DataFrame(array, columns=pd.Index(found)).infer_objects()


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
