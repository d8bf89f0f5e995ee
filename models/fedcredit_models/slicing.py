"""A partition of rows by one declared column: months, segments or groups.

The slices are declared before a row is read. A value nobody declared is *other*, never a new slice,
and missing is a slice of its own; so every row is in exactly one.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models.columns import level_codes
from fedcredit_models.errors import SchemaError
from fedcredit_models.feature import MISSING, OTHER

MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")

MAX_SLICES = 120
"""Most declared slices of one partition: ten years of months."""


@dataclass(frozen=True)
class Slicing:
    """One partition.

    Parameters
    ----------
    by : {"period", "segment", "group"}
        What it is for.
    column : str
        The column that decides.
    names : tuple of str
        Declared slices. When all are months (``2024-01``), the column holds dates and a row's slice
        is its month; otherwise the column's values are the names.

    Raises
    ------
    ValueError
        For no name, too many, or one twice.
    """

    by: Literal["period", "segment", "group"]
    column: str
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse a partition that is none."""
        if not 1 <= len(self.names) <= MAX_SLICES or len(set(self.names)) != len(self.names):
            raise ValueError(f"{self.by}: 1 to {MAX_SLICES} different slices are declared")

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Names of all slices: the declared ones, other, missing."""
        return (*self.names, OTHER, MISSING)

    @property
    def n(self) -> int:
        """Number of slices."""
        return len(self.names) + 2

    def slice_of(self, frame: pd.DataFrame) -> NDArray[np.int64]:
        """Return each row's slice.

        Raises
        ------
        SchemaError
            When there is no such column, or months are declared and it holds no dates.
        """
        if self.column not in frame.columns:
            raise SchemaError(
                f"the table has no column {self.column}",
                kind="column",
                expected=f"the column of each row's {self.by}",
                found="none of that name",
                remedy="correct the name in the evaluation, or leave it out",
            )
        series = frame[self.column]
        if self.by == "period" and all(MONTH.fullmatch(name) for name in self.names):
            series = self._months(series)
        return level_codes(series, self.names)

    def _months(self, series: "pd.Series[Any]") -> "pd.Series[Any]":
        try:
            if pd.api.types.is_numeric_dtype(series.dtype):
                raise ValueError
            moments = pd.to_datetime(series, utc=True, format="ISO8601")
        except (ValueError, TypeError):
            raise SchemaError(
                f"period column {self.column} does not hold dates",
                kind="time",
                expected="ISO dates such as 2024-01-31, because the periods are months",
                found=str(series.dtype),
                remedy="write dates, or declare the periods by the column's own values",
            ) from None
        return pd.Series(moments.dt.strftime("%Y-%m"), index=series.index)


def months(first: str, last: str) -> tuple[str, ...]:
    """Return the months from `first` to `last`, both included, such as ``2024-01``.

    Raises
    ------
    ValueError
        For what is no month, or a last month before the first.
    """
    if not (MONTH.fullmatch(first) and MONTH.fullmatch(last) and first <= last):
        raise ValueError("months are written 2024-01, the last not before the first")
    start, stop = (int(text[:4]) * 12 + int(text[5:]) - 1 for text in (first, last))
    return tuple(f"{month // 12:04d}-{month % 12 + 1:02d}" for month in range(start, stop + 1))
