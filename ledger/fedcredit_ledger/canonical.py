"""One value, one string of bytes: the JSON that is signed and hashed.

RFC 8785 (JCS) restricted so far that everybody's JSON library is already right: objects, arrays,
strings, booleans and integers up to 2**53 - 1 in size. No null, no fractions, no unusual keys, and
no character that makes a reader see something else than what was signed. Decoding parses, checks,
encodes again and compares the bytes, so every second spelling of a value is refused.
"""

import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Any, NoReturn

from fedcredit_ledger.errors import MalformedEntryError

MAX_DEPTH = 8
MAX_INTEGER = 2**53 - 1

_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}")
_MAX_GOOD_KEYS = 4096
_good_keys: set[str] = set()
# C0 and C1 controls, DEL, surrogates, noncharacters, BOM, line and paragraph separators, and every
# mark that changes the direction of text: what a judge sees must be what was signed.
_REFUSED = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufeff"
    + "".join(
        f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
    )
    + "]"
)
# Depth is limited before anything is encoded, so nothing circular arrives here.
_encoder = json.JSONEncoder(
    ensure_ascii=False,
    sort_keys=True,
    separators=(",", ":"),
    allow_nan=False,
    check_circular=False,
)


def encode(value: Any) -> bytes:
    """Return the only encoding of `value`.

    Parameters
    ----------
    value : dict, list, tuple, str, bool or int
        Tuples are written as arrays.

    Raises
    ------
    MalformedEntryError
        When the value is outside the subset.

    References
    ----------
    RFC 8785, section 3.2. On this subset the order of keys by UTF-16 units and by code points is
    the same, because keys are ASCII.
    """
    _check(value, 0)
    return _encoder.encode(value).encode()


def decode(data: bytes) -> Any:
    """Return the value of canonical bytes.

    Raises
    ------
    MalformedEntryError
        When the bytes are not the one encoding of a value in the subset.
    """
    try:
        text = data.decode("utf-8")
    except ValueError as error:
        raise MalformedEntryError("the bytes are not canonical JSON: they do not parse") from error
    return decode_text(text)


def decode_text(text: str, depth: int = 0) -> Any:
    """Return the value of canonical text, which stands `depth` deep in other values.

    Raises
    ------
    MalformedEntryError
    """
    try:
        value = _decoder.decode(text)
    except (ValueError, RecursionError) as error:
        raise MalformedEntryError("the bytes are not canonical JSON: they do not parse") from error
    # Nearly all entries are printable ASCII without escapes or null: then every string in them is
    # good, and every number was judged when it was read; what is left are keys and depth.
    if text.isascii() and text.isprintable() and "\\" not in text and "null" not in text:
        _check_keys(value, depth)
    else:
        _check(value, depth)
    if _encoder.encode(value) != text:
        raise MalformedEntryError("the bytes are JSON, but not the canonical spelling of it")
    return value


def _too_big(value: int) -> MalformedEntryError:
    return MalformedEntryError(
        "a canonical integer is too large",
        expected="at most 2**53 - 1 in size",
        found=f"{value.bit_length()} bits",
    )


def _too_deep(depth: int) -> MalformedEntryError:
    return MalformedEntryError(
        "a canonical value is nested too deep",
        expected=f"at most {MAX_DEPTH} levels",
        found=f"{depth + 1}",
    )


def _refuse_number(_: str) -> NoReturn:
    raise MalformedEntryError("a canonical number is an integer without fraction or exponent")


def _integer(text: str) -> int:
    value = int(text)
    if not -MAX_INTEGER <= value <= MAX_INTEGER:
        raise _too_big(value)
    return value


_decoder = json.JSONDecoder(
    parse_float=_refuse_number, parse_constant=_refuse_number, parse_int=_integer
)


def _check_keys(value: Any, depth: int) -> None:
    """Check the keys and the depth of a value whose strings and numbers are good."""
    kind = type(value)
    if kind is not dict and kind is not list:
        return
    if depth >= MAX_DEPTH:
        raise _too_deep(depth)
    items = value
    if kind is dict:
        if not value.keys() <= _good_keys:
            _check_names(value)
        items = value.values()
    for item in items:
        if type(item) is dict or type(item) is list:
            _check_keys(item, depth + 1)


def _check_names(names: Iterable[Any]) -> None:
    for name in names:
        if type(name) is not str or _KEY.fullmatch(name) is None:
            raise MalformedEntryError("a canonical key matches [a-z][a-z0-9_]{0,63}")
        if len(_good_keys) < _MAX_GOOD_KEYS:
            _good_keys.add(name)


def _check(value: Any, depth: int) -> None:
    kind = type(value)
    if kind is str:
        _check_text(value)
    elif kind is dict:
        if depth >= MAX_DEPTH:
            raise _too_deep(depth)
        _check_names(value)
        for item in value.values():
            _check(item, depth + 1)
    elif kind is list or kind is tuple:
        if depth >= MAX_DEPTH:
            raise _too_deep(depth)
        for item in value:
            _check(item, depth + 1)
    elif kind is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise _too_big(value)
    elif kind is not bool:
        raise MalformedEntryError(
            "a canonical value holds what has no canonical form",
            expected="objects, arrays, text, booleans, integers",
            found=kind.__name__,
        )


def _check_text(text: str) -> None:
    if text.isascii():
        if text.isprintable():
            return
    elif _REFUSED.search(text) is None and unicodedata.is_normalized("NFC", text):
        return
    raise MalformedEntryError("a canonical string is NFC without control or direction characters")
