"""From an evaluation's release and the ledger to a saved result: every figure with its entry."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedcredit.assembly import (
    QUORUM_S,
    contributions_of,
    finality_of,
    grants_of,
    history_of,
    ledger_facts,
    witness_policy_of,
)
from fedcredit.evaluation_file import EvaluationFile
from fedcredit.evaluation_result import EvaluationResult
from fedcredit.judged_model import JudgedModel
from fedcredit.ledger_copy import save_ledger
from fedcredit.request import Delivery
from fedcredit.results import DisclosureStatement
from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.rules import RunState
from fedcredit_models.comparing import TOO_ALIKE, Decisions
from fedcredit_models.delong import AucDifference
from fedcredit_models.drift import Verdict, calibration_verdict, worst
from fedcredit_models.fairness import (
    GroupDecisions,
    adverse_impact_ratios,
    good_approval_differences,
)
from fedcredit_models.lift import gains
from fedcredit_models.metrics import readable
from fedcredit_models.tails import chi_square_tail
from fedcredit_parties.course import NANO
from fedcredit_parties.evaluation_course import EvaluationCourse
from fedcredit_parties.member import Member

if TYPE_CHECKING:
    from fedcredit.evaluation import Evaluation

RELEASED = (
    "evaluation",
    "AUC, KS, Gini, Brier, calibration, score bands and a cut-off of all rows; figures and "
    "approvals of the slices that pass the cell rules; DeLong's and McNemar's test; drift indices "
    "by month",
)
"""Name of the release function, and in words what it releases."""

Document = dict[str, Any]


def assemble_evaluation(delivery: Delivery, request: "Evaluation") -> EvaluationResult:
    """Turn the release into figures and cite an entry for each.

    Parameters
    ----------
    delivery : Delivery
        A finished run.
    request : Evaluation
        What was asked.
    """
    member, run_id = delivery.member, delivery.run_id
    course = delivery.course
    if not isinstance(course, EvaluationCourse):
        raise TypeError("the course of another kind of run")
    run = member.ledger.state.runs[run_id]
    assert run.finished is not None, "follow() returns finished runs"
    finished = run.finished.entry_id
    checkpoint, finality = finality_of(
        member, member.ledger.replica.find(finished), within_s=QUORUM_S
    )
    facts = ledger_facts(member)
    received = {fact["entry_id"]: str(fact["received"]) for fact in facts}
    opened = run.opened[-1].entry_id
    found = course.figures
    partitions = [_partition(part, found[part.by]) for part in course.task.partitions]
    file = EvaluationFile.model_validate(
        {
            "format": "fedcredit-evaluation/v1",
            "run_id": run_id,
            "label": request.label,
            "purpose": request.purpose,
            "requester": run.requester,
            "parties": run.roster,
            "started": received[str(run.started)],
            "finished": received[finished],
            "rows": request.rows,
            "models": {role: _described(model, member) for role, model in request.judged.items()},
            "overall": {
                role: _overall(found[role], request, model)
                for role, model in request.judged.items()
            },
            "comparison": _comparison(found["comparison"]) if "comparison" in found else None,
            "partitions": partitions,
            "drift": _drift(request, course, partitions),
            "history": history_of(run, course),
            "participation": {
                name: {
                    "bytes_sent": delivery.bytes_sent[name],
                    "n_contributions": len(entries),
                    "entries": entries,
                }
                for name, entries in contributions_of(run).items()
            },
            "disclosure": [
                {
                    "function": RELEASED[0],
                    "released": RELEASED[1],
                    "to": (*run.roster, run.requester),
                    "entry": opened,
                }
            ],
            "figures": _figures(run, found, partitions, opened),
            "entries": {
                "proposal": run.proposal_id,
                "started": run.started,
                "finished": finished,
                "witness_policy": witness_policy_of(facts),
                "grants": grants_of(member, run),
            },
            "checkpoint": checkpoint,
            "finality": finality,
            "ledger": Path(delivery.ledger).name,
        }
    )
    return EvaluationResult(
        file=file,
        disclosure=DisclosureStatement(
            releases=file.disclosure,
            parties=file.parties,
            requester=run.requester,
            key_holder=member.role("key-holder"),
            coordinator=member.role("coordinator"),
        ),
        facts=facts,
        openings={index: [opening] for index, opening in course.openings.items()},
        copy_ledger=partial(save_ledger, member.ledger),
    )


def _described(model: JudgedModel, member: Member) -> Document:
    return {
        "kind": model.saved.kind,
        "format": model.saved.format,
        "digest": hashlib.sha256(model.text.encode()).hexdigest(),
        "features": [feature.name for feature in model.saved.features],
        "registered": _registered(member, model.saved.digest),
    }


def _registered(member: Member, digest: str) -> str | None:
    """Return the newest entry that registered a model of this digest."""
    replica = member.ledger.replica
    for index in reversed(range(replica.size)):
        signed = Leaf.parse(replica.leaf(index)).signed
        if (signed.entry.type, signed.entry.data.get("model_digest")) == (
            "model-registered",
            digest,
        ):
            return signed.id
    return None


def _overall(figures: Document, request: "Evaluation", model: JudgedModel) -> Document:
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


def _comparison(figures: Document) -> Document:
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


def _partition(part: Any, slices: Sequence[Document]) -> Document:
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
    if "index_nano" in figures:
        found["population_stability"] = figures["index_nano"] / NANO
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


def _drift(
    request: "Evaluation", course: EvaluationCourse, partitions: Sequence[Document]
) -> Document | None:
    """Return every month's distance from the baseline, with what it asks for."""
    part = next((part for part in partitions if part["by"] == "period"), None)
    if part is None:
        return None
    features = [feature.name for feature in request.model.saved.features]
    limits = request.thresholds
    figures = dict(zip(request.periods, course.figures["period"], strict=False))
    months, moved = [], []
    for row in part["slices"]:
        if row["name"] not in figures:
            continue  # other, missing
        if row.get("withheld") is not None:
            months.append({"period": row["name"], "withheld": row["withheld"]})
            continue
        own = dict(zip(features, figures[row["name"]].get("feature_index_nano", ()), strict=False))
        index = {name: value / NANO for name, value in own.items()}
        month, worst_features = _month(row, index, limits.verdict)
        months.append(month)
        moved += worst_features
    told = [month for month in months if "verdict" in month]
    trained = all(cells.trained for cells in request.model.saved.cells)
    first = next((month["period"] for month in told), "none")
    return {
        "baseline": "training" if request.model.bands else first,
        "feature_baseline": "training" if request.model.bands and trained else first,
        "thresholds": {"watch": limits.watch, "act": limits.act},
        "months": months,
        "features": moved,
        "verdict": worst([month["verdict"] for month in told]),
    }


