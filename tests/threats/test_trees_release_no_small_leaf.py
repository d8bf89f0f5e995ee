"""No node of a released tree is of few rows, few bads or few goods, whatever the job asks for.

The released trees are walked over the rows themselves, all parties' together, which nobody but this
test holds. What leaves give away beyond that is measured: an attacker who holds the released trees
and totals alone solves for the counts behind them.
"""

import itertools
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fedcredit as fc
from fedcredit_models.boosted_rows import BoostedRows
from fedcredit_models.boosting import Boosting, BoostingRules, fit
from fedcredit_models.boosting_start import begin
from fedcredit_models.cell_rules import CellRules
from fedcredit_models.cells import RawCells, count
from fedcredit_models.gbdt import cells_of
from fedcredit_models.tree_growth import GrowthRules
from fedcredit_parties.errors import ConfigError
from tests.simulated import bank_frames, parts, small_federation, small_job

SCHEMA = fc.Schema(
    features=(
        fc.Feature("income", "numeric", lower=0.0, upper=10_000.0),
        fc.Feature("home", "categorical", levels=("own", "rent", "parents", "boat")),
        fc.Feature("age", "numeric", lower=0.0, upper=100.0),
    ),
    label="bad",
)
SIX = 6
"""Rows of one rare level: too few to be told apart."""

RATE = 0.1
"""Learning rate of the trees that are attacked."""

ROOT = Path(__file__).parents[2]


def frames() -> dict[str, pd.DataFrame]:
    found = bank_frames()
    first = found["bank-0"]
    first.loc[: SIX - 1, ["home", "bad"]] = ["boat", 1]  # all of them went bad
    return found


@cache
def model() -> fc.Gbdt:
    """Trees of a job that is as greedy as the policy lets it be."""
    greedy = fc.Gbdt(n_trees=4, max_depth=4, min_rows=10, l2=0.0, learning_rate=1.0, bins=64)
    with small_federation(frames(), schema=SCHEMA) as federation:
        result = federation.run(small_job(model=greedy, holdout=0.0, run_deadline_s=60))
    assert isinstance(result.model, fc.Gbdt)
    return result.model


def test_every_node_holds_ten_rows_ten_bads_and_ten_goods() -> None:
    trees, pool = model(), pd.concat(frames().values(), ignore_index=True)
    cells, bad = cells_of(trees.raw_, pool), pool["bad"].to_numpy()
    n_leaves = 0
    for tree in trees.trees_:
        leaf = tree.leaf_of(cells)
        for place, node in enumerate(tree.nodes):
            if node.is_leaf:
                here = bad[leaf == place]
                n_leaves += 1
                assert len(here) >= 10
                assert min(here.sum(), (1 - here).sum()) >= 10
    assert n_leaves > len(trees.trees_)


def test_rows_are_told_in_tens() -> None:
    nodes = [node for tree in model().trees_ for node in tree.nodes[1:]]

    assert all(node.n % 10 == 0 for node in nodes)


def test_a_rare_level_is_never_the_difference_between_two_nodes() -> None:
    trees = model()
    names = list(trees.feature_names_in_)
    home = names.index("home")
    boat = SCHEMA.features[1].levels.index("boat")
    groups = [node.left for tree in trees.trees_ for node in tree.nodes if node.feature == home]
    fellows = [
        cell
        for cell in range(trees.raw_[home].n)
        if cell != boat and all((cell in left) == (boat in left) for left in groups)
    ]

    assert groups
    assert fellows  # it goes with another value everywhere: the six are never told apart


def test_a_rare_level_does_not_go_where_its_own_outcomes_lie() -> None:
    flipped = frames()
    rare = flipped["bank-0"]["home"] == "boat"
    flipped["bank-0"].loc[rare, "bad"] = 0

    def fellow(tables: dict[str, pd.DataFrame]) -> int:
        pool = pd.concat(tables.values(), ignore_index=True)
        raw = RawCells(SCHEMA.features[1])
        found = begin(raw, *count(raw, pool["home"], pool["bad"].to_numpy()), CellRules())
        return found.fellows[SCHEMA.features[1].levels.index("boat")]

    assert fellow(frames()) == fellow(flipped)


