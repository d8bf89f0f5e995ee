"""The JSON form of a party's own version of a joint model, written and read strictly.

One format, ``fedcredit-personal/v1``, which holds the two models in their own formats.
"""

import json
from typing import TYPE_CHECKING, Any

from fedcredit_models.personal_calibration import Calibration
from fedcredit_models.personal_layer import LastLayer
from fedcredit_models.saved_model import read_model
from fedcredit_models.strict_json import StrictJson

if TYPE_CHECKING:
    from fedcredit_models.personal import Personal

FORMAT = "fedcredit-personal/v1"

_KEYS = {"format", "joint", "local", "layer", "calibration", "choice"}
_LOSSES = ("loss_alone", "loss_joint", "loss_chosen")
_CHOICE = {"kind", "weight", "own_layer", "n_rows", "n_bads", "why", *_LOSSES}

_READ = StrictJson("personal model")


def document(model: "Personal") -> dict[str, Any]:
    """Return a personal model as JSON-able values."""
    layer, choice = model.layer, model.choice
    return {
        "format": FORMAT,
        "joint": json.loads(model.joint.to_json()),
        "local": None if model.local is None else json.loads(model.local.to_json()),
        "layer": None
        if layer is None
        else {"coefficients": list(layer.coefficients), "penalty": layer.penalty},
        "calibration": [model.calibration.intercept, model.calibration.slope],
        "choice": {name: getattr(choice, name) for name in sorted(_CHOICE)},
    }


def parse(text: str | bytes) -> dict[str, Any]:
    """Return the arguments of ``Personal``.

    Raises
    ------
    ValueError
        For anything but one model of this format.
    """
    found = _READ.fields(_READ.load(text), _KEYS, "personal model")
    if found["format"] != FORMAT:
        raise _READ.wrong(f"expected format {FORMAT}")
    calibration = _READ.numbers(found["calibration"], "calibration")
    if len(calibration) != 2:
        raise _READ.wrong("a calibration has an intercept and a slope")
    return {
        "joint": _model(found["joint"]),
        "local": None if found["local"] is None else _model(found["local"]),
        "layer": _layer(found["layer"]),
        "calibration": Calibration(*calibration),
        "choice": _choice(found["choice"]),
    }


def _model(value: object) -> Any:
    return read_model(json.dumps(_READ.fields(value, None, "model"), allow_nan=False)).model


def _layer(value: object) -> LastLayer | None:
    if value is None:
        return None
    layer = _READ.fields(value, {"coefficients", "penalty"}, "layer")
    return LastLayer(
        _READ.numbers(layer["coefficients"], "coefficients"),
        _READ.number(layer["penalty"], "penalty"),
    )


def _choice(value: object) -> Any:
    from fedcredit_models.personal import Choice

    choice = _READ.fields(value, _CHOICE, "choice")
    return Choice(
        kind=choice["kind"],
        weight=_READ.number(choice["weight"], "weight"),
        own_layer=_READ.boolean(choice["own_layer"], "own_layer"),
        n_rows=_READ.integer(choice["n_rows"], "n_rows"),
        n_bads=_READ.integer(choice["n_bads"], "n_bads"),
        why=_READ.text(choice["why"], "why"),
        **{
            name: None if choice[name] is None else _READ.number(choice[name], name)
            for name in _LOSSES
        },
    )
