"""Every figure of a report by name: the entry of the ledger that it cites, and its value.

A report marks each number with the name of its figure (``data-figure``), and takes the entry beside
it from here; `fedcredit.figures` leads the same name back through the ledger. So no number can be
printed that has no way back.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from fedcredit.card import Card
from fedcredit.result_file import ResultFile, SampleMetrics

SAMPLE_VALUES = {
    "auc": "auc", "ks": "ks", "gini": "gini", "brier": "brier", "n": "n",
    "stability": "population_stability",
}  # fmt: skip
"""Figure -> field of the sample's metrics, where the figure is one number."""
SAMPLE_TABLES = ("bands", "roc", "calibration")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure.

    Attributes
    ----------
    name : str
        ``auc.holdout``, ``bins.income.3``, ``participation.bank-0``.
    entry : str
        Id of the entry that it cites.
    value : float or None
        The number, where the figure is one number.
    """

    name: str
    entry: str
    value: float | None = None


def figures_of(result: ResultFile, card: Card | None = None) -> dict[str, Figure]:
    """Return every figure of a result's report.

    Parameters
    ----------
    result : ResultFile
        A saved result.
    card : Card, optional
        The scorecard's tables; read from the result's model when absent.
    """
    card = card or Card.of(result.model_json())
    found = [*_samples(result), *_scorecard(result, card), *_course(result), *_terms(result)]
    named = {name: Figure(name=name, entry=entry) for name, entry in result.figures.items()}
    return named | {figure.name: figure for figure in found if figure.entry}


def _samples(result: ResultFile) -> Iterator[Figure]:
    for sample, metrics in result.metrics.items():
        if metrics.withheld is not None:
            continue
        for name in (*SAMPLE_VALUES, *SAMPLE_TABLES):
            if name in SAMPLE_TABLES or _value(name, metrics) is not None:
                entry = _cited(result, f"{name}.{sample}", f"auc.{sample}", "metrics")
                yield Figure(name=f"{name}.{sample}", entry=entry, value=_value(name, metrics))


def _value(name: str, metrics: SampleMetrics) -> float | None:
    value = getattr(metrics, SAMPLE_VALUES[name]) if name in SAMPLE_VALUES else None
    return None if value is None else float(value)


def _scorecard(result: ResultFile, card: Card) -> Iterator[Figure]:
    bins, slopes = _cited(result, "bins"), _cited(result, "coefficients")
    points = _cited(result, "points", "coefficients")
    errors = _cited(result, "standard_errors", "coefficients")
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


def _course(result: ResultFile) -> Iterator[Figure]:
    finished = result.entries.finished
    yield Figure(name="history", entry=finished, value=len(result.history))
    yield Figure(name="disclosure", entry=finished)
    for row in result.history:
        yield Figure(name=f"history.{row.round}", entry=row.entry, value=row.log_loss)
    losses = [row.entry for row in result.history if row.log_loss is not None]
    yield from (Figure(name="log-loss", entry=entry) for entry in losses[-1:])
    for party, part in result.participation.items():
        entry = _cited(result, f"participation.{party}") or "".join(part.entries[-1:])
        yield Figure(name=f"participation.{party}", entry=entry, value=part.bytes_sent)


def _terms(result: ResultFile) -> Iterator[Figure]:
    """Yield what stands in the ledger beside the numbers: roster, grants, quorum, head."""
    entries = result.entries
    yield Figure(name="parties", entry=entries.started, value=len(result.parties))
    yield Figure(name="checkpoint", entry=entries.model or entries.finished)
    yield Figure(name="quorum", entry=entries.witness_policy or "")
    for party, entry in entries.grants.items():
        yield Figure(name=f"grant.{party}", entry=entry)


def _cited(result: ResultFile, *names: str) -> str:
    """Return the entry of the first of these names that the result knows."""
    return next((result.figures[name] for name in names if name in result.figures), "")
