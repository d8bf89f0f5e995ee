"""The JSON form of a binning, written and read strictly.

One format, ``fedcredit-binning/v1``: of each feature the declaration, the bins as they are fixed,
their counts (null while an edit waits to be counted) and the fine bins (null when none were
released).
"""

from collections.abc import Mapping
from typing import Any

from fedcredit_models.binning import SMOOTHING, WOE_SIGN, BinTable, RawCells
from fedcredit_models.feature import Feature
from fedcredit_models.fixed_bins import FixedBins
from fedcredit_models.strict_json import StrictJson

FORMAT = "fedcredit-binning/v1"

_READ = StrictJson("binning")

Parts = tuple[Feature, FixedBins, BinTable | None, BinTable | None]
"""Declaration, bins, the same with counts, fine bins."""


def document(parts: "list[Parts]", dropped: Mapping[str, str]) -> dict[str, Any]:
    """Return a binning as JSON-able values."""
    return {
        "format": FORMAT,
        "label_sign": "1 = bad",
        "woe_sign": WOE_SIGN,
        "smoothing": SMOOTHING,
        "features": [
            {
                "declared": feature.to_dict(),
                "edges": list(bins.edges),
                "assignment": list(bins.assignment),
                "counts": None if table is None else _counts(table),
                "fine": None
                if fine is None
                else {"edges": list(fine.raw.edges), "assignment": list(fine.assignment)}
                | _counts(fine),
            }
            for feature, bins, table, fine in parts
        ],
        "dropped": dict(dropped),
    }


def parse(text: str | bytes) -> "tuple[list[Parts], dict[str, str]]":
    """Return the parts of each feature, and the features that were dropped.

    Raises
    ------
    ValueError
        For anything but one binning of this format.
    """
    keys = {"format", "label_sign", "woe_sign", "smoothing", "features", "dropped"}
    found = _READ.fields(_READ.load(text), keys, "binning")
    if found["format"] != FORMAT:
        raise _READ.wrong(f"expected format {FORMAT}")
    words = (found["label_sign"], found["woe_sign"], found["smoothing"])
    if words != ("1 = bad", WOE_SIGN, SMOOTHING):
        raise _READ.wrong("another sign or smoothing than this version writes")
    dropped = {
        _READ.text(name, "dropped"): _READ.text(reason, "dropped")
        for name, reason in _READ.fields(found["dropped"], None, "dropped").items()
    }
    return [_parts(item) for item in _READ.items(found["features"], "features")], dropped


def _parts(value: object) -> Parts:
    keys = {"declared", "edges", "assignment", "counts", "fine"}
    item = _READ.fields(value, keys, "feature")
    feature = _READ.feature(item["declared"])
    bins = FixedBins(
        feature.name,
        _READ.numbers(item["edges"], "edges"),
        _READ.integers(item["assignment"], "assignment"),
    )
    raw = bins.raw(feature)
    table = None
    if item["counts"] is not None:
        counts = _READ.fields(item["counts"], {"bads", "goods"}, "counts")
        table = _table(raw, bins.assignment, counts)
    fine = None
    if item["fine"] is not None:
        part = _READ.fields(item["fine"], {"edges", "assignment", "bads", "goods"}, "fine")
        edges = _READ.numbers(part["edges"], "edges")
        assignment = _READ.integers(part["assignment"], "assignment")
        fine = _table(RawCells(feature, edges), assignment, part)
    return feature, bins, table, fine


def _table(raw: RawCells, assignment: tuple[int, ...], counts: Mapping[str, Any]) -> BinTable:
    return BinTable(
        raw,
        assignment,
        _READ.integers(counts["bads"], "bads"),
        _READ.integers(counts["goods"], "goods"),
    )


def _counts(table: BinTable) -> dict[str, list[int]]:
    return {"bads": list(table.bads), "goods": list(table.goods)}
