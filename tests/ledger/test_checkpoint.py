"""Heads, policies and proofs, against the specification's vectors."""

import base64
import json
from pathlib import Path

import pytest

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.checkpoint import (
    Checkpoint,
    Policy,
    TlogProof,
    open_checkpoint,
    unanimous_policy,
)
from fedcredit_ledger.errors import (
    CheckpointError,
    InvalidEvidenceError,
    MalformedEntryError,
    QuorumError,
    SignatureError,
)
from fedcredit_ledger.note import CosignatureKey, Note, SigningKey, VerifierKey

VECTORS = Path(__file__).parents[2] / "ledger" / "vectors"
L1, L2, L3, L5 = (
    json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
    for name in ("L1", "L2", "L3", "L5")
)
NOTE = Note.parse(L2["checkpoint"].encode())
LOG = VerifierKey.parse(
    "ledger.example/fedcredit-demo+cfd740bd+AR97VMRhk14ws+la8GUNmEic8a/fBXhWLfEyUEUZbgvW"
)
WITNESSES = {
    "bank-a": "bank-a+2b5bef75+BEaYzzRs5uxNxA21d6+ZaZVJcMPlSXFG6/yHVkOEn9He",
    "bank-b": "bank-b+b82976c0+BCgoSZ8SsRsGDPinWjNoXkVNnlCWy4Ysru1nj6EikRQr",
    "bank-c": "bank-c+29c17544+BP/89l5RDdmuEcYwi/jayg+yATrxBupEX47iqln9QTXA",
    "regulator": "regulator+b0e5d91f+BF7lxqVo/Xpj8LnaK9G9nVJeeo32V5XkejSw2STv3egd",
}


def test_the_head_of_the_specification():
    head = open_checkpoint(NOTE, LOG)

    assert (head.origin, head.size) == ("ledger.example/fedcredit-demo", 5)
    assert head.root.hex() == "098b6a923a0ef1d692ecd4717fa6a50c17bee5d971ec3d2b8069c0f3a72fdb42"
    assert L2["witness_vkeys"] == WITNESSES
    times = Policy(L5["lines"]).check(NOTE)
    assert times == (1795449600, 1795449601, 1795449602, 1795449603)


def test_the_receipt_of_the_specification():
    proof = TlogProof.parse(L3["proof"].encode())

    assert (proof.index, [base64.b64encode(h).decode() for h in proof.hashes]) == (
        4,
        ["pzggyYQuPIF+xh0MF20IGiQjMNKPCRvgu+MnTIiDd5k="],
    )
    leaf = Leaf.parse(L1["leaf"].encode())
    assert proof.verify(leaf.hash, log=LOG, policy=Policy(L5["lines"])).size == 5
    assert proof.encode() == L3["proof"].encode()
    with pytest.raises(InvalidEvidenceError):
        proof.verify(bytes(32), log=LOG)


def test_two_banks_and_the_regulator_are_the_quorum_of_the_example():
    policy = Policy(L5["lines"])

    assert policy.satisfied(["bank-a", "bank-c", "regulator"])
    assert not policy.satisfied(["bank-a", "bank-b", "bank-c"])
    assert not policy.satisfied(["bank-a", "regulator"])
    assert not policy.satisfied([])


@pytest.mark.parametrize("missing", [{"regulator"}, {"bank-a", "bank-b"}])
def test_a_head_without_its_quorum_is_not_witnessed(missing):
    rest = tuple(s for s in NOTE.signatures if s.name not in missing)

    with pytest.raises(QuorumError):
        Policy(L5["lines"]).check(Note(NOTE.text, rest))


def test_a_forged_cosignature_is_an_error_and_not_just_absent():
    lines = list(NOTE.signatures)
    bad = lines[1].signature[:-1] + bytes([lines[1].signature[-1] ^ 1])
    lines[1] = type(lines[1])(lines[1].name, lines[1].key_id, bad)

    with pytest.raises(SignatureError):
        Policy(L5["lines"]).check(Note(NOTE.text, tuple(lines)))


def test_a_cosignature_by_a_stranger_counts_for_nothing():
    stranger = CosignatureKey.from_seed("regulator", bytes(32)).cosign(NOTE.text, 1795449600)
    lines = (*(s for s in NOTE.signatures if s.name != "regulator"), stranger)

    with pytest.raises(QuorumError):
        Policy(L5["lines"]).check(Note(NOTE.text, lines))