def _month(
    row: Document, index: Mapping[str, float], verdict_of: Any
) -> tuple[Document, list[Document]]:
    """Return one told month with its verdict, and the index of each feature."""
    verdicts: dict[str, Verdict] = {}
    if "population_stability" in row:
        verdicts["score"] = verdict_of(row["population_stability"])
    if row["calibration_z"] is not None:
        verdicts["calibration"] = calibration_verdict(row["calibration_z"])
    features = [
        {"period": row["name"], "feature": name, "index": value, "verdict": verdict_of(value)}
        for name, value in index.items()
    ]
    verdicts |= {str(part["feature"]): part["verdict"] for part in features}
    largest = max(index, key=lambda name: index[name], default=None)
    return {
        "period": row["name"],
        "n": row["n"],
        "population_stability": row.get("population_stability"),
        "largest_feature": largest,
        "largest_index": None if largest is None else index[largest],
        "actual": row["bad_rate"],
        "predicted": row["mean_p"],
        "calibration_z": row["calibration_z"],
        "verdict": worst(list(verdicts.values())),
        "reasons": [name for name, verdict in verdicts.items() if verdict != "steady"],
    }, features


def _figures(
    run: RunState, found: Document, partitions: Sequence[Document], opened: str
) -> dict[str, str]:
    """Figure -> id of the entry whose opening released it."""
    names = []
    for role in ("champion", "challenger"):
        if role in found and "withheld" not in found[role]:
            names += [
                f"{what}.{role}"
                for what in (
                    "n", "auc", "ks", "gini", "brier", "bands", "roc", "calibration", "gains",
                    "cutoff", "hosmer_lemeshow", "calibration_slope", "calibration_intercept",
                )
            ]  # fmt: skip
    if "delong" in found.get("comparison", {}):
        names += ["delong", "mcnemar"]
    for part in partitions:
        told = [row["name"] for row in part["slices"] if row.get("withheld") is None]
        names += [f"{part['by']}.{name}" for name in told]
        names += [f"drift.{name}" for name in told if part["by"] == "period"]
    return dict.fromkeys(names, opened) | {
        f"participation.{name}": run.rounds[-1].contributions[name].entry_id for name in run.roster
    }
