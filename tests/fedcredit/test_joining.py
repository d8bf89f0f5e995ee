"""A federation that runs: others join, leave, change keys and policies, each typing its commands.

The coordinator's front is the real one behind TLS; what is not here is Flower, which nobody asks.
"""

import json
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fedcredit.acts import ACT
from fedcredit.coordinator.deployment import CoordinatorSetup
from fedcredit.coordinator.gate import INVITED_COST, STRANGE_BURST, Gate, RefusedError
from fedcredit.coordinator.log_keys import new_log_key
from fedcredit.errors import FoundingError
from fedcredit.joining import signed_by
from fedcredit.machine import free_ports
from fedcredit.witness.new_witness import init_witness
from fedcredit_ledger.checkpoint import Policy
from fedcredit_ledger.entry import SignedEntry
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.note import Note, SigningKey
from fedcredit_ledger.quorum import voters
from fedcredit_ledger.state import State
from fedcredit_ledger.state_keys import rule_at
from fedcredit_ledger.verify import Level, verify_file
from fedcredit_parties import key_rotation
from fedcredit_parties.daemon import PartySetup
from fedcredit_parties.errors import ConfigError, UntrustedFederationError
from fedcredit_parties.front_client import FrontClient
from fedcredit_parties.front_request import SignedRequest
from fedcredit_parties.identity_files import load_identity
from fedcredit_parties.member import Member, utc_now
from tests.fedcredit.command_line import Done, fedcredit
from tests.founders import BANKS, Founders
from tests.running_front import RunningFront


class Ours:
    """A founded federation, its running front, and what people type."""

    def __init__(self, folder: Path, ports: tuple[int, int]) -> None:
        self.founders = Founders(folder, ports=ports)
        self.founding = self.founders.found()
        self.next_log_key = new_log_key(CoordinatorSetup(self.config("coordinator")))
        self.front = RunningFront(self.config("coordinator"))

    def config(self, name: str) -> Path:
        return self.founders.config(name)

    def init(self, name: str, role: str) -> Path:
        """Make a member that no founder knows; return its founder file."""
        self.founders.type("party", "init", self.folder / name, "--name", name, "--role", role)
        return self.folder / name / f"{name}.founder.json"

    @property
    def folder(self) -> Path:
        return self.founders.folder

    def endorse(self, file: Path, *names: str) -> list[Done]:
        words = [("party", "endorse", self.config(n), file, "--yes", "--json") for n in names]
        return [self.founders.type(*typed) for typed in words]

    def invite(self, file: Path) -> None:
        self.founders.type("coordinator", "invite", self.config("coordinator"), file, "--yes")

    def join(self, name: str, *more: str) -> Done:
        heard = self.founders.founding_id("bank-1")[:32]
        pinning = ("--founding-id", heard)
        return fedcredit(
            "party", "join", self.config(name), self.founding, *pinning, *more, "--json"
        )

    def admit(self, name: str, role: str) -> Done:
        """Do all of it, with the word of every party that is asked."""
        file = self.init(name, role)
        self.endorse(file, *voters(self.front.state, without=name))
        self.invite(file)
        return self.join(name)

    def act(self, name: str, kind: str, data: dict[str, Any]) -> Path:
        """Write an act as a file."""
        path = self.folder / f"{name}.act.json"
        path.write_text(json.dumps({"format": ACT, "type": kind, "data": data}))
        return path

    def enact(self, file: Path) -> Done:
        return fedcredit("coordinator", "enact", self.config("coordinator"), file, "--json")

    def member(self, name: str) -> Member:
        return PartySetup(self.config(name)).member()


@pytest.fixture(name="ours", scope="module")
def ours_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ours]:
    front, superlink = free_ports(2)
    ours = Ours(tmp_path_factory.mktemp("joining"), (front, superlink))
    yield ours
    ours.front.close()


def quorum_within(ours: Ours, members: list[Member], seconds: float = 20.0) -> int:
    """Let members co-sign; return the size of the head that got its quorum."""
    size = ours.front.log.size
    for member in members:
        member.start()
    try:
        return members[0].ledger.replica.size if _witnessed(members[0], size, seconds) else 0
    finally:
        for member in members:
            member.stop()


