"""Adverse-impact ratio and equal opportunity, by hand."""

import pytest

from fedcredit_models.fairness import (
    GroupDecisions,
    adverse_impact_ratios,
    good_approval_differences,
)

MEN = GroupDecisions(goods_approved=72, bads_approved=8, goods_refused=8, bads_refused=12)
WOMEN = GroupDecisions(goods_approved=40, bads_approved=10, goods_refused=40, bads_refused=10)


def test_a_group_that_is_approved_less_has_a_ratio_below_one() -> None:
    assert (MEN.approval_rate, WOMEN.approval_rate) == (0.8, 0.5)
    assert adverse_impact_ratios([WOMEN, MEN]) == pytest.approx((0.625, 1.0))


def test_equal_opportunity_compares_the_goods() -> None:
    assert MEN.good_approval_rate == pytest.approx(0.9)
    assert good_approval_differences([MEN, WOMEN]) == pytest.approx((0.0, -0.4))


def test_nobody_approved_is_nobody_disadvantaged() -> None:
    nobody = GroupDecisions(0, 0, 5, 5)
    assert adverse_impact_ratios([nobody, nobody]) == (1.0, 1.0)
    assert good_approval_differences([]) == ()


@pytest.mark.parametrize("group", [GroupDecisions(0, 0, 0, 0), GroupDecisions(0, 3, 0, 2)])
def test_a_group_without_goods_has_no_equal_opportunity(group: GroupDecisions) -> None:
    with pytest.raises(ValueError, match="group"):
        good_approval_differences([MEN, group])
