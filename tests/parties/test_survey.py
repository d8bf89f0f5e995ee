"""What a survey's task accepts, what its course believes, and what its releases withhold."""

import copy
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from fedcredit_models.feature import Feature
from fedcredit_models.fixed_bins import FixedBins
from fedcredit_models.periods import Periods
from fedcredit_models.stepwise import StepwiseRules
from fedcredit_parties.errors import MalformedMessageError, SmallCellError
from fedcredit_parties.procedure import addend
from fedcredit_parties.release import release
from fedcredit_parties.rows import Rows
from fedcredit_parties.survey_course import SurveyCourse
from fedcredit_parties.survey_form import FORMS
from fedcredit_parties.survey_release import TABLE
from fedcredit_parties.survey_sums import SurveySums
from fedcredit_parties.survey_task import SurveyTask
from fedcredit_parties.tasks import parse_task
from tests.models.workbench_data import FEATURES, JOB, rows

FRAME = rows(1_500)


def survey(**changes: Any) -> SurveyTask:
    """Return the survey of three features over quarters, with a cross-table and a selection."""
    settings: dict[str, Any] = {
        "purpose": "modelling",
        "label": "bad",
        "features": (FEATURES[0], FEATURES[2], JOB),
        "bad_definition_digest": "0" * 64,
        "holdout": 0.0,
        "time_column": "opened",
        "parties": ("a", "b", "c"),
        "min_parties": 3,
        "deadline_s": 60,
        "periods": Periods("year", "2022-01", "2023-12"),
        "pairs": (("income", "job"),),
        "stepwise": StepwiseRules(),
    }
    return SurveyTask(**settings | changes)


def released(task: SurveyTask, frame: pd.DataFrame = FRAME) -> tuple[SurveyCourse, list[Any]]:
    """Return course and documents of a survey over plain sums: what is believed is tested here."""
    rows_ = Rows(frame, task.table_schema, holdout=0.0, oot_from=None, split_key=b"k")
    side, course, memory, documents = SurveySums(rows_, task), SurveyCourse(task), {}, []
    while course.phase is not None:
        fields = {field.name: field for field in course.tensor().fields}
        sums = {
            name: np.asarray(value, dtype=np.float64)
            for name, value in addend(rows_, side, course).items()
        } | {"clipped": np.zeros(1)}
        assert {name: len(value) for name, value in sums.items()} == {
            name: field.length for name, field in fields.items()
        }
        for name, field in fields.items():
            assert np.abs(np.ldexp(sums[name], field.scale_bits)).max() <= field.bound, name
            field.check_fits(task.parameters.modulus_bits)
        documents.append(release(course, sums, memory))
        course.absorb(documents[-1])
    return course, documents


COURSE, DOCUMENTS = released(survey())


def test_phases_follow_each_other_as_far_as_they_are_asked_for() -> None:
    assert tuple(TABLE) == tuple(FORMS) == SurveyTask.phases()
    phases = [document["phase"] for document in DOCUMENTS]
    assert phases[:4] == ["quantiles", "statistics", "tables", "stepwise"]
    plain = survey(periods=None, pairs=(), stepwise=None, time_column=None)
    assert [d["phase"] for d in released(plain)[1]] == ["quantiles", "statistics"]
    assert plain.most_rounds == 3


@pytest.mark.parametrize("encryption", ["wide", "narrow"])
def test_every_sum_fits_its_field_also_with_many_rows(encryption: str) -> None:
    course = SurveyCourse(survey(encryption=encryption))
    course.absorb(DOCUMENTS[0])
    course.n_train = 15_000_000
    for field in course.tensor().fields:
        field.check_fits(course.task.parameters.modulus_bits)


def test_a_task_reads_back_from_its_one_form() -> None:
    task = survey(
        bins=(FixedBins("income", (2_000.0,), (0, 1, -1)),), ages=(6, 12), months_column="visits"
    )
    assert parse_task(task.document()) == task
    with pytest.raises(MalformedMessageError, match="bins"):
        parse_task(task.document().replace(b'"edges":[2000.0]', b'"edges":[2000.0],"x":1'))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"time_column": None}, "periods: need a time_column"),
        ({"ages": (6,), "periods": None}, "ages: a vintage table needs periods"),
        ({"ages": (6,)}, "ages: months_column must be a numeric feature"),
        ({"ages": (6, 3), "months_column": "visits"}, "ages: must increase"),
        ({"months_column": "visits"}, "months_column: needs ages"),
        ({"pairs": (("income", "income"),)}, "pairs: each names two features"),
        ({"pairs": (("income", "job"), ("job", "income"))}, "pairs: one stands twice"),
        ({"bins": (FixedBins("x", (), (0, 0)),)}, "bins: each belongs to one declared feature"),
        ({"bins": (FixedBins("job", (), (0, 0)),)}, "its bins do not fit the declared column"),
    ],
)
def test_a_task_whose_parts_do_not_fit_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        survey(**changes)


def _no_quantiles(values: dict[str, Any]) -> None:
    values["columns"][0]["quantiles"] = values["columns"][0]["quantiles"][:-1]


def _wild_spread(values: dict[str, Any]) -> None:
    values["columns"][1]["spread"] = 5


def _negative_count(values: dict[str, Any]) -> None:
    values["columns"][1]["tail"][0] = -2


def _own_edges(values: dict[str, Any]) -> None:
    values["edges"][0] = [5, 3]


def _too_correlated(values: dict[str, Any]) -> None:
    values["statistics"]["correlations"][0] = (1 << 40) + 1


def _other_word(values: dict[str, Any]) -> None:
    values["statistics"]["correlations"][0] = "secret"


