"""No node of a released tree is of few rows, few bads or few goods, whatever the job asks for.

The released trees are walked over the rows themselves, all parties' together, which nobody but this
test holds.
"""

from functools import cache

import pandas as pd
import pytest

import fedcredit as fc
from fedcredit_models.boosting_start import begin
from fedcredit_models.cell_rules import CellRules
from fedcredit_models.cells import RawCells, count
from fedcredit_models.gbdt import cells_of
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


def test_rows_are_not_told_exactly() -> None:
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


def test_the_memory_between_two_levels_dies_with_the_key() -> None:
    with small_federation(frames(), schema=SCHEMA) as federation:
        job = small_job(model=fc.Gbdt(n_trees=1, max_depth=2), run_deadline_s=60)
        result = federation.run(job)
        key_holder = parts(federation).key_holder
        key_holder.destroy(result.run_id)

        assert key_holder._vault.names("sums.") == []
