"""What a bin must hold before it may be released, and how far a modeller lets cells be merged."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CellRules:
    """Smallest released cell.

    Parameters
    ----------
    min_subjects, min_bads, min_goods : int, default 10
        Every bin and every metrics cell holds at least this many.
    """

    min_subjects: int = 10
    min_bads: int = 10
    min_goods: int = 10

    def broken(self, bads: int, goods: int) -> str | None:
        """Return the first rule that a cell breaks, or None."""
        if bads + goods < self.min_subjects:
            return "min_subjects"
        if bads < self.min_bads:
            return "min_bads"
        return "min_goods" if goods < self.min_goods else None


@dataclass(frozen=True)
class BinningRules:
    """How raw cells may be merged.

    Parameters
    ----------
    max_bins : int, default 8
        Most bins of ordinary values; missing and special bins come on top.
    min_bin : float, default 0.05
        Smallest share of all rows in a bin of ordinary values.
    monotone : bool, default True
        The bad rate rises, or falls, from bin to bin along a number.
    cells : CellRules
        Smallest released cell, for every bin.
    """

    max_bins: int = 8
    min_bin: float = 0.05
    monotone: bool = True
    cells: CellRules = CellRules()
