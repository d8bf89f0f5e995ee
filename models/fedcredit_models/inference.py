"""Propose the declaration of one column from columns that lie side by side.

For simulations and for one bank's own notebook. Between real banks a feature is declared: inferring
it would tell everyone the extremes and the levels of everyone's rows.
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_models.columns import kind_of, level_text, numbers
from fedcredit_models.errors import SchemaError
from fedcredit_models.feature import MAX_TEXT, OTHER, Feature

INFERRED_LEVELS = 50
"""Most levels that are declared; rarer ones become "other"."""


def infer_feature(name: str, columns: "Mapping[str, pd.Series[Any]]") -> Feature:
    """Return a declaration that every party's column keeps to.

    Bounds are the smallest and largest value, rounded outward to two significant digits. A heavy
    tail puts the grid on the asinh scale: the middle 90 % of the values span less than a twentieth
    of the bounds, and asinh gives them more cells. Levels are the sorted union of what the columns
    hold, the 50 most frequent at most. A column that is missing everywhere becomes a number between
    0 and 1: it will have one bin and be dropped.

    Parameters
    ----------
    name : str
        The column's name.
    columns : mapping of str to Series
        Each party's column.

    Raises
    ------
    SchemaError
        Naming the party: dates, mixed types, infinity, or text at one party and numbers at another.

    Disclosure
    ----------
    Extremes, quantiles and levels of all columns enter the declaration.
    """
    kinds = {}
    for party, series in columns.items():
        try:
            kinds[party] = kind_of(series)
        except SchemaError as error:
            raise SchemaError(
                error.problem,
                kind=error.kind,
                expected=error.expected,
                found=error.found,
                remedy=error.remedy,
                party=party,
            ) from None
    stated = {kind: party for party, kind in kinds.items() if kind != "empty"}
    if len(stated) > 1:
        raise SchemaError(
            f"column {name} is text in one table and numbers in another",
            kind="dtype",
            expected=f"one type everywhere; {stated['numeric']} has numbers",
            found="text",
            remedy="read the column as the same type everywhere",
            party=stated["categorical"],
        )
    if "categorical" in stated:
        counts: dict[str, int] = {}
        for series in columns.values():
            for value, n in series.value_counts().items():
                level = level_text(value)[:MAX_TEXT]
                counts[level] = counts.get(level, 0) + int(n)
        usual = sorted(counts, key=lambda level: (-counts[level], level))
        declared = [level for level in usual if level != OTHER and counts[level] > 0]
        return Feature(name, "categorical", levels=tuple(sorted(declared[:INFERRED_LEVELS])))
    if not stated:
        return Feature(name, "numeric", lower=0.0, upper=1.0)  # nothing known; one bin, dropped
    x = np.concatenate([numbers(columns[p]) for p, kind in kinds.items() if kind == "numeric"])
    n_infinite = int(np.isinf(x).sum())
    if n_infinite:
        raise SchemaError(
            f"column {name} holds infinity",
            kind="infinity",
            expected="finite numbers, or missing",
            found=f"{n_infinite} rows with infinity",
            remedy="a ratio with a zero denominator is missing or a special code",
            party=next(
                p for p, k in kinds.items() if k != "empty" and np.isinf(numbers(columns[p])).any()
            ),
        )
    return _infer_numeric(name, x[~np.isnan(x)])


def _infer_numeric(name: str, x: NDArray[np.float64]) -> Feature:
    lower, upper = _outward(float(x.min()), ROUND_FLOOR), _outward(float(x.max()), ROUND_CEILING)
    if lower == upper:
        upper = _outward(upper + max(1.0, abs(upper) / 10), ROUND_CEILING)
    q05, q95 = np.quantile(x, [0.05, 0.95], method="inverted_cdf")
    linear_share = (q95 - q05) / (upper - lower)
    scale = 1e-6 * max(abs(lower), abs(upper))
    t = np.arcsinh(np.array([lower, q05, q95, upper]) / scale)
    heavy = linear_share < 1 / 20 and (t[2] - t[1]) / (t[3] - t[0]) >= linear_share
    return Feature(name, "numeric", lower=lower, upper=upper, scale="asinh" if heavy else "linear")


def _outward(x: float, rounding: str) -> float:
    """Round to two significant digits, away from the values."""
    exact = Decimal(repr(x))
    if exact == 0:
        return 0.0
    rounded = float(exact.quantize(Decimal(1).scaleb(exact.adjusted() - 1), rounding=rounding))
    return rounded if np.isfinite(rounded) else x
