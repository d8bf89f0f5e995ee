"""The merge is the best one among all that keep the rules: brute force says so."""

import math
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedcredit_models.binning import BinningRules, CellRules, RawCells, merge, totals
from fedcredit_models.merging import fellows
from fedcredit_models.schema import Feature

ANY = CellRules(0, 0, 0)

AVERAGE = BinningRules(max_bins=8, min_bin=0.0, monotone=False)


def number(n_ordinary: int, special: tuple[float, ...] = ()) -> RawCells:
    feature = Feature("x", "numeric", lower=0, upper=100, special=special)
    return RawCells(feature, tuple(float(i) for i in range(1, n_ordinary)))


def partitions(n: int) -> Iterator[list[range]]:
    for size in range(n):
        for cuts in combinations(range(1, n), size):
            ends = [0, *cuts, n]
            yield [range(a, b) for a, b in pairwise(ends)]


def information_value(bads: Sequence[int], goods: Sequence[int]) -> float:
    """Return IV with the smoothed weight of evidence of B.2, the number of bins included."""
    m, all_bads, all_goods = len(bads), sum(bads), sum(goods)
    return sum(
        (g / all_goods - b / all_bads)
        * (math.log((g + 0.5) / (all_goods + 0.5 * m)) - math.log((b + 0.5) / (all_bads + 0.5 * m)))
        for b, g in zip(bads, goods, strict=True)
    )


def is_monotone(bads: Sequence[int], goods: Sequence[int]) -> bool:
    cross = [
        bads[i + 1] * (bads[i] + goods[i]) - bads[i] * (bads[i + 1] + goods[i + 1])
        for i in range(len(bads) - 1)
    ]
    return all(c > 0 for c in cross) or all(c < 0 for c in cross)


def best_by_force(
    bads: list[int], goods: list[int], rules: BinningRules
) -> tuple[float, int] | None:
    n = sum(bads) + sum(goods)
    found = []
    for partition in partitions(len(bads)):
        b = [sum(bads[i] for i in part) for part in partition]
        g = [sum(goods[i] for i in part) for part in partition]
        if (
            len(b) <= rules.max_bins
            and all(x + y >= rules.min_bin * n for x, y in zip(b, g, strict=True))
            and all(rules.cells.broken(x, y) is None for x, y in zip(b, g, strict=True))
            and (not rules.monotone or is_monotone(b, g))
        ):
            found.append((information_value(b, g), len(b)))
    if not found:
        return None
    if not rules.monotone:
        most = max(size for _, size in found)
        found = [pair for pair in found if pair[1] == most]
    return max(found)


def filled(cells: list[tuple[int, int]], least: int) -> list[tuple[int, int]]:
    """Return the cells with none below `least` subjects: those are put together beforehand."""
    return [(b, g) for b, g in cells if b + g >= least] or [cells[0]]


counts = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 80)), min_size=2, max_size=8)


@settings(max_examples=150, deadline=None)
@given(
    counts.filter(
        lambda c: all(b + g for b, g in c) and sum(b for b, _ in c) and sum(g for _, g in c)
    ),
    st.booleans(),
    st.integers(1, 8),
    st.sampled_from([0.0, 0.1, 0.25]),
    st.integers(0, 10),
)
def test_no_allowed_merge_has_more_information(
    cells: list[tuple[int, int]], monotone: bool, max_bins: int, min_bin: float, least: int
) -> None:
    cells = filled(cells, least)
    bads, goods = [b for b, _ in cells], [g for _, g in cells]
    rules = BinningRules(max_bins, min_bin, monotone, CellRules(least, least, least))
    assignment = merge(number(len(cells)), [*bads, 0], [*goods, 0], rules)
    expected = best_by_force(bads, goods, rules)
    b, g = totals(assignment, [*bads, 0]), totals(assignment, [*goods, 0])
    if expected is None:
        assert len(b) == 1
    else:
        assert information_value(b, g) == pytest.approx(expected[0], abs=1e-10)
        assert len(b) <= max_bins
        assert is_monotone(b, g) or not monotone
        assert all(rules.cells.broken(x, y) is None for x, y in zip(b, g, strict=True))
        assert monotone or len(b) == expected[1]
    assert list(assignment[:-1]) == sorted(assignment[:-1])
    assert assignment[-1] == -1


