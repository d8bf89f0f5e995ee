"""Calendar periods: months, quarters or years between two declared ends.

A period is declared, never found in the rows: the first and the last loan of a bank are its own
affair. Times are those of the task's time column, ISO dates or numbers such as 202401.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models.columns import numbers
from fedcredit_models.errors import SchemaError

MAX_PERIODS = 240
"""Most periods of one declaration: twenty years of months."""

_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True)
class Periods:
    """Consecutive periods.

    Parameters
    ----------
    unit : {"month", "quarter", "year"}
        Length of each; quarters and years are those of the calendar.
    first, last : str
        A month in the first and in the last period, such as ``"2024-01"``.

    Raises
    ------
    ValueError
        For a month that is none, ends in the wrong order, or more than 240 periods.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid", "strict": True}

    unit: Literal["month", "quarter", "year"]
    first: str
    last: str

    def __post_init__(self) -> None:
        """Refuse ends that are none."""
        if self.unit not in _MONTHS:
            raise ValueError("periods: unit must be month, quarter or year")
        if not self._number(_month(self.first)) <= self._number(_month(self.last)):
            raise ValueError("periods: the first must not be after the last")
        if self.n > MAX_PERIODS:
            raise ValueError(f"periods: {MAX_PERIODS} at most")

    @property
    def n(self) -> int:
        """How many there are."""
        return self._number(_month(self.last)) - self._number(_month(self.first)) + 1

    @property
    def labels(self) -> tuple[str, ...]:
        """Their names: 2024-01, 2024-Q1 or 2024."""
        start = self._number(_month(self.first))
        return tuple(self._label(start + i) for i in range(self.n))

    def of(self, times: "pd.Series[Any]") -> NDArray[np.int64]:
        """Return each row's period; `n` for a time before the first or after the last.

        Raises
        ------
        SchemaError
            For times that cannot be read, or that are missing.
        """
        months = months_of(times)
        found = months // _MONTHS[self.unit] - self._number(_month(self.first))
        return np.where((found >= 0) & (found < self.n), found, self.n)

    def _number(self, month: int) -> int:
        return month // _MONTHS[self.unit]

    def _label(self, number: int) -> str:
        year, month = divmod(number * _MONTHS[self.unit], 12)
        if self.unit == "year":
            return f"{year:04d}"
        if self.unit == "quarter":
            return f"{year:04d}-Q{month // 3 + 1}"
        return f"{year:04d}-{month + 1:02d}"


def months_of(times: "pd.Series[Any]") -> NDArray[np.int64]:
    """Return each time as a number of months since the year 0.

    Parameters
    ----------
    times : Series
        ISO dates, timestamps, or numbers that read as year and month (202401).

    Raises
    ------
    SchemaError
        As `Periods.of`.
    """
    wrong = SchemaError(
        f"time column {times.name} cannot be read as months",
        kind="time",
        expected="ISO dates, or numbers such as 202401, in every row",
        found=str(times.dtype),
        remedy="write dates as 2024-01-31; fill or drop the rows without one",
    )
    if times.isna().any():
        raise wrong
    if pd.api.types.is_numeric_dtype(times.dtype):
        x = numbers(times)
        if not np.isfinite(x).all():
            raise wrong
        year, month = np.divmod(x.astype(np.int64), 100)
        if ((month < 1) | (month > 12) | (year < 1) | (year > 9999)).any():
            raise wrong
        return np.asarray(year * 12 + month - 1, dtype=np.int64)
    try:
        found = pd.to_datetime(times, utc=True, format="ISO8601")
    except (ValueError, TypeError):
        raise wrong from None
    return np.asarray(found.dt.year * 12 + found.dt.month - 1, dtype=np.int64)


def _month(text: str) -> int:
    """Return a written month as a number of months since the year 0."""
    year, dash, month = text.partition("-") if isinstance(text, str) else ("", "", "")
    plain = dash and len(year) == 4 and len(month) == 2 and (year + month).isascii()
    if not plain or not (year + month).isdigit() or not 1 <= int(month) <= 12:
        raise ValueError("periods: write a month as 2024-01")
    return int(year) * 12 + int(month) - 1
