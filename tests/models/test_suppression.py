"""No released difference is smaller than a cell may be."""

import numpy as np
import pytest

from fedcredit_models.cell_rules import CellRules
from fedcredit_models.suppression import withheld

TENS = CellRules(10, 10, 10)


def one(*cells: tuple[int, int]) -> list[list[tuple[int, int]]]:
    return [[cell] for cell in cells]


def test_slices_that_pass_are_told() -> None:
    assert withheld(one((10, 10), (20, 400)), TENS) == (None, None)


def test_a_small_slice_takes_the_smallest_other_with_it() -> None:
    found = withheld(one((3, 50), (20, 100), (30, 90), (40, 90)), TENS)
    assert found == ("min_bads", "complement", None, None)


def test_small_slices_that_pass_together_take_nobody_with_them() -> None:
    assert withheld(one((6, 60), (20, 100), (5, 50)), TENS) == ("min_bads", None, "min_bads")


def test_an_empty_slice_is_told_to_be_empty() -> None:
    assert withheld(one((0, 0), (20, 100)), TENS) == ("no_rows", None)


def test_when_it_never_adds_up_nothing_is_told() -> None:
    assert withheld(one((1, 4), (2, 300)), TENS) == ("min_subjects", "min_bads")
    assert withheld(one((1, 4), (12, 30)), TENS) == ("min_subjects", "complement")


def test_every_part_of_a_slice_must_pass() -> None:
    parts = [[(20, 90), (3, 5)], [(20, 90), (30, 30)], [(25, 90), (40, 40)]]
    assert withheld(parts, TENS) == ("min_subjects", "complement", None)


@pytest.mark.parametrize("seed", range(30))
def test_what_is_told_gives_no_small_cell_by_subtraction(seed: int) -> None:
    rng = np.random.default_rng(seed)
    slices = [[(int(rng.poisson(9)), int(rng.poisson(30)))] for _ in range(int(rng.integers(2, 9)))]
    reasons = withheld(slices, TENS)
    untold = [parts[0] for parts, reason in zip(slices, reasons, strict=True) if reason is not None]
    told = [parts[0] for parts, reason in zip(slices, reasons, strict=True) if reason is None]
    assert all(TENS.broken(*cell) is None for cell in told)
    bads, goods = sum(b for b, _ in untold), sum(g for _, g in untold)
    assert bads + goods == 0 or not told or (bads >= 10 and goods >= 10)
