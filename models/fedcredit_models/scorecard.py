"""The scorecard: bins, coefficients and points, as a scikit-learn classifier.

Unfitted it is the modeller's choice of rules, in a notebook or in a federated job. Fitted, by
`fit` on one table or by `from_parts` from what a federation released, it scores applicants offline:
probabilities, points, reasons, tables. It is saved as JSON and read back strictly; a file that is
not exactly a scorecard is refused.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Tags, TransformerTags
from sklearn.utils.validation import check_is_fitted

from fedcredit_models import card_json, fitting, logistic, pmml, sql
from fedcredit_models.bad_classifier import (
    BadClassifier,
    check_scored,
    check_settings,
    labelled,
    named,
)
from fedcredit_models.binning import BinningRules, BinTable, CellRules
from fedcredit_models.schema import Schema, check, infer

SUSPICIOUS_IV = 0.5
"""A larger information value is too good: the feature may have been filled in after the outcome."""


RANGES: dict[str, tuple[float, float]] = {
    "max_bins": (2, 100),
    "min_bin": (0.0, 0.5),
    "l2": (0.0, math.inf),
    "fine_bins": (2, 100),
    "grid_cells": (16, 65_536),
    "tolerance": (1e-15, 1e-3),
    "max_rounds": (1, 100),
}
"""Settings of a fit and the smallest and largest value of each."""


class Scorecard(BadClassifier):
    """Monotone bins, weights of evidence, logistic regression, points.

    Parameters
    ----------
    base_score, base_odds, pdo : float, default 600, 50, 20
        `base_score` points mean odds of `base_odds` goods to one bad; `pdo` points double them.
        A higher score is safer.
    max_bins : int, default 8
        Most bins of ordinary values of a feature.
    min_bin : float, default 0.05
        Smallest share of rows in such a bin.
    monotone, signs : bool, default True
        Monotone bad rate along a number; coefficients of one sign. Both can cost AUC:
        ``max_bins=20, min_bin=0.0, monotone=False, signs=False`` is the plain card to compare with.
    l2 : float, default 1.0
        Penalty on squared slopes.
    fine_bins : int, default 20
        Quantile groups before merging.
    grid_cells : int, default 2048
        Cells of the grid on which quantiles are counted.
    tolerance : float, default 1e-9
        Relative step at which Newton's method has converged.
    max_rounds : int, default 25
        Most Newton steps.

    Attributes
    ----------
    tables_ : tuple of BinTable
        One for each kept feature.
    intercept_, coef_ : float, ndarray of shape (n_kept,)
        Log odds of *bad* on weights of evidence ln(good/bad): slopes are negative.
    standard_errors_ : ndarray of shape (1 + n_kept,)
        Intercept first; 0 for a slope that the sign constraint holds at zero.
    dropped_ : dict of str to str
        Features left out, with the reason.
    classes_, feature_names_in_, n_features_in_, n_iter_ : as in scikit-learn

    Disclosure
    ----------
    A fitted card holds every bin's counts, its coefficients and nothing of a single row. Whoever
    receives its JSON receives these.
    """

    def __init__(
        self,
        *,
        base_score: float = 600.0,
        base_odds: float = 50.0,
        pdo: float = 20.0,
        max_bins: int = 8,
        min_bin: float = 0.05,
        monotone: bool = True,
        signs: bool = True,
        l2: float = 1.0,
        fine_bins: int = 20,
        grid_cells: int = 2048,
        tolerance: float = 1e-9,
        max_rounds: int = 25,
    ) -> None:
        self.base_score = base_score
        self.base_odds = base_odds
        self.pdo = pdo
        self.max_bins = max_bins
        self.min_bin = min_bin
        self.monotone = monotone
        self.signs = signs
        self.l2 = l2
        self.fine_bins = fine_bins
        self.grid_cells = grid_cells
        self.tolerance = tolerance
        self.max_rounds = max_rounds

    def __sklearn_tags__(self) -> Tags:
        """Tell scikit-learn that weights of evidence are a transform."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags = TransformerTags()
        return tags

    def fit(
        self,
        X: pd.DataFrame,
        y: ArrayLike,
        *,
        schema: Schema | None = None,
        cells: CellRules | None = None,
    ) -> Self:
        """Fit on one table, with the functions and in the order of a federated run.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            Features; without `schema`, every column is one.
        y : array-like of shape (n_rows,)
            1 = bad, 0 = good.
        schema : Schema, optional
            Declared features; inferred from `X` when absent. With the schema of a federated run,
            fitting the pooled training rows gives that run's card.
        cells : CellRules, optional
            Smallest bins; 10 subjects, bads and goods when absent.

        Raises
        ------
        SchemaError
            When `X` or `y` does not fit the schema; when there is no bad or no good; when no
            feature is left.
        NotConvergedError
            On separable or collinear data.
        ValueError
            For a setting outside its range.
        """
        check_settings(self, RANGES)
        frame, label = labelled(X, y, schema)
        if schema is None:
            schema = infer({"": frame}, label=label)
        check(frame, Schema(features=schema.features, label=label))
        fitted = fitting.fit(
            frame,
            frame[label].to_numpy().astype(np.int64),
            schema.features,
            grid_cells=self.grid_cells,
            fine_bins=self.fine_bins,
            binning=BinningRules(self.max_bins, self.min_bin, self.monotone, cells or CellRules()),
            newton=logistic.NewtonRules(
                l2=self.l2, signs=self.signs, tolerance=self.tolerance, max_rounds=self.max_rounds
            ),
        )
        self._set(
            fitted.tables,
            fitted.coefficients,
            fitted.standard_errors,
            names=list(schema.names),
            dropped=fitted.dropped,
            n_iter=fitted.n_steps,
        )
        return self

    @classmethod
    def from_parts(
        cls,
        tables: Sequence[BinTable],
        coefficients: ArrayLike,
        standard_errors: ArrayLike,
        *,
        features: Sequence[str] | None = None,
        dropped: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        n_iter: int = 0,
    ) -> Self:
        """Build a fitted scorecard from released parts.

        Parameters
        ----------
        tables : sequence of BinTable
            One for each kept feature.
        coefficients, standard_errors : array-like of shape (1 + n_kept,)
            Intercept first.
        features : sequence of str, optional
            Names of all features of the job; those of `tables`, then `dropped`, when absent.
        dropped : mapping of str to str, optional
            Features left out, with the reason.
        params : mapping, optional
            Constructor arguments.
        n_iter : int, default 0
            Newton steps that led here.

        Raises
        ------
        ValueError
            When the parts do not fit together.
        """
        card = cls(**dict(params or {}))
        left_out = dict(dropped or {})
        names = [table.raw.feature.name for table in tables]
        card._set(
            tuple(tables),
            np.asarray(coefficients, dtype=np.float64),
            np.asarray(standard_errors, dtype=np.float64),
            names=list(features) if features is not None else [*names, *left_out],
            dropped=left_out,
            n_iter=n_iter,
        )
        return card

    def _set(
        self,
        tables: tuple[BinTable, ...],
        beta: NDArray[np.float64],
        errors: NDArray[np.float64],
        *,
        names: list[str],
        dropped: dict[str, str],
        n_iter: int,
    ) -> None:
        kept = [table.raw.feature.name for table in tables]
        if beta.shape != (len(tables) + 1,) or errors.shape != beta.shape:
            raise ValueError(f"expected {len(tables) + 1} coefficients and standard errors")
        if not np.isfinite(beta).all() or not np.isfinite(errors).all() or (errors < 0).any():
            raise ValueError("coefficients must be finite, standard errors finite and not negative")
        if sorted([*kept, *dropped]) != sorted(set(names)) or len(set(names)) != len(names):
            raise ValueError("each feature is either kept or dropped, once")
        for value, word in ((self.base_odds, "base_odds"), (self.pdo, "pdo")):
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{word} must be positive")
        self.tables_ = tables
        self.intercept_ = float(beta[0])
        self.coef_ = beta[1:].copy()
        self.standard_errors_ = errors.copy()
        self.dropped_ = dropped
        self.feature_names_in_ = np.array(names, dtype=object)
        self.n_features_in_ = len(names)
        self.n_iter_ = n_iter
        self.classes_ = np.array([0, 1])

    @property
    def dropped(self) -> dict[str, str]:
        """Features left out of a fitted card, with the reason."""
        check_is_fitted(self)
        return dict(self.dropped_)

    @property
    def suspicious(self) -> dict[str, float]:
        """Features whose information value is above 0.5, with it: check them for a leak."""
        check_is_fitted(self)
        return {
            table.raw.feature.name: table.total_iv
            for table in self.tables_
            if table.total_iv > SUSPICIOUS_IV
        }

    @property
    def factor(self) -> float:
        """Points of one unit of log odds: pdo / ln 2."""
        return self.pdo / math.log(2.0)

    @property
    def offset(self) -> float:
        """Points at even odds; points = offset - factor * eta."""
        return self.base_score - self.factor * math.log(self.base_odds)

    @property
    def neutral_points(self) -> int:
        """Points of a value without a bin (weight of evidence 0): a feature's equal share."""
        return round(self.neutral_exact)

    @property
    def neutral_exact(self) -> float:
        """The same before rounding."""
        check_is_fitted(self)
        return (self.offset - self.factor * self.intercept_) / max(len(self.tables_), 1)

    def transform(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return weights of evidence, shape (n_rows, n_kept).

        Raises
        ------
        SchemaError
            For a missing column, text where numbers belong, or infinity. Unseen categories, missing
            values and numbers beyond the bounds are scored.
        """
        rows = self._check(X)
        columns = [table.transform(rows[table.raw.feature.name]) for table in self.tables_]
        return np.column_stack(columns) if columns else np.empty((len(rows), 0))

    def fit_transform(self, X: pd.DataFrame, y: ArrayLike) -> NDArray[np.float64]:
        """Fit, and return the weights of evidence of the same rows."""
        return self.fit(X, y).transform(X)

    def _check(self, X: pd.DataFrame) -> pd.DataFrame:
        check_is_fitted(self)
        rows = named(X, list(self.feature_names_in_))
        check_scored(rows, [table.raw.feature for table in self.tables_])
        return rows

    def decision_function(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return eta, the log odds of bad."""
        woe = self.transform(X)
        return np.asarray(self.intercept_ + woe @ self.coef_)

    def score_points(self, X: pd.DataFrame) -> NDArray[np.int64]:
        """Return the sum of the points of each row's bins, as the table prints them.

        Each bin's points are rounded to an integer, so a sum over p features is within p / 2 points
        of ``offset - factor * eta``.
        """
        return np.asarray(self._points(X).sum(axis=1), dtype=np.int64)

    def _points(self, X: pd.DataFrame) -> NDArray[np.int64]:
        """Return points by row and feature, after the checks of `transform`."""
        rows = self._check(X)
        if not self.tables_:
            return np.full((len(rows), 1), self.neutral_points)
        columns = [
            np.append(self.bin_points(j), self.neutral_points)[
                table.bin_of(rows[table.raw.feature.name])
            ]
            for j, table in enumerate(self.tables_)
        ]
        return np.column_stack(columns)

    def bin_points(self, j: int) -> NDArray[np.int64]:
        """Return the points of each bin of kept feature `j`, whole numbers."""
        points: NDArray[np.int64] = np.rint(self.exact_points(j)).astype(np.int64)
        return points

    def exact_points(self, j: int) -> NDArray[np.float64]:
        """Return the points of each bin of kept feature `j` before rounding."""
        return np.asarray(self.neutral_exact - self.factor * self.coef_[j] * self.tables_[j].woe)

    def reasons(self, X: pd.DataFrame, n: int = 4) -> pd.DataFrame:
        """Return the features that cost each row most points against their best bin.

        Returns
        -------
        DataFrame
            Columns ``rank`` (1 = most), ``feature``, ``bin``, ``points_lost``; up to `n` rows for
            each row of `X`, under its index. A feature at its best costs nothing and is no reason.
        """
        X, points = self._check(X), self._points(X)
        best = np.array([self.bin_points(j).max() for j in range(len(self.tables_))], dtype=int)
        lost = best - points[:, : len(self.tables_)]
        order = np.argsort(-lost, axis=1, kind="stable")[:, :n]
        bins = [table.bin_of(X[table.raw.feature.name]) for table in self.tables_]
        labels = [(*table.labels, "not seen in training") for table in self.tables_]
        found = [
            (index, rank, self.tables_[j].raw.feature.name, labels[j][bins[j][i]], int(lost[i, j]))
            for i, index in enumerate(X.index)
            for rank, j in enumerate(order[i], start=1)
            if lost[i, j] > 0
        ]
        columns = ["row", "rank", "feature", "bin", "points_lost"]
        frame = pd.DataFrame(found, columns=columns).set_index("row")
        frame.index.name = X.index.name
        return frame

    def table(self) -> pd.DataFrame:
        """Return the points table: feature, bin, n, bads, woe, iv, coefficient, points."""
        check_is_fitted(self)
        rows = [
            {
                "feature": table.raw.feature.name,
                "bin": table.labels[b],
                "n": int(table.n[b]),
                "bads": table.bads[b],
                "woe": float(table.woe[b]),
                "iv": float(table.iv[b]),
                "coefficient": float(self.coef_[j]),
                "points": int(self.bin_points(j)[b]),
            }
            for j, table in enumerate(self.tables_)
            for b in range(table.n_bins)
        ]
        columns = ["feature", "bin", "n", "bads", "woe", "iv", "coefficient", "points"]
        return pd.DataFrame(rows, columns=columns)

    def summary(self) -> pd.DataFrame:
        """Return the Wald table: term, coefficient, standard_error, wald_z, p_value, iv, note.

        A slope held at zero by the sign constraint has error 0, z 0 and p 1. The note warns of an
        information value above 0.5. Features that were left out are in `dropped`.
        """
        check_is_fitted(self)
        beta = np.array([self.intercept_, *self.coef_])
        z = np.divide(
            beta, self.standard_errors_, out=np.zeros(len(beta)), where=self.standard_errors_ > 0
        )
        return pd.DataFrame(
            {
                "term": ["intercept", *(table.raw.feature.name for table in self.tables_)],
                "coefficient": beta,
                "standard_error": self.standard_errors_,
                "wald_z": z,
                "p_value": [math.erfc(abs(value) / math.sqrt(2.0)) for value in z],
                "iv": [math.nan, *(table.total_iv for table in self.tables_)],
                "note": [
                    "",
                    *(
                        self._note(table, slope)
                        for table, slope in zip(self.tables_, self.coef_, strict=True)
                    ),
                ],
            }
        )

    @staticmethod
    def _note(table: BinTable, slope: float) -> str:
        if table.total_iv > SUSPICIOUS_IV:
            return "suspicious: information value above 0.5 (leak?)"
        return "held at zero by the sign constraint" if slope == 0.0 else ""

    def to_sql(self, table: str, *, quote: str = '"') -> str:
        """Return one SQL statement that scores every row of `table`.

        See :func:`fedcredit_models.sql.scorecard_sql`.
        """
        check_is_fitted(self)
        return sql.scorecard_sql(self, table, quote=quote)

    def to_pmml(self, *, points: Literal["whole", "exact"] = "whole") -> str:
        """Return the fitted card as one PMML 4.4 document, a ``Scorecard`` with reason codes.

        See :func:`fedcredit_models.pmml.scorecard_pmml`.
        """
        check_is_fitted(self)
        return pmml.scorecard_pmml(self, points=points)

    def to_json(self) -> str:
        """Return the fitted card as JSON text; `from_json` gives it back to the last bit."""
        check_is_fitted(self)
        return json.dumps(card_json.document(self), allow_nan=False, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a card written by `to_json`.

        Raises
        ------
        ValueError
            When the text is anything else; nothing in it names code.
        """
        parts = card_json.parse(text)
        return cls.from_parts(**parts)
