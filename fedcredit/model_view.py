"""What a report tells of a saved model, by its kind: settings, columns, and what moves the score.

The kind is named by the model's own JSON (``"format"``). A scorecard is told by its points, trees
by how much each feature is asked, a network by its settings. A kind that this version does not know
is told by its settings alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from fedcredit.card import Card, PointsRow
from fedcredit.result_file import ResultFile

KINDS = {
    "fedcredit-scorecard": "scorecard",
    "fedcredit-gbdt": "gbdt",
    "fedcredit-mlp": "network",
    "fedcredit-network": "network",
}
"""First part of a model's format -> its kind."""

SUSPICIOUS_IV = 0.5
"""modelling.md B.1: from here on an information value is too good to be true."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One declared column.

    Attributes
    ----------
    name, kind, unit : str
        As declared.
    lower, upper : float or None
        Bounds of a number; what lies outside is clipped.
    scale : str
        Of the grid: linear, log, asinh.
    levels, special : tuple
        Declared categories; codes that are no quantity.
    """

    name: str
    kind: str
    unit: str = ""
    lower: float | None = None
    upper: float | None = None
    scale: str = ""
    levels: tuple[str, ...] = ()
    special: tuple[float, ...] = ()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Column":
        """Read a feature of a model's JSON."""
        return cls(
            name=str(document["name"]),
            kind=str(document.get("kind", "")),
            unit=str(document.get("unit", "")),
            lower=document.get("lower"),
            upper=document.get("upper"),
            scale=str(document.get("scale", "")),
            levels=tuple(map(str, document.get("levels", ()))),
            special=tuple(document.get("special", ())),
        )


@dataclass(frozen=True, kw_only=True)
class Mover:
    """How much one feature of a scorecard can move the score.

    Attributes
    ----------
    name : str
        The feature.
    iv : float
        Its information value.
    best, worst : (int, PointsRow)
        The bin with most and with fewest points, and its number in the points table.
    """

    name: str
    iv: float
    best: tuple[int, PointsRow]
    worst: tuple[int, PointsRow]

    @property
    def reach(self) -> int:
        """Points between the best and the worst bin: the most that it can cost an applicant."""
        return self.best[1].points - self.worst[1].points


@dataclass(frozen=True, kw_only=True)
class Importance:
    """How much trees ask one feature: splits, and training rows that pass them."""

    name: str
    splits: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class ModelView:
    """A saved model, for a reader.

    Attributes
    ----------
    kind : {"scorecard", "gbdt", "network", ""}
        Empty for a kind that this version does not know.
    format : str
        The format that the model's JSON names.
    settings : tuple of (str, str or float)
        Name and value of each setting that the task fixed.
    columns : tuple of Column
        Declared columns of the model's features, as far as its JSON holds them.
    dropped : mapping of str to str
        Features left out, with the reason.
    card : Card or None
        A scorecard's tables.
    movers : tuple of Mover
        A scorecard's features, the one with the longest reach first.
    importance : tuple of Importance
        Of trees, most rows first.
    splits : tuple of int
        Of each tree.
    n_weights : int
        Of a network; else 0.
    calibration : tuple of float
        Intercept and slope of a network's score; empty when it has none.
    too_good : tuple of str
        Features of trees whose information value was above the limit of suspicion.
    """

    kind: str
    format: str
    settings: tuple[tuple[str, str | float], ...]
    columns: tuple[Column, ...]
    dropped: Mapping[str, str]
    card: Card | None = None
    movers: tuple[Mover, ...] = ()
    importance: tuple[Importance, ...] = ()
    splits: tuple[int, ...] = ()
    n_weights: int = 0
    calibration: tuple[float, ...] = ()
    too_good: tuple[str, ...] = ()

    @classmethod
    def of(cls, result: ResultFile, card: Card | None = None) -> "ModelView":
        """Read the model of a saved result.

        Parameters
        ----------
        result : ResultFile
            A saved result.
        card : Card, optional
            A scorecard's tables; read from the model when absent.

        Raises
        ------
        ValueError
            When the model is not one of the kind that its format names.
        """
        model: Mapping[str, Any] = result.model
        kind = "scorecard" if card is not None else kind_of(result)
        if kind == "scorecard" and card is None:
            card = Card.of(result.model_json())
        dropped = card.dropped if card is not None else model.get("dropped", {})
        return cls(
            kind=kind,
            format=str(model.get("format", "")),
            settings=tuple(_settings(model.get("params", {}))),
            columns=_columns(model),
            dropped=dict(dropped) if isinstance(dropped, Mapping) else {},
            card=card,
            movers=movers(card) if card is not None else (),
            importance=_importance(result) if kind == "gbdt" else (),
            splits=_splits(model) if kind == "gbdt" else (),
            n_weights=len(model.get("weights", ())) if kind == "network" else 0,
            calibration=tuple(map(float, model.get("calibration", ())))
            if kind == "network"
            else (),
            too_good=tuple(map(str, model.get("suspicious", ()))) if kind == "gbdt" else (),
        )

    @property
    def suspicious(self) -> tuple[Mover, ...]:
        """Features whose information value is too good."""
        return tuple(mover for mover in self.movers if mover.iv >= SUSPICIOUS_IV)


def kind_of(result: ResultFile) -> str:
    """Return the kind of a saved model; empty for one that this version does not know."""
    return KINDS.get(str(result.model.get("format", "")).split("/")[0], "")


def movers(card: Card) -> tuple[Mover, ...]:
    """Return a scorecard's features, the one that can cost most points first."""
    found = []
    for name, group in groupby(card.points, key=lambda row: row.feature):
        rows = list(enumerate(group, start=1))
        found.append(
            Mover(
                name=name,
                iv=sum(row.iv for _, row in rows),
                best=max(rows, key=lambda pair: pair[1].points),
                worst=min(rows, key=lambda pair: pair[1].points),
            )
        )
    return tuple(sorted(found, key=lambda mover: (-mover.reach, mover.name)))


def _settings(params: object) -> list[tuple[str, str | float]]:
    """Return settings in the order of their names; what is not one value is written as text."""
    rows: list[tuple[str, str | float]] = []
    for name, value in sorted(params.items()) if isinstance(params, Mapping) else ():
        if isinstance(value, int | float) and not isinstance(value, bool):
            rows.append((str(name), float(value)))
        elif isinstance(value, Mapping):
            rows.append((str(name), ", ".join(f"{k}: {v}" for k, v in value.items())))
        elif isinstance(value, list | tuple):
            rows.append((str(name), ", ".join(map(str, value))))
        else:
            rows.append((str(name), "" if value is None else str(value).lower()))
    return rows


def _columns(model: Mapping[str, Any]) -> tuple[Column, ...]:
    """Return the declared columns that a model's JSON holds, whatever its kind calls them."""
    for part in ("tables", "features"):
        found = [
            item["feature"] if isinstance(item.get("feature"), Mapping) else item
            for item in model.get(part, ())
            if isinstance(item, Mapping)
        ]
        if found and all("name" in item for item in found):
            return tuple(Column.of(item) for item in found)
    return ()


def _splits(model: Mapping[str, Any]) -> tuple[int, ...]:
    """Return how many splits each tree has."""
    return tuple(sum(node["feature"] >= 0 for node in tree) for tree in model["trees"])


def _importance(result: ResultFile) -> tuple[Importance, ...]:
    from fedcredit_models.gbdt import Gbdt

    table = Gbdt.from_json(result.model_json()).importance()
    return tuple(
        Importance(name=str(row["feature"]), splits=int(row["splits"]), rows=int(row["rows"]))
        for row in table.to_dict(orient="records")
    )
