"""Bins that a modeller fixed, in the phase that counts raw cells; shared by the kinds of runs.

A fixed bin is counted like any other and released only when it passes the cell rules. It is not put
together with another silently: the run stops and names it.
"""

from collections.abc import Mapping, Sequence

from fedcredit_models.cell_rules import CellRules
from fedcredit_models.cells import RawCells
from fedcredit_models.feature import Feature
from fedcredit_models.fixed_bins import FixedBins
from fedcredit_parties.errors import SmallCellError


def check_fit(bins: Sequence[FixedBins], features: Sequence[Feature]) -> None:
    """Refuse fixed bins that are not those of declared features, each once and with two bins.

    Raises
    ------
    ValueError

    Notes
    -----
    Of one bin nothing is counted but the totals, and the word on why would answer for cells that
    the modeller chose ("constant": nobody lies beyond this cut).
    """
    declared = {feature.name: feature for feature in features}
    names = [fixed.feature for fixed in bins]
    if len(set(names)) != len(names) or not set(names) <= set(declared):
        raise ValueError("bins: each belongs to one declared feature")
    for fixed in bins:
        fixed.raw(declared[fixed.feature])
        if fixed.n_bins < 2:
            raise ValueError(f"bins: {fixed.feature} has one bin only; leave the feature out")
        if fixed.edges and -1 in fixed.assignment[: len(fixed.edges) + 1]:
            raise ValueError(f"bins: {fixed.feature} is cut where a part has no bin")


def raw_cells(cells: Sequence[RawCells], bins: Mapping[str, FixedBins]) -> tuple[RawCells, ...]:
    """Return the cells between quantile edges, or between the cuts that the modeller fixed."""
    return tuple(
        bins[raw.feature.name].raw(raw.feature) if raw.feature.name in bins else raw
        for raw in cells
    )


def refuse_small(
    fixed: FixedBins,
    feature: Feature,
    bads: Sequence[int],
    goods: Sequence[int],
    rules: CellRules,
) -> None:
    """Refuse fixed bins of which one fails the cell rules, or that leave rows without a bin.

    Raises
    ------
    SmallCellError
        Naming feature, bin and rule, never the count.
    """
    if fixed.leaves_rows(bads, goods):
        raise SmallCellError(
            f"values of {feature.name} are left without a bin",
            expected="a bin for every level, special code and missing value that rows have",
            found="rows without one; nothing was released",
            remedy=f"put them into a bin, or bin {feature.name} again on these rows",
        )
    broken = fixed.broken(feature, bads, goods, rules)
    if broken is None:
        return
    label, rule = broken
    raise SmallCellError(
        f"the bin {label!r} of {feature.name} is below the federation's {rule}",
        expected=f"every bin with {rule} >= {getattr(rules, rule)}",
        found="a smaller bin; nothing was released",
        remedy=f"cut {feature.name} elsewhere, or put this bin together with a neighbour",
    )
