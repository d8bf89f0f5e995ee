"""A saved result as one self-contained HTML page, every figure with its ledger entry.

The page is for the desk of a validator: it opens from a file with no network, prints on A4,
reads on a telephone, and says under every number, chart and table which entry of the ledger it
came from. `render` is pure: the saved result and the ledger's facts go in, text comes out. A
figure whose entry is not among the facts is refused: a report that cites what the ledger does
not hold is worse than none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from markupsafe import Markup

import fedcredit.charts as charts
from fedcredit.allowed import Allowed
from fedcredit.card import Card, CoefficientRow, PointsRow
from fedcredit.citations import Citations
from fedcredit.figure_names import figures_of
from fedcredit.quorum import Quorum, policy_in_force
from fedcredit.report_page import signed, whole, written
from fedcredit.result_file import Disclosure, ResultFile, SampleMetrics

SAMPLE_TITLES = {"holdout": "Hold-out", "oot": "Out of time", "train": "Training"}
PHASE_WORDS = {
    "quantiles": "bin edges",
    "bins": "bins and WOE",
    "newton": "Newton step",
    "metrics": "metrics",
}
# modelling.md B.1: the bands a scorecard modeller reads an information value by.
IV_BANDS = ((0.02, "none"), (0.1, "weak"), (0.3, "medium"), (0.5, "strong"))
# modelling.md B.1: population stability above 0.1 is watched, above 0.25 acted on.
STABILITY_BANDS = ((0.1, "stable"), (0.25, "watch"))


@dataclass(frozen=True, kw_only=True)
class _Feature:
    name: str
    rows: tuple[PointsRow, ...]
    chart: Markup

    @property
    def iv(self) -> float:
        return sum(row.iv for row in self.rows)

    @property
    def strength(self) -> str:
        return next((word for top, word in IV_BANDS if self.iv < top), "suspicious")


@dataclass(frozen=True, kw_only=True)
class _Stat:
    name: str
    title: str
    value: str
    note: str
    entry: str


@dataclass(frozen=True, kw_only=True)
class _Sample:
    name: str
    title: str
    metrics: SampleMetrics
    stats: tuple[_Stat, ...]
    distribution: Markup
    roc: Markup
    calibration: Markup


def render(
    result: ResultFile,
    facts: Iterable[Mapping[str, object]],
    *,
    card: Card | None = None,
    verify_command: str = "fedcredit ledger verify ledger.db --full",
    evidence: str = "",
) -> str:
    """Return the report of a saved result as one HTML page.

    Parameters
    ----------
    result : ResultFile
        The saved result.
    facts : iterable of mapping
        The ledger's entries as ``{"index", "entry_id", "type", "author", "received"}``, read
        from a ledger that the caller has verified. Grants and quorum are told of those that bring
        their ``"data"``.
    card : Card, optional
        The scorecard's tables; read from the result's model when absent.
    verify_command : str
        What a reader types to check the ledger beside the report.
    evidence : str
        Name of the evidence package beside the report; empty when there is none.

    Raises
    ------
    JobError
        When a figure has no entry, or an entry is not in the ledger.

    Notes
    -----
    *Disclosure.* The page repeats what was released to the requester and names the ledger's
    public facts; it holds nothing that `result` and `facts` do not hold. Whoever receives the
    page learns all of it.
    """
    card = card or Card.of(result.model_json())
    citations = Citations(figures_of(result, card), facts)
    features = _features(card.points)
    samples = [
        _sample(name, result.metrics[name], citations)
        for name in SAMPLE_TITLES
        if name in result.metrics
    ]
    losses = [(row.round, row.log_loss) for row in result.history if row.log_loss is not None]
    page = {
        "result": result,
        "samples": samples,
        "card": card,
        "features": features,
        "suspicious": [feature for feature in features if feature.iv >= IV_BANDS[-1][0]],
        **citations.context(),
        "bins_entry": citations.of("bins"),
        "points_entry": citations.of("points"),
        "coefficients_entry": citations.of("coefficients"),
        "errors_entry": citations.of("standard_errors"),
        "forest": _forest(card.coefficients),
        "held": [row.term for row in card.coefficients if row.standard_error == 0],
        "loss_chart": charts.loss_curve(losses) if losses else None,
        "history_entry": citations.of("history"),
        "loss_entry": citations.of("log-loss") if losses else None,
        "history": [(row, citations.cite(row.entry)) for row in result.history],
        "phase_words": PHASE_WORDS,
        "participation": _participation(result, citations),
        "disclosure": _disclosure(result, citations),
        "disclosure_entry": citations.of("disclosure"),
        "grants": _grants(result, citations),
        "run_entries": _run_entries(result, citations),
        "verify_command": verify_command,
        "head": _head(result.checkpoint),
        "quorum": _quorum(result, citations),
        "evidence": evidence,
    }
    return written("report.html.jinja", page)


def _features(points: Sequence[PointsRow]) -> list[_Feature]:
    """Group the points table by feature, strongest first, on one WOE scale."""
    limit = max((abs(row.woe) for row in points), default=1.0)
    groups = [(name, tuple(rows)) for name, rows in groupby(points, key=lambda row: row.feature)]
    features = [
        _Feature(
            name=name, rows=rows, chart=charts.woe_bars([row.woe for row in rows], limit=limit)
        )
        for name, rows in groups
    ]
    return sorted(features, key=lambda feature: (-feature.iv, feature.name))


def _forest(rows: Sequence[CoefficientRow]) -> Markup:
    slopes = [row for row in rows if row.term not in {"intercept", "(intercept)"}]
    return charts.coefficient_intervals(
        [
            charts.Interval(name=row.term, value=row.coefficient, error=row.standard_error)
            for row in slopes
        ]
    )


def _sample(name: str, metrics: SampleMetrics, citations: Citations) -> _Sample:
    bands = [
        charts.Band(low=band.points_low, high=band.points_high, n=band.n, bads=band.bads)
        for band in metrics.bands
    ]
    withheld = metrics.withheld is not None
    return _Sample(
        name=name,
        title=SAMPLE_TITLES[name],
        metrics=metrics,
        stats=() if withheld else tuple(_stats(name, metrics, citations)),
        distribution=charts.score_distribution(bands) if bands else Markup(""),
        roc=charts.roc([(point.fpr, point.tpr) for point in metrics.roc], area=metrics.auc or 0.0)
        if metrics.roc
        else Markup(""),
        calibration=charts.calibration(
            [(point.mean_p, point.bad_rate, point.n) for point in metrics.calibration]
        )
        if metrics.calibration
        else Markup(""),
    )


def _stats(sample: str, metrics: SampleMetrics, citations: Citations) -> Iterable[_Stat]:
    """Yield the headline numbers of a sample that were released."""

    def stat(name: str, title: str, value: str, note: str = "") -> _Stat:
        entry = citations.of(f"{name}.{sample}")
        return _Stat(name=f"{name}.{sample}", title=title, value=value, note=note, entry=entry)

    if metrics.auc is not None:
        bound = metrics.auc_bound
        note = f"exact to ±\N{NO-BREAK SPACE}{bound:.5f}" if bound is not None else ""
        yield stat("auc", "AUC", f"{metrics.auc:.4f}", note)
    if metrics.ks is not None:
        yield stat("ks", "KS", f"{metrics.ks:.4f}")
    if metrics.gini is not None:
        low, high = metrics.gini_low, metrics.gini_high
        note = f"95 %: {low:.3f} to {high:.3f}" if low is not None and high is not None else ""
        yield stat("gini", "Gini", signed(metrics.gini, 4), note)
    if metrics.brier is not None:
        bound = metrics.brier_bound
        note = f"exact to ±\N{NO-BREAK SPACE}{bound:.0e}" if bound is not None else ""
        yield stat("brier", "Brier", f"{metrics.brier:.4f}", note)
    if metrics.n is not None:
        bads = metrics.bads
        note = f"{whole(bads)} bads, {100 * bads / metrics.n:.1f} %" if bads is not None else ""
        yield stat("n", "Applicants", whole(metrics.n), note)
    if metrics.population_stability is not None:
        index = metrics.population_stability
        word = next((word for top, word in STABILITY_BANDS if index < top), "act")
        yield stat("stability", "Stability", f"{index:.4f}", f"against training: {word}")


def _participation(result: ResultFile, citations: Citations) -> list[dict[str, Any]]:
    most = max((row.bytes_sent for row in result.participation.values()), default=0) or 1
    parts = []
    for party, row in sorted(result.participation.items()):
        entries = [citations.cite(entry) for entry in row.entries]
        parts.append(
            {
                "party": party,
                "bytes_sent": row.bytes_sent,
                "n_contributions": row.n_contributions,
                "entries": entries,
                "share": 100 * row.bytes_sent / most,
                "entry": citations.of(f"participation.{party}"),
            }
        )
    return parts


def _disclosure(
    result: ResultFile, citations: Citations
) -> list[tuple[Disclosure, tuple[str, ...]]]:
    """Group the releases that say the same, in order of the first, each with its entries."""
    grouped: dict[tuple[str, str, tuple[str, ...]], list[Disclosure]] = {}
    for row in result.disclosure:
        grouped.setdefault((row.function, row.released, row.to), []).append(row)
    return [
        (rows[0], tuple(citations.cite(row.entry) for row in rows)) for rows in grouped.values()
    ]


def _grants(result: ResultFile, citations: Citations) -> list[Allowed]:
    """Return the run's grants, as far as the facts say what they allow."""
    facts = (citations.by_id.get(entry) for _, entry in sorted(result.entries.grants.items()))
    return [
        Allowed.of(citations.cite(fact.entry_id), fact.author, fact.data)
        for fact in facts
        if fact is not None and fact.data
    ]


