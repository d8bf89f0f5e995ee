"""Rows for the workbench's tests: money, a share, a count with gaps, a level, a date, a label."""

import numpy as np
import pandas as pd

from fedcredit_models.feature import Feature

FEATURES = (
    Feature("income", "numeric", lower=0, upper=100_000),
    Feature("ratio", "numeric", lower=-1, upper=4),
    Feature("visits", "numeric", lower=0, upper=50, special=(-9.0,)),
    Feature("flag", "numeric", lower=0, upper=1),
)
JOB = Feature("job", "categorical", levels=("a", "b", "c"))


def rows(n: int = 2_000, seed: int = 7) -> pd.DataFrame:
    """Return n rows; three columns are related, one has gaps and a special code."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=n)
    income = np.round(np.clip(np.exp(8 + 0.5 * base), 0, 99_999), 2)
    ratio = np.round(np.clip(0.4 + 0.3 * base + 0.2 * rng.normal(size=n), -1, 4), 6)
    visits = rng.poisson(3, size=n).astype(float)
    visits[rng.random(n) < 0.1] = np.nan
    visits[rng.random(n) < 0.05] = -9.0
    job = rng.choice(["a", "b", "c"], p=[0.5, 0.3, 0.2], size=n)
    flag = (rng.random(n) < 0.3).astype(float)
    eta = -1.5 + 0.8 * base + 0.6 * (job == "c")
    return pd.DataFrame(
        {
            "income": income,
            "ratio": ratio,
            "visits": visits,
            "flag": flag,
            "job": job,
            "opened": pd.Timestamp("2022-01-15") + pd.to_timedelta(rng.integers(0, 700, n), "D"),
            "bad": (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int),
        }
    )
