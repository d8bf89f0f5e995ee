"""Build the ledger's own conformance vectors from their seeds and fields.

``python generate.py`` writes L1.json to L8.json, chain.json and bad/*.json beside itself; a test
runs it and compares. The public vectors (J, M, N, W, T, P, E) come from elsewhere, are named with
their source in each file, and are not generated.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from bad_chains import bad_chains
from chains import (
    ORIGIN,
    SIZE,
    WITNESSES,
    log_key,
    party_key,
    sound,
    witness_key,
)

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.checkpoint import Checkpoint, TlogProof
from fedcredit_ledger.entry import Entry, SignedEntry, commit
from fedcredit_ledger.evidence_verifier import pack
from fedcredit_ledger.merkle import node_hash
from fedcredit_ledger.note import Note

HERE = Path(__file__).resolve().parent

FIRST_TIME_S = 1795449600

BEFORE = {
    "size": 4,
    "root": "a73820c9842e3c817ec61d0c176d081a242330d28f091be0bbe3274c88837799",
    "last_leaf": "1fd754cf201d98f610f9c4d26052faac4cc98809bb92cdace4b7d51f3c40762e",
    "author_prev": "6b2dbc578c30531feab31f818d2a728b5b7cf5062a058431e7cd0241807fdbc7",
}
"""What stood in the ledger before the leaf of L1."""


def commitment() -> tuple[str, str]:
    """Return L4: a commitment and its salt."""
    return commit("subject", "110101199003070000", salt=hashlib.sha256(b"salt").digest())


def leaf() -> Leaf:
    """Return L1: a bank grants."""
    entry = Entry(
        author="bank-a",
        author_seq=1,
        author_prev=str(BEFORE["author_prev"]),
        ledger=ORIGIN,
        type="grant-issued",
        time="2026-11-23T16:00:04.000Z",
        seen_size=4,
        seen_root=str(BEFORE["root"]),
        readers=["bank-a", "bank-b"],
        data={
            "assets": ["bank-a/consumer_2025"],
            "basis": "consent",
            "commits": {"subject": commitment()[0]},
            "grant_id": "0198f2a4-0000-7000-8000-000000000001",
            "grantee": "bank-b",
            "max_uses": 1,
            "operations": ["sum"],
            "purpose": "loan_origination",
            "valid_from": "2026-11-23T00:00:00.000Z",
            "valid_until": "2026-12-23T00:00:00.000Z",
        },
    )
    return Leaf(
        index=4,
        prev=str(BEFORE["last_leaf"]),
        received="2026-11-23T16:00:04.000Z",
        signed=SignedEntry.sign(entry, party_key("bank-a")),
    )


def checkpoint() -> Note:
    """Return L2: the head over five leaves, co-signed by four witnesses."""
    root = node_hash(bytes.fromhex(str(BEFORE["root"])), leaf().hash)
    text = Checkpoint(ORIGIN, 5, root).text()
    lines = [log_key().sign(text)]
    for i, name in enumerate(WITNESSES):
        lines.append(witness_key(name).cosign(text, FIRST_TIME_S + i))
    return Note(text, tuple(lines))


def policy() -> list[str]:
    """Return L5: two of three banks, and the regulator."""
    return [
        f"log {log_key().vkey}",
        *(f"witness {name} {witness_key(name).vkey}" for name in WITNESSES),
        "group parties 2 bank-a bank-b bank-c",
        "group all-of all parties regulator",
        "quorum all-of",
    ]


def build() -> dict[str, Any]:
    """Return every vector by file name."""
    made, head = leaf(), checkpoint()
    proof = TlogProof(4, (bytes.fromhex(str(BEFORE["root"])),), head)
    digest, salt = commitment()
    good = sound()
    return {
        "L1.json": {
            "what": "a leaf: a bank grants",
            "leaf": made.raw.decode(),
            "leaf_hash": made.hash.hex(),
            "entry_id": made.signed.id,
        },
        "L2.json": {
            "what": "a checkpoint over five leaves, the last being L1",
            "checkpoint": head.encode().decode(),
            "root": Checkpoint.parse(head.text).root.hex(),
            "log_vkey": log_key().vkey,
            "witness_vkeys": {name: witness_key(name).vkey for name in WITNESSES},
        },
        "L3.json": {
            "what": "tlog-proof of L1 in L2",
            "proof": proof.encode().decode(),
            "index": 4,
            "hashes": [base64.b64encode(value).decode() for value in proof.hashes],
        },
        "L4.json": {
            "what": "a commitment",
            "salt": salt,
            "name": "subject",
            "value": "110101199003070000",
            "commitment": digest,
        },
        "L5.json": {
            "what": "a witness policy",
            "lines": policy(),
            "satisfied_by": [["bank-a", "bank-b", "regulator"], list(WITNESSES)],
            "not_satisfied_by": [["bank-a", "bank-b", "bank-c"], ["bank-a", "regulator"], []],
        },
        "L8.json": {
            "what": "the one archive of two files",
            "files": {"a.txt": "x", "b/c": "y"},
            "zip": base64.b64encode(pack({"a.txt": b"x", "b/c": b"y"})).decode(),
            "sha256": hashlib.sha256(pack({"a.txt": b"x", "b/c": b"y"})).hexdigest(),
        },
        "chain.json": {
            "what": f"a sound ledger of {SIZE} leaves: one federation, one run of one round",
            "founding_entry": good.ids[0],
            "root": good.tree.root.hex(),
            "leaves": [raw.decode() for raw in good.leaves],
            "heads": [raw.decode() for raw in good.heads],
        },
        **{f"bad/{name}.json": bad.document(good) for name, bad in bad_chains().items()},
    }


def text(document: Any) -> str:
    """Return a vector as the file holds it."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for old in (HERE / "bad").glob("*.json"):
        old.unlink()
    for name, document in build().items():
        (HERE / name).write_text(text(document), encoding="utf-8")
