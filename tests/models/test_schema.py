"""A table that does not keep to its schema is refused with the column, the rule and a count."""

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from fedcredit_models.schema import Feature, Schema, SchemaError, check, infer

AGE = Feature("age", "numeric", unit="years", lower=18, upper=100, special=(-9,))
JOB = Feature("job", "categorical", levels=("clerk", "farmer"))
SCHEMA = Schema(features=(AGE, JOB), label="bad")


def table(**changes: object) -> pd.DataFrame:
    columns = {"age": [20.0, 30.0, None], "job": ["clerk", None, "pilot"], "bad": [0, 1, 0]}
    return pd.DataFrame({**columns, **changes})


def refusal(frame: pd.DataFrame, schema: Schema = SCHEMA) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        check(frame, schema)
    return caught.value


def test_a_table_with_missing_unseen_and_special_values_passes() -> None:
    assert check(table(age=[20.0, None, -9.0]), SCHEMA) is None


def test_a_missing_column_is_named_with_the_columns_found() -> None:
    error = refusal(table().rename(columns={"age": "Age"}))
    assert error.kind == "column"
    assert "age" in error.problem
    assert "Age" in error.found


def test_a_column_that_stands_twice_is_refused() -> None:
    frame = pd.concat([table(), table()[["age"]]], axis=1)
    assert refusal(frame).kind == "column"


def test_an_empty_table_is_refused() -> None:
    assert refusal(table().iloc[:0]).kind == "empty"


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([0, 1, 2], "1 rows with another value"),
        ([0, None, None], "2 rows without a label"),
        (["no", "yes", "no"], "values of type str"),
    ],
)
def test_a_label_other_than_0_and_1_is_refused(values: list[object], found: str) -> None:
    error = refusal(table(bad=values))
    assert (error.kind, error.found) == ("label", found)


def test_a_boolean_label_is_a_label() -> None:
    assert check(table(bad=[True, False, False]), SCHEMA) is None


def test_a_wrong_unit_is_refused_by_a_count_of_rows_and_no_value() -> None:
    error = refusal(table(age=[240.0, 365.0, 30.0]))  # months
    assert error.kind == "bounds"
    assert error.found == "2 of 3 rows outside"
    assert error.expected == "18 to 100 years"
    assert "240" not in str(error)
    assert "365" not in str(error)


def test_infinity_is_refused_and_not_taken_for_missing() -> None:
    error = refusal(table(age=[20.0, np.inf, 30.0]))
    assert (error.kind, error.found) == ("infinity", "1 rows with infinity")


def test_text_where_numbers_are_declared_is_refused() -> None:
    assert refusal(table(age=["20", "30", "x"])).kind == "dtype"


def test_dates_and_mixed_columns_are_refused() -> None:
    assert refusal(table(age=pd.to_datetime(["2024-01-01"] * 3))).kind == "dtype"
    assert refusal(table(job=pd.Series(["a", 1, 2.5], dtype=object))).kind == "dtype"


def test_applicants_to_be_scored_need_no_label_and_no_bounds() -> None:
    applicants = table(age=[500.0, None, 20.0]).drop(columns="bad")
    assert check(applicants, SCHEMA, scoring=True) is None


@pytest.mark.parametrize(
    "values",
    [
        pd.array([1, 0, None], dtype="boolean"),
        pd.array([1, 0, None], dtype="Int64"),
        pd.Series([Decimal("0.5"), None, Decimal("1")], dtype=object),
        pd.Series([True, None, False], dtype=object),
        [True, False, True],
        [np.nan, np.nan, np.nan],
        pd.Series([None, None, None], dtype=object),
    ],
)
def test_every_tidy_kind_of_number_passes(values: object) -> None:
    schema = Schema(features=(Feature("x", "numeric", lower=0, upper=1),), label="bad")
    assert check(pd.DataFrame({"x": values, "bad": [0, 1, 0]}), schema) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "", "kind": "categorical"},
        {"name": "a", "kind": "numeric"},
        {"name": "a", "kind": "numeric", "lower": 1.0, "upper": 1.0},
        {"name": "a", "kind": "numeric", "lower": 0.0, "upper": float("inf")},
        {"name": "a", "kind": "numeric", "lower": 0.0, "upper": 1.0, "scale": "log"},
        {"name": "a", "kind": "numeric", "lower": 0.0, "upper": 1.0, "special": (2.0, 2.0)},
        {"name": "a", "kind": "numeric", "lower": 0.0, "upper": 1.0, "levels": ("x",)},
        {"name": "a", "kind": "categorical", "lower": 0.0},
        {"name": "a", "kind": "categorical", "levels": ("x", "x")},
        {"name": "a", "kind": "categorical", "levels": ("other",)},
        {"name": "a", "kind": "categorical", "levels": tuple(map(str, range(201)))},
    ],
)
def test_a_contradictory_declaration_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="feature"):
        Feature(**wrong)  # type: ignore[arg-type]