def _witnessed(member: Member, size: int, seconds: float) -> bool:
    member.ledger.refresh()
    return bool(member.ledger.witnessed(size - 1, deadline=time.monotonic() + seconds))


def test_a_court_joins_as_witness_and_counts_once_a_policy_names_it(ours: Ours) -> None:
    file = ours.init("court", "witness")
    ours.invite(file)

    early = ours.join("court")
    standing = [done.json() for done in ours.endorse(file, *BANKS)]
    joined = ours.join("court", "--role", "witness")

    assert early.code == RejectedEntryError.exit_code
    assert "not-endorsed" in early.json()["message"]
    assert [len(one["approved"]) for one in standing] == [1, 2, 3]
    assert standing[-1]["needed"] == 3
    assert joined.code == 0, joined.err
    assert joined.json()["roles"] == ["witness"] and joined.json()["is_counted"] is False
    assert ours.front.state.parties["court"].roles == ("witness",)
    assert ours.join("court").json()["index"] == joined.json()["index"]

    act = ours.folder / "court.act.json"
    ours.founders.type(
        "coordinator", "policy", ours.config("coordinator"), "-o", act, "--needed", "4"
    )
    asked = (*BANKS, "court")
    ours.endorse(act, *asked)
    ours.founders.type("coordinator", "enact", ours.config("coordinator"), act)

    assert quorum_within(ours, [ours.member(name) for name in asked]) == ours.front.log.size
    report = verify_file(
        ours.front.setup.state / "ledger.db",
        level=Level.SIGNATURES,
        founding_entry=ours.founders.founding_id("bank-0"),
    )
    assert report.findings == [] and report.quorum_size == ours.front.log.size


def decided(ours: Ours, name: str, *options: str | Path) -> Policy:
    """Write a policy down, endorse and enact it; return the one in force."""
    act = ours.folder / f"{name}.act.json"
    coordinator = ours.config("coordinator")
    ours.founders.type("coordinator", "policy", coordinator, "-o", act, *options)
    ours.endorse(act, *voters(ours.front.state))
    ours.founders.type("coordinator", "enact", coordinator, act)
    return rule_at(ours.front.state.head_rules, ours.front.log.size).policy


def test_a_witness_outside_the_federation_is_taken_in_and_out_again(ours: Ours) -> None:
    before = rule_at(ours.front.state.head_rules, ours.front.log.size).policy
    witness, file = init_witness(
        ours.folder / "registry", name="registry", port=8444, url="https://registry.example"
    )

    with_it = decided(ours, "with-registry", "--witness", file)
    cosigned = dict.fromkeys([*before.witnesses], 0)

    assert with_it.urls == {"registry": "https://registry.example"}
    assert with_it.witnesses["registry"].vkey == witness.vkey
    assert with_it.satisfied(cosigned | {"registry": 0}) and not with_it.satisfied(cosigned)
    assert decided(ours, "without-registry", "--without", "registry").urls == {}


def test_a_witness_outside_the_federation_has_no_partys_name(ours: Ours) -> None:
    _, file = init_witness(ours.folder / "double", name="bank-1", port=8444)
    options = ("-o", ours.folder / "double.act.json", "--witness", file, "--json")

    done = fedcredit("coordinator", "policy", ours.config("coordinator"), *options)

    assert done.code == ConfigError.exit_code
    assert "has the name of a party" in done.out
    assert not (ours.folder / "double.act.json").exists()


@pytest.mark.long
@pytest.mark.parametrize("role", ["regulator", "data-holder"])
def test_any_role_but_those_that_founders_pin_joins(ours: Ours, role: str) -> None:
    name = f"new-{role}"

    joined = ours.admit(name, role)

    assert joined.code == 0, joined.err
    # Founders that pinned nobody of that name go on: it follows from what they have pinned.
    member = ours.member("bank-0")
    member.stop()
    assert name in member.ledger.state.parties


def test_who_is_not_invited_learns_nothing(ours: Ours) -> None:
    ours.init("stranger", "witness")

    done = ours.join("stranger")

    assert done.code == ConfigError.exit_code
    assert "has not invited stranger" in done.json()["message"]


