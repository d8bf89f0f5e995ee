"""A coordinator goes back to an older ledger; a key holder that has opened does not open again.

The attacker restores the ledger from before an opening and serves it to a key holder that has just
started. What gives it away is the key holder's own memory and, when that is lost too, the heads
that the witnesses tell it. The weak variant is a key holder that asks nobody and remembers nothing.
"""

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fedcredit as fc
from fedcredit.coordinator.front import Desk
from fedcredit.simulation import ORIGIN, Simulation
from fedcredit_ledger.errors import ForkError, RollbackError
from fedcredit_ledger.log import Log
from fedcredit_ledger.store import Store
from fedcredit_ledger.witness import Witness
from fedcredit_parties.errors import WireError
from fedcredit_parties.heads import HeardHeads, answer_heads
from fedcredit_parties.key_holder import KeyHolder
from fedcredit_parties.mailbox import Mailbox
from fedcredit_parties.member import Member
from fedcredit_parties.vault import Vault
from tests.simulated import entries, newest_run, parts, small_federation, small_job


class LongerHead:
    """A witness that has seen a thousand leaves more than the ledger now has."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    @property
    def head(self) -> tuple[int, bytes]:
        return self._witness.size + 1_000, self._witness.root


def _answer_with_longer_heads(mailbox: Mailbox, witness: Any, stop: threading.Event) -> None:
    answer_heads(mailbox, LongerHead(witness), stop)  # type: ignore[arg-type]


class RolledBack:
    """The coordinator's counter over an older copy of its ledger."""

    def __init__(self, simulation: Simulation, copy: Path) -> None:
        self.simulation = simulation
        self.desk = Desk(Log(Store(str(copy)), simulation.log._key, ORIGIN))

    def member(self, name: str) -> Member:
        return Member(
            identity=self.simulation.identities[name],
            origin=ORIGIN,
            trust=self.simulation.trust(name),
            front=self.desk.window(name),
        )

    def key_holder(self, vault: Vault) -> KeyHolder:
        return KeyHolder(
            member=self.member("key-holder"),
            policy=self.simulation.policy,
            split_key=bytes(32),
            vault=vault,
        )


@pytest.fixture(scope="module", name="scene")
def scene_fixture(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[fc.Federation, RolledBack]]:
    """A federation that has done a run, and its ledger from before that run."""
    folder = tmp_path_factory.mktemp("rollback")
    with small_federation(ledger=folder / "ledger.db") as federation:
        simulation = parts(federation)
        simulation.store.export(folder / "before.db")
        # Whoever runs the coordinator has the note beside the file, too.
        shutil.copy(folder / "ledger.db-head", folder / "before.db-head")
        federation.run(small_job())
        scene = RolledBack(simulation, folder / "before.db")
        yield federation, scene
        scene.desk.close()


def test_a_key_holder_that_has_opened_does_not_start_over_the_older_ledger(
    scene: tuple[fc.Federation, RolledBack],
) -> None:
    federation, rolled_back = scene
    memory = parts(federation).key_holder._vault

    with pytest.raises(RollbackError, match="shorter than one that this member has seen"):
        rolled_back.key_holder(memory)


def test_weak_variant_without_a_memory_it_starts(
    scene: tuple[fc.Federation, RolledBack],
) -> None:
    _, rolled_back = scene

    holder = rolled_back.key_holder(Vault())

    assert holder.member.ledger.state.runs == {}
    holder.close()


def test_a_key_holder_without_a_memory_learns_it_from_two_witnesses(
    scene: tuple[fc.Federation, RolledBack],
) -> None:
    federation, rolled_back = scene
    banks = [rolled_back.member(name) for name in ("bank-0", "bank-1")]
    for bank in banks:
        # Its memory is on its own disk; the coordinator cannot take it back.
        bank._seen = parts(federation).holders[bank.name].member._seen
        bank.start()
    fresh = rolled_back.member("key-holder")
    heads = HeardHeads(ledger=fresh.ledger, mailbox=fresh.mailbox, vault=Vault())

    heads.ask()
    with pytest.raises(RollbackError, match="shorter than one that bank-"):
        heads.hear(deadline=time.monotonic() + 10.0)
    for bank in banks:
        bank.stop()


def test_nothing_is_opened_over_a_ledger_shorter_than_what_witnesses_have_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fedcredit_parties.member.answer_heads", _answer_with_longer_heads)
    with small_federation() as federation:
        with pytest.raises(WireError, match="does not believe the ledger that it is served"):
            federation.run(small_job())

        assert newest_run(federation).failure == "WireError"
        assert entries(federation, "round-opened") == []
        assert [e.data["rule"] for e in entries(federation, "opening-refused")] == ["WireError"]


def test_weak_variant_a_key_holder_that_asks_nobody_opens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(HeardHeads, "hear", lambda self, *, deadline: None)
    monkeypatch.setattr("fedcredit_parties.member.answer_heads", _answer_with_longer_heads)
    with small_federation() as federation:
        federation.run(small_job())

        assert len(entries(federation, "round-opened")) > 3


def test_a_witness_whose_history_is_another_shows_a_fork(
    scene: tuple[fc.Federation, RolledBack],
) -> None:
    federation, _ = scene
    ledger = parts(federation).key_holder.member.ledger
    mailbox = parts(federation).key_holder.member.mailbox
    vault = Vault()
    heads = HeardHeads(ledger=ledger, mailbox=mailbox, vault=vault)
    heads.keep()
    kept = vault.get("head")
    assert kept is not None
    root = ledger.replica.root_at(ledger.replica.quorum_size).hex()
    vault.put("head", kept.replace(root.encode(), b"00" * 32))

    with pytest.raises(ForkError, match="another than the one that this member has seen"):
        HeardHeads(ledger=ledger, mailbox=mailbox, vault=vault)


def test_a_head_told_by_somebody_who_is_no_witness_counts_for_nothing(
    scene: tuple[fc.Federation, RolledBack],
) -> None:
    federation, _ = scene
    simulation = parts(federation)
    mailbox, ledger = simulation.key_holder.member.mailbox, simulation.key_holder.member.ledger
    heads = HeardHeads(ledger=ledger, mailbox=mailbox, vault=Vault())
    told = {"nonce": heads._nonce, "root": "00" * 32, "size": 10**6}

    for name in ("analyst", "coordinator"):
        member = simulation.requester.member if name == "analyst" else simulation.coordinator.member
        member.mailbox.send("key-holder", "head", told)
    heads.ask()

    heads.hear(deadline=time.monotonic() + 10.0)
