"""What several banks fit on encrypted sums is the card of their pooled rows, figure for figure."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import roc_auc_score

from tests.equivalence.credit_data import IID15, LABEL, RECIPES
from tests.equivalence.runs import LINES, Comparison, Line, card_name, compare

QUICK = {("demo", "three banks by age"), ("hmeq", "Job"), ("demo", IID15), ("heloc", IID15)}
"""What every test run computes; the long one computes all."""

CASES = [
    pytest.param(case, marks=() if case in QUICK else pytest.mark.long)
    for case in [(n, r.rule) for n, r in RECIPES.items()] + [(n, IID15) for n in RECIPES]
]


@pytest.fixture(scope="module", params=CASES, ids=" - ".join)
def run(request: pytest.FixtureRequest) -> Comparison:
    return compare(*request.param)


def test_the_bins_and_their_counts_are_those_of_the_pooled_rows(run: Comparison) -> None:
    found = [
        (t.raw.feature.name, t.raw.edges, t.assignment, t.bads, t.goods)
        for t in run.result.model.tables_
    ]
    expected = [(b.column.name, b.edges, b.assignment, b.bads, b.goods) for b in run.card.bins]

    assert found == expected
    assert tuple(run.result.model.dropped) == run.card.dropped


def test_the_coefficients_are_those_of_the_pooled_rows(run: Comparison) -> None:
    model = run.result.model
    found = np.array([model.intercept_, *model.coef_])

    assert_allclose(found, run.card.beta, rtol=0, atol=1e-6)
    LINES[run.data.name, run.partition, card_name(run.rules)] = Line(
        data=run.data.name,
        partition=run.partition,
        card=card_name(run.rules),
        n_parties=run.n_parties,
        largest=float(np.abs(found - run.card.beta).max()),
        released_auc=run.result.metrics["holdout"]["auc"],
        reference_auc=float(roc_auc_score(run.data.holdout[LABEL], run.card.eta(run.data.holdout))),
        seconds=run.seconds,
    )


def test_the_standard_errors_are_those_of_the_pooled_rows(run: Comparison) -> None:
    assert_allclose(run.result.model.standard_errors_, run.card.errors, rtol=0, atol=1e-6)


def test_the_model_ranks_the_hold_out_as_the_pooled_one_does(run: Comparison) -> None:
    holdout = run.data.holdout
    expected = run.card.eta(holdout)

    found = run.result.model.decision_function(holdout)

    assert_allclose(found, expected, rtol=0, atol=1e-5)  # a sum of up to 24 products
    y = holdout[LABEL]
    assert abs(roc_auc_score(y, found) - roc_auc_score(y, expected)) <= 1e-6


@pytest.mark.parametrize("sample", ["train", "holdout"])
def test_the_released_figures_are_true_within_their_stated_bound(
    run: Comparison, sample: str
) -> None:
    frame = run.data.train if sample == "train" else run.data.holdout
    y, eta = frame[LABEL].to_numpy(), run.card.eta(frame)
    p = 1 / (1 + np.exp(-eta))

    released = run.result.metrics[sample]

    assert (released["n"], released["bads"]) == (len(y), y.sum())
    assert abs(released["auc"] - roc_auc_score(y, eta)) <= released["auc_bound"] + 1e-9
    assert released["auc_bound"] < 3e-3  # half the pairs in one of 8192 cells of the score
    assert abs(released["brier"] - np.mean((p - y) ** 2)) <= 1e-7
    assert sum(band["n"] for band in released["bands"]) == len(y)
    assert sum(band["bads"] for band in released["bands"]) == y.sum()


def test_the_released_auc_is_the_pooled_one_of_the_declared_score_cells(run: Comparison) -> None:
    # 8192 equal cells of the log odds from -12 to 12; rows of one cell are ties.
    holdout = run.data.holdout
    cells = np.clip(np.floor((run.card.eta(holdout) + 12) / 24 * 8192), 0, 8191)

    expected = roc_auc_score(holdout[LABEL], cells)

    assert abs(run.result.metrics["holdout"]["auc"] - expected) <= 1e-6


def test_the_parties_and_the_key_holder_saw_a_falling_loss(run: Comparison) -> None:
    losses = run.result.history["log_loss"].dropna().to_numpy()

    assert abs(losses[0] - np.log(2)) <= 1e-9  # Newton starts at zero
    assert (np.diff(losses) <= 1e-9).all()