def test_an_invitation_with_other_keys_lets_nobody_in(ours: Ours) -> None:
    real = ours.init("notary", "witness")
    (ours.folder / "thief").mkdir()
    thief = Founders.type(
        ours.founders, "party", "init", ours.folder / "thief" / "notary", "--name", "notary",
        "--role", "witness",
    )  # fmt: skip
    assert thief.code == 0
    ours.invite(ours.folder / "thief" / "notary" / "notary.founder.json")

    done = ours.join("notary")

    assert done.code == ConfigError.exit_code
    assert real.exists() and "notary" not in ours.front.state.parties


def test_who_means_to_join_in_another_role_than_its_keys_pins_nothing(ours: Ours) -> None:
    ours.init("clerk", "auditor")
    config = ours.config("clerk")

    for role in ("witness", "coordinator", "\u202e"):
        done = fedcredit("party", "join", config, ours.founding, "--role", role, "--json")
        assert done.code == ConfigError.exit_code
        assert "--role auditor" in done.err
    assert "[trust]" not in config.read_text()


def test_a_founder_that_types_join_is_told_that_it_founded(ours: Ours) -> None:
    done = ours.join("bank-0")

    assert (done.code, done.json()["index"]) == (0, 0)


def test_nothing_is_signed_that_holds_other_keys(ours: Ours) -> None:
    identity = load_identity(ours.folder / "bank-0" / "identity")
    clerk = ours.front.clerk.ledger
    row = {**identity.founder(), "endorsements": ["0" * 64]}
    origin = ours.front.log.origin

    for data in (
        {**row, "mask_key": "0" * 64},
        {**row, "roles": ["auditor"]},
    ):
        with pytest.raises(UntrustedFederationError):
            signed_by(identity, clerk.draft_text("party-joined", data), origin)
    with pytest.raises(UntrustedFederationError):
        signed_by(identity, clerk.draft_text("party-left", row), origin)
    with pytest.raises(UntrustedFederationError):
        signed_by(identity, clerk.draft_text("party-joined", row), "ledger.example/other")
    with pytest.raises(UntrustedFederationError):
        signed_by(identity, b"no text", origin)
    whole = SignedEntry.parse(signed_by(identity, clerk.draft_text("party-joined", row), origin))
    assert [line.name for line in whole.signatures] == ["bank-0"]


def test_an_invited_party_hands_in_nothing_but_the_entry_that_was_drafted(ours: Ours) -> None:
    file = ours.init("forger", "witness")
    ours.invite(file)
    ours.endorse(file, *voters(ours.front.state))
    identity = load_identity(ours.folder / "forger" / "identity")
    setup = ours.front.setup
    front = FrontClient(
        name="forger",
        address=setup.config.near,
        root_certificates=setup.file(setup.config.ca_file).read_bytes(),
        signing=identity.signing,
        origin=ours.front.log.origin,
        patience_s=0.0,
    )
    clerk = ours.front.clerk.ledger
    before = ours.front.log.size
    own = SigningKey.generate("coordinator")

    with closing(front):
        drafted = front.draft_to_join().receipt
        assert b"\n\n" not in drafted  # no signature: nobody gets two of one number
        wider = drafted.replace(b'"witness"', b'"auditor"')
        other = clerk.draft("party-left", {"party": "bank-0", "reason": "expelled"})

        assert front.join(signed(wider, identity.signing)).code == "not-permitted"
        assert front.join(other.encode()).code == "not-permitted"
        assert front.join(b"x").code == "malformed"
        assert front.join(signed(drafted, own, identity.signing)).code == "wrong-key"
        assert front.join(signed(drafted, identity.signing, own)).code == "wrong-key"
        clerk.append("endorsement-given", WORD)
        assert front.join(signed(drafted, identity.signing)).code == "author-gap"
        with pytest.raises(ConfigError):
            front.leaves(0)
    assert ours.front.log.size == before + 1


def signed(text: bytes, *keys: SigningKey) -> bytes:
    return Note(text, tuple(key.sign(text) for key in keys)).encode()


