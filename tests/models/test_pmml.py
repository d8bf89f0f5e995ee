"""The PMML of a model, read by a reader of the specification, gives what the model gives."""

import numpy as np
import pytest

from fedcredit_models import Feature, Gbdt, Scorecard
from fedcredit_models.binning import BinTable, RawCells
from fedcredit_models.trees import Node, Tree
from tests.models.exchange_rows import SCHEMA, applicants, hard_rows
from tests.models.pmml_reader import read, rows_of, score

FEATURES = list(SCHEMA.names)


@pytest.fixture(scope="module")
def card() -> Scorecard:
    rows = applicants()
    return Scorecard().fit(rows[FEATURES], rows["bad"], schema=SCHEMA)


@pytest.fixture(scope="module")
def trees() -> Gbdt:
    rows = applicants()
    return Gbdt(n_trees=8, max_depth=4, bins=12).fit(rows[FEATURES], rows["bad"], schema=SCHEMA)


def test_a_scorecard_gives_its_points_and_what_cost_most_of_them(card):
    rows = hard_rows([table.raw for table in card.tables_], n=400)
    model = read(card.to_pmml())

    found = [score(model, row) for row in rows_of(rows)]

    assert [f["score"] for f in found] == card.score_points(rows).tolist()
    reasons = card.reasons(rows)
    for i, one in enumerate(found):
        ours = reasons.loc[[i]]["feature"].tolist() if i in reasons.index else []
        assert [one[f"reason_{rank}"] for rank in range(1, len(ours) + 1)] == ours


def test_exact_points_give_the_log_odds_and_the_probability(card):
    rows = hard_rows([table.raw for table in card.tables_], n=400)
    model = read(card.to_pmml(points="exact"))

    found = [score(model, row) for row in rows_of(rows)]

    eta = [f["log_odds_bad"] for f in found]
    assert eta == pytest.approx(card.decision_function(rows).tolist(), abs=1e-12)
    p = [f["probability_bad"] for f in found]
    assert p == pytest.approx(card.predict_proba(rows)[:, 1].tolist(), abs=1e-12)


def test_trees_give_their_log_odds_to_the_last_bit(trees):
    rows = hard_rows(trees.raw_, n=400)
    model = read(trees.to_pmml())

    found = [score(model, row) for row in rows_of(rows)]

    assert [f["log_odds_bad"] for f in found] == trees.decision_function(rows).tolist()
    p = [f["probability_bad"] for f in found]
    assert p == pytest.approx(trees.predict_proba(rows)[:, 1].tolist(), abs=1e-12)


NASTY = [
    '"><Node score="9"/>',
    "]]></Array><True/>",
    "&lt;&amp;&#0;",
    "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///'>]>&y;",
    'it\'s "quoted" \\ and\tsplit\n over lines',
    " leading and trailing ",
    "漢字 éü 🏦",
    "--><!--",
]


@pytest.mark.parametrize("nasty", NASTY, ids=range(len(NASTY)))
def test_a_nasty_name_or_level_stays_a_name_or_a_level(nasty):
    feature = Feature(nasty, "categorical", levels=(nasty, "plain", nasty[::-1]))
    table = BinTable(RawCells(feature), (0, 1, 2, 1, 1), (90, 20, 5), (50, 200, 300))
    card = Scorecard.from_parts([table], [-1.0, -0.9], [0.1, 0.1])
    rows = [{nasty: level} for level in (nasty, "plain", nasty[::-1], "unseen", None)]

    found = [score(read(card.to_pmml()), row) for row in rows]

    points = card.bin_points(0)
    assert [f["score"] for f in found] == points[[0, 1, 2, 1, 1]].tolist()
    assert {f["reason_1"] for f in found} == {nasty}


@pytest.mark.parametrize("nasty", ["a\x00b", "a\x1bb", "a\x0cb", "a\ufffeb", "a\ud800b"])
def test_a_character_that_no_xml_holds_is_refused_by_the_features_name(nasty):
    feature = Feature("region", "categorical", levels=(nasty,))
    table = BinTable(RawCells(feature), (0, 1, 1), (90, 20), (50, 200))
    card = Scorecard.from_parts([table], [-1.0, -0.9], [0.1, 0.1])

    with pytest.raises(ValueError, match="feature 'region': XML cannot hold"):
        card.to_pmml()


def test_a_feature_named_like_an_output_is_refused():
    raw = RawCells(Feature("score", "numeric", lower=0.0, upper=1.0))
    model = Gbdt.from_parts([raw], 0, [Tree((Node(n=9, value=1),))])

    with pytest.raises(ValueError, match="feature 'score': the file puts out a field of that name"):
        model.to_pmml()


def test_a_card_without_a_feature_has_no_pmml():
    card = Scorecard.from_parts([], [-1.0], [0.1], dropped={"x": "one bin"})

    with pytest.raises(ValueError, match="without a feature"):
        card.to_pmml()


def test_a_value_without_a_bin_scores_its_equal_share():
    feature = Feature("region", "categorical", levels=("a", "b"))
    table = BinTable(RawCells(feature), (0, 1, -1, -1), (90, 20), (50, 200))
    card = Scorecard.from_parts([table], [-1.0, -0.9], [0.1, 0.1])
    model = read(card.to_pmml())

    # 600 - 20 log2(50) + 20 / ln 2: the points of log odds -1.
    assert score(model, {"region": None})["score"] == round(600 - 20 * np.log2(50) + 20 / np.log(2))
