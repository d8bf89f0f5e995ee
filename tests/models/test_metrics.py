"""Figures from two histograms equal those from rows, and what is released passes the cell rules."""

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

from fedcredit_models import metrics
from fedcredit_models.binning import CellRules
from fedcredit_models.metrics import ScoreGrid

GRID = ScoreGrid()
TENS = CellRules(10, 10, 10)


def scores(
    seed: int, n: int, centre: float = -1.5
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    eta = rng.normal(centre, 1.2, n)
    return eta, (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(np.int64)


def released(seed: int, n: int, rules: CellRules = TENS, centre: float = -1.5) -> dict[str, Any]:
    return metrics.release(metrics.score_sums(*scores(seed, n, centre), GRID), GRID, rules)


def test_figures_of_four_cells_by_hand() -> None:
    # From safe to risky: bads 1 0 2 3, goods 4 3 2 1.
    bads, goods = [1, 0, 2, 3], [4, 3, 2, 1]
    # Pairs won: 1*(0+2) + 2*(7+1) + 3*(9+.5) = 2 + 16 + 28.5 = 46.5 of 60.
    assert metrics.auc(bads, goods) == pytest.approx(46.5 / 60)
    assert metrics.auc_bound(bads, goods) == pytest.approx((4 + 0 + 4 + 3) / 120)
    # After two cells 1/6 of the bads and 7/10 of the goods lie below.
    assert metrics.ks(bads, goods) == pytest.approx(0.7 - 1 / 6)
    assert metrics.gini(bads, goods) == pytest.approx(0.55)


def test_the_gini_interval_by_hand() -> None:
    # A = 0.8: Q1 = 2/3, Q2 = 32/45; SE^2 = (.16 + 49 (2/3 - .64) + 99 (32/45 - .64)) / 5000
    variance = (0.16 + 49 * (2 / 3 - 0.64) + 99 * (32 / 45 - 0.64)) / 5000
    half = 2 * 1.959964 * variance**0.5
    low, high = metrics.gini_interval(0.8, 50, 100)
    assert (low, high) == (pytest.approx(0.6 - half, abs=1e-6), pytest.approx(0.6 + half, abs=1e-6))


@pytest.mark.parametrize("seed", range(3))
def test_figures_from_cells_are_those_from_rows_within_the_printed_bound(seed: int) -> None:
    eta, y = scores(seed, 4000)
    out = metrics.release(metrics.score_sums(eta, y, GRID), GRID, TENS)
    p = 1 / (1 + np.exp(-eta))
    fpr, tpr, _ = roc_curve(y, eta)
    exact = roc_auc_score(y, eta)
    assert abs(out["auc_nano"] / 1e9 - exact) <= out["auc_bound_nano"] / 1e9 + 1e-9
    assert out["auc_nano"] / 1e9 == pytest.approx(exact, abs=5e-5)
    assert out["ks_nano"] / 1e9 == pytest.approx(np.abs(tpr - fpr).max(), abs=2e-3)
    assert out["brier_nano"] / 1e9 == pytest.approx(brier_score_loss(y, p), abs=1e-9)
    assert out["mean_p_nano"] / 1e9 == pytest.approx(p.mean(), abs=1e-9)
    assert (out["n"], out["bads"]) == (4000, y.sum())


def test_scores_that_lie_on_few_values_lose_nothing() -> None:
    rng = np.random.default_rng(9)
    eta = rng.choice([-3.0, -2.0, -1.0, 0.5], 2000)
    y = (rng.random(2000) < 1 / (1 + np.exp(-eta))).astype(np.int64)
    sums = metrics.score_sums(eta, y, GRID)
    assert metrics.auc(sums["bads"], sums["goods"]) == pytest.approx(
        roc_auc_score(y, eta), abs=1e-12
    )


def test_scores_beyond_the_grid_are_counted_in_its_outer_cells() -> None:
    sums = metrics.score_sums(np.array([-99.0, 99.0, 12.0]), np.array([0, 1, 1]), GRID)
    assert sums["goods"][0] == 1
    assert sums["bads"][-1] == 2


def test_sums_of_parties_give_the_release_of_their_pooled_rows() -> None:
    eta, y = scores(4, 3000)
    parts = [metrics.score_sums(eta[i::3], y[i::3], GRID) for i in range(3)]
    added = {name: sum(part[name] for part in parts) for name in parts[0]}
    pooled = metrics.release(metrics.score_sums(eta, y, GRID), GRID, TENS)
    assert metrics.release(added, GRID, TENS) == pooled


@pytest.mark.parametrize("n", [500, 2000, 20_000])
@pytest.mark.parametrize("centre", [-3.0, 0.0])
@pytest.mark.parametrize("rules", [TENS, CellRules(50, 20, 30), CellRules(1, 1, 1)])
def test_every_released_cell_passes_and_the_tables_are_nested(
    n: int, centre: float, rules: CellRules
) -> None:
    out = released(5, n, rules, centre)
    if "withheld" in out:
        pytest.fail("the sample is meant to pass")
    goods = out["n"] - out["bads"]
    for band in out["bands"]:
        assert rules.broken(band["bads"], band["n"] - band["bads"]) is None
    assert sum(band["n"] for band in out["bands"]) == out["n"]
    assert sum(band["bads"] for band in out["bands"]) == out["bads"]
    points = [
        (round(p["fpr_nano"] * goods / 1e9), round(p["tpr_nano"] * out["bads"] / 1e9))
        for p in out["roc"]
    ]
    assert (points[0], points[-1]) == ((0, 0), (goods, out["bads"]))
    for (g0, b0), (g1, b1) in pairwise(points):
        assert rules.broken(b1 - b0, g1 - g0) is None
    cuts = set(points)
    g = b = 0
    for band in reversed(out["bands"]):
        g, b = g + band["n"] - band["bads"], b + band["bads"]
        assert (g, b) in cuts
    sizes = {gg + bb for gg, bb in points}
    reached = 0
    for group in reversed(out["calibration"]):
        reached += group["n"]
        assert reached in sizes
    assert reached == out["n"]


def test_band_edges_lie_on_the_declared_lattice() -> None:
    for band in released(6, 5000)["bands"]:
        assert band["eta_low_nano"] % 750_000_000 == 0
        assert band["eta_low_nano"] < band["eta_high_nano"]


def test_fewer_rows_than_the_smallest_cell_lie_beyond_the_printed_ends() -> None:
    eta, y = scores(7, 5000)
    bands = metrics.release(metrics.score_sums(eta, y, GRID), GRID, TENS)["bands"]
    assert 0 < (eta < bands[0]["eta_low_nano"] / 1e9).sum() < 10
    assert 0 <= (eta >= bands[-1]["eta_high_nano"] / 1e9).sum() < 10


def test_calibration_compares_predicted_with_observed() -> None:
    eta, y = scores(8, 20_000)
    p = 1 / (1 + np.exp(-eta))
    order = np.argsort(p)
    out = metrics.release(metrics.score_sums(eta, y, GRID), GRID, TENS)
    start = 0
    assert 5 <= len(out["calibration"]) <= 10
    for group in out["calibration"]:
        rows = order[start : start + group["n"]]
        start += group["n"]
        assert group["mean_p_nano"] / 1e9 == pytest.approx(p[rows].mean(), abs=4e-4)
        assert group["bad_rate_nano"] / 1e9 == pytest.approx(y[rows].mean(), abs=2e-3)


@pytest.mark.parametrize(
    ("eta", "y", "rule"),
    [
        ([0.0] * 5, [1, 0, 1, 0, 1], "min_subjects"),
        ([0.0] * 50, [1] * 5 + [0] * 45, "min_bads"),
        ([0.0] * 50, [0] * 5 + [1] * 45, "min_goods"),
    ],
)
def test_a_sample_below_the_rules_is_withheld_whole(
    eta: list[float], y: list[int], rule: str
) -> None:
    sums = metrics.score_sums(np.array(eta), np.array(y, dtype=np.int64), GRID)
    assert metrics.release(sums, GRID, TENS) == {"withheld": rule}


def test_a_sample_that_nobody_has_rows_of_says_so_and_how_many() -> None:
    nobody = metrics.score_sums(np.array([]), np.array([], dtype=np.int64), GRID)

    found = metrics.release(nobody, GRID, TENS)

    assert found == {"withheld": "no_rows", "n": 0, "bads": 0}
    assert metrics.readable(found, offset=600.0, factor=20.0) == found


def test_without_a_bad_nothing_is_computed_even_when_rules_are_off() -> None:
    sums = metrics.score_sums(np.zeros(5), np.zeros(5, dtype=np.int64), GRID)
    assert metrics.release(sums, GRID, CellRules(0, 0, 0)) == {"withheld": "min_bads"}
    with pytest.raises(ValueError, match="at least one bad"):
        metrics.auc([0, 0], [1, 2])


def test_a_release_is_made_of_integers_and_survives_json() -> None:
    out = released(10, 2000)

    def leaves(value: object) -> list[object]:
        if isinstance(value, dict):
            return [leaf for item in value.values() for leaf in leaves(item)]
        if isinstance(value, list):
            return [leaf for item in value for leaf in leaves(item)]
        return [value]

    assert all(type(leaf) is int for leaf in leaves(out))
    assert json.loads(json.dumps(out)) == out


def test_a_release_is_readable_in_points() -> None:
    out = released(11, 3000)
    # Offset and factor of 600 points at 50:1, 20 points to double.
    text = metrics.readable(out, offset=487.122877, factor=28.853901)
    assert text["auc"] == out["auc_nano"] / 1e9
    assert text["gini_low"] < text["gini"] < text["gini_high"]
    first, last = text["bands"][0], text["bands"][-1]
    assert first["points_high"] > last["points_high"]
    assert first["points_high"] == pytest.approx(
        487.122877 - 28.853901 * out["bands"][0]["eta_low_nano"] / 1e9
    )
    assert set(text["roc"][0]) == {"fpr", "tpr"}
    assert set(text["calibration"][0]) == {"mean_p", "bad_rate", "n"}
    assert metrics.readable({"withheld": "min_bads"}, offset=0, factor=1) == {
        "withheld": "min_bads"
    }


def test_population_stability_by_hand() -> None:
    expected = (0.6 - 0.5) * np.log(0.6 / 0.5) + (0.4 - 0.5) * np.log(0.4 / 0.5)
    assert metrics.population_stability([50, 50], [60, 40]) == pytest.approx(expected)
    assert metrics.population_stability([50, 50], [500, 500]) == 0.0
    assert np.isfinite(metrics.population_stability([50, 0], [50, 50]))


def test_stability_of_bands_uses_the_edges_that_both_have() -> None:
    def band(low: int, high: int, n: int) -> dict[str, int]:
        return {"eta_low_nano": low, "eta_high_nano": high, "n": n, "bads": 0}

    train = [band(-5, -3, 10), band(-3, -2, 40), band(-2, 0, 50)]
    later = [band(-4, -2, 60), band(-2, -1, 10), band(-1, 1, 30)]
    assert metrics.stability(train, later) == pytest.approx(
        metrics.population_stability([50, 50], [60, 40])
    )
    assert metrics.stability(train, train) == 0.0


def test_the_same_population_twice_is_stable_and_a_shifted_one_is_not() -> None:
    train = released(12, 7000)["bands"]
    assert metrics.stability(train, released(13, 3000)["bands"]) < 0.02
    assert metrics.stability(train, released(14, 3000, centre=-0.5)["bands"]) > 0.25


def test_hosmer_lemeshow_by_hand() -> None:
    # (12 - 10)^2 / (100 .1 .9) + (45 - 50)^2 / (100 .5 .5) = 4/9 + 1
    assert metrics.hosmer_lemeshow([100, 100], [12, 45], [0.1, 0.5]) == pytest.approx(13 / 9)
