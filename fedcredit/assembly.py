"""From releases and ledger entries to a result: the model, its figures, and the entry of each."""

import hashlib
import json
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from fedcredit.ledger_copy import save_ledger
from fedcredit.ledger_file import TERMS
from fedcredit.model_kind import ModelKind
from fedcredit.model_kinds import kind_of
from fedcredit.party_gain import RELEASED
from fedcredit.quorum import policy_in_force
from fedcredit.request import Delivery
from fedcredit.requests import HorizontalJob
from fedcredit.result_file import ResultFile
from fedcredit.results import DisclosureStatement, TrainingResult
from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.entry import format_time
from fedcredit_ledger.errors import QuorumError
from fedcredit_ledger.note import Note
from fedcredit_ledger.rules import RunState
from fedcredit_models.metrics import readable, stability
from fedcredit_parties import metrics_phase
from fedcredit_parties.course import Course
from fedcredit_parties.member import Member

QUORUM_S = 30.0


def assemble(delivery: Delivery, request: HorizontalJob) -> TrainingResult:
    """Build the model, register it in the ledger, and cite an entry for every figure.

    Parameters
    ----------
    delivery : Delivery
        A finished run.
    request : HorizontalJob
        What was asked.
    """
    member, run_id, course = delivery.member, delivery.run_id, delivery.course
    kind = kind_of(request.model)
    assert kind is not None, "a job has a model of one of the kinds"
    run = member.ledger.state.runs[run_id]
    model = kind.fitted(course, request.model, delivery.left_out)
    model_json = model.to_json()
    registered = _register(member, run, model_json)
    index = member.ledger.replica.find(registered)
    checkpoint, finality = finality_of(member, index, within_s=QUORUM_S)
    facts = ledger_facts(member)
    received = {fact["entry_id"]: str(fact["received"]) for fact in facts}
    assert run.finished is not None, "follow() returns finished runs"
    finished = run.finished.entry_id
    recipients = (*run.roster, run.requester)
    file = ResultFile.model_validate(
        {
            "format": "fedcredit-result/v1",
            "run_id": run_id,
            "label": request.label,
            "purpose": request.purpose,
            "features": [feature.name for feature in course.task.features],
            "requester": run.requester,
            "parties": run.roster,
            "started": received[str(run.started)],
            "finished": received[finished],
            "model": json.loads(model_json),
            "history": history_of(run, course),
            "metrics": _metrics(course, *kind.scale(model)),
            "participation": {
                name: {
                    "bytes_sent": delivery.bytes_sent[name],
                    "n_contributions": len(entries),
                    "entries": entries,
                }
                for name, entries in contributions_of(run).items()
            },
            "abstaining": delivery.abstaining,
            "disclosure": [
                {
                    "function": kind.released[opened.data["phase"]][0],
                    "released": kind.released[opened.data["phase"]][1],
                    "to": recipients,
                    "entry": opened.entry_id,
                }
                for opened in run.opened
            ]
            + [
                {
                    "function": RELEASED[0],
                    "released": RELEASED[1],
                    "to": (run.requester,),
                    "entry": gain.entry,
                }
                for gain in delivery.gains.values()
                if gain.withheld is None
            ],
            "figures": _figures(run, course, kind, registered)
            | {f"gain.{name}": gain.entry for name, gain in delivery.gains.items()},
            "gains": delivery.gains,
            "entries": {
                "proposal": run.proposal_id,
                "started": run.started,
                "finished": finished,
                "model": registered,
                "witness_policy": witness_policy_of(facts),
                "grants": grants_of(member, run),
            },
            "checkpoint": checkpoint,
            "finality": finality,
            "ledger": Path(delivery.ledger).name,
        }
    )
    disclosure = DisclosureStatement(
        releases=file.disclosure,
        parties=file.parties,
        requester=run.requester,
        key_holder=member.role("key-holder"),
        coordinator=member.role("coordinator"),
        opened=kind.opened,
    )
    return TrainingResult(
        file=file,
        model=model,
        disclosure=disclosure,
        facts=facts,
        openings={
            **{index: [opening] for index, opening in course.openings.items()},
            **{gain.index: [gain.opening] for gain in delivery.gains.values() if gain.opening},
        },
        copy_ledger=partial(save_ledger, member.ledger),
    )


