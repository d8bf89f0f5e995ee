"""Entry types of runs and rounds."""

from collections.abc import Mapping

from fedcredit_ledger.entry_type import EntryType
from fedcredit_ledger.forms import (
    Form,
    boolean,
    class_name,
    decision,
    digest,
    identifier,
    list_of,
    moment,
    one_of,
    parties,
    party,
    positive,
    text,
    whole,
)
from fedcredit_ledger.types_grants import purpose

_RUN: dict[str, Form] = {"run_id": identifier}
_ROUND: dict[str, Form] = {**_RUN, "round": whole}
_ATTEMPT: dict[str, Form] = {**_ROUND, "attempt": whole}
_PLACE: dict[str, Form] = {"phase": text, "group": text}

TYPES: Mapping[str, EntryType] = {
    "he-context-published": EntryType(
        required={
            **_RUN,
            "context_digest": digest,
            "scheme": text,
            "poly_modulus_degree": positive,
            "coeff_bits": list_of(positive, distinct=False),
            "scale_bits": positive,
            "security_bits": positive,
        }
    ),
    "run-proposed": EntryType(
        required={
            **_RUN,
            "request_kind": text,
            "request_digest": digest,
            "initial_digest": digest,
            "phases": list_of(text),
            "groups": list_of(text),
            "purpose": purpose,
            "parties": parties,
            "min_parties": positive,
            "max_rounds": positive,
            "he_context_digest": digest,
            "quantisation_digest": digest,
            "disclosure_policy_digest": digest,
            "code_digest": digest,
            "valid_until": moment,
        },
        optional={"label_definition_digest": digest, "epsilon_micro": whole},
    ),
    "run-approved": EntryType(
        required={**_RUN, "proposal": digest, "decision": decision},
        optional={
            "grant_ids": list_of(identifier),
            "grants_root": digest,
            "mask_epk": digest,
        },
    ),
    "run-started": EntryType(required={**_RUN, "roster": parties, "approvals": list_of(digest)}),
    "round-attempted": EntryType(
        required={
            **_ATTEMPT,
            **_PLACE,
            "roster": parties,
            "input_digest": digest,
            "deadline": moment,
        }
    ),
    "round-contributed": EntryType(
        required={
            **_ATTEMPT,
            **_PLACE,
            "roster_digest": digest,
            "input_digest": digest,
            "payload_digest": digest,
            "mask_epk": digest,
            "n_ciphertexts": positive,
            "he_context_digest": digest,
            "grants_root": digest,
        },
        optional={"grant_ids": list_of(identifier)},
        commits=("n_rows", "n_clipped"),
        optional_commits=("n_grants", "gain"),
    ),
    "round-aggregated": EntryType(
        required={
            **_ATTEMPT,
            **_PLACE,
            "contributions": list_of(digest),
            "aggregate_digest": digest,
        }
    ),
    "round-abandoned": EntryType(
        required={**_ATTEMPT, "missing": list_of(party, least=0, ordered=True), "reason": text}
    ),
    "round-opened": EntryType(
        required={
            **_ROUND,
            **_PLACE,
            "aggregated": digest,
            "aggregate_digest": digest,
            "n_parties": positive,
            "healthy": boolean,
            "rules_passed": list_of(text, least=0),
            "outcome": one_of("continue", "converged", "diverged", "rolled-back", "done"),
        },
        optional={"epsilon_spent_micro": whole},
        commits=("result",),
    ),
    "opening-refused": EntryType(required={"about": digest, "rule": text}),
    "disclosure-refused": EntryType(required={"about": digest, "rule": text}),
    "run-finished": EntryType(required={**_RUN, "n_rounds": whole, "result_digest": digest}),
    "run-failed": EntryType(required={**_RUN, "error": class_name}, optional={"round": whole}),
}
