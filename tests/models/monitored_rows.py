"""Rows of a year with two models on them: made once, shared by the tests of evaluations."""

from functools import cache

import numpy as np
import pandas as pd

from fedcredit_models.evaluating import EvaluationPlan
from fedcredit_models.gbdt import Gbdt
from fedcredit_models.saved_model import SavedModel, read_model
from fedcredit_models.scorecard import Scorecard
from fedcredit_models.slicing import Slicing, months

MONTHS = months("2024-01", "2024-06")
PERIOD = Slicing("period", "opened", MONTHS)
SEGMENT = Slicing("segment", "product", ("car", "cash"))
GROUP = Slicing("group", "sex", ("f", "m"))
FEATURES = ["income", "age", "product"]


def applications(seed: int, n: int, *, drifted: bool = False) -> pd.DataFrame:
    """Return rows with outcome, month, product and sex; drifted: incomes fall from May on."""
    rng = np.random.default_rng(seed)
    month = rng.integers(1, 7, n)
    income = rng.lognormal(8.0, 0.6, n)
    if drifted:
        income = np.where(month >= 5, income * 0.45, income)
    age = rng.integers(18, 75, n).astype(float)
    product = rng.choice(["car", "cash"], n, p=[0.4, 0.6])
    sex = rng.choice(["f", "m"], n)
    eta = -1.2 - 0.9 * (np.log(income) - 8.0) - 0.03 * (age - 45) + 0.8 * (product == "cash")
    y = rng.random(n) < 1 / (1 + np.exp(-eta))
    return pd.DataFrame(
        {
            "income": np.round(income, 2),
            "age": np.where(rng.random(n) < 0.04, np.nan, age),
            "product": product,
            "sex": sex,
            "opened": [f"2024-{m:02d}-15" for m in month],
            "bad": y.astype(int),
        }
    )


@cache
def models() -> tuple[SavedModel, SavedModel]:
    """Return a scorecard and trees, both fitted on other rows."""
    frame = applications(99, 3000)
    X, y = frame[FEATURES], frame["bad"]
    card = Scorecard().fit(X, y)
    trees = Gbdt(n_trees=15, max_depth=3, bins=8).fit(X, y)
    return read_model(card.to_json()), read_model(trees.to_json())


def plan(*, challenger: bool = True, slicings: tuple[Slicing, ...] = ()) -> EvaluationPlan:
    """Return a plan with the scorecard as champion."""
    card, trees = models()
    return EvaluationPlan(card, trees if challenger else None, slicings)
