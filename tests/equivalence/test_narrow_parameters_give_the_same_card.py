"""Smaller ciphertexts, and more banks, change what is sent and not what comes out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.equivalence.credit_data import IID15, RECIPES
from tests.equivalence.reference import DEFAULT
from tests.equivalence.runs import Comparison, compare


def _coefficients(run: Comparison) -> list[float]:
    return [run.result.model.intercept_, *run.result.model.coef_]


def _bytes(run: Comparison) -> int:
    return sum(part.bytes_sent for part in run.result.file.participation.values())


def test_narrow_parameters_give_the_same_card_for_fewer_bytes() -> None:
    wide = compare("demo", RECIPES["demo"].rule)
    narrow = compare("demo", RECIPES["demo"].rule, DEFAULT, "narrow")

    assert_allclose(_coefficients(narrow), _coefficients(wide), rtol=0, atol=1e-6)
    assert narrow.result.model.table()["n"].equals(wide.result.model.table()["n"])
    figures = [run.result.metrics["holdout"] for run in (narrow, wide)]
    assert all(figures[0][name] == figures[1][name] for name in ("n", "auc", "ks", "bands", "roc"))
    # Sums over the hold-out have 15 fractional bits here: an addend is rounded by 2**-16 at most.
    # Three parties, Σp² once and Σpy twice; and both scores are printed to 10**-9.
    rounded = 3 * 3 * 2**-16 / figures[0]["n"] + 0.5e-9
    assert figures[0]["brier_bound"] == pytest.approx(rounded, rel=1e-9)
    assert figures[1]["brier_bound"] < 1e-9
    assert abs(figures[0]["brier"] - figures[1]["brier"]) <= rounded + figures[1]["brier_bound"]
    trained = [run.result.metrics["train"] for run in (narrow, wide)]
    assert trained[0]["brier_bound"] < 1e-9
    assert abs(trained[0]["brier"] - trained[1]["brier"]) <= 1.1e-9
    assert _bytes(narrow) < 0.8 * _bytes(wide)


@pytest.mark.long
def test_fifteen_banks_and_three_give_the_same_card() -> None:
    three = compare("demo", RECIPES["demo"].rule)
    fifteen = compare("demo", IID15)

    assert (three.n_parties, fifteen.n_parties) == (3, 15)
    assert_allclose(_coefficients(fifteen), _coefficients(three), rtol=0, atol=1e-6)
    assert fifteen.result.model.table()["bads"].equals(three.result.model.table()["bads"])
    points = [run.result.model.table()["points"].to_numpy() for run in (three, fifteen)]
    assert np.array_equal(*points)
