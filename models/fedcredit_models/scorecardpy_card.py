"""Cards and bins of scorecardpy, read from the table that its users save.

A row is a bin: ``variable``, ``bin`` (``[18.0,25.0)``, levels or codes joined by ``%,%``,
``missing``), and ``points`` in a card or ``good`` and ``bad`` in bins; a file may have all of them.
Its weight of evidence is ln(bad/good), the opposite of ours: points are taken over, the sign never
is.

References
----------
scorecardpy (ShichenXie), ``woebin`` and ``scorecard``, version 0.1.9.
"""

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedcredit_models.binning import BinTable
from fedcredit_models.feature import MISSING, Feature
from fedcredit_models.foreign_bins import ForeignBins, parted
from fedcredit_models.scorecard import Scorecard
from fedcredit_models.strict_json import MAX_BYTES, StrictJson

BASE = "basepoints"
"""Name of the row that holds what every applicant begins with."""

FAR = 1.0
"""Most points by which a bin of the card built here may differ from the file's."""

_INTERVAL = re.compile(r"\[\s*(-?inf|[-+.\deE]+)\s*,\s*(inf|[-+.\deE]+)\s*\)")
_JOIN = "%,%"
_READ = StrictJson("scorecardpy card")


@dataclass(frozen=True)
class ForeignCard:
    """What a file of scorecardpy says.

    Attributes
    ----------
    bins : mapping of str to ForeignBins
        By feature.
    points : mapping of str to tuple of float
        Points of each bin; empty where the file has none.
    counts : mapping of str to tuple of (bads, goods)
        Of each bin; empty where the file has none.
    base_points : float
    """

    bins: Mapping[str, ForeignBins]
    points: Mapping[str, tuple[float, ...]]
    counts: Mapping[str, tuple[tuple[int, int], ...]]
    base_points: float

    def card(
        self,
        *,
        points0: float = 600.0,
        odds0: float = 1 / 19,
        pdo: float = 50.0,
        features: Sequence[Feature] = (),
    ) -> tuple[Scorecard, tuple[str, ...]]:
        """Return the card as a fitted scorecard, and notes on how near it comes.

        Parameters
        ----------
        points0, odds0, pdo : float
            As they were given to ``scorecard``; its defaults. Odds are bad to good.
        features : sequence of Feature, optional
            Declared columns; proposed from the bins where absent.

        Raises
        ------
        ValueError
            When the file lacks points or counts, or a bin's points and counts do not go together.

        Notes
        -----
        A slope is the least-squares fit of a feature's points to our weights of evidence, whose
        counts are smoothed by one half and scorecardpy's are not. Where the file has no base
        points they are taken from the features' intercepts. There are no standard errors in such a
        file: they are 0.
        """
        lacking = [n for n in self.bins if not self.points.get(n) or not self.counts.get(n)]
        if lacking or not self.bins:
            raise _READ.wrong(
                "a scorecard needs the columns points, good and bad for every feature; without "
                f"them the bins can be taken over ({', '.join(lacking) or 'no feature'})"
            )
        if not (pdo > 0 and odds0 > 0):
            raise _READ.wrong("odds0 and pdo must be positive")
        declared = {feature.name: feature for feature in features}
        factor = pdo / math.log(2.0)
        tables, slopes, total = [], [], self.base_points
        for name, bins in self.bins.items():
            feature = declared.get(name) or bins.proposed()
            table, points = _counted(bins, feature, self.counts[name], self.points[name])
            slope, start = _line(table.woe, points, through_zero=self.base_points != 0)
            furthest = float(np.abs(start + slope * table.woe - points).max())
            if furthest > FAR:
                raise _READ.wrong(
                    f"{name}: its counts do not give its points (a bin differs by {furthest:.1f}); "
                    "are they of the same card?"
                )
            tables.append(table)
            slopes.append(-slope / factor)
            total += start
        params = {"base_score": points0, "base_odds": 1 / odds0, "pdo": pdo, "signs": False}
        offset = points0 - factor * math.log(1 / odds0)
        card = Scorecard.from_parts(
            tables, [(offset - total) / factor, *slopes], [0.0] * (len(tables) + 1), params=params
        )
        notes = [note for bins in self.bins.values() for note in bins.notes]
        notes.append("base points are spread over the features: sums differ by rounding")
        return card, tuple(notes)


def _counted(
    bins: ForeignBins,
    feature: Feature,
    counts: Sequence[tuple[int, int]],
    points: Sequence[float],
) -> tuple[BinTable, np.ndarray[Any, np.dtype[np.float64]]]:
    """Return the table of our bins with the file's counts, and their points."""
    fixed = bins.fixed(feature)
    theirs = [
        *(bins.ordinary or (bins.levels.get(level, -1) for level in feature.levels)),
        *((bins.other,) if not bins.is_number else ()),
        bins.missing,
        *(bins.bin_of_number(code) for code in feature.special),
    ]
    of = {ours: their for ours, their in zip(fixed.assignment, theirs, strict=True) if ours >= 0}
    order = [of[number] for number in range(len(of))]
    table = BinTable(
        fixed.raw(feature),
        fixed.assignment,
        tuple(counts[i][0] for i in order),
        tuple(counts[i][1] for i in order),
    )
    return table, np.array([points[i] for i in order])


