"""What the pages of one saved result tell: its samples, tables, charts, grants and ledger facts.

`context` makes of a result and its citations what the templates' shared pieces
(``sections.html.jinja``) print, in the language of the page.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from markupsafe import Markup

import fedcredit.charts as charts
from fedcredit.allowed import Allowed
from fedcredit.card import CoefficientRow, PointsRow
from fedcredit.citations import Citations
from fedcredit.gain_rows import gain_rows
from fedcredit.model_view import ModelView
from fedcredit.quorum import Quorum, policy_in_force
from fedcredit.report_page import signed, whole
from fedcredit.report_words import Words
from fedcredit.result_file import Disclosure, ResultFile, SampleMetrics

SAMPLES = ("holdout", "oot", "train")
"""Samples in the order of a report."""

IV_BANDS = ((0.02, "none"), (0.1, "weak"), (0.3, "medium"), (0.5, "strong"))
"""modelling.md B.1: the bands a scorecard modeller reads an information value by."""

STABILITY_BANDS = ((0.1, "stable"), (0.25, "watch"))
"""modelling.md B.1: population stability above 0.1 is watched, above 0.25 acted on."""


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One feature of a scorecard, with its chart."""

    name: str
    rows: tuple[PointsRow, ...]
    chart: Markup

    @property
    def iv(self) -> float:
        """Its information value."""
        return sum(row.iv for row in self.rows)

    @property
    def strength(self) -> str:
        """What that value says, as a key of the catalogue."""
        return next((word for top, word in IV_BANDS if self.iv < top), "suspicious")


