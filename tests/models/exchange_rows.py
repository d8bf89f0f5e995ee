"""Applicants for the tests of interchange, and the rows at which two readers would differ."""

import math

import numpy as np
import pandas as pd

from fedcredit_models import Feature, Schema
from fedcredit_models.cells import RawCells

SCHEMA = Schema(
    features=(
        Feature("income", "numeric", lower=0.0, upper=1e6, scale="asinh"),
        Feature("delay_days", "numeric", lower=0.0, upper=99.0, special=(-999.0, -8.0, 5.0)),
        Feature("debt_ratio", "numeric", lower=0.0, upper=3.0, special=(-1.0,)),
        Feature("region", "categorical", levels=("north", "o'south", "7", "")),
        Feature("purpose", "categorical", levels=tuple(f"p{i}" for i in range(40))),
    ),
    label="bad",
)


def applicants(n: int = 2500, seed: int = 15) -> pd.DataFrame:
    """Return rows with missing values, special codes and levels that nobody declared."""
    rng = np.random.default_rng(seed)
    delay = rng.poisson(6.0, n).astype(float)
    delay[rng.random(n) < 0.12] = -999.0
    delay[rng.random(n) < 0.08] = -8.0
    delay[rng.random(n) < 0.05] = np.nan
    ratio = rng.gamma(2.0, 0.3, n).clip(max=3.0)
    ratio[rng.random(n) < 0.1] = -1.0
    ratio[rng.random(n) < 0.1] = np.nan
    frame = pd.DataFrame(
        {
            "income": np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(9, 1, n)),
            "delay_days": delay,
            "debt_ratio": ratio,
            "region": rng.choice(["north", "o'south", "7", "", "moon", None], n),
            "purpose": rng.choice([*(f"p{i}" for i in range(40)), "new", None], n),
        }
    )
    eta = 0.3 * np.nan_to_num(delay).clip(min=0) - 2.5 + (frame["region"] == "7") * 1.2
    eta += (delay == -999) * 2.0 + (delay == 5) * 1.5 + np.isnan(ratio) * 1.0 + (ratio == -1) * 2.0
    eta += frame["purpose"].isin([f"p{i}" for i in range(0, 40, 3)]) * 0.8
    frame["bad"] = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
    return frame


def hard_rows(cells: "list[RawCells]", n: int = 3000, seed: int = 3) -> pd.DataFrame:
    """Return rows of boundary values: every edge and code, the numbers next to it, far values.

    Next to zero they are 1e-34 away, because LightGBM takes what is nearer for zero.
    """
    rng = np.random.default_rng(seed)
    columns: dict[str, object] = {}
    for raw in cells:
        if raw.feature.kind == "categorical":
            values: list[object] = [*raw.feature.levels, "never declared", None]
        else:
            at = [*raw.edges, *raw.feature.special]
            near = [
                math.nextafter(x, way) if x else math.copysign(1e-34, way)
                for x in at
                for way in (-math.inf, math.inf)
            ]
            values = [*at, *near, -1e300, 1e300, math.nan]
        columns[raw.feature.name] = pd.Series(values)[rng.integers(0, len(values), n)].to_numpy()
    return pd.DataFrame(columns)
