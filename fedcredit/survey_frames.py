"""The releases of a survey as pandas frames: arithmetic on released integers, nothing else."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fedcredit_models import correlation as correlations
from fedcredit_models import crosstab, moments, stability, vintage
from fedcredit_models.distribution import PER_MILLE, WITHHELD
from fedcredit_models.drift import DriftThresholds
from fedcredit_models.dropped import REASONS
from fedcredit_models.fixed_point import FixedPoint
from fedcredit_models.moments import CORRELATION_BITS
from fedcredit_models.tails import chi_square_tail, normal_two_sided
from fedcredit_parties.survey_course import MICRO, SurveyCourse

QUANTILES = tuple(f"q{k / 10:g}" for k in PER_MILLE)
"""Names of the quantile columns, in per cent."""


def description(course: SurveyCourse) -> pd.DataFrame:
    """Return one row a feature: kind, n, missing, special, note, mean, sd, bounds, quantiles.

    A quantile is the upper end of the grid's cell that holds it. Counts and figures that are
    withheld show as missing values, with the reason in ``note``.
    """
    place = {i: j for j, i in enumerate(course.measured)}
    rows = []
    for i, (feature, column) in enumerate(zip(course.task.features, course.columns, strict=True)):
        row: dict[str, Any] = {
            "feature": feature.name,
            "kind": feature.kind,
            "n": _told(column.present),
            "missing": _told(column.tail[0]),
            "special": pd.NA if WITHHELD in column.tail[1:] else sum(column.tail[1:]),
            "note": _note(course, i),
        }
        if i in place:
            mean, sd = (course.statistics[name][place[i]] for name in ("means", "deviations"))
            row |= moments.told(FixedPoint(feature), mean, sd, column.present)
        row |= {
            name: math.nan if cell == WITHHELD else _upper(course, i, cell)
            for name, cell in zip(QUANTILES, column.quantiles, strict=False)
        }
        rows.append(row)
    figures = ["mean", "mean_bound", "sd", "sd_bound", *QUANTILES]
    names = ["feature", "kind", "n", "missing", "special", *figures, "note"]
    found = pd.DataFrame(rows).reindex(columns=names).set_index("feature")
    return found.astype({"n": "Int64", "missing": "Int64", "special": "Int64"}).astype(
        dict.fromkeys(figures, "float64")
    )


def _upper(course: SurveyCourse, i: int, cell: int) -> float:
    """Return the upper end of a cell; that of the last one is the declared bound."""
    return min(float(course.grids[i].upper[cell]), course.task.features[i].bounds[1])


def _told(count: int) -> Any:
    return pd.NA if count == WITHHELD else count


def _note(course: SurveyCourse, i: int) -> str:
    """Return in words what is special about a column, or why a figure is withheld."""
    column, parts = course.columns[i], []
    if column.spread == "empty":
        parts.append("holds no value")
    elif column.spread != "varies":
        parts.append(column.spread)
    if WITHHELD in (column.present, *column.tail):
        parts.append("a count below the cell rules is withheld")
    if i in course.dropped and column.spread not in ("constant", "empty"):
        parts.append(REASONS[course.dropped[i]])
    return "; ".join(parts)


def quantiles(course: SurveyCourse) -> pd.DataFrame:
    """Return by feature and quantile the cell that holds it: ``above``, ``up_to``."""
    rows = []
    for i, grid in course.grids.items():
        for name, cell in zip(QUANTILES, course.columns[i].quantiles, strict=True):
            if cell != WITHHELD:
                above = -math.inf if cell == 0 else float(grid.upper[cell - 1])
                rows.append((grid.feature.name, name, above, _upper(course, i, cell)))
    columns = ["feature", "quantile", "above", "up_to"]
    return pd.DataFrame(rows, columns=columns).set_index(["feature", "quantile"])


def correlation(course: SurveyCourse) -> pd.DataFrame:
    """Return the correlation matrix; NaN where one is withheld or a column is constant."""
    names = [feature.name for feature in course.measured_features]
    return correlations.matrix(course.statistics["correlations"], names)


def correlation_bound(course: SurveyCourse) -> float:
    """Return how far a correlation may lie from that of the raw values."""
    if not course.measured:
        return 0.0
    return math.ldexp(1.0, course.statistics["bound"]) + math.ldexp(0.5, -CORRELATION_BITS)


def over_time(course: SurveyCourse) -> pd.DataFrame:
    """Return by feature and period: ``n``, ``csi`` against the first period, ``verdict``."""
    periods, parts = course.task.periods, []
    if periods is None or not course.released_tables:
        return pd.DataFrame(columns=["n", "csi", "verdict"])
    for (_, table), told in zip(
        course.kept_tables(), course.released_tables["periods"], strict=True
    ):
        if not told["groups"]:
            continue
        found = stability.index_by_period(told["counts"], periods.labels)
        found["verdict"] = [
            "" if np.isnan(csi) else DriftThresholds().verdict(float(csi)) for csi in found["csi"]
        ]
        parts.append(pd.concat({table.raw.feature.name: found}, names=["feature"]))
    return pd.concat(parts) if parts else pd.DataFrame(columns=["n", "csi", "verdict"])


def period_counts(course: SurveyCourse, name: str) -> pd.DataFrame:
    """Return one feature's rows by group of bins (rows) and period (columns)."""
    periods = course.task.periods
    names = [table.raw.feature.name for _, table in course.kept_tables()]
    if periods is None or name not in names:
        return pd.DataFrame()
    told = course.released_tables["periods"][names.index(name)]
    table = course.kept_tables()[names.index(name)][1]
    labels = [" or ".join(table.labels[b] for b in group) for group in told["groups"]]
    return pd.DataFrame(told["counts"], index=labels, columns=list(periods.labels))


