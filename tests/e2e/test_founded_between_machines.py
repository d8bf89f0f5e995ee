"""Six organisations found a federation by sending files, start their daemons, and fit one card.

Nobody's folder is read by anybody else: what one has of another came by the post, which carries
public files only. The daemons start from the configuration that this has left behind.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import fedcredit as fc
from fedcredit.machine import Machine, free_ports
from fedcredit_ledger.verify import Level, verify_file
from tests.founders import BANKS, Founders


def agree_on_columns(founders: Founders) -> None:
    """Every bank drafts from its own table; bank-0 joins the drafts; everybody gets the result."""
    drafts: list[str | Path] = []
    for name in BANKS[1:]:
        own = founders.folder / name / f"{name}.schema.json"
        founders.type("party", "schema", founders.config(name), "--label", "bad", "-o", own)
        drafts += ["--join", *founders.send(own, "bank-0")]
    agreed = founders.folder / "bank-0" / "schema.json"
    founders.type(
        "party", "schema", founders.config("bank-0"), "--label", "bad", "-o", agreed, *drafts
    )
    founders.send(agreed, *BANKS[1:], "analyst")
    for name in BANKS:
        path = founders.config(name)
        text = path.read_text("utf-8")
        assert '# schema_file = "schema.json"' in text
        path.write_text(text.replace("# schema_file", "schema_file", 1), "utf-8")


def program(*words: str | Path) -> str:
    """Run ``fedcredit`` as a process of its own; return what it printed."""
    command = [sys.executable, "-m", "fedcredit", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture(name="founders")
def founders_fixture(tmp_path: Path) -> Iterator[Founders]:
    front, superlink = free_ports(2)
    founders = Founders(tmp_path, ports=(front, superlink))
    agree_on_columns(founders)
    founders.found()
    # A place for the supervisor of this test; no organisation reads it.
    (tmp_path / "federation.toml").write_text("", "utf-8")
    machine = Machine(tmp_path, tethered=True)
    try:
        machine.up()
        yield founders
    finally:
        machine.down()


def test_a_federation_that_was_founded_by_post_fits_a_card(founders: Founders) -> None:
    with ThreadPoolExecutor() as pool:
        checked = pool.submit(program, "party", "check", founders.config("bank-0"), "--json")
        words = ("--purpose", "modelling", "--to", "analyst")
        granted = [
            pool.submit(program, "grant", "issue", founders.config(name), *words) for name in BANKS
        ]
    assert all(grant.result() for grant in granted)
    assert [row["what"] for row in json.loads(checked.result()) if not row["ok"]] == []

    federation = fc.Federation.load(founders.folder / "analyst" / "federation.toml", quiet=True)
    try:
        result = federation.run(
            fc.HorizontalJob(purpose="modelling", label="bad", run_deadline_s=60)
        )
    finally:
        federation.close()

    ledger = founders.folder / "coordinator" / "state" / "ledger.db"
    report = verify_file(
        ledger, level=Level.SIGNATURES, founding_entry=founders.founding_id("bank-2")
    )
    assert {"income", "age"} <= set(result.model.table()["feature"])
    assert sorted(result.file.participation) == list(BANKS)
    assert report.findings == []
    assert {path.name.partition(".")[2] for path in founders.carried} == {
        "founder.json", "draft.json", "signature.json", "founding.json", "schema.json", "json",
    }  # fmt: skip
    identities = founders.folder.glob("*/identity/identity.json")
    assert len({json.loads(path.read_text("utf-8"))["signing"] for path in identities}) == 6
