"""The JSON form of boosted trees, written and read strictly.

One format, ``fedcredit-gbdt/v1``. Reading builds the same checked objects that fitting builds, so a
file that contradicts itself is refused by their constructors.
"""

from typing import TYPE_CHECKING, Any

from fedcredit_models.cells import RawCells
from fedcredit_models.strict_json import StrictJson
from fedcredit_models.trees import LEAF_BITS, Node, Tree

if TYPE_CHECKING:
    from fedcredit_models.gbdt import Gbdt

FORMAT = "fedcredit-gbdt/v1"

_KEYS = {
    "format",
    "label_sign",
    "unit_bits",
    "params",
    "features",
    "base",
    "trees",
    "losses",
    "dropped",
    "suspicious",
}
_PARAMS: dict[str, type] = {
    "n_trees": int,
    "max_depth": int,
    "learning_rate": float,
    "l2": float,
    "min_rows": int,
    "min_gain": float,
    "bins": int,
    "patience": int,
    "grid_cells": int,
}
_NODE_KEYS = {"n", "value", "feature", "left", "children"}

_READ = StrictJson("gbdt")


def document(model: "Gbdt") -> dict[str, Any]:
    """Return a fitted model as JSON-able values."""
    weight = model.bad_weight
    return {
        "format": FORMAT,
        "label_sign": "1 = bad",
        "unit_bits": LEAF_BITS,
        "params": {
            **{name: kind(getattr(model, name)) for name, kind in _PARAMS.items()},
            "bad_weight": weight if isinstance(weight, str) else float(weight),
            "monotone": {str(k): int(v) for k, v in (model.monotone or {}).items()},
        },
        "features": [
            {"feature": raw.feature.to_dict(), "edges": list(raw.edges)} for raw in model.raw_
        ],
        "base": model.base_,
        "trees": [[_written(node) for node in tree.nodes] for tree in model.trees_],
        "losses": [[train, held] for train, held in model.losses_],
        "dropped": dict(model.dropped_),
        "suspicious": dict(model.suspicious_),
    }


def _written(node: Node) -> dict[str, Any]:
    return {
        "n": node.n,
        "value": node.value,
        "feature": node.feature,
        "left": list(node.left),
        "children": list(node.children),
    }


def parse(text: str | bytes) -> dict[str, Any]:
    """Return the arguments of ``Gbdt.from_parts``.

    Raises
    ------
    ValueError
        For anything but one model of this format.
    """
    model = _READ.fields(_READ.load(text), _KEYS, "gbdt")
    found = (model["format"], model["label_sign"], model["unit_bits"])
    if found != (FORMAT, "1 = bad", LEAF_BITS):
        raise _READ.wrong(f"expected format {FORMAT}, with its sign and unit")
    return {
        "raw": [_cells(item) for item in _READ.items(model["features"], "features")],
        "base": _READ.integer(model["base"], "base"),
        "trees": [
            Tree(tuple(_node(item) for item in _READ.items(tree, "tree")))
            for tree in _READ.items(model["trees"], "trees")
        ],
        "losses": [_loss(item) for item in _READ.items(model["losses"], "losses")],
        "dropped": {
            name: _READ.text(why, "dropped")
            for name, why in _READ.fields(model["dropped"], None, "dropped").items()
        },
        "suspicious": {
            name: _READ.number(iv, "suspicious")
            for name, iv in _READ.fields(model["suspicious"], None, "suspicious").items()
        },
        "params": _params(model["params"]),
    }


def _params(value: object) -> dict[str, Any]:
    params = _READ.fields(value, {*_PARAMS, "bad_weight", "monotone"}, "params")
    found: dict[str, Any] = {
        name: _READ.integer(params[name], name) if kind is int else _READ.number(params[name], name)
        for name, kind in _PARAMS.items()
    }
    weight = params["bad_weight"]
    found["bad_weight"] = weight if weight == "balanced" else _READ.number(weight, "bad_weight")
    monotone = _READ.fields(params["monotone"], None, "monotone")
    found["monotone"] = {k: _READ.integer(v, "monotone") for k, v in monotone.items()} or None
    return found


def _loss(value: object) -> tuple[float, float | None]:
    pair = _READ.items(value, "losses")
    if len(pair) != 2:
        raise _READ.wrong("a loss is of the training rows and of the hold-out")
    held = None if pair[1] is None else _READ.number(pair[1], "losses")
    return _READ.number(pair[0], "losses"), held


def _cells(value: object) -> RawCells:
    cells = _READ.fields(value, {"feature", "edges"}, "feature")
    return RawCells(_READ.feature(cells["feature"]), _READ.numbers(cells["edges"], "edges"))


def _node(value: object) -> Node:
    node = _READ.fields(value, _NODE_KEYS, "node")
    children = _READ.integers(node["children"], "children")
    if len(children) != 2:
        raise _READ.wrong("a node has two children, or two times -1")
    return Node(
        n=_READ.integer(node["n"], "n"),
        value=_READ.integer(node["value"], "value"),
        feature=_READ.integer(node["feature"], "feature"),
        left=_READ.integers(node["left"], "left"),
        children=(children[0], children[1]),
    )