def vintages(course: SurveyCourse) -> pd.DataFrame:
    """Return vintage, months_on_book, n, bads, bad_rate; missing where withheld."""
    task = course.task
    if task.periods is None or not task.ages:
        return vintage.frame([], [], [], [])
    told = course.released_tables["vintage"]
    return vintage.frame(told["n"], told["bads"], task.periods.labels, task.ages)


def cross_table(course: SurveyCourse, k: int, what: str) -> pd.DataFrame | None:
    """Return the k-th cross-table of ``n`` or ``bads``; None when it is withheld."""
    told = course.released_tables["pairs"][k]
    if "withheld" in told:
        return None
    row, column = (course.table_named(name) for name in course.task.pairs[k])
    assert row is not None and column is not None, "a released table has bins on both sides"
    return pd.DataFrame(told[what], index=list(row.labels), columns=list(column.labels))


def associations(course: SurveyCourse) -> pd.DataFrame:
    """Return by pair: chi_square, degrees, p_value, cramers_v, and why a table is withheld."""
    rows = []
    for k, (row, column) in enumerate(course.task.pairs):
        told: Mapping[str, Any] = course.released_tables["pairs"][k]
        found: dict[str, Any] = {"rows": row, "columns": column}
        if "withheld" in told:
            found["withheld"] = told["withheld"]
        else:
            test = crosstab.association(told["n"])
            found |= {
                "chi_square": test.chi_square,
                "degrees": test.degrees,
                "p_value": test.p_value,
                "cramers_v": test.cramers_v,
                "withheld": "",
            }
        rows.append(found)
    names = ["rows", "columns", "chi_square", "degrees", "p_value", "cramers_v", "withheld"]
    return pd.DataFrame(rows).reindex(columns=names).set_index(["rows", "columns"])


def steps(course: SurveyCourse) -> pd.DataFrame:
    """Return the decisions of the selection: move, feature, test, statistic, p_value.

    A feature enters by its score test (chi-square, one degree of freedom) and leaves by its Wald
    test (z).
    """
    rows, active = [], []
    for step in course.steps:
        if step["move"] == "enter":
            statistic = dict(step["tests"])[step["column"]] / MICRO
            p_value = chi_square_tail(statistic, 1)
            rows.append(("enter", _name(course, step["column"]), "score", statistic, p_value))
            active.append(step["column"])
        elif step["move"] == "leave":
            z = step["wald"][active.index(step["column"])] / MICRO
            rows.append(("leave", _name(course, step["column"]), "wald", z, normal_two_sided(z)))
            active.remove(step["column"])
    return pd.DataFrame(rows, columns=["move", "feature", "test", "statistic", "p_value"])


def candidates(course: SurveyCourse) -> pd.DataFrame:
    """Return the last score test of every feature outside the selected model."""
    settled = [step for step in course.steps if step["move"] != "fit"]
    rows = [
        (_name(course, column), value / MICRO, chi_square_tail(value / MICRO, 1))
        for column, value in (settled[-1]["tests"] if settled else [])
    ]
    columns = ["feature", "statistic", "p_value"]
    return pd.DataFrame(rows, columns=columns).set_index("feature")


def selected(course: SurveyCourse) -> pd.DataFrame:
    """Return the selected model: coefficient, wald_z, p_value, by term."""
    if not course.steps:
        return pd.DataFrame(columns=["coefficient", "wald_z", "p_value"])
    beta = course.coefficients
    rows = [("intercept", float(beta[0]), math.nan, math.nan)]
    for column, wald in zip(course.active, course.steps[-1]["wald"], strict=True):
        z = wald / MICRO
        rows.append((_name(course, column), float(beta[column]), z, normal_two_sided(z)))
    columns = ["term", "coefficient", "wald_z", "p_value"]
    return pd.DataFrame(rows, columns=columns).set_index("term")


def _name(course: SurveyCourse, column: int) -> str:
    """Return the name of a kept feature, counted from 1."""
    return course.task.features[course.kept[column - 1]].name
