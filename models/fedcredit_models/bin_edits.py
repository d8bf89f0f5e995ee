"""Edits of one feature's bins by hand: cut a number elsewhere, group levels otherwise."""

from collections.abc import Iterable

from fedcredit_models.binning import BinTable
from fedcredit_models.cells import RawCells
from fedcredit_models.feature import MISSING, OTHER, Feature
from fedcredit_models.fixed_bins import FixedBins
from fedcredit_models.merging import totals


def cut(
    old: FixedBins, feature: Feature, edges: Iterable[float], missing: int | None = None
) -> FixedBins:
    """Return the bins of a number that is cut at these values instead.

    Missing values and special codes keep a bin of their own if they had one, and otherwise go with
    the values they were with; missing values join the bin `missing` when it is given.

    Raises
    ------
    ValueError
        Naming the feature and what is wrong with the cuts.
    """
    name = feature.name
    if feature.kind != "numeric":
        raise ValueError(f'{name} is a category: use group("{name}", [["a", "b"], ["c"]])')
    cuts = tuple(float(edge) for edge in edges)
    raw = RawCells(feature, cuts)
    lower, upper = feature.bounds
    if any(not lower <= at < upper for at in cuts):
        raise ValueError(f"{name}: cuts lie within its bounds, {lower:g} to {upper:g}")
    if missing is not None and not 0 <= missing <= len(cuts):
        raise ValueError(f"{name}: missing values join one of the bins 0 to {len(cuts)}")
    assignment = list(range(raw.n_ordinary))
    n_ordinary = len(old.edges) + 1
    own: dict[int, int] = {}
    for tail, number in enumerate(old.assignment[n_ordinary:]):
        mates = [i for i in range(n_ordinary) if old.assignment[i] == number]
        if tail == 0 and missing is not None:
            assignment.append(missing)
        elif number == -1:
            assignment.append(-1)
        elif mates:
            end = old.edges[mates[0]] if mates[0] < len(old.edges) else upper
            assignment.append(sum(at < end for at in cuts))
        else:
            assignment.append(own.setdefault(number, raw.n_ordinary + len(own)))
    return FixedBins(name, cuts, tuple(assignment))


def group(old: FixedBins, feature: Feature, groups: Iterable[Iterable[str]]) -> FixedBins:
    """Return the bins of a category whose levels are put together in these groups.

    ``"other"`` and ``"missing"`` may be named like levels. Where they are not, they keep a bin of
    their own if they had one, and otherwise go with the levels they were with.

    Raises
    ------
    ValueError
        Naming the feature and the levels that are unknown, doubled or left out.
    """
    name = feature.name
    if feature.kind != "categorical":
        raise ValueError(f'{name} is a number: use cut("{name}", [1000, 5000])')
    listed = [named for named in ([str(level) for level in levels] for levels in groups) if named]
    flat = [level for named in listed for level in named]
    cells = {level: i for i, level in enumerate((*feature.levels, OTHER, MISSING))}
    absent = [x for x in feature.levels if x not in flat and old.assignment[cells[x]] != -1]
    for words, levels in (
        ("not among its declared levels", [level for level in flat if level not in cells]),
        ("in two groups", sorted({level for level in flat if flat.count(level) > 1})),
        ("in no group", absent),
    ):
        if levels:
            raise ValueError(f"{name}: {words}: {', '.join(levels)}")
    assignment = [-1] * len(cells)
    for number, named in enumerate(listed):
        for level in named:
            assignment[cells[level]] = number
    own: dict[int, int] = {}
    for level in (OTHER, MISSING):
        number = old.assignment[cells[level]]
        if level in flat or number == -1:
            continue
        mates = [i for i in range(len(feature.levels)) if old.assignment[i] == number]
        assignment[cells[level]] = (
            assignment[mates[0]] if mates else own.setdefault(number, len(listed) + len(own))
        )
    return FixedBins(name, (), tuple(assignment))


def from_fine(bins: FixedBins, fine: BinTable | None) -> BinTable | None:
    """Return the counts of bins that only put fine bins together; None when they do more."""
    if fine is None or not set(bins.edges) <= set(fine.raw.edges):
        return None
    feature = fine.raw.feature
    places = list(range(fine.raw.n))
    if feature.kind == "numeric":
        ends = (*fine.raw.edges, float("inf"))
        tails = range(len(bins.edges) + 1, len(bins.assignment))
        places = [*(sum(at < end for at in bins.edges) for end in ends), *tails]
    target: dict[int, int] = {}
    for cell, number in enumerate(fine.assignment):
        new = bins.assignment[places[cell]]
        if target.setdefault(number, new) != new:
            return None
    if target.pop(-1, -1) != -1 or -1 in target.values():
        return None
    of = [target[number] for number in range(fine.n_bins)]
    return BinTable(
        bins.raw(feature), bins.assignment, totals(of, fine.bads), totals(of, fine.goods)
    )
