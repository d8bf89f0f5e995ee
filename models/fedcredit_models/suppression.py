"""Which slices of a partition may be told: no released difference is smaller than a cell may be.

Every row is in one slice, and the total is told. So a slice that fails the cell rules is not
protected by leaving it out alone: total less the others gives it. The slices that are left out must
pass *together*; while they do not, the smallest slice that could be told is left out too.
"""

from collections.abc import Sequence

from fedcredit_models.cell_rules import CellRules

NO_ROWS, COMPLEMENT = "no_rows", "complement"
"""Words beside the names of the cell rules: nobody is in the slice; left out for another's sake."""

Cell = tuple[int, int]
"""Bads and goods."""


def withheld(
    slices: Sequence[Sequence[Cell]], rules: CellRules, *, untold: Sequence[str | None] = ()
) -> tuple[str | None, ...]:
    """Return for each slice why it is withheld, or None.

    Parameters
    ----------
    slices : sequence of sequence of (int, int)
        Of each slice the bads and goods of each of its parts (one part: the slice; two: approved
        and refused rows). All slices have the same parts.
    rules : CellRules
        Smallest released cell.
    untold : sequence of str or None, optional
        Of each slice why it is withheld already, or None: what its parts add to what is told.

    Notes
    -----
    A slice without rows is told to be empty. Of the others those stay untold of which a part fails
    a rule, and then, smallest first, as many more as it takes until each part of all the untold
    slices together passes. If it never does, every slice is untold.
    """
    before = untold or [None] * len(slices)
    reasons: list[str | None] = [
        reason or (NO_ROWS if _size(parts) == 0 else _broken(parts, rules))
        for parts, reason in zip(slices, before, strict=True)
    ]
    while True:
        left_out = [
            parts
            for parts, reason in zip(slices, reasons, strict=True)
            if reason not in (None, NO_ROWS)
        ]
        told = [i for i, reason in enumerate(reasons) if reason is None]
        if not left_out or not told or _broken(_together(left_out), rules) is None:
            return tuple(reasons)
        smallest = min(told, key=lambda i: (_size(slices[i]), i))
        reasons[smallest] = COMPLEMENT


def _broken(parts: Sequence[Cell], rules: CellRules) -> str | None:
    return next((rule for cell in parts if (rule := rules.broken(*cell)) is not None), None)


def _together(slices: Sequence[Sequence[Cell]]) -> list[Cell]:
    return [
        (sum(bads for bads, _ in part), sum(goods for _, goods in part))
        for part in zip(*slices, strict=True)
    ]


def _size(parts: Sequence[Cell]) -> int:
    return sum(bads + goods for bads, goods in parts)
