"""Gains and lift by hand, and deciles that never divide a cell."""

import numpy as np
import pandas as pd
import pytest

from fedcredit_models.lift import deciles, gains


def test_gains_of_three_groups_by_hand() -> None:
    found = gains([50, 30, 0, 20], [2, 3, 0, 10])  # from safe to risky
    assert [(row.n, row.bads) for row in found] == [(20, 10), (30, 3), (50, 2)]
    assert [row.depth for row in found] == pytest.approx([0.2, 0.5, 1.0])
    assert [row.captured for row in found] == pytest.approx([10 / 15, 13 / 15, 1.0])
    assert [row.lift for row in found] == pytest.approx([10 / 3, 26 / 15, 1.0])
    assert [row.bad_rate for row in found] == pytest.approx([0.5, 0.1, 0.04])


def test_gains_are_those_of_sorted_rows() -> None:
    rng = np.random.default_rng(2)
    cell = rng.integers(0, 40, 3000)
    y = (rng.random(3000) < 0.02 + cell / 80).astype(int)
    table = pd.DataFrame({"cell": cell, "y": y}).groupby("cell")["y"].agg(["size", "sum"])
    found = gains(table["size"].tolist(), table["sum"].tolist())
    ordered = table.sort_index(ascending=False)
    assert [row.captured for row in found] == pytest.approx(
        (ordered["sum"].cumsum() / y.sum()).tolist()
    )
    assert [row.depth for row in found] == pytest.approx((ordered["size"].cumsum() / 3000).tolist())


def test_without_a_bad_there_is_nothing_to_capture() -> None:
    with pytest.raises(ValueError, match="bad"):
        gains([10], [0])


def test_deciles_of_equal_cells_are_tenths() -> None:
    assert deciles([1] * 100) == [(10 * k, 10 * k + 10) for k in range(10)]


def test_a_cell_that_holds_several_tenths_stays_whole() -> None:
    assert deciles([5, 85, 5, 5]) == [(0, 2), (2, 4)]


def test_empty_cells_at_the_end_belong_to_the_last_group() -> None:
    assert deciles([4, 0, 4, 0, 0], groups=2) == [(0, 1), (1, 5)]
    assert deciles([0, 0]) == []
