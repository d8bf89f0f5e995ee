"""Drift month by month: what was released of each, and what it asks for."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fedcredit_models.drift import Verdict, calibration_verdict, worst
from fedcredit_parties.course import NANO
from fedcredit_parties.evaluation_course import EvaluationCourse

if TYPE_CHECKING:
    from fedcredit.evaluation import Evaluation

Document = dict[str, Any]


def drift_figures(
    request: "Evaluation", course: EvaluationCourse, partitions: Sequence[Document]
) -> Document | None:
    """Return every month's distance from the baseline, with what it asks for."""
    part = next((part for part in partitions if part["by"] == "period"), None)
    if part is None:
        return None
    features = [feature.name for feature in request.model.saved.features]
    limits = request.thresholds
    figures = dict(zip(request.periods, course.figures["period"], strict=False))
    months, moved = [], []
    for row in part["slices"]:
        if row["name"] not in figures:
            continue  # other, missing
        if row.get("withheld") is not None:
            months.append({"period": row["name"], "withheld": row["withheld"]})
            continue
        own = dict(zip(features, figures[row["name"]].get("feature_index_nano", ()), strict=False))
        month, worst_features = _month(row, own, limits.verdict)
        months.append(month)
        moved += worst_features
    told = [month for month in months if "verdict" in month]
    trained = all(cells.trained for cells in request.model.saved.cells)
    first = next((month["period"] for month in told), "none")
    return {
        "baseline": "training" if request.model.bands else first,
        "feature_baseline": "training" if request.model.bands and trained else first,
        "thresholds": {"watch": limits.watch, "act": limits.act},
        "months": months,
        "features": moved,
        "verdict": worst([month["verdict"] for month in told]),
    }


def _month(
    row: Document, released: Mapping[str, int | str], verdict_of: Callable[[float], Verdict]
) -> tuple[Document, list[Document]]:
    """Return one told month with its verdict, and the index of each feature or why it has none."""
    index = {name: value / NANO for name, value in released.items() if not isinstance(value, str)}
    verdicts: dict[str, Verdict] = {}
    if "population_stability" in row:
        verdicts["score"] = verdict_of(row["population_stability"])
    if row["calibration_z"] is not None:
        verdicts["calibration"] = calibration_verdict(row["calibration_z"])
    features: list[Document] = [
        {"period": row["name"], "feature": name, "index": value, "verdict": verdict_of(value)}
        for name, value in index.items()
    ]
    verdicts |= {str(part["feature"]): part["verdict"] for part in features}
    features += [
        {"period": row["name"], "feature": name, "withheld": value}
        for name, value in released.items()
        if isinstance(value, str)
    ]
    largest = max(index, key=lambda name: index[name], default=None)
    return {
        "period": row["name"],
        "n": row["n"],
        "population_stability": row.get("population_stability"),
        "population_stability_withheld": row.get("population_stability_withheld"),
        "largest_feature": largest,
        "largest_index": None if largest is None else index[largest],
        "actual": row["bad_rate"],
        "predicted": row["mean_p"],
        "calibration_z": row["calibration_z"],
        "verdict": worst(list(verdicts.values())),
        "reasons": [name for name, verdict in verdicts.items() if verdict != "steady"],
    }, features