def test_a_rotated_signing_key_is_the_one_that_the_front_knows(ours: Ours) -> None:
    before = ours.front.state.parties["analyst"].signing_vkey

    done = ours.founders.type("party", "rotate-key", ours.config("analyst"), "--json")

    after = ours.front.state.parties["analyst"].signing_vkey
    assert after == done.json()["vkey"] != before
    member = ours.member("analyst")
    member.ledger.append("endorsement-given", WORD)
    member.stop()
    identity = ours.folder / "analyst" / "identity"
    assert load_identity(identity).signing.vkey == after
    assert json.loads((identity / "founder.json").read_text())["signing_vkey"] == after
    assert not (identity / "next-signing.key").exists()


WORD = {"act_type": "x", "act_digest": "0" * 64, "decision": "approve"}


@pytest.mark.parametrize("use", ["signing", "witness"])
def test_a_rotation_that_was_cut_off_is_completed_by_the_same_command(
    ours: Ours, tmp_path: Path, use: str
) -> None:
    """The machine dies between the ledger's answer and the new identity.json."""
    folder = ours.folder / "bank-1"
    kept = shutil.copytree(folder / "identity", tmp_path / "identity")
    key_rotation.next_key(load_identity(folder / "identity"), folder / "identity", use)
    next_file = (folder / "identity" / f"next-{use}.key").read_text()
    key_rotation.rotate_key(ours.config("bank-1"), use)
    size = ours.front.log.size
    shutil.rmtree(folder / "identity")
    shutil.copytree(kept, folder / "identity")
    (folder / "identity" / f"next-{use}.key").write_text(next_file)

    vkey = key_rotation.rotate_key(ours.config("bank-1"), use)

    assert ours.front.log.size == size
    assert getattr(ours.front.state.parties["bank-1"], f"{use}_vkey") == vkey
    assert getattr(load_identity(folder / "identity"), use).vkey == vkey
    ours.member("bank-1").stop()


def test_a_key_is_revoked_with_the_recovery_key_and_nothing_else(ours: Ours) -> None:
    other = ours.folder / "other.recovery"
    other.write_text("11" * 32)
    command = (
        "party", "revoke-key", ours.config("bank-2"), "--since", "2026-11-29T08:00:00.000Z",
        "--use", "witness", "--yes", "--json",
    )  # fmt: skip

    refused = fedcredit(*command, "--recovery", other)
    done = fedcredit(*command)

    assert "wrong-key" in refused.json()["message"]
    assert done.code == 0, done.err
    assert ours.front.state.parties["bank-2"].witness_vkey == ""


@pytest.mark.long
def test_a_party_whose_key_was_stolen_comes_back_under_its_name(ours: Ours) -> None:
    assert ours.admit("victim", "auditor").code == 0
    stolen = ours.folder / "stolen"
    ours.founders.type(
        "party", "revoke-key", ours.config("victim"), "--since", "2026-11-29T08:00:00.000Z",
        "--yes", "--json",
    )  # fmt: skip
    shutil.move(ours.folder / "victim", stolen)

    back = ours.admit("victim", "auditor")

    assert back.code == 0, back.err
    assert back.json()["index"] == ours.front.log.size - 1
    member = ours.member("victim")
    member.ledger.append("endorsement-given", WORD)
    member.stop()
    with pytest.raises(ConfigError):
        PartySetup(stolen / "party.toml").member()


@pytest.mark.long
def test_who_left_is_a_stranger_at_the_front(ours: Ours) -> None:
    assert ours.admit("visitor", "auditor").code == 0

    ours.founders.type("party", "leave", ours.config("visitor"), "--yes", "--json")

    assert "visitor" in ours.front.state.left
    with pytest.raises(ConfigError):
        ours.member("visitor")


@pytest.mark.long
def test_a_party_is_expelled_by_the_word_of_the_others(ours: Ours) -> None:
    assert ours.admit("guest", "auditor").code == 0
    file = ours.folder / "no-guest.act.json"
    ours.founders.type("coordinator", "expel", ours.config("coordinator"), "guest", "-o", file)
    asked = voters(ours.front.state, without="guest")

    early = ours.enact(file)
    ours.endorse(file, *asked[:-1])
    declined = ours.founders.type(
        "party", "endorse", ours.config(asked[0]), file, "--decline", "--yes", "--json"
    )
    ours.endorse(file, asked[0], asked[-1])
    done = ours.enact(file)

    assert early.code == RejectedEntryError.exit_code and "not-endorsed" in early.json()["message"]
    assert asked[0] not in declined.json()["approved"]
    assert done.code == 0, done.err
    assert "guest" in ours.front.state.left
    assert ours.front.state.endorsements[asked[0], "party-left", done.json()["act"]]


