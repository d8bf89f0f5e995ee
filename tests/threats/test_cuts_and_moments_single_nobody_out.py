"""A requester chooses cuts, grids and columns so that a survey's answer stands for single people.

Four attacks: fixed bins that leave a part of the rows uncounted, so that a cross-table lacks them;
so many quantile groups that each edge is somebody's value; a mean and a deviation that one row, or
four rows of a rare value, make up; a single fixed bin whose word says whether anybody lies beyond a
cut. Each is run first against the counts as they are, where it finds its prey.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from fedcredit.given_binning import GivenBinning
from fedcredit_models import correlation, crosstab
from fedcredit_models.binning import BinTable
from fedcredit_models.binning_set import Binning
from fedcredit_models.cell_rules import CellRules
from fedcredit_models.cells import RawCells
from fedcredit_models.feature import Feature
from fedcredit_models.fixed_bins import FixedBins
from fedcredit_models.fixed_point import FixedPoint
from fedcredit_models.grid import Grid, quantiles
from fedcredit_models.moments import RELEASE_BITS, deviation, mean_from_middle, moment_sums
from fedcredit_parties.errors import ConfigError, SmallCellError
from fedcredit_parties.gbdt_task import GbdtTask
from fedcredit_parties.network_task import NetworkTask
from fedcredit_parties.procedures import course_of
from fedcredit_parties.release import release
from fedcredit_parties.rows import Rows
from fedcredit_parties.scorecard_task import ScorecardTask
from fedcredit_parties.survey_course import SurveyCourse
from fedcredit_parties.survey_sums import SurveySums
from fedcredit_parties.survey_task import SurveyTask

LEAST = CellRules().min_subjects

A = Feature("a", "numeric", lower=0, upper=1)
B = Feature("b", "numeric", lower=0, upper=11)
DEBT = Feature("debt", "numeric", lower=0, upper=100_000)
INCOME = Feature("income", "numeric", lower=0, upper=5e7, scale="asinh")
ORDERS = Feature("orders", "numeric", lower=0, upper=10)

COMMON: dict[str, Any] = {
    "purpose": "modelling",
    "label": "bad",
    "bad_definition_digest": "0" * 64,
    "holdout": 0.0,
    "parties": ("a", "b", "c"),
    "min_parties": 3,
    "deadline_s": 60,
}


def opened(course: Any, counts: dict[str, Any], n: int) -> dict[str, Any]:
    """Return the sums of a phase, zero but for these."""
    sums = {field.name: np.zeros(field.length) for field in course.tensor().fields}
    rows = {name: np.array([n]) for name in ("n", "held_n") if name in sums}
    return sums | rows | {name: np.asarray(value, float) for name, value in counts.items()}


def surveyed(task: SurveyTask, frame: pd.DataFrame) -> SurveyCourse:
    """Return a survey of these rows over plain sums: what the key holder lets out is tested."""
    rows = Rows(frame, task.table_schema, holdout=0.0, oot_from=None, split_key=b"k")
    side, course, memory = SurveySums(rows, task), SurveyCourse(task), {}  # type: ignore[var-annotated]
    while course.phase is not None:
        sums = opened(course, dict(side.addend(course)), len(frame))
        course.absorb(release(course, sums, memory))
    return course


# -- rows that a cross-table lacks ---------------------------------------------------------------


def frame_with_gaps() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = 3_000
    a = rng.integers(0, 2, n).astype(float)
    a[:60] = np.nan
    return pd.DataFrame(
        {"a": a, "b": rng.integers(0, 12, n).astype(float), "bad": (rng.random(n) < 0.35) + 0}
    )


LEFT_OUT = FixedBins("a", (0.5,), (0, 1, -1))
BY_VALUE = FixedBins("b", tuple(float(k) for k in range(11)), (*range(12), -1))


def test_totals_less_a_cross_table_would_be_the_rows_that_were_left_out() -> None:
    frame = frame_with_gaps()
    a, b, y = frame["a"].fillna(-1).astype(int), frame["b"].astype(int), frame["bad"]
    n, bads = crosstab.counts(a.to_numpy(), b.to_numpy(), y.to_numpy(), shape=(2, 12))
    assert crosstab.broken(n.tolist(), bads.tolist(), CellRules()) is None
    lacking = np.bincount(b, minlength=12) - n.sum(axis=0)
    gone = frame[frame["a"].isna()]
    assert lacking.tolist() == gone["b"].value_counts().sort_index().tolist()
    assert lacking.min() < LEAST  # each is a small cell: who has no a, by b


def test_fixed_bins_that_leave_rows_out_are_refused_by_the_columns_name() -> None:
    frame = frame_with_gaps()
    asked = {"features": (A, B), "bins": (LEFT_OUT, BY_VALUE), "pairs": (("a", "b"),)}
    with pytest.raises(SmallCellError, match="values of a are left without a bin") as caught:
        surveyed(SurveyTask(**COMMON | asked | {"moments": False}), frame)
    assert not any(letter.isdigit() for letter in str(caught.value) + caught.value.remedy)
    kept = FixedBins("a", (0.5,), (0, 1, 2))
    course = surveyed(
        SurveyTask(**COMMON | asked | {"moments": False, "bins": (kept, BY_VALUE)}), frame
    )
    assert course.released_tables["pairs"] == [{"withheld": "min_subjects"}]


def test_a_scorecard_refuses_them_too() -> None:
    task = ScorecardTask(**COMMON, features=(A,), bins=(LEFT_OUT,))
    course = course_of(task)
    grid = {"grid.0": [500.0, *[0.0] * (course.grids[0].n_cells - 2), 60.0]}
    course.absorb(release(course, opened(course, grid, 1_000), {}))
    counts = {"bads.0": [100, 100, 20], "goods.0": [400, 300, 40]}
    with pytest.raises(SmallCellError, match="values of a are left without a bin"):
        release(course, opened(course, counts, 960), {})


def test_a_number_is_not_cut_around_a_part_without_a_bin() -> None:
    """Whether such a run goes through would say whether anybody lies between the cuts."""
    for task in (SurveyTask, ScorecardTask):
        with pytest.raises(ValidationError, match="b is cut where a part has no bin"):
            task(**COMMON, features=(B,), bins=(FixedBins("b", (3.0, 4.0), (0, -1, 1, 1)),))


# -- edges that are somebody's value -------------------------------------------------------------

KINDS: list[tuple[type, dict[str, Any]]] = [
    (SurveyTask, {"fine_bins": 100}),
    (ScorecardTask, {"fine_bins": 100}),
    (GbdtTask, {"bins": 255}),
    (NetworkTask, {"fine_bins": 100}),
]


def edges_of(kind: type, groups: dict[str, Any], x: "pd.Series[float]") -> list[float]:
    """Return the edges that are released of a column, at the finest grid that may be asked for."""
    task = kind(**COMMON, features=(DEBT,), grid_cells=65_536, all_columns=True, **groups)
    course = course_of(task)
    counts = {"grid.0": course.grids[0].histogram(x)}
    if kind is NetworkTask:
        counts |= {"bads": np.array([40]), "held_bads": np.array([40]), "n_parties": np.array([3])}
    cells = release(course, opened(course, counts, len(x)), {})["values"]["edges"][0]
    return [float(course.grids[0].upper[cell]) for cell in cells]


def of_three() -> "pd.Series[float]":
    return pd.Series([np.nan] * 997 + [31_234.0, 48_731.0, 77_012.0])


def of_120() -> "pd.Series[float]":
    return pd.Series(np.random.default_rng(0).integers(0, 100_000, 120).astype(float))


def test_of_few_rows_each_quantile_edge_would_be_a_value() -> None:
    grid = Grid(DEBT, 65_536)
    for x, least in ((of_three(), 2), (of_120(), 90)):
        cells = quantiles(grid, grid.histogram(x).tolist(), 100)
        ends = grid.upper[list(cells)]
        assert sum(((ends >= value) & (ends - value <= 2)).any() for value in x.dropna()) >= least


@pytest.mark.parametrize(("kind", "groups"), KINDS, ids=[kind.__name__ for kind, _ in KINDS])
def test_a_quantile_group_is_not_smaller_than_a_cell(kind: type, groups: dict[str, Any]) -> None:
    assert edges_of(kind, groups, of_three()) == []
    x = of_120()
    edges = edges_of(kind, groups, x)
    assert len(edges) == 120 // LEAST - 1
    sizes = np.histogram(x, [-1.0, *np.nextafter(edges, np.inf), 1e6])[0]
    assert sizes.min() >= LEAST


def test_the_quantiles_of_a_survey_are_as_far_apart() -> None:
    """The first ten of thirty rows are equal; the middle row is the fifth after them."""
    x = pd.Series([0.0] * 10 + [1_000.0 * k for k in range(1, 21)])
    task = SurveyTask(**COMMON, features=(DEBT,), grid_cells=65_536)
    course = course_of(task)
    values = release(course, opened(course, {"grid.0": course.grids[0].histogram(x)}, 30), {})
    told = values["values"]["columns"][0]["quantiles"]
    assert told == [0, 0, 0, 0, -1, -1, -1, -1, -1]


# -- a mean and a deviation that few rows make up ------------------------------------------------


def one_rich() -> "pd.Series[float]":
    x = np.random.default_rng(1).lognormal(9, 0.5, 1_500).round(2)
    x[0] = 31_234_567.0
    return pd.Series(x)


def four_with_two() -> "pd.Series[float]":
    return pd.Series([0.0] * 2_296 + [1.0] * 700 + [2.0] * 4)


def exact(feature: Feature, x: "pd.Series[float]") -> tuple[float, float]:
    """Return mean and deviation as they come from the sums."""
    sums, fixed = moment_sums(pd.DataFrame({feature.name: x}), [feature]), FixedPoint(feature)
    scale = fixed.unit / 2**RELEASE_BITS
    return fixed.middle + mean_from_middle(sums, 0) * scale, deviation(sums, 0) * scale


def test_mean_and_deviation_would_be_one_value_or_one_count() -> None:
    x = one_rich()
    _, sd = exact(INCOME, x)
    assert sd * math.sqrt(len(x)) == pytest.approx(x.max(), rel=0.01)
    x = four_with_two()
    mean, sd = exact(ORDERS, x)
    n = len(x)
    assert round(((n - 1) * sd**2 + n * mean**2 - mean * n) / 2) == 4


def with_nine(x: "pd.Series[float]") -> "pd.Series[float]":
    return pd.concat([x.iloc[1:], pd.Series(np.linspace(2e7, 4e7, 9))])


def with_zeros(x: "pd.Series[float]") -> "pd.Series[float]":
    """In a coarse grid the rich one then lies in one cell with all who have any income."""
    return pd.concat([x, pd.Series([0.0] * 300)])


def with_five_values(x: "pd.Series[float]") -> "pd.Series[float]":
    return pd.concat([x, pd.Series([3.0] * 3, dtype=float)])


@pytest.mark.parametrize(
    ("feature", "x", "grid_cells"),
    [
        (INCOME, one_rich(), 2_048),
        (INCOME, with_nine(one_rich()), 2_048),
        (Feature("income", "numeric", lower=-1, upper=5e9), one_rich(), 2_048),
        (Feature("income", "numeric", lower=0, upper=8e10), with_zeros(one_rich()), 2_048),
        (Feature("income", "numeric", lower=0, upper=5e7), with_zeros(one_rich()), 16),
        (ORDERS, four_with_two(), 2_048),
        (ORDERS, with_five_values(four_with_two()), 2_048),
        (Feature("orders", "numeric", lower=0, upper=100_000), four_with_two(), 2_048),
    ],
    ids=[
        "one",
        "nine",
        "wide bounds",
        "beside zeros",
        "coarse grid",
        "rare value",
        "two rare",
        "one cell",
    ],
)
def test_no_mean_that_few_rows_make_up_is_told(
    feature: Feature, x: "pd.Series[float]", grid_cells: int
) -> None:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({feature.name: x.to_numpy(), "bad": (rng.random(len(x)) < 0.3) + 0})
    frame["b"] = rng.integers(0, 12, len(x)).astype(float)
    course = surveyed(SurveyTask(**COMMON, features=(feature, B), grid_cells=grid_cells), frame)
    assert course.columns[0].spread in ("few rows decide", "nearly constant")
    assert feature.name not in [measured.name for measured in course.measured_features]
    assert course.statistics["correlations"] == []


def test_ten_rows_that_weigh_alike_may_have_a_mean() -> None:
    """The rule binds below the smallest number of subjects, not above it."""
    x = four_with_two().replace(2.0, 1.0)
    frame = pd.DataFrame({"orders": x, "bad": [0, 1] * 1_500})
    course = surveyed(SurveyTask(**COMMON, features=(ORDERS,)), frame)
    assert course.columns[0].spread == "varies"


def test_a_correlation_of_a_few_shared_rows_is_withheld() -> None:
    """Of 29 shared rows one differs: its other value follows from the correlation."""
    n = 2_000
    rng = np.random.default_rng(2)
    j = np.where(rng.random(n) < 0.5, rng.integers(1, 50, n), 0).astype(float)
    k = np.full(n, np.nan)
    k[:29], j[:29] = rng.integers(0, 1_000, 29), 0
    j[0], k[0] = 7, 873
    features = [
        Feature("j", "numeric", lower=0, upper=100),
        Feature("k", "numeric", lower=0, upper=1_000),
    ]
    frame = pd.DataFrame({"j": j, "k": k})
    r = frame["j"].corr(frame["k"])
    spread = float(np.nanstd(k)) * math.sqrt(28)
    assert np.nanmean(k) + r * spread == pytest.approx(873)
    assert correlation.release(moment_sums(frame, features), [None, None], CellRules())[0] == [
        "few"
    ]


# -- the word of a single bin --------------------------------------------------------------------


def bisected(asks: Callable[[float], bool]) -> float:
    """Return the largest value to within one, by asking whether anybody lies above a cut."""
    low, high = 0.0, 100_000.0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if asks(middle) else (low, middle)
    return high


def test_the_word_of_a_single_bin_would_find_the_largest_value() -> None:
    x = of_120()
    assert bisected(lambda cut: bool((x > cut).any())) == x.max()


def test_a_single_fixed_bin_is_refused_by_request_and_party() -> None:
    single = FixedBins("debt", (50_000.0,), (0, 0, 0))
    for task in (SurveyTask, ScorecardTask):
        with pytest.raises(ValidationError, match="debt has one bin only; leave the feature out"):
            task(**COMMON, features=(DEBT,), bins=(single,))
    table = BinTable(RawCells(DEBT, (50_000.0,)), (0, 1, -1), (50, 50), (50, 50))
    binning = Binning([table]).cut("debt", [], missing=0)
    with pytest.raises(ConfigError, match="a single bin tells nothing: debt") as caught:
        GivenBinning.plan(binning, (DEBT,))
    assert 'binning.drop("debt")' in caught.value.remedy
