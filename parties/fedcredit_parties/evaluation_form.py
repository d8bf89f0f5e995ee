"""The form of an evaluation's release: which fields, which numbers, in which ranges.

The counterpart of `fedcredit_models.evaluation_figures.release`, for whoever reads what a key
holder has sent: nothing else is believed.
"""

from collections.abc import Mapping
from typing import Any

from fedcredit_models.comparing import TOO_ALIKE, TOO_COARSE
from fedcredit_models.drift import ONE_CELL
from fedcredit_models.evaluating import EvaluationPlan
from fedcredit_models.evaluation_figures import NO_CUT
from fedcredit_models.suppression import COMPLEMENT, NO_ROWS
from fedcredit_parties.release_form import (
    Test,
    has,
    is_count,
    is_share,
    is_whole,
    is_withheld,
    is_word,
    rows_of,
)

REASONS = frozenset(
    {"min_subjects", "min_bads", "min_goods", NO_ROWS, COMPLEMENT, NO_CUT, TOO_ALIKE, TOO_COARSE}
)
"""Why a figure may be withheld."""


def is_figures(values: Mapping[str, Any], plan: EvaluationPlan) -> bool:
    """Tell whether these are exactly the figures of a plan."""
    challenger = plan.challenger is not None
    names = {*plan.models, *(slicing.by for slicing in plan.slicings)}
    names |= {"comparison"} if challenger else set()
    if set(values) != names:
        return False
    return (
        all(_is_overall(values[role]) for role in plan.models)
        and (not challenger or _is_comparison(values["comparison"]))
        and all(
            isinstance(values[slicing.by], list)
            and len(values[slicing.by]) == slicing.n
            and all(
                _is_slice(part, len(plan.champion.cells), slicing.by == "period")
                for part in values[slicing.by]
            )
            for slicing in plan.slicings
        )
    )


def _is_withheld(value: object) -> bool:
    return is_withheld(value, REASONS, empty=NO_ROWS)


_SLICE: dict[str, Test] = {
    "n": is_count, "bads": is_count, "mean_p_nano": is_share, "mean_p_bound_nano": is_share,
    "auc_nano": is_share,
    "auc_bound_nano": is_share, "ks_nano": is_share, "gini_low_nano": is_whole,
    "gini_high_nano": is_whole, "brier_nano": is_share, "brier_bound_nano": is_whole,
}  # fmt: skip

_FITTED = {
    f"{name}{what}_nano": is_whole
    for name in ("intercept", "slope")
    for what in ("", "_error", "_bound")
}

_OVERALL: dict[str, Test] = {
    **_SLICE,
    "gini_nano": is_whole,
    "hosmer_lemeshow_nano": is_whole,
    "bands": rows_of(
        {"eta_low_nano": is_whole, "eta_high_nano": is_whole, "n": is_count, "bads": is_count}
    ),
    "roc": rows_of({"fpr_nano": is_share, "tpr_nano": is_share}),
    "calibration": rows_of({"mean_p_nano": is_share, "bad_rate_nano": is_share, "n": is_count}),
    "recalibration": lambda value: value == {} or has(value, _FITTED),
    "cut": lambda value: _is_withheld(value)
    or has(
        value,
        {
            "eta_nano": is_whole, "approved": is_count, "bads_approved": is_count,
            "expected_nano": is_share,
        },
    ),
}  # fmt: skip

_DELONG: dict[str, Test] = {
    "first_nano": is_share, "second_nano": is_share, "difference_bound_nano": is_whole,
    "error_nano": is_whole, "least_error_nano": is_whole, "largest_error_nano": is_whole,
}  # fmt: skip


def _is_overall(value: object) -> bool:
    return _is_withheld(value) or (has(value, _OVERALL) and _adds_up(value))


def _is_comparison(value: object) -> bool:
    return _is_withheld(value) or has(
        value,
        {
            "delong": lambda part: has(part, _DELONG),
            "mcnemar": lambda part: (
                _is_withheld(part)
                or has(part, {"only_champion": is_count, "only_challenger": is_count})
            ),
        },
    )


def _is_index(value: object) -> bool:
    return is_whole(value) or is_word(value, {ONE_CELL})


def _is_slice(value: object, n_features: int, is_period: bool) -> bool:
    if _is_withheld(value):
        return True
    tests: dict[str, Test] = {
        **_SLICE,
        "calibration_z_nano": lambda z: (
            isinstance(z, list) and len(z) < 2 and all(map(is_whole, z))
        ),
        "approval": lambda part: (
            _is_withheld(part) or has(part, {"approved": is_count, "bads_approved": is_count})
        ),
    }
    drift: dict[str, Test] = {
        "index_nano": _is_index,
        "feature_index_nano": lambda part: (
            isinstance(part, list) and len(part) == n_features and all(map(_is_index, part))
        ),
    }
    return has(value, tests, drift if is_period else None) and _adds_up(value)


def _adds_up(value: Any) -> bool:
    """Tell whether there are rows of both outcomes, and parts are no larger than the whole."""
    n, bads = value["n"], value["bads"]
    part = value.get("cut", value.get("approval", {}))
    approved, bads_approved = part.get("approved", 0), part.get("bads_approved", 0)
    return bool(
        0 < bads < n
        and bads_approved <= approved <= n
        and bads_approved <= bads
        and approved - bads_approved <= n - bads
        and (approved == 0 or approved < n)
    )