@pytest.mark.long
def test_the_log_goes_over_to_a_key_that_it_holds_and_to_no_other(ours: Ours) -> None:
    old = ours.front.log.state.head_rules[-1].log_vkey
    held = {"old_vkey": old, "new_vkey": ours.next_log_key.vkey}
    file = ours.act("held", "log-key-rotated", held)
    foreign = ours.folder / "foreign.act.json"
    ours.founders.type(
        "coordinator", "rotate-log-key", ours.config("coordinator"), "-o", foreign, "--json"
    )
    asked = voters(ours.front.state)
    ours.endorse(file, *asked)
    ours.endorse(foreign, *asked)

    refused = ours.enact(foreign)  # made since the coordinator was started
    done = ours.enact(file)

    assert "not-permitted" in refused.json()["message"]
    assert done.code == 0, done.err
    assert ours.front.log.state.head_rules[-1].log_vkey == ours.next_log_key.vkey
    note = Note.parse(ours.front.log.checkpoint_note() or b"")
    assert len([line for line in note.signatures if line.name == ours.front.log.origin]) == 2
    member = ours.member("bank-0")
    member.stop()
    assert member.ledger.replica.log_key.vkey == ours.next_log_key.vkey
    report = verify_file(ours.front.setup.state / "ledger.db", level=Level.SIGNATURES)
    # Nobody has co-signed since: whether it has a quorum is another test's.
    assert {finding.code for finding in report.findings} <= {"unwitnessed"}


@pytest.mark.parametrize(
    "document",
    [
        {"format": ACT, "type": "grant-issued", "data": {}},
        {"format": ACT, "type": "party-left", "data": {"party": "bank-0"}},
        {"format": ACT, "type": "party-left", "data": {"party": "x", "reason": 1}},
        {"format": ACT, "type": "log-closed", "data": {"final_size": 9, "endorsements": []}},
        {"format": ACT, "type": ["log-closed"], "data": {"final_size": 9}},
        {"format": ACT, "type": "log-closed", "data": {"final_size": 0.5}},
        {"format": ACT, "type": "log-closed"},
        {"format": "another"},
        [],
    ],
)
def test_a_file_that_holds_no_act_is_refused(ours: Ours, document: Any) -> None:
    path = ours.folder / "bad.act.json"
    path.write_text(json.dumps(document))

    for done in (
        fedcredit("party", "endorse", ours.config("bank-0"), path, "--yes"),
        ours.enact(path),
    ):
        assert done.code == FoundingError.exit_code


def test_letting_somebody_join_is_not_enacted_without_its_signature(ours: Ours) -> None:
    done = ours.enact(ours.folder / "bank-1" / "bank-1.founder.json")

    assert done.code == ConfigError.exit_code


def test_an_invited_party_that_asks_without_end_is_a_stranger_that_asks_too_often() -> None:
    key = SigningKey.generate("court")
    gate = Gate(
        origin="ledger.example/x",
        state=State,
        clock=utc_now,
        invited=lambda name: key.vkey if name == "court" else "",
    )
    n_answered = 0

    with pytest.raises(RefusedError) as refused:
        while n_answered <= STRANGE_BURST:
            gate.admit("GET", "/join", headers(key), ("10.0.0.1", 1), from_invited=True)
            n_answered += 1

    assert refused.value.status == 429
    assert n_answered <= STRANGE_BURST / INVITED_COST + 2
    for path in ("/leaves?from=0", "/entries"):
        with pytest.raises(RefusedError) as refused:
            gate.admit("GET", path, headers(key, path), ("10.0.0.2", 1))
        assert refused.value.status == 401


def headers(key: SigningKey, target: str = "/join") -> list[tuple[bytes, bytes]]:
    signed = SignedRequest.sign(
        key,
        origin="ledger.example/x",
        method="GET",
        target=target,
        body_digest="0" * 64,
        now=utc_now(),
        nonce=secrets.token_hex(16),
    )
    return [(name.encode(), value.encode()) for name, value in signed.headers().items()]