def test_a_declaration_survives_json() -> None:
    for feature in (AGE, JOB):
        assert Feature.from_dict(json.loads(json.dumps(feature.to_dict()))) == feature
    with pytest.raises(ValueError, match="exactly the declared keys"):
        Feature.from_dict({**JOB.to_dict(), "code": "os.system"})


def test_a_column_has_one_role() -> None:
    with pytest.raises(ValueError, match="one role"):
        Schema(features=(AGE,), label="bad", id_column="age")


def test_inferred_bounds_are_rounded_outward_to_two_digits() -> None:
    frames = {
        "a": pd.DataFrame({"x": [0.123, 9.87], "z": [-1234.0, 5.0], "bad": [0, 1]}),
        "b": pd.DataFrame({"x": [None, 5.0], "z": [7.0, 4321.0], "bad": [0, 1]}),
    }
    x, z = infer(frames, label="bad").features
    assert (x.lower, x.upper) == (0.12, 9.9)
    assert (z.lower, z.upper) == (-1300.0, 4400.0)


def test_inferred_levels_are_the_sorted_union_without_other() -> None:
    frames = {
        "a": pd.DataFrame({"job": ["b", "a", None], "bad": 0}),
        "b": pd.DataFrame({"job": ["c", "other", "a"], "bad": 0}),
    }
    (job,) = infer(frames, label="bad").features
    assert job.levels == ("a", "b", "c")


def test_an_identifier_keeps_fifty_levels_at_most() -> None:
    frame = pd.DataFrame({"who": [f"c{i}" for i in range(500)] + ["c7"], "bad": 0})
    (who,) = infer({"a": frame}, label="bad").features
    assert len(who.levels) == 50
    assert "c7" in who.levels


def test_money_is_counted_on_the_asinh_scale_and_age_is_not() -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {"money": np.exp(rng.normal(8, 2.5, 2000)), "age": rng.integers(18, 80, 2000), "bad": 0}
    )
    money, age = infer({"a": frame}, label="bad").features
    assert (money.scale, age.scale) == ("asinh", "linear")


def test_a_column_missing_at_one_party_takes_its_kind_from_the_others() -> None:
    frames = {
        "a": pd.DataFrame({"job": [np.nan, np.nan], "bad": [0, 1]}),
        "b": pd.DataFrame({"job": ["x", "y"], "bad": [0, 1]}),
    }
    (job,) = infer(frames, label="bad").features
    assert (job.kind, job.levels) == ("categorical", ("x", "y"))


def test_text_at_one_party_and_numbers_at_another_names_the_party_with_text() -> None:
    frames = {
        "a": pd.DataFrame({"x": [1.0], "bad": [0]}),
        "b": pd.DataFrame({"x": ["1"], "bad": [0]}),
    }
    with pytest.raises(SchemaError) as caught:
        infer(frames, label="bad")
    assert (caught.value.kind, caught.value.party) == ("dtype", "b")


@pytest.mark.parametrize(
    "values", [[5.0, 5.0], [np.nan, np.nan], [0, 0], [-3.5, -3.5], [1e300, 1e300]]
)
def test_a_constant_or_empty_column_still_gets_bounds_it_keeps(values: list[float]) -> None:
    frame = pd.DataFrame({"x": values, "bad": [0, 1]})
    assert check(frame, infer({"a": frame}, label="bad")) is None
