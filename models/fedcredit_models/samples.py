"""Which sample a row belongs to: training, hold-out or out of time.

The hold-out is drawn by a keyed hash of the subject, so that one subject falls on one side at every
party, and no party can choose whom to hold out. Where there is no id column, the declared feature
values of the row stand for the subject: equal rows fall on one side.
"""

import hashlib
import hmac
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models.columns import level_text, numbers
from fedcredit_models.errors import SchemaError
from fedcredit_models.schema import Schema

SAMPLES = ("train", "holdout", "oot")
"""Names of the samples, in the order in which results list them."""

_ID = b"fedcredit-split/v1/id\x00"
_ROW = b"fedcredit-split/v1/row\x00"


def assign(
    frame: pd.DataFrame,
    schema: Schema,
    *,
    holdout: float,
    split_key: bytes,
    oot_from: str | None = None,
) -> NDArray[np.str_]:
    """Return "train", "holdout" or "oot" for each row.

    1. A row whose time is `oot_from` or later is "oot".
    2. Otherwise the split column decides, where the schema has one.
    3. Otherwise the row is held out when u < `holdout`, u being the first 8 bytes, big-endian, of
       ``HMAC-SHA256(split_key, subject)`` as a fraction of 2**64. The subject is
       ``"fedcredit-split/v1/id" NUL id`` (the id as text; a whole float without its ".0"), or,
       without id column or id, ``"fedcredit-split/v1/row" NUL`` and the features in schema
       order: a number as a big-endian IEEE double (missing: the quiet NaN 0x7ff8000000000000,
       -0 as 0), a level as its UTF-8 length in 4 bytes and its UTF-8 bytes (missing: 0xffffffff).
       The label plays no part.

    Parameters
    ----------
    frame : DataFrame
        A table that passed ``schema.check``.
    schema : Schema
        Names the id, time and split columns.
    holdout : float
        Share of subjects to hold out; 0 trains on every row.
    split_key : bytes
        Key shared by the data holders.
    oot_from : str, optional
        First moment out of time: an ISO date, or a number such as "202401" for a numeric column.

    Raises
    ------
    SchemaError
        For a split value other than the three names, a time that is missing or cannot be read, or
        `oot_from` without a time column.
    """
    n = len(frame)
    if schema.split_column is not None:
        sample = _given(frame[schema.split_column])
    else:
        sample = np.full(n, "train", dtype="<U7")
        if holdout > 0:
            threshold = int(holdout * 2**64)
            drawn = (_draw(split_key, subject) for subject in _subjects(frame, schema))
            sample[np.fromiter((u < threshold for u in drawn), dtype=bool, count=n)] = "holdout"
    if oot_from is not None:
        sample[_is_late(frame, schema.time_column, oot_from)] = "oot"
    return sample


def _draw(split_key: bytes, subject: bytes) -> int:
    return int.from_bytes(hmac.digest(split_key, subject, hashlib.sha256)[:8], "big")


def _subjects(frame: pd.DataFrame, schema: Schema) -> list[bytes]:
    if schema.id_column is None:
        return _rows(frame, schema)
    column = frame[schema.id_column]
    ids = [_ID + level_text(value).encode() for value in column]
    missing = np.flatnonzero(column.isna().to_numpy())
    if len(missing):
        rows = _rows(frame.iloc[missing], schema)
        for place, row in zip(missing, rows, strict=True):
            ids[place] = row
    return ids


def _rows(frame: pd.DataFrame, schema: Schema) -> list[bytes]:
    columns = [_encoded(frame[f.name], numeric=f.kind == "numeric") for f in schema.features]
    return [_ROW + b"".join(parts) for parts in zip(*columns, strict=True)]


def _encoded(series: "pd.Series[Any]", *, numeric: bool) -> list[bytes]:
    """Return each value's canonical bytes."""
    if numeric:
        x = numbers(series) + 0.0  # -0.0 + 0.0 is 0.0
        x[np.isnan(x)] = np.nan
        block = x.astype(">f8").tobytes()
        return [block[i : i + 8] for i in range(0, len(block), 8)]
    codes, uniques = pd.factorize(series)
    table = []
    for value in uniques:
        text = level_text(value).encode()
        table.append(len(text).to_bytes(4, "big") + text)
    table.append(b"\xff\xff\xff\xff")  # code -1
    return [table[code] for code in codes]


def _given(series: "pd.Series[Any]") -> NDArray[np.str_]:
    text = np.array([str(value) for value in series], dtype="<U7")
    n_unknown = int((~series.isin(SAMPLES)).sum())
    if n_unknown:
        raise SchemaError(
            f"split column {series.name} holds other words than the names of samples",
            kind="split",
            expected=" or ".join(SAMPLES),
            found=f"{n_unknown} rows with something else",
            remedy="write train, holdout or oot in every row",
        )
    return text


def _is_late(frame: pd.DataFrame, time_column: str | None, oot_from: str) -> NDArray[np.bool_]:
    if time_column is None:
        raise SchemaError(
            "an out-of-time sample needs a time column",
            kind="time",
            expected="time_column in the schema",
            found="none",
            remedy="name the column that holds the date of each row",
        )
    column = frame[time_column]
    numeric = pd.api.types.is_numeric_dtype(column.dtype)
    try:
        if numeric:
            times: Any = pd.Series(numbers(column))
            start: Any = float(oot_from)
        else:
            times = pd.to_datetime(column, utc=True, format="ISO8601")
            start = pd.to_datetime(oot_from, utc=True, format="ISO8601")
    except (ValueError, TypeError):
        raise SchemaError(
            f"time column {time_column} or oot_from cannot be read as a time",
            kind="time",
            expected="ISO dates, or numbers in both",
            found=f"{column.dtype} against {oot_from!r}",
            remedy="write dates as 2024-01-31",
        ) from None
    n_missing = int(times.isna().sum())
    if n_missing:
        raise SchemaError(
            f"time column {time_column} has rows without a time",
            kind="time",
            expected="a time in every row",
            found=f"{n_missing} rows without",
            remedy="fill or drop them before the job: they belong to no sample",
        )
    return np.asarray((times >= start).to_numpy(), dtype=bool)
