"""Fine bins lie inside coarse ones, and each passes the cell rules."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fedcredit_models.cell_rules import BinningRules, CellRules
from fedcredit_models.cells import RawCells
from fedcredit_models.feature import Feature
from fedcredit_models.fine_bins import refine
from fedcredit_models.merging import merge, totals

AGE = RawCells(Feature("age", "numeric", lower=0, upper=100, special=(-9,)), (20.0, 30.0, 40.0))
JOB = RawCells(Feature("job", "categorical", levels=("a", "b", "c", "d")))
RULES = CellRules()


def test_neighbours_are_put_together_from_the_left_until_they_pass() -> None:
    # Ordinary cells pass, fail, pass, fail; missing has too few bads, the code passes.
    bads, goods = [10, 5, 10, 1, 3, 12], [40, 40, 40, 40, 20, 30]
    assert refine(AGE, (0, 0, 0, 0, 0, 1), bads, goods, RULES) == (0, 1, 1, 1, 0, 2)


def test_levels_that_pass_stand_alone_and_rare_ones_together() -> None:
    # a passes; b, c and d do not; other is empty; missing passes.
    bads, goods = [20, 4, 3, 5, 0, 15], [20, 20, 9, 9, 0, 15]
    assert refine(JOB, (0, 0, 0, 0, -1, 0), bads, goods, RULES) == (0, 2, 2, 2, -1, 1)
    bads[1] = 1  # b, c and d together have nine bads: they join the first
    assert refine(JOB, (0, 0, 0, 0, -1, 0), bads, goods, RULES) == (0, 0, 0, 0, -1, 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 60)), min_size=6, max_size=6))
def test_every_fine_bin_passes_and_lies_in_one_coarse_bin(cells: list[tuple[int, int]]) -> None:
    bads, goods = [b for b, _ in cells], [g for _, g in cells]
    for raw in (AGE, JOB):
        rules = BinningRules(min_bin=0.0, monotone=False)
        coarse = merge(raw, bads, goods, rules)
        if max(coarse) < 1:
            continue
        fine = refine(raw, coarse, bads, goods, RULES)
        pairs = {(f, c) for f, c in zip(fine, coarse, strict=True)}
        assert len({f for f, _ in pairs}) == len(pairs)
        fine_bads, fine_goods = totals(fine, bads), totals(fine, goods)
        assert all(RULES.broken(b, g) is None for b, g in zip(fine_bads, fine_goods, strict=True))
        assert np.sum(fine_bads) == np.sum(totals(coarse, bads))
