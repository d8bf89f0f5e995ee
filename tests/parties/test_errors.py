"""The errors of the parties room: one tree, one number each, texts that help."""

import re

import pytest

from fedcredit_parties import errors
from fedcredit_parties.errors import ExpiredGrantError, PartyError, by_name


def _classes() -> list[type[PartyError]]:
    found = [PartyError]
    for error in found:
        found += error.__subclasses__()
    return found


def test_every_error_has_its_own_number_in_the_rooms_ranges() -> None:
    numbers = [error.exit_code for error in _classes()]

    assert len(set(numbers)) == len(numbers) == 38
    assert all(10 <= number <= 39 or 70 <= number <= 79 for number in numbers)


def test_the_tree_in_the_docstring_is_the_tree_in_the_code() -> None:
    drawn = dict(re.findall(r"(\w+Error) +(\d\d)\b", errors.__doc__ or ""))

    assert drawn == {error.__name__: str(error.exit_code) for error in _classes()}


def test_each_child_is_drawn_under_its_parent() -> None:
    parents: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^    ([│├└─ ]*)(\w+Error)\b", line)
        if found is None:
            continue
        depth = len(found[1]) // 4
        parents[depth:] = [found[2]]
        if depth:
            assert by_name[found[2]].__base__ is by_name[parents[depth - 1]]

    assert parents, "the docstring draws the tree"


def test_the_table_of_names_is_complete_and_closed() -> None:
    assert dict(by_name) == {error.__name__: error for error in _classes()}
    with pytest.raises(TypeError):
        by_name["NewError"] = PartyError  # type: ignore[index]


def test_the_text_says_what_was_expected_and_found_in_one_line() -> None:
    error = ExpiredGrantError("grant g-1 has expired", expected="use before May", found="June")

    assert str(error) == "grant g-1 has expired (expected use before May; found June)"
    assert str(PartyError("it broke")) == "it broke"


def test_diagnostics_tell_the_person_at_the_terminal_what_to_try() -> None:
    error = ExpiredGrantError("grant g-1 has expired", party="bank-a", remedy="ask bank-a")

    assert error.diagnostics().splitlines() == [
        "ExpiredGrantError: grant g-1 has expired",
        "  party:    bank-a",
        "  try:      ask bank-a",
        "exit 22 · docs: reference/exit-codes/22",
    ]


def test_an_error_that_arrived_as_data_is_rebuilt_from_its_name_and_texts() -> None:
    rebuilt = by_name["ExpiredGrantError"]("over", party="bank-a", expected="x", found="y")

    assert isinstance(rebuilt, ExpiredGrantError)
    assert (rebuilt.party, rebuilt.expected, rebuilt.found, rebuilt.remedy) == (
        "bank-a",
        "x",
        "y",
        "",
    )
