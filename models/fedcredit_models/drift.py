"""Has the population moved, and does the model still say the truth? By month, from counts.

The *index* of a month is the population stability of its distribution against the baseline's: of
the score over tenths of the baseline (PSI), of a feature over the model's own bins (CSI). Below 0.1
nothing has happened, from 0.25 on somebody decides. Predicted against actual bads is a z value:
(bads - expected bads) over the standard deviation that the predictions themselves imply.

References
----------
Siddiqi, N. (2006). Credit Risk Scorecards. Wiley, chapter 9 (0.1 and 0.25).
Spiegelhalter, D. (1986). Probabilistic prediction in patient management and clinical trials.
Statistics in Medicine 5, 421-433 (the variance of the sum of predicted probabilities).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Verdict = Literal["steady", "watch", "act"]
ORDER: tuple[Verdict, ...] = ("steady", "watch", "act")
"""From best to worst."""

Z_WATCH, Z_ACT = 1.959963984540054, 2.5758293035489004
"""Two-sided 95 % and 99 %."""

ONE_CELL = "one_cell"
"""Why an index is withheld: fewer than two cells have rows enough in both populations."""

DIGITS = 4
"""A released index is told to so many digits."""


@dataclass(frozen=True)
class DriftThresholds:
    """From which index on a month asks for a look, and for a decision.

    Parameters
    ----------
    watch, act : float, default 0.1 and 0.25
        ``0 < watch <= act``.

    Raises
    ------
    ValueError
        For other numbers.
    """

    watch: float = 0.1
    act: float = 0.25

    def __post_init__(self) -> None:
        """Refuse thresholds that no index could pass in order."""
        if not (0 < self.watch <= self.act and math.isfinite(self.act)):
            raise ValueError("thresholds: 0 < watch <= act")

    def verdict(self, index: float) -> Verdict:
        """Return what an index asks for."""
        return _verdict(index, self.watch, self.act)


def calibration_verdict(z: float) -> Verdict:
    """Return what a difference of actual and predicted bads asks for."""
    return _verdict(abs(z), Z_WATCH, Z_ACT)


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the worst of some verdicts; steady for none."""
    return max(verdicts, key=ORDER.index, default="steady")


def drift_index(expected: Sequence[int], actual: Sequence[int], *, least: int = 1) -> float | None:
    """Return ``sum (a - e) ln(a / e)`` over shares; None when fewer than two cells are left.

    Parameters
    ----------
    expected, actual : sequence of int
        Rows of each cell in the baseline and in the month.
    least : int, default 1
        Neighbouring cells are put together from the first on, until each has so many rows in both
        populations; what is left at the end joins the last of them.

    Raises
    ------
    ValueError
        When the two do not have the same cells, or one has no rows.

    Disclosure
    ----------
    With ``min_subjects`` the index is computed from counts that each pass. Where the rows of the
    month are known, a small cell that counted as a fixed number would be told by its neighbour.
    """
    e, a = (np.asarray(x, dtype=np.float64) for x in (expected, actual))
    if e.shape != a.shape or e.sum() <= 0 or a.sum() <= 0:
        raise ValueError("a drift index compares the same cells of two populations with rows")
    starts = list(_starts(e, a, max(least, 1)))
    if len(starts) < 2:
        return None
    e, a = (np.add.reduceat(x, starts) / x.sum() for x in (e, a))
    return float(((a - e) * np.log(a / e)).sum())


def calibration_z(*, bads: int, sum_p: float, sum_p2: float) -> float:
    """Return (bads - sum p) / sqrt(sum p (1 - p)); infinite when certain predictions fail."""
    variance = sum_p - sum_p2
    apart = bads - sum_p
    if variance > 0:
        return apart / math.sqrt(variance)
    return 0.0 if apart == 0 else math.copysign(math.inf, apart)


def _starts(e: Floats, a: Floats, least: int) -> Iterator[int]:
    """Yield where each cell begins that has rows enough in both; the last takes the rest."""
    start = 0
    for stop in range(1, len(e) + 1):
        if min(e[start:stop].sum(), a[start:stop].sum()) >= least:
            yield start
            start = stop


def _verdict(value: float, watch: float, act: float) -> Verdict:
    if value >= act:
        return "act"
    return "watch" if value >= watch else "steady"
