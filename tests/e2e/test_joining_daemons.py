"""A court and a fourth bank join while the daemons run; then all of them fit one card.

Founded as between machines, joined by typed commands, nobody restarted: the coordinator lets the
new bank's Flower node in, the key holder hands it the split key, the founders accept it because a
quorum of those they pinned has endorsed it, and every checkpoint from then on needs the court.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import fedcredit as fc
from fedcredit.machine import Machine, free_ports
from fedcredit_ledger.evidence import pack_evidence, verify_evidence
from fedcredit_ledger.store import Store
from fedcredit_ledger.verify import Level, verify_file
from tests.e2e.test_founded_between_machines import agree_on_columns
from tests.founders import BANKS, FEDERATION, Founders

pytestmark = pytest.mark.long

NEW = "bank-3"
COURT = "court"


@pytest.fixture(name="founders")
def founders_fixture(tmp_path: Path) -> Iterator[Founders]:
    front, superlink = free_ports(2)
    founders = Founders(tmp_path, ports=(front, superlink))
    agree_on_columns(founders)
    founders.found()
    (tmp_path / "federation.toml").write_text("", "utf-8")
    machine = Machine(tmp_path, tethered=True)
    try:
        machine.up()
        yield founders
    finally:
        machine.down()


def admit(founders: Founders, name: str, role: str, asked: tuple[str, ...], *more: str) -> None:
    """Let a party join that no founder knew."""
    folder = founders.folder / name
    founders.type("party", "init", folder, "--name", name, "--role", role, *more)
    file = founders.send(folder / f"{name}.founder.json", "coordinator", *asked)[0]
    founders.type("coordinator", "invite", founders.config("coordinator"), file, "--yes")
    decide(founders, file.name, asked)
    founding = founders.send(founders.folder / "coordinator" / f"{FEDERATION}.founding.json", name)[
        0
    ]
    founders.type(
        "party", "join", founders.config(name), founding,
        "--founding-id", founders.founding_id("bank-2")[:32],
    )  # fmt: skip


def decide(founders: Founders, name: str, asked: tuple[str, ...]) -> None:
    for one in asked:
        founders.type(
            "party", "endorse", founders.config(one), founders.folder / one / name, "--yes"
        )


def test_a_court_and_a_bank_join_daemons_that_run(founders: Founders) -> None:
    table = founders.folder / "new.csv"
    shutil.copy(founders.folder / "bank-0" / "loans.csv", table)
    admit(founders, COURT, "witness", BANKS)
    admit(founders, NEW, "data-holder", (*BANKS, COURT), "--table", str(table))
    config = founders.config(NEW)
    shutil.copy(founders.folder / "bank-0" / "schema.json", config.parent / "schema.json")
    text = config.read_text("utf-8")
    config.write_text(text.replace("# schema_file", "schema_file", 1), "utf-8")
    late = Machine(founders.folder, tethered=True)
    try:
        late.up()  # starts the two that do not run
        act = founders.folder / "coordinator" / "all.act.json"
        five = (*BANKS, COURT, NEW)
        founders.type(
            "coordinator", "policy", founders.config("coordinator"), "-o", act, "--needed", "5"
        )
        founders.send(act, *five)
        decide(founders, act.name, five)
        founders.type("coordinator", "enact", founders.config("coordinator"), act)
        words = ("--purpose", "modelling", "--to", "analyst")
        for name in (*BANKS, NEW):
            founders.type("grant", "issue", founders.config(name), *words)

        federation = fc.Federation.load(founders.folder / "analyst" / "federation.toml", quiet=True)
        try:
            result = federation.run(
                fc.HorizontalJob(purpose="modelling", label="bad", run_deadline_s=90)
            )
        finally:
            federation.close()
    finally:
        late.down()

    assert sorted(result.file.participation) == [*BANKS, NEW]
    ledger = founders.folder / "coordinator" / "state" / "ledger.db"
    pinned = founders.founding_id("bank-2")
    report = verify_file(ledger, level=Level.SIGNATURES, founding_entry=pinned)
    assert report.findings == []
    with Store(ledger, read_only=True) as store:
        package = pack_evidence(store, f"run {result.run_id}")
    proven = verify_evidence(package, founding_entry=pinned)
    assert set(proven.witnesses) == set(five)
