"""What a validation flags: every figure that crosses a threshold, and every test that is missing.

Findings are generated, so that none is forgotten; people judge them. Each rests on figures of the
saved result or of the evaluation, and names them. Nothing is rounded in favour of the model.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from fedcredit.evaluation_file import Estimate, EvaluationFile, SliceFigures
from fedcredit.model_view import ModelView
from fedcredit.monitoring_plan import CALIBRATION_Z, STABILITY
from fedcredit.report_page import signed, whole
from fedcredit.result_file import ResultFile
from fedcredit_models.gain import NANO

Severity = Literal["act", "watch", "note"]
ORDER: dict[Severity, int] = {"act": 0, "watch": 1, "note": 2}

WEAK_IV, SUSPICIOUS_IV = 0.02, 0.5
"""modelling.md B.1: a feature with less says nothing; one with more says too much."""

LEVEL = 0.05
"""Below this p-value a test speaks against the model."""

FOUR_FIFTHS = 0.8
"""An approval rate below this share of the highest group's is an adverse impact by custom."""

TESTS = (
    "holdout", "oot", "evaluation", "challenger", "hosmer_lemeshow", "slope", "period", "segment",
    "group", "drift",
)  # fmt: skip
"""Tests that a validation has; what is absent is listed as missing."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One flag.

    Attributes
    ----------
    key : str
        Key of its sentence in the catalogue.
    severity : {"act", "watch", "note"}
        To be acted on, to be watched, to be known.
    about : str
        Feature, sample, role, slice or month.
    values : mapping of str to (str, str)
        Name in the sentence -> (figure, the number as it is printed).
    """

    key: str
    severity: Severity
    about: str = ""
    values: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def findings(
    result: ResultFile, view: ModelView, evaluation: EvaluationFile | None
) -> list[Finding]:
    """Return every finding, the gravest first.

    Parameters
    ----------
    result : ResultFile
        The saved result.
    view : ModelView
        Its model.
    evaluation : EvaluationFile or None
        The saved evaluation of the model, where there is one.
    """
    found = [*_of_model(view), *_of_samples(result), *_of_gains(result)]
    if evaluation is not None:
        found += [*_of_rows(result, evaluation), *_of_calibration(evaluation)]
        found += _of_comparison(evaluation)
        found += [*_of_slices(evaluation), *_of_drift(evaluation)]
    return sorted(found, key=lambda one: ORDER[one.severity])


def missing(result: ResultFile, evaluation: EvaluationFile | None) -> list[str]:
    """Return the tests of `TESTS` that were not made, or whose figures were withheld."""
    there = {name for name, part in result.metrics.items() if part.withheld is None}
    if evaluation is not None:
        there |= {"evaluation", *(part.by for part in evaluation.partitions)}
        champion = evaluation.overall.get("champion")
        comparison = evaluation.comparison
        if evaluation.rows in ("holdout", "oot") and champion is not None and not champion.withheld:
            there.add(evaluation.rows)
        if comparison is not None and comparison.withheld is None:
            there.add("challenger")
        if champion is not None and champion.hosmer_lemeshow_p is not None:
            there.add("hosmer_lemeshow")
        if champion is not None and champion.calibration_slope is not None:
            there.add("slope")
        if evaluation.drift is not None:
            there.add("drift")
    return [name for name in TESTS if name not in there]


def interval(estimate: Estimate) -> tuple[float, float]:
    """Return the 95 % interval of an estimate, widened by the distance to the unbinned one."""
    half = 1.96 * estimate.standard_error + abs(estimate.bound)
    return estimate.value - half, estimate.value + half


def _of_model(view: ModelView) -> Iterator[Finding]:
    for mover in view.movers:
        shown = {"iv": (f"iv.{mover.name}", f"{mover.iv:.3f}")}
        if mover.iv >= SUSPICIOUS_IV:
            yield Finding(key="iv_high", severity="act", about=mover.name, values=shown)
        elif mover.iv < WEAK_IV:
            yield Finding(key="iv_low", severity="note", about=mover.name, values=shown)
    for name in view.too_good:
        yield Finding(key="too_good", severity="act", about=name)
    for row in view.card.coefficients[1:] if view.card is not None else ():
        value = {"value": (f"coefficient.{row.term}", signed(row.coefficient, 4))}
        if row.coefficient > 0:
            yield Finding(key="sign", severity="act", about=row.term, values=value)
        elif row.standard_error > 0 and row.p_value > LEVEL:
            p = {"p": (f"standard_error.{row.term}", f"{row.p_value:.4f}")}
            yield Finding(key="p_value", severity="note", about=row.term, values=p)


def _of_samples(result: ResultFile) -> Iterator[Finding]:
    train = result.metrics.get("train")
    for name, sample in result.metrics.items():
        index = sample.population_stability
        if index is not None and index >= STABILITY[0]:
            values = {"index": (f"stability.{name}", f"{index:.4f}")}
            yield Finding(key="stability", severity=_severity(index), about=name, values=values)
        if name == "train" or train is None or train.gini is None or sample.gini_high is None:
            continue
        if sample.gini_high < train.gini:
            values = {
                "high": (f"gini.{name}", f"{sample.gini_high:.4f}"),
                "train": ("gini.train", f"{train.gini:.4f}"),
            }
            yield Finding(key="overfit", severity="watch", about=name, values=values)
    if result.finality is None:
        yield Finding(key="not_final", severity="watch")


