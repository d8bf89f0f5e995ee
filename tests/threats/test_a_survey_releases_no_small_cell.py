"""A survey's tables are hunted for a cell below the rules, also by adding up and taking apart.

The rows are made so that every kind of statistic has something small to give away: five missing
values, a level of three rows, a flag that four rows have, a bin that one quarter leaves nearly
empty, a vintage of six loans.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

import fedcredit as fc
from fedcredit_parties.errors import SmallCellError
from tests.simulated import small_federation

LEAST = 10
N = 600
"""Rows of each of three banks."""


def frames() -> dict[str, pd.DataFrame]:
    found = {}
    for bank in range(3):
        rng = np.random.default_rng(40 + bank)
        income = rng.integers(1_000, 9_000, N).astype(float)
        bad = (rng.random(N) < 1 / (1 + np.exp(1 - (4_000 - income) / 2_500))).astype(int)
        opened = pd.Timestamp("2023-01-05") + pd.to_timedelta(rng.integers(0, 355, N), "D")
        flag, twin = (rng.random(N) < 0.3).astype(float), (rng.random(N) < 0.3).astype(float)
        table = pd.DataFrame(
            {
                "income": income,
                "few_missing": rng.integers(0, 50, N).astype(float),
                "rare": rng.choice(["a", "b"], N),
                "one": np.zeros(N),
                "flag": flag,
                "twin": np.where(flag == 1, 0.0, twin),
                "months": rng.integers(1, 25, N).astype(float),
                "opened": opened,
                "bad": bad,
            }
        )
        if bank == 0:
            table.loc[:4, "few_missing"] = np.nan
            table.loc[:2, "rare"] = "c"
            table.loc[:3, "one"] = 1.0
            table.loc[table.index[table["flag"] == 1][:2], "twin"] = 1.0
        early = table["opened"] < "2023-04-01"
        table.loc[early & (table["income"] > 7_000), "opened"] = pd.Timestamp("2023-06-01")
        late = table.index[table["opened"] >= "2023-10-01"]
        table.loc[late, "opened"] = pd.Timestamp("2023-08-01")
        if bank == 1:
            table.loc[late[:6], "opened"] = pd.Timestamp("2023-11-01")
        found[f"bank-{bank}"] = table
    return found


POOLED = pd.concat(frames().values(), ignore_index=True)
FEATURES = ["income", "few_missing", "rare", "one", "flag", "twin", "months"]


@pytest.fixture(scope="module")
def federation() -> Iterator[fc.Federation]:
    with small_federation(frames()) as federation:
        yield federation


@pytest.fixture(scope="module")
def seen(federation: fc.Federation) -> fc.SurveyResult:
    return survey(federation)


def survey(federation: fc.Federation) -> fc.SurveyResult:
    """Ask for everything that a survey can tell of these rows, but a selection."""
    return fc.describe(
        federation,
        label="bad",
        features=FEATURES,
        time_column="opened",
        periods="2023-01..2023-12",
        period="quarter",
        ages=(6, 12),
        months_column="months",
        crosstabs=[("rare", "income"), ("flag", "twin")],
    )


def test_a_few_missing_values_are_not_counted_nor_is_their_complement(
    seen: fc.SurveyResult,
) -> None:
    assert int(POOLED["few_missing"].isna().sum()) == 5
    row = seen.table.loc["few_missing"]
    assert row[["n", "missing", "mean", "sd"]].isna().all()
    assert "few_missing" not in seen.correlation.index


def test_four_rows_that_differ_have_no_mean(seen: fc.SurveyResult) -> None:
    """A mean of a 0/1 column is its count over the rows: 4 of 1800."""
    assert seen.table.loc["one", "note"].startswith("nearly constant")
    assert np.isnan(seen.table.loc["one", "mean"])


def test_a_correlation_of_two_flags_is_a_table_and_is_withheld(seen: fc.SurveyResult) -> None:
    both = int(((POOLED["flag"] == 1) & (POOLED["twin"] == 1)).sum())
    assert 0 < both < LEAST
    assert np.isnan(seen.correlation.loc["flag", "twin"])
    assert not np.isnan(seen.correlation.loc["flag", "income"])
    told = seen.vif["vif"].notna()
    assert not (told["flag"] and told["twin"])  # both factors would give it back


def test_no_fine_bin_and_no_union_or_difference_of_bins_is_small(seen: fc.SurveyResult) -> None:
    for name in seen.binning.names:
        fine, coarse = seen.binning.bins_of(name, fine=True), seen.binning.bins_of(name)
        assert fine is not None and coarse is not None
        pieces = set(zip(fine.assignment, coarse.assignment, strict=True))
        assert len(pieces) == fine.n_bins + (-1 in fine.assignment)  # fine bins are nested
        for bads, n in zip(fine.bads, fine.n, strict=True):
            assert bads >= LEAST and n - bads >= LEAST


def test_three_rows_of_a_rare_level_have_no_bin_of_their_own(seen: fc.SurveyResult) -> None:
    labels = seen.binning.table("rare", fine=True)["bin"].tolist()
    assert labels and all(label != "c" for label in labels)


def test_no_period_cell_is_small_and_no_total_gives_one_away(seen: fc.SurveyResult) -> None:
    outside = POOLED["opened"] > "2023-12-31"
    assert not outside.any()
    quarters = POOLED["opened"].dt.to_period("Q").value_counts()
    assert quarters["2023Q4"] == 6  # so few that every table over periods tells of them
    for name in seen.binning.names:
        assert seen.by_period(name).empty


def test_a_vintage_of_six_loans_takes_another_with_it(seen: fc.SurveyResult) -> None:
    told = seen.vintages[seen.vintages["months_on_book"] == 0].set_index("vintage")["n"]
    assert told.isna().sum() == 2 and told.isna()["2023-Q4"]
    hidden = len(POOLED) - int(told.sum())
    assert hidden >= LEAST
    for _, curve in seen.vintages.groupby("vintage"):
        known = curve.dropna()
        for column, sign in (("bads", 1), ("n", -1)):
            steps = sign * known[column].astype(int).diff().dropna()
            assert ((steps == 0) | (steps >= LEAST)).all()


def test_a_cross_table_is_whole_or_nothing(seen: fc.SurveyResult) -> None:
    for (row, column), test in seen.associations.iterrows():
        if test["withheld"]:
            with pytest.raises(ValueError, match="is withheld: a cell fails"):
                seen.crosstab(row, column)
            continue
        n, bads = seen.crosstab(row, column), seen.crosstab(row, column, "bads")
        assert (bads >= LEAST).all(axis=None) and (n - bads >= LEAST).all(axis=None)
    assert seen.associations.loc[("flag", "twin"), "withheld"]


def test_a_cut_beside_the_smallest_values_is_refused(federation: fc.Federation) -> None:
    edge = float(POOLED["income"].nsmallest(4).iloc[-1])
    binning = fc.bin(federation, label="bad", features=["income"]).cut("income", [edge])
    with pytest.raises(SmallCellError, match="is below the federation's min_"):
        fc.bin(federation, label="bad", binning=binning)


def test_what_is_released_of_a_survey_is_integers_and_words(seen: fc.SurveyResult) -> None:
    documents = [opening[2] for opening in seen._course.openings.values()]
    assert [document["phase"] for document in documents] == ["quantiles", "statistics", "tables"]
    stack: list[object] = [document["values"] for document in documents]
    kinds = set()
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            stack += part.values()
        elif isinstance(part, list):
            stack += part
        else:
            kinds.add(type(part))
    assert kinds == {int, str}


def test_without_the_rules_the_same_survey_tells_all_of_it() -> None:
    """The weaker variant: a policy of ones, under which each of the hunts above finds its prey."""
    ones = fc.DisclosurePolicy(min_subjects=1, min_bads=1, min_goods=1)
    with small_federation(frames(), policy=ones) as federation:
        seen = survey(federation)
    assert seen.table.loc["few_missing", "missing"] == 5
    assert round(seen.table.loc["one", "mean"] * len(POOLED)) == 4
    told = seen.vintages[seen.vintages["months_on_book"] == 0].set_index("vintage")["n"]
    assert told["2023-Q4"] == 6
    flag, twin = POOLED["flag"], POOLED["twin"]
    r, n = seen.correlation.loc["flag", "twin"], len(POOLED)
    p, q = flag.mean(), twin.mean()
    both = n * (p * q + r * np.sqrt(p * (1 - p) * q * (1 - q)))
    assert round(both) == ((flag == 1) & (twin == 1)).sum() == 2
