"""The closed table under values that nobody meant: each is taken, or refused by name."""

from collections.abc import Iterator
from typing import Any

import pytest

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.types import TYPES, check_data
from tests.ledger.whole_ledger import WholeLedger

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 5, 2**53 - 1, 1.5, "", " ", "x", "x" * 501, "0" * 64, "2026-02-30",
    "2026-11-23", "\u0662\u0660\u0662\u0666-11-23", [], [None], [[]], [{}], [1, 1], ["a", "a"],
    ["b", "a"], {}, {"a": 1}, {"a": "0" * 64}, {"party": "x"},
)  # fmt: skip
"""Of every JSON type, at the edges of the forms."""


@pytest.fixture(scope="module")
def samples() -> dict[str, dict[str, Any]]:
    """One accepted entry's data of every type."""
    leaves = map(Leaf.parse, WholeLedger().fed.log.leaves())
    return {leaf.signed.entry.type: leaf.signed.entry.data for leaf in leaves}


def changed(data: dict[str, Any]) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    for field in data:
        for odd in ODD:
            yield field, odd, data | {field: odd}


def refusal(kind: str, data: dict[str, Any]) -> str:
    try:
        check_data(kind, data)
    except RejectedEntryError as error:
        return error.code
    return ""


def test_every_type_has_a_sample_that_is_of_its_form(samples):
    assert samples.keys() == TYPES.keys()
    assert {refusal(kind, data) for kind, data in samples.items()} == {""}


def test_odd_values_are_taken_or_refused_by_name(samples):
    codes: set[str] = set()
    n_refused = n_taken = 0
    for kind, data in samples.items():
        for _, _, odd in changed(data):
            code = refusal(kind, odd)
            codes.add(code)
            n_refused += code != ""
            n_taken += code == ""

    assert codes == {"", "malformed", "unknown-field"}
    assert n_refused > 2 * n_taken > 0


def test_nothing_absent_fractional_or_empty_is_taken_for_a_value(samples):
    for kind, data in samples.items():
        for field in data:
            for nothing in (None, 1.5, {}):
                if field == "commits" and nothing == {} and not TYPES[kind].commits:
                    continue  # optional commitments may be none
                assert refusal(kind, data | {field: nothing}) == "malformed", (kind, field)


def test_a_required_field_is_required_and_an_optional_one_is_not(samples):
    for kind, data in samples.items():
        row = TYPES[kind]
        for field in data:
            rest = {name: value for name, value in data.items() if name != field}
            is_optional = field in row.optional or (field == "commits" and not row.commits)
            assert refusal(kind, rest) == ("" if is_optional else "malformed"), (kind, field)


@pytest.mark.parametrize(
    ("kind", "field", "taken", "refused"),
    [
        ("lookups-served", "day", "2024-02-29", "2026-02-29"),
        ("lookups-served", "day", "2026-11-23", "2026-11-23T16:00:00.000Z"),
        ("access-logged", "day", "2026-11-23", "2026-1-23"),
        ("query-answered", "coverage_percent", 100, 101),
        ("query-made", "n_subjects_padded", 1, 0),
        ("action-taken", "level", 4, 5),
        ("action-taken", "level", 1, 0),
        ("risk-list-published", "n_entries_band", "1000000-or-more", "1234567"),
        ("risk-list-published", "token_epoch", 0, -1),
        ("ledger-suspended", "reason", "disk-full", "disk is full"),
        ("audit-completed", "level", "rules", "full"),
        ("anchor-recorded", "kind", "opentimestamps", "bitcoin"),
        ("misbehaviour-reported", "kind", "rule", "rules"),
        ("commitment-erased", "names", ["a", "b"], ["a", "a"]),
    ],
)
def test_the_edges_of_the_forms(samples, kind, field, taken, refused):
    assert refusal(kind, samples[kind] | {field: taken}) == ""
    assert refusal(kind, samples[kind] | {field: refused}) == "malformed"
