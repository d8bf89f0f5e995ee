"""The closed table of entry types: which fields the data of each must hold, in which form.

A type that is not here, a field that is not in its row, or a value of another form is refused. A
later version adds rows. Commitments (SHA-256 over salt, name and value) stand together in the
field ``commits``; their names are part of the row.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from fedcredit_ledger.entry import HEX_DIGEST, PARTY_NAME, parse_time
from fedcredit_ledger.errors import MalformedEntryError, RejectedEntryError
from fedcredit_ledger.facts import FIELDS, STAGES
from fedcredit_ledger.note import VerifierKey

Form = Callable[[Any], bool]

MAX_TEXT = 500

_IDENTIFIER = re.compile(r"[a-z0-9-]{1,64}")
_CLASS_NAME = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

ROLES = (
    "data-holder",
    "coordinator",
    "key-holder",
    "witness",
    "auditor",
    "regulator",
    "result-user",
)


def _text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT


def _any_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT


def _matching(pattern: re.Pattern[str]) -> Form:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _whole(value: Any) -> bool:
    return type(value) is int and value >= 0


def _positive(value: Any) -> bool:
    return type(value) is int and value > 0


def _true(value: Any) -> bool:
    return value is True or value is False


def _one_of(*words: str) -> Form:
    return lambda value: isinstance(value, str) and value in words


def _time(value: Any) -> bool:
    try:
        return isinstance(value, str) and parse_time(value) is not None
    except MalformedEntryError:
        return False


def _day(value: Any) -> bool:
    """Return whether it is a date, or a time."""
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        return _time(value)
    try:
        return date.fromisoformat(value) is not None
    except ValueError:
        return False


def _vkey(kind: int) -> Form:
    def check(value: Any) -> bool:
        try:
            return isinstance(value, str) and VerifierKey.parse(value).type == kind
        except MalformedEntryError:
            return False

    return check


def _list(form: Form, *, least: int = 1, distinct: bool = True, ordered: bool = False) -> Form:
    def check(value: Any) -> bool:
        if not isinstance(value, list) or len(value) < least or not all(map(form, value)):
            return False
        if ordered:
            return value == sorted(set(value))
        return not distinct or len(set(value)) == len(value)

    return check


def _record(required: Mapping[str, Form], optional: Mapping[str, Form] | None = None) -> Form:
    forms = {**required, **(optional or {})}

    def check(value: Any) -> bool:
        return (
            isinstance(value, dict)
            and set(required) <= set(value) <= set(forms)
            and all(forms[name](item) for name, item in value.items())
        )

    return check


_party = _matching(PARTY_NAME)
_parties = _list(_party, ordered=True)
_digest = _matching(HEX_DIGEST)
_identifier = _matching(_IDENTIFIER)
_class_name = _matching(_CLASS_NAME)
_decision = _one_of("approve", "decline")


@dataclass(frozen=True, kw_only=True)
class EntryType:
    """One row of the table.

    Attributes
    ----------
    required, optional : mapping of str to Form
        Fields of `data`, without ``commits``.
    commits, optional_commits : tuple of str
        Names that ``data["commits"]`` must, and may, hold.
    """

    required: Mapping[str, Form]
    optional: Mapping[str, Form] = field(default_factory=dict)
    commits: tuple[str, ...] = ()
    optional_commits: tuple[str, ...] = ()


_KEYS: dict[str, Form] = {
    "party": _party,
    "roles": _list(_one_of(*ROLES)),
    "signing_vkey": _vkey(1),
    "recovery_vkey": _vkey(1),
    "node_key": _text,
    "mask_key": _digest,
}
_LIMITS: dict[str, Form] = {
    "categories": _list(_text),
    "holders": _list(_party),
    "data_from": _day,
    "data_to": _day,
    "max_uses": _positive,
    "max_rounds": _positive,
    "epsilon_micro": _whole,
    "delta_nano": _whole,
}
_RUN: dict[str, Form] = {"run_id": _identifier}
_ROUND: dict[str, Form] = {**_RUN, "round": _whole}
_ATTEMPT: dict[str, Form] = {**_ROUND, "attempt": _whole}
_PLACE: dict[str, Form] = {"phase": _text, "group": _text}

TYPES: Mapping[str, EntryType] = {
    # federation and keys
    "federation-created": EntryType(
        required={
            "federation": _text,
            "spec": _text,
            "suite": _one_of("sha256-ed25519"),
            "log_vkey": _vkey(1),
            "min_parties": _positive,
            "founders": _list(_record(_KEYS, {"witness_vkey": _vkey(4)}), distinct=False),
            "witness_policy": _list(_any_text, distinct=False),
            "disclosure_policy_digest": _digest,
        },
        optional={"continues": _record({"ledger": _text, "size": _whole, "root": _digest})},
    ),
    "he-context-published": EntryType(
        required={
            **_RUN,
            "context_digest": _digest,
            "scheme": _text,
            "poly_modulus_degree": _positive,
            "coeff_bits": _list(_positive, distinct=False),
            "scale_bits": _positive,
            "security_bits": _positive,
        }
    ),
    "endorsement-given": EntryType(
        required={"act_type": _text, "act_digest": _digest, "decision": _decision}
    ),
    # data and grants
    "data-asset-registered": EntryType(
        required={
            "asset": _text,
            "version": _text,
            "schema_digest": _digest,
            "columns": _list(
                _record({"name": _text, "kind": _text, "unit": _any_text, "data_level": _text}),
                distinct=False,
            ),
            "period_from": _day,
            "period_to": _day,
        },
        optional={"bad_definition_digest": _digest},
        commits=("statistics", "n_rows"),
    ),
    "grant-issued": EntryType(
        required={
            "grant_id": _identifier,
            "basis": _one_of("consent", "contract", "statute", "court_order", "police_order"),
            "grantee": _party,
            "purpose": _text,
            "assets": _list(_text),
            "operations": _list(_one_of("sum", "train", "match", "lookup")),
            "valid_from": _time,
            "valid_until": _time,
        },
        optional={
            **_LIMITS,
            "statute": _record({"law": _text, "article": _text}),
            "subject_type": _text,
            "separate_consents": _list(_text),
        },
        optional_commits=("subject", "document", "application_no", "order_no"),
    ),
    "grant-narrowed": EntryType(
        required={"grant_id": _identifier},
        optional={
            **_LIMITS,
            "assets": _list(_text),
            "operations": _list(_one_of("sum", "train", "match", "lookup")),
            "valid_from": _time,
            "valid_until": _time,
        },
    ),
    "grant-revoked": EntryType(
        required={
            "grant_id": _identifier,
            "reason": _one_of("withdrawn", "dispute", "court", "expired-early"),
        }
    ),
    # runs and rounds
    "run-proposed": EntryType(
        required={
            **_RUN,
            "request_kind": _text,
            "request_digest": _digest,
            "initial_digest": _digest,
            "phases": _list(_text),
            "groups": _list(_text),
            "purpose": _text,
            "parties": _parties,
            "min_parties": _positive,
            "max_rounds": _positive,
            "he_context_digest": _digest,
            "quantisation_digest": _digest,
            "disclosure_policy_digest": _digest,
            "code_digest": _digest,
            "valid_until": _time,
        },
        optional={"label_definition_digest": _digest, "epsilon_micro": _whole},
    ),
    "run-approved": EntryType(
        required={**_RUN, "proposal": _digest, "decision": _decision},
        optional={"grant_ids": _list(_identifier), "mask_epk": _digest},
    ),
    "run-started": EntryType(required={**_RUN, "roster": _parties, "approvals": _list(_digest)}),
    "round-attempted": EntryType(
        required={
            **_ATTEMPT,
            **_PLACE,
            "roster": _parties,
            "input_digest": _digest,
            "deadline": _time,
        }
    ),
    "round-contributed": EntryType(
        required={
            **_ATTEMPT,
            **_PLACE,
            "roster_digest": _digest,
            "input_digest": _digest,
            "payload_digest": _digest,
            "mask_epk": _digest,
            "n_ciphertexts": _positive,
            "he_context_digest": _digest,
        },
        optional={"grant_ids": _list(_identifier), "grants_root": _digest},
        commits=("n_rows", "n_clipped"),
        optional_commits=("n_grants",),
    ),
    "round-aggregated": EntryType(
        required={
            **_ATTEMPT,
            **_PLACE,
            "contributions": _list(_digest),
            "aggregate_digest": _digest,
        }
    ),
    "round-abandoned": EntryType(
        required={**_ATTEMPT, "missing": _list(_party, least=0, ordered=True), "reason": _text}
    ),
    "round-opened": EntryType(
        required={
            **_ROUND,
            **_PLACE,
            "aggregated": _digest,
            "aggregate_digest": _digest,
            "n_parties": _positive,
            "healthy": _true,
            "rules_passed": _list(_text, least=0),
            "outcome": _one_of("continue", "converged", "diverged", "rolled-back", "done"),
        },
        optional={"epsilon_spent_micro": _whole},
        commits=("result",),
    ),
    "opening-refused": EntryType(required={"about": _digest, "rule": _text}),
    "disclosure-refused": EntryType(required={"about": _digest, "rule": _text}),
    "run-finished": EntryType(required={**_RUN, "n_rounds": _whole, "result_digest": _digest}),
    "run-failed": EntryType(required={**_RUN, "error": _class_name}, optional={"round": _whole}),
    # results
    "model-registered": EntryType(
        required={
            **_RUN,
            "model_id": _identifier,
            "version": _text,
            "model_digest": _digest,
            "card_digest": _digest,
        },
        optional={"auc_micro": _whole, "ks_micro": _whole},
    ),
    "fact-sealed": EntryType(
        required={"stage": _one_of(*STAGES), "captured_at": _time, "environment_digest": _digest},
        commits=("contract",),
        optional_commits=FIELDS,
    ),
    "evidence-issued": EntryType(
        required={
            "package_root": _digest,
            "n_packages": _positive,
            "checkpoint_size": _positive,
            "purpose": _text,
        }
    ),
    "dispute-filed": EntryType(
        required={"dispute_id": _identifier, "about": _digest, "ground": _text},
        optional_commits=("statement",),
    ),
    "dispute-resolved": EntryType(
        required={"dispute_id": _identifier, "outcome": _text}, optional_commits=("statement",)
    ),
    # the ledger about itself
    "entry-refused": EntryType(
        required={
            "entry_id": _digest,
            "author": _party,
            "code": _identifier,
            "text_digest": _digest,
        }
    ),
}


def check_data(kind: str, data: Mapping[str, Any]) -> None:
    """Check an entry's data against its row.

    Raises
    ------
    RejectedEntryError
        ``unknown-type``, ``unknown-field`` or ``malformed``, naming the field.
    """
    row = TYPES.get(kind)
    if row is None:
        raise RejectedEntryError("unknown-type", f"there is no entry type {kind!r}")
    names = set(data)
    known = {*row.required, *row.optional}
    if row.commits or row.optional_commits:
        known.add("commits")
    if not names <= known:
        raise RejectedEntryError("unknown-field", f"{kind} has no field {min(names - known)!r}")
    missing = set(row.required) - names
    if row.commits and "commits" not in names:
        missing.add("commits")
    if missing:
        raise RejectedEntryError("malformed", f"{kind} lacks the field {min(missing)!r}")
    for name, value in data.items():
        if name == "commits":
            _check_commits(kind, row, value)
        elif not (row.required.get(name) or row.optional[name])(value):
            raise RejectedEntryError("malformed", f"{kind}: the field {name!r} is not of its form")


def _check_commits(kind: str, row: EntryType, commits: Any) -> None:
    if not isinstance(commits, dict) or not all(map(_digest, commits.values())):
        raise RejectedEntryError("malformed", f"{kind}: commits are hex digests by name")
    names = set(commits)
    if not set(row.commits) <= names:
        lacking = min(set(row.commits) - names)
        raise RejectedEntryError("malformed", f"{kind} lacks the commitment {lacking!r}")
    if not names <= {*row.commits, *row.optional_commits}:
        surplus = min(names - {*row.commits, *row.optional_commits})
        raise RejectedEntryError("unknown-field", f"{kind} has no commitment {surplus!r}")
