"""Read pandas columns of any tidy dtype as numbers, levels and cells.

The one place that knows pandas' dtypes: NumPy and nullable numbers, booleans, Python objects,
``Decimal``, strings of every backend, categories. After this file there are only float arrays with
NaN for missing, and cell numbers.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from fedcredit_models.errors import SchemaError

FEW_EDGES = 64
"""So many edges are compared with all values faster than each value is searched among them."""

BLOCK = 1 << 14
"""Values that are compared at a time: they stay in the processor's cache."""

_OBJECT_KINDS: dict[str, Literal["numeric", "categorical"]] = {
    "boolean": "numeric",
    "integer": "numeric",
    "floating": "numeric",
    "mixed-integer-float": "numeric",
    "decimal": "numeric",
    "string": "categorical",
}


def kind_of(series: "pd.Series[Any]") -> Literal["numeric", "categorical", "empty"]:
    """Return what a column holds; a column with nothing but missing values is "empty".

    Raises
    ------
    SchemaError
        For dates, complex numbers and columns that mix text with numbers.
    """
    dtype = series.dtype
    if series.isna().all():
        return "empty"
    if isinstance(dtype, pd.CategoricalDtype):
        return "categorical"
    if types.is_bool_dtype(dtype):
        return "numeric"
    if types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        return "numeric"
    if isinstance(dtype, pd.StringDtype):
        return "categorical"
    found = types.infer_dtype(series, skipna=True)
    if found in _OBJECT_KINDS:
        return _OBJECT_KINDS[found]
    raise SchemaError(
        f"column {series.name} is neither numbers nor text",
        kind="dtype",
        expected="numbers, booleans or text",
        found=f"{dtype} ({found})",
        remedy="turn dates into ages or durations, mixed columns into one type",
    )


def numbers(series: "pd.Series[Any]") -> NDArray[np.float64]:
    """Return a numeric column as floats, NaN where missing."""
    return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)


def level_text(value: object) -> str:
    """Return the text of a level; a whole number reads the same from int and float columns."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def level_codes(series: "pd.Series[Any]", levels: Sequence[str]) -> NDArray[np.int64]:
    """Return each row's position among `levels`.

    An undeclared level is ``len(levels)``, a missing value ``len(levels) + 1``.
    """
    position = {level: i for i, level in enumerate(levels)}
    codes, uniques = pd.factorize(series)
    table = [position.get(level_text(value), len(levels)) for value in uniques]
    return np.array([*table, len(levels) + 1], dtype=np.int64)[codes]  # code -1 = missing = last


def numeric_codes(
    series: "pd.Series[Any]", edges: NDArray[np.float64], special: Sequence[float]
) -> NDArray[np.int64]:
    """Return each row's cell: (.., e1], (e1, e2], .., (ek, ..), then missing, then each special.

    Values outside the declared bounds fall into the first and last cell.
    """
    x = numbers(series)
    codes = _n_below(edges, x)
    codes[np.isnan(x)] = len(edges) + 1
    for j, code in enumerate(special):
        codes[x == code] = len(edges) + 2 + j
    return codes


def _n_below(edges: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how many edges lie below each value: ``searchsorted(edges, x, "left")``.

    A missing value gets any number.
    """
    if len(edges) > FEW_EDGES:
        return np.searchsorted(edges, x, side="left").astype(np.int64)
    found = np.empty(len(x), dtype=np.int64)
    for start in range(0, len(x), BLOCK):
        block = x[start : start + BLOCK]
        n_below = np.zeros(len(block), dtype=np.uint8)
        for edge in edges:
            n_below += block > edge
        found[start : start + BLOCK] = n_below
    return found
