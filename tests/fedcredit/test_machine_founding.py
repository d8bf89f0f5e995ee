"""A federation on one machine: what is written, and what is said while nothing runs."""

from pathlib import Path

import pandas as pd
import pytest

from fedcredit import machine as machines
from fedcredit.machine import ANALYST, COORDINATOR, KEY_HOLDER, Machine, MachineTable
from fedcredit_models.schema import infer
from fedcredit_parties.daemon import PartySetup
from tests.fedcredit.command_line import fedcredit
from tests.simulated import bank_frames

KEY = bytes(range(32))


@pytest.fixture(name="table", scope="module")
def table_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("people") / "people.csv"
    people = pd.concat(bank_frames().values(), ignore_index=True)
    people["currency"] = "EUR"
    people.to_csv(path, index=False)
    return path


@pytest.fixture(name="folder", scope="module")
def folder_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("machine") / "fed"
    frames = bank_frames()
    tables = {
        name: MachineTable(frame=frame, bad_definition="late") for name, frame in frames.items()
    }
    machines.found(folder, tables, features=infer(frames, label="bad").features, split_key=KEY)
    return folder


def test_the_key_of_the_hold_out_lies_in_the_key_holders_vault(folder: Path) -> None:
    setup = PartySetup(folder / KEY_HOLDER / "party.toml")

    assert setup.vault().get("split-key") == KEY
    kept = (folder / KEY_HOLDER / "state" / "vault" / "split-key").read_bytes()
    assert KEY not in kept


def test_private_files_are_their_owners_alone(folder: Path) -> None:
    private = [*folder.rglob("*.key"), *folder.glob("*/identity/identity.json")]
    private += [*(folder / KEY_HOLDER / "state" / "vault").iterdir()]

    assert len(private) >= 10
    assert [path for path in (folder, *private) if path.stat().st_mode & 0o077] == []


def test_every_member_but_the_analyst_has_a_daemon(folder: Path) -> None:
    machine = Machine(folder)

    assert machine.names == [COORDINATOR, "bank-0", "bank-1", "bank-2", KEY_HOLDER]
    assert {machine.role(name) for name in machine.names[1:4]} == {"data-holder"}
    assert (folder / ANALYST / "party.toml").exists()


def test_status_of_what_does_not_run_ends_with_a_number(folder: Path) -> None:
    done = fedcredit("federation", "status", folder)

    assert done.code == 45
    assert done.out.count("not running") == 5
    assert [line.split()[0] for line in done.out.splitlines()[2:]] == Machine(folder).names


def test_down_of_what_does_not_run_is_well(folder: Path) -> None:
    assert fedcredit("federation", "down", folder).code == 0


def test_a_job_asked_of_a_federation_that_is_down_says_how_to_start_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "job.toml").write_text('purpose = "modelling"\nlabel = "bad"\n', "utf-8")
    whole = PartySetup.member
    monkeypatch.setattr(PartySetup, "member", lambda setup: whole(setup, patience_s=0.0))

    done = fedcredit(
        "job", "check", tmp_path / "job.toml", "--federation", folder / "federation.toml"
    )

    assert done.code == 39
    assert f"what to do: fedcredit federation up {folder}" in done.err


def test_init_deals_the_rows_out_and_says_what_comes_next(table: Path, tmp_path: Path) -> None:
    done = fedcredit(
        "federation", "init", tmp_path / "fed", "--data", table, "--bad-definition", "90 days late"
    )

    assert done.code == 0, done.err
    rows = [pd.read_parquet(tmp_path / "fed" / f"bank-{i}" / "table.parquet") for i in range(3)]
    assert [len(part) for part in rows] == [200, 200, 200]
    assert "left out: currency, does not vary" in done.out
    assert f"fedcredit federation up {tmp_path / 'fed'}" in done.out
    text = (tmp_path / "fed" / "bank-1" / "party.toml").read_text("utf-8")
    assert 'bad_definition = "90 days late"' in text
    assert '"currency"' not in (tmp_path / "fed" / "schema.json").read_text("utf-8")


def test_init_without_a_table_says_how_to_bring_one(tmp_path: Path) -> None:
    done = fedcredit("federation", "init", tmp_path / "fed")

    assert done.code == 40
    assert f"fedcredit federation init {tmp_path / 'fed'} --data FILE.csv --label" in done.err
    assert not (tmp_path / "fed").exists()


def test_init_of_a_table_without_the_label_names_the_columns(table: Path, tmp_path: Path) -> None:
    done = fedcredit("federation", "init", tmp_path / "fed", "--data", table, "--label", "default")

    assert done.code == 14
    assert "income, home, age, bad" in done.err


def test_init_with_a_label_that_is_not_0_or_1_writes_nothing(table: Path, tmp_path: Path) -> None:
    done = fedcredit("federation", "init", tmp_path / "fed", "--data", table, "--label", "income")

    assert done.code == 16
    assert "LabelError: label income is not 0/1" in done.err
    assert not (tmp_path / "fed").exists()


def test_a_second_federation_in_the_folder_is_refused(table: Path, folder: Path) -> None:
    before = (folder / "ca.crt").read_bytes()

    assert fedcredit("federation", "init", folder, "--data", table).code == 40
    assert (folder / "ca.crt").read_bytes() == before
