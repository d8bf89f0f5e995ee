"""When a row is from, in whole days: what a data window of a grant is compared with.

A time column is written in many ways: dates, moments, months, numbers such as 20240131 or 202401.
A month or a year is all of its days; it lies in a window only when the window holds all of them. A
row whose time is missing or cannot be read lies in no window: nobody has shown that it may be used.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_WRITTEN = {4: "%Y", 6: "%Y%m", 7: "%Y-%m", 8: "%Y%m%d"}
_MONTHS = {4: 12, 6: 1, 7: 1}


def days(column: "pd.Series[Any]") -> tuple["pd.Series[Any]", "pd.Series[Any]"]:
    """Return the first and the last day that each row is about, in UTC; NaT where unknown.

    Parameters
    ----------
    column : Series
        Dates, moments, texts or numbers.
    """
    if pd.api.types.is_datetime64_any_dtype(column):
        moments = pd.to_datetime(column, utc=True).dt.floor("D")
        return moments, moments
    text = column.astype("string").str.strip().str.removesuffix(".0")
    length = text.str.len()
    iso = pd.to_datetime(text.where(length >= 10), format="ISO8601", errors="coerce", utc=True)
    first = iso.dt.floor("D")
    last = first
    for n_letters, written in _WRITTEN.items():
        given = text.where(length == n_letters)
        start = pd.to_datetime(given, format=written, errors="coerce", utc=True)
        end = start
        if n_letters in _MONTHS:
            end = start + pd.DateOffset(months=_MONTHS[n_letters]) - pd.Timedelta(days=1)
        first, last = first.fillna(start), last.fillna(end)
    return first, last


def within(column: "pd.Series[Any]", data_from: str, data_to: str) -> NDArray[np.bool_]:
    """Tell of each row whether all of its days lie in a window.

    Parameters
    ----------
    column : Series
        See `days`.
    data_from, data_to : str
        First and last day, ``YYYY-MM-DD``; open when empty.
    """
    first, last = days(column)
    inside = (first.notna() & last.notna()).to_numpy(dtype=bool)
    if data_from:
        inside = inside & (first >= pd.Timestamp(data_from, tz="UTC")).to_numpy(dtype=bool)
    if data_to:
        inside = inside & (last <= pd.Timestamp(data_to, tz="UTC")).to_numpy(dtype=bool)
    return inside