def test_a_job_that_asks_for_smaller_nodes_is_refused() -> None:
    with small_federation(frames(), schema=SCHEMA) as federation:
        with pytest.raises(ConfigError, match="min_rows"):
            federation.run(small_job(model=fc.Gbdt(min_rows=9)))


def test_the_memory_between_two_levels_dies_with_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with small_federation(frames(), schema=SCHEMA) as federation:
        key_holder = parts(federation).key_holder
        kept: list[list[str]] = []
        honest = key_holder._remember

        def remember(run_id: str, number: int, memory: Any) -> None:
            honest(run_id, number, memory)
            kept.append(key_holder._vault.names("sums."))

        monkeypatch.setattr(key_holder, "_remember", remember)
        job = small_job(model=fc.Gbdt(n_trees=1, max_depth=3), run_deadline_s=60)
        result = federation.run(job)
        key_holder.destroy(result.run_id)

        assert [len(names) for names in kept[:3]] == [0, 0, 1]  # quantiles, start, the root
        assert key_holder._vault.names("sums.") == []


def tree_rows(n_features: int, n: int = 1500) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows in whose tails few go bad."""
    rng = np.random.default_rng(3)
    x = rng.random((n, n_features))
    x[:, 1:] = (x[:, 1:] + 2 * x[:, :1]) / 3
    eta = -2.2 + 3 * (x[:, 0] - 0.5) + 2 * np.sin(6 * x).sum(axis=1) / n_features
    y = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(np.int64)
    return pd.DataFrame(x, columns=[f"x{j}" for j in range(n_features)]), y


def released(
    table: pd.DataFrame, y: np.ndarray, n_cells: int, n_trees: int, *, filled: bool = True
) -> tuple[Boosting, np.ndarray]:
    """What is known of a run over these rows, and the rows' cells, which nobody knows."""
    edges = tuple(np.arange(1, n_cells) / n_cells)
    raw = [RawCells(fc.Feature(name, "numeric", lower=0.0, upper=1.0), edges) for name in table]
    own = [tuple(range(r.n)) for r in raw]
    counts = [count(r, table[r.feature.name], y) for r in raw]
    fellows = [begin(r, *c, CellRules()).fellows for r, c in zip(raw, counts, strict=True)]
    growth = GrowthRules(
        l2=1.0, min_rows=10, min_bads=10, min_goods=10, learning_rate=RATE, rounding=10
    )
    rules = BoostingRules(growth, max_depth=4, max_trees=n_trees)
    cells = cells_of(raw, table)
    return fit([BoostedRows(cells, y)], raw, rules, fellows=fellows if filled else own), cells


