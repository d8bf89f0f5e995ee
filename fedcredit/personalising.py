"""A party makes a joint model its own at its desk: its table, a saved model, no network."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit.judged_model import JudgedModel
from fedcredit_models import alone, samples
from fedcredit_models.gain import MODELS, Gain, gain
from fedcredit_models.personal import LEAST, Personal
from fedcredit_models.schema import Feature, Schema, SchemaError, check
from fedcredit_parties.config import PartyDraft, resolve
from fedcredit_parties.daemon import read_table
from fedcredit_parties.data import as_data_error
from fedcredit_parties.declared_columns import read_features
from fedcredit_parties.errors import ConfigError

SPLIT = b"fedcredit-personalise/v1"
"""Draws the hold-out where the table does not say it; not the key of a federation."""


@dataclass(frozen=True)
class Personalised:
    """A party's own model, and how it compares on the party's hold-out.

    Attributes
    ----------
    personal : Personal
    gain : Gain or None
        None when the hold-out is below the cell rules.
    """

    personal: Personal
    gain: Gain | None

    def rows(self) -> list[dict[str, float | str]]:
        """Return a row a model: AUC with its interval, against the local one, bad rate."""
        if self.gain is None:
            return []
        found = self.gain
        rates: Mapping[str, float] = found.bad_rate_approved or {}
        return [
            {
                "model": name,
                "auc": round(found.auc[name], 4),
                "low": round(found.auc_interval[name][0], 4),
                "high": round(found.auc_interval[name][1], 4),
                "against_local": _difference(found, name),
                "bad_rate_approved": round(rates[name], 4) if name in rates else "",
            }
            for name in MODELS
            if name in found.auc
        ]


def personalise(
    config: Path,
    model: Path,
    *,
    label: str,
    table: str | None = None,
    holdout: float = 0.3,
    split_column: str | None = None,
    seed: int = 0,
) -> Personalised:
    """Fit a personal model on a party's own training rows and judge it on its hold-out.

    Parameters
    ----------
    config : Path
        The party's ``party.toml``, founded or not.
    model : Path
        A model's JSON, a ``result.json``, or the folder of a saved run.
    label : str
        The 0/1 column, 1 = bad.
    table : str, optional
        Name of the table in ``party.toml``; needed when it names several.
    holdout : float, default 0.3
        Share of rows to hold out, drawn here.
    split_column : str, optional
        Column that says train, holdout or oot; then `holdout` is not used.
    seed : int, default 0
        Of the draw, and of the folds.

    Raises
    ------
    ConfigError
        When ``party.toml`` has no such table.
    JobError
        When there is no model at `model`.
    DataError
        When the table does not hold what the model reads.

    Disclosure
    ----------
    Nothing leaves the machine.
    """
    party = PartyDraft.read(config)
    folder = config.resolve().parent
    chosen = [data for data in party.data if table in (None, data.name)]
    if len(chosen) != 1:
        raise ConfigError(
            f"{config.name} does not name one table to take",
            party=party.name,
            expected="--table with one of its names",
            found=", ".join(data.name for data in party.data) or "no [[data]]",
            remedy="type --table NAME",
        )
    joint = JudgedModel.of(model).saved
    declared = (
        joint.features
        if party.schema_file is None
        else _declared(read_features(resolve(folder, party.schema_file)), joint.model)
    )
    frame = read_table(party.name, chosen[0], folder).frame
    schema = Schema(features=declared, label=label, split_column=split_column)
    try:
        check(frame, schema)
        key = SPLIT + seed.to_bytes(8, "big", signed=True)
        sample = samples.assign(frame, schema, holdout=holdout, split_key=key)
        return _compared(joint.model, frame, sample, schema, seed)
    except SchemaError as error:
        raise as_data_error(error, party=party.name) from None


def _declared(features: Mapping[str, Feature], joint: Any) -> tuple[Feature, ...]:
    names = {str(name) for name in joint.feature_names_in_}
    return tuple(feature for name, feature in features.items() if name in names)


def _compared(
    joint: Any, frame: pd.DataFrame, sample: NDArray[np.str_], schema: Schema, seed: int
) -> Personalised:
    y = frame[schema.label].to_numpy().astype(np.int64)
    columns = Schema(features=schema.features, label=schema.label)
    train, held = sample == "train", sample == "holdout"
    X = frame[list(schema.names)]
    local = None
    if min(int(y[train].sum()), int((1 - y[train]).sum())) >= LEAST:
        local, _ = alone.fitted(alone.unfitted(joint), X[train], y[train], columns)
    personal = Personal.fit(joint, X[train], y[train], local=local, schema=columns, seed=seed)
    models = {"local": local, "joint": joint, "personal": personal}
    if not held.any():
        return Personalised(personal, None)
    scores = {
        name: np.asarray(found.decision_function(X[held]))
        for name, found in models.items()
        if found is not None
    }
    return Personalised(personal, gain(scores, y[held]))


def _difference(found: Gain, name: str) -> str:
    if name not in found.against_local:
        return ""
    difference = found.against_local[name]
    low, high = difference.interval
    return f"{difference.difference:+.4f} [{low:+.4f}, {high:+.4f}]"
