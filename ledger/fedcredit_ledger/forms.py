"""The forms that a field's value can have: each tells whether a value is of it."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from fedcredit_ledger.entry import HEX_DIGEST, ORIGIN, PARTY_NAME, parse_time
from fedcredit_ledger.errors import MalformedEntryError
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


def text(value: Any) -> bool:
    """Return whether it is a text that is not empty."""
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT


def any_text(value: Any) -> bool:
    """Return whether it is a text, perhaps empty."""
    return isinstance(value, str) and len(value) <= MAX_TEXT


def matching(pattern: re.Pattern[str]) -> Form:
    """Return the form of texts that match a pattern wholly."""
    match = pattern.fullmatch
    return lambda value: isinstance(value, str) and match(value) is not None


def whole(value: Any) -> bool:
    """Return whether it is an integer from 0."""
    return type(value) is int and value >= 0


def positive(value: Any) -> bool:
    """Return whether it is an integer from 1."""
    return type(value) is int and value > 0


def boolean(value: Any) -> bool:
    """Return whether it is true or false."""
    return value is True or value is False


def one_of(*words: str) -> Form:
    """Return the form of a closed list of words."""
    return lambda value: isinstance(value, str) and value in words


def moment(value: Any) -> bool:
    """Return whether it is a time of the ledger."""
    try:
        return isinstance(value, str) and parse_time(value) is not None
    except MalformedEntryError:
        return False


def day(value: Any) -> bool:
    """Return whether it is a date, or a time."""
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        return moment(value)
    try:
        return date.fromisoformat(value) is not None
    except ValueError:
        return False


def vkey(kind: int) -> Form:
    """Return the form of a verifier key of a type: 1 signs, 4 co-signs."""

    def check(value: Any) -> bool:
        try:
            return isinstance(value, str) and VerifierKey.parse(value).type == kind
        except MalformedEntryError:
            return False

    return check


def list_of(form: Form, *, least: int = 1, distinct: bool = True, ordered: bool = False) -> Form:
    """Return the form of lists of a form: at least so many, all different, or sorted."""

    def check(value: Any) -> bool:
        if not isinstance(value, list) or len(value) < least or not all(map(form, value)):
            return False
        if ordered:
            return value == sorted(set(value))
        return not distinct or len(set(value)) == len(value)

    return check


def record(required: Mapping[str, Form], optional: Mapping[str, Form] | None = None) -> Form:
    """Return the form of objects with exactly these fields, the optional ones or not."""
    forms = {**required, **(optional or {})}

    def check(value: Any) -> bool:
        return (
            isinstance(value, dict)
            and set(required) <= set(value) <= set(forms)
            and all(forms[name](item) for name, item in value.items())
        )

    return check


party = matching(PARTY_NAME)
parties = list_of(party, ordered=True)
origin = matching(ORIGIN)
digest = matching(HEX_DIGEST)
identifier = matching(_IDENTIFIER)
class_name = matching(_CLASS_NAME)
decision = one_of("approve", "decline")
