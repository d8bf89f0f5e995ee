"""Authorizations of many subjects in one file: JSON, one subject a line.

A line names the subject and whatever differs from the terms that all lines share. What is wrong is
said with the number of the line; nothing of the line is repeated.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from fedcredit_parties.errors import GrantError
from fedcredit_parties.grant_terms import Terms

_TEXTS = ("subject", "subject_type", "basis", "order_no", "application_no", "document")
_LISTS = ("categories", "separate_consents")
_DAYS = ("data_from", "data_to")
_MOMENTS = ("valid_from", "valid_until")
_NUMBERS = ("max_uses",)
FIELDS = (*_TEXTS, *_LISTS, *_DAYS, *_MOMENTS, *_NUMBERS)


def read_authorizations(path: Path, shared: Terms) -> list[Terms]:
    """Read a file of authorizations.

    Parameters
    ----------
    path : Path
        JSON lines; fields as in `FIELDS`, days ``YYYY-MM-DD``, moments with a time zone or days.
    shared : Terms
        What every line begins with.

    Raises
    ------
    GrantError
        When the file cannot be read, a line is not of its form, or a subject stands twice.
    """
    try:
        written = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise GrantError(
            "the file of authorizations cannot be read",
            expected="JSON, one subject a line, in UTF-8",
            found=path.name,
            remedy="correct the path",
        ) from None
    found = [
        _line(text, shared, number) for number, text in enumerate(written, start=1) if text.strip()
    ]
    subjects = [terms.subject for terms in found]
    if not found or len(set(subjects)) < len(subjects):
        raise GrantError(
            "the file names a subject twice" if found else "the file names no subject",
            expected="each subject once",
            found=f"{len(found)} lines",
            remedy="write one line a subject",
        )
    return found


def _line(text: str, shared: Terms, number: int) -> Terms:
    try:
        fields = json.loads(text)
        if not isinstance(fields, dict) or not set(fields) <= set(FIELDS):
            raise ValueError
        if not fields.get("subject"):
            raise ValueError
        return replace(shared, **{name: _value(name, fields[name]) for name in fields})
    except (ValueError, TypeError, RecursionError):
        raise GrantError(
            f"line {number} is not an authorization of one subject",
            expected=f"a JSON object with subject, and any of {', '.join(FIELDS[1:])}",
            found="something else",
            remedy="correct the line; docs/how-to/issue-and-revoke-grants.md has an example",
        ) from None


def _value(name: str, value: Any) -> Any:
    if name in _TEXTS and isinstance(value, str):
        return value
    if name in _LISTS and isinstance(value, list) and all(isinstance(x, str) for x in value):
        return tuple(value)
    if name in _DAYS and isinstance(value, str):
        return date.fromisoformat(value)
    if name in _MOMENTS and isinstance(value, str):
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    if name in _NUMBERS and type(value) is int:
        return value
    raise ValueError(name)


def said(terms: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an authorization's terms say, without commitments, for people and programs."""
    return {name: value for name, value in terms.items() if name != "commits"}