def test_a_u_shaped_feature_is_merged_until_its_bad_rate_rises() -> None:
    # Bad rates 30 %, 10 %, 20 %, 40 %: the first two must go together.
    rules = BinningRules(max_bins=8, min_bin=0.0, monotone=True, cells=ANY)
    bads, goods = [30, 10, 20, 40, 0], [70, 90, 80, 60, 0]
    assert merge(number(4), bads, goods, rules) == (0, 0, 0, 1, -1)


def test_with_every_constraint_off_nothing_is_merged() -> None:
    rules = BinningRules(max_bins=20, min_bin=0.0, monotone=False, cells=CellRules(1, 1, 1))
    bads, goods = [3, 1, 6, 2, 0], [1, 3, 2, 6, 0]
    assert merge(number(4), bads, goods, rules) == (0, 1, 2, 3, -1)


def test_an_empty_cell_between_edges_belongs_to_its_neighbour() -> None:
    rules = BinningRules(max_bins=20, min_bin=0.0, monotone=False, cells=CellRules(1, 1, 1))
    bads, goods = [0, 5, 0, 9, 0], [0, 5, 0, 1, 0]
    assert merge(number(4), bads, goods, rules) == (0, 0, 0, 1, -1)


def test_missing_and_special_keep_their_own_bins_when_they_pass() -> None:
    raw = number(2, special=(-9.0, -8.0))
    bads, goods = [50, 10, 12, 30, 0], [50, 90, 30, 30, 0]
    assert merge(raw, bads, goods, BinningRules()) == (0, 1, 2, 3, -1)


def test_a_small_missing_cell_joins_the_most_average_bin_whatever_its_own_rate() -> None:
    # Bad rates 50 %, 10 % and 25 %, 28 % over all; three missing rows, none to all of them bad.
    found = {merge(number(3), [50, 10, 25, k], [50, 90, 75, 3 - k], AVERAGE) for k in range(4)}
    assert found == {(0, 1, 2, 2)}


def test_rare_cells_that_pass_together_are_one_bin_of_their_own() -> None:
    raw = number(2, special=(-9.0, -8.0))
    bads, goods = [50, 10, 6, 30, 7], [50, 90, 9, 30, 9]
    assert merge(raw, bads, goods, BinningRules()) == (0, 1, 2, 3, 2)


def test_a_rare_cell_leaves_the_bad_rate_monotone() -> None:
    # 12 %, 20 % and 30 %; joined afterwards, 500 good rows would pull 20 % down to 6 %.
    raw, bads, goods = number(3), [24, 40, 60, 0], [176, 160, 140, 500]
    assignment = merge(raw, bads, goods, BinningRules())
    assert assignment[3] == assignment[1]
    assert is_monotone(totals(assignment, bads), totals(assignment, goods))


def test_neighbours_with_few_subjects_are_put_together_from_the_left() -> None:
    # The second cell holds 4 rows, 4 bads or none: it goes with the cell above it.
    rules = BinningRules(max_bins=8, min_bin=0.0, monotone=True)
    assert merge(number(3), [50, 4, 10, 0], [50, 0, 90, 0], rules) == (0, 1, 1, -1)
    assert merge(number(3), [50, 0, 10, 0], [50, 4, 90, 0], rules) == (0, 1, 1, -1)


def test_few_ordinary_values_beside_many_missing_ones_form_one_bin() -> None:
    bads, goods = [6, 6, 100], [10, 10, 900]  # 3 % of the rows hold a value
    assert merge(number(2), bads, goods, BinningRules()) == (0, 0, 1)


def test_ordinary_values_below_the_cell_rules_join_the_missing() -> None:
    bads, goods = [1, 1, 100], [5, 5, 900]
    assert merge(number(2), bads, goods, BinningRules()) == (0, 0, 0)