def _quorum(result: ResultFile, citations: Citations) -> Quorum | None:
    """Return how the result's checkpoint stands to its witness policy, where the facts have it."""
    fact = citations.by_id.get(result.entries.witness_policy or "")
    if fact is None:
        return None
    policy = policy_in_force([(fact.entry_id, fact.type, fact.data)])
    if policy is None:
        return None
    return Quorum.of(policy.lines, result.checkpoint.encode())


def _run_entries(result: ResultFile, citations: Citations) -> list[tuple[str, str]]:
    entries = result.entries
    named = [
        *((f"grant of {party}", entry) for party, entry in sorted(entries.grants.items())),
        ("run proposed", entries.proposal),
        ("run started", entries.started),
        *([("model registered", entries.model)] if entries.model is not None else []),
        ("run finished", entries.finished),
    ]
    return [(name, citations.cite(entry)) for name, entry in named]


def _head(checkpoint: str) -> dict[str, str]:
    """Read origin, size and root from a checkpoint note (C2SP tlog-checkpoint)."""
    lines = checkpoint.split("\n")
    if len(lines) < 3:
        return {"origin": "", "size": "", "root": "", "n_signatures": "0"}
    signatures = [line for line in lines[3:] if line.startswith("\N{EM DASH} ")]
    return {
        "origin": lines[0],
        "size": lines[1],
        "root": lines[2],
        "n_signatures": str(len(signatures)),
    }
