"""Trees grown from plain sums of the parties are those of the pool, and rank as scikit-learn's do.

scikit-learn's histogram trees get the same bins: the cell of each value as a number, missing as
missing, a special code below every value, a category as a category.
"""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from fedcredit_models import boosting, trees
from fedcredit_models.boosting import BoostedRows, BoostingRules
from fedcredit_models.cells import RawCells
from fedcredit_models.gbdt import cells_of
from fedcredit_models.grid import Grid, quantiles
from fedcredit_models.tree_growth import GrowthRules
from tests.equivalence.credit_data import ALL, LABEL, CreditData, load
from tests.equivalence.runs import TREES

N_TREES, BINS = 60, 32
RULES = BoostingRules(GrowthRules(l2=1.0, min_rows=20), max_depth=5, max_trees=N_TREES)

QUICK = ("hmeq", "german")

WIDER = {"polish_1year": 0.01, "berka_static": 0.01}
"""Sets with 81 and 23 bads among their test rows, where a tie that falls the other way, of two
splits with one gain, shows in the third digit. The others are held to 0.003."""

SETS = [
    *QUICK,
    *(pytest.param(name, marks=pytest.mark.long) for name in ALL if name not in QUICK),
]


def raw_cells(data: CreditData) -> list[RawCells]:
    """Cells between the quantiles of the training rows."""
    found = []
    for feature in data.recipe.features:
        edges: tuple[float, ...] = ()
        if feature.kind == "numeric":
            grid = Grid(feature)
            counts = grid.histogram(data.train[feature.name]).tolist()
            edges = tuple(float(grid.upper[cell]) for cell in quantiles(grid, counts, BINS))
        found.append(RawCells(feature, edges))
    return found


def for_scikit_learn(raw: list[RawCells], cells: np.ndarray) -> np.ndarray:
    columns = cells.astype(float)
    for i, feature in enumerate(raw):
        if feature.feature.kind == "numeric":
            tail = cells[:, i] - feature.n_ordinary
            columns[tail == 0, i] = np.nan
            columns[tail > 0, i] = -tail[tail > 0]
    return columns


@pytest.mark.parametrize("name", SETS)
def test_trees_of_the_parties_sums_rank_as_those_of_the_pool(name: str) -> None:
    data = load(name)
    raw = raw_cells(data)
    train, held = cells_of(raw, data.train), cells_of(raw, data.holdout)
    y, y_held = data.train[LABEL].to_numpy(), data.holdout[LABEL].to_numpy()
    parts = [part[part["sample"] == "train"] for part in data.parts(data.recipe.rule).values()]
    theirs = HistGradientBoostingClassifier(
        max_iter=N_TREES,
        max_depth=5,
        max_leaf_nodes=None,
        l2_regularization=1.0,
        early_stopping=False,
        categorical_features=[cells.feature.kind == "categorical" for cells in raw],
    ).fit(for_scikit_learn(raw, train), y)

    pooled = boosting.fit([BoostedRows(train, y)], raw, RULES)
    federated = boosting.fit(
        [BoostedRows(cells_of(raw, part), part[LABEL].to_numpy()) for part in parts], raw, RULES
    )

    assert federated.trees == pooled.trees
    ours = roc_auc_score(y_held, trees.log_odds(pooled.base, pooled.trees, held))
    expected = roc_auc_score(y_held, theirs.decision_function(for_scikit_learn(raw, held)))
    TREES[name] = (len(parts), float(ours), float(expected))
    assert abs(ours - expected) <= WIDER.get(name, 0.003), (ours, expected)
