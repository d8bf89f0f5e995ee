"""Champion against challenger: decisions by hand, McNemar as statsmodels, what is told of it."""

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from fedcredit_models import comparing
from fedcredit_models.cell_rules import CellRules
from fedcredit_models.comparing import Decisions
from fedcredit_models.joint_grid import JointGrid
from fedcredit_models.metrics import ScoreGrid, score_sums
from tests.models.paired_scores import by_pairs, rows

TENS = CellRules(10, 10, 10)


def test_a_bad_is_decided_rightly_when_refused_and_a_good_when_approved() -> None:
    # Two cells each; cell 1 is refused. Rows: champion, columns: challenger.
    bads = np.array([[4, 3], [2, 1]])  # both approve 4, only the challenger refuses 3, ...
    goods = np.array([[40, 30], [20, 10]])
    assert Decisions.of(bads, goods, (1, 1)) == Decisions(
        both=1 + 40, only_first=2 + 30, only_second=3 + 20, neither=4 + 10
    )


@pytest.mark.parametrize(("b", "c"), [(86, 150), (3, 11), (40, 40), (1, 0)])
def test_mcnemar_is_that_of_statsmodels(b: int, c: int) -> None:
    found = Decisions(both=794, only_first=b, only_second=c, neither=570)
    table = [[794, b], [c, 570]]
    exact = mcnemar(table, exact=True)
    chi = mcnemar(table, exact=False, correction=True)
    assert found.exact_p_value() == pytest.approx(exact.pvalue, rel=1e-9)
    assert found.chi_square() == pytest.approx(0.0 if b == c else chi.statistic)
    if b != c:
        assert found.p_value() == pytest.approx(chi.pvalue)


def test_nobody_discordant_says_nothing() -> None:
    found = Decisions(both=10, only_first=0, only_second=0, neither=3)
    assert (found.chi_square(), found.p_value(), found.exact_p_value()) == (0.0, 1.0, 1.0)


def test_a_release_holds_the_test_and_the_discordant_rows() -> None:
    first, second, y = rows(5)
    grid = JointGrid(ScoreGrid())
    cuts = tuple(int(grid.score.cell_of(np.array([e]))[0]) for e in (-1.125, -1.5))
    out = comparing.release(
        score_sums(first, y, grid.score),
        score_sums(second, y, grid.score),
        grid.histogram(first, second, y),
        grid,
        (cuts[0], cuts[1]),
        TENS,
    )
    difference, error = by_pairs(first, second, y)
    found = out["delong"]
    assert (found["second_nano"] - found["first_nano"]) / 1e9 == pytest.approx(difference, abs=1e-3)
    assert found["least_error_nano"] <= error * 1e9 <= found["largest_error_nano"]
    right = [(eta >= edge) == (y == 1) for eta, edge in ((first, -1.125), (second, -1.5))]
    assert out["mcnemar"] == {
        "only_champion": int((right[0] & ~right[1]).sum()),
        "only_challenger": int((right[1] & ~right[0]).sum()),
    }


def test_a_challenger_that_moves_few_rows_is_withheld() -> None:
    first, _, y = rows(5)
    second = first + 0.03
    second[np.flatnonzero(y == 1)[:9]] -= 4.0
    grid = JointGrid(ScoreGrid())
    out = comparing.release(
        score_sums(first, y, grid.score),
        score_sums(second, y, grid.score),
        grid.histogram(first, second, y),
        grid,
        (None, None),
        TENS,
    )
    assert out == {"withheld": "too_alike"}


def test_few_discordant_rows_are_not_counted_out() -> None:
    first, second, y = rows(5)
    grid = JointGrid(ScoreGrid())
    last = int(grid.score.cell_of(np.array([2.8125]))[0])  # hardly anybody is refused
    out = comparing.release(
        score_sums(first, y, grid.score),
        score_sums(second, y, grid.score),
        grid.histogram(first, second, y),
        grid,
        (last, last),
        TENS,
    )
    assert out["mcnemar"] == {"withheld": "min_subjects"}
