"""Tail probabilities of the three distributions that tests of a model need, without a dependency.

Normal, chi-square with whole degrees of freedom, and the binomial with one half.
"""

import math


def normal_two_sided(z: float) -> float:
    """Return P(|Z| >= |z|) of a standard normal Z."""
    return math.erfc(abs(z) / math.sqrt(2.0))


def chi_square_tail(x: float, degrees: int) -> float:
    """Return P(X >= x) of a chi-square variable, exact up to rounding.

    Q(x; 1) = erfc(sqrt(x / 2)), Q(x; 2) = exp(-x / 2), and two degrees more add one term:
    ``Q(x; k + 2) = Q(x; k) + (x / 2)**(k / 2) exp(-x / 2) / Gamma(k / 2 + 1)``.

    Raises
    ------
    ValueError
        For less than one degree of freedom.

    References
    ----------
    Abramowitz, M., Stegun, I. (1964). Handbook of Mathematical Functions, 26.4.4, 26.4.5, 26.4.8.
    """
    if degrees < 1:
        raise ValueError("a chi-square variable has at least one degree of freedom")
    if x <= 0:
        return 1.0
    half = x / 2
    tail = math.erfc(math.sqrt(half)) if degrees % 2 else math.exp(-half)
    for k in range(2 - degrees % 2, degrees, 2):
        tail += math.exp(k / 2 * math.log(half) - half - math.lgamma(k / 2 + 1))
    return min(tail, 1.0)


def fair_coin_two_sided(heads: int, tails: int) -> float:
    """Return the exact two-sided probability of a split at least as uneven, of a fair coin.

    Twice the smaller tail of the binomial with one half, at most 1.
    """
    n, least = heads + tails, min(heads, tails)
    whole = math.lgamma(n + 1) - n * math.log(2.0)
    terms = (
        math.exp(whole - math.lgamma(k + 1) - math.lgamma(n - k + 1)) for k in range(least + 1)
    )
    return min(1.0, 2.0 * math.fsum(terms))
