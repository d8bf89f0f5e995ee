"""A scorecard from raw rows, written a second time and another way.

It imports nothing of FedCredit. Edges come from sorted values, counts from a cross table of rows,
merging from trying every partition, coefficients from SciPy's trust-region method; and the
coefficients carry their own proof, the conditions of Karush, Kuhn and Tucker. So whoever doubts the
encrypted scorecard has something to compare it with that shares no line with it.

Rules: ``shared/spec/modelling.md`` B.2 and the docstrings of grid, merging and logistic.
"""

import hashlib
import hmac
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Column:
    """A declared column: what a modeller writes down before seeing a row."""

    name: str
    kind: str
    lower: float | None = None
    upper: float | None = None
    scale: str = "linear"
    special: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Settings of a card and the smallest cells of its federation."""

    max_bins: int = 8
    min_bin: float = 0.05
    monotone: bool = True
    signs: bool = True
    l2: float = 1.0
    min_subjects: int = 10
    min_bads: int = 10
    min_goods: int = 10


DEFAULT = Rules()

PLAIN = Rules(
    max_bins=20, min_bin=0.0, monotone=False, signs=False, min_subjects=1, min_bads=1, min_goods=1
)
"""No merging, no constraint: the pooled scorecard of baselines.md."""

FINE_BINS, GRID_CELLS = 20, 2048


# -- cells ---------------------------------------------------------------------------------------


def grid_values(column: Column) -> Floats:
    """Return the values at which a quantile edge may lie."""
    lower, upper = float(column.lower or 0.0), float(column.upper or 0.0)
    if column.scale == "linear":
        step = min(
            Decimal(digit).scaleb(power)
            for digit in (1, 2, 5)
            for power in range(-12, 13)
            if (upper - lower) / float(Decimal(digit).scaleb(power))
            <= (GRID_CELLS - 2) * (1 + 1e-12)
        )
        first = math.ceil(Decimal(repr(lower)) / step)
        last = math.floor(Decimal(repr(upper)) / step)
        found = {float(k * step) for k in range(first, last + 1)}
    else:
        unit = 1e-6 * max(abs(lower), abs(upper))
        bend, straighten = (
            (lambda x: math.asinh(x / unit), lambda t: unit * math.sinh(t))
            if column.scale == "asinh"
            else (math.log, math.exp)
        )
        start, stop = bend(lower), bend(upper)
        steps = GRID_CELLS - 3
        values = (straighten(start + (stop - start) * k / steps) for k in range(steps + 1))
        found = {float(f"{value:.3g}") for value in values}
        if lower <= 0.0 < upper:
            found.add(0.0)
    return np.array(sorted(value for value in found if value < upper))


def quantile_edges(column: Column, x: Floats, least: int = 1) -> list[float]:
    """Return the grid values that the 5 %, 10 %, .., 95 % points fall on or just below.

    Of few rows there are fewer points, so that a group holds at least `least` of them.
    """
    ordered = np.sort(x[~np.isnan(x) & ~np.isin(x, column.special)])
    n, values = len(ordered), grid_values(column)
    edges = set()
    groups = min(FINE_BINS, n // least)
    for k in range(1, groups):
        point = ordered[-(-k * n // groups) - 1]
        above = values[values >= point]
        if len(above) and above[0] < ordered[-1]:
            edges.add(float(above[0]))
    return sorted(edges)


def cell_numbers(column: Column, series: "pd.Series[float]", edges: Sequence[float]) -> Ints:
    """Return each row's cell: ordinary ones, missing, then one for each special code."""
    missing = series.isna().to_numpy()
    if column.kind == "categorical":
        known = {level: i for i, level in enumerate(column.levels)}
        codes = [
            len(known) + 1 if gone else known.get(str(value), len(known))
            for value, gone in zip(series, missing, strict=True)
        ]
        return np.array(codes, dtype=np.int64)
    x = series.astype(float)
    cut = pd.cut(x, [-math.inf, *edges, math.inf], labels=False)
    codes = cut.fillna(len(edges) + 1).to_numpy(dtype=np.int64, copy=True)
    for j, code in enumerate(column.special):
        codes[x.to_numpy() == code] = len(edges) + 2 + j
    return codes


# -- bins ----------------------------------------------------------------------------------------


