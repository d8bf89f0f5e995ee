"""A saved model of any kind, read from its JSON: what it reads, how it scores, its own cells.

The JSON's ``format`` names the kind; each kind's own strict reader does the rest. Nothing in the
text names code.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models import card_json, gbdt_json, mlp_json
from fedcredit_models.bad_classifier import BadClassifier
from fedcredit_models.cells import RawCells
from fedcredit_models.feature import Feature
from fedcredit_models.gbdt import Gbdt
from fedcredit_models.scorecard import Scorecard
from fedcredit_models.strict_json import StrictJson

ETA_LIMIT = 30.0
"""A score further from zero says "certain" of a row; no credit or fraud model means that."""

COEFFICIENT_LIMIT = 20.0
"""A larger coefficient on weights of evidence is no scorecard but a probe."""

_READ = StrictJson("model")


@dataclass(frozen=True)
class ModelCells:
    """The cells into which a model sorts one of its features.

    Attributes
    ----------
    feature : Feature
    n : int
        Number of cells, those for values that training never saw included.
    cell_of : callable
        From a column to each row's cell.
    trained : tuple of int
        Training rows of each cell, where the model's file tells them; empty otherwise.
    """

    feature: Feature
    n: int
    cell_of: Callable[["pd.Series[Any]"], NDArray[np.int64]]
    trained: tuple[int, ...] = ()


@dataclass(frozen=True)
class SavedModel:
    """A fitted model and where it came from.

    Attributes
    ----------
    kind, format : str
        ``scorecard`` and ``fedcredit-scorecard/v1``, and so on.
    digest : str
        SHA-256 (hex) of the JSON text as it was given.
    model : BadClassifier
    cells : tuple of ModelCells
        One for each feature that the model reads.
    """

    kind: str
    format: str
    digest: str
    model: BadClassifier
    cells: tuple[ModelCells, ...]

    @property
    def features(self) -> tuple[Feature, ...]:
        """Columns that the model reads."""
        return tuple(cells.feature for cells in self.cells)

    def scores(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Return the log odds of bad of each row.

        Raises
        ------
        SchemaError
            When a column is missing or of another type.
        """
        return np.asarray(self.model.decision_function(frame), dtype=np.float64)

    def is_probe(self, eta: NDArray[np.float64]) -> bool:
        """Say whether the model is too steep for a model: it could be made to single out rows.

        A score that is not finite or beyond ±30, or a scorecard's coefficient beyond ±20.
        """
        if len(eta) and not (np.isfinite(eta).all() and np.abs(eta).max() <= ETA_LIMIT):
            return True
        if isinstance(self.model, Scorecard):
            steepest = max((abs(self.model.intercept_), *map(abs, self.model.coef_)))
            return bool(steepest > COEFFICIENT_LIMIT)
        return False


def read_model(text: str) -> SavedModel:
    """Read a model of any kind from its JSON.

    Raises
    ------
    ValueError
        When the text is not one model of a known format.
    """
    document = _READ.fields(_READ.load(text), None, "model")
    format_ = _READ.text(document.get("format"), "format")
    if format_ not in _READERS:
        raise _READ.wrong(f"expected a format of {', '.join(_READERS)}")
    kind, read = _READERS[format_]
    model, cells = read(text)
    return SavedModel(kind, format_, hashlib.sha256(text.encode()).hexdigest(), model, cells)


def canonical_text(model: BadClassifier) -> str:
    """Return the JSON of a fitted model."""
    written = getattr(model, "to_json", None)
    if written is None:
        raise TypeError(f"a {type(model).__name__} has no JSON form")
    return str(written())


def _scorecard(text: str) -> tuple[BadClassifier, tuple[ModelCells, ...]]:
    card = Scorecard.from_json(text)
    return card, tuple(
        ModelCells(
            table.raw.feature,
            table.n_bins + 1,
            lambda series, table=table: table.bin_of(series) % (table.n_bins + 1),  # type: ignore[misc]
            (*(int(n) for n in table.n), 0),
        )
        for table in card.tables_
    )


def _gbdt(text: str) -> tuple[BadClassifier, tuple[ModelCells, ...]]:
    model = Gbdt.from_json(text)
    return model, tuple(map(of_raw, model.raw_))


def _network(text: str) -> tuple[BadClassifier, tuple[ModelCells, ...]]:
    from fedcredit_models.mlp import Mlp  # whoever judges a scorecard needs no network

    model = Mlp.from_json(text)
    pairs = zip(model.architecture_.features, model.standards_, strict=True)
    return model, tuple(
        of_raw(RawCells(feature, () if standard is None else standard.edges))
        for feature, standard in pairs
    )


def of_raw(raw: RawCells) -> ModelCells:
    """Return the cells of a model that reads raw cells."""
    return ModelCells(raw.feature, raw.n, raw.cell_of)


_READERS: dict[str, tuple[str, Callable[[str], tuple[BadClassifier, tuple[ModelCells, ...]]]]] = {
    card_json.FORMAT: ("scorecard", _scorecard),
    gbdt_json.FORMAT: ("gbdt", _gbdt),
    mlp_json.FORMAT: ("network", _network),
}
