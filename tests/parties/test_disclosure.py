"""The disclosure policy: smallest cells, least parties, one digest for one policy."""

import pytest
from pydantic import ValidationError

from fedcredit_models.schema import infer
from fedcredit_parties.data_holder import check_roster
from fedcredit_parties.disclosure import DisclosurePolicy, check_cells, check_parties
from fedcredit_parties.errors import SmallCellError, TooFewPartiesError
from tests.simulated import bank_frames, small_job

POLICY = DisclosurePolicy(min_subjects=20, min_bads=5, min_goods=8)


def test_cells_at_the_limits_pass() -> None:
    check_cells(POLICY, bads=[5, 12], goods=[15, 8], what="bins")


@pytest.mark.parametrize(
    ("bads", "goods", "rule"),
    [([4], [40], "min_bads"), ([40], [7], "min_goods"), ([9], [10], "min_subjects")],
)
def test_a_smaller_cell_names_its_rule_and_not_its_count(
    bads: list[int], goods: list[int], rule: str
) -> None:
    with pytest.raises(SmallCellError, match=rule) as refused:
        check_cells(POLICY, bads=[50, *bads], goods=[50, *goods], what="bins of income")

    assert str(bads[0]) not in refused.value.found
    assert refused.value.found == "a smaller cell; nothing was released"


def test_columns_of_different_lengths_are_a_mistake() -> None:
    with pytest.raises(ValueError):
        check_cells(POLICY, bads=[50], goods=[50, 50], what="bins")


@pytest.mark.parametrize(("n", "least"), [(2, 2), (3, 4), (0, 2)])
def test_the_larger_of_policy_and_task_decides(n: int, least: int) -> None:
    with pytest.raises(TooFewPartiesError) as refused:
        check_parties(POLICY, n_parties=n, min_parties=least)

    assert refused.value.expected == f"at least {max(3, least)} parties"


def test_enough_parties_pass() -> None:
    check_parties(POLICY, n_parties=3, min_parties=2)


def test_one_policy_has_one_digest() -> None:
    assert DisclosurePolicy().digest() == DisclosurePolicy(min_subjects=10).digest()
    assert DisclosurePolicy().digest() != DisclosurePolicy(min_subjects=11).digest()


@pytest.mark.parametrize(
    "fields", [{"min_parties": 1}, {"min_bads": 0}, {"min_goods": "10"}, {"minimum": 3}]
)
def test_a_policy_that_protects_nobody_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DisclosurePolicy(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "summed", "passes"), [(15, 10, True), (15, 9, False), (4, 3, True), (5, 3, False)]
)
def test_a_roster_is_at_least_two_thirds_of_whom_the_task_names(
    asked: int, summed: int, passes: bool
) -> None:
    """Nobody shrinks fifteen banks to a victim and two friends."""
    names = tuple(f"bank-{i:02d}" for i in range(asked))
    schema = infer(bank_frames(3, n_rows=40), label="bad")
    task = small_job().task(schema, parties=names, policy=DisclosurePolicy())

    if passes:
        check_roster(DisclosurePolicy(), task, names[:summed])
    else:
        with pytest.raises(TooFewPartiesError):
            check_roster(DisclosurePolicy(), task, names[:summed])
