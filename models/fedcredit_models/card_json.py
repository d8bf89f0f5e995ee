"""The JSON form of a scorecard, written and read strictly.

One format, ``fedcredit-scorecard/v1``: every key is required, no other is allowed, numbers are
finite. Reading builds the same checked objects that fitting builds, so a file that contradicts
itself is refused by their constructors.
"""

from typing import TYPE_CHECKING, Any

from fedcredit_models.binning import SMOOTHING, WOE_SIGN, BinTable, RawCells
from fedcredit_models.strict_json import StrictJson

if TYPE_CHECKING:
    from fedcredit_models.scorecard import Scorecard

FORMAT = "fedcredit-scorecard/v1"

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

_READ = StrictJson("scorecard")


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
    card = _READ.fields(_READ.load(text), _KEYS, "scorecard")
    if card["format"] != FORMAT:
        raise _READ.wrong(f"expected format {FORMAT}")
    if (card["label_sign"], card["woe_sign"], card["smoothing"]) != (
        "1 = bad", WOE_SIGN, SMOOTHING,
    ):  # fmt: skip
        raise _READ.wrong("another sign or smoothing than this version writes")
    params = _READ.fields(card["params"], set(_PARAMS), "params")
    return {
        "tables": [_table(item) for item in _READ.items(card["tables"], "tables")],
        "coefficients": _READ.numbers(card["coefficients"], "coefficients"),
        "standard_errors": _READ.numbers(card["standard_errors"], "standard_errors"),
        "features": [
            _READ.text(item, "features") for item in _READ.items(card["features"], "features")
        ],
        "dropped": {
            _READ.text(name, "dropped"): _READ.text(reason, "dropped")
            for name, reason in _READ.fields(card["dropped"], None, "dropped").items()
        },
        "params": {name: _param(params[name], kind, name) for name, kind in _PARAMS.items()},
        "n_iter": _READ.integer(card["n_iter"], "n_iter"),
    }


def _table(value: object) -> BinTable:
    table = _READ.fields(value, _TABLE_KEYS, "table")
    return BinTable(
        RawCells(_READ.feature(table["feature"]), _READ.numbers(table["edges"], "edges")),
        _READ.integers(table["assignment"], "assignment"),
        _READ.integers(table["bads"], "bads"),
        _READ.integers(table["goods"], "goods"),
    )


def _param(value: object, kind: type, where: str) -> float | int | bool:
    if kind is bool:
        return _READ.boolean(value, where)
    return _READ.integer(value, where) if kind is int else _READ.number(value, where)
