"""The released integers of an evaluation as the figures of a saved result."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fedcredit.judged_model import JudgedModel
from fedcredit_models.comparing import TOO_ALIKE, Decisions
from fedcredit_models.delong import AucDifference
from fedcredit_models.fairness import (
    GroupDecisions,
    adverse_impact_ratios,
    good_approval_differences,
)
from fedcredit_models.lift import gains
from fedcredit_models.metrics import readable
from fedcredit_models.tails import chi_square_tail
from fedcredit_parties.course import NANO
from fedcredit_parties.evaluation_task import Slices

if TYPE_CHECKING:
    from fedcredit.evaluation import Evaluation

Document = dict[str, Any]


def overall_figures(figures: Document, request: "Evaluation", model: JudgedModel) -> Document:
    """Return one model's figures of all rows in the words of the saved result."""
    if "withheld" in figures:
        return dict(figures)
    offset, factor = model.scale
    plain = {k: v for k, v in figures.items() if k not in ("recalibration", "cut")}
    found = readable(plain, offset=offset, factor=factor)
    n, bads, groups = found["n"], found["bads"], found["calibration"]
    found["bad_rate"] = bads / n
    found["hosmer_lemeshow_groups"] = len(groups)
    found["hosmer_lemeshow_p"] = chi_square_tail(found["hosmer_lemeshow"], len(groups))
    found["gains"] = [
        {
            "n": row.n, "bads": row.bads, "bad_rate": row.bad_rate, "depth": row.depth,
            "captured": row.captured, "lift": row.lift,
        }
        for row in gains(
            [group["n"] for group in groups],
            [round(group["n"] * group["bad_rate"]) for group in groups],
        )
    ]  # fmt: skip
    fitted = figures["recalibration"]
    for name in ("slope", "intercept") if fitted else ():
        found[f"calibration_{name}"] = {
            "value": fitted[f"{name}_nano"] / NANO,
            "standard_error": fitted[f"{name}_error_nano"] / NANO,
            "bound": fitted[f"{name}_bound_nano"] / NANO,
        }
    if "withheld" not in figures["cut"]:
        found["cutoff"] = _cutoff(figures["cut"], n, bads, request, model)
    return found


def _cutoff(
    cut: Document, n: int, bads: int, request: "Evaluation", model: JudgedModel
) -> Document:
    offset, factor = model.scale
    eta, approved, among = cut["eta_nano"] / NANO, cut["approved"], cut["bads_approved"]
    lost, expected = request.loss_given_default, cut["expected_nano"] / NANO
    return {
        "asked_approval_rate": request.approval_rate,
        "approval_rate": approved / n,
        "eta": eta,
        "points": offset - factor * eta,
        "approved": approved,
        "bad_rate_approved": among / approved,
        "bad_rate_refused": (bads - among) / (n - approved),
        "expected_bad_rate": expected,
        "loss_given_default": lost,
        "expected_loss": expected * lost,
        "observed_loss": among / approved * lost,
    }


def comparison_figures(figures: Document) -> Document:
    """Return DeLong's and McNemar's test, or why they are withheld."""
    if "withheld" in figures:
        return dict(figures)
    test = {name.removesuffix("_nano"): value / NANO for name, value in figures["delong"].items()}
    found = AucDifference(
        first=test["first"],
        second=test["second"],
        difference_bound=test["difference_bound"],
        standard_error=test["error"],
        least_error=test["least_error"],
        largest_error=test["largest_error"],
    )
    if found.standard_error == 0.0:
        return {"withheld": TOO_ALIKE}
    low, high = found.interval
    # With no least error the bound of the joint grid says nothing of z.
    z_range = found.z_range if found.least_error > 0.0 else None
    p_low, p_high = found.p_range if z_range else (0.0, 1.0)
    answer: Document = {
        "delong": {
            "auc_champion": found.first,
            "auc_challenger": found.second,
            "difference": found.difference,
            "difference_bound": found.difference_bound,
            "standard_error": found.standard_error,
            "low": low,
            "high": high,
            "z": found.z,
            "z_bound": max(z_range[1] - found.z, found.z - z_range[0]) if z_range else None,
            "p_value": found.p_value,
            "p_low": p_low,
            "p_high": p_high,
        }
    }
    decided = figures["mcnemar"]
    if "withheld" in decided:
        return {**answer, "mcnemar_withheld": decided["withheld"]}
    first, second = decided["only_champion"], decided["only_challenger"]
    test_ = Decisions(both=0, only_first=first, only_second=second, neither=0)
    answer["mcnemar"] = {
        "only_champion_right": first,
        "only_challenger_right": second,
        "chi_square": test_.chi_square(),
        "p_value": test_.p_value(),
        "exact_p_value": test_.exact_p_value(),
    }
    return answer


def partition_figures(part: Slices, slices: Sequence[Document]) -> Document:
    """Return every slice's figures; groups are compared with each other."""
    found = [
        {"name": name, **_slice(figures)}
        for name, figures in zip(part.slicing.labels, slices, strict=True)
    ]
    if part.by == "group":
        _compare_groups(found, slices)
    # *other* and *missing* are slices only where somebody is in them.
    last = len(part.names)
    kept = [*found[:last], *(row for row in found[last:] if row.get("withheld") != "no_rows")]
    return {"by": part.by, "column": part.column, "slices": kept}


def _slice(figures: Document) -> Document:
    if "withheld" in figures:
        return {"withheld": figures["withheld"]}
    n, bads = figures["n"], figures["bads"]
    names = (
        "mean_p", "mean_p_bound", "auc", "auc_bound", "ks", "gini_low", "gini_high", "brier",
        "brier_bound",
    )  # fmt: skip
    found: Document = {name: figures[f"{name}_nano"] / NANO for name in names}
    found |= {"n": n, "bads": bads, "bad_rate": bads / n, "gini": 2 * found["auc"] - 1}
    z = figures["calibration_z_nano"]
    found["calibration_z"] = z[0] / NANO if z else None
    index = figures.get("index_nano")
    if isinstance(index, str):
        found["population_stability_withheld"] = index
    elif index is not None:
        found["population_stability"] = index / NANO
    approval = figures["approval"]
    if "withheld" in approval:
        return {**found, "approval_withheld": approval["withheld"]}
    approved, among = approval["approved"], approval["bads_approved"]
    return {
        **found,
        "approval_rate": approved / n,
        "bad_rate_approved": among / approved,
        "good_approval_rate": (approved - among) / (n - bads),
    }


def _compare_groups(found: Sequence[Document], slices: Sequence[Document]) -> None:
    """Add adverse-impact ratio and equal opportunity to the groups whose approvals are told."""
    told = [
        (row, figures) for row, figures in zip(found, slices, strict=True) if "approval_rate" in row
    ]
    groups = [
        GroupDecisions(
            goods_approved=cut["approved"] - cut["bads_approved"],
            bads_approved=cut["bads_approved"],
            goods_refused=f["n"] - f["bads"] - cut["approved"] + cut["bads_approved"],
            bads_refused=f["bads"] - cut["bads_approved"],
        )
        for f, cut in ((figures, figures["approval"]) for _, figures in told)
    ]
    ratios, differences = adverse_impact_ratios(groups), good_approval_differences(groups)
    for (row, _), ratio, difference in zip(told, ratios, differences, strict=True):
        row["adverse_impact_ratio"] = ratio
        row["good_approval_difference"] = difference
