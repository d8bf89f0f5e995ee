"""Two heads that cannot both be true convince anybody who has the log's key."""

import hashlib
import json

import pytest

from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.errors import CheckpointError, InvalidEvidenceError
from fedcredit_ledger.fork_proof import ForkProof, from_request, from_tree
from fedcredit_ledger.merkle import Tree
from fedcredit_ledger.note import Note, SigningKey

ORIGIN = "ledger.example/test"
LOG = SigningKey.from_seed(ORIGIN, hashlib.sha256(b"log").digest())
HONEST = [hashlib.sha256(b"\x00" + bytes([i])).digest() for i in range(12)]
FORKED = [*HONEST[:3], *(hashlib.sha256(b"\x00other" + bytes([i])).digest() for i in range(9))]


def head(leaves: list[bytes], size: int, key: SigningKey = LOG) -> bytes:
    text = Checkpoint(ORIGIN, size, Tree(leaves[:size]).root).text()
    return Note(text, (key.sign(text),)).encode()


def proof_between(smaller: int, larger: int) -> ForkProof:
    found = from_tree(LOG.verifier, head(FORKED, smaller), head(HONEST, larger), Tree(HONEST))
    assert found is not None
    return found


def test_one_size_with_two_roots_is_proof():
    proof = proof_between(5, 5)

    smaller, larger = proof.heads(LOG.verifier)

    assert (smaller.size, larger.size) == (5, 5)
    assert smaller.root != larger.root
    assert proof.hashes == ()


@pytest.mark.parametrize("smaller", range(4, 12))
@pytest.mark.parametrize("larger", range(4, 13))
def test_every_pair_of_heads_behind_the_fork_is_proof(smaller: int, larger: int):
    if smaller > larger:
        assert (
            from_tree(LOG.verifier, head(FORKED, smaller), head(HONEST, larger), Tree(HONEST))
            is None
        )
        return

    proof = proof_between(smaller, larger)

    assert proof.root == Tree(HONEST[:smaller]).root
    assert [one.size for one in proof.heads(LOG.verifier)] == [smaller, larger]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_heads_before_the_fork_are_no_proof(size: int):
    assert from_tree(LOG.verifier, head(FORKED, size), head(HONEST, 7), Tree(HONEST)) is None


@pytest.mark.parametrize(("old", "new"), [(5, 5), (5, 9), (6, 12), (7, 8)])
def test_the_logs_own_proof_of_the_other_branch_convicts_it(old: int, new: int):
    hashes = Tree(FORKED).consistency_proof(old, new) if old < new else []

    proof = from_request(LOG.verifier, head(HONEST, old), head(FORKED, new), hashes)

    assert proof is not None
    assert proof.root == Tree(FORKED[:old]).root
    proof.heads(LOG.verifier)


def test_a_request_with_invented_hashes_convicts_nobody():
    hashes = [bytes(32)] * 4

    assert from_request(LOG.verifier, head(HONEST, 5), head(HONEST, 9), hashes) is None
    assert from_request(LOG.verifier, head(HONEST, 5), head(HONEST, 9), []) is None


def test_an_honest_log_is_not_convicted():
    hashes = Tree(HONEST).consistency_proof(5, 9)

    assert from_request(LOG.verifier, head(HONEST, 5), head(HONEST, 9), hashes) is None
    assert from_request(LOG.verifier, head(HONEST, 5), head(HONEST, 5), []) is None


def test_of_a_power_of_two_a_consistency_proof_carries_no_old_root():
    hashes = Tree(FORKED).consistency_proof(4, 9)

    assert from_request(LOG.verifier, head(HONEST, 4), head(FORKED, 9), hashes) is None


def test_a_proof_reads_as_it_was_written():
    proof = proof_between(5, 9)

    assert ForkProof.parse(proof.encode()) == proof
    assert proof.digest == hashlib.sha256(proof.encode()).hexdigest()


def test_heads_by_another_key_prove_nothing():
    other = SigningKey.from_seed(ORIGIN, bytes(32))

    with pytest.raises(CheckpointError):
        proof_between(5, 9).heads(other.verifier)


def changed(**fields: object) -> bytes:
    document = json.loads(proof_between(5, 9).encode()) | fields
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"[" * 20_000, id="depth"),
        pytest.param(b" " * 70_000, id="length"),
        pytest.param(changed(format="other/v1"), id="another format"),
        pytest.param(changed(surplus=1), id="another field"),
        pytest.param(changed(root="zz"), id="no hash"),
        pytest.param(changed(hashes=[1]), id="no hashes"),
        pytest.param(changed(smaller=3), id="no head"),
        pytest.param(changed(log="nobody"), id="no key"),
        pytest.param(proof_between(5, 9).encode().replace(b'"format"', b' "format"'), id="spaces"),
    ],
)
def test_what_is_no_proof_is_named(data: bytes):
    with pytest.raises(InvalidEvidenceError):
        ForkProof.parse(data)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"root": Tree(FORKED[:5]).root.hex()}, id="the smaller head's own root"),
        pytest.param({"root": "00" * 32}, id="another root"),
        pytest.param({"hashes": []}, id="no hashes"),
        pytest.param({"hashes": ["00" * 32] * 64}, id="too many hashes"),
        pytest.param({"smaller": head(HONEST, 5).decode()}, id="a head of this history"),
        pytest.param({"larger": head(HONEST, 4).decode()}, id="the wrong order"),
        pytest.param({"larger": "nothing\n"}, id="a head that is none"),
    ],
)
def test_a_proof_that_proves_nothing_is_refused(fields: dict):
    with pytest.raises(InvalidEvidenceError):
        ForkProof.parse(changed(**fields)).heads(LOG.verifier)


def test_every_changed_byte_of_a_proof_is_noticed():
    data = proof_between(5, 5).encode()
    surviving = []

    for place in range(len(data)):
        spoiled = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        try:
            ForkProof.parse(spoiled).heads(LOG.verifier)
        except (InvalidEvidenceError, CheckpointError):
            continue
        surviving.append(place)

    # The key in the document is a hint: a reader verifies with his own.
    assert surviving == []
