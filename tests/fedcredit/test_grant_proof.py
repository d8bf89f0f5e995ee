"""The file that a court is given about an authorization: whatever stands in it, a named error."""

import copy
import hashlib
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fedcredit.grant_view import PROOF_FORMAT, check_proof
from fedcredit_ledger.authorization import prove, root_over, sealed_leaf
from fedcredit_ledger.entry import commit
from fedcredit_ledger.errors import LedgerError

DIGEST, SALT = commit("subject", "c-1", hashlib.sha256(b"salt").digest())
TERMS = {"grant_id": "auth-1", "purpose": "modelling", "commits": {"subject": DIGEST}}
LEAVES = [sealed_leaf(TERMS), *(hashlib.sha256(bytes([i])).digest() for i in range(4))]
ROOTS = root_over(LEAVES), root_over(LEAVES[1:])
BATCHES = {("bank-a", root): index for index, root in enumerate(ROOTS, start=7)}
PROOF: dict[str, Any] = {
    "format": PROOF_FORMAT,
    "holder": "bank-a",
    "authorization": TERMS,
    "openings": [[SALT, "subject", "c-1"]],
    "batches": [
        {"batch_id": "b-1", "root": ROOTS[0], "proof": prove(LEAVES, LEAVES[0])},
        {"batch_id": "b-2", "root": ROOTS[1], "proof": prove(LEAVES[1:], LEAVES[0])},
    ],
}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in a document."""
    inner: Any = value.items() if isinstance(value, dict) else []
    inner = enumerate(value) if isinstance(value, list) else inner
    return [path, *(found for key, item in inner for found in places(item, (*path, key)))]


def test_an_honest_proof_says_where_it_stands() -> None:
    terms, where = check_proof(json.loads(json.dumps(PROOF)), BATCHES)

    assert terms["purpose"] == "modelling"
    assert where == [("b-1", 7, True), ("b-2", 8, False)]


@settings(max_examples=300, deadline=None)
@given(path=st.sampled_from(places(PROOF)), value=anything)
def test_any_value_put_anywhere_is_told_by_name_or_changes_no_answer(
    path: tuple[Any, ...], value: Any
) -> None:
    document: Any = copy.deepcopy(PROOF)
    if not path:
        document = value
    else:
        inner = document
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value

    try:
        terms, where = check_proof(document, BATCHES)
    except LedgerError:
        return
    stands = {index for _, index, is_in in where if is_in}
    assert stands <= {7}
    assert not stands or terms == TERMS
