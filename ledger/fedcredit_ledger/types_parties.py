"""Entry types of a federation's life: who joins and leaves, which keys and policies change."""

from collections.abc import Mapping
from typing import Any

from fedcredit_ledger.entry_type import EntryType
from fedcredit_ledger.forms import (
    Form,
    any_text,
    digest,
    list_of,
    moment,
    one_of,
    origin,
    party,
    positive,
    vkey,
)
from fedcredit_ledger.types_federation import MEMBER


def _any_vkey(value: Any) -> bool:
    return vkey(1)(value) or vkey(4)(value)


_QUORUM: dict[str, Form] = {"endorsements": list_of(digest)}
_LOG_KEYS: dict[str, Form] = {"old_vkey": vkey(1), "new_vkey": vkey(1)}

TYPES: Mapping[str, EntryType] = {
    "party-joined": EntryType(required={**MEMBER, **_QUORUM}, optional={"witness_vkey": vkey(4)}),
    "party-left": EntryType(
        required={"party": party, "reason": one_of("left", "expelled")}, optional=_QUORUM
    ),
    "party-key-rotated": EntryType(
        required={
            "party": party,
            "use": one_of("signing", "witness"),
            "old_vkey": _any_vkey,
            "new_vkey": _any_vkey,
        }
    ),
    "party-key-revoked": EntryType(
        required={
            "party": party,
            "vkey": _any_vkey,
            "suspected_since": moment,
            "reason": one_of("lost", "stolen", "retired"),
        },
        optional=_QUORUM,
    ),
    "policy-changed": EntryType(
        required={
            "policy": one_of("witness", "disclosure"),
            "digest": digest,
            "lines": list_of(any_text, distinct=False),
            **_QUORUM,
        }
    ),
    "log-key-rotated": EntryType(required={**_LOG_KEYS, **_QUORUM}),
    "log-closed": EntryType(
        required={"final_size": positive, **_QUORUM}, optional={"successor": origin}
    ),
}