def test_when_nothing_passes_everything_is_one_bin() -> None:
    assert merge(number(3), [1, 2, 1, 1], [9, 9, 9, 9], BinningRules()) == (0, 0, 0, 0)


def test_a_feature_nobody_has_gets_no_bin() -> None:
    assert merge(number(1), [0, 0], [0, 0], BinningRules()) == (-1, -1)


def test_levels_are_ordered_by_bad_rate_and_merged() -> None:
    raw = RawCells(Feature("job", "categorical", levels=("a", "b", "c", "d")))
    # Bad rates: a 40 %, b 10 %, c 40 %, d nobody, other 20 %, missing 5 %.
    bads, goods = [40, 10, 20, 0, 20, 10], [60, 90, 30, 0, 80, 190]
    assert merge(raw, bads, goods, BinningRules()) == (2, 0, 2, -1, 1, 3)


def test_a_rare_level_joins_the_most_average_level_whatever_its_own_rate() -> None:
    raw = RawCells(Feature("job", "categorical", levels=("a", "b", "c", "rare")))
    for k in range(10):  # 40 %, 10 % and 30 %, 27 % over all
        bads, goods = [40, 10, 30, k, 0, 0], [60, 90, 70, 9 - k, 0, 0]
        assert merge(raw, bads, goods, AVERAGE) == (2, 0, 1, 1, -1, -1)


def test_rare_levels_that_pass_together_are_one_level() -> None:
    raw = RawCells(Feature("job", "categorical", levels=("a", "b", "c", "d")))
    # 40 % and 10 %; c and d together 14 of 58.
    bads, goods = [40, 10, 8, 6, 0, 0], [60, 90, 20, 24, 0, 0]
    assert merge(raw, bads, goods, AVERAGE) == (2, 0, 1, 1, -1, -1)


def test_a_category_of_rare_levels_only_is_one_bin() -> None:
    raw = RawCells(Feature("job", "categorical", levels=("a", "b", "c")))
    bads, goods = [9, 1, 5, 0, 0], [9, 30, 30, 0, 0]
    assert merge(raw, bads, goods, BinningRules()) == (0, 0, 0, -1, -1)


def test_counts_of_another_feature_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 3 non-negative counts"):
        merge(number(2), [1, 2], [1, 2], BinningRules())
    with pytest.raises(ValueError, match="non-negative"):
        merge(number(2), [1, 2, -1], [1, 2, 3], BinningRules())


def test_the_assignment_and_its_totals_are_plain_integers() -> None:
    assignment = merge(number(2), [50, 10, 0], [50, 90, 0], BinningRules())
    assert all(type(x) is int for x in (*assignment, *totals(assignment, [50, 10, 0])))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 14), st.integers(0, 25)), min_size=4, max_size=12).filter(
        lambda c: sum(b + g for b, g in c) > 0
    ),
    st.booleans(),
)
def test_cells_that_go_together_in_trees_pass_every_rule_or_are_one_group(
    cells: list[tuple[int, int]], is_number: bool
) -> None:
    raw = number(len(cells) - 2, special=(-9.0,))
    if not is_number:
        raw = RawCells(Feature("c", "categorical", levels=tuple("abcdefghij"[: len(cells) - 2])))
    bads, goods = [b for b, _ in cells], [g for _, g in cells]
    together = fellows(raw, bads, goods, CellRules())
    groups = {home: [i for i, to in enumerate(together) if to == home] for home in together}

    full = [group for group in groups.values() if sum(bads[i] + goods[i] for i in group)]
    if len(full) > 1:
        assert all(min(sum(side[i] for i in g) for side in (bads, goods)) >= 10 for g in full)
    assert all(together[home] == home for home in groups)


def test_neighbours_go_together_in_trees_from_the_left_until_all_three_rules_are_kept() -> None:
    # 4 + 7 bads; an empty cell and 12; then 9 that stay too few; missing values pass alone.
    bads, goods = [4, 7, 0, 12, 9, 20], [90, 80, 0, 70, 60, 50]
    assert fellows(number(5), bads, goods, CellRules()) == (0, 0, 2, 2, 2, 5)
