"""What a cut-off means, by hand."""

import pytest

from fedcredit_models.expected_loss import approvals, nearest

N, BADS, EXPECTED = [40, 30, 20, 10], [1, 2, 4, 5], [0.8, 2.4, 3.6, 4.5]


def test_every_cut_of_four_cells_by_hand() -> None:
    cuts = approvals(N, BADS, EXPECTED)
    assert [cut.cut for cut in cuts] == [1, 2, 3]
    assert [cut.approval_rate for cut in cuts] == pytest.approx([0.4, 0.7, 0.9])
    assert [cut.bad_rate_approved for cut in cuts] == pytest.approx([1 / 40, 3 / 70, 7 / 90])
    assert [cut.bad_rate_refused for cut in cuts] == pytest.approx([11 / 60, 9 / 30, 5 / 10])
    assert [cut.expected_bad_rate for cut in cuts] == pytest.approx([0.02, 3.2 / 70, 6.8 / 90])
    assert cuts[1].expected_loss(0.45) == pytest.approx(0.45 * 3.2 / 70)
    assert cuts[1].observed_loss(0.45) == pytest.approx(0.45 * 3 / 70)


def test_the_nearest_cut_is_taken_and_of_two_the_stricter() -> None:
    cuts = approvals(N, BADS, EXPECTED)
    assert nearest(cuts, 0.75) == cuts[1]
    assert nearest(cuts, 0.8) == cuts[1]
    assert nearest(cuts, 1.0) == cuts[2]


def test_one_cell_cannot_be_cut() -> None:
    assert approvals([10], [1], [0.5]) == ()
    assert approvals([0, 10], [0, 1], [0.0, 0.5]) == ()
    assert nearest((), 0.5) is None
