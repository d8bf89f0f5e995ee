"""Packages over a ledger in which parties, keys and policies changed on the way."""

import subprocess

import pytest

from fedcredit_ledger import evidence_verifier as verifier
from fedcredit_ledger.evidence import pack_evidence, verify_evidence
from fedcredit_ledger.note import Note, SigningKey
from tests.ledger.long_life import LongLife
from tests.ledger.mid_life import recovery_of, submit
from tests.ledger.small_federation import SmallFederation, seed
from tests.ledger.small_packages import files_of, packed_anew


@pytest.fixture(scope="module")
def life() -> LongLife:
    return LongLife()


@pytest.fixture(scope="module")
def package(life: LongLife) -> bytes:
    return pack_evidence(life.fed.store, f"entries {','.join(life.said)}")


def test_an_entry_under_a_later_key_is_packed_with_how_the_key_came(life, package):
    proven = verify_evidence(package, founding_entry=life.fed.founding.id)

    kinds = {leaf.type for leaf in proven.leaves}
    assert {"party-joined", "party-key-rotated", "policy-changed", "party-key-revoked"} <= kinds
    assert set(proven.witnesses) == {"bank-a", "bank-b", "bank-c", "court", "regulator"}
    history = proven.files["keys/history.txt"].decode().splitlines()
    of_b = [line.split(" ")[1:] for line in history if "party=bank-b use=signing" in line]
    rotated = next(leaf.place for leaf in proven.leaves if leaf.type == "party-key-rotated")
    assert of_b == [
        ["party=bank-b", "use=signing", "valid_from=0", f"valid_to={rotated + 1}", "leaf=0"],
        [
            "party=bank-b", "use=signing", f"valid_from={rotated + 1}", "valid_to=-",
            f"leaf={rotated}",
        ],
    ]  # fmt: skip


def test_an_early_entry_is_packed_with_the_policy_of_its_day(life):
    early = life.fed.replica.state.assets["bank-b/loans"].registered.entry_id

    proven = verify_evidence(pack_evidence(life.fed.store, f"entries {early}"))

    assert len(proven.leaves) == 2
    assert set(proven.witnesses) == {"bank-a", "bank-b", "bank-c", "regulator"}


def without(package: bytes, kind: str) -> bytes:
    """Leave out the entries of a type, as if they had never been."""
    files = files_of(package)
    for leaf in verify_evidence(package).leaves:
        if leaf.type == kind:
            del files[f"entries/{leaf.place}.leaf"], files[f"entries/{leaf.place}.tlog-proof"]
    return packed_anew(files)


@pytest.mark.parametrize("kind", ["party-joined", "party-key-rotated", "policy-changed"])
def test_a_package_that_hides_a_change_of_keys_is_found(package, kind):
    with pytest.raises(verifier.Refused):
        verifier.check(without(package, kind))


def test_a_policy_that_the_parties_have_not_endorsed_counts_for_nothing(life, package):
    """Coordinator and log alone would name their own witness: each endorsement must be there."""
    place = next(x.place for x in verify_evidence(package).leaves if x.type == "policy-changed")
    members = verifier.Members()
    for leaf in verify_evidence(package).leaves:
        if leaf.type == "endorsement-given" and leaf.place > place - 2:
            continue
        if leaf.place == place:
            with pytest.raises(verifier.Refused, match="not what the parties decided"):
                members.take(leaf, "entry")
            return
        members.take(leaf, "entry")


def test_a_retired_key_signs_nothing_in_a_package(life, package):
    """The old key of bank-b signs again what bank-b said with the new one; all else is sound."""
    leaves = verify_evidence(package).leaves
    place = next(i for i, leaf in enumerate(leaves) if leaf.id == life.said[0])
    line = SigningKey.from_seed("bank-b", seed("signing bank-b")).sign(leaves[place].text)
    forged = leaves[place]._replace(lines=[(line.name, line.key_id, line.signature)])
    verifier._check_leaves(leaves)

    with pytest.raises(verifier.Refused, match="signed by another key"):
        verifier._check_leaves([*leaves[:place], forged, *leaves[place + 1 :]])


def test_a_witness_key_that_was_revoked_counts_for_no_later_head():
    """Whoever stole it can co-sign; a reader takes the line for a stranger's."""
    fed = SmallFederation()
    fed.witness()
    revoked = {
        "party": "bank-c",
        "vkey": fed.witness_keys["bank-c"].vkey,
        "suspected_since": fed.later(minutes=-1),
        "reason": "stolen",
    }
    assert submit(fed, "bank-c", "party-key-revoked", revoked, recovery_of("bank-c")).code == ""
    members = verifier.Members()
    for place, raw in enumerate(fed.log.leaves()):
        leaf = verifier.parse_leaf(raw, f"entries/{place}.leaf")
        members.take(leaf, f"entries/{place}.leaf")
    text = fed.log.latest.text()
    seconds = int(fed.clock().timestamp())
    lines = [fed.log_key.sign(text), *(k.cosign(text, seconds) for k in fed.witness_keys.values())]

    with pytest.raises(verifier.Refused, match="a co-signature by no witness"):
        verifier._open_head(Note(text, tuple(lines)).encode(), members.heads, "checkpoint")
    before = fed.log.quorum_note(1)
    assert verifier._open_head(before, members.heads, "checkpoint")[0] == 1


def test_the_hand_check_of_the_readme_takes_the_keys_of_its_place(package, tmp_path):
    files = files_of(package)
    for name, raw in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(raw)
    commands = files["README.txt"].decode().partition("BY HAND")[2].partition("\n")[2]

    done = subprocess.run(
        ["sh", "-euc", commands], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Signature Verified Successfully") == 2
    node, root = done.stdout.splitlines()[-4:-2]
    assert node == root == files["checkpoint"].decode().splitlines()[2]
