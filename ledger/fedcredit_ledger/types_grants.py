"""Entry types of data and grants."""

from collections.abc import Mapping
from typing import Any

from fedcredit_ledger.authorization import (
    BASES,
    CATEGORIES,
    EVERY,
    PURPOSES,
    SEPARATE_CONSENTS,
    SUBJECT_TYPES,
)
from fedcredit_ledger.entry_type import EntryType
from fedcredit_ledger.forms import (
    Form,
    any_text,
    day,
    digest,
    identifier,
    list_of,
    moment,
    one_of,
    party,
    positive,
    record,
    text,
    whole,
)


def _calendar_day(value: Any) -> bool:
    """Return whether it is a date without a time: a data window is of whole days."""
    return isinstance(value, str) and len(value) == len("2026-11-23") and day(value)


purpose = one_of(*PURPOSES)
_operations = list_of(one_of("sum", "train", "match", "lookup"))
_LIMITS: dict[str, Form] = {
    "categories": list_of(one_of(*CATEGORIES, EVERY)),
    "columns": list_of(text),
    "holders": list_of(party),
    "data_from": _calendar_day,
    "data_to": _calendar_day,
    "max_uses": positive,
    "max_rounds": positive,
    "epsilon_micro": whole,
    "delta_nano": whole,
}
TYPES: Mapping[str, EntryType] = {
    "data-asset-registered": EntryType(
        required={
            "asset": text,
            "version": text,
            "schema_digest": digest,
            "columns": list_of(
                record({"name": text, "kind": text, "unit": any_text, "data_level": text}),
                distinct=False,
            ),
            "period_from": day,
            "period_to": day,
        },
        optional={"bad_definition_digest": digest},
        commits=("statistics", "n_rows"),
    ),
    "data-asset-retired": EntryType(required={"asset": text, "version": text}),
    "grant-issued": EntryType(
        required={
            "grant_id": identifier,
            "basis": one_of(*BASES),
            "grantee": party,
            "purpose": purpose,
            "assets": list_of(text),
            "operations": _operations,
            "valid_from": moment,
            "valid_until": moment,
        },
        optional={
            **_LIMITS,
            "statute": record({"law": text, "article": text}),
            "subject_type": one_of(*SUBJECT_TYPES),
            "separate_consents": list_of(one_of(*SEPARATE_CONSENTS)),
        },
        optional_commits=("subject", "document", "application_no", "order_no"),
    ),
    "grant-narrowed": EntryType(
        required={"grant_id": identifier},
        optional={
            **_LIMITS,
            "assets": list_of(text),
            "operations": _operations,
            "valid_from": moment,
            "valid_until": moment,
        },
    ),
    "grants-sealed": EntryType(
        required={
            "batch_id": identifier,
            "purpose": purpose,
            "grantee": party,
            "day": _calendar_day,
            "root": digest,
            "assets": list_of(text),
            "operations": _operations,
            "valid_until": moment,
        },
        commits=("n_grants",),
    ),
    "grant-revoked": EntryType(
        required={
            "grant_id": identifier,
            "reason": one_of("withdrawn", "dispute", "court", "expired-early"),
        }
    ),
}
