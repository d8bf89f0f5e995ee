"""Which rows lie in a data window: dates read by hand, a calendar in the head."""

import pandas as pd
import pytest

from fedcredit_parties.row_days import within

WRITTEN: dict[str, tuple[list[object], list[bool]]] = {
    "dates": (["2023-12-31", "2024-01-01", "2024-01-31", "2024-02-01"], [False, True, True, False]),
    "moments in UTC": (["2024-01-31T23:59:59Z", "2024-02-01T00:00:00Z"], [True, False]),
    "moments elsewhere": (
        ["2024-02-01T07:59:00+08:00", "2024-01-01T07:00:00+08:00"],
        [True, False],
    ),
    "digits of a day": ([20240101, 20240131, 20240201], [True, True, False]),
    "digits of a month": ([202401, 202402, 202312], [True, False, False]),
    "months": (["2024-01", "2024-02"], [True, False]),
    "a year is longer than the window": (["2024", "2023"], [False, False]),
    "whole floats": ([202401.0, 202402.0], [True, False]),
    "timestamps": (list(pd.to_datetime(["2024-01-31 23:00", "2024-02-01 00:00"])), [True, False]),
}
"""Against the window from 2024-01-01 to 2024-01-31."""


@pytest.mark.parametrize("how", WRITTEN)
def test_a_row_lies_in_the_window_with_all_of_its_days(how: str) -> None:
    column, expected = WRITTEN[how]

    assert within(pd.Series(column), "2024-01-01", "2024-01-31").tolist() == expected


def test_a_row_without_a_readable_time_lies_in_no_window() -> None:
    column = pd.Series([None, "", "soon", "31/01/2024", "2024-13", "1.5", "2024-01-15"])

    assert within(column, "", "").tolist() == [False] * 6 + [True]
    assert within(pd.Series([1.5, float("nan")]), "2000-01-01", "").tolist() == [False, False]


def test_a_window_may_be_open_at_either_end() -> None:
    column = pd.Series(["2023-06-01", "2024-06-01", "2025-06-01"])

    assert within(column, "2024-01-01", "").tolist() == [False, True, True]
    assert within(column, "", "2024-12-31").tolist() == [True, True, False]


def test_a_year_lies_in_a_window_of_that_year() -> None:
    assert within(pd.Series([2024, 2025]), "2024-01-01", "2024-12-31").tolist() == [True, False]


def test_a_table_without_rows_has_none_in_the_window() -> None:
    assert within(pd.Series([], dtype=object), "2024-01-01", "").tolist() == []
