"""Gradient-boosted trees on histograms, as a scikit-learn classifier.

Unfitted it is the modeller's choice of rules. Fitted, it scores applicants offline: probabilities,
contributions of each feature, importance. Every step of a fit reads the rows only through integer
sums, so that several parties' sums give the trees of their pooled rows, bit for bit.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from fedcredit_models import boosting, gbdt_json, pmml, shapley, sql, tree_exchange, trees
from fedcredit_models.bad_classifier import (
    BadClassifier,
    check_scored,
    check_settings,
    labelled,
    named,
)
from fedcredit_models.boosting import BoostedRows, BoostingRules
from fedcredit_models.boosting_start import SUSPICIOUS_IV, begin
from fedcredit_models.cell_rules import CellRules
from fedcredit_models.cells import RawCells, count
from fedcredit_models.dropped import REASONS, told
from fedcredit_models.feature import Feature
from fedcredit_models.grid import Grid, quantiles
from fedcredit_models.schema import Schema, SchemaError, check, infer
from fedcredit_models.tree_growth import GrowthRules
from fedcredit_models.trees import Tree

RANGES: dict[str, tuple[float, float]] = {
    "n_trees": (1, 10_000),
    "max_depth": (1, 10),
    "learning_rate": (1e-4, 1.0),
    "l2": (0.0, 1e6),
    "min_rows": (1, 10_000_000),
    "min_gain": (0.0, 1e9),
    "bins": (2, 255),
    "patience": (0, 10_000),
    "grid_cells": (16, 65_536),
}
"""Settings of a fit and the smallest and largest value of each."""


class Gbdt(BadClassifier):
    """Trees grown level by level from histograms of gradients and curvatures.

    Parameters
    ----------
    n_trees : int, default 100
        Most trees.
    max_depth : int, default 5
        Splits from the root to a leaf.
    learning_rate : float, default 0.1
        Share of its best move that a leaf makes.
    l2 : float, default 1.0
        Penalty on squared moves.
    min_rows : int, default 20
        Least training rows of every node.
    min_gain : float, default 0.0
        A split must save more log loss than this.
    bins : int, default 32
        Quantile groups of a number; missing values and special codes have cells of their own.
    monotone : mapping of str to {-1, 1}, optional
        Feature -> 1 when more of it is worse (log odds of bad rise), -1 when more is better.
    bad_weight : float or "balanced", default 1.0
        Weight of a bad row; "balanced" gives goods and bads the same total.
    patience : int, default 0
        Stop when the hold-out's log loss has not fallen for so many trees; 0 grows them all.
    grid_cells : int, default 2048
        Cells of the grid on which quantiles are counted.

    Attributes
    ----------
    trees_ : tuple of Tree
    base_ : int
        Log odds before the first tree, in units of 2**-40.
    raw_ : tuple of RawCells
        Cells of each feature.
    losses_ : list of (float, float or None)
        Mean log loss after each tree but the last: training, hold-out.
    dropped_ : dict of str to str
        Features left out, and why.
    suspicious_ : dict of str to float
        Features that tell the outcome too well, with the bound of the information value that they
        are above.
    classes_, feature_names_in_, n_features_in_ : as in scikit-learn

    Notes
    -----
    Interactions are learnt up to `max_depth` features deep. Trees are grown level by level, because
    in a federation a level costs one sum; scikit-learn's ``HistGradientBoostingClassifier`` with
    the same bins, ``max_leaf_nodes=None`` and numbers without missing values grows the same ones.

    Disclosure
    ----------
    A fitted model holds each split's feature and cells, the number of training rows of each node,
    and the leaves' values; nothing of a single row. Whoever receives its JSON receives these.
    """

    def __init__(
        self,
        *,
        n_trees: int = 100,
        max_depth: int = 5,
        learning_rate: float = 0.1,
        l2: float = 1.0,
        min_rows: int = 20,
        min_gain: float = 0.0,
        bins: int = 32,
        monotone: Mapping[str, int] | None = None,
        bad_weight: float | Literal["balanced"] = 1.0,
        patience: int = 0,
        grid_cells: int = 2048,
    ) -> None:
        self.n_trees = n_trees
        self.max_depth = max_depth
        self.learning_rate = learning_rate
        self.l2 = l2
        self.min_rows = min_rows
        self.min_gain = min_gain
        self.bins = bins
        self.monotone = monotone
        self.bad_weight = bad_weight
        self.patience = patience
        self.grid_cells = grid_cells

    def fit(
        self,
        X: pd.DataFrame,
        y: ArrayLike,
        *,
        holdout: tuple[pd.DataFrame, ArrayLike] | None = None,
        schema: Schema | None = None,
        cells: CellRules | None = None,
    ) -> Self:
        """Fit on one table, with the functions of a federated run.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            Features; without `schema`, every column is one.
        y : array-like of shape (n_rows,)
            1 = bad, 0 = good.
        holdout : (DataFrame, array-like), optional
            Rows that stop the growth; needed with `patience`.
        schema : Schema, optional
            Declared features; inferred from `X` when absent.
        cells : CellRules, optional
            Cell rules of a federation: they bind every node and every group of values that go
            together, and a feature with nothing to learn is left out. One's own rows need none.

        Raises
        ------
        SchemaError
            When `X` or `y` does not fit the schema, there is no bad or no good, or no feature is
            left.
        ValueError
            For a setting outside its range.
        """
        check_settings(self, RANGES)
        if self.patience and holdout is None:
            raise ValueError("patience stops by a hold-out: pass holdout=(X, y), or patience=0")
        frame, label = labelled(X, y, schema)
        schema = schema or infer({"": frame}, label=label)
        features = schema.features
        check(frame, Schema(features=features, label=label))
        outcome = frame[label].to_numpy().astype(np.int64)
        if outcome.min() == outcome.max():
            raise SchemaError(
                "the table holds one outcome, one class, only",
                kind="label",
                expected="goods and bads",
                found="no bads" if outcome.max() == 0 else "no goods",
                remedy="use a longer window or more rows",
            )
        raw = tuple(RawCells(f, _edges(frame[f.name], f, self, cells)) for f in features)
        fellows = None
        dropped: dict[str, str] = {}
        suspicious: dict[str, float] = {}
        if cells is not None:
            counts = [count(r, frame[r.feature.name], outcome) for r in raw]
            starts = [
                begin(r, bads.tolist(), goods.tolist(), cells)
                for r, (bads, goods) in zip(raw, counts, strict=True)
            ]
            names = [r.feature.name for r in raw]
            dropped = {n: x.dropped for n, x in zip(names, starts, strict=True) if x.dropped}
            kept = [(r, x) for r, x in zip(raw, starts, strict=True) if not x.dropped]
            if not kept:
                raise SchemaError(
                    "no feature tells anything under the cell rules",
                    kind="constant",
                    expected="a feature with two groups of values of enough rows, bads and goods",
                    found=told(dropped),
                    remedy="use more rows, or other features",
                )
            raw, fellows = tuple(r for r, _ in kept), [x.fellows for _, x in kept]
            suspicious = {r.feature.name: SUSPICIOUS_IV for r, x in kept if x.is_suspicious}
        held = []
        if holdout is not None:
            rest, _ = labelled(holdout[0], holdout[1], schema, label)
            check(rest, Schema(features=features, label=label), scoring=True)
            held = [BoostedRows(cells_of(raw, rest), rest[label].to_numpy().astype(np.int64))]
        course = boosting.fit(
            [BoostedRows(cells_of(raw, frame), outcome)],
            raw,
            self._rules([f.name for f in features], raw, outcome, cells),
            held,
            fellows,
        )
        self._set(raw, course.base, tuple(course.trees))
        self.losses_ = list(course.losses)
        self.dropped_ = {name: REASONS[word] for name, word in dropped.items()}
        self.suspicious_ = suspicious
        return self

    def _rules(
        self,
        names: Sequence[str],
        raw: Sequence[RawCells],
        y: NDArray[np.int64],
        cells: CellRules | None,
    ) -> BoostingRules:
        monotone = dict(self.monotone or {})
        if not set(monotone) <= set(names) or not set(monotone.values()) <= {-1, 1}:
            raise ValueError(
                "monotone names features, each 1 (more is worse) or -1 (more is better)"
            )
        weight = self.bad_weight
        if isinstance(weight, str):
            weight = float((y == 0).sum() / (y == 1).sum())
        least = cells or CellRules(1, 0, 0)
        return BoostingRules(
            growth=GrowthRules(
                l2=self.l2,
                min_rows=max(self.min_rows, least.min_subjects),
                min_bads=least.min_bads,
                min_goods=least.min_goods,
                rounding=least.min_subjects,
                min_gain=self.min_gain,
                learning_rate=self.learning_rate,
                monotone=tuple(monotone.get(r.feature.name, 0) for r in raw),
            ),
            max_depth=self.max_depth,
            max_trees=self.n_trees,
            bad_weight=weight,
            patience=self.patience,
        )

    @classmethod
    def from_parts(
        cls,
        raw: Sequence[RawCells],
        base: int,
        trees: Sequence[Tree],
        *,
        losses: Sequence[tuple[float, float | None]] = (),
        dropped: Mapping[str, str] | None = None,
        suspicious: Mapping[str, float] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Self:
        """Build a fitted model from released parts.

        Raises
        ------
        ValueError
            When a tree asks for a feature or a cell that is not there.
        """
        model = cls(**dict(params or {}))
        model._set(tuple(raw), base, tuple(trees))
        model.losses_ = list(losses)
        model.dropped_ = dict(dropped or {})
        model.suspicious_ = dict(suspicious or {})
        return model

    def _set(self, raw: tuple[RawCells, ...], base: int, trees: tuple[Tree, ...]) -> None:
        for node in (node for tree in trees for node in tree.nodes if not node.is_leaf):
            if node.feature >= len(raw) or not set(node.left) <= set(range(raw[node.feature].n)):
                raise ValueError("a tree asks for a feature or a cell that is not there")
        self.raw_ = raw
        self.base_ = base
        self.trees_ = trees
        self.feature_names_in_ = np.array([cells.feature.name for cells in raw], dtype=object)
        self.n_features_in_ = len(raw)
        self.classes_ = np.array([0, 1])

    def _cells(self, X: pd.DataFrame) -> NDArray[np.int64]:
        check_is_fitted(self)
        rows = named(X, list(self.feature_names_in_))
        check_scored(rows, [cells.feature for cells in self.raw_])
        return cells_of(self.raw_, rows)

    def decision_function(self, X: pd.DataFrame) -> NDArray[np.float64]:
        """Return the log odds of bad.

        Raises
        ------
        SchemaError
            For a missing column, text where numbers belong, or infinity. Unseen categories, missing
            values and numbers beyond the bounds are scored.
        """
        cells = self._cells(X)
        return trees.log_odds(self.base_, self.trees_, cells)

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return what each feature adds to each row's log odds: exact Shapley values.

        Returns
        -------
        DataFrame
            A column for each feature and ``expected``, what all rows share; they add up to
            `decision_function`.
        """
        cells = self._cells(X)
        sizes = [raw.n for raw in self.raw_]
        values, expected = shapley.contributions(self.base_, self.trees_, cells, sizes)
        frame = pd.DataFrame(values, columns=list(self.feature_names_in_), index=named(X).index)
        frame["expected"] = expected
        return frame

    def importance(self) -> pd.DataFrame:
        """Return how much each feature is asked: splits, and training rows that pass them.

        Returns
        -------
        DataFrame
            Columns ``feature``, ``splits``, ``rows``; most rows first.
        """
        check_is_fitted(self)
        asked = [node for tree in self.trees_ for node in tree.nodes if not node.is_leaf]
        rows = [
            {
                "feature": str(name),
                "splits": sum(node.feature == i for node in asked),
                "rows": sum(node.n for node in asked if node.feature == i),
            }
            for i, name in enumerate(self.feature_names_in_)
        ]
        found = pd.DataFrame(rows, columns=["feature", "splits", "rows"])
        return found.sort_values("rows", ascending=False, kind="stable", ignore_index=True)

    @property
    def dropped(self) -> dict[str, str]:
        """Features that were left out, and why."""
        check_is_fitted(self)
        return dict(self.dropped_)

    @property
    def suspicious(self) -> dict[str, float]:
        """Features whose information value is above 0.5 (leaks?), with what it is at least."""
        check_is_fitted(self)
        return dict(self.suspicious_)

    def summary(self) -> pd.DataFrame:
        """Return what to look at first: each feature's splits, share of rows asked, and direction.

        Returns
        -------
        DataFrame
            Columns ``feature``, ``splits``, ``rows``, ``share`` (of all rows asked) and
            ``monotone``; most rows first.
        """
        found = self.importance()
        found["share"] = found["rows"] / max(int(found["rows"].sum()), 1)
        words = {1: "more is worse", -1: "more is better"}
        asked = dict(self.monotone or {})
        found["monotone"] = [words.get(asked.get(name, 0), "") for name in found["feature"]]
        return found

    def to_sql(self, table: str, *, quote: str = '"') -> str:
        """Return one SQL statement that scores every row of `table`.

        See :func:`fedcredit_models.sql.gbdt_sql`.
        """
        check_is_fitted(self)
        return sql.gbdt_sql(self, table, quote=quote)

    def to_pmml(self) -> str:
        """Return the fitted model as one PMML 4.4 document: trees whose scores are added.

        See :func:`fedcredit_models.pmml.gbdt_pmml`.
        """
        check_is_fitted(self)
        return pmml.gbdt_pmml(self)

    def to_lightgbm(self) -> str:
        """Return the fitted model as a text model of LightGBM, to the last bit.

        See :func:`fedcredit_models.tree_exchange.lightgbm_text` for what it reads, and
        :func:`fedcredit_models.tree_exchange.lightgbm_rows` to give it a table.
        """
        check_is_fitted(self)
        return tree_exchange.lightgbm_text(self)

    def to_json(self) -> str:
        """Return the fitted model as JSON text; `from_json` gives it back to the last bit."""
        check_is_fitted(self)
        return json.dumps(gbdt_json.document(self), allow_nan=False, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a model written by `to_json`.

        Raises
        ------
        ValueError
            When the text is anything else; nothing in it names code.
        """
        return cls.from_parts(**gbdt_json.parse(text))


def cells_of(raw: Sequence[RawCells], frame: pd.DataFrame) -> NDArray[np.int64]:
    """Return the cell of each row in each feature, shape (n_rows, n_features)."""
    columns = [cells.cell_of(frame[cells.feature.name]) for cells in raw]
    return np.column_stack(columns).astype(np.int64)


def _edges(
    series: "pd.Series[Any]", feature: Feature, rules: Gbdt, least: CellRules | None
) -> tuple[float, ...]:
    """Return the edges of a number's quantile groups; a category has none."""
    if feature.kind == "categorical":
        return ()
    grid = Grid(feature, cells=rules.grid_cells)
    smallest = 1 if least is None else least.min_subjects
    cells = quantiles(grid, grid.histogram(series).tolist(), rules.bins, smallest)
    return tuple(float(grid.upper[cell]) for cell in cells)
