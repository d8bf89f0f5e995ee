"""Fine bins inside coarse ones: as many as the cell rules let stand.

The coarse bins are those of the scorecard. Within each of them raw cells are put together only as
far as every fine bin holds enough subjects, bads and goods. Fine bins are therefore parts of coarse
ones, and no difference of two released counts is smaller than a bin that passes.
"""

from collections.abc import Sequence

from fedcredit_models.cell_rules import CellRules
from fedcredit_models.cells import RawCells


def refine(
    raw: RawCells,
    coarse: Sequence[int],
    bads: Sequence[int],
    goods: Sequence[int],
    rules: CellRules,
) -> tuple[int, ...]:
    """Return each raw cell's fine bin, -1 where it has no coarse one.

    Neighbouring cells of a number are put together from the left until they pass; what is left over
    at the right joins its neighbour. Cells that have no neighbour (levels, missing, special codes)
    stand alone when they pass; those of one coarse bin that do not are put together, and join its
    first fine bin when that is not enough: no place depends on how their rows ended.

    Parameters
    ----------
    raw : RawCells
        The cells.
    coarse : sequence of int of length ``raw.n``
        The coarse assignment; every bin of it passes `rules`.
    bads, goods : sequence of int of length ``raw.n``
        Summed counts.
    rules : CellRules
        The federation's.

    Disclosure
    ----------
    Assignment and the bins' counts are released.
    """
    fine = [-1] * raw.n
    n_fine = 0
    for number in range(max(coarse, default=-1) + 1):
        cells = [i for i in range(raw.n) if coarse[i] == number]
        for group in _groups(raw, cells, bads, goods, rules):
            for i in group:
                fine[i] = n_fine
            n_fine += 1
    return tuple(fine)


def _groups(
    raw: RawCells,
    cells: Sequence[int],
    bads: Sequence[int],
    goods: Sequence[int],
    rules: CellRules,
) -> list[list[int]]:
    """Return the fine bins of one coarse bin; each passes when the coarse one does."""

    def passes(group: Sequence[int]) -> bool:
        of_bads, of_goods = sum(int(bads[i]) for i in group), sum(int(goods[i]) for i in group)
        return rules.broken(of_bads, of_goods) is None

    in_order = [i for i in cells if raw.feature.kind == "numeric" and i < raw.n_ordinary]
    groups: list[list[int]] = []
    open_: list[int] = []
    for i in in_order:
        open_.append(i)
        if passes(open_):
            groups.append(open_)
            open_ = []
    rare = []
    if open_ and groups:
        groups[-1].extend(open_)
    else:
        rare = open_
    alone = [i for i in cells if i not in in_order]
    groups += [[i] for i in alone if passes([i])]
    rare += [i for i in alone if not passes([i])]
    if rare and (passes(rare) or not groups):
        groups.append(rare)
    elif rare:
        groups[0].extend(rare)
    return groups
