"""Entry types of results: models, reports, facts, actions, evidence, disputes."""

from collections.abc import Mapping
from typing import Any

from fedcredit_ledger.entry_type import EntryType
from fedcredit_ledger.facts import FIELDS, STAGES
from fedcredit_ledger.forms import Form, digest, identifier, moment, one_of, positive, text, whole

_RUN: dict[str, Form] = {"run_id": identifier}


def level(value: Any) -> bool:
    """Return whether it is a level of an alert: 1 to 4."""
    return positive(value) and value <= 4


TYPES: Mapping[str, EntryType] = {
    "model-registered": EntryType(
        required={
            **_RUN,
            "model_id": identifier,
            "version": text,
            "model_digest": digest,
            "card_digest": digest,
        },
        optional={"auc_micro": whole, "ks_micro": whole},
    ),
    "model-retired": EntryType(required={"model_id": identifier, "version": text}),
    "report-issued": EntryType(
        required={"report_id": identifier, "report_kind": text, "template_version": text},
        optional={"query_id": identifier, "run_id": identifier},
        commits=("report",),
    ),
    "fact-sealed": EntryType(
        required={"stage": one_of(*STAGES), "captured_at": moment, "environment_digest": digest},
        commits=("contract",),
        optional_commits=FIELDS,
    ),
    "facts-sealed": EntryType(required={"batch_root": digest}, commits=("n",)),
    "action-taken": EntryType(
        required={"action_id": identifier, "level": level},
        commits=("alert",),
        optional_commits=("order_no",),
    ),
    "action-lifted": EntryType(required={"action_id": identifier}, optional_commits=("order_no",)),
    "evidence-issued": EntryType(
        required={
            "package_root": digest,
            "n_packages": positive,
            "checkpoint_size": positive,
            "purpose": text,
        }
    ),
    "dispute-filed": EntryType(
        required={"dispute_id": identifier, "about": digest, "ground": text},
        optional_commits=("statement",),
    ),
    "dispute-resolved": EntryType(
        required={"dispute_id": identifier, "outcome": text}, optional_commits=("statement",)
    ),
}
