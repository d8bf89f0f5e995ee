"""What each party adds, on games whose answers are known."""

import math

import pytest

from fedcredit_models.coalitions import exact_shapley, leave_one_out, sampled_shapley


def _gloves(coalition: frozenset[str]) -> float:
    """One left glove, two right ones; a pair is worth one."""
    return 1.0 if "left" in coalition and coalition & {"right-1", "right-2"} else 0.0


GLOVES = ("left", "right-1", "right-2")


def test_the_glove_game_gives_two_thirds_and_twice_one_sixth():
    found = exact_shapley(GLOVES, _gloves)

    assert found.by_party == pytest.approx({"left": 2 / 3, "right-1": 1 / 6, "right-2": 1 / 6})
    assert found.n_values == 8


def test_leave_one_out_gives_nothing_to_a_party_that_another_can_replace():
    assert leave_one_out(GLOVES, _gloves) == {"left": 1.0, "right-1": 0.0, "right-2": 0.0}


def test_a_majority_game_by_hand():
    weight = {"a": 4, "b": 2, "c": 1, "d": 1}

    def wins(coalition: frozenset[str]) -> float:
        return float(sum(weight[party] for party in coalition) >= 5)

    # a decides in 18 of 24 orders; each other one in 2.
    assert exact_shapley(tuple(weight), wins).by_party == pytest.approx(
        {"a": 18 / 24, "b": 2 / 24, "c": 2 / 24, "d": 2 / 24}
    )


def test_values_add_up_to_that_of_all_less_that_of_nobody():
    def value(coalition: frozenset[str]) -> float:
        return 0.5 + 0.1 * math.sqrt(len(coalition)) + 0.03 * ("b" in coalition)

    found = exact_shapley(("a", "b", "c"), value)

    assert sum(found.by_party.values()) == pytest.approx(value(frozenset("abc")) - 0.5)


def test_few_parties_are_never_sampled():
    assert sampled_shapley(GLOVES, _gloves) == exact_shapley(GLOVES, _gloves)


def test_a_sample_estimates_within_its_error():
    names = tuple("abcdefghij")
    asked = []

    def value(coalition: frozenset[str]) -> float:
        asked.append(coalition)
        return sum(1.0 for name in coalition if name < "d") ** 2

    # Each of a, b, c adds 1, 3 or 5 by its place among the three: 3 on average; the others nothing.
    found = sampled_shapley(names, value, most_values=120, seed=1)

    assert len(asked) == len(set(asked)) == found.n_values
    for name in names:
        expected = 3.0 if name < "d" else 0.0
        assert abs(found.by_party[name] - expected) <= 4 * found.standard_error[name] + 1e-12
    assert sum(found.by_party.values()) == pytest.approx(9.0)


@pytest.mark.parametrize("parties", [(), ("a", "a")])
def test_parties_are_named_once(parties):
    with pytest.raises(ValueError, match="named once"):
        exact_shapley(parties, _gloves)


def test_too_many_coalitions_are_refused():
    with pytest.raises(ValueError, match="sample"):
        exact_shapley([str(i) for i in range(13)], _gloves)
