"""Where a rare cell's rows are counted does not say how they ended.

Bins are released, so everybody sees which bin a missing value, a special code or a rare level fell
into. Were it the bin with the nearest bad rate, a few people's outcomes could be read from it. The
attack flips the labels of a rare cell's rows and looks whether anything moves; the weak variant is
that older rule.
"""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedcredit_models.binning import BinningRules, CellRules, RawCells, merge
from fedcredit_models.schema import Feature

RULES = BinningRules(min_bin=0.0, monotone=False)

NUMBER = RawCells(
    Feature("income", "numeric", lower=0, upper=100, special=(-9.0,)), (20.0, 40.0, 60.0)
)
LEVELS = RawCells(Feature("job", "categorical", levels=("a", "b", "c", "rare")))

ENOUGH = st.tuples(st.integers(10, 400), st.integers(10, 4000))
"""Bads and goods of a cell that passes the cell rules."""


def _moved(raw: RawCells, common: Sequence[tuple[int, int]], rare: int, n: int) -> set[int]:
    """Return the common cells that cell `rare` shares a bin with, over all labels of its n rows."""
    partners = set()
    for k in range(n + 1):
        counts = list(common)
        counts.insert(rare, (k, n - k))
        counts += [(0, 0)] * (raw.n - len(counts))
        assignment = merge(raw, [b for b, _ in counts], [g for _, g in counts], RULES)
        partners |= {
            i for i in range(len(common) + 1) if i != rare and assignment[i] == assignment[rare]
        }
    return partners


def nearest_bad_rate(common: Sequence[tuple[int, int]], bads: int, n: int) -> int:
    """Return the bin that the weak variant would join: the one with the nearest bad rate."""
    rates = np.array([b / (b + g) for b, g in common])
    return int(np.abs(rates - bads / n).argmin())


@given(st.lists(ENOUGH, min_size=4, max_size=4), st.integers(1, 9))
def test_a_rare_missing_cell_is_counted_in_one_place_whatever_its_labels(
    common: list[tuple[int, int]], n: int
) -> None:
    assert len(_moved(NUMBER, common, rare=4, n=n)) == 1


@given(st.lists(ENOUGH, min_size=4, max_size=4), st.integers(1, 9))
def test_a_rare_special_code_is_counted_in_one_place_whatever_its_labels(
    common: list[tuple[int, int]], n: int
) -> None:
    missing = (50, 50)

    assert len(_moved(NUMBER, [*common, missing], rare=5, n=n)) == 1


@given(st.lists(ENOUGH, min_size=3, max_size=3), st.integers(1, 9))
def test_a_rare_level_is_counted_in_one_place_whatever_its_labels(
    common: list[tuple[int, int]], n: int
) -> None:
    assert len(_moved(LEVELS, common, rare=3, n=n)) == 1


@pytest.mark.parametrize("least", [10, 50])
@pytest.mark.parametrize("position", [0, 1, 2, 3])
def test_a_thin_cell_between_edges_goes_to_a_side_that_its_labels_do_not_choose(
    least: int, position: int
) -> None:
    n = least - 1
    found = set()
    for k in range(n + 1):
        counts = [(60, 140), (60, 240), (60, 340), (60, 440), (0, 0), (0, 0)]
        counts[position] = (k, n - k)
        rules = BinningRules(min_bin=0.0, monotone=False, cells=CellRules(least, 10, 10))
        found.add(merge(NUMBER, [b for b, _ in counts], [g for _, g in counts], rules))

    assert len(found) == 1


def test_the_weak_variant_lets_nine_outcomes_be_read() -> None:
    common = [(10, 490), (50, 450), (150, 350), (400, 100)]

    joined = {nearest_bad_rate(common, k, 9) for k in range(10)}

    assert len(joined) == 4
    assert len(_moved(NUMBER, common, rare=4, n=9)) == 1
