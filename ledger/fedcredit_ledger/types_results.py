"""Entry types of results: models, facts, evidence, disputes."""

from collections.abc import Mapping

from fedcredit_ledger.entry_type import EntryType
from fedcredit_ledger.facts import FIELDS, STAGES
from fedcredit_ledger.forms import Form, digest, identifier, moment, one_of, positive, text, whole

_RUN: dict[str, Form] = {"run_id": identifier}

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
    "fact-sealed": EntryType(
        required={"stage": one_of(*STAGES), "captured_at": moment, "environment_digest": digest},
        commits=("contract",),
        optional_commits=FIELDS,
    ),
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
