"""Made-up loan applicants of any number, always the same for one seed.

Twelve columns of the kinds that a scorecard meets: counts, money with a long tail, shares, missing
values, categories. They share one hidden factor, so that they correlate as real columns do. For
timing only: no figure of discrimination from them means anything.
"""

import numpy as np
import pandas as pd

import fedcredit as fc

LABEL = "bad"

SCHEMA = fc.Schema(
    features=(
        fc.Feature("age_years", "numeric", unit="years", lower=18, upper=100),
        fc.Feature("income_cu", "numeric", unit="cu", lower=0, upper=1e7, scale="asinh"),
        fc.Feature("debt_cu", "numeric", unit="cu", lower=0, upper=1e8, scale="asinh"),
        fc.Feature("utilisation", "numeric", lower=0, upper=5),
        fc.Feature("late_payments", "numeric", lower=0, upper=50),
        fc.Feature("months_since_late", "numeric", unit="months", lower=0, upper=240),
        fc.Feature("inquiries", "numeric", lower=0, upper=50),
        fc.Feature("oldest_account_months", "numeric", unit="months", lower=0, upper=800),
        fc.Feature("loan_cu", "numeric", unit="cu", lower=0, upper=1e7, scale="asinh"),
        fc.Feature("term_months", "numeric", unit="months", lower=6, upper=84),
        fc.Feature("home", "categorical", levels=("own", "parents", "rent")),
        fc.Feature("job", "categorical", levels=("fixed", "freelance", "part_time", "retired")),
    ),
    label=LABEL,
)


def applicants(n_rows: int, seed: int = 2026) -> pd.DataFrame:
    """Return `n_rows` applicants with their outcome; about one in eight is bad."""
    random = np.random.default_rng(seed)
    risk = random.normal(size=n_rows)

    def like(weight: float) -> np.ndarray:
        return weight * risk + np.sqrt(1 - weight**2) * random.normal(size=n_rows)

    late = random.poisson(np.exp(0.7 * like(0.7) - 1.0)).clip(max=50)
    frame = pd.DataFrame(
        {
            "age_years": (44 - 6 * like(0.3) + 10 * like(0.0)).clip(18, 100).round(),
            "income_cu": np.exp(10.3 - 0.5 * like(0.4)).clip(0, 1e7).round(),
            "debt_cu": np.exp(9 + 1.2 * like(0.3)).clip(0, 1e8).round(),
            "utilisation": (0.3 + 0.3 * like(0.6)).clip(0, 5).round(4),
            "late_payments": late,
            "months_since_late": random.exponential(40, n_rows).clip(0, 240).round(),
            "inquiries": random.poisson(np.exp(0.4 * like(0.5))).clip(max=50),
            "oldest_account_months": (150 - 60 * like(0.4)).clip(0, 800).round(),
            "loan_cu": np.exp(9.5 + 0.8 * like(0.1)).clip(0, 1e7).round(-2),
            "term_months": random.choice([12, 24, 36, 48, 60, 72], n_rows),
            "home": np.where(like(0.3) > 0.6, "rent", random.choice(["own", "parents"], n_rows)),
            "job": random.choice(["fixed", "freelance", "part_time", "retired"], n_rows),
        }
    )
    frame.loc[late == 0, "months_since_late"] = np.nan
    frame.loc[random.random(n_rows) < 0.08, "income_cu"] = np.nan
    chance = 1 / (1 + np.exp(2.6 - 1.5 * risk))
    return frame.assign(**{LABEL: (random.random(n_rows) < chance).astype(int)})