def test_a_head_that_another_log_signed_is_refused():
    other = SigningKey.from_seed(LOG.name, bytes(32))

    for lines in ((other.sign(NOTE.text),), NOTE.signatures[1:]):
        with pytest.raises(CheckpointError, match="not signed by the log"):
            open_checkpoint(Note(NOTE.text, lines), LOG)


def test_a_head_of_another_origin_is_refused():
    key = SigningKey.from_seed("here", bytes(32))
    text = Checkpoint("elsewhere", 1, bytes(32)).text()

    with pytest.raises(CheckpointError, match="another ledger"):
        open_checkpoint(Note(text, (key.sign(text),)), key.verifier)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n1\n",
        "o\n1\nAAAA\n",
        f"o\n01\n{base64.b64encode(bytes(32)).decode()}\n",
        f"o\n-1\n{base64.b64encode(bytes(32)).decode()}\n",
        f"o\n1\n{base64.b64encode(bytes(33)).decode()}\n",
        f"\n1\n{base64.b64encode(bytes(32)).decode()}\n",
        f"o\n1\n{base64.b64encode(bytes(32)).decode()}\nextension\n",
    ],
)
def test_malformed_heads_are_refused(text):
    with pytest.raises(CheckpointError):
        Checkpoint.parse(text.encode())


A, B = L5["lines"][1], L5["lines"][2]


@pytest.mark.parametrize(
    ("lines", "defect"),
    [
        ([A], "no quorum line"),
        ([A, "quorum bank-a", "quorum bank-a"], "two quorum lines"),
        (["quorum bank-a", A], "a quorum before its definition"),
        ([A, A, "quorum bank-a"], "a witness twice"),
        ([A, A.replace("witness bank-a", "witness twin"), "quorum bank-a"], "one key twice"),
        ([A, "group g all bank-b", "quorum g"], "an undefined member"),
        ([A, "group g 2 bank-a", "quorum g"], "a threshold beyond the group"),
        ([A, "group g 0 bank-a", "quorum g"], "a threshold of nought"),
        ([A, "group g any", "quorum g"], "an empty group"),
        ([A, "group none all bank-a", "quorum none"], "the reserved name"),
        ([A, B, "group g any bank-a", "group h any bank-a", "quorum h"], "a member of two groups"),
        ([A.replace("witness", "wotness"), "quorum none"], "an unknown word"),
        ([f"log {WITNESSES['bank-a']}", "quorum none"], "a log with a witness's key"),
        ([f"witness w {LOG.vkey}", "quorum w"], "a witness with a log's key"),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)
def test_malformed_policies_are_refused(lines, defect):
    with pytest.raises(MalformedEntryError):
        Policy(lines)


def test_comments_blank_lines_and_nested_groups_are_read():
    policy = Policy(
        [
            "# who must see it",
            "",
            " \t" + L5["lines"][0] + " https://ledger.example/",
            *L5["lines"][1:5],
            "group banks any bank-a bank-b bank-c",
            "group both all banks regulator",
            "quorum both",
        ]
    )

    assert policy.satisfied({"bank-c", "regulator"})
    assert not policy.satisfied({"bank-c"})


def test_the_founding_policy_wants_every_witness():
    policy = Policy(unanimous_policy(LOG.vkey, WITNESSES))

    assert policy.satisfied(WITNESSES)
    for name in WITNESSES:
        assert not policy.satisfied(set(WITNESSES) - {name})


@pytest.mark.parametrize(
    ("old", "new", "defect"),
    [
        ("tlog-proof@v1", "tlog-proof@v2", "a wrong header"),
        ("index 4", "index -5", "a negative index"),
        ("index 4\n", "", "no index"),
        ("index 4", "index 04", "a leading zero"),
        (L3["hashes"][0], L3["hashes"][0][:-2] + "!=", "bad base64"),
        (L3["hashes"][0], base64.b64encode(bytes(64)).decode(), "a hash of 64 bytes"),
        (L3["hashes"][0], "\n".join([L3["hashes"][0]] * 64), "64 hashes"),
        (L3["hashes"][0] + "\n\n", L3["hashes"][0] + "\n", "no empty line"),
    ],
    ids=lambda item: item if isinstance(item, str) and "\n" not in item else "",
)
def test_malformed_receipts_are_refused(old, new, defect):
    assert old in L3["proof"]

    with pytest.raises(InvalidEvidenceError):
        TlogProof.parse(L3["proof"].replace(old, new, 1).encode())
