"""Models leave and rules arrive: formats of other tools, and scoring where no federation is.

Everything here works on files and tables of the person who types: nothing is sent, and a model is
read strictly from its JSON. What cannot be written so that it scores alike is refused.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from fedcredit.errors import JobError
from fedcredit.job_file import JobFile
from fedcredit.job_store import FOLDER, JobStore
from fedcredit.result_file import ResultFile
from fedcredit_models import binning_json, scorecardpy_card, toad_rules
from fedcredit_models.bad_classifier import BadClassifier
from fedcredit_models.binning_set import Binning
from fedcredit_models.feature import Feature
from fedcredit_models.foreign_bins import ForeignBins
from fedcredit_models.gbdt import Gbdt
from fedcredit_models.saved_model import canonical_text, read_model
from fedcredit_models.schema import SchemaError
from fedcredit_models.scorecard import Scorecard
from fedcredit_parties.data import as_data_error

T = TypeVar("T")

REASONS = 4
"""Reasons that a scored row shows."""

MODELS = "a scorecard or boosted trees"


def load_model(name: str, store: Path | None = None) -> BadClassifier:
    """Return a fitted model.

    Parameters
    ----------
    name : str
        A model's JSON file, a result.json, or a saved run's id or enough of its beginning.
    store : Path, optional
        Folder of saved runs.

    Raises
    ------
    JobError
        When the file holds no model.
    ResultNotFoundError
        When no finished run answers to the name.
    """
    path = Path(name)
    if not path.is_file():
        _, result = JobStore(store or Path(FOLDER)).finished(name)
        text = result.model_json()
    elif path.name == "result.json":
        text = ResultFile.load(path).model_json()
    else:
        text = read_text(path)
    return _understood(path.name, "a model", lambda: read_model(text).model)


def read_text(path: Path) -> str:
    """Return a file's text.

    Raises
    ------
    JobError
        When there is no such file, or it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        found = f"nothing at {path}"
    except UnicodeDecodeError:
        found = "other bytes"
    raise JobError(
        f"{path.name} cannot be read",
        expected="a text file in UTF-8",
        found=found,
        remedy="correct the path",
    )


def _understood(name: str, what: str, read: Callable[[], T]) -> T:
    """Return what a reader of the models room returns; its errors name the file."""
    try:
        return read()
    except SchemaError:
        raise
    except ValueError as error:
        raise JobError(
            f"{name}: {error}",
            expected=what,
            found="something else",
            remedy="see docs/how-to/take-the-model-home.md for what can be read and written",
        ) from None


def exported(model: BadClassifier, to: str, *, table: str = "applications") -> str:
    """Return a model in another tool's form.

    Parameters
    ----------
    model : BadClassifier
    to : str
        ``json``, or a key of `FORMATS`.
    table : str
        Table that SQL reads.

    Raises
    ------
    JobError
        When this kind of model has no such form, or the form cannot score alike.
    """
    if to == "json":
        return canonical_text(model)
    if to not in FORMATS:
        raise JobError(
            "an unknown form",
            expected=" or ".join(("json", *FORMATS)),
            found=to,
            remedy="correct --to",
        )
    write = FORMATS[to].get(type(model))
    if write is None:
        kinds = " or ".join(kind.__name__ for kind in FORMATS[to])
        raise JobError(
            f"there is no honest {to} of this model",
            expected=kinds,
            found=type(model).__name__,
            remedy="--to json keeps every model; fedcredit model score needs no other tool",
        )
    return _understood("the model", f"a model that {to} can hold", lambda: write(model, table))


FORMATS: dict[str, dict[type, Callable[..., str]]] = {
    "sql": {
        Scorecard: lambda model, table: model.to_sql(table) + "\n",
        Gbdt: lambda model, table: model.to_sql(table) + "\n",
    },
    "pmml": {
        Scorecard: lambda model, _: model.to_pmml(),
        Gbdt: lambda model, _: model.to_pmml(),
    },
    "lightgbm": {Gbdt: lambda model, _: model.to_lightgbm()},
    "toad": {Scorecard: lambda model, _: toad_rules.export(model.tables_) + "\n"},
}
"""Form -> kind of model -> what writes it."""


