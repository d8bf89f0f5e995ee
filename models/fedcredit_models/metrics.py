"""Judge a model from two histograms of its score, one of bads and one of goods.

Every row is counted in one cell of a declared grid over eta, the log odds of *bad*; three more sums
give the Brier score exactly. The histograms of all parties add up, and from the sum follow AUC, KS,
Gini and the tables. The fine histogram is never released: `release` gives figures, and tables whose
cells were merged until each passes the cell rules.

Cells run from safe to risky. Counts are whole numbers; released shares and rates are integers in
units of 1e-9 ("nano").
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.logistic import probability
from fedcredit_models.merging import CellRules
from fedcredit_models.score_bands import NANO, ScoreGrid, ScoreHistogram, nano

__all__ = [
    "ScoreGrid", "auc", "auc_bound", "brier", "gini", "gini_interval", "hosmer_lemeshow", "ks",
    "nano", "population_stability", "readable", "release", "score_sums", "stability",
]  # fmt: skip

Z95 = 1.959963984540054


def score_sums(
    eta: NDArray[np.float64], y: NDArray[np.int64], grid: ScoreGrid
) -> dict[str, NDArray[np.int64] | float]:
    """Return ``bads`` and ``goods`` by cell, ``sum_p2``, ``sum_py`` and ``sum_p``.

    Disclosure
    ----------
    Nothing by itself: the sums are masked and encrypted before they leave a party.
    """
    cell, is_bad = grid.cell_of(eta), np.asarray(y) == 1
    p = probability(eta)
    return {
        "bads": np.bincount(cell[is_bad], minlength=grid.cells).astype(np.int64),
        "goods": np.bincount(cell[~is_bad], minlength=grid.cells).astype(np.int64),
        "sum_p2": float((p * p).sum()),
        "sum_py": float(p[is_bad].sum()),
        "sum_p": float(p.sum()),
    }


def auc(bads: Sequence[int], goods: Sequence[int]) -> float:
    """Return the area under the ROC curve, a pair in one cell counting one half.

    Raises
    ------
    ValueError
        Without a bad or without a good, like the other figures here.
    """
    n_bads, n_goods = _totals(bads, goods)
    twice, safer = 0, 0
    for b, g in zip(bads, goods, strict=True):
        twice += int(b) * (2 * safer + int(g))
        safer += int(g)
    return twice / (2 * n_bads * n_goods)


def auc_bound(bads: Sequence[int], goods: Sequence[int]) -> float:
    """Return the largest possible distance to the AUC of the unbinned score.

    Half the share of pairs that share a cell.
    """
    n_bads, n_goods = _totals(bads, goods)
    together = sum(int(b) * int(g) for b, g in zip(bads, goods, strict=True))
    return together / (2 * n_bads * n_goods)


def ks(bads: Sequence[int], goods: Sequence[int]) -> float:
    """Return the largest distance of the two distribution functions, over cell ends."""
    n_bads, n_goods = _totals(bads, goods)
    largest, b_below, g_below = 0, 0, 0
    for b, g in zip(bads, goods, strict=True):
        b_below, g_below = b_below + int(b), g_below + int(g)
        largest = max(largest, abs(b_below * n_goods - g_below * n_bads))
    return largest / (n_bads * n_goods)


def gini(bads: Sequence[int], goods: Sequence[int]) -> float:
    """Return 2 AUC - 1."""
    return 2 * auc(bads, goods) - 1


def gini_interval(area: float, n_bads: int, n_goods: int) -> tuple[float, float]:
    """Return the 95 % interval of the Gini coefficient for an AUC of `area`.

    References
    ----------
    Hanley, J., McNeil, B. (1982). The meaning and use of the area under a ROC curve. Radiology 143.
    """
    q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
    variance = (
        area * (1 - area) + (n_bads - 1) * (q1 - area * area) + (n_goods - 1) * (q2 - area * area)
    ) / (n_bads * n_goods)
    half = 2 * Z95 * math.sqrt(max(variance, 0.0))
    return max(2 * area - 1 - half, -1.0), min(2 * area - 1 + half, 1.0)


def brier(*, sum_p2: float, sum_py: float, n_bads: int, n: int) -> float:
    """Return the mean squared error of the probabilities, exact from four sums."""
    return (sum_p2 - 2 * sum_py + n_bads) / n


def hosmer_lemeshow(n: Sequence[int], bads: Sequence[int], mean_p: Sequence[float]) -> float:
    """Return the Hosmer-Lemeshow statistic over groups: chi-square, g degrees out of sample."""
    terms = ((b - m * p) ** 2 / (m * p * (1 - p)) for m, b, p in zip(n, bads, mean_p, strict=True))
    return float(sum(terms))


def population_stability(expected: Sequence[int], actual: Sequence[int]) -> float:
    """Return sum (a - e) ln(a / e) over shares; an empty cell counts as half a row.

    The credit industry's "PSI", spelled out because in this project psi is the protocol.
    """
    e = np.maximum(np.array(expected, dtype=float), 0.5)
    a = np.maximum(np.array(actual, dtype=float), 0.5)
    e, a = e / e.sum(), a / a.sum()
    return float(((a - e) * np.log(a / e)).sum())


def stability(expected: Sequence[Mapping[str, int]], actual: Sequence[Mapping[str, int]]) -> float:
    """Return the population stability of two lists of released score bands.

    Bands are first merged to the edges that both lists have; the outer bands are open-ended.
    """

    def inner(bands: Sequence[Mapping[str, int]]) -> set[int]:
        return {band["eta_high_nano"] for band in bands[:-1]}

    cuts = sorted(inner(expected) & inner(actual))

    def merged(bands: Sequence[Mapping[str, int]]) -> list[int]:
        found = [0] * (len(cuts) + 1)
        for band in bands[:-1]:
            found[sum(cut < band["eta_high_nano"] for cut in cuts)] += band["n"]
        found[-1] += bands[-1]["n"]
        return found

    return population_stability(merged(expected), merged(actual))


def release(sums: Mapping[str, Any], grid: ScoreGrid, rules: CellRules) -> dict[str, Any]:
    """Return what the key holder may release of one sample, as plain integers.

    Parameters
    ----------
    sums : mapping
        Summed ``bads``, ``goods``, ``sum_p2``, ``sum_py``, ``sum_p`` of `score_sums`.
    grid : ScoreGrid
        The grid of the histograms.
    rules : CellRules
        The federation's cell rules.

    Returns
    -------
    dict
        ``{"withheld": rule}`` when the whole sample fails a rule, ``{"withheld": "no_rows", "n":
        0, "bads": 0}`` when nobody holds a row of it. Otherwise

        - ``n``, ``bads``;
        - ``auc_nano``, ``auc_bound_nano``, ``ks_nano``, ``gini_nano``, ``gini_low_nano``,
          ``gini_high_nano`` (Hanley-McNeil 95 %), ``brier_nano``, ``mean_p_nano``,
          ``hosmer_lemeshow_nano`` (over the calibration groups);
        - ``bands``: ``{"eta_low_nano", "eta_high_nano", "n", "bads"}`` from safe to risky. The
          outermost bands are open-ended; their printed ends are the last multiples of 0.75 beyond
          which fewer than ``min_subjects`` rows lie;
        - ``roc``: ``{"fpr_nano", "tpr_nano"}`` from (0, 0) to (1, 1);
        - ``calibration``: ``{"mean_p_nano", "bad_rate_nano", "n"}`` from safe to risky; the mean is
          taken over cell middles, exact to half a cell.

    Notes
    -----
    The three tables are nested: cells between points of the ROC curve pass the rules, bands and
    calibration groups are unions of such cells. So no difference of two released counts is smaller
    than a cell that passes. All edges lie on a fixed lattice, so none of them gives away where a
    single row lies.
    """
    bads = [int(b) for b in sums["bads"]]
    goods = [int(g) for g in sums["goods"]]
    n_bads, n_goods = sum(bads), sum(goods)
    broken = rules.broken(n_bads, n_goods) or (
        "min_bads" if n_bads == 0 else "min_goods" if n_goods == 0 else None
    )
    if n_bads + n_goods == 0:
        return {"withheld": "no_rows", "n": 0, "bads": 0}
    if broken is not None:
        return {"withheld": broken}
    n = n_bads + n_goods
    area = auc(bads, goods)
    low, high = gini_interval(area, n_bads, n_goods)
    sum_p2, sum_py, sum_p = (float(np.ravel(sums[k])[0]) for k in ("sum_p2", "sum_py", "sum_p"))
    histogram = ScoreHistogram(bads, goods, grid, rules)
    bands, fine, groups = histogram.nested_cells()
    return {
        "n": n,
        "bads": n_bads,
        "auc_nano": nano(area),
        "auc_bound_nano": nano(auc_bound(bads, goods)),
        "ks_nano": nano(ks(bads, goods)),
        "gini_nano": nano(2 * area - 1),
        "gini_low_nano": nano(low),
        "gini_high_nano": nano(high),
        "brier_nano": nano(brier(sum_p2=sum_p2, sum_py=sum_py, n_bads=n_bads, n=n)),
        "mean_p_nano": nano(sum_p / n),
        "hosmer_lemeshow_nano": nano(
            hosmer_lemeshow(
                [histogram.n(*group) for group in groups],
                [histogram.n_bads(*group) for group in groups],
                [histogram.mean_p(*group) for group in groups],
            )
        ),
        "bands": histogram.bands(bands),
        "roc": histogram.roc(fine),
        "calibration": [
            {
                "mean_p_nano": nano(histogram.mean_p(*group)),
                "bad_rate_nano": nano(histogram.n_bads(*group) / histogram.n(*group)),
                "n": histogram.n(*group),
            }
            for group in groups
        ],
    }


def readable(released: Mapping[str, Any], *, offset: float, factor: float) -> dict[str, Any]:
    """Return a release as floats and points, in the words of a saved result.

    Parameters
    ----------
    released : mapping
        From `release`.
    offset, factor : float
        Points = offset - factor * eta; see ``Scorecard.offset`` and ``Scorecard.factor``.
    """
    if "withheld" in released:
        return dict(released)
    found: dict[str, Any] = {}
    for name, value in released.items():
        if name == "bands":
            found["bands"] = [
                {
                    "points_low": offset - factor * band["eta_high_nano"] / NANO,
                    "points_high": offset - factor * band["eta_low_nano"] / NANO,
                    "n": band["n"],
                    "bads": band["bads"],
                }
                for band in value
            ]
        elif isinstance(value, list):
            found[name] = [_without_nano(row) for row in value]
        else:
            found |= _without_nano({name: value})
    return found


def _without_nano(row: Mapping[str, int]) -> dict[str, float | int]:
    return {
        name.removesuffix("_nano"): value / NANO if name.endswith("_nano") else value
        for name, value in row.items()
    }


def _totals(bads: Sequence[int], goods: Sequence[int]) -> tuple[int, int]:
    n_bads, n_goods = sum(int(b) for b in bads), sum(int(g) for g in goods)
    if n_bads == 0 or n_goods == 0:
        raise ValueError("a figure of discrimination needs at least one bad and one good")
    return n_bads, n_goods
