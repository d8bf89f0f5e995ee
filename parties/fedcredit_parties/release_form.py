"""The form of released values: what a member takes for a number before it believes it.

A release comes from the key holder, sealed and committed to; it is still foreign bytes. What is
not exactly the result of the phase that comes next is refused by name, instead of ending the reader
somewhere in the mathematics.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from fedcredit_models.cell_rules import CellRules
from fedcredit_models.score_bands import NANO

COUNT_BOUND = 1 << 31
POINT_BOUND = 1 << 53


def is_count(value: object) -> bool:
    """Tell whether it is a number of rows."""
    return type(value) is int and 0 <= value < COUNT_BOUND


def is_whole(value: object) -> bool:
    """Tell whether it is one fixed-point number."""
    return type(value) is int and abs(value) < POINT_BOUND


def is_point(value: object, length: int) -> bool:
    """Tell whether it is a list of `length` fixed-point numbers."""
    return isinstance(value, list) and len(value) == length and all(map(is_whole, value))


Test = Callable[[Any], bool]


def is_share(value: object) -> bool:
    """Tell whether it is a share, in units of 1e-9."""
    return type(value) is int and 0 <= value <= NANO


def is_flag(value: object) -> bool:
    """Tell whether it is 0 or 1, and no truth value."""
    return type(value) is int and value in (0, 1)


def is_word(value: object, words: Collection[str]) -> bool:
    """Tell whether it is one of these words; anything may be asked, also what has no hash."""
    return isinstance(value, str) and value in words


def has(
    value: object, tests: Mapping[str, Test], optional: Mapping[str, Test] | None = None
) -> bool:
    """Tell whether it is an object with exactly these fields, each of which passes its test."""
    if not isinstance(value, dict):
        return False
    known = {**tests, **(optional or {})}
    return set(tests) <= set(value) <= set(known) and all(
        known[name](part) for name, part in value.items()
    )


def rows_of(tests: Mapping[str, Test]) -> Test:
    """Return a test for a list of objects with these fields."""
    return lambda value: isinstance(value, list) and all(has(row, tests) for row in value)


def is_withheld(value: object, rules: Collection[str], *, empty: str) -> bool:
    """Tell whether it says nothing but why; an empty sample also that it has no rows.

    Parameters
    ----------
    rules : collection of str
        Words that say why.
    empty : str
        The word for no rows.
    """
    if not has(value, {"withheld": lambda word: is_word(word, rules)}, _NO_ROWS):
        return False
    assert isinstance(value, dict)
    return len(value) == 1 or (len(value) == 3 and value["withheld"] == empty)


_NO_ROWS: Mapping[str, Test] = {
    name: lambda value: type(value) is int and value == 0 for name in ("n", "bads")
}


def are_bins(assignment: object, bads: object, goods: object, n: int, rules: CellRules) -> bool:
    """Tell whether it is an assignment of `n` raw cells, with counts that may be released.

    One bin alone stands for a feature that was dropped: it counts nothing.
    """
    if not all(isinstance(part, list) for part in (assignment, bads, goods)):
        return False
    assert isinstance(assignment, list) and isinstance(bads, list) and isinstance(goods, list)
    if len(assignment) != n or not all(type(x) is int for x in (*assignment, *bads, *goods)):
        return False
    if len(bads) == 1:
        return (assignment, bads, goods) == ([0] * n, [0], [0])
    return (
        len(bads) == len(goods) > 0
        and all(map(is_count, (*bads, *goods)))
        and sum(bads) + sum(goods) < COUNT_BOUND
        and set(assignment) - {-1} == set(range(len(bads)))
        and all(rules.broken(*pair) is None for pair in zip(bads, goods, strict=True))
    )
