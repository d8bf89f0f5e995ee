"""The JSON form of a network, written and read strictly.

One format, ``fedcredit-mlp/v1``: whole numbers and declared columns. Reading builds the same
checked objects that fitting builds, so a file that contradicts itself is refused by their
constructors.
"""

from typing import TYPE_CHECKING, Any

from fedcredit_models.network import WEIGHT_BITS
from fedcredit_models.network_inputs import Standard
from fedcredit_models.strict_json import StrictJson

if TYPE_CHECKING:
    from fedcredit_models.mlp import Mlp

FORMAT = "fedcredit-mlp/v1"

_KEYS = {
    "format", "label_sign", "unit_bits", "params", "features", "weights", "calibration", "losses",
    "dropped",
}  # fmt: skip
_PARAMS: dict[str, type] = {
    "rounds": int,
    "local_epochs": int,
    "batch_size": int,
    "learning_rate": float,
    "momentum": float,
    "strategy": str,
    "mu": float,
    "loss": str,
    "gamma": float,
    "embedding": int,
    "l2": float,
    "patience": int,
    "update_limit": float,
    "fine_bins": int,
    "grid_cells": int,
    "seed": int,
    "device": str,
}

_READ = StrictJson("mlp")


def document(model: "Mlp") -> dict[str, Any]:
    """Return a fitted network as JSON-able values."""
    weight, server = model.bad_weight, model.server_learning_rate
    bits = model.update_bits
    return {
        "format": FORMAT,
        "label_sign": "1 = bad",
        "unit_bits": WEIGHT_BITS,
        "params": {
            **{name: kind(getattr(model, name)) for name, kind in _PARAMS.items()},
            "bad_weight": weight if isinstance(weight, str) else float(weight),
            "hidden": [int(n) for n in model.hidden],
            "server_learning_rate": None if server is None else float(server),
            "update_bits": None if bits is None else int(bits),
        },
        "features": [
            {"feature": feature.to_dict(), "standard": _written(standard)}
            for feature, standard in zip(
                model.architecture_.features, model.standards_, strict=True
            )
        ],
        "weights": model.weights_.tolist(),
        "calibration": [model.intercept_, model.slope_],
        "losses": [list(pair) for pair in model.losses_],
        "dropped": dict(model.dropped_),
    }


def _written(standard: Standard | None) -> dict[str, Any] | None:
    if standard is None:
        return None
    return {
        "edges": list(standard.edges),
        "mean": standard.mean,
        "deviation": standard.deviation,
    }


def parse(text: str | bytes) -> dict[str, Any]:
    """Return the arguments of ``Mlp.from_parts``.

    Raises
    ------
    ValueError
        For anything but one network of this format.
    """
    model = _READ.fields(_READ.load(text), _KEYS, "mlp")
    found = (model["format"], model["label_sign"], model["unit_bits"])
    if found != (FORMAT, "1 = bad", WEIGHT_BITS):
        raise _READ.wrong(f"expected format {FORMAT}, with its sign and unit")
    features = [
        _READ.fields(item, {"feature", "standard"}, "feature")
        for item in _READ.items(model["features"], "features")
    ]
    calibration = _READ.numbers(model["calibration"], "calibration")
    if len(calibration) != 2:
        raise _READ.wrong("a calibration is an intercept and a slope")
    return {
        "features": [_READ.feature(item["feature"]) for item in features],
        "standards": [_standard(item["standard"]) for item in features],
        "weights": _READ.integers(model["weights"], "weights"),
        "calibration": (calibration[0], calibration[1]),
        "losses": [_losses(item) for item in _READ.items(model["losses"], "losses")],
        "params": _params(model["params"]),
        "dropped": {
            name: _READ.text(why, "dropped")
            for name, why in _READ.fields(model["dropped"], None, "dropped").items()
        },
    }


def _params(value: object) -> dict[str, Any]:
    params = _READ.fields(
        value,
        {*_PARAMS, "bad_weight", "hidden", "server_learning_rate", "update_bits"},
        "params",
    )
    readers = {int: _READ.integer, float: _READ.number, str: _READ.text}
    found: dict[str, Any] = {
        name: readers[kind](params[name], name) for name, kind in _PARAMS.items()
    }
    weight, server = params["bad_weight"], params["server_learning_rate"]
    found["bad_weight"] = weight if weight == "balanced" else _READ.number(weight, "bad_weight")
    found["hidden"] = _READ.integers(params["hidden"], "hidden")
    found["server_learning_rate"] = (
        None if server is None else _READ.number(server, "server_learning_rate")
    )
    bits = params["update_bits"]
    found["update_bits"] = None if bits is None else _READ.integer(bits, "update_bits")
    return found


def _standard(value: object) -> Standard | None:
    if value is None:
        return None
    found = _READ.fields(value, {"edges", "mean", "deviation"}, "standard")
    return Standard(
        _READ.numbers(found["edges"], "edges"),
        _READ.integer(found["mean"], "mean"),
        _READ.integer(found["deviation"], "deviation"),
    )


def _losses(value: object) -> tuple[float, float | None]:
    pair = _READ.items(value, "losses")
    if len(pair) != 2:
        raise _READ.wrong("losses come in pairs: training, hold-out")
    held = None if pair[1] is None else _READ.number(pair[1], "losses")
    return _READ.number(pair[0], "losses"), held
