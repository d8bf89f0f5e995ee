"""The columns of a task, and whether a table keeps to them.

A schema is declared and public: name, kind, bounds and levels of every feature, the 0/1 label, and
optional columns for the subject, the time and a given split. `check` holds a table against it
before a row is counted; `infer` proposes one from tables that lie side by side, which only a
simulation or one bank's own notebook can do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fedcredit_models.columns import kind_of, numbers
from fedcredit_models.errors import SchemaError
from fedcredit_models.feature import Feature
from fedcredit_models.inference import infer_feature

__all__ = ["Feature", "Schema", "SchemaError", "check", "check_features", "check_label", "infer"]


@dataclass(frozen=True)
class Schema:
    """Columns of a task.

    Parameters
    ----------
    features : tuple of Feature
        In the order of every released list.
    label : str
        0/1 column, 1 = bad.
    id_column, time_column, split_column : str or None
        Subject (for the hold-out), time (for out-of-time), given split.

    Raises
    ------
    ValueError
        When a column has two roles.
    """

    features: tuple[Feature, ...]
    label: str
    id_column: str | None = None
    time_column: str | None = None
    split_column: str | None = None

    def __post_init__(self) -> None:
        """Refuse a column with two roles; id, time and split may not be features."""
        object.__setattr__(self, "features", tuple(self.features))
        names = [*self.names, self.label, *self.roles]
        if len(set(names)) != len(names):
            raise ValueError("schema: each column has one role")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(feature.name for feature in self.features)

    @property
    def roles(self) -> tuple[str, ...]:
        """Names of the id, time and split columns that are declared."""
        given = (self.id_column, self.time_column, self.split_column)
        return tuple(name for name in given if name is not None)

    def to_dict(self) -> dict[str, Any]:
        """Return the schema as JSON-able values."""
        return {
            "features": [feature.to_dict() for feature in self.features],
            "label": self.label,
            "id_column": self.id_column,
            "time_column": self.time_column,
            "split_column": self.split_column,
        }


def check(frame: pd.DataFrame, schema: Schema, *, scoring: bool = False) -> None:
    """Refuse a table that does not keep to its schema.

    Parameters
    ----------
    frame : DataFrame
        The table.
    schema : Schema
        What it must hold; further columns are ignored.
    scoring : bool, default False
        For applicants to be scored: no label, no split, no bounds (a value outside falls into the
        outermost bin), and an empty table is fine.

    Raises
    ------
    SchemaError
        For the first of: a missing or doubled column, an empty table, a label other than 0/1, a
        subject with several rows, a wrong type, infinity, a value outside its bounds. Messages
        count rows, they show no value.

    Disclosure
    ----------
    Nothing: runs where the rows are. The message says how many rows break a rule.
    """
    needed = [*schema.names, *(() if scoring else (schema.label, *schema.roles))]
    for name in needed:
        n_found = int((frame.columns == name).sum())
        if n_found != 1:
            raise _not_once(frame, name, n_found)
    if not scoring:
        if len(frame) == 0:
            raise SchemaError(
                "the table is empty",
                kind="empty",
                expected="at least one row",
                found="no rows",
                remedy="check the file and its filter",
            )
        check_label(frame[schema.label])
        if schema.id_column is not None:
            _check_subjects(frame[schema.id_column])
    for feature in schema.features:
        _check_feature(frame[feature.name], feature, bounds=not scoring)


def check_features(frame: pd.DataFrame, features: Sequence[Feature]) -> None:
    """Refuse a table in which a declared column is missing, of another type or out of bounds.

    For a table that no task has named yet: no label, no roles.

    Raises
    ------
    SchemaError
        As `check` does.
    """
    for feature in features:
        n_found = int((frame.columns == feature.name).sum())
        if n_found != 1:
            raise _not_once(frame, feature.name, n_found)
        _check_feature(frame[feature.name], feature, bounds=True)


def _not_once(frame: pd.DataFrame, name: str, n_found: int) -> SchemaError:
    return SchemaError(
        f"column {name} stands {n_found} times in the table"
        if n_found
        else f"the table has no column {name}",
        kind="column",
        expected=f"one column {name}",
        found=", ".join(map(str, list(frame.columns)[:20])) or "no columns",
        remedy="correct the name in the job or in the table; a feature can be left out of the job",
    )


def _check_subjects(series: "pd.Series[Any]") -> None:
    """Refuse a subject with several rows: the cell rules count rows, and mean subjects."""
    n_repeated = int(series.dropna().duplicated(keep=False).sum())
    if n_repeated:
        raise SchemaError(
            f"column {series.name} names a subject in more than one row",
            kind="repeated",
            expected="one row for each subject",
            found=f"{n_repeated} rows that share one",
            remedy="keep one row a subject, such as the newest; or name no id_column when a row is "
            "the subject",
        )


def check_label(series: "pd.Series[Any]") -> None:
    """Refuse a label that is not 0 or 1 in every row.

    Raises
    ------
    SchemaError
        Saying how many rows have none, or another value; never the value.
    """
    if series.isna().any():
        found = f"{int(series.isna().sum())} rows without a label"
    elif kind_of(series) != "numeric":
        found = f"values of type {series.dtype}"
    else:
        n_wrong = int((~np.isin(numbers(series), (0.0, 1.0))).sum())
        if n_wrong == 0:
            return
        found = f"{n_wrong} rows with another value"
    raise SchemaError(
        f"label {series.name} is not 0/1",
        kind="label",
        expected="0 = good and 1 = bad in every row",
        found=found,
        remedy=f'map the label to 0 and 1, such as (frame["{series.name}"] == "yes").astype(int), '
        "and leave indeterminate accounts out",
    )


def _check_feature(series: "pd.Series[Any]", feature: Feature, *, bounds: bool) -> None:
    kind = kind_of(series)
    if feature.kind == "categorical" or kind == "empty":
        return  # whole numbers may be codes of a declared category; all-missing fits anything
    if kind != "numeric":
        raise SchemaError(
            f"column {feature.name} does not hold numbers",
            kind="dtype",
            expected="numbers",
            found=f"{kind} ({series.dtype})",
            remedy="read the column as numbers, or declare it categorical",
        )
    x = numbers(series)
    n_infinite = int(np.isinf(x).sum())
    if n_infinite:
        raise SchemaError(
            f"column {feature.name} holds infinity",
            kind="infinity",
            expected="finite numbers, or missing",
            found=f"{n_infinite} rows with infinity",
            remedy="a ratio with a zero denominator is missing or a special code",
        )
    lower, upper = feature.bounds
    ordinary = ~np.isnan(x) & ~np.isin(x, feature.special)
    n_outside = int((ordinary & ((x < lower) | (x > upper))).sum())
    if bounds and n_outside:
        unit = f" {feature.unit}" if feature.unit else ""
        raise SchemaError(
            f"column {feature.name} leaves its declared bounds",
            kind="bounds",
            expected=f"{lower:.12g} to {upper:.12g}{unit}",
            found=f"{n_outside} of {len(x)} rows outside",
            remedy="check the unit; declare codes such as -999 as special; or widen the bounds",
        )


def infer(
    frames: Mapping[str, pd.DataFrame],
    *,
    label: str,
    features: Sequence[str] | None = None,
    id_column: str | None = None,
    time_column: str | None = None,
    split_column: str | None = None,
) -> Schema:
    """Propose a schema from tables that lie side by side.

    Bounds are the smallest and largest value, rounded outward to two significant digits. A heavy
    tail (middle 90 % of the values within a twentieth of the bounds) puts the grid on the asinh
    scale. Levels are the sorted union of what the tables hold, the 50 most frequent at most.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        Each party's table.
    label : str
        0/1 column.
    features : sequence of str, optional
        Columns to use; all but label, id, time and split when absent.
    id_column, time_column, split_column : str, optional
        As in `Schema`.

    Raises
    ------
    SchemaError
        As in `check`, with the party's name; or when a column is text here and numbers there.

    Disclosure
    ----------
    Reads every table: extremes, quantiles and levels enter the schema. For simulation and for one
    bank's own rows. Between real banks the schema is declared.
    """
    if not frames or all(len(frame) == 0 for frame in frames.values()):
        raise SchemaError("there is no table with rows", kind="empty", expected="a row", found="0")
    not_features = {label, id_column, time_column, split_column}
    if features is None:
        first = next(iter(frames.values()))
        features = [str(name) for name in first.columns if name not in not_features]
    if not features:
        raise SchemaError(
            "the tables hold no feature", kind="column", expected="a feature", found="none"
        )
    found = []
    for name in features:
        columns = {}
        for party, frame in frames.items():
            if int((frame.columns == name).sum()) != 1:
                raise SchemaError(
                    f"column {name} stands more than once in the table"
                    if name in frame.columns
                    else f"the table has no column {name}",
                    kind="column",
                    expected=f"one column {name}",
                    found=", ".join(map(str, list(frame.columns)[:20])) or "no columns",
                    remedy="give every table the same columns, or name the features",
                    party=party,
                )
            columns[party] = frame[name]
        found.append(infer_feature(name, columns))
    return Schema(
        features=tuple(found),
        label=label,
        id_column=id_column,
        time_column=time_column,
        split_column=split_column,
    )
