"""A running coordinator that plays the other banks, and the daemon of a real one.

The attack has everything that a coordinator can have: the right address, the right certificate,
the right origin, bank-0's and the key holder's real public keys in the founding entry, and for
bank-1 and bank-2 keys of its own. In the weak variant bank-0 has pinned what it was sent.
"""

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedcredit import founding
from fedcredit import machine as machines
from fedcredit.machine import COORDINATOR, KEY_HOLDER, Machine, MachineTable
from fedcredit.member_files import trust_toml
from fedcredit_ledger.entry import SignedEntry
from fedcredit_ledger.errors import BrokenChainError
from fedcredit_ledger.state import State
from fedcredit_models.schema import infer
from fedcredit_parties.config import PartyConfig
from fedcredit_parties.daemon import PartySetup, read_status
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.identity import Identity
from fedcredit_parties.identity_files import load_identity, save_identity
from fedcredit_parties.member import utc_now
from tests.simulated import bank_frames
from tests.threats.test_the_running_coordinator_gives_nothing_away import until

PLAYED = ("bank-1", "bank-2")


@pytest.fixture(name="played")
def played_fixture(tmp_path: Path) -> Iterator[Machine]:
    """A coordinator that serves a federation in which it is two of three banks."""
    folder = tmp_path / "federation"
    frames = bank_frames()
    tables = {
        name: MachineTable(frame=frame, bad_definition="the label column is 1")
        for name, frame in frames.items()
    }
    machines.found(folder, tables, features=infer(frames, label="bad").features)
    for name in PLAYED:
        own = Identity.generate(name, ("data-holder", "witness"))
        save_identity(own, folder / name / "played")
    note = folder / COORDINATOR / "founding.note"
    true = SignedEntry.parse(note.read_bytes()).entry
    identities = _identities(folder)
    entry = founding.draft(
        name="one-machine",
        origin=true.ledger,
        coordinator=COORDINATOR,
        log_vkey=true.data["log_vkey"],
        founders=[identity.founder() for identity in identities.values()],
        policy=DisclosurePolicy(),
        needed=3,
        now=utc_now(),
    )
    keys = [i.signing for name, i in identities.items() if name != COORDINATOR]
    note.write_bytes(founding.sign(entry, identities[COORDINATOR].signing, keys).encode())
    machine = Machine(folder, tethered=True)
    # The coordinator's own start compares its pins too; it has pinned what it plays.
    _pin(folder / COORDINATOR / "coordinator.toml", machine, COORDINATOR)
    try:
        machine.start(COORDINATOR)
        until(lambda: machine.is_ready(COORDINATOR), 60.0)
        yield machine
    finally:
        machine.down()


def _identities(folder: Path) -> dict[str, Identity]:
    """Return the founders of the played federation."""
    names = ("bank-0", *PLAYED, COORDINATOR, KEY_HOLDER, "analyst")
    return {
        name: load_identity(folder / name / ("played" if name in PLAYED else "identity"))
        for name in names
    }


def _pin(path: Path, machine: Machine, member: str) -> None:
    """Let a configuration pin the played federation."""
    note = SignedEntry.parse((machine.folder / COORDINATOR / "founding.note").read_bytes())
    trust = founding.trust_of(member, list(_identities(machine.folder).values()), note.id)
    before, _, rest = path.read_text("utf-8").partition("\n[trust]")
    _, table, data = rest.partition("\n[[data]]")
    path.write_text(before + trust_toml(trust) + table + data, "utf-8")


def _seen_by_the_coordinator(machine: Machine) -> State:
    """Return the ledger that the coordinator serves, as one who pinned it reads it."""
    setup = PartySetup(machine.folder / "bank-0" / "party.toml")
    note = SignedEntry.parse((machine.folder / COORDINATOR / "founding.note").read_bytes())
    trust = founding.trust_of("bank-0", list(_identities(machine.folder).values()), note.id)
    config = PartyConfig.model_validate(
        setup.config.model_dump() | {"trust": dataclasses.asdict(trust)}
    )
    setup.config = config
    member = setup.member()
    try:
        return member.ledger.state
    finally:
        member.stop()


def test_a_daemon_that_pinned_the_real_founding_ends_and_writes_nothing(played: Machine) -> None:
    started = subprocess.run(
        [sys.executable, "-m", "fedcredit", "party", "start", "bank-0/party.toml"],
        cwd=played.folder,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert started.returncode == BrokenChainError.exit_code
    assert b"pinned founding entry" in started.stderr
    assert "pinned founding entry" in str(read_status(played.state("bank-0"))["ended_with"])
    assert set(_seen_by_the_coordinator(played).author_heads) == {COORDINATOR}


def test_weak_a_daemon_that_pinned_what_it_was_sent_joins_the_coordinator_s_play(
    played: Machine,
) -> None:
    _pin(played.folder / "bank-0" / "party.toml", played, "bank-0")

    played.start("bank-0")
    until(lambda: played.is_ready("bank-0"), 60.0)

    assert "bank-0" in _seen_by_the_coordinator(played).author_heads  # its table is registered
