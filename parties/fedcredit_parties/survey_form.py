"""The form of what a survey releases, phase by phase: foreign bytes until they have it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fedcredit_models.binning import RawCells
from fedcredit_models.cell_rules import CellRules
from fedcredit_models.correlation import CONSTANT
from fedcredit_models.correlation import WITHHELD as FEW
from fedcredit_models.distribution import PER_MILLE, SPREADS, WITHHELD
from fedcredit_models.dropped import REASONS
from fedcredit_models.moments import CORRELATION_BITS
from fedcredit_parties import quantile_phase
from fedcredit_parties.release_form import are_bins, is_count, is_point, is_whole, is_word

if TYPE_CHECKING:
    from fedcredit_parties.survey_course import SurveyCourse

RULES = ("min_subjects", "min_bads", "min_goods", "one_bin")
"""Why a cross-table is withheld."""

MOVES = ("fit", "enter", "leave", "done")


def _quantiles(course: "SurveyCourse", values: Mapping[str, Any], outcome: str) -> bool:
    features, columns = course.task.features, values.get("columns")
    return (
        set(values) == {"n", "n_clipped", "edges", "columns"}
        and is_count(values["n"])
        and values["n"] > 0
        and quantile_phase.is_form(values["edges"], course.grids, len(features))
        and isinstance(columns, list)
        and len(columns) == len(features)
        and all(_column(course, i, column) for i, column in enumerate(columns))
    )


def _column(course: "SurveyCourse", i: int, value: object) -> bool:
    """Tell whether it is what may be told of one column."""
    keys = {"present", "tail", "spread", "quantiles"}
    if not isinstance(value, dict) or set(value) != keys:
        return False
    grid, feature = course.grids.get(i), course.task.features[i]
    n_quantiles = 0 if grid is None else len(PER_MILLE)
    n_cells = 0 if grid is None else len(grid.upper)
    quantiles = value["quantiles"]
    return (
        _is_told(value["present"])
        and isinstance(value["tail"], list)
        and len(value["tail"]) == 1 + len(feature.special)
        and all(map(_is_told, value["tail"]))
        and type(value["spread"]) is int
        and 0 <= value["spread"] < len(SPREADS)
        and isinstance(quantiles, list)
        and len(quantiles) == n_quantiles
        and all(type(cell) is int and WITHHELD <= cell < n_cells for cell in quantiles)
    )


def _is_told(value: object) -> bool:
    return is_count(value) or (type(value) is int and value == WITHHELD)


def _statistics(course: "SurveyCourse", values: Mapping[str, Any], outcome: str) -> bool:
    features = values.get("features")
    return (
        set(values) == {"n_clipped", "features", "statistics"}
        and outcome == ("continue" if course.task.has_tables else "done")
        and isinstance(features, list)
        and len(features) == len(course.raw)
        and all(_bins(course, raw, f) for raw, f in zip(course.raw, features, strict=True))
        and _moments(values["statistics"], len(course.measured))
    )


def _bins(course: "SurveyCourse", raw: RawCells, value: object) -> bool:
    """Tell whether it is one feature's bins; one with a single bin says why it is dropped."""
    rules = course.task.policy.cells
    if not isinstance(value, dict) or not _table(raw, value, {"dropped", "fine"}, rules):
        return False
    single = len(value["bads"]) == 1
    if ("dropped" in value) != single or not is_word(value.get("dropped", "few"), REASONS):
        return False
    fixed = course.task.fixed.get(raw.feature.name)
    if fixed is not None and not single and tuple(value["assignment"]) != fixed.assignment:
        return False
    if "fine" not in value:
        return single or fixed is not None
    fine = value["fine"]
    return (
        not single
        and fixed is None
        and isinstance(fine, dict)
        and _table(raw, fine, set(), rules)
        and len(fine["bads"]) > 1
        and len(set(zip(fine["assignment"], value["assignment"], strict=True)))
        == len(set(fine["assignment"]))
    )


def _table(raw: RawCells, value: Mapping[str, Any], beside: set[str], rules: CellRules) -> bool:
    """Tell whether it is an assignment of the raw cells with the counts of its bins."""
    if set(value) - beside != {"assignment", "bads", "goods"}:
        return False
    return are_bins(value["assignment"], value["bads"], value["goods"], raw.n, rules)


