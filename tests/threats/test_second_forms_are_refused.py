"""Attack: bytes that mean the same to one reader and something else to another.

The same JSON in other bytes, a key that stands twice, a text that turns on the screen; a proof for
another size, hashes of another length. The weak variants are what everybody has at hand: the JSON
of the standard library, and the verification code of RFC 9162 as it stands there.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pytest

from fedcredit_ledger import evidence_verifier as verifier
from fedcredit_ledger.canonical import decode
from fedcredit_ledger.errors import InvalidEvidenceError, MalformedEntryError
from fedcredit_ledger.merkle import verify_consistency, verify_inclusion
from tests.ledger.vector_files import vector

J2, M2 = vector("J2")["rows"], vector("M2")


@pytest.mark.parametrize("row", J2, ids=lambda row: row["defect"])
def test_bad_canonical_inputs(row: dict[str, str]) -> None:
    raw = bytes.fromhex(row["hex"])

    with pytest.raises(MalformedEntryError):
        decode(raw)
    with pytest.raises(verifier.Refused):
        verifier.canonical(raw, "entry")


def test_the_weak_variant_reads_most_of_them() -> None:
    read = 0
    for row in J2:
        try:
            json.loads(bytes.fromhex(row["hex"]))
        except ValueError:
            continue
        read += 1

    assert read > len(J2) / 2


def good_inclusion(row: dict[str, Any]) -> bool:
    proof = [raw(part) for part in row["proof"] or []]
    place = {"index": row["leafIdx"], "size": row["treeSize"]}
    found = verifier.is_included(raw(row["leafHash"]), *place.values(), proof, raw(row["root"]))
    try:
        verify_inclusion(raw(row["leafHash"]), **place, proof=proof, root=raw(row["root"]))
        ours = True
    except InvalidEvidenceError:
        ours = False
    assert found is ours
    return found


def good_consistency(row: dict[str, Any]) -> bool:
    proof = [raw(part) for part in row["proof"] or []]
    old, new = (row["size1"], raw(row["root1"])), (row["size2"], raw(row["root2"]))
    found = verifier.is_consistent(*old, *new, proof)
    try:
        verify_consistency(
            old_size=old[0], old_root=old[1], new_size=new[0], new_root=new[1], proof=proof
        )
        ours = True
    except InvalidEvidenceError:
        ours = False
    assert found is ours
    return found


def raw(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def test_public_proof_vectors() -> None:
    """196 of other programs: 195 as marked, and one that has roots of 12 bytes."""
    assert (len(M2["inclusion"]), len(M2["consistency"])) == (98, 98)
    for row in M2["inclusion"]:
        assert good_inclusion(row) is not row["wantErr"], row["name"]
    for row in M2["consistency"]:
        expected = not row["wantErr"] and row["name"] not in M2["exception"]
        assert good_consistency(row) is expected, row["name"]


def literal_inclusion(
    index: int, size: int, leaf: bytes, root: bytes, proof: Sequence[bytes]
) -> bool:
    """RFC 9162, 2.1.3.2, word for word: nothing is said about the length of a hash."""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = hashlib.sha256(b"\1" + p + r).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = hashlib.sha256(b"\1" + r + p).digest()
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def test_the_weak_variant_proves_that_nothing_is_in_nothing() -> None:
    wrong = [
        row["name"]
        for row in M2["inclusion"]
        if literal_inclusion(
            row["leafIdx"],
            row["treeSize"],
            raw(row["leafHash"]),
            raw(row["root"]),
            [raw(part) for part in row["proof"] or []],
        )
        is row["wantErr"]
    ]

    assert wrong == ["single-entry/empty-root-and-leaf"]
