"""Fairness by group: who is approved, and who of those that pay.

From one table a group: approved and refused rows by outcome. The *adverse-impact ratio* is a
group's approval rate over the highest group's; below four fifths it asks for an explanation. *Equal
opportunity* compares the approval rate among goods: whoever pays should be approved alike.

References
----------
Equal Employment Opportunity Commission (1978). Uniform Guidelines on Employee Selection Procedures,
29 CFR 1607.4 (four fifths).
Hardt, M., Price, E., Srebro, N. (2016). Equality of opportunity in supervised learning. NeurIPS 29.
"""

from collections.abc import Sequence
from dataclasses import dataclass

FOUR_FIFTHS = 0.8


@dataclass(frozen=True)
class GroupDecisions:
    """Decisions about one group.

    Attributes
    ----------
    goods_approved, bads_approved, goods_refused, bads_refused : int
    """

    goods_approved: int
    bads_approved: int
    goods_refused: int
    bads_refused: int

    @property
    def n(self) -> int:
        """Rows."""
        return self.goods_approved + self.bads_approved + self.goods_refused + self.bads_refused

    @property
    def approval_rate(self) -> float:
        """Approved over all."""
        return (self.goods_approved + self.bads_approved) / self.n

    @property
    def good_approval_rate(self) -> float:
        """Approved goods over goods."""
        return self.goods_approved / (self.goods_approved + self.goods_refused)


def adverse_impact_ratios(groups: Sequence[GroupDecisions]) -> tuple[float, ...]:
    """Return each group's approval rate over the highest; 1 for every group when none is approved.

    Raises
    ------
    ValueError
        For a group without rows.
    """
    _demand_rows(groups)
    highest = max((group.approval_rate for group in groups), default=0.0)
    return tuple(group.approval_rate / highest if highest else 1.0 for group in groups)


def good_approval_differences(groups: Sequence[GroupDecisions]) -> tuple[float, ...]:
    """Return each group's approval rate among goods less that of the most approved group.

    Raises
    ------
    ValueError
        For a group without goods.
    """
    _demand_rows(groups)
    if any(group.goods_approved + group.goods_refused == 0 for group in groups):
        raise ValueError("equal opportunity compares goods: every group needs one")
    if not groups:
        return ()
    reference = max(groups, key=lambda group: group.approval_rate).good_approval_rate
    return tuple(group.good_approval_rate - reference for group in groups)


def _demand_rows(groups: Sequence[GroupDecisions]) -> None:
    if any(group.n == 0 for group in groups):
        raise ValueError("a group without rows has no approval rate")