def weights_of_evidence(bads: Sequence[int], goods: Sequence[int]) -> Floats:
    """Return ln[(G_b + 1/2)/(G + m/2)] - ln[(B_b + 1/2)/(B + m/2)] of each of m bins."""
    m, all_bads, all_goods = len(bads), sum(bads), sum(goods)
    return np.array(
        [
            math.log((g + 0.5) / (all_goods + m / 2)) - math.log((b + 0.5) / (all_bads + m / 2))
            for b, g in zip(bads, goods, strict=True)
        ]
    )


def partition(
    bads: Sequence[int], goods: Sequence[int], rest: Sequence[tuple[int, int]], rules: Rules
) -> list[range]:
    """Return the best contiguous partition of ordered cells, having tried all of them.

    Parameters
    ----------
    bads, goods
        Counts of the ordered cells.
    rest
        Counts of the cells that stay apart (missing, special); they enter the totals.
    """
    n = len(bads)
    up_to_b, up_to_g = np.cumsum([0, *bads]), np.cumsum([0, *goods])
    all_bads = int(up_to_b[-1]) + sum(b for b, _ in rest)
    all_goods = int(up_to_g[-1]) + sum(g for _, g in rest)
    least = max(rules.min_subjects, rules.min_bin * (all_bads + all_goods) - 1e-9)
    best: dict[int, tuple[float, tuple[int, ...]]] = {}
    most = min(n, rules.max_bins)
    for k in range(most, 0, -1):
        inner = np.array(list(combinations(range(1, n), k - 1)), dtype=np.int64)
        inner = inner.reshape(math.comb(n - 1, k - 1), k - 1)
        cuts = np.hstack([np.zeros((len(inner), 1), int), inner, np.full((len(inner), 1), n)])
        b, g = np.diff(up_to_b[cuts], axis=1), np.diff(up_to_g[cuts], axis=1)
        size = b + g
        fine = (size >= least) & (b >= rules.min_bads) & (g >= rules.min_goods)
        allowed = fine.all(axis=1)
        if rules.monotone:
            left, right = b[:, :-1] * size[:, 1:], b[:, 1:] * size[:, :-1]
            allowed &= (left < right).all(axis=1) | (left > right).all(axis=1)
        if not allowed.any():
            continue
        cuts, b, g = cuts[allowed], b[allowed], g[allowed]
        m = k + len(rest)
        woe = np.log((g + 0.5) / (all_goods + m / 2)) - np.log((b + 0.5) / (all_bads + m / 2))
        value = ((g / all_goods - b / all_bads) * woe).sum(axis=1)
        for b_, g_ in rest:
            tail = math.log((g_ + 0.5) / (all_goods + m / 2))
            tail -= math.log((b_ + 0.5) / (all_bads + m / 2))
            value += (g_ / all_goods - b_ / all_bads) * tail
        first = int(value.argmax())
        best[k] = (float(value[first]), tuple(cuts[first].tolist()))
        if not rules.monotone:
            break  # as many bins as the rules allow
    if not best:
        return [range(n)]
    largest = max(value for value, _ in best.values())
    k = min(k for k, (value, _) in best.items() if value >= largest - 1e-11)
    chosen = best[k][1]
    return [range(i, j) for i, j in pairwise(chosen)]


def merged(column: Column, bads: Ints, goods: Ints, n_ordinary: int, rules: Rules) -> list[int]:
    """Return the bin of each cell, -1 for a cell without rows.

    Everything is decided on a table of units (sets of cells, with their counts); a rare unit is
    never placed by its own bad rate.
    """
    table = pd.DataFrame({"b": bads, "g": goods, "cells": [[i] for i in range(len(bads))]})
    table = table[table["b"] + table["g"] > 0]
    table["tail"] = table.index >= n_ordinary
    is_category = column.kind == "categorical"
    rare = (table["tail"] | is_category) & ~_passes(table, rules)
    units, pool = table[~rare], table[rare]
    if not is_category:
        units = pd.concat([_neighbours(units[~units["tail"]], rules), units[units["tail"]]])
    if len(pool):
        whole = pd.DataFrame([{**pool[["b", "g", "cells"]].sum(), "tail": not is_category}])
        if _passes(whole, rules).all() or not len(units):
            units = pd.concat([units, whole], ignore_index=True)
        else:
            inside = units[~units["tail"]] if (~units["tail"]).any() else units
            units = _join(units, _average(inside), whole)
    tails = units[units["tail"]].sort_values("cells", key=lambda c: c.map(min))
    ordinary = units[~units["tail"]]
    if is_category:
        by_rate = [(b / (b + g), min(c)) for b, g, c in ordinary[["b", "g", "cells"]].to_numpy()]
        ordinary = ordinary.iloc[sorted(range(len(ordinary)), key=lambda i: by_rate[i])]
    bins: list[list[int]] = []
    if len(ordinary):
        ranges = partition(
            [int(b) for b in ordinary["b"]],
            [int(g) for g in ordinary["g"]],
            [(int(b), int(g)) for b, g in zip(tails["b"], tails["g"], strict=True)],
            rules,
        )
        bins = [ordinary["cells"].iloc[list(found)].sum() for found in ranges]
        together = ordinary[["b", "g", "cells"]].sum().to_frame().T
        if len(bins) == 1 and len(tails) and not _passes(together, rules).all():
            bins, tails = [], _join(tails, _average(tails), together)
    bins += list(tails["cells"])
    found = [-1] * len(bads)
    for number, cells in enumerate(bins):
        for cell in cells:
            found[cell] = number
    return found


