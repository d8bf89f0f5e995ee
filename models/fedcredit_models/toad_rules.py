"""Binning rules of toad: what ``Combiner().export(to_json=...)`` writes, read and written.

A number has a list of cuts, a category a list of groups; a last cut ``NaN`` gives missing values a
bin of their own. Otherwise toad replaces a missing number by -1, and it falls where -1 falls. The
group ``"else"`` takes every level that is not listed.

References
----------
toad (amphibian-dev), ``toad.transform.Combiner``, version 0.1.
"""

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from fedcredit_models.binning import BinTable
from fedcredit_models.columns import level_text
from fedcredit_models.feature import MISSING
from fedcredit_models.foreign_bins import ForeignBins, level_name, parted
from fedcredit_models.number_line import NumberLine, pieces
from fedcredit_models.strict_json import StrictJson

ELSE = "else"
"""Group of levels that are not listed."""

FILL = -1.0
"""What toad reads where a number is missing."""

_RESERVED = {ELSE, "nan", "None"}
_RANGE = re.compile(r"\[\s*-?[\d.einf+]+\s*[~-]\s*-?[\d.einf+]+\s*\)")


class _ToadJson(StrictJson):
    """JSON in which NaN may stand, as Python writes it."""

    def _no_constant(self, name: str) -> float:
        return math.nan if name == "NaN" else super()._no_constant(name)


_READ = _ToadJson("toad rules")


def parse(text: str | bytes) -> dict[str, ForeignBins]:
    """Return the bins of each feature.

    Raises
    ------
    ValueError
        Naming the feature, for anything but a list of ascending cuts or a list of groups.
    """
    rules = _READ.fields(_READ.load(text), None, "rules")
    return {name: _bins(name, _READ.items(rule, name)) for name, rule in rules.items()}


def _bins(name: str, rule: list[Any]) -> ForeignBins:
    if all(_is_number(item) for item in rule):
        return _number(name, [float(item) for item in rule])
    if any(isinstance(item, str) and _RANGE.fullmatch(item.strip()) for item in rule):
        raise _READ.wrong(f"{name}: intervals as text; export the rules without format=True")
    return _category(name, rule)


def _is_number(item: object) -> bool:
    return isinstance(item, (int, float)) and not isinstance(item, bool)


def _number(name: str, cuts: list[float]) -> ForeignBins:
    has_missing = bool(cuts) and math.isnan(cuts[-1])
    kept, notes = parted(name, cuts[:-1] if has_missing else cuts)
    ordinary = tuple(range(len(kept) + 1))
    if has_missing:
        return ForeignBins(name, kept, ordinary, missing=len(ordinary), notes=notes)
    missing = sum(cut <= FILL for cut in kept)
    notes = (*notes, f"{name}: missing values fall where toad puts -1, into bin {missing}")
    return ForeignBins(name, kept, ordinary, missing=missing, notes=notes)


def _category(name: str, groups: list[Any]) -> ForeignBins:
    levels: dict[str, int] = {}
    missing = other = -1
    for number, group in enumerate(groups):
        if group == ELSE:
            other = number
            continue
        for item in group if isinstance(group, list) else [group]:
            level = _level(name, item)
            if level in levels or (level == MISSING and missing >= 0):
                raise _READ.wrong(f"{name}: a level stands in two groups")
            if level == MISSING:
                missing = number
            else:
                levels[level] = number
    notes: tuple[str, ...] = ()
    if missing < 0 <= other:
        missing = other
        notes = (f'{name}: missing values fall into the group "else"',)
    return ForeignBins(name, levels=levels, missing=missing, other=other, notes=notes)


def _level(name: str, item: object) -> str:
    if isinstance(item, str) and "," in item:
        raise _READ.wrong(
            f"{name}: a level with a comma; export the rules without format=True, or rename it"
        )
    if item is None or (isinstance(item, float) and math.isnan(item)):
        return MISSING
    if not isinstance(item, (str, int, float)):
        raise _READ.wrong(f"{name}: groups are lists of levels")
    return level_name(level_text(item))


def export(tables: Sequence[BinTable]) -> str:
    """Return the rules of fitted bins, for ``Combiner().load(json.loads(text))``.

    Parameters
    ----------
    tables : sequence of BinTable

    Returns
    -------
    str
        JSON. Bins keep their order of values, not their numbers. A value without a bin in ours has
        one of its own, except a level that nobody declared: toad says -1 of it.

    Raises
    ------
    ValueError
        Naming the feature, when toad would put values together otherwise.

    Notes
    -----
    Numbers beyond the declared bounds, which no fit takes, may fall elsewhere: a special code below
    the bounds takes all that is smaller.
    """
    rules = {
        table.raw.feature.name: _groups(table)
        if table.raw.feature.kind == "categorical"
        else _cuts(table)
        for table in tables
    }
    return json.dumps(rules, ensure_ascii=False, indent=1)


def _cuts(table: BinTable) -> list[float]:
    """Return where the bin changes along the number line; NaN where missing has its own."""
    raw, name = table.raw, table.raw.feature.name
    line = NumberLine.of(raw)
    found = pieces(line.within(raw), [table.assignment[cell] for cell in line.cell])
    bins = [bin_ for _, _, bin_ in found]
    apart = {bin_ for bin_ in bins if bins.count(bin_) > 1}
    if apart:
        raise ValueError(
            f"{name}: the bin {table.labels[min(apart)]} is no one interval, as toad needs; give "
            "its special codes a bin of their own"
        )
    cuts = [math.nextafter(line.upper[last], math.inf) for _, last, _ in found[:-1]]
    missing = table.assignment[raw.n_ordinary]
    if missing == -1 or missing not in bins:
        return [*cuts, math.nan]
    if bins.index(missing) != sum(cut <= FILL for cut in cuts):
        raise ValueError(
            f"{name}: toad puts missing values where -1 lies, not into {table.labels[missing]}; "
            "give them a bin of their own"
        )
    return cuts


def _groups(table: BinTable) -> list[list[str] | str]:
    """Return the levels of each bin; those of the bin of undeclared levels are not listed."""
    raw, name = table.raw, table.raw.feature.name
    reserved = sorted({*raw.feature.levels} & _RESERVED)
    if reserved:
        raise ValueError(f"{name}: toad reads the level {reserved[0]} otherwise; rename it")
    words = (*raw.feature.levels, ELSE, "nan")
    groups: list[list[str] | str] = []
    for bin_ in (*range(table.n_bins), -1):
        held = [w for w, number in zip(words, table.assignment, strict=True) if number == bin_]
        if ELSE in held and bin_ >= 0:
            groups.append(ELSE)
        elif held != [ELSE] and held:
            groups.append([word for word in held if word != ELSE])
    return groups
