"""The JSON form of a scorecard, written and read strictly.

One format, ``fedcredit-scorecard/v1``: every key is required, no other is allowed, numbers are
finite. Reading builds the same checked objects that fitting builds, so a file that contradicts
itself is refused by their constructors.
"""

import json
import math
from typing import TYPE_CHECKING, Any

from fedcredit_models.binning import SMOOTHING, WOE_SIGN, BinTable, RawCells
from fedcredit_models.feature import Feature

if TYPE_CHECKING:
    from fedcredit_models.scorecard import Scorecard

FORMAT = "fedcredit-scorecard/v1"
MAX_BYTES = 20_000_000

_PARAMS: dict[str, type] = {
    "base_score": float,
    "base_odds": float,
    "pdo": float,
    "max_bins": int,
    "min_bin": float,
    "monotone": bool,
    "signs": bool,
    "l2": float,
    "fine_bins": int,
    "grid_cells": int,
    "tolerance": float,
    "max_rounds": int,
}
_KEYS = {
    "format", "label_sign", "woe_sign", "smoothing", "params", "features", "tables",
    "coefficients", "standard_errors", "dropped", "n_iter",
}  # fmt: skip
_TABLE_KEYS = {"feature", "edges", "assignment", "bads", "goods"}
_FEATURE_KEYS = {"name", "kind", "unit", "lower", "upper", "scale", "special", "levels"}


def document(card: "Scorecard") -> dict[str, Any]:
    """Return a fitted card as JSON-able values."""
    return {
        "format": FORMAT,
        "label_sign": "1 = bad",
        "woe_sign": WOE_SIGN,
        "smoothing": SMOOTHING,
        "params": {name: kind(getattr(card, name)) for name, kind in _PARAMS.items()},
        "features": [str(name) for name in card.feature_names_in_],
        "tables": [table.to_dict() for table in card.tables_],
        "coefficients": [float(card.intercept_), *map(float, card.coef_)],
        "standard_errors": [float(error) for error in card.standard_errors_],
        "dropped": dict(card.dropped_),
        "n_iter": int(card.n_iter_),
    }


def parse(text: str | bytes) -> dict[str, Any]:
    """Return the arguments of ``Scorecard.from_parts``.

    Raises
    ------
    ValueError
        For anything but one card of this format.
    """
    if len(text) > MAX_BYTES:
        raise ValueError("scorecard: the text is too long")
    try:
        value = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_doubles)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("scorecard: the text is not JSON") from None
    card = _object(value, _KEYS, "scorecard")
    if card["format"] != FORMAT:
        raise ValueError(f"scorecard: expected format {FORMAT}")
    if (card["label_sign"], card["woe_sign"], card["smoothing"]) != (
        "1 = bad", WOE_SIGN, SMOOTHING,
    ):  # fmt: skip
        raise ValueError("scorecard: another sign or smoothing than this version writes")
    params = _object(card["params"], set(_PARAMS), "params")
    return {
        "tables": [_table(item) for item in _list(card["tables"], "tables")],
        "coefficients": _numbers(card["coefficients"], "coefficients"),
        "standard_errors": _numbers(card["standard_errors"], "standard_errors"),
        "features": [_text(item, "features") for item in _list(card["features"], "features")],
        "dropped": {
            _text(name, "dropped"): _text(reason, "dropped")
            for name, reason in _object(card["dropped"], None, "dropped").items()
        },
        "params": {name: _param(params[name], kind, name) for name, kind in _PARAMS.items()},
        "n_iter": _integer(card["n_iter"], "n_iter"),
    }


def _table(value: object) -> BinTable:
    table = _object(value, _TABLE_KEYS, "table")
    declared = _object(table["feature"], _FEATURE_KEYS, "feature")
    bounds = [declared["lower"], declared["upper"]]
    feature = Feature(
        name=_text(declared["name"], "name"),
        kind=declared["kind"],
        unit=_text(declared["unit"], "unit"),
        lower=None if bounds[0] is None else _number(bounds[0], "lower"),
        upper=None if bounds[1] is None else _number(bounds[1], "upper"),
        scale=declared["scale"],
        special=tuple(_numbers(declared["special"], "special")),
        levels=tuple(_text(level, "levels") for level in _list(declared["levels"], "levels")),
    )
    return BinTable(
        RawCells(feature, tuple(_numbers(table["edges"], "edges"))),
        tuple(_integer(n, "assignment") for n in _list(table["assignment"], "assignment")),
        tuple(_integer(n, "bads") for n in _list(table["bads"], "bads")),
        tuple(_integer(n, "goods") for n in _list(table["goods"], "goods")),
    )


def _no_constant(name: str) -> float:
    raise ValueError(f"scorecard: {name} is not a finite number")


def _no_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("scorecard: a key stands twice")
    return found


def _object(value: object, keys: set[str] | None, where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or (keys is not None and set(value) != keys):
        raise ValueError(f"scorecard: {where} does not have exactly its keys")
    return value


def _list(value: object, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"scorecard: {where} must be a list")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"scorecard: {where} must be text")
    return value


def _integer(value: object, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 1 << 53:
        raise ValueError(f"scorecard: {where} must be whole numbers")
    return value


def _number(value: object, where: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"scorecard: {where} must be finite numbers")
    return float(value)


def _numbers(value: object, where: str) -> list[float]:
    return [_number(item, where) for item in _list(value, where)]


def _param(value: object, kind: type, where: str) -> float | int | bool:
    if kind is bool:
        if not isinstance(value, bool):
            raise ValueError(f"scorecard: {where} must be true or false")
        return value
    return _integer(value, where) if kind is int else _number(value, where)
