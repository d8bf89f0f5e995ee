"""The single-file verifier: an implementation of its own, against everybody else's vectors."""

import ast
import hashlib
import json
import random
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from fedcredit_ledger import evidence_verifier as verifier
from fedcredit_ledger.entry import HEADER
from fedcredit_ledger.merkle import Tree, leaf_hash
from tests.ledger.small_packages import finished_federation, run_package

VECTORS = Path(__file__).parents[2] / "ledger" / "vectors"
SOURCE = Path(verifier.__file__)


def vector(name: str):
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


NOTES = [row for row in vector("N")["rows"] if "vkey" in row]


# Ed25519


# RFC 8032, section 7.1, tests 1 and 2 and SHA(abc); test 3 is E1
RFC_8032: list[tuple[str, str, str]] = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
        "46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
        "d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").hexdigest(),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e"
        "0303dca179c138ac17ad9bef1177331a704",
    ),
    tuple(vector("E1")[name] for name in ("public", "message", "signature")),
]


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_the_signatures_of_rfc_8032_verify_and_no_changed_bit_does(public, message, signature):
    key, text, good = (bytes.fromhex(part) for part in (public, message, signature))

    assert verifier.ed25519(key, text, good)
    assert not verifier.ed25519(key, text + b"\0", good)
    for position in range(0, 512, 37):
        changed = bytearray(good)
        changed[position // 8] ^= 1 << position % 8
        assert not verifier.ed25519(key, text, bytes(changed))


def test_it_agrees_with_the_cryptography_package_on_good_and_bad_signatures():
    rng = random.Random(7)
    for _ in range(25):
        key = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
        public = key.public_key().public_bytes_raw()
        message = rng.randbytes(rng.randrange(200))
        signature = key.sign(message)
        changed = bytearray(signature)
        changed[rng.randrange(64)] ^= 1 << rng.randrange(8)
        for candidate in (signature, bytes(changed), rng.randbytes(64)):
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(candidate, message)
                expected = True
            except InvalidSignature:
                expected = False
            assert verifier.ed25519(public, message, candidate) is expected


def test_a_second_spelling_of_a_signature_is_refused():
    """S + L names the same scalar: whoever takes it has malleable signatures."""
    public, message, signature = (bytes.fromhex(part) for part in RFC_8032[1])
    order = 2**252 + 27742317777372353535851937790883648493
    twin = (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")

    assert not verifier.ed25519(public, message, signature[:32] + twin)
    assert not verifier.ed25519(public, message, signature[:63])


# notes, keys, policies


@pytest.mark.parametrize("row", NOTES, ids=lambda row: row["id"])
def test_notes_that_other_programs_made_verify(row):
    kind = 4 if "time_s" in row else 1
    key = verifier.parse_key(row["vkey"], kind, "key")
    raw = f"{row['text']}\n{row['line']}\n".encode()

    text, (line,) = verifier.parse_note(raw, "note")

    assert text.decode() == row["text"]
    assert verifier._signed(text, line, key, "note") == row.get("time_s", 0)
    with pytest.raises(verifier.Refused, match="does not verify"):
        verifier._signed(text + b"x", line, key, "note")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\nno dash\n",
        "text\n\n\u2014 name AAAA\n".encode(),
        "text\n\n\u2014 na me AAAAAAAA\n".encode(),
        "text\n\n\u2014 name AAAAAAAB==\n".encode(),
        "text\n\n\u2014 name AAAAAAAA".encode(),
        b"\xff\n\n\xff\n",
    ],
)
def test_what_is_no_note_is_refused(raw):
    with pytest.raises(verifier.Refused):
        verifier.parse_note(raw, "note")


def test_the_policy_vector_holds_for_exactly_its_quorums():
    rows = vector("L5")
    policy = verifier.Policy(rows["lines"], "policy")

    assert all(policy.holds(dict.fromkeys(names, 0)) for names in rows["satisfied_by"])
    assert not any(policy.holds(dict.fromkeys(names, 0)) for names in rows["not_satisfied_by"])


# canonical JSON


@pytest.mark.parametrize("row", vector("J2")["rows"], ids=lambda row: row["defect"])
def test_every_second_spelling_of_json_is_refused(row):
    with pytest.raises(verifier.Refused):
        verifier.canonical(bytes.fromhex(row["hex"]), "json")


