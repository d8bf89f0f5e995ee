"""From an evaluation's release and the ledger to a saved result: every figure with its entry."""

import hashlib
from collections.abc import Sequence
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
from fedcredit.evaluation_months import drift_figures
from fedcredit.evaluation_readable import comparison_figures, overall_figures, partition_figures
from fedcredit.evaluation_result import EvaluationResult
from fedcredit.judged_model import JudgedModel
from fedcredit.ledger_copy import save_ledger
from fedcredit.request import Delivery
from fedcredit.results import DisclosureStatement
from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.rules import RunState
from fedcredit_parties.evaluation_course import EvaluationCourse
from fedcredit_parties.member import Member

if TYPE_CHECKING:
    from fedcredit.evaluation import Evaluation

RELEASED = (
    "evaluation",
    "AUC, KS, Gini, Brier, calibration, score bands and a cut-off of all rows; figures and "
    "approvals of the slices that pass the cell rules; DeLong's and McNemar's test; drift indices "
    "by month. The models travel in the task, which the coordinator reads, too",
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
    partitions = [partition_figures(part, found[part.by]) for part in course.task.partitions]
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
                role: overall_figures(found[role], request, model)
                for role, model in request.judged.items()
            },
            "comparison": comparison_figures(found["comparison"])
            if "comparison" in found
            else None,
            "partitions": partitions,
            "drift": drift_figures(request, course, partitions),
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
            opened="fine histograms of scores",
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