def finality_of(
    member: Member, index: int, *, within_s: float
) -> tuple[str, dict[str, object] | None]:
    """Wait for the witnesses' quorum over leaf `index`, so long.

    Returns
    -------
    (str, dict or None)
        The head over the leaf, and who has witnessed it when; without a quorum in time the head
        that the log alone has signed, and None: the result is there, and is not final yet.
    """
    ledger = member.ledger
    try:
        raw = ledger.witnessed(index, deadline=time.monotonic() + within_s)
    except QuorumError:
        return ledger.kept.newest.decode(), None
    note = Note.parse(raw)
    size = Checkpoint.parse(note.text).size
    with_times = ledger.replica.head_rule(size).policy.cosigned(note.text, note.signatures)
    witnessed = {
        name: format_time(datetime.fromtimestamp(time_s, UTC))
        for name, time_s in with_times.items()
    }
    return raw.decode(), {"size": size, "witnessed": witnessed}


def ledger_facts(member: Member) -> list[dict[str, Any]]:
    """Return index, id, type, author and received time of every entry of a verified copy.

    Of founding, grants and changes of policy also the data: a report says what they allow.
    """
    facts: list[dict[str, Any]] = []
    replica = member.ledger.replica
    for index in range(replica.size):
        leaf = Leaf.parse(replica.leaf(index))
        entry = leaf.signed.entry
        facts.append(
            {
                "index": index,
                "entry_id": leaf.signed.id,
                "type": entry.type,
                "author": entry.author,
                "received": leaf.received,
                **({"data": entry.data} if entry.type in TERMS else {}),
            }
        )
    return facts


def witness_policy_of(facts: list[dict[str, Any]]) -> str | None:
    """Return the entry that says whose signatures make the result final."""
    policy = policy_in_force(
        (fact["entry_id"], fact["type"], fact.get("data", {})) for fact in facts
    )
    return None if policy is None else policy.entry_id


def _register(member: Member, run: RunState, model_json: str) -> str:
    digest = hashlib.sha256(model_json.encode()).hexdigest()
    data: dict[str, Any] = {
        "model_id": run.run_id,
        "version": "1",
        "model_digest": digest,
        "card_digest": digest,
        "run_id": run.run_id,
    }
    # AUC and KS are released to the parties and the requester, not to every reader of the ledger.
    return member.ledger.append("model-registered", data)


def _metrics(course: Course[Any], offset: float, factor: float) -> dict[str, dict[str, Any]]:
    """Return every sample's figures; stability is that of its bands against training's."""
    train = course.metrics.get("train", {})
    found = {}
    for name, document in course.metrics.items():
        found[name] = readable(document, offset=offset, factor=factor)
        if "brier" in found[name]:
            found[name]["brier_bound"] = metrics_phase.brier_bound(course, name, found[name]["n"])
        if name != "train" and "bands" in document and "bands" in train:
            found[name]["population_stability"] = stability(train["bands"], document["bands"])
    return found


def history_of(run: RunState, course: Course[Any]) -> list[dict[str, Any]]:
    """Return the rounds of a run, each with its entry."""
    return [
        {**row, "round": opened.data["round"], "entry": opened.entry_id, "index": opened.index}
        for row, opened in zip(course.history, run.opened, strict=True)
    ]


def contributions_of(run: RunState) -> dict[str, list[str]]:
    """Return every party's contributions to a run, as entries."""
    return {
        name: [a.contributions[name].entry_id for a in run.rounds if name in a.contributions]
        for name in run.roster
    }


def _figures(
    run: RunState, course: Course[Any], kind: ModelKind, registered: str
) -> dict[str, str]:
    """Figure -> id of the entry whose opening released it."""
    last = {opened.data["phase"]: opened.entry_id for opened in run.opened}
    figures = {name: last[phase] for name, phase in kind.figures.items() if phase in last}
    figures |= {"metrics": last["metrics"], "model": registered}
    for sample in course.metrics:
        for name in ("auc", "ks", "gini", "brier", "bands", "roc", "calibration", "stability", "n"):
            figures[f"{name}.{sample}"] = last["metrics"]
    for name in run.roster:
        figures[f"participation.{name}"] = run.rounds[-1].contributions[name].entry_id
    return figures


def grants_of(member: Member, run: RunState) -> dict[str, str]:
    """Return under which entry each party let its rows be used."""
    state = member.ledger.state
    return {
        name: state.grants[approval.grant_ids[0]].entry_id
        if approval.grant_ids
        else state.sealed[name, approval.grants_root].entry_id
        for name, approval in run.approvals.items()
    }