def _passes(table: pd.DataFrame, rules: Rules) -> "pd.Series[bool]":
    enough = table["b"] + table["g"] >= rules.min_subjects
    return enough & (table["b"] >= rules.min_bads) & (table["g"] >= rules.min_goods)


def _neighbours(ordinary: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Put neighbours together from the left until each unit has `min_subjects`."""
    numbers, number, held = [], 0, 0
    sizes = (ordinary["b"] + ordinary["g"]).tolist()
    for size in sizes:
        numbers.append(number)
        held += size
        if held >= rules.min_subjects:
            number, held = number + 1, 0
    if held:  # what is left over at the right end belongs to the last full unit
        numbers = [min(n, max(number - 1, 0)) for n in numbers]
    return ordinary.groupby(numbers).agg({"b": "sum", "g": "sum", "cells": "sum", "tail": "first"})


def _average(units: pd.DataFrame) -> int:
    """Return the first cell of the unit whose bad rate is nearest to that of all."""
    rate = units["b"] / (units["b"] + units["g"])
    whole = units["b"].sum() / (units["b"].sum() + units["g"].sum())
    return int(min(units["cells"].iloc[int(np.argmin((rate - whole).abs()))]))


def _join(units: pd.DataFrame, cell: int, more: pd.DataFrame) -> pd.DataFrame:
    """Return the units, that with `cell` enlarged by the counts and cells of `more`."""
    joined = units.reset_index(drop=True)
    place = next(i for i, cells in enumerate(joined["cells"]) if cell in cells)
    for name in ("b", "g", "cells"):
        joined.at[place, name] = joined.at[place, name] + more[name].iloc[0]
    return joined


# -- the card ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bins:
    """One feature's bins."""

    column: Column
    edges: tuple[float, ...]
    assignment: tuple[int, ...]
    bads: tuple[int, ...]
    goods: tuple[int, ...]

    def woe_of(self, series: "pd.Series[float]") -> Floats:
        """Return each row's weight of evidence, 0 for a value without a bin."""
        table = np.append(weights_of_evidence(self.bads, self.goods), 0.0)
        numbers = np.array(self.assignment)[cell_numbers(self.column, series, self.edges)]
        return np.asarray(table[numbers])


@dataclass(frozen=True)
class Card:
    """A fitted reference scorecard."""

    bins: tuple[Bins, ...]
    dropped: tuple[str, ...]
    beta: Floats
    errors: Floats
    n: int

    def eta(self, frame: pd.DataFrame) -> Floats:
        """Return the log odds of bad."""
        woe = np.column_stack([bins.woe_of(frame[bins.column.name]) for bins in self.bins])
        return np.asarray(self.beta[0] + woe @ self.beta[1:])


def fit(train: pd.DataFrame, columns: Sequence[Column], label: str, rules: Rules) -> Card:
    """Return the scorecard of these rows."""
    y = train[label].to_numpy().astype(np.int64)
    found = [_bins(train[column.name], y, column, rules) for column in columns]
    kept = tuple(bins for bins in found if len(bins.bads) > 1)
    dropped = tuple(bins.column.name for bins in found if len(bins.bads) < 2)
    woe = np.column_stack([bins.woe_of(train[bins.column.name]) for bins in kept])
    beta, errors = logistic(woe, y, l2=rules.l2, signs=rules.signs)
    return Card(kept, dropped, beta, errors, len(y))


def _bins(series: "pd.Series[float]", y: Ints, column: Column, rules: Rules) -> Bins:
    edges: list[float] = []
    n_ordinary = len(column.levels) + 1
    if column.kind == "numeric":
        edges = quantile_edges(column, series.to_numpy(dtype=float), rules.min_subjects)
        n_ordinary = len(edges) + 1
    n_cells = n_ordinary + 1 + len(column.special)
    table = pd.crosstab(cell_numbers(column, series, edges), y)
    table = table.reindex(index=range(n_cells), columns=[0, 1], fill_value=0)
    bads, goods = table[1].to_numpy(), table[0].to_numpy()
    assignment = merged(column, bads, goods, n_ordinary, rules)
    numbers = np.array(assignment)
    n_bins = max(assignment) + 1
    return Bins(
        column,
        tuple(edges),
        tuple(assignment),
        tuple(int(bads[numbers == b].sum()) for b in range(n_bins)),
        tuple(int(goods[numbers == b].sum()) for b in range(n_bins)),
    )


def logistic(X: Floats, y: Ints, *, l2: float, signs: bool) -> tuple[Floats, Floats]:
    """Return coefficients, intercept first, and Wald errors (0 for a slope held at zero).

    SciPy finds the point; before it is returned it is proved: the gradient over free coefficients
    is zero and every held slope is pulled upward. The objective is strictly convex, so there is no
    other such point.
    """
    rows = np.column_stack([np.ones(len(X)), X])
    penalty = l2 * np.array([0.0, *np.ones(X.shape[1])])

    def loss(beta: Floats) -> float:
        eta = rows @ beta
        return float(np.logaddexp(0.0, eta).sum() - y @ eta + penalty @ beta**2 / 2)

    def slope(beta: Floats) -> Floats:
        return np.asarray(rows.T @ (1 / (1 + np.exp(-rows @ beta)) - y) + penalty * beta)

    def curvature(beta: Floats) -> Floats:
        p = 1 / (1 + np.exp(-rows @ beta))
        return np.asarray((rows.T * (p * (1 - p))) @ rows + np.diag(penalty))

    n, p = rows.shape
    free = np.ones(p, dtype=bool)
    if signs:
        bounds = [(None, None), *[(None, 0.0)] * (p - 1)]
        rough = minimize(
            loss, np.zeros(p), jac=slope, method="L-BFGS-B", bounds=bounds,
            options={"maxiter": 5000, "ftol": 1e-14, "gtol": 1e-7},
        )  # fmt: skip
        free[1:] = rough.x[1:] < -1e-9
    beta = np.zeros(p)

    def whole(part: Floats) -> Floats:
        full = np.zeros(p)
        full[free] = part
        return full

    exact = minimize(
        lambda part: loss(whole(part)),
        beta[free],
        jac=lambda part: slope(whole(part))[free],
        hess=lambda part: curvature(whole(part))[np.ix_(free, free)],
        method="trust-exact",
        options={"gtol": 1e-9 * n, "maxiter": 500},
    )
    beta = whole(exact.x)
    for _ in range(3):  # trust-exact stops where the loss no longer shows a difference
        step = np.linalg.solve(curvature(beta)[np.ix_(free, free)], slope(beta)[free])
        beta = whole(beta[free] - step)
    gradient = slope(beta)
    assert np.abs(gradient[free]).max() < 1e-10 * n
    if signs:
        assert (beta[1:] <= 0).all()
        assert (gradient[~free] <= 0).all()
    errors = np.zeros(p)
    errors[free] = np.sqrt(np.diag(np.linalg.inv(curvature(beta)[np.ix_(free, free)])))
    return beta, errors


# -- the hold-out --------------------------------------------------------------------------------


def held_out(
    frame: pd.DataFrame, columns: Sequence[Column], *, share: float, key: bytes
) -> NDArray[np.bool_]:
    """Return which rows are held out when no column names the subject (decisions, 14)."""
    drawn = []
    for row in frame[[column.name for column in columns]].to_dict("records"):
        text = b"fedcredit-split/v1/row\x00" + b"".join(_canonical(c, row) for c in columns)
        number = int.from_bytes(hmac.new(key, text, hashlib.sha256).digest()[:8], "big")
        drawn.append(number < int(share * 2**64))
    return np.array(drawn)


def _canonical(column: Column, row: Mapping[str, object]) -> bytes:
    value = row[column.name]
    gone = value is None or value != value
    if column.kind == "numeric":
        return bytes.fromhex("7ff8000000000000") if gone else struct.pack(">d", float(str(value)))
    if gone:
        return b"\xff\xff\xff\xff"
    text = str(value).encode()
    return struct.pack(">I", len(text)) + text