def _of_gains(result: ResultFile) -> Iterator[Finding]:
    """Yield the parties whose personal model ranks worse than the one of their own rows alone."""
    for party, gain in sorted(result.gains.items()):
        estimate = gain.against_local.get("personal")
        if estimate is None or estimate[0] >= 0:
            continue
        value, low, high = (signed(end / NANO, 4) for end in estimate)
        values = {
            "gain": (f"gain.{party}", value),
            "low": (f"gain.{party}", low),
            "high": (f"gain.{party}", high),
        }
        severity: Severity = "act" if estimate[2] < 0 else "watch"
        yield Finding(key="worse_off", severity=severity, about=party, values=values)


def _severity(index: float) -> Severity:
    return "act" if index >= STABILITY[1] else "watch"


def _of_rows(result: ResultFile, evaluation: EvaluationFile) -> Iterator[Finding]:
    """Yield whether the evaluated hold-out is another one than the training run kept out."""
    ours = result.metrics.get(evaluation.rows)
    theirs = evaluation.overall.get("champion")
    if evaluation.rows == "all" or ours is None or theirs is None:
        return
    if ours.n is not None and theirs.n is not None and ours.n != theirs.n:
        values = {
            "ours": (f"n.{evaluation.rows}", whole(ours.n)),
            "theirs": ("n.champion", whole(theirs.n)),
        }
        yield Finding(key="rows", severity="watch", about=evaluation.rows, values=values)


def _of_calibration(evaluation: EvaluationFile) -> Iterator[Finding]:
    for role, figures in evaluation.overall.items():
        for key, target in (("slope", 1.0), ("intercept", 0.0)):
            name = f"calibration_{key}"
            estimate: Estimate | None = getattr(figures, name)
            if estimate is None:
                continue
            low, high = interval(estimate)
            if not low <= target <= high:
                values = {
                    "low": (f"{name}.{role}", signed(low)),
                    "high": (f"{name}.{role}", signed(high)),
                }
                yield Finding(key=key, severity="watch", about=role, values=values)
        p = figures.hosmer_lemeshow_p
        if p is not None and p < LEVEL:
            values = {"p": (f"hosmer_lemeshow.{role}", f"{p:.4f}")}
            yield Finding(key="hosmer_lemeshow", severity="watch", about=role, values=values)


def _of_comparison(evaluation: EvaluationFile) -> Iterator[Finding]:
    comparison = evaluation.comparison
    if comparison is None:
        return
    delong, mcnemar = comparison.delong, comparison.mcnemar
    if delong is not None and delong.p_high < LEVEL and delong.difference > 0:
        values = {
            "difference": ("delong", signed(delong.difference, 4)),
            "p": ("delong", f"{delong.p_value:.4f}"),
        }
        yield Finding(key="delong", severity="watch", values=values)
    if mcnemar is not None and mcnemar.exact_p_value < LEVEL:
        champion, challenger = mcnemar.only_champion_right, mcnemar.only_challenger_right
        if challenger > champion:
            values = {
                "challenger": ("mcnemar", whole(challenger)),
                "champion": ("mcnemar", whole(champion)),
            }
            yield Finding(key="mcnemar", severity="watch", values=values)


def _of_slices(evaluation: EvaluationFile) -> Iterator[Finding]:
    champion = evaluation.overall.get("champion")
    overall = champion.gini if champion is not None else None
    for part in evaluation.partitions:
        for one in part.slices:
            name = f"{part.by}.{one.name}"
            if one.withheld is not None:
                yield Finding(key="withheld", severity="note", about=one.name)
                continue
            yield from _of_slice(one, name, overall)


def _of_slice(one: SliceFigures, name: str, overall: float | None) -> Iterator[Finding]:
    """Yield what one slice shows: rank order, calibration, stability, approval."""
    if overall is not None and one.gini_high is not None and one.gini_high < overall:
        values = {
            "high": (name, f"{one.gini_high:.4f}"),
            "overall": ("gini.champion", f"{overall:.4f}"),
        }
        yield Finding(key="weaker", severity="watch", about=one.name, values=values)
    z = one.calibration_z
    if z is not None and abs(z) > CALIBRATION_Z[0]:
        severity: Severity = "act" if abs(z) > CALIBRATION_Z[1] else "watch"
        values = {"z": (name, signed(z, 2))}
        yield Finding(key="calibration_z", severity=severity, about=one.name, values=values)
    index = one.population_stability
    if index is not None and index >= STABILITY[0]:
        values = {"index": (name, f"{index:.4f}")}
        yield Finding(key="stability", severity=_severity(index), about=one.name, values=values)
    ratio = one.adverse_impact_ratio
    if ratio is not None and ratio < FOUR_FIFTHS:
        values = {"ratio": (name, f"{ratio:.3f}")}
        yield Finding(key="adverse", severity="act", about=one.name, values=values)


def _of_drift(evaluation: EvaluationFile) -> Iterator[Finding]:
    for month in evaluation.drift.months if evaluation.drift is not None else ():
        if month.verdict in ("watch", "act"):
            severity: Severity = "act" if month.verdict == "act" else "watch"
            name = f"drift.{month.period}"
            values = {"index": (name, _told(month.population_stability))}
            if month.largest_feature is None:
                yield Finding(key="drift", severity=severity, about=month.period, values=values)
                continue
            values["largest"] = (name, f"{month.largest_feature} {_told(month.largest_index)}")
            yield Finding(key="drift_most", severity=severity, about=month.period, values=values)


def _told(index: float | None) -> str:
    return "" if index is None else f"{index:.4f}"
