"""A saved result as one self-contained HTML page, every figure with its ledger entry.

The page is for the desk of a validator: it opens from a file with no network, prints on A4,
reads on a telephone, and says under every number, chart and table which entry of the ledger it
came from. `render` is pure: the saved result and the ledger's facts go in, text comes out. A
figure whose entry is not among the facts is refused: a report that cites what the ledger does
not hold is worse than none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import fedcredit.charts as charts
from fedcredit.allowed import Allowed
from fedcredit.card import Card, CoefficientRow, PointsRow
from fedcredit.errors import JobError
from fedcredit.figure_names import figures_of
from fedcredit.quorum import Quorum, policy_in_force
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
class LedgerFact:
    """Where one entry stands in the ledger."""

    index: int
    entry_id: str
    type: str
    author: str
    received: str
    data: Mapping[str, Any] = field(default_factory=dict)


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


class _Citations:
    """Hands out entry ids for figures and remembers which were cited."""

    def __init__(
        self, result: ResultFile, card: Card, facts: Iterable[Mapping[str, object]]
    ) -> None:
        self.figures = {name: figure.entry for name, figure in figures_of(result, card).items()}
        self.by_id = {fact.entry_id: fact for fact in map(_fact, facts)}
        self.cited: set[str] = set()

    def of(self, name: str) -> str:
        """Return the entry of a figure."""
        if name not in self.figures:
            raise JobError(f"the saved result names no ledger entry for the figure {name}")
        return self.cite(self.figures[name])

    def cite(self, entry_id: str) -> str:
        """Remember the citation of an entry that the ledger holds."""
        if entry_id not in self.by_id:
            raise JobError(
                f"the report would cite the ledger entry {entry_id}, which the ledger beside "
                "the result does not hold"
            )
        self.cited.add(entry_id)
        return entry_id

    def listed(self) -> list[LedgerFact]:
        """Return the cited entries in the ledger's order."""
        return sorted((self.by_id[name] for name in self.cited), key=lambda fact: fact.index)


def _fact(raw: Mapping[str, object]) -> LedgerFact:
    return LedgerFact(
        index=int(str(raw["index"])),
        entry_id=str(raw["entry_id"]),
        type=str(raw["type"]),
        author=str(raw["author"]),
        received=str(raw["received"]),
        data=data if isinstance(data := raw.get("data"), Mapping) else {},
    )


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
    citations = _Citations(result, card, facts)
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
        "entry_of": citations.of,
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
        "founding_entry": next(iter(citations.by_id), ""),
        "evidence": evidence,
    }
    page["cited"] = citations.listed
    page["index_of"] = {fact.entry_id: fact.index for fact in citations.by_id.values()}
    return _environment().get_template("report.html.jinja").render(page)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("fedcredit", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["whole"] = _whole
    environment.filters["percent"] = lambda share: f"{100 * share:.1f} %"
    environment.filters["size"] = _size
    environment.filters["moment"] = _moment
    environment.filters["signed"] = _signed
    environment.filters["p_value"] = lambda p: "< 0.0001" if p < 0.0001 else f"{p:.4f}"
    return environment


def _whole(value: float) -> str:
    """Write a whole number with thin spaces between thousands."""
    return f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _signed(value: float, digits: int = 3) -> str:
    """Write a number with a true minus sign."""
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _size(n_bytes: int) -> str:
    """Write a number of bytes in the largest decimal unit that leaves at least one."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= scale:
            return f"{n_bytes / scale:.1f} {unit}"
    return f"{n_bytes} bytes"


def _moment(time: str) -> str:
    """Write ``2026-11-23T16:00:04.000Z`` as ``2026-11-23 16:00:04 UTC``; leave others alone."""
    if len(time) >= 20 and time[10] == "T" and time.endswith("Z"):
        return f"{time[:10]} {time[11:19]} UTC"
    return time


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


def _sample(name: str, metrics: SampleMetrics, citations: _Citations) -> _Sample:
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


def _stats(sample: str, metrics: SampleMetrics, citations: _Citations) -> Iterable[_Stat]:
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
        yield stat("gini", "Gini", _signed(metrics.gini, 4), note)
    if metrics.brier is not None:
        bound = metrics.brier_bound
        note = f"exact to ±\N{NO-BREAK SPACE}{bound:.0e}" if bound is not None else ""
        yield stat("brier", "Brier", f"{metrics.brier:.4f}", note)
    if metrics.n is not None:
        bads = metrics.bads
        note = f"{_whole(bads)} bads, {100 * bads / metrics.n:.1f} %" if bads is not None else ""
        yield stat("n", "Applicants", _whole(metrics.n), note)
    if metrics.population_stability is not None:
        index = metrics.population_stability
        word = next((word for top, word in STABILITY_BANDS if index < top), "act")
        yield stat("stability", "Stability", f"{index:.4f}", f"against training: {word}")


def _participation(result: ResultFile, citations: _Citations) -> list[dict[str, Any]]:
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
    result: ResultFile, citations: _Citations
) -> list[tuple[Disclosure, tuple[str, ...]]]:
    """Group the releases that say the same, in order of the first, each with its entries."""
    grouped: dict[tuple[str, str, tuple[str, ...]], list[Disclosure]] = {}
    for row in result.disclosure:
        grouped.setdefault((row.function, row.released, row.to), []).append(row)
    return [
        (rows[0], tuple(citations.cite(row.entry) for row in rows)) for rows in grouped.values()
    ]


def _grants(result: ResultFile, citations: _Citations) -> list[Allowed]:
    """Return the run's grants, as far as the facts say what they allow."""
    facts = (citations.by_id.get(entry) for _, entry in sorted(result.entries.grants.items()))
    return [
        Allowed.of(citations.cite(fact.entry_id), fact.author, fact.data)
        for fact in facts
        if fact is not None and fact.data
    ]


def _quorum(result: ResultFile, citations: _Citations) -> Quorum | None:
    """Return how the result's checkpoint stands to its witness policy, where the facts have it."""
    fact = citations.by_id.get(result.entries.witness_policy or "")
    if fact is None:
        return None
    policy = policy_in_force([(fact.entry_id, fact.type, fact.data)])
    if policy is None:
        return None
    return Quorum.of(policy.lines, result.checkpoint.encode())


def _run_entries(result: ResultFile, citations: _Citations) -> list[tuple[str, str]]:
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
