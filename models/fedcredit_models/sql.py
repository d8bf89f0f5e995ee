"""Fitted models as one SQL statement: scores where the rows lie, with nothing to install.

Standard SQL: ``CASE WHEN``, ``IN``, ``CAST``. Numbers are written so that they read back to the
last bit. What the statement gives is what the model gives; a category's column holds text or whole
numbers, as the levels were declared.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from fedcredit_models.cells import RawCells, runs
from fedcredit_models.trees import LEAF_BITS, Tree

if TYPE_CHECKING:
    from fedcredit_models.gbdt import Gbdt
    from fedcredit_models.scorecard import Scorecard

_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


def scorecard_sql(card: "Scorecard", table: str, *, quote: str = '"') -> str:
    """Return a SELECT of every row of `table` with its points, log odds and probability of bad.

    Parameters
    ----------
    card : Scorecard
        Fitted.
    table : str
        Name of the table; ``schema.table`` is quoted part by part.
    quote : str
        What encloses a name: ``"`` is standard, MySQL takes a backtick.

    Returns
    -------
    str
        Columns ``points_FEATURE`` for each kept feature, ``score``, ``log_odds_bad``,
        ``probability_bad``, after those of the table.

    Raises
    ------
    ValueError
        For a name that cannot be quoted.
    """
    names = [t.raw.feature.name for t in card.tables_]
    points = [
        _case(t.raw, t.assignment, [str(p) for p in card.bin_points(j)], str(card.neutral_points),
              _quoted(name, quote))
        for j, (t, name) in enumerate(zip(card.tables_, names, strict=True))
    ]  # fmt: skip
    terms = [
        _case(t.raw, t.assignment, [repr(float(card.coef_[j] * w)) for w in t.woe], "0.0",
              _quoted(name, quote))
        for j, (t, name) in enumerate(zip(card.tables_, names, strict=True))
    ]  # fmt: skip
    columns = [
        f"{case} AS {_quoted(f'points_{name}', quote)}"
        for case, name in zip(points, names, strict=True)
    ]
    score = _sum([f"scored.{_quoted(f'points_{name}', quote)}" for name in names])
    columns.append(f"{_sum([repr(card.intercept_), *terms])} AS log_odds_bad")
    inner = _select(columns, table, quote)
    last = f"{score or card.neutral_points} AS score"
    return f"SELECT scored.*,\n  {last},\n  {_PROBABILITY}\nFROM (\n{inner}\n) AS scored"


def gbdt_sql(model: "Gbdt", table: str, *, quote: str = '"') -> str:
    """Return a SELECT of every row of `table` with its log odds and probability of bad.

    Parameters
    ----------
    model : Gbdt
        Fitted.
    table, quote : str
        As in `scorecard_sql`.

    Returns
    -------
    str
        Columns ``log_odds_bad`` and ``probability_bad`` after those of the table. Leaves are added
        as whole numbers (64 bits), so that the sum does not depend on their order.

    Raises
    ------
    ValueError
        For a name that cannot be quoted.
    """
    columns = [_quoted(raw.feature.name, quote) for raw in model.raw_]
    leaves = [_tree(tree, 0, model.raw_, columns) for tree in model.trees_]
    total = _sum([str(model.base_), *leaves])
    inner = _select([f"({total}) / {2**LEAF_BITS}.0 AS log_odds_bad"], table, quote)
    return f"SELECT scored.*,\n  {_PROBABILITY}\nFROM (\n{inner}\n) AS scored"


_PROBABILITY = "1.0 / (1.0 + EXP(-scored.log_odds_bad)) AS probability_bad"


def _select(columns: Sequence[str], table: str, quote: str) -> str:
    source = ".".join(_quoted(part, quote) for part in table.split("."))
    return "SELECT rows_.*,\n  " + ",\n  ".join(columns) + f"\nFROM {source} AS rows_"


def _quoted(name: str, quote: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"a name that SQL cannot quote: {name!r}")
    return quote + name.replace(quote, 2 * quote) + quote


def _sum(terms: Sequence[str]) -> str:
    return "\n    + ".join(terms)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _case(
    raw: RawCells, assignment: Sequence[int], values: Sequence[str], neutral: str, column: str
) -> str:
    """Return the CASE that gives each bin's value; a cell without a bin has the neutral one."""
    whens = []
    for number, value in enumerate(values):
        cells = [cell for cell, bin_ in enumerate(assignment) if bin_ == number]
        whens.append(f"WHEN {_holds(raw, cells, column)} THEN {value}")
    return f"CASE {' '.join(whens)} ELSE {neutral} END"


def _tree(tree: Tree, place: int, raw: Sequence[RawCells], columns: Sequence[str]) -> str:
    node = tree.nodes[place]
    if node.is_leaf:
        return str(node.value)
    left, right = (_tree(tree, child, raw, columns) for child in node.children)
    condition = _holds(raw[node.feature], node.left, columns[node.feature])
    return f"CASE WHEN {condition} THEN {left} ELSE {right} END"


def _holds(raw: RawCells, cells: Iterable[int], column: str) -> str:
    """Return the condition under which a value lies in one of the cells."""
    chosen = set(cells)
    m = raw.n_ordinary
    parts = [f"{column} IS NULL"] if m in chosen else []
    if raw.feature.kind == "categorical":
        return " OR ".join([*parts, *_levels(raw, chosen, column)]) or "1 = 0"
    codes = [f"{code!r}" for j, code in enumerate(raw.feature.special) if m + 1 + j in chosen]
    others = [f"{code!r}" for j, code in enumerate(raw.feature.special) if m + 1 + j not in chosen]
    if codes:
        parts.append(f"{column} IN ({', '.join(codes)})")
    no_code = f" AND {column} NOT IN ({', '.join(others)})" if others else ""
    for first, last in runs(sorted(cell for cell in chosen if cell < m)):
        above = f"{column} > {raw.edges[first - 1]!r}" if first else ""
        below = f"{column} <= {raw.edges[last]!r}" if last < m - 1 else ""
        inside = " AND ".join(part for part in (above, below) if part) or f"{column} IS NOT NULL"
        parts.append(f"({inside}{no_code})")
    return " OR ".join(parts) or "1 = 0"


def _levels(raw: RawCells, chosen: set[int], column: str) -> list[str]:
    levels, other = raw.feature.levels, len(raw.feature.levels)
    as_text = f"CAST({column} AS VARCHAR(200))"
    named = [_text(level) for i, level in enumerate(levels) if i in chosen]
    if other not in chosen:
        return [f"{as_text} IN ({', '.join(named)})"] if named else []
    rest = [_text(level) for i, level in enumerate(levels) if i not in chosen]
    return [f"{as_text} NOT IN ({', '.join(rest)})" if rest else f"{column} IS NOT NULL"]