def _moments(value: object, p: int) -> bool:
    keys = {"means", "deviations", "correlations", "bound"}
    if not isinstance(value, dict) or set(value) != keys:
        return False
    pairs = value["correlations"]
    return (
        is_point(value["means"], p)
        and is_point(value["deviations"], p)
        and all(x >= 0 for x in value["deviations"])
        and type(value["bound"]) is int
        and -64 <= value["bound"] <= 64
        and isinstance(pairs, list)
        and len(pairs) == p * (p - 1) // 2
        and all(
            (type(r) is int and abs(r) <= 1 << CORRELATION_BITS)
            or (isinstance(r, str) and r in (FEW, CONSTANT))
            for r in pairs
        )
    )


def _tables(course: "SurveyCourse", values: Mapping[str, Any], outcome: str) -> bool:
    if set(values) != {"n_clipped", "periods", "vintage", "pairs"}:
        return False
    periods, pairs = values["periods"], values["pairs"]
    expected = len(course.kept) if course.task.periods is not None else 0
    return (
        outcome == ("continue" if course.task.stepwise is not None else "done")
        and isinstance(periods, list)
        and len(periods) == expected
        and all(_over_time(course, value) for value in periods)
        and _vintage(course, values["vintage"])
        and isinstance(pairs, list)
        and len(pairs) == len(course.task.pairs)
        and all(
            _pair(course, pair, value) for pair, value in zip(course.task.pairs, pairs, strict=True)
        )
    )


def _over_time(course: "SurveyCourse", value: object) -> bool:
    if not isinstance(value, dict) or set(value) != {"groups", "counts"}:
        return False
    groups, n_periods = value["groups"], course.task.periods.n if course.task.periods else 0
    return (
        isinstance(groups, list)
        and all(isinstance(group, list) and all(map(is_count, group)) for group in groups)
        and _matrix(value["counts"], len(groups), n_periods)
    )


def _vintage(course: "SurveyCourse", value: object) -> bool:
    if not isinstance(value, dict):
        return False
    if not course.task.ages or course.task.periods is None:
        return value == {}
    shape = (course.task.periods.n, 1 + len(course.task.ages))
    return set(value) == {"n", "bads"} and all(
        _matrix(value[key], *shape, least=WITHHELD) for key in ("n", "bads")
    )


def _pair(course: "SurveyCourse", pair: tuple[str, str], value: object) -> bool:
    if not isinstance(value, dict):
        return False
    if set(value) == {"withheld"}:
        return is_word(value["withheld"], RULES)
    rows, columns = course.table_named(pair[0]), course.table_named(pair[1])
    return (
        set(value) == {"n", "bads"}
        and rows is not None
        and columns is not None
        and all(_matrix(value[key], rows.n_bins, columns.n_bins) for key in ("n", "bads"))
    )


def _matrix(value: object, n_rows: int, n_columns: int, *, least: int = 0) -> bool:
    return (
        isinstance(value, list)
        and len(value) == n_rows
        and all(
            isinstance(row, list)
            and len(row) == n_columns
            and all(type(x) is int and (is_count(x) or x == least) for x in row)
            for row in value
        )
    )


def _stepwise(course: "SurveyCourse", values: Mapping[str, Any], outcome: str) -> bool:
    keys = {"n_clipped", "point", "move", "column", "tests", "wald", "log_loss_nano", "step_nano"}
    if set(values) != keys or not is_word(values["move"], MOVES):
        return False
    move, column, n_kept = values["move"], values["column"], len(course.kept)
    outside = [c for c in range(1, n_kept + 1) if c not in course.active + course.barred]
    allowed = {"enter": outside, "leave": list(course.active)}.get(move, [0])
    tests, settled = values["tests"], move != "fit"
    return (
        outcome == ("done" if move == "done" else "continue")
        and type(column) is int
        and column in allowed
        and is_point(values["point"], len(course.task.features) + 1)
        and is_whole(values["log_loss_nano"])
        and is_whole(values["step_nano"])
        and is_point(values["wald"], len(course.active) if settled else 0)
        and isinstance(tests, list)
        and all(is_point(test, 2) for test in tests)
        and [test[0] for test in tests] == (outside if settled else [])
    )


FORMS: "Mapping[str, Callable[[SurveyCourse, Mapping[str, Any], str], bool]]" = {
    "quantiles": _quantiles,
    "statistics": _statistics,
    "tables": _tables,
    "stepwise": _stepwise,
}
"""Phase -> test of its values."""
