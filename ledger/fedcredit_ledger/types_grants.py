"""Entry types of data and grants."""

from collections.abc import Mapping

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

_LIMITS: dict[str, Form] = {
    "categories": list_of(text),
    "holders": list_of(party),
    "data_from": day,
    "data_to": day,
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
            "basis": one_of("consent", "contract", "statute", "court_order", "police_order"),
            "grantee": party,
            "purpose": text,
            "assets": list_of(text),
            "operations": list_of(one_of("sum", "train", "match", "lookup")),
            "valid_from": moment,
            "valid_until": moment,
        },
        optional={
            **_LIMITS,
            "statute": record({"law": text, "article": text}),
            "subject_type": text,
            "separate_consents": list_of(text),
        },
        optional_commits=("subject", "document", "application_no", "order_no"),
    ),
    "grant-narrowed": EntryType(
        required={"grant_id": identifier},
        optional={
            **_LIMITS,
            "assets": list_of(text),
            "operations": list_of(one_of("sum", "train", "match", "lookup")),
            "valid_from": moment,
            "valid_until": moment,
        },
    ),
    "grant-revoked": EntryType(
        required={
            "grant_id": identifier,
            "reason": one_of("withdrawn", "dispute", "court", "expired-early"),
        }
    ),
}
