"""The form of a released document, checked before anybody believes a number in it.

A release comes from the key holder, sealed and committed to; it is still foreign bytes. What is
not exactly the result of the phase that comes next (fields, lengths, integers in their ranges) is
refused by name, instead of ending the reader somewhere in the mathematics.
"""

from collections.abc import Callable, Mapping
from typing import Any

from fedcredit_models.dropped import REASONS
from fedcredit_parties.errors import MalformedMessageError

COUNT_BOUND = 1 << 31
POINT_BOUND = 1 << 53

OUTCOMES: Mapping[str, frozenset[str]] = {
    "quantiles": frozenset({"continue"}),
    "bins": frozenset({"continue"}),
    "newton": frozenset({"continue", "converged"}),
    "metrics": frozenset({"done"}),
}
"""Phase -> outcomes after which the run goes on."""


def is_count(value: object) -> bool:
    """Tell whether it is a number of rows."""
    return type(value) is int and 0 <= value < COUNT_BOUND


def is_point(value: object, length: int) -> bool:
    """Tell whether it is a list of `length` fixed-point numbers."""
    return (
        isinstance(value, list)
        and len(value) == length
        and all(type(x) is int and abs(x) < POINT_BOUND for x in value)
    )


def check_release(
    document: Mapping[str, Any],
    phase: str | None,
    *,
    n_cells: Mapping[int, int],
    n_raw: tuple[int, ...],
    n_features: int,
    samples: tuple[str, ...],
) -> None:
    """Refuse a document that is not a result of `phase`.

    Parameters
    ----------
    document : mapping
        ``outcome``, ``phase``, ``values``.
    phase : str or None
        The phase that comes next; None after the last.
    n_cells : mapping of int to int
        Cells of the grid of every numeric feature, by its place.
    n_raw : tuple of int
        Raw cells of every feature; known after the quantiles.
    n_features : int
        Features of the task.
    samples : tuple of str
        Samples on which metrics are computed.

    Raises
    ------
    MalformedMessageError
    """
    if document.get("phase") != phase or phase is None:
        raise MalformedMessageError(
            "a release of another phase", expected=str(phase), found="another phase"
        )
    values = document.get("values")
    forms: dict[str, Callable[[Any], bool]] = {
        "quantiles": lambda v: _edges(v.get("edges"), n_cells, n_features),
        "bins": lambda v: is_count(v.get("n")) and _features(v.get("features"), n_raw),
        "newton": lambda v: _newton(v, n_features + 1),
        "metrics": lambda v: _samples(v.get("samples"), samples),
    }
    if (
        set(document) != {"outcome", "phase", "values"}
        or not isinstance(document["outcome"], str)
        or document["outcome"] not in OUTCOMES[phase]
        or not isinstance(values, dict)
        or not is_count(values.get("n_clipped"))
        or not forms[phase](values)
    ):
        raise MalformedMessageError(
            f"a release that is no result of the phase {phase}",
            expected="the fields of that phase, with integers in their ranges",
            found="another document",
            remedy="stop the run: compare FedCredit versions with the key holder",
        )


def _edges(value: object, n_cells: Mapping[int, int], n_features: int) -> bool:
    if not isinstance(value, list) or len(value) != n_features:
        return False
    return all(
        isinstance(cells, list)
        and all(type(cell) is int and 0 <= cell < n_cells.get(i, 0) for cell in cells)
        and cells == sorted(set(cells))
        for i, cells in enumerate(value)
    )


def _features(value: object, n_raw: tuple[int, ...]) -> bool:
    if not isinstance(value, list) or len(value) != len(n_raw):
        return False
    return all(_bins(feature, n) for feature, n in zip(value, n_raw, strict=True))


def _bins(value: object, n: int) -> bool:
    """Tell whether it is one feature's bins; one with a single bin says why it is dropped."""
    if not isinstance(value, dict) or set(value) - {"dropped"} != {"assignment", "bads", "goods"}:
        return False
    assignment, bads, goods = value["assignment"], value["bads"], value["goods"]
    if not all(isinstance(part, list) for part in (assignment, bads, goods)):
        return False
    return (
        len(assignment) == n
        and all(type(b) is int for b in assignment)
        and len(bads) == len(goods) > 0
        and all(is_count(count) for count in (*bads, *goods))
        and set(assignment) - {-1} == set(range(len(bads)))
        and ("dropped" in value) == (len(bads) == 1)
        and value.get("dropped", "few") in REASONS
    )


def _newton(values: Mapping[str, Any], length: int) -> bool:
    return (
        is_point(values.get("point"), length)
        and is_point([values.get("log_loss_nano"), values.get("step_nano")], 2)
        and ("standard_errors" not in values or is_point(values["standard_errors"], length))
    )


def _samples(value: object, samples: tuple[str, ...]) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == set(samples)
        and all(isinstance(document, dict) for document in value.values())
    )
