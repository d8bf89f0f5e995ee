"""Periods, stability over time, vintages and cross-tables, against pandas and scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency

from fedcredit_models import crosstab, stability, vintage
from fedcredit_models.cell_rules import CellRules
from fedcredit_models.errors import SchemaError
from fedcredit_models.periods import Periods
from tests.models.workbench_data import rows

FRAME = rows(4_000)
Y = FRAME["bad"].to_numpy()
RULES = CellRules()
QUARTERS = Periods("quarter", "2022-01", "2023-12")


def test_periods_are_those_of_the_calendar() -> None:
    assert Periods("month", "2023-11", "2024-02").labels == (
        "2023-11", "2023-12", "2024-01", "2024-02",
    )  # fmt: skip
    assert QUARTERS.labels[0] == "2022-Q1" and QUARTERS.labels[-1] == "2023-Q4"
    assert Periods("year", "2022-05", "2023-01").labels == ("2022", "2023")


@pytest.mark.parametrize("unit", ["month", "quarter", "year"])
def test_each_row_falls_into_the_period_that_pandas_says(unit: str) -> None:
    periods = Periods(unit, "2022-01", "2023-12")  # type: ignore[arg-type]
    letter = {"month": "M", "quarter": "Q", "year": "Y"}[unit]
    expected = FRAME["opened"].dt.to_period(letter).astype(str)
    said = np.array(periods.labels)[periods.of(FRAME["opened"])]
    assert [s.replace("-Q", "Q") for s in said] == expected.tolist()
    numbers = FRAME["opened"].dt.year * 100 + FRAME["opened"].dt.month
    assert (periods.of(numbers) == periods.of(FRAME["opened"])).all()
    assert (periods.of(FRAME["opened"].astype(str)) == periods.of(FRAME["opened"])).all()


def test_times_outside_come_after_the_last_period() -> None:
    times = pd.Series(["2021-12-31", "2022-01-01", "2024-01-01"])
    assert QUARTERS.of(times).tolist() == [8, 0, 8]


@pytest.mark.parametrize("times", [[202213], [None, 202201], ["yesterday"], [np.inf]])
def test_times_that_cannot_be_read_are_named(times: list[object]) -> None:
    with pytest.raises(SchemaError, match="time column opened cannot be read as months"):
        QUARTERS.of(pd.Series(times, name="opened"))


@pytest.mark.parametrize(
    ("first", "last"), [("2024-13", "2025-01"), ("2024-02", "2024-01"), ("24-1", "24-2")]
)
def test_periods_that_are_none_are_refused(first: str, last: str) -> None:
    with pytest.raises(ValueError, match=r"^periods: "):
        Periods("month", first, last)


def test_bins_by_period_are_counted_as_pandas_counts_them() -> None:
    bins = np.searchsorted([2_000, 4_000], FRAME["income"])
    counted = stability.counts(bins, QUARTERS.of(FRAME["opened"]), n_bins=3, n_periods=8)
    expected = pd.crosstab(bins, FRAME["opened"].dt.to_period("Q"))
    assert counted[:, :-1].tolist() == expected.to_numpy().tolist()
    assert counted[:, -1].sum() == 0
    groups, told = stability.release(counted.tolist(), RULES)
    assert groups == [[0], [1], [2]] and told == expected.to_numpy().tolist()
    found = stability.index_by_period(told, QUARTERS.labels)
    base, last = expected.iloc[:, 0] / expected.iloc[:, 0].sum(), expected.iloc[:, 7]
    last = last / last.sum()
    assert found["csi"].iloc[0] == 0
    assert found["csi"].iloc[7] == pytest.approx(((last - base) * np.log(last / base)).sum())


def test_a_bin_emptied_in_one_period_is_put_together_with_its_neighbour_in_all() -> None:
    groups, told = stability.release([[50, 60, 0], [50, 3, 0], [50, 40, 0]], RULES)
    assert groups == [[0], [1, 2]] and told == [[50, 60], [100, 43]]
    assert stability.release([[50, 60, 0], [50, 3, 0]], RULES) == ([], [])
    assert stability.release([[50, 60, 5], [50, 60, 0]], RULES) == ([], [])  # few outside periods
    assert stability.release([[50, 0, 0], [50, 0, 0]], RULES) == ([[0], [1]], [[50, 0], [50, 0]])


def loans() -> tuple[pd.DataFrame, "np.ndarray"]:
    """Return loans with the months that each was watched, and whether it turned bad."""
    rng = np.random.default_rng(11)
    n = 6_000
    born = rng.integers(0, 4, n)
    fails = rng.integers(1, 40, n)
    seen = 24 - 3 * born
    bad = (fails <= seen).astype(int)
    return pd.DataFrame({"vintage": born, "months": np.minimum(fails, seen)}), bad


def test_vintage_curves_are_those_of_pandas() -> None:
    frame, bad = loans()
    ages = (3, 6, 12)
    n, bads = vintage.counts(
        frame["vintage"].to_numpy(), frame["months"], bad, n_vintages=4, ages=ages
    )
    told_n, told_bads = vintage.release(n.tolist(), bads.tolist(), RULES)
    found = vintage.frame(told_n, told_bads, ["a", "b", "c", "d"], ages)
    assert not found["n"].isna().any()
    for row in found.itertuples():
        mine = (frame["vintage"] == "abcd".index(row.vintage)).to_numpy()
        fell = mine & (bad == 1) & (frame["months"] <= row.months_on_book).to_numpy()
        known = mine & (fell | (frame["months"] >= row.months_on_book).to_numpy())
        assert (row.n, row.bads) == (known.sum(), fell.sum())
        assert row.bad_rate == pytest.approx(fell.sum() / known.sum())


def test_a_vintage_cell_is_not_given_away_by_its_neighbours() -> None:
    # Bads by 3, 6, 12 months: 20, then 25 (five more: withheld), then 40 (twenty more).
    told_n, told_bads = vintage.release(
        [[500, 500, 500, 500], [0, 0, 0, 0]], [[60, 20, 25, 40], [0, 0, 0, 0]], RULES
    )
    assert told_bads == [[0, 20, -1, 40]] and told_n == [[500, 500, -1, 500]]
    # Three loans fell away between 3 and 6 months: the second cell would tell of them.
    told_n, _ = vintage.release([[500, 500, 497], [0] * 3], [[60, 20, 40], [0] * 3], RULES)
    assert told_n == [[500, 500, -1]]


def test_a_small_vintage_takes_the_smallest_other_with_it() -> None:
    n = [[5, 5], [100, 100], [300, 300], [0, 0]]
    told_n, told_bads = vintage.release(n, [[1, 1], [40, 20], [90, 60], [0, 0]], RULES)
    assert told_n == [[-1, -1], [-1, -1], [300, 300]]
    assert told_bads == [[-1, -1], [-1, -1], [0, 60]]


def test_bads_that_the_totals_would_complete_are_withheld() -> None:
    # The second vintage has three bads: total less the first's last cell would say so.
    n = [[300, 300, 300], [100, 100, 100], [0, 0, 0]]
    _, told = vintage.release(n, [[40, 20, 40], [3, 1, 3], [0, 0, 0]], RULES)
    assert told == [[0, 20, -1], [0, -1, -1]]


def test_loans_that_do_not_say_how_long_they_were_watched_are_named() -> None:
    months = pd.Series([3.0, None, -1.0], name="mob")
    with pytest.raises(SchemaError, match="column mob does not say how long"):
        vintage.counts(np.zeros(3, int), months, np.zeros(3, int), n_vintages=1, ages=(3,))


def test_a_cross_table_is_pandas_and_its_test_scipys() -> None:
    rows_, columns = np.searchsorted([2_000, 4_000], FRAME["income"]), (FRAME["job"] == "c")
    n, bads = crosstab.counts(rows_, columns.to_numpy().astype(int), Y, shape=(3, 2))
    assert n.tolist() == pd.crosstab(rows_, columns).to_numpy().tolist()
    assert bads.tolist() == pd.crosstab(rows_[Y == 1], columns[Y == 1]).to_numpy().tolist()
    assert crosstab.broken(n.tolist(), bads.tolist(), RULES) is None
    found = crosstab.association(n.tolist())
    expected = chi2_contingency(n, correction=False)
    assert found.chi_square == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.degrees == expected.dof


def test_a_cross_table_with_one_small_cell_is_withheld_whole() -> None:
    assert crosstab.broken([[50, 50], [50, 9]], [[20, 20], [20, 4]], RULES) == "min_subjects"
    assert crosstab.broken([[50, 50], [50, 50]], [[20, 20], [20, 4]], RULES) == "min_bads"
    assert crosstab.broken([[50, 50], [50, 50]], [[20, 20], [20, 45]], RULES) == "min_goods"
