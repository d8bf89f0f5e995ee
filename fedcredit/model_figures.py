"""The figures of a saved model by name: what was released of it, and what its task fixed."""

from collections.abc import Iterator
from itertools import groupby

from fedcredit.card import Card
from fedcredit.figure import Figure, cited
from fedcredit.model_view import ModelView
from fedcredit.result_file import ResultFile


def model_figures(result: ResultFile, view: ModelView) -> Iterator[Figure]:
    """Yield the figures of a model; which ones there are depends on its kind.

    Settings and declared bounds are no results: they cite the proposal, which fixed the task.
    """
    proposal = result.entries.proposal
    for name, value in view.settings:
        number = value if isinstance(value, float) else None
        yield Figure(name=f"setting.{name}", entry=proposal, value=number)
    for column in view.columns:
        yield Figure(name=f"feature.{column.name}", entry=proposal)
    if view.card is not None:
        yield from _scorecard(result, view, view.card)
    if view.importance:
        yield from _trees(result, view)
    if view.n_weights:
        yield Figure(name="weights", entry=cited(result, "weights", "model"), value=view.n_weights)
    for name, value in zip(("intercept", "slope"), view.calibration, strict=False):
        entry = cited(result, "calibration", "model")
        yield Figure(name=f"calibration_{name}", entry=entry, value=value)


def _scorecard(result: ResultFile, view: ModelView, card: Card) -> Iterator[Figure]:
    bins, slopes = cited(result, "bins"), cited(result, "coefficients")
    points = cited(result, "points", "coefficients")
    errors = cited(result, "standard_errors", "coefficients")
    for name, group in groupby(card.points, key=lambda row: row.feature):
        rows = list(group)
        yield Figure(name=f"woe.{name}", entry=bins)
        yield Figure(name=f"iv.{name}", entry=bins, value=sum(row.iv for row in rows))
        yield Figure(name=f"points.{name}", entry=points)
        for number, row in enumerate(rows, start=1):
            yield Figure(name=f"bins.{name}.{number}", entry=bins)
            yield Figure(name=f"points.{name}.{number}", entry=points, value=row.points)
    yield Figure(name="points", entry=points)
    yield Figure(name="standard_errors", entry=errors)
    for term in card.coefficients:
        yield Figure(name=f"coefficient.{term.term}", entry=slopes, value=term.coefficient)
        yield Figure(name=f"standard_error.{term.term}", entry=errors, value=term.standard_error)
    yield Figure(name="scale", entry=result.entries.proposal)
    for mover in view.movers:
        yield Figure(name=f"reach.{mover.name}", entry=points, value=mover.reach)


def _trees(result: ResultFile, view: ModelView) -> Iterator[Figure]:
    entry = cited(result, "importance", "trees", "model")
    yield Figure(name="importance", entry=entry)
    for row in view.importance:
        yield Figure(name=f"importance.{row.name}", entry=entry, value=row.rows)
        yield Figure(name=f"splits.{row.name}", entry=entry, value=row.splits)
    grown = cited(result, "trees", "model")
    yield Figure(name="trees", entry=grown, value=len(view.splits))
    for number, splits in enumerate(view.splits, start=1):
        yield Figure(name=f"tree.{number}", entry=grown, value=splits)
