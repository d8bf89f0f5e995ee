"""Trees from sums: equal for any division of the rows, and those of scikit-learn at equal bins."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from fedcredit_models import boosting, shapley, trees
from fedcredit_models.boosting import BoostedRows, Boosting, BoostingRules
from fedcredit_models.cells import RawCells
from fedcredit_models.feature import Feature
from fedcredit_models.tree_growth import GrowthRules, grow
from fedcredit_models.tree_sums import GRADIENT_BITS
from fedcredit_models.trees import Node, Tree

UNIT = 2**GRADIENT_BITS


def number(n_cells: int, special: tuple[float, ...] = ()) -> RawCells:
    edges = tuple(float(i) for i in range(n_cells - 1))
    return RawCells(Feature("x", "numeric", lower=-1.0, upper=99.0, special=special), edges)


def category(n_levels: int) -> RawCells:
    return RawCells(Feature("c", "categorical", levels=tuple("abcdefgh"[:n_levels])))


def sums(*cells: tuple[float, float, int]) -> np.ndarray:
    """Gradient, curvature, rows and bads (every other row) of each cell, of one node."""
    return np.array([[(round(g * UNIT), round(h * UNIT), n, n // 2) for g, h, n in cells]])


def noisy_rows(n: int = 3000, p: int = 5) -> tuple[list[RawCells], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(20)
    x = rng.normal(size=(n, p))
    eta = x[:, 0] - 0.7 * x[:, 1] * x[:, 2] - 1.5
    y = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(np.int64)
    raw, columns = [], []
    for j in range(p):
        edges = np.quantile(x[:, j], np.arange(1, 16) / 16)
        raw.append(RawCells(Feature(f"x{j}", "numeric", lower=-9.0, upper=9.0), tuple(edges)))
        columns.append(raw[j].cell_of(pd.Series(x[:, j])))
    return raw, np.column_stack(columns), y


def test_the_best_cut_is_the_one_found_by_hand():
    # G = (4, 4, -6), H = 10 each, l2 = 0. Cut after cell 1: 8**2/20/2 + 6**2/10/2 - 2**2/30/2.
    raw = number(3)
    node = sums((4, 10, 50), (4, 10, 50), (-6, 10, 50), (0, 0, 0))

    (choice,) = grow(node, [raw], GrowthRules(l2=0.0))

    assert (choice.feature, choice.left) == (0, (0, 1, 3))  # nobody was missing: with the greater
    assert [int(child[2]) for child in choice.sums] == [100, 50]


def test_a_node_that_no_split_improves_is_a_leaf_with_the_best_move():
    node = sums((3, 20, 50), (3, 20, 50), (0, 0, 0))

    (choice,) = grow(node, [number(2)], GrowthRules(l2=1.0, learning_rate=0.5))

    assert choice.feature == -1
    assert choice.value == round(-0.5 * 6 / 41 * 2**40)


def test_missing_values_go_where_they_save_more():
    # Missing rows look like cell 1: they go right, although the cut lies after cell 0.
    node = sums((-9, 10, 50), (9, 10, 50), (8, 10, 50))

    (choice,) = grow(node, [number(2)], GrowthRules())

    assert choice.left == (0,)


def test_categories_are_divided_in_the_order_of_their_moves():
    # Best division: a and c (G = 8, 7) against b, d (G = -6, -9), wherever they stand.
    node = sums((8, 10, 40), (-6, 10, 40), (7, 10, 40), (-9, 10, 40), (0, 0, 0), (0, 0, 0))

    (choice,) = grow(node, [category(4)], GrowthRules())

    assert set(choice.left) & {0, 1, 2, 3} in ({0, 2}, {1, 3})


def test_the_order_finds_the_best_division_of_all():
    rng = np.random.default_rng(3)
    for _ in range(20):
        gradient = rng.normal(scale=9.0, size=5)
        node = sums(*((g, 30.0, 40) for g in gradient), (0, 0, 0), (0, 0, 0))
        (choice,) = grow(node, [category(5)], GrowthRules(l2=0.0, min_rows=1))

        def saved(left: tuple[int, ...], gradient: np.ndarray = gradient) -> float:
            inside = gradient[list(left)].sum()
            k = len(left)
            return inside**2 / (30 * k) + (gradient.sum() - inside) ** 2 / (30 * (5 - k))

        every = [s for k in (1, 2, 3, 4) for s in itertools.combinations(range(5), k)]
        chosen = tuple(cell for cell in choice.left if cell < 5)
        assert saved(chosen) == pytest.approx(max(map(saved, every)))


def test_a_split_leaves_no_node_below_the_smallest_number_of_rows():
    node = sums((9, 10, 19), (-9, 10, 50), (0, 0, 0))

    assert grow(node, [number(2)], GrowthRules(min_rows=20))[0].feature == -1
    assert grow(node, [number(2)], GrowthRules(min_rows=19))[0].feature == 0


@pytest.mark.parametrize("sign", [1, -1])
def test_a_monotone_feature_moves_scores_one_way_only(sign: int):
    raw, cells, y = noisy_rows()
    rules = BoostingRules(GrowthRules(monotone=(sign, 0, 0, 0, 0)), max_depth=4, max_trees=20)
    course = boosting.fit([BoostedRows(cells, y)], raw, rules)

    rows = np.repeat(cells[:200], 16, axis=0)
    rows[:, 0] = np.tile(np.arange(16), 200)
    eta = trees.log_odds(course.base, course.trees, rows).reshape(200, 16)

    assert (sign * np.diff(eta, axis=1) >= 0).all()
    assert (np.ptp(eta, axis=1) > 0).any() == (sign == 1)  # the truth rises


def test_any_division_of_the_rows_gives_the_same_trees():
    raw, cells, y = noisy_rows()
    rules = BoostingRules(max_depth=4, max_trees=6)
    whole = boosting.fit([BoostedRows(cells, y)], raw, rules)

    for n_parts in (2, 7):
        parts = [BoostedRows(cells[i::n_parts], y[i::n_parts]) for i in range(n_parts)]
        assert boosting.fit(parts, raw, rules).trees == whole.trees


@pytest.mark.parametrize("weight", [1.0, 4.0])
def test_at_equal_bins_scikit_learn_grows_the_same_scores(weight: float):
    raw, cells, y = noisy_rows()
    rules = BoostingRules(
        GrowthRules(l2=1.0, min_rows=20, learning_rate=0.1),
        max_depth=4,
        max_trees=30,
        bad_weight=weight,
    )
    theirs = HistGradientBoostingClassifier(
        max_iter=30,
        max_depth=4,
        max_leaf_nodes=None,
        l2_regularization=1.0,
        early_stopping=False,
        class_weight={0: 1.0, 1: weight},
    ).fit(cells.astype(float), y)

    course = boosting.fit([BoostedRows(cells, y)], raw, rules)

    ours = trees.log_odds(course.base, course.trees, cells)
    expected = theirs.decision_function(cells.astype(float))
    # Theirs start at the weighted log odds too, and add in single precision.
    assert np.abs(ours - expected).mean() < 1e-3
    assert np.quantile(np.abs(ours - expected), 0.95) < 1e-3


def test_growth_stops_where_the_hold_out_is_best():
    raw, cells, y = noisy_rows(1500)
    rules = BoostingRules(GrowthRules(learning_rate=0.5), max_trees=60, patience=5)
    part, held = BoostedRows(cells[:700], y[:700]), BoostedRows(cells[700:], y[700:])

    course = boosting.fit([part], raw, rules, [held])

    losses = [held_loss for _, held_loss in course.losses]
    assert len(course.trees) == int(np.argmin(losses)) + 1 < 60
    assert len(losses) == len(course.trees) + 5
    eta = trees.log_odds(course.base, course.trees, cells[700:])
    mean = float((np.logaddexp(0.0, eta) - y[700:] * eta).mean())
    assert min(losses) == pytest.approx(mean, abs=1e-6)


def test_contributions_are_the_shapley_values_of_the_definition():
    raw, cells, y = noisy_rows(1200, 4)
    course = boosting.fit([BoostedRows(cells, y)], raw, BoostingRules(max_depth=3, max_trees=3))
    row = cells[5]

    def value(there: frozenset[int]) -> float:
        """Expected log odds when only the features in `there` are known, by the training rows."""

        def below(tree: Tree, place: int) -> float:
            node = tree.nodes[place]
            if node.is_leaf:
                return math.ldexp(node.value, -40)
            left, right = node.children
            if node.feature in there:
                return below(tree, left if row[node.feature] in node.left else right)
            share = tree.nodes[left].n / node.n
            return share * below(tree, left) + (1 - share) * below(tree, right)

        return math.ldexp(course.base, -40) + sum(below(tree, 0) for tree in course.trees)

    def shapley_value(i: int) -> float:
        others = [j for j in range(4) if j != i]
        return sum(
            (value(frozenset({*s, i})) - value(frozenset(s)))
            * math.factorial(len(s))
            * math.factorial(3 - len(s))
            / math.factorial(4)
            for k in range(4)
            for s in itertools.combinations(others, k)
        )

    found, expected = shapley.contributions(
        course.base, course.trees, cells[5:6], [cells_.n for cells_ in raw]
    )

    assert found[0] == pytest.approx([shapley_value(i) for i in range(4)])
    assert expected == pytest.approx(value(frozenset()))
    eta = trees.log_odds(course.base, course.trees, cells[5:6])[0]
    assert expected + found[0].sum() == pytest.approx(eta)


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        ([Node(9, feature=0, left=(0,), children=(1, 2)), Node(4)], "not there"),
        ([Node(9, feature=0, left=(0,), children=(0, 1)), Node(4)], "not its own"),
        ([Node(9, feature=0, left=(0,), children=(1, 1)), Node(4)], "not its own"),
        ([Node(9), Node(4)], "hangs nowhere"),
        ([Node(9, feature=0)], "half a split"),
    ],
)
def test_nodes_that_form_no_tree_are_refused(nodes: list[Node], says: str):
    with pytest.raises(ValueError, match=says):
        Tree(tuple(nodes))


@pytest.mark.parametrize(
    "nodes",
    [
        [],
        [{"value": 1}, {"value": 1}],
        [{"feature": 7, "left": [0], "rows": [3, 3]}],
        [{"feature": 0, "left": [99], "rows": [3, 3]}],
        [{"feature": 0, "left": [1, 0], "rows": [3, 3]}],
    ],
)
def test_a_release_that_is_no_result_of_the_level_is_refused(nodes: list[object]):
    course = Boosting([number(3)], BoostingRules(), n_bads=10, n_goods=10)

    with pytest.raises(ValueError, match=r"level|split"):
        course.absorb({"nodes": nodes})