@dataclass(frozen=True, kw_only=True)
class Stat:
    """One headline number."""

    name: str
    title: str
    value: str
    note: str
    entry: str


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One sample: its headline numbers and its charts."""

    name: str
    title: str
    metrics: SampleMetrics
    stats: tuple[Stat, ...]
    distribution: Markup
    roc: Markup
    calibration: Markup


def context(
    result: ResultFile,
    citations: Citations,
    view: ModelView,
    words: Words,
    *,
    verify_command: str,
    evidence: str,
) -> dict[str, Any]:
    """Return what the shared pieces of a page ask for, by name.

    Parameters
    ----------
    result : ResultFile
        The saved result.
    citations : Citations
        Its figures and the ledger's entries.
    view : ModelView
        Its model.
    words : Words
        The language of the page.
    verify_command, evidence : str
        What a reader types to check the ledger; name of the evidence package beside the page.

    Raises
    ------
    JobError
        When a figure has no entry, or an entry is not in the ledger.
    """
    losses = [(row.round, row.log_loss) for row in result.history if row.log_loss is not None]
    return {
        **citations.context(),
        **(_scorecard(view, citations, words) if view.card is not None else {}),
        "t": words,
        "result": result,
        "view": view,
        "samples": [
            sample_view(name, result.metrics[name], citations, words)
            for name in SAMPLES
            if name in result.metrics
        ],
        "loss_chart": charts.loss_curve(losses, words=words.charts) if losses else None,
        "history": [(row, citations.cite(row.entry)) for row in result.history],
        "participation": _participation(result, citations),
        "disclosure": _disclosure(result, citations),
        "grants": _grants(result, citations),
        "run_entries": _run_entries(result, citations),
        "verify_command": verify_command,
        "head": _head(result.checkpoint),
        "quorum": _quorum(result, citations),
        "evidence": evidence,
        "gains": gain_rows(result, citations),
    }


def _scorecard(view: ModelView, citations: Citations, words: Words) -> dict[str, Any]:
    """Return what the pieces on points and coefficients ask for."""
    card = view.card
    assert card is not None, "the caller has looked"
    for table in ("bins", "points", "coefficients", "standard_errors"):
        citations.of(table)
    features = _features(card.points, words)
    return {
        "scale_words": _scale(view, words),
        "features": features,
        "suspicious": [feature for feature in features if feature.iv >= IV_BANDS[-1][0]],
        "forest": _forest(card.coefficients, words),
        "held": [row.term for row in card.coefficients if row.standard_error == 0],
    }


def _scale(view: ModelView, words: Words) -> str:
    """Return how points stand to odds: from the settings, or as the card says it."""
    settings = dict(view.settings)
    names = {"score": "base_score", "odds": "base_odds", "pdo": "pdo"}
    if view.card is not None and not set(names.values()) <= settings.keys():
        return view.card.scale
    return words("points.scale", **{key: f"{settings[name]:g}" for key, name in names.items()})


def _features(points: Sequence[PointsRow], words: Words) -> list[Feature]:
    """Group the points table by feature, strongest first, on one WOE scale."""
    limit = max((abs(row.woe) for row in points), default=1.0)
    groups = [(name, tuple(rows)) for name, rows in groupby(points, key=lambda row: row.feature)]
    features = [
        Feature(
            name=name,
            rows=rows,
            chart=charts.woe_bars([row.woe for row in rows], limit=limit, words=words.charts),
        )
        for name, rows in groups
    ]
    return sorted(features, key=lambda feature: (-feature.iv, feature.name))


def _forest(rows: Sequence[CoefficientRow], words: Words) -> Markup:
    slopes = [row for row in rows if row.term not in {"intercept", "(intercept)"}]
    return charts.coefficient_intervals(
        [
            charts.Interval(name=row.term, value=row.coefficient, error=row.standard_error)
            for row in slopes
        ],
        words=words.charts,
    )


def sample_view(name: str, metrics: SampleMetrics, citations: Citations, words: Words) -> Sample:
    """Return a sample, or the rows on which a model was judged, with its numbers and charts."""
    bands = [
        charts.Band(low=band.points_low, high=band.points_high, n=band.n, bads=band.bads)
        for band in metrics.bands
    ]
    withheld = metrics.withheld is not None
    return Sample(
        name=name,
        title=words(f"sample.{name}"),
        metrics=metrics,
        stats=() if withheld else tuple(_stats(name, metrics, citations, words)),
        distribution=charts.score_distribution(bands, words=words.charts) if bands else Markup(""),
        roc=charts.roc(
            [(point.fpr, point.tpr) for point in metrics.roc],
            area=metrics.auc or 0.0,
            words=words.charts,
        )
        if metrics.roc
        else Markup(""),
        calibration=charts.calibration(
            [(point.mean_p, point.bad_rate, point.n) for point in metrics.calibration],
            words=words.charts,
        )
        if metrics.calibration
        else Markup(""),
    )


def _stats(
    sample: str, metrics: SampleMetrics, citations: Citations, words: Words
) -> Iterable[Stat]:
    """Yield the headline numbers of a sample that were released."""

    def stat(name: str, value: str, note: str = "") -> Stat:
        entry, title = citations.of(f"{name}.{sample}"), words(f"stat.{name}")
        return Stat(name=f"{name}.{sample}", title=title, value=value, note=note, entry=entry)

    def exact(bound: float | None, form: str) -> str:
        return "" if bound is None else words("note.exact", bound=format(bound, form))

    if metrics.auc is not None:
        yield stat("auc", f"{metrics.auc:.4f}", exact(metrics.auc_bound, ".5f"))
    if metrics.ks is not None:
        yield stat("ks", f"{metrics.ks:.4f}")
    if metrics.gini is not None:
        low, high = metrics.gini_low, metrics.gini_high
        known = low is not None and high is not None
        note = words("note.interval", low=f"{low:.3f}", high=f"{high:.3f}") if known else ""
        yield stat("gini", signed(metrics.gini, 4), note)
    if metrics.brier is not None:
        yield stat("brier", f"{metrics.brier:.4f}", exact(metrics.brier_bound, ".0e"))
    if metrics.n is not None:
        bads = metrics.bads
        share = f"{100 * bads / metrics.n:.1f} %" if bads is not None and metrics.n else ""
        note = words("note.bads", bads=whole(bads), share=share) if bads is not None else ""
        yield stat("n", whole(metrics.n), note)
    if metrics.population_stability is not None:
        index = metrics.population_stability
        said = words(f"stability.{stability_word(index)}")
        yield stat("stability", f"{index:.4f}", words("note.against_training", word=said))


def stability_word(index: float) -> str:
    """Return what an index of stability asks for: stable, watch or act."""
    return next((word for top, word in STABILITY_BANDS if index < top), "act")


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


def _run_entries(result: ResultFile, citations: Citations) -> list[tuple[str, str, str]]:
    """Return the entries that frame the run: what each is, of which party, its id."""
    entries = result.entries
    named = [
        *(("grant", party, entry) for party, entry in sorted(entries.grants.items())),
        ("proposal", "", entries.proposal),
        ("started", "", entries.started),
        *([("model", "", entries.model)] if entries.model is not None else []),
        ("finished", "", entries.finished),
    ]
    return [(name, party, citations.cite(entry)) for name, party, entry in named]


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
