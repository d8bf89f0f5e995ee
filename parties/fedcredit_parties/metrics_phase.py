"""The last phase of a run that fits a model: figures of its score; shared by the kinds of runs.

Opened: fine histograms of the score in each sample, and sums of probabilities. Released: AUC, KS,
Gini, Brier, and tables whose cells pass the cell rules.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedcredit_models import metrics
from fedcredit_models.metrics import ScoreGrid
from fedcredit_models.suppression import NO_ROWS
from fedcredit_parties.course import NANO, Course, count_field
from fedcredit_parties.disclosure import DisclosurePolicy, check_cells
from fedcredit_parties.masks import Field
from fedcredit_parties.release_form import (
    COUNT_BOUND,
    Test,
    has,
    is_count,
    is_share,
    is_whole,
    is_withheld,
    rows_of,
)
from fedcredit_parties.task import Task

_COUNTS = ("bads", "goods")
_PROBABILITIES = ("sum_p2", "sum_py", "sum_p")
"""Sums of probabilities of a sample; with its counts they give the Brier score."""


def fields(course: Course[Any], grid: ScoreGrid) -> tuple[Field, ...]:
    """Lay out the sum of every sample of the task."""
    found: list[Field] = []
    for sample in course.task.samples:
        found += [count_field(f"{name}.{sample}", grid.cells) for name in _COUNTS]
        found += [_probabilities(course, f"{name}.{sample}") for name in _PROBABILITIES]
    return tuple(found)


def _probabilities(course: Course[Any], name: str) -> Field:
    """Lay out a sum of probabilities; for training the number of rows bounds it.

    Of a hold-out only the largest possible number is known; it costs fractional bits.
    """
    in_training = name.endswith(".train")
    return course.real(name, 1, max(course.n_train, 1) if in_training else COUNT_BOUND - 1)


def brier_bound(course: Course[Any], sample: str, n: int) -> float:
    """Return how far the Brier score of `n` rows may lie from that of the rows themselves.

    Every party rounds its sum of squares and (counted twice) its sum over bads to half a unit
    of the fixed point; the score is released in units of 1e-9.
    """
    unit = 2.0 ** -_probabilities(course, f"sum_p2.{sample}").scale_bits
    return 3 * len(course.task.parties) * unit / 2 / n + 0.5 / NANO


def addend(
    eta: NDArray[np.float64],
    y: NDArray[np.int64],
    sample: NDArray[np.str_],
    task: Task,
    grid: ScoreGrid,
) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
    """Return one party's sums.

    Parameters
    ----------
    eta : ndarray of shape (n_rows,)
        Log odds of bad of every row.
    y, sample : ndarray of shape (n_rows,)
        Outcome and sample of every row.
    """
    found: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {}
    for name in task.samples:
        chosen = sample == name
        for what, value in metrics.score_sums(eta[chosen], y[chosen], grid).items():
            found[f"{what}.{name}"] = np.atleast_1d(np.asarray(value))
    return found


def release(
    samples: Sequence[str],
    grid: ScoreGrid,
    policy: DisclosurePolicy,
    sums: Mapping[str, NDArray[np.float64]],
) -> dict[str, Any]:
    """Return what is released of every sample.

    Raises
    ------
    SmallCellError
        When a table holds a cell that does not pass; `metrics.release` merges until it does.
    """
    found: dict[str, Any] = {}
    for sample in samples:
        own = {name: sums[f"{name}.{sample}"] for name in (*_COUNTS, *_PROBABILITIES)}
        found[sample] = metrics.release(own, grid, policy.cells)
    for sample, document in found.items():
        for table in ("bands", "calibration"):
            rows = document.get(table, [])
            if rows and "bads" in rows[0]:
                check_cells(
                    policy,
                    bads=[row["bads"] for row in rows],
                    goods=[row["n"] - row["bads"] for row in rows],
                    what=f"{table} of the {sample} sample",
                )
    return found


def is_form(values: Mapping[str, Any], samples: Sequence[str]) -> bool:
    """Tell whether these are the figures of every sample, as `metrics.release` writes them."""
    found = values.get("samples")
    return (
        set(values) == {"samples", "n_clipped"}
        and isinstance(found, dict)
        and set(found) == set(samples)
        and all(
            is_withheld(figures, WITHHELD, empty=NO_ROWS)
            or (has(figures, _FIGURES) and _adds_up(figures))
            for figures in found.values()
        )
    )


def _is_near_share(value: object) -> bool:
    """Tell whether it is a share but for the rounding of the sums that it was found from."""
    return type(value) is int and -NANO // 100 <= value <= NANO + NANO // 100


def _is_gini(value: object) -> bool:
    return type(value) is int and -NANO <= value <= NANO


WITHHELD = frozenset({"min_subjects", "min_bads", "min_goods", NO_ROWS})
"""Why a sample's figures may be withheld."""

_FIGURES: Mapping[str, Test] = {
    "n": is_count,
    "bads": is_count,
    "auc_nano": is_share,
    "auc_bound_nano": is_share,
    "ks_nano": is_share,
    "gini_nano": _is_gini,
    "gini_low_nano": _is_gini,
    "gini_high_nano": _is_gini,
    "brier_nano": _is_near_share,
    "mean_p_nano": _is_near_share,
    "hosmer_lemeshow_nano": is_whole,
    "bands": rows_of(
        {"eta_low_nano": is_whole, "eta_high_nano": is_whole, "n": is_count, "bads": is_count}
    ),
    "roc": rows_of({"fpr_nano": is_share, "tpr_nano": is_share}),
    "calibration": rows_of({"mean_p_nano": is_share, "bad_rate_nano": is_share, "n": is_count}),
}


def _adds_up(figures: Mapping[str, Any]) -> bool:
    """Tell whether there are rows of both outcomes, and each table counts all of them."""
    bands, n, bads = figures["bands"], figures["n"], figures["bads"]
    return bool(
        0 < bads < n
        and sum(band["n"] for band in bands) == n
        and sum(band["bads"] for band in bands) == bads
        and all(band["bads"] <= band["n"] for band in bands)
        and sum(group["n"] for group in figures["calibration"]) == n
        and figures["roc"]
    )
