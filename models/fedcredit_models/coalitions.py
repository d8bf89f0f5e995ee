"""What each party adds to a joint model: leave-one-out, and Shapley's value.

A *coalition* is a set of parties, its *value* some figure of the model that they train together,
say its AUC. Both measures compare values of coalitions that differ in one party, and so would the
differences of the sums behind them: they are for federations in which every party has agreed.

References
----------
Shapley, L. (1953). A value for n-person games. Contributions to the Theory of Games II, 307-317.
Castro, J., Gomez, D., Tejada, J. (2009). Polynomial calculation of the Shapley value based on
sampling. Computers & Operations Research 36, 1726-1730.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

Coalition = frozenset[str]
Value = Callable[[Coalition], float]

MOST_EXACT = 12
"""Most parties whose coalitions are all valued."""


@dataclass(frozen=True)
class Shares:
    """What each party adds.

    Attributes
    ----------
    by_party : dict of str to float
        Shapley values: they add up to the value of all together less that of nobody.
    standard_error : dict of str to float
        Of a sampled value; 0 when every coalition was valued.
    n_values : int
        Coalitions that were valued.
    """

    by_party: Mapping[str, float]
    standard_error: Mapping[str, float]
    n_values: int


def leave_one_out(parties: Sequence[str], value: Value) -> dict[str, float]:
    """Return the value of all less that of all but one, for each party.

    Parameters
    ----------
    parties : sequence of str
    value : callable
        Coalition -> figure; asked once for all, and once without each.

    Raises
    ------
    ValueError
        When a name stands twice, or nobody is there.
    """
    everybody = _checked(parties)
    whole = value(everybody)
    return {party: whole - value(everybody - {party}) for party in parties}


def exact_shapley(parties: Sequence[str], value: Value) -> Shares:
    """Return Shapley's value of each party, from every coalition.

    ``phi_i = sum over S without i of |S|! (n - |S| - 1)! / n! (v(S + i) - v(S))``.

    Parameters
    ----------
    parties : sequence of str
        At most 12: 2**n coalitions are valued, the empty one among them.
    value : callable
        Coalition -> figure; asked once for each.

    Raises
    ------
    ValueError
        When a name stands twice, nobody is there, or there are more than 12.
    """
    everybody = _checked(parties)
    n = len(parties)
    if n > MOST_EXACT:
        raise ValueError(f"more than {MOST_EXACT} parties have too many coalitions: sample them")
    subsets = [frozenset(s) for size in range(n + 1) for s in combinations(sorted(everybody), size)]
    values = {subset: value(subset) for subset in subsets}
    share = {
        party: math.fsum(
            (values[subset | {party}] - found) / (n * math.comb(n - 1, len(subset)))
            for subset, found in values.items()
            if party not in subset
        )
        for party in parties
    }
    return Shares(share, dict.fromkeys(parties, 0.0), len(values))


def sampled_shapley(
    parties: Sequence[str], value: Value, *, most_values: int = 200, seed: int = 0
) -> Shares:
    """Estimate Shapley's value from random orders in which the parties join.

    Each order gives every party what it adds to those before it. Orders come in pairs, one the
    other reversed, which lowers the variance; a coalition is valued once.

    Parameters
    ----------
    parties : sequence of str
    value : callable
    most_values : int, default 200
        No further pair of orders is begun once so many coalitions have been valued; when all of
        them are no more, the value is exact.
    seed : int, default 0

    Raises
    ------
    ValueError
        When a name stands twice, nobody is there, or `most_values` is below 1.
    """
    _checked(parties)
    if most_values < 1:
        raise ValueError("most_values is at least 1")
    if len(parties) <= MOST_EXACT and 2 ** len(parties) <= most_values:
        return exact_shapley(parties, value)
    rng = np.random.default_rng(seed)
    values: dict[Coalition, float] = {}
    pairs: list[dict[str, float]] = []
    for _ in range(most_values):
        order = [parties[i] for i in rng.permutation(len(parties))]
        one, two = (_added(joined, value, values) for joined in (order, order[::-1]))
        pairs.append({party: (one[party] + two[party]) / 2 for party in parties})
        if len(values) >= most_values:
            break
    table = np.array([[pair[party] for party in parties] for pair in pairs])
    spread = table.std(axis=0, ddof=1) if len(table) > 1 else np.full(len(parties), math.inf)
    return Shares(
        dict(zip(parties, table.mean(axis=0).tolist(), strict=True)),
        dict(zip(parties, (spread / math.sqrt(len(table))).tolist(), strict=True)),
        len(values),
    )


def _added(order: Sequence[str], value: Value, values: dict[Coalition, float]) -> dict[str, float]:
    added, before = {}, frozenset[str]()
    for party in order:
        for coalition in (before, before | {party}):
            if coalition not in values:
                values[coalition] = value(coalition)
        added[party] = values[before | {party}] - values[before]
        before |= {party}
    return added


def _checked(parties: Sequence[str]) -> Coalition:
    everybody = frozenset(parties)
    if not parties or len(everybody) != len(parties):
        raise ValueError("parties are named once each, and there is at least one")
    return everybody
