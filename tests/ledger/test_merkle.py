"""The tree against RFC vectors, every proof of the small trees, and proofs that lie."""

import json
from pathlib import Path

import pytest

from fedcredit_ledger.errors import InvalidEvidenceError
from fedcredit_ledger.merkle import (
    EMPTY_ROOT,
    Tree,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

M1 = json.loads(
    (Path(__file__).parents[2] / "ledger" / "vectors" / "M1.json").read_text(encoding="utf-8")
)
LEAVES = [bytes.fromhex(text) for text in M1["leaves_hex"]]


def tree_of(size: int) -> Tree:
    return Tree(leaf_hash(bytes([i])) for i in range(size))


def test_the_roots_of_the_public_vectors():
    tree = Tree()
    roots = [tree.root.hex()]
    for leaf in LEAVES:
        tree.append(leaf_hash(leaf))
        roots.append(tree.root.hex())

    assert roots == M1["roots"]
    assert [tree.root_at(size).hex() for size in range(9)] == M1["roots"]


def test_three_leaves_by_hand():
    a, b, c = (leaf_hash(x) for x in (b"a", b"b", b"c"))

    tree = Tree([a, b, c])

    assert tree.root == node_hash(node_hash(a, b), c)
    assert tree.inclusion_proof(2, 3) == [node_hash(a, b)]
    assert tree.inclusion_proof(0, 3) == [b, c]
    assert tree.consistency_proof(2, 3) == [c]


def test_a_new_leaf_returns_the_nodes_it_completes():
    tree = tree_of(3)

    completed = tree.append(leaf_hash(b"\x03"))

    assert [(level, i) for level, i, _ in completed] == [(0, 3), (1, 1), (2, 0)]
    assert completed[-1][2] == tree.root


def test_every_inclusion_proof_of_the_trees_of_1_to_64_leaves_verifies():
    tree = tree_of(64)
    for size in range(1, 65):
        root = tree.root_at(size)
        for index in range(size):
            proof = tree.inclusion_proof(index, size)
            verify_inclusion(tree.leaf(index), index=index, size=size, proof=proof, root=root)


def test_every_consistency_proof_of_the_trees_of_1_to_64_leaves_verifies():
    tree = tree_of(64)
    for new in range(1, 65):
        for old in range(1, new + 1):
            verify_consistency(
                old_size=old,
                old_root=tree.root_at(old),
                new_size=new,
                new_root=tree.root_at(new),
                proof=tree.consistency_proof(old, new),
            )


def test_an_inclusion_proof_holds_for_its_own_leaf_index_and_size_only():
    tree = tree_of(11)
    proof = tree.inclusion_proof(5, 11)
    good = {"index": 5, "size": 11, "proof": proof, "root": tree.root}

    for wrong in (
        {"index": 4},
        {"index": 6},
        {"index": 11},
        {"index": -1},
        {"size": 5},
        {"size": 32},
        {"root": EMPTY_ROOT},
        {"proof": proof[:-1]},
        {"proof": [*proof, EMPTY_ROOT]},
        {"proof": [proof[0][:31], *proof[1:]]},
        {"proof": proof[::-1]},
    ):
        with pytest.raises(InvalidEvidenceError):
            verify_inclusion(tree.leaf(5), **(good | wrong))
    with pytest.raises(InvalidEvidenceError):
        verify_inclusion(tree.leaf(6), **good)


def test_a_consistency_proof_holds_for_its_own_sizes_and_roots_only():
    tree, other = tree_of(13), Tree(leaf_hash(bytes([i, 1])) for i in range(13))
    good = {
        "old_size": 6,
        "old_root": tree.root_at(6),
        "new_size": 13,
        "new_root": tree.root,
        "proof": tree.consistency_proof(6, 13),
    }

    for wrong in (
        {"old_size": 0},
        {"old_size": 0, "old_root": EMPTY_ROOT, "proof": []},
        {"old_size": 7},
        {"old_size": 13},
        {"new_size": 4},
        {"new_size": 64},
        {"old_root": other.root_at(6)},
        {"new_root": other.root},
        {"proof": good["proof"][:-1]},
        {"proof": [*good["proof"], EMPTY_ROOT]},
        {"proof": other.consistency_proof(6, 13)},
        {"proof": []},
    ):
        with pytest.raises(InvalidEvidenceError):
            verify_consistency(**(good | wrong))


def test_one_size_with_two_roots_and_a_needless_proof_are_refused():
    tree = tree_of(2)
    same = {"old_size": 2, "old_root": tree.root, "new_size": 2, "new_root": tree.root}

    verify_consistency(**same, proof=[])
    with pytest.raises(InvalidEvidenceError):
        verify_consistency(**same, proof=[EMPTY_ROOT])
    with pytest.raises(InvalidEvidenceError):
        verify_consistency(**(same | {"new_root": EMPTY_ROOT}), proof=[])


def test_a_node_cannot_be_passed_off_as_a_leaf():
    tree = tree_of(2)

    as_leaf = leaf_hash(tree.leaf(0) + tree.leaf(1))

    assert as_leaf != tree.root


def test_impossible_requests_are_programming_errors():
    tree = tree_of(3)
    for request in (
        lambda: tree.root_at(4),
        lambda: tree.inclusion_proof(3, 3),
        lambda: tree.consistency_proof(0, 3),
        lambda: tree.append(b"short"),
    ):
        with pytest.raises(ValueError):
            request()