def _fine_across_coarse(values: dict[str, Any]) -> None:
    fine = values["features"][0]["fine"]["assignment"]
    values["features"][0]["fine"]["assignment"] = [0 if b >= 0 else b for b in fine[:-1]] + [
        fine[-1]
    ]


def _unknown_rule(values: dict[str, Any]) -> None:
    values["pairs"][0] = {"withheld": "because"}


def _short_table(values: dict[str, Any]) -> None:
    values["periods"][0]["counts"][0] = [1]


def _enters_twice(values: dict[str, Any]) -> None:
    values["move"], values["column"] = "enter", 9


CRAFTED: list[tuple[int, Callable[[dict[str, Any]], None]]] = [
    (0, _no_quantiles),
    (0, _wild_spread),
    (0, _negative_count),
    (0, _own_edges),
    (1, _too_correlated),
    (1, _other_word),
    (1, _fine_across_coarse),
    (2, _unknown_rule),
    (2, _short_table),
    (3, _enters_twice),
]


@pytest.mark.parametrize(("k", "craft"), CRAFTED, ids=[c.__name__ for _, c in CRAFTED])
def test_a_crafted_release_is_refused(k: int, craft: Callable[[dict[str, Any]], None]) -> None:
    course = SurveyCourse(survey())
    for document in DOCUMENTS[:k]:
        course.absorb(document)
    crafted = copy.deepcopy(DOCUMENTS[k])
    craft(crafted["values"])
    with pytest.raises(MalformedMessageError):
        course.absorb(crafted)
    course.absorb(DOCUMENTS[k])


def test_a_release_that_ends_the_survey_early_is_refused() -> None:
    course = SurveyCourse(survey())
    course.absorb(DOCUMENTS[0])
    with pytest.raises(MalformedMessageError):
        course.absorb({**DOCUMENTS[1], "outcome": "done"})


def test_the_key_holder_judges_two_valued_columns_from_what_it_kept() -> None:
    """Five rows have both flags: their correlation would be the table that says so."""
    frame = FRAME.head(1_000).assign(
        flag=[1.0] * 200 + [0.0] * 800, other=[1.0] * 5 + [0.0] * 195 + [1.0] * 300 + [0.0] * 500
    )
    features = tuple(Feature(name, "numeric", lower=0, upper=1) for name in ("flag", "other"))
    plain = {"periods": None, "pairs": (), "stepwise": None, "time_column": None}
    course, _ = released(survey(features=features, **plain), frame)
    assert course.statistics["correlations"] == ["few"]


def test_a_fixed_bin_that_is_too_small_stops_the_survey_by_name() -> None:
    least = float(FRAME["income"].nsmallest(5).iloc[-1])
    bins = FixedBins("income", (least,), (0, 1, -1))
    with pytest.raises(SmallCellError, match=r"the bin '≤ [0-9.]+' of income is below"):
        released(survey(bins=(bins,)))


def test_too_few_rows_are_not_described() -> None:
    with pytest.raises(SmallCellError, match="too few rows to be described"):
        released(survey(), FRAME.head(9))


PLAIN: dict[str, Any] = {"periods": None, "pairs": (), "stepwise": None, "time_column": None}


def test_a_selection_alone_needs_no_table() -> None:
    course, documents = released(survey(**PLAIN | {"stepwise": StepwiseRules(most=1)}))
    assert [d["phase"] for d in documents[:4]] == [
        "quantiles", "statistics", "tables", "stepwise",
    ]  # fmt: skip
    assert len(course.active) == 1 and course.steps[-1]["move"] == "done"


def test_a_selection_among_no_features_ends_with_the_intercept() -> None:
    frame = FRAME.assign(income=5.0)
    task = survey(**PLAIN | {"features": (FEATURES[0],), "stepwise": StepwiseRules()})
    course, _ = released(task, frame)
    assert course.dropped == {0: "constant"}
    share = frame["bad"].mean()
    assert course.coefficients[0] == pytest.approx(np.log(share / (1 - share)), abs=1e-9)


def test_one_number_alone_has_a_mean_and_no_correlation() -> None:
    course, _ = released(survey(**PLAIN | {"features": (FEATURES[1],)}))
    assert len(course.statistics["means"]) == 1
    assert course.statistics["correlations"] == []


def test_an_undeclared_level_is_counted_as_other() -> None:
    frame = FRAME.assign(job=FRAME["job"].where(FRAME["job"] != "c", "never declared"))
    course, _ = released(survey(**PLAIN), frame)
    table = course.table_named("job")
    assert table is not None
    other = next(b for b, label in enumerate(table.labels) if "other" in label.split(", "))
    assert "c" not in table.labels[other].split(", ")
    expected = FRAME.loc[FRAME["job"] == "c", "bad"]
    fine = course.fine[2]
    assert fine is not None
    at = fine.labels.index("other")
    assert (fine.n[at], fine.bads[at]) == (len(expected), expected.sum())


@pytest.mark.parametrize("dtype", ["Float64", "float32", object, "category", "decimal"])
def test_a_party_with_another_dtype_of_the_same_values_adds_the_same(dtype: Any) -> None:
    whole = FRAME["visits"].round()
    if dtype == "decimal":
        other = whole.map(lambda v: Decimal(int(v)), na_action="ignore").astype(object)
    elif dtype == "category":
        other = whole
    else:
        other = whole.astype(dtype)
    job = FRAME["job"].astype("category" if dtype == "category" else object)
    released_, _ = released(survey(**PLAIN), FRAME.assign(visits=other, job=job))
    expected, _ = released(survey(**PLAIN), FRAME.assign(visits=whole))
    assert released_.statistics == expected.statistics
    assert released_.tables == expected.tables
    assert released_.columns == expected.columns