def moves(eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and curvature of one bad and of one good at these log odds, on a run's units."""
    p = 1 / (1 + np.exp(-eta))
    gradient = np.concatenate([p - 1, p])
    curvature = np.tile(p * (1 - p), 2)
    return np.rint(gradient * 2**20) / 2**20, np.rint(curvature * 2**20) / 2**20


def told_apart(course: Boosting, n_bads: int, n_goods: int) -> dict[tuple[int, ...], list[int]]:
    """The attack: bads and goods of each joint group of values that the releases determine.

    Each leaf's value is a linear equation in the unknown bads and goods of the groups inside it.
    """
    groups = [
        sorted(set(f[: r.n_ordinary])) for f, r in zip(course.fellows, course.raw, strict=True)
    ]
    grid = np.array(list(itertools.product(*groups)))
    n, units = len(grid), np.full(len(grid), course.base)
    left, right = [np.repeat([1, 0], n), np.repeat([0, 1], n)], [n_bads, n_goods]
    for tree in course.trees:
        gradient, curvature = moves(np.ldexp(units.astype(float), -40))
        leaf = tree.leaf_of(grid)
        for place, node in enumerate(tree.nodes):
            if node.is_leaf:
                move = np.ldexp(node.value, -40) / RATE  # -G / (H + 1)
                left.append((gradient + move * curvature) * np.tile(leaf == place, 2))
                right.append(-move)
        units = units + np.array([node.value for node in tree.nodes])[leaf]
    equations = np.array(left, dtype=float)
    _, sizes, directions = np.linalg.svd(equations, full_matrices=False)
    seen = directions[sizes > sizes[0] * 1e-10]
    is_known = (np.abs((seen**2).sum(axis=0) - 1) < 1e-6).reshape(2, n).all(axis=0)
    found = np.linalg.lstsq(equations, np.array(right, dtype=float), rcond=1e-11)[0]
    counts = np.rint(found).astype(int).reshape(2, n).T
    return {tuple(grid[i].tolist()): counts[i].tolist() for i in np.flatnonzero(is_known)}


def truth(course: Boosting, cells: np.ndarray, y: np.ndarray) -> dict[tuple[int, ...], list[int]]:
    """Bads and goods of each joint group of values, from the rows."""
    columns = [np.array(f)[cells[:, j]] for j, f in enumerate(course.fellows)]
    table = pd.DataFrame(np.column_stack(columns)).assign(bad=y, good=1 - y)
    sums = table.groupby(list(range(len(columns))))[["bad", "good"]].sum()
    return {
        key if isinstance(key, tuple) else (key,): row.tolist()
        for key, row in zip(sums.index, sums.to_numpy(), strict=True)
    }


def test_a_leaf_of_the_first_tree_gives_its_rows_and_bads_exactly_and_the_page_says_so() -> None:
    table, y = tree_rows(2)
    course, cells = released(table, y, 7, 1)
    (tree,) = course.trees
    (bad, good), (curved, _) = (part.tolist() for part in moves(np.ldexp([course.base], -40)))
    leaf = tree.leaf_of(cells)
    for place, node in enumerate(tree.nodes):
        if node.is_leaf:
            fitting = [
                (n, bads)
                for n in range(node.n - 5, node.n + 5)
                for bads in range(10, n - 9)
                if round(-RATE * (bads * bad + (n - bads) * good) / (n * curved + 1) * 2**40)
                == node.value
            ]
            assert fitting == [((leaf == place).sum(), y[leaf == place].sum())]

    for page in ("SECURITY.md", "docs/explanation/who-learns-what.md"):
        text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
        assert "exact rows and bads" in text
        assert "its rows are not told exactly" not in text


def test_what_many_trees_tell_of_one_feature_obeys_the_policy() -> None:
    table, y = tree_rows(1)
    course, cells = released(table, y, 40, 80)
    rows = truth(course, cells, y)

    found = told_apart(course, int(y.sum()), int((1 - y).sum()))

    assert found == rows  # every group is known, to the last row
    assert all(min(counts) >= 10 for counts in found.values())


def test_the_weak_variant_that_fills_no_groups_tells_cells_of_few_bads() -> None:
    table, y = tree_rows(1)
    course, cells = released(table, y, 40, 80, filled=False)
    rows = truth(course, cells, y)

    found = told_apart(course, int(y.sum()), int((1 - y).sum()))

    assert found.items() <= rows.items()
    assert sum(min(counts) < 10 for counts in found.values()) >= 5


def test_many_trees_over_two_features_tell_joint_cells_of_few_and_the_page_says_so() -> None:
    table, y = tree_rows(2)
    course, cells = released(table, y, 8, 150)
    rows = truth(course, cells, y)

    found = told_apart(course, int(y.sum()), int((1 - y).sum()))

    assert all(rows.get(key, [0, 0]) == counts for key, counts in found.items())
    assert any(0 < sum(counts) < 10 for counts in found.values())
    page = " ".join((ROOT / "SECURITY.md").read_text(encoding="utf-8").split())
    assert "joint cells of fewer than ten people" in page
