"""Packages over a ledger in which parties, keys and policies changed on the way."""

import pytest

from fedcredit_ledger import evidence_verifier as verifier
from fedcredit_ledger.errors import InvalidEvidenceError
from fedcredit_ledger.evidence import pack_evidence, verify_evidence
from fedcredit_ledger.note import SigningKey
from fedcredit_ledger.witness import Witness
from tests.ledger.mid_life import (
    VOTERS,
    NewParty,
    endorsed,
    join,
    other_key,
    policy_data,
    recovery_of,
    submit,
)
from tests.ledger.small_federation import SmallFederation, digest, seed
from tests.ledger.small_packages import files_of, packed_anew

SAID = {"act_type": "x", "act_digest": digest("x"), "decision": "approve"}


class LongLife:
    """A federation with every kind of change, and something said under each key."""

    def __init__(self) -> None:
        self.fed = fed = SmallFederation()
        fed.register("bank-b")
        fed.witness()
        self.court = NewParty()
        assert join(fed, self.court).code == ""
        fed.witness()
        self.rotate("bank-b", "signing")
        self.rotate("bank-a", "witness")
        fed.witness()
        self.policy_with_the_court()
        fed.witness_keys["court"] = self.court.witness
        fed.witnesses["court"] = Witness(self.court.witness, clock=fed.clock)
        fed.witness_names = (*fed.witness_names, "court")
        fed.witness()
        revoked = {
            "party": "bank-c",
            "vkey": fed.keys["bank-c"].vkey,
            "suspected_since": fed.later(minutes=-1),
            "reason": "stolen",
        }
        done = submit(fed, "bank-c", "party-key-revoked", revoked, recovery_of("bank-c"))
        assert done.code == "", done.detail
        self.said = [fed.write(name, "endorsement-given", SAID) for name in ("bank-b", "court")]
        fed.witness()

    def rotate(self, name: str, use: str) -> None:
        fed, new = self.fed, other_key(name, use)
        keys = [fed.keys[name], new]
        old = fed.keys[name]
        if use == "witness":
            old = fed.witness_keys[name]
            keys = [fed.keys[name], old, new]
        data = {"party": name, "use": use, "old_vkey": old.vkey, "new_vkey": new.vkey}
        done = submit(fed, name, "party-key-rotated", data, *keys)
        assert done.code == "", done.detail
        if use == "witness":
            fed.witness_keys[name] = new
            fed.witnesses[name] = Witness(new, clock=fed.clock)
        else:
            fed.keys[name] = new

    def policy_with_the_court(self) -> None:
        fed = self.fed
        lines = list(fed.replica.state.head_rules[-1].lines)
        lines.insert(1, f"witness court {self.court.witness.vkey}")
        lines = [x.replace("all bank-a", "all court bank-a") for x in lines]
        data = endorsed(fed, "policy-changed", policy_data(lines), VOTERS)
        done = submit(fed, "coordinator", "policy-changed", data)
        assert done.code == "", done.detail


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
    """The old key of bank-b signs again what bank-b said with the new one."""
    files = files_of(package)
    leaf = next(x for x in verify_evidence(package).leaves if x.id == life.said[0])
    head, _, _ = files[f"entries/{leaf.place}.leaf"].rpartition(b"\n\n")
    old = SigningKey.from_seed("bank-b", seed("signing bank-b"))
    forged = head + b"\n\n" + old.sign(leaf.text).line().encode() + b"\n"

    with pytest.raises(InvalidEvidenceError, match="signed by another key"):
        verify_evidence(packed_anew(files | {f"entries/{leaf.place}.leaf": forged}))
