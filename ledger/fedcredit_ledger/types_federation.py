"""Entry types of the federation: its members, their keys, what they endorse."""

from collections.abc import Mapping

from fedcredit_ledger.entry_type import EntryType
from fedcredit_ledger.forms import (
    ROLES,
    Form,
    any_text,
    decision,
    digest,
    list_of,
    one_of,
    party,
    positive,
    record,
    text,
    vkey,
    whole,
)

MEMBER: dict[str, Form] = {
    "party": party,
    "roles": list_of(one_of(*ROLES)),
    "signing_vkey": vkey(1),
    "recovery_vkey": vkey(1),
    "node_key": text,
    "mask_key": digest,
}
"""A party's name, roles and keys; a witness key beside them is optional."""

TYPES: Mapping[str, EntryType] = {
    "federation-created": EntryType(
        required={
            "federation": text,
            "spec": text,
            "suite": one_of("sha256-ed25519"),
            "log_vkey": vkey(1),
            "min_parties": positive,
            "founders": list_of(record(MEMBER, {"witness_vkey": vkey(4)}), distinct=False),
            "witness_policy": list_of(any_text, distinct=False),
            "disclosure_policy_digest": digest,
        },
        optional={"continues": record({"ledger": text, "size": whole, "root": digest})},
    ),
    "endorsement-given": EntryType(
        required={"act_type": text, "act_digest": digest, "decision": decision}
    ),
}
