"""The tail probabilities equal SciPy's."""

import pytest
from scipy import stats

from fedcredit_models.tails import chi_square_tail, fair_coin_two_sided, normal_two_sided


@pytest.mark.parametrize("z", [0.0, -1.0, 1.959963984540054, 8.0])
def test_the_normal_tail_is_scipys(z: float) -> None:
    assert normal_two_sided(z) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-12)


@pytest.mark.parametrize("degrees", [1, 2, 3, 8, 9, 10, 21])
@pytest.mark.parametrize("x", [0.0, 1e-6, 0.7, 9.0, 60.0])
def test_the_chi_square_tail_is_scipys(x: float, degrees: int) -> None:
    assert chi_square_tail(x, degrees) == pytest.approx(stats.chi2.sf(x, degrees), rel=1e-10)


def test_a_chi_square_variable_has_a_degree_of_freedom() -> None:
    with pytest.raises(ValueError, match="degree"):
        chi_square_tail(1.0, 0)


@pytest.mark.parametrize(("heads", "tails"), [(0, 0), (0, 1), (3, 9), (9, 3), (50, 50), (400, 520)])
def test_a_fair_coin_is_scipys_binomial_test(heads: int, tails: int) -> None:
    n = heads + tails
    exact = stats.binomtest(heads, n, 0.5).pvalue if n else 1.0
    assert fair_coin_two_sided(heads, tails) == pytest.approx(exact, rel=1e-9)
