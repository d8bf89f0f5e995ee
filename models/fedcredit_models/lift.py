"""Lift, gains and capture: what the riskiest tenth, two tenths, … of the rows hold of all bads.

From counts by cell of a score, from safe to risky. The groups are the nested calibration groups of
a release, or any other cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Gain:
    """One group of rows, from the riskiest on, and everything down to its end.

    Attributes
    ----------
    n, bads : int
        Of the group.
    depth : float
        Share of all rows down to here.
    captured : float
        Share of all bads down to here: the gains curve.
    """

    n: int
    bads: int
    depth: float
    captured: float

    @property
    def bad_rate(self) -> float:
        """Share of bads in the group."""
        return self.bads / self.n

    @property
    def lift(self) -> float:
        """How many times as many bads as among as many rows drawn blindly."""
        return self.captured / self.depth


def gains(n: Sequence[int], bads: Sequence[int]) -> tuple[Gain, ...]:
    """Return the gains table, riskiest group first.

    Parameters
    ----------
    n, bads : sequence of int
        Rows and bads of each group, from safe to risky; a group without rows is left out.

    Raises
    ------
    ValueError
        Without a bad.
    """
    all_rows, all_bads = sum(n), sum(bads)
    if all_bads == 0:
        raise ValueError("a gains table needs at least one bad")
    found: list[Gain] = []
    rows_above = bads_above = 0
    for rows, bad in reversed(list(zip(n, bads, strict=True))):
        if rows == 0:
            continue
        rows_above, bads_above = rows_above + rows, bads_above + bad
        found.append(Gain(rows, bad, rows_above / all_rows, bads_above / all_bads))
    return tuple(found)


def deciles(n: Sequence[int], groups: int = 10) -> list[tuple[int, int]]:
    """Cut cells into groups of equal size, as far as cells allow; cells are never divided.

    Returns
    -------
    list of (int, int)
        Cells from the first to before the second; at most `groups`, none without rows.
    """
    total = sum(n)
    found: list[tuple[int, int]] = []
    start = below = reached = 0
    for cell, rows in enumerate(n):
        below += rows
        if total and below * groups // total > reached:
            reached = below * groups // total
            found.append((start, cell + 1))
            start = cell + 1
    if found:
        found[-1] = (found[-1][0], len(n))
    return found
