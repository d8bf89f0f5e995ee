"""Entry types of queries about subjects: asked, answered, served, and the lists behind look-ups."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from fedcredit_ledger.entry_type import EntryType
from fedcredit_ledger.forms import digest, identifier, list_of, one_of, positive, text, whole

QUERY_KINDS: Mapping[str, str] = {
    "cash-flow": "sum",
    "electricity": "sum",
    "farmer": "sum",
    "blacklist": "lookup",
    "payee": "lookup",
}
"""Kind of query -> the operation that its grant must allow."""

SIZE_BANDS = (
    "none", "below-100", "100-999", "1000-9999", "10000-99999", "100000-999999", "1000000-or-more",
)  # fmt: skip
"""How many entries a holder's list has, to within a power of ten."""

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def calendar_day(value: Any) -> bool:
    """Return whether it is a date and nothing more."""
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        return False
    try:
        return date.fromisoformat(value) is not None
    except ValueError:
        return False


def percent(value: Any) -> bool:
    """Return whether it is an integer from 0 to 100."""
    return whole(value) and value <= 100


TYPES: Mapping[str, EntryType] = {
    "query-made": EntryType(
        required={
            "query_id": identifier,
            "query_kind": one_of(*QUERY_KINDS),
            "grant_id": identifier,
            "purpose": text,
            "n_subjects_padded": positive,
        },
        commits=("request",),
    ),
    "query-answered": EntryType(
        required={
            "query_id": identifier,
            "coverage_percent": percent,
            "rules_passed": list_of(text, least=0),
        },
        commits=("answer",),
    ),
    "lookups-served": EntryType(
        required={
            "day": calendar_day,
            "n_served": whole,
            "n_refused": whole,
            "budget": whole,
            "list_digest": digest,
        }
    ),
    "risk-list-published": EntryType(
        required={
            "list_digest": digest,
            "token_epoch": whole,
            "n_entries_band": one_of(*SIZE_BANDS),
            "n_removed_band": one_of(*SIZE_BANDS),
        }
    ),
}
