"""What a cut-off means: who is approved, how many of them go bad, what is expected to be lost.

Cells run from safe to risky; everything below the cut is approved. A cut lies between two cells
that both pass the cell rules, so that approved and refused rows can be told.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Approval:
    """One way to cut.

    Attributes
    ----------
    cut : int
        The first cell that is refused.
    approved, refused : int
        Rows.
    bads_approved, bads_refused : int
        Bads among them.
    expected_approved : float
        Sum of predicted probabilities among the approved.
    """

    cut: int
    approved: int
    refused: int
    bads_approved: int
    bads_refused: int
    expected_approved: float

    @property
    def approval_rate(self) -> float:
        """Share of all rows that is approved."""
        return self.approved / (self.approved + self.refused)

    @property
    def bad_rate_approved(self) -> float:
        """Share of bads among the approved."""
        return self.bads_approved / self.approved

    @property
    def bad_rate_refused(self) -> float:
        """Share of bads among the refused."""
        return self.bads_refused / self.refused

    @property
    def expected_bad_rate(self) -> float:
        """Mean predicted probability among the approved."""
        return self.expected_approved / self.approved

    def expected_loss(self, loss_given_default: float) -> float:
        """Return the expected loss of an approved loan, for one unit of exposure."""
        return self.expected_bad_rate * loss_given_default

    def observed_loss(self, loss_given_default: float) -> float:
        """Return the loss of an approved loan that the observed bads make."""
        return self.bad_rate_approved * loss_given_default


def approvals(
    n: Sequence[int], bads: Sequence[int], expected: Sequence[float]
) -> tuple[Approval, ...]:
    """Return every way to cut: the strategy curve, from the strictest cut on.

    Parameters
    ----------
    n, bads : sequence of int
        Rows and bads of each cell, from safe to risky.
    expected : sequence of float
        Sum of predicted probabilities of each cell.

    Returns
    -------
    tuple of Approval
        One for each cut with rows on both sides.
    """
    all_rows, all_bads = sum(n), sum(bads)
    found = []
    rows, bad, hoped = 0, 0, 0.0
    for cell in range(len(n) - 1):
        rows, bad, hoped = rows + n[cell], bad + bads[cell], hoped + expected[cell]
        if 0 < rows < all_rows:
            found.append(
                Approval(
                    cut=cell + 1,
                    approved=rows,
                    refused=all_rows - rows,
                    bads_approved=bad,
                    bads_refused=all_bads - bad,
                    expected_approved=hoped,
                )
            )
    return tuple(found)


def nearest(cuts: Sequence[Approval], approval_rate: float) -> Approval | None:
    """Return the cut whose approval rate is nearest to the asked one; the stricter of two equals.

    None when there is no cut.
    """
    return min(
        cuts, key=lambda cut: round(abs(cut.approval_rate - approval_rate), 12), default=None
    )