def imported(
    path: Path, origin: str, *, features: Sequence[Feature] = (), **scale: float
) -> tuple[str, tuple[str, ...]]:
    """Return a model or a binning of another tool as our JSON, and notes on the reading.

    Parameters
    ----------
    path : Path
        The other tool's file.
    origin : str
        ``toad`` or ``scorecardpy``.
    features : sequence of Feature, optional
        Declared columns; proposed from the bins where absent.
    **scale : float
        ``points0``, ``odds0``, ``pdo`` of a scorecardpy card.

    Returns
    -------
    (str, tuple of str)
        A scorecard, when a scorecardpy file has points and counts; otherwise a binning whose bins
        a federation has still to count (``fc.bin(federation, job, binning=FILE)``).

    Raises
    ------
    JobError
        Naming the feature that does not fit.
    """
    text = read_text(path)
    if origin == "toad":
        rules = _understood(path.name, "rules of toad", lambda: toad_rules.parse(text))
        return _pending(path, rules, features)
    if origin != "scorecardpy":
        raise JobError(
            "an unknown origin",
            expected="toad or scorecardpy",
            found=origin,
            remedy="correct --from",
        )
    read = _understood(path.name, "a scorecardpy file", lambda: scorecardpy_card.parse(text))
    if not any(read.points.values()) or not any(read.counts.values()):
        return _pending(path, read.bins, features)
    card, notes = _understood(
        path.name, "a scorecardpy card", lambda: read.card(features=features, **scale)
    )
    return card.to_json(), notes


def _pending(
    path: Path, rules: Mapping[str, ForeignBins], features: Sequence[Feature]
) -> tuple[str, tuple[str, ...]]:
    declared = {feature.name: feature for feature in features}
    parts: list[binning_json.Parts] = []
    notes: list[str] = []
    for name, bins in rules.items():
        if features and name not in declared:
            notes.append(f"{name}: left out, the job declares no such column")
            continue
        feature = declared.get(name) or _understood(path.name, "a column", bins.proposed)
        fixed = _understood(path.name, "bins of its columns", partial(bins.fixed, feature))
        parts.append((feature, fixed, None, None))
        notes += bins.notes
    text = json.dumps(binning_json.document(parts, {}), ensure_ascii=False, sort_keys=True)
    return Binning.from_json(text).to_json(), tuple(notes)


def declared_features(job: Path) -> tuple[Feature, ...]:
    """Return the columns that a job file declares.

    Raises
    ------
    JobError
        When it declares none.
    """
    declared = JobFile.load(job, needs_tables=False).around.declared
    if declared is None:
        raise JobError(
            f"{job.name} declares no columns",
            expected="a job file with [[schema.features]]",
            found="a schema that a simulation infers",
            remedy="fedcredit job check shows the columns; declare them, or leave --job out",
        )
    return tuple(declared.features)


def scored(
    model: BadClassifier, frame: pd.DataFrame, *, contributions: bool = False
) -> pd.DataFrame:
    """Return the scores of rows, under their index.

    Parameters
    ----------
    model : BadClassifier
    frame : DataFrame
        Applicants; levels never seen, missing values and numbers beyond the bounds are scored.
    contributions : bool, default False
        Also what each feature adds: a scorecard's points, or the log odds that trees give it.

    Returns
    -------
    DataFrame
        ``log_odds_bad``, ``probability_bad``; of a scorecard also ``score`` and ``reason_1`` to
        ``reason_4``, features that cost most points with their bins, empty where none did.

    Raises
    ------
    DataError
        For a missing column, text where numbers belong, or infinity.
    """
    try:
        found = pd.DataFrame(
            {
                "log_odds_bad": model.decision_function(frame),
                "probability_bad": model.predict_proba(frame)[:, 1],
            },
            index=frame.index,
        )
        if isinstance(model, Scorecard):
            return _with_points(model, frame, found, contributions=contributions)
        if contributions and isinstance(model, Gbdt):
            added = model.contributions(frame).add_prefix("adds_")
            return pd.concat([found, added], axis=1)
    except SchemaError as error:
        raise as_data_error(error, party="") from None
    if contributions:
        raise JobError(
            "this model has no exact contributions",
            expected=MODELS,
            found=type(model).__name__,
            remedy="leave --contributions out",
        )
    return found


def _with_points(
    card: Scorecard, frame: pd.DataFrame, found: pd.DataFrame, *, contributions: bool
) -> pd.DataFrame:
    found.insert(0, "score", card.score_points(frame))
    rows = frame.reset_index(drop=True)
    reasons = card.reasons(rows, n=REASONS)
    words = reasons["feature"] + " " + reasons["bin"]
    for rank in range(1, REASONS + 1):
        texts = words[reasons["rank"] == rank].reindex(rows.index)
        found[f"reason_{rank}"] = texts.fillna("").to_numpy(dtype=object)
    if contributions:
        for j, table in enumerate(card.tables_):
            name = table.raw.feature.name
            points = np.append(card.bin_points(j), card.neutral_points)
            found[f"points_{name}"] = points[table.bin_of(frame[name])]
    return found
