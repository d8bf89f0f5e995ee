"""What an authorization must hold, and the root over several: by hand, with hashlib alone."""

import hashlib
from itertools import pairwise
from typing import Any

import pytest

from fedcredit_ledger.authorization import (
    grant_leaf,
    is_under,
    lacking,
    prove,
    root_over,
    sealed_leaf,
    separate_consents_needed,
)
from fedcredit_ledger.errors import InvalidEvidenceError


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


LEAVES = sorted(sha(b"\0", bytes([i])) for i in range(5))


# --- what the basis demands


def terms(**changes: Any) -> dict[str, Any]:
    return {
        "basis": "contract",
        "grantee": "bank-b",
        "purpose": "modelling",
        "categories": ["loans"],
    } | changes


SUBJECT = {"commits": {"subject": "ab" * 32}}
ORDER = {"commits": {"order_no": "ab" * 32}}
PERSON = {"basis": "consent", "subject_type": "person", **SUBJECT}

SOUND = {
    "a contract": {},
    "a consent of an enterprise": {"basis": "consent", "subject_type": "enterprise", **SUBJECT},
    "a statute": {"basis": "statute", "statute": {"law": "PIPL", "article": "13"}},
    "a court's order": {"basis": "court_order", **ORDER},
    "a police order": {"basis": "police_order", **ORDER},
    "a person's consent for its own bank": {**PERSON, "grantee": "bank-a"},
    "a person's consent to provision": {**PERSON, "separate_consents": ["pipl-23"]},
    "a contract with a person": {"subject_type": "person", **SUBJECT},
}
WANTING = {
    "a consent without a subject": ({"basis": "consent"}, "subject"),
    "a statute without law": ({"basis": "statute"}, "law and article"),
    "a court's order without number": ({"basis": "court_order"}, "number"),
    "a police order without number": ({"basis": "police_order", **SUBJECT}, "number"),
    "a person's consent without one to provision": (PERSON, "pipl-23"),
    "an enterprise with a person's consents": (
        {"basis": "consent", "subject_type": "enterprise", **SUBJECT}
        | {"separate_consents": ["pipl-23"]},
        "a person",
    ),
}


@pytest.mark.parametrize("case", SOUND)
def test_sound_terms_lack_nothing(case: str) -> None:
    assert lacking(terms(**SOUND[case]), issuer="bank-a") == ""


@pytest.mark.parametrize("case", WANTING)
def test_what_terms_lack_is_said(case: str) -> None:
    changes, says = WANTING[case]

    assert says in lacking(terms(**changes), issuer="bank-a")


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({}, ("pipl-23",)),
        ({"grantee": "bank-a"}, ()),
        ({"purpose": "loan_origination"}, ("pipl-23", "pipl-24")),
        ({"purpose": "blacklist_check", "grantee": "bank-a"}, ("pipl-24",)),
        ({"purpose": "fraud_intervention", "grantee": "bank-a"}, ("pipl-24",)),
        ({"purpose": "post_loan", "grantee": "bank-a"}, ()),
        ({"categories": ["loans", "cashflow"], "grantee": "bank-a"}, ("pipl-29",)),
        ({"categories": ["telecom"], "grantee": "bank-a"}, ("pipl-29",)),
        ({"categories": ["all"], "purpose": "loan_origination"}, ("pipl-23", "pipl-24", "pipl-29")),
        ({"subject_type": "household"}, ()),
        ({"basis": "contract"}, ()),
    ],
    ids=str,
)
def test_a_persons_consent_names_those_of_its_own_that_apply(
    changes: dict[str, Any], needed: tuple[str, ...]
) -> None:
    assert separate_consents_needed(terms(**PERSON | changes), issuer="bank-a") == needed


# --- one root over several


def test_the_root_over_one_grant_is_its_leaf_hash() -> None:
    entry_id = "cd" * 32

    assert root_over([grant_leaf(entry_id)]) == sha(b"\0", bytes.fromhex(entry_id)).hex()


def test_the_root_over_three_is_that_of_the_sorted_leaves() -> None:
    a, b, c = LEAVES[:3]

    assert root_over([c, a, b]) == sha(b"\1", sha(b"\1", a, b), c).hex()


def test_a_sealed_authorization_is_hashed_in_its_canonical_form() -> None:
    text = b'{"basis":"consent","grant_id":"auth-1"}'

    assert sealed_leaf({"grant_id": "auth-1", "basis": "consent"}) == sha(b"\0", text)


@pytest.mark.parametrize("leaves", [[], [LEAVES[0], LEAVES[0]]], ids=["none", "one twice"])
def test_there_is_no_root_over(leaves: list[bytes]) -> None:
    with pytest.raises(ValueError, match="at least one authorization"):
        root_over(leaves)


@pytest.mark.parametrize("n", range(1, 6))
def test_each_is_shown_to_be_under_the_root(n: int) -> None:
    some = LEAVES[:n]
    for leaf in some:
        assert is_under(prove(some, leaf), leaf=leaf, root=root_over(some)) is True


@pytest.mark.parametrize("n", range(1, 6))
def test_one_that_is_not_is_shown_by_its_neighbours(n: int) -> None:
    some, root = LEAVES[:n], root_over(LEAVES[:n])
    between = [(int.from_bytes(a) + 1).to_bytes(32) for a, _ in pairwise(some)]
    for leaf in (bytes(32), *between, b"\xff" * 32):
        assert is_under(prove(some, leaf), leaf=leaf, root=root) is False


def test_a_proof_about_one_says_nothing_of_another() -> None:
    root, absent = root_over(LEAVES), (int.from_bytes(LEAVES[1]) + 1).to_bytes(32)

    for proof, leaf in (
        (prove(LEAVES, LEAVES[1]), LEAVES[2]),  # one that is there
        (prove(LEAVES, LEAVES[1]), absent),  # one neighbour does not close a gap
        (prove(LEAVES, absent), LEAVES[1]),  # a neighbour itself is no gap
        (prove(LEAVES, absent), LEAVES[4]),  # outside the gap
    ):
        with pytest.raises(InvalidEvidenceError):
            is_under(proof, leaf=leaf, root=root)


def test_neighbours_that_are_none_do_not_hide_an_authorization() -> None:
    """The holder shows the leaves on both sides of the one it denies."""
    root = root_over(LEAVES)
    left, right = (prove(LEAVES, LEAVES[i])["shown"][0] for i in (1, 3))

    with pytest.raises(InvalidEvidenceError):
        is_under({"size": 5, "shown": [left, right]}, leaf=LEAVES[2], root=root)


def test_a_shorter_size_does_not_make_a_leaf_the_last() -> None:
    """Denying the last by calling the one before it the end of the tree."""
    root, last = root_over(LEAVES), LEAVES[4]
    before = prove(LEAVES, LEAVES[3])["shown"]

    for size in (4, 5, 8):
        with pytest.raises(InvalidEvidenceError):
            is_under({"size": size, "shown": before}, leaf=last, root=root)


@pytest.mark.parametrize(
    "changes",
    [
        {"size": "5"},
        {"size": 0},
        {"shown": []},
        {"shown": [{}]},
        {"shown": [{"index": 0, "hash": "zz", "proof": []}]},
        {"shown": [{"index": -1, "hash": LEAVES[0].hex(), "proof": []}]},
        {"shown": None},
    ],
    ids=str,
)
def test_a_malformed_proof_is_a_named_error(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvidenceError):
        is_under(prove(LEAVES, LEAVES[0]) | changes, leaf=LEAVES[0], root=root_over(LEAVES))
