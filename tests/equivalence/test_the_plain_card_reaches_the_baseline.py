"""Without merging and constraints the encrypted card is the pooled one of ``baselines.md``.

That card was made by another program with scikit-learn. What the default constraints cost against
it is printed when the session ends.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import roc_auc_score

from tests.equivalence.credit_data import LABEL, RECIPES
from tests.equivalence.reference import PLAIN
from tests.equivalence.runs import CONSTRAINTS, LINES, Comparison, Line, card_name, compare

SHARED = [name for name, recipe in RECIPES.items() if recipe.bars.woe]


@pytest.fixture(scope="module", params=SHARED)
def plain(request: pytest.FixtureRequest) -> Comparison:
    name = request.param
    return compare(name, RECIPES[name].rule, PLAIN)


def test_the_plain_card_equals_the_pooled_one(plain: Comparison) -> None:
    model = plain.result.model
    found = np.array([model.intercept_, *model.coef_])

    assert [(t.assignment, t.bads, t.goods) for t in model.tables_] == [
        (b.assignment, b.bads, b.goods) for b in plain.card.bins
    ]
    assert_allclose(found, plain.card.beta, rtol=0, atol=1e-6)
    LINES[plain.data.name, plain.partition, "plain"] = Line(
        data=plain.data.name,
        partition=plain.partition,
        card=card_name(plain.rules),
        n_parties=plain.n_parties,
        largest=float(np.abs(found - plain.card.beta).max()),
        released_auc=plain.result.metrics["holdout"]["auc"],
        reference_auc=float(
            roc_auc_score(plain.data.holdout[LABEL], plain.card.eta(plain.data.holdout))
        ),
        seconds=plain.seconds,
    )


def test_the_plain_card_reaches_the_published_auc(plain: Comparison) -> None:
    holdout = plain.data.holdout
    default = compare(plain.data.name, plain.partition).result.model

    auc = roc_auc_score(holdout[LABEL], plain.result.model.decision_function(holdout))

    assert abs(auc - plain.data.recipe.bars.woe) <= 0.002
    CONSTRAINTS[plain.data.name] = (
        plain.data.recipe.bars.woe,
        float(auc),
        float(roc_auc_score(holdout[LABEL], default.decision_function(holdout))),
    )
