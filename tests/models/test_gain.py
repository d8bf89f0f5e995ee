"""What a party gains on its own hold-out, and what of it may be told."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fedcredit_models.cell_rules import CellRules
from fedcredit_models.gain import approved_share, gain


@pytest.fixture
def rows() -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(5)
    y = (rng.random(1000) < 0.25).astype(int)
    noise = {"local": 1.5, "joint": 0.8, "personal": 0.7}
    return {name: y + rng.normal(0, sd, 1000) for name, sd in noise.items()}, y


def test_areas_are_scikit_learns_and_bad_rates_are_counted(rows):
    scores, y = rows

    found = gain(scores, y, approval_rate=0.7)

    for name, score in scores.items():
        assert found.auc[name] == pytest.approx(roc_auc_score(y, score))
        assert found.bad_rate_approved[name] == pytest.approx(y[np.argsort(score)[:700]].mean())
    assert found.against_local["joint"].difference == pytest.approx(
        roc_auc_score(y, scores["joint"]) - roc_auc_score(y, scores["local"])
    )
    assert (found.n, found.bads) == (1000, int(y.sum()))


def test_told_figures_are_whole_numbers_with_four_decimals_and_counts_in_tens(rows):
    scores, y = rows

    found = gain(scores, y)
    told = found.told()

    assert told["auc"]["joint"][0] == round(roc_auc_score(y, scores["joint"]) * 1e4) * 100_000
    assert told["n"] == 1000 and told["bads"] == int(y.sum()) // 10 * 10
    assert told["approval_rate"] == 800_000_000
    assert set(told["against_local"]) == {"joint", "personal"}


@pytest.mark.parametrize("n_bads", [9, 991])
def test_a_small_hold_out_gives_no_figure(n_bads):
    y = np.r_[np.ones(n_bads, dtype=int), np.zeros(1000 - n_bads, dtype=int)]

    assert gain({"local": np.arange(1000.0), "joint": np.arange(1000.0)}, y) is None


def test_bad_rates_are_withheld_where_few_bads_are_approved():
    y = np.r_[np.zeros(900, dtype=int), np.ones(100, dtype=int)]
    perfect = {"local": np.arange(1000.0), "joint": np.arange(1000.0)}

    found = gain(perfect, y)

    assert found.bad_rate_approved is None
    assert found.told()["bad_rate_approved"] is None
    assert found.auc["joint"] == 1.0


def test_a_party_without_a_model_of_its_own_has_areas_and_no_differences(rows):
    scores, y = rows

    found = gain({"joint": scores["joint"]}, y)

    assert list(found.auc) == ["joint"] and not found.against_local
    assert not found.is_worse_off


def test_worse_off_is_beyond_the_interval(rows):
    scores, y = rows

    assert gain({"local": scores["personal"], "personal": scores["local"]}, y).is_worse_off
    assert not gain({"local": scores["joint"], "personal": scores["personal"]}, y).is_worse_off


def test_stricter_cell_rules_are_obeyed(rows):
    assert gain(*rows, cells=CellRules(min_bads=900)) is None


def test_ties_share_the_last_places():
    share = approved_share(np.array([1.0, 2.0, 2.0, 2.0, 3.0]), 3)

    assert share.tolist() == pytest.approx([1.0, 2 / 3, 2 / 3, 2 / 3, 0.0])


@pytest.mark.parametrize(
    ("scores", "rate", "says"),
    [({"other": np.zeros(3)}, 0.8, "named"), ({"joint": np.zeros(3)}, 1.0, "between 0 and 1")],
)
def test_what_cannot_be_compared_is_named(scores, rate, says):
    with pytest.raises(ValueError, match=says):
        gain(scores, np.array([0, 1, 0]), approval_rate=rate)
