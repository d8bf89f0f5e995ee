"""Rules of toad put every value into toad's bin; written rules put it into ours.

Bins that toad 0.1.7 itself gives (`Combiner.transform`) stand here as numbers, because toad does
not belong to the tests' tools. Its half-open intervals are repeated with ``numpy.digitize``.
"""

import json
import math

import numpy as np
import pandas as pd
import pytest

from fedcredit_models import Feature, Scorecard, toad_rules
from fedcredit_models.binning import BinTable, RawCells
from tests.models.exchange_rows import SCHEMA, applicants

AGE = Feature("age", "numeric", lower=-10.0, upper=99.0)
REGION = Feature("region", "categorical", levels=("A", "B", "C", "Z"))


def bins_of(rule: object, feature: Feature, values: list[object]) -> list[int]:
    """Return the bin of each value under an imported rule."""
    (bins,) = toad_rules.parse(json.dumps({feature.name: rule})).values()
    fixed = bins.fixed(feature)
    cells = fixed.raw(feature).cell_of(pd.Series(values))
    return np.array(fixed.assignment)[cells].tolist()


def test_a_bin_includes_its_lower_end_as_in_toad():
    values = [-9.0, 2.9, 3.0, 5.9, 6.0, 7.0, math.nextafter(3.0, 0.0)]

    assert bins_of([3, 6], AGE, values) == np.digitize(values, [3, 6]).tolist()


def test_missing_numbers_have_the_last_bin_or_fall_where_minus_one_falls():
    # Combiner().load({"A": [-5, 3]}).transform puts NaN into 1, with [3, 6] into 0, with
    # [3, 6, NaN] into 3.
    assert bins_of([-5, 3], AGE, [math.nan, 2.9]) == [1, 1]
    assert bins_of([3, 6], AGE, [math.nan, 2.9]) == [0, 0]
    assert bins_of([3, 6, math.nan], AGE, [math.nan, 2.9]) == [3, 0]


def test_levels_fall_into_their_group_and_the_rest_into_else_or_nowhere():
    # toad: [["A", "B"], ["C"], "else"] gives A C Z None the bins 0 1 2 2;
    # [["A", "B"], ["C", "nan"]] gives them 0 1 -1 1.
    values = ["A", "C", "Z", "never seen", None]

    assert bins_of([["A", "B"], ["C"], "else"], REGION, values) == [0, 1, 2, 2, 2]
    assert bins_of([["A", "B"], ["C", "nan"]], REGION, values) == [0, 1, -1, -1, 1]


def test_near_duplicate_cuts_are_one_with_a_note():
    (bins,) = toad_rules.parse('{"x": [0.3, 0.30000000000000004, 0.5]}').values()

    assert bins.cuts == (0.3, 0.5)
    assert "the cuts 0.3 and 0.30000000000000004 are taken as one" in bins.notes[0]


def test_labels_say_below_and_from():
    (bins,) = toad_rules.parse('{"age": [18, 25, NaN]}').values()
    fixed = bins.fixed(AGE)

    table = fixed.table(AGE, [10] * 4, [20] * 4)

    assert table.labels == ("< 18", "[18, 25)", "≥ 25", "missing")


WRONG = {
    "not JSON": ("{", "not JSON"),
    "no object": ("[1, 2]", "rules does not have"),
    "a rule that is no list": ('{"x": 3}', "x must be a list"),
    "cuts that fall": ('{"x": [3, 1]}', "x: cuts must be finite and ascend"),
    "NaN in the middle": ('{"x": [1, NaN, 2]}', "x: cuts must be finite and ascend"),
    "infinity": ('{"x": [1, Infinity]}', "Infinity is not a finite number"),
    "intervals as text": ('{"x": ["[-inf ~ 3)", "[3 ~ inf)"]}', "without format=True"),
    "levels joined by commas": ('{"x": ["a,b", "c"]}', "without format=True"),
    "a level twice": ('{"x": [["a"], ["a", "b"]]}', "a level stands in two groups"),
    "groups of groups": ('{"x": [["a", ["b"]]]}', "groups are lists of levels"),
    "a feature twice": ('{"x": [1], "x": [2]}', "a key stands twice"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_other_rules_are_refused_by_the_features_name(text, said):
    with pytest.raises(ValueError, match=said):
        toad_rules.parse(text)


def test_a_rule_that_does_not_fit_the_declared_column_is_refused():
    (number,) = toad_rules.parse('{"region": [1, 2]}').values()
    (levels,) = toad_rules.parse('{"region": [["A"], ["new"]]}').values()

    with pytest.raises(ValueError, match="region is categorical in the schema and not in the rule"):
        number.fixed(REGION)
    with pytest.raises(ValueError, match="region: declare its levels in the schema: new"):
        levels.fixed(REGION)


def toad_bins(rule: list, series: pd.Series) -> list[int]:
    """Return bins as toad 0.1 documents them: digitize with NaN filled by -1, or groups."""
    if all(isinstance(item, float) for item in rule):
        own = bool(rule) and math.isnan(rule[-1])
        found = np.digitize(series.fillna(-1.0), rule[:-1] if own else rule)
        return np.where(series.isna() & own, len(rule), found).tolist()
    found = []
    for value in series:
        text = "nan" if pd.isna(value) else value
        listed = [i for i, group in enumerate(rule) if group != "else" and text in group]
        found.append((listed or [rule.index("else") if "else" in rule else -1])[0])
    return found


def test_exported_rules_put_the_same_rows_together():
    rows = applicants()
    names = list(SCHEMA.names)
    card = Scorecard().fit(rows[names], rows["bad"], schema=SCHEMA)
    # The code 5 of delay_days lies amid its numbers: that is no list of intervals.
    tables = [t for t in card.tables_ if t.raw.feature.name != "delay_days"]

    rules = json.loads(toad_rules.export(tables))

    for table in tables:
        name = table.raw.feature.name
        theirs, ours = toad_bins(rules[name], rows[name]), table.bin_of(rows[name]).tolist()
        pairs = set(zip(theirs, ours, strict=True))
        assert len(pairs) == len({t for t, _ in pairs}) == len({o for _, o in pairs}), name


def test_imported_rules_are_exported_as_they_came():
    text = '{"age": [18.0, 25.5, NaN], "region": [["A", "B"], ["C", "nan"], ["Z"]]}'
    bins = toad_rules.parse(text)
    tables = [
        bins[feature.name].fixed(feature).table(feature, [9] * n, [9] * n)
        for feature, n in ((AGE, 4), (REGION, 6))
    ]

    assert str(json.loads(toad_rules.export(tables))) == str(json.loads(text))


def table(feature: Feature, assignment: tuple[int, ...], edges: tuple[float, ...] = ()) -> BinTable:
    n = max(assignment) + 1
    return BinTable(RawCells(feature, edges), assignment, (9,) * n, (9,) * n)


def test_what_toad_would_put_together_otherwise_is_refused_by_name():
    coded = Feature("delay", "numeric", lower=0.0, upper=9.0, special=(5.0,))
    odd = Feature("region", "categorical", levels=("else", "b"))

    with pytest.raises(ValueError, match=r"delay: the bin .* is no one interval"):
        toad_rules.export([table(coded, (0, 1, 2, 0), (3.0,))])
    with pytest.raises(ValueError, match="age: toad puts missing values where -1 lies"):
        toad_rules.export([table(AGE, (0, 1, 1), (30.0,))])
    with pytest.raises(ValueError, match="region: toad reads the level else otherwise"):
        toad_rules.export([table(odd, (0, 1, 1, 1))])
