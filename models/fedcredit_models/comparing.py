"""Champion against challenger on the same rows, from one joint histogram of their scores.

DeLong's test compares how they rank (`delong`), McNemar's test how they decide: of the rows that
only one of the two decides rightly, does either have more than its half?
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.cell_rules import CellRules
from fedcredit_models.delong import auc_difference
from fedcredit_models.joint_grid import JointGrid, n_moved
from fedcredit_models.score_bands import nano
from fedcredit_models.tails import chi_square_tail, fair_coin_two_sided

TOO_ALIKE = "too_alike"
"""Why a challenger is withheld that ranks all but a few rows as the champion does."""

TOO_COARSE = "too_coarse"
"""Why two scores are not compared of which one has few groups of rows."""

LEAST_COMPARED = 45
"""Least groups of each score: a comparison adds three errors to six digits, 2**48 values, to what
each sample's figures say (`coarsening.LEAST_PLACES`), and 11**45 > 2**155."""


@dataclass(frozen=True)
class Decisions:
    """Rows by who decides rightly: refuses a bad, approves a good.

    Attributes
    ----------
    both, only_first, only_second, neither : int
    """

    both: int
    only_first: int
    only_second: int
    neither: int

    @classmethod
    def of(
        cls, bads: NDArray[np.int64], goods: NDArray[np.int64], cuts: tuple[int, int]
    ) -> "Decisions":
        """Count the decisions in a joint histogram.

        Parameters
        ----------
        bads, goods : ndarray of shape (cells, cells)
            First score by row; cells from safe to risky.
        cuts : (int, int)
            First cell of each score that is refused.
        """

        def quarters(counts: NDArray[np.int64]) -> tuple[int, int, int, int]:
            i, j = cuts
            parts = (counts[i:, j:], counts[i:, :j], counts[:i, j:], counts[:i, :j])
            both, first, second, neither = (int(part.sum()) for part in parts)
            return both, first, second, neither

        bad, good = quarters(bads), quarters(goods)[::-1]  # a good is right where it is approved
        return cls(*(b + g for b, g in zip(bad, good, strict=True)))

    def chi_square(self) -> float:
        """Return McNemar's statistic with Edwards' correction for continuity; 0 without rows."""
        discordant = self.only_first + self.only_second
        apart = max(abs(self.only_first - self.only_second) - 1, 0)
        return apart**2 / discordant if discordant else 0.0

    def p_value(self) -> float:
        """Return its probability, chi-square with one degree of freedom."""
        return chi_square_tail(self.chi_square(), 1)

    def exact_p_value(self) -> float:
        """Return the exact two-sided binomial probability.

        References
        ----------
        McNemar, Q. (1947). Note on the sampling error of the difference between correlated
        proportions or percentages. Psychometrika 12, 153-157.
        """
        return fair_coin_two_sided(self.only_first, self.only_second)


def release(
    champion: Mapping[str, Any],
    challenger: Mapping[str, Any],
    joint: Mapping[str, Any],
    grid: JointGrid,
    cuts: tuple[int | None, int | None],
    rules: CellRules,
    groups: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> dict[str, Any]:
    """Return what the key holder may release of a comparison, as plain integers.

    Parameters
    ----------
    champion, challenger : mapping
        Summed ``bads`` and ``goods`` by cell of the score grid.
    joint : mapping
        Summed ``bads`` and ``goods`` of the joint grid.
    grid : JointGrid
    cuts : (int or None, int or None)
        First refused cell of the score grid, of each.
    rules : CellRules
        The federation's cell rules.
    groups : (ndarray, ndarray), optional
        Groups of the score grid's cells that pass the rules; see `delong.auc_difference`.

    Returns
    -------
    dict
        ``{"withheld": "too_alike"}`` when fewer than ``min_subjects`` rows leave the champion's
        order: the difference of two AUCs would say how these few ended. ``{"withheld":
        "too_coarse"}`` when one of the scores has few groups. Otherwise ``delong``
        (``first_nano``, ``second_nano`` to five digits, ``difference_bound_nano``, ``error_nano``,
        ``least_error_nano``, ``largest_error_nano``) and ``mcnemar``: the two discordant counts, or
        why they are withheld.
    """
    together = {name: grid.matrix(joint[name]) for name in ("bads", "goods")}
    if n_moved(together, grid) < rules.min_subjects:
        return {"withheld": TOO_ALIKE}
    if groups is not None and min(int(group[-1]) + 1 for group in groups) < LEAST_COMPARED:
        return {"withheld": TOO_COARSE}
    found = auc_difference(champion, challenger, together, grid, groups)
    return {
        "delong": {
            "first_nano": nano(round(found.first, 5)),
            "second_nano": nano(round(found.second, 5)),
            "difference_bound_nano": math.ceil((found.difference_bound + 1e-5) * 1e9),
            "error_nano": nano(round(found.standard_error, 6)),
            "least_error_nano": math.floor(found.least_error * 1e6) * 1000,
            "largest_error_nano": math.ceil(found.largest_error * 1e6) * 1000,
        },
        "mcnemar": _mcnemar(together, grid, cuts, rules),
    }


def _mcnemar(
    together: Mapping[str, NDArray[np.int64]],
    grid: JointGrid,
    cuts: tuple[int | None, int | None],
    rules: CellRules,
) -> dict[str, Any]:
    first, second = (None if cut is None else grid.cut(cut) for cut in cuts)
    if first is None or second is None:
        return {"withheld": "no_cut"}
    found = Decisions.of(together["bads"], together["goods"], (first, second))
    cells = (found.both, found.only_first, found.only_second, found.neither)
    if min(cells) < rules.min_subjects:
        return {"withheld": "min_subjects"}
    return {"only_champion": found.only_first, "only_challenger": found.only_second}
