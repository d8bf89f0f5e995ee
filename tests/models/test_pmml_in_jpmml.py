"""The reference evaluator of PMML reads our files. Needs ``jpmml_evaluator``, JPype and Java.

``pip install jpmml-evaluator jpype1`` beside a Java runtime; without them `test_pmml.py` stands for
it, with a reader written from the specification.
"""

import pytest

from fedcredit_models import Gbdt, Scorecard
from tests.models.exchange_rows import SCHEMA, applicants, hard_rows
from tests.models.pmml_reader import rows_of

jpmml = pytest.importorskip("jpmml_evaluator", reason="pip install jpmml-evaluator jpype1, Java")

FEATURES = list(SCHEMA.names)

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def backend():
    found = pytest.importorskip("jpmml_evaluator.jpype", reason="pip install jpype1")
    return found.JPypeBackend()


def test_points_and_log_odds_are_ours(backend, tmp_path):
    rows = applicants()
    card = Scorecard().fit(rows[FEATURES], rows["bad"], schema=SCHEMA)
    trees = Gbdt(n_trees=20, max_depth=5).fit(rows[FEATURES], rows["bad"], schema=SCHEMA)
    hard = hard_rows(list(trees.raw_))
    (tmp_path / "card.pmml").write_text(card.to_pmml(), encoding="utf-8")
    (tmp_path / "trees.pmml").write_text(trees.to_pmml(), encoding="utf-8")

    found = {}
    for name in ("card", "trees"):
        evaluator = jpmml.make_evaluator(str(tmp_path / f"{name}.pmml"), backend=backend).verify()
        found[name] = [evaluator.evaluate(row) for row in rows_of(hard)]

    assert [one["score"] for one in found["card"]] == card.score_points(hard).tolist()
    log_odds = [one["log_odds_bad"] for one in found["trees"]]
    assert log_odds == trees.decision_function(hard).tolist()