def _line(
    woe: np.ndarray[Any, np.dtype[np.float64]],
    points: np.ndarray[Any, np.dtype[np.float64]],
    *,
    through_zero: bool,
) -> tuple[float, float]:
    """Return slope and intercept of the least-squares line."""
    columns = [woe] if through_zero else [woe, np.ones(len(woe))]
    found = np.linalg.lstsq(np.column_stack(columns), points, rcond=None)[0]
    return float(found[0]), 0.0 if through_zero else float(found[1])


def parse(text: str) -> ForeignCard:
    """Read a card or bins: CSV, or JSON as a list of rows or a table of rows by feature.

    Raises
    ------
    ValueError
        Naming the feature and the bin, for anything else.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    base = 0.0
    for row in _rows(text):
        name = row.get("variable")
        if not isinstance(name, str) or not name or "bin" not in row:
            raise _READ.wrong("every row has the columns variable and bin")
        if name == BASE:
            base = _value(row.get("points"), name, "points")
        else:
            groups.setdefault(name, []).append(row)
    if not groups:
        raise _READ.wrong("it holds no bins")
    return ForeignCard(
        {name: _bins(name, [row["bin"] for row in rows]) for name, rows in groups.items()},
        {name: tuple(_column(rows, name, "points")) for name, rows in groups.items()},
        {
            name: tuple(
                zip(
                    map(int, _column(rows, name, "bad", whole=True)),
                    map(int, _column(rows, name, "good", whole=True)),
                    strict=True,
                )
            )
            for name, rows in groups.items()
        },
        base,
    )


def _rows(text: str) -> list[dict[str, Any]]:
    if len(text) > MAX_BYTES:
        raise _READ.wrong("the text is too long")
    if text.lstrip()[:1] not in ("[", "{"):
        try:
            return list(csv.DictReader(text.splitlines(keepends=True)))
        except csv.Error:
            raise _READ.wrong("the text is neither CSV nor JSON") from None
    found = _READ.load(text)
    parts = [found] if isinstance(found, list) else _READ.fields(found, None, "card").values()
    rows = [row for part in parts for row in _READ.items(part, "card, saved as records,")]
    return [_READ.fields(row, None, "row") for row in rows]


def _column(
    rows: Sequence[Mapping[str, Any]], name: str, column: str, *, whole: bool = False
) -> list[float]:
    """Return a column of a feature; empty when the file has none."""
    given = [row.get(column) for row in rows]
    if all(value in (None, "") for value in given):
        return []
    values = [_value(value, name, column) for value in given]
    if whole and not all(value >= 0 and value.is_integer() for value in values):
        raise _READ.wrong(f"{name}: {column} holds something that is no count")
    return values


def _value(value: object, name: str, column: str) -> float:
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise _READ.wrong(f"{name}: {column} holds something that is no number") from None
    if isinstance(value, bool) or not math.isfinite(found):
        raise _READ.wrong(f"{name}: {column} holds something that is no number")
    return found


def _bins(name: str, texts: Sequence[object]) -> ForeignBins:
    parts = [(number, part) for number, text in enumerate(texts) for part in _parts(name, text)]
    if len({part for _, part in parts}) != len(parts):
        raise _READ.wrong(f"{name}: a value stands in two bins")
    missing = next((number for number, part in parts if part == MISSING), -1)
    rest = [(number, part) for number, part in parts if part != MISSING]
    found = [(number, _INTERVAL.fullmatch(part)) for number, part in rest]
    intervals = sorted(
        (float(match[1]), float(match[2]), number) for number, match in found if match
    )
    if not intervals:
        return ForeignBins(name, levels={part: n for n, part in rest}, missing=missing)
    codes = {
        _value(part, name, "bin"): n for (n, part), (_, match) in zip(rest, found, strict=True)
        if not match
    }  # fmt: skip
    ends = [high for _, high, _ in intervals]
    starts = [low for low, _, _ in intervals]
    if starts[0] != -math.inf or ends[-1] != math.inf or starts[1:] != ends[:-1]:
        raise _READ.wrong(f"{name}: its intervals do not cover the number line")
    cuts, notes = parted(name, ends[:-1])
    ordinary = [intervals[0][2], *(n for low, _, n in intervals if low in cuts)]
    return ForeignBins(name, cuts, tuple(ordinary), codes, missing=missing, notes=notes)


def _parts(name: str, text: object) -> list[str]:
    if text is None or not str(text):
        raise _READ.wrong(f"{name}: a bin without a name")
    return [part.strip() if "[" in part else part for part in str(text).split(_JOIN)]
