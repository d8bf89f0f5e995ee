"""The figures of a saved evaluation by name: of each model, of their comparison, of each slice."""

from collections.abc import Iterator

from fedcredit.evaluation_file import Estimate, EvaluationFile, OverallFigures
from fedcredit.figure import Figure, cited

VALUES = {
    "auc": "auc", "ks": "ks", "gini": "gini", "brier": "brier", "n": "n",
    "stability": "population_stability", "bad_rate": "bad_rate", "mean_p": "mean_p",
    "hosmer_lemeshow": "hosmer_lemeshow",
}  # fmt: skip
"""Figure -> field, where the figure is one number."""

ESTIMATES = ("calibration_slope", "calibration_intercept")
TABLES = ("bands", "roc", "calibration", "gains")


def evaluation_figures(evaluation: EvaluationFile) -> Iterator[Figure]:
    """Yield the figures of an evaluation that its reports print.

    A figure that the file does not name by itself cites the opening of the metrics that it is a
    part of.
    """
    for role, figures in evaluation.overall.items():
        if figures.withheld is None:
            yield from _overall(evaluation, role, figures)
    comparison = evaluation.comparison
    if comparison is not None and comparison.delong is not None:
        entry = cited(evaluation, "delong", "comparison", "auc.champion")
        yield Figure(name="delong", entry=entry, value=comparison.delong.difference)
    if comparison is not None and comparison.mcnemar is not None:
        entry = cited(evaluation, "mcnemar", "comparison", "auc.champion")
        yield Figure(name="mcnemar", entry=entry, value=comparison.mcnemar.chi_square)
    for part in evaluation.partitions:
        for one in part.slices:
            name = f"{part.by}.{one.name}"
            yield Figure(name=name, entry=cited(evaluation, name, part.by, "auc.champion"))
    yield from _drift(evaluation)


def _overall(evaluation: EvaluationFile, role: str, figures: OverallFigures) -> Iterator[Figure]:
    for name, field in VALUES.items():
        value = getattr(figures, field)
        if value is not None:
            yield Figure(name=f"{name}.{role}", entry=_of(evaluation, name, role), value=value)
    for name in ESTIMATES:
        estimate: Estimate | None = getattr(figures, name)
        if estimate is not None:
            entry = _of(evaluation, name, role)
            yield Figure(name=f"{name}.{role}", entry=entry, value=estimate.value)
    for name in TABLES:
        if getattr(figures, name):
            yield Figure(name=f"{name}.{role}", entry=_of(evaluation, name, role))
    if figures.cutoff is not None:
        yield Figure(name=f"cutoff.{role}", entry=_of(evaluation, "cutoff", role))


def _of(evaluation: EvaluationFile, name: str, role: str) -> str:
    return cited(evaluation, f"{name}.{role}", f"auc.{role}", "metrics")


def _drift(evaluation: EvaluationFile) -> Iterator[Figure]:
    if evaluation.drift is None:
        return
    entries = {}
    for month in evaluation.drift.months:
        name = f"drift.{month.period}"
        entries[month.period] = cited(evaluation, name, f"period.{month.period}", "drift")
        value = month.population_stability
        yield Figure(name=name, entry=entries[month.period], value=value)
    for row in evaluation.drift.features:
        entry = entries.get(row.period, "")
        yield Figure(name=f"drift.{row.period}.{row.feature}", entry=entry, value=row.index)
