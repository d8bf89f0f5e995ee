"""What is found out of each feature before the first tree: rare cells, nothing to learn, a leak.

From counts of bads and goods in each raw cell. A cell that fails a cell rule goes with fellow cells
in every split of every tree, until the group of them passes: trees over one feature determine the
counts of its groups, and of nothing smaller. (Trees over several features determine joint cells,
which no rule binds: ADR 16.) A feature with a single group of cells is left out. One whose
information value, on the bins that a default scorecard would have, is too good to be true is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fedcredit_models.binning import BinningRules, BinTable, merge, totals
from fedcredit_models.cell_rules import CellRules
from fedcredit_models.cells import RawCells
from fedcredit_models.dropped import why_dropped
from fedcredit_models.merging import fellows

SUSPICIOUS_IV = 0.5
"""Above this an information value is too good to be true."""


@dataclass(frozen=True)
class FeatureStart:
    """What is released of one feature.

    Parameters
    ----------
    fellows : tuple of int
        The cell with which each cell is counted; empty when the feature is left out. Each group
        passes the cell rules.
    dropped : str
        The word of `dropped.REASONS` that says why it is left out; "" when it is kept.
    is_suspicious : bool
        Its information value is above 0.5.
    """

    fellows: tuple[int, ...]
    dropped: str = ""
    is_suspicious: bool = False


def begin(
    raw: RawCells, bads: Sequence[int], goods: Sequence[int], rules: CellRules
) -> FeatureStart:
    """Return what is released of one feature.

    Parameters
    ----------
    raw : RawCells
    bads, goods : sequence of int of length ``raw.n``
        Summed counts of the training rows.
    rules : CellRules
        The federation's cell rules.

    Disclosure
    ----------
    Exactly the result; no count.
    """
    full = [i for i, (b, g) in enumerate(zip(bads, goods, strict=True)) if b + g > 0]
    if full == [raw.n_ordinary]:
        return FeatureStart((), "missing")
    together = fellows(raw, bads, goods, rules)
    if len({together[i] for i in full}) < 2:
        return FeatureStart((), why_dropped(bads, goods, rules))
    assignment = merge(raw, bads, goods, BinningRules(cells=rules))
    table = BinTable(raw, assignment, totals(assignment, bads), totals(assignment, goods))
    if table.n_bins < 2 and why_dropped(bads, goods, rules) == "separates":
        return FeatureStart((), "separates")
    return FeatureStart(together, "", table.total_iv > SUSPICIOUS_IV)
