"""Every figure of a report by name: the entry of the ledger that it cites, and its value.

A report marks each number with the name of its figure (``data-figure``), and takes the entry beside
it from here; `fedcredit.figures` leads the same name back through the ledger. So no number can be
printed that has no way back.
"""

from collections.abc import Iterator

from fedcredit.card import Card
from fedcredit.evaluation_figures import evaluation_figures
from fedcredit.evaluation_file import EvaluationFile
from fedcredit.figure import Figure, cited
from fedcredit.model_figures import model_figures
from fedcredit.model_view import ModelView
from fedcredit.result_file import ResultFile, SampleMetrics
from fedcredit.saved_file import Saved

SAMPLE_VALUES = {
    "auc": "auc", "ks": "ks", "gini": "gini", "brier": "brier", "n": "n",
    "stability": "population_stability",
}  # fmt: skip
"""Figure -> field of the sample's metrics, where the figure is one number."""
SAMPLE_TABLES = ("bands", "roc", "calibration")


def figures_of(saved: Saved, card: Card | None = None) -> dict[str, Figure]:
    """Return every figure of a saved run's reports.

    Parameters
    ----------
    saved : ResultFile or EvaluationFile
        What was saved of the run.
    card : Card, optional
        The scorecard's tables; read from the result's model when absent.
    """
    found = [*_course(saved), *_terms(saved)]
    if isinstance(saved, EvaluationFile):
        found += evaluation_figures(saved)
    else:
        found += [*_samples(saved), *_gains(saved)]
        found += model_figures(saved, ModelView.of(saved, card))
    named = {name: Figure(name=name, entry=entry) for name, entry in saved.figures.items()}
    return named | {figure.name: figure for figure in found if figure.entry}


def _samples(result: ResultFile) -> Iterator[Figure]:
    for sample, metrics in result.metrics.items():
        if metrics.withheld is not None:
            continue
        for name in (*SAMPLE_VALUES, *SAMPLE_TABLES):
            if name in SAMPLE_TABLES or _value(name, metrics) is not None:
                entry = cited(result, f"{name}.{sample}", f"auc.{sample}", "metrics")
                yield Figure(name=f"{name}.{sample}", entry=entry, value=_value(name, metrics))


def _gains(result: ResultFile) -> Iterator[Figure]:
    """Yield what each party gains: the AUC of its personal model less that of its own."""
    for party, gain in result.gains.items():
        yield Figure(name=f"gain.{party}", entry=gain.entry, value=gain.gain)


def _value(name: str, metrics: SampleMetrics) -> float | None:
    value = getattr(metrics, SAMPLE_VALUES[name]) if name in SAMPLE_VALUES else None
    return None if value is None else float(value)


def _course(result: Saved) -> Iterator[Figure]:
    finished = result.entries.finished
    yield Figure(name="history", entry=finished, value=len(result.history))
    yield Figure(name="disclosure", entry=finished)
    for row in result.history:
        yield Figure(name=f"history.{row.round}", entry=row.entry, value=row.log_loss)
    losses = [row.entry for row in result.history if row.log_loss is not None]
    yield from (Figure(name="log-loss", entry=entry) for entry in losses[-1:])
    for party, part in result.participation.items():
        entry = cited(result, f"participation.{party}") or "".join(part.entries[-1:])
        yield Figure(name=f"participation.{party}", entry=entry, value=part.bytes_sent)


def _terms(result: Saved) -> Iterator[Figure]:
    """Yield what stands in the ledger beside the numbers: roster, grants, quorum, head."""
    entries = result.entries
    yield Figure(name="parties", entry=entries.started, value=len(result.parties))
    yield Figure(name="definition", entry=entries.proposal)
    yield Figure(name="checkpoint", entry=entries.model or entries.finished)
    yield Figure(name="quorum", entry=entries.witness_policy or "")
    for party, entry in entries.grants.items():
        yield Figure(name=f"grant.{party}", entry=entry)