@pytest.mark.parametrize("row", vector("J1")["rows"], ids=lambda row: row["name"])
def test_the_public_reference_set_of_json_is_refused(row):
    for name in ("input_hex", "output_hex"):
        with pytest.raises(verifier.Refused):
            verifier.canonical(bytes.fromhex(row[name]), "json")


# trees


def test_all_proofs_of_small_trees_verify_and_no_other_place_does():
    tree = Tree(leaf_hash(bytes([i])) for i in range(24))
    for size in range(1, 25):
        root = tree.root_at(size)
        for index in range(size):
            proof = tree.inclusion_proof(index, size)
            value = tree.leaf(index)
            assert verifier.is_included(value, index, size, proof, root)
            assert not verifier.is_included(value, index + 1, size, proof, root)
            assert not verifier.is_included(value, index, size, [*proof, root], root)
            old = index + 1
            path = tree.consistency_proof(old, size)
            assert verifier.is_consistent(old, tree.root_at(old), size, root, path)
            assert not verifier.is_consistent(old, root[::-1], size, root, path)


# leaf, checkpoint, archive


def test_the_leaf_of_the_specification_is_read_as_it_says():
    row = vector("L1")

    leaf = verifier.parse_leaf(row["leaf"].encode(), "entries/4.leaf")

    assert (leaf.hash.hex(), leaf.id) == (row["leaf_hash"], row["entry_id"])
    assert leaf.text.startswith(HEADER)


def test_no_changed_bit_leaves_the_leaf_of_the_specification_as_it_was():
    raw = vector("L1")["leaf"].encode()
    good = verifier.parse_leaf(raw, "entries/4.leaf")
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= 0x01
        try:
            leaf = verifier.parse_leaf(bytes(changed), "entries/4.leaf")
        except verifier.Refused:
            continue
        assert leaf.hash != good.hash


def test_the_checkpoint_of_the_specification_carries_its_quorum():
    row, lines = vector("L2"), vector("L5")["lines"]
    log = verifier.parse_key(row["log_vkey"], 1, "key")
    rules = [verifier.HeadRule(0, log, lines, verifier.Policy(lines, "policy"))]

    size, root, seen = verifier._open_head(row["checkpoint"].encode(), rules, "checkpoint")

    assert (size, root.hex()) == (5, row["root"])
    assert seen == {name: 1795449600 + i for i, name in enumerate(row["witness_vkeys"])}
    fewer = "".join(x for x in row["checkpoint"].splitlines(True) if "regulator" not in x)
    with pytest.raises(verifier.Refused, match="too few witnesses"):
        verifier._open_head(fewer.encode(), rules, "checkpoint")


def test_the_archive_is_the_one_of_the_specification():
    packed = verifier.pack({"a.txt": b"x", "b/c": b"y"})

    assert len(packed) == 192
    assert hashlib.sha256(packed).hexdigest() == vector("L8")["sha256"]


# alone


def test_it_needs_nothing_but_the_standard_library_of_python_3_8():
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 8))

    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.split(".")[0])
    assert names <= sys.stdlib_module_names


def test_a_package_verifies_in_an_empty_virtual_environment(tmp_path):
    fed = finished_federation()
    (tmp_path / "case.zip").write_bytes(run_package(fed))
    shutil.unpack_archive(tmp_path / "case.zip", tmp_path / "case")

    venv.create(tmp_path / "empty", symlinks=True)
    python = tmp_path / "empty" / "bin" / "python"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, "-I", *arguments],
            cwd=tmp_path,
            env={},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    for package in ("fedcredit_ledger", "fedcredit", "cryptography"):
        assert "ModuleNotFoundError" in run("-c", f"import {package}").stderr
    done = run("case/verify.py", "case.zip", "--founding", fed.founding.id)
    assert (done.returncode, done.stderr) == (0, "")
    assert "run run-1: 21 entries" in done.stdout
    assert done.stdout.endswith("(as pinned)\nVALID: no findings\n")

    other = run("case/verify.py", "case.zip", "--founding", "f" * 64)
    assert (other.returncode, other.stdout) == (59, "")
    assert other.stderr.startswith("INVALID: entries/0.leaf · another founding entry")

    assert run("case/verify.py", "nothing.zip").returncode == 2
