"""Before anything is started: ports, certificates, keys, tables and files, each wrong somehow."""

import json
import os
import shutil
import socket
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import typer
from cryptography import x509

from fedcredit import machine
from fedcredit.cli.output import verb
from fedcredit.coordinator import daemon
from fedcredit.coordinator.ground import check_coordinator
from fedcredit.coordinator.port import holder, listening
from fedcredit.coordinator.tls import Authority, issue_authority, issue_certificate
from fedcredit.errors import CertificateError, CoordinatorError, PortInUseError
from fedcredit.machine import COORDINATOR, MachineTable
from fedcredit_ledger.note import SigningKey
from fedcredit_models.schema import infer
from fedcredit_parties import party_check
from fedcredit_parties.daemon import read_status
from fedcredit_parties.errors import ConfigError
from fedcredit_parties.finding import Finding
from fedcredit_parties.party_check import check_party
from tests import full_disk
from tests.simulated import bank_frames

FRAMES = bank_frames(n_banks=3, n_rows=60)


@pytest.fixture(scope="module")
def founded(tmp_path_factory):
    """A federation of three banks that was founded and never started."""
    folder = tmp_path_factory.mktemp("founded") / "federation"
    tables = {
        name: MachineTable(frame=frame, bad_definition="the label column is 1")
        for name, frame in FRAMES.items()
    }
    machine.found(folder, tables, features=infer(FRAMES, label="bad").features)
    return folder


@pytest.fixture
def home(founded, tmp_path):
    """A copy of the coordinator's folder, to spoil."""
    shutil.copy(founded / "ca.crt", tmp_path)
    shutil.copy(founded / "ca.key", tmp_path)
    return Path(shutil.copytree(founded / COORDINATOR, tmp_path / COORDINATOR))


@pytest.fixture
def bank(founded, tmp_path, monkeypatch):
    """A copy of a bank's folder, to spoil; its coordinator does not run."""
    monkeypatch.setattr(party_check, "PATIENCE_S", 0.1)
    return Path(shutil.copytree(founded / "bank-0", tmp_path / "bank-0"))


def told(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.what: finding for finding in findings}


# Ports


def test_the_program_that_holds_a_port_is_named():
    with listening("127.0.0.1", 0, what="the front", option="port") as taken:
        port = taken.getsockname()[1]

        with pytest.raises(PortInUseError) as used:
            listening("127.0.0.1", port, what="the front", option="port")

    assert used.value.found.startswith(f"process {os.getpid()} (")
    assert str(port) in used.value.expected
    assert holder(port) == "a program that this machine does not show"


def test_an_address_of_another_machine_is_not_called_a_port_in_use():
    with pytest.raises(CoordinatorError, match="cannot listen") as refused:
        listening("192.0.2.1", 8443, what="the front", option="port")

    assert not isinstance(refused.value, PortInUseError)


# Certificates at the coordinator


def reissue(home: Path, *, days_ago: int = 0, foreign: bool = False) -> None:
    made = datetime.now(UTC) - timedelta(days=days_ago)
    for name in ("server.crt", "server.key"):
        (home / name).unlink()
    if foreign:
        other = issue_authority(home / "other.crt", home / "other.key", name="Another federation")
    else:
        other = Authority.read(home.parent / "ca.crt", home.parent / "ca.key")
    issue_certificate(other, home / "server.crt", home / "server.key", now=made)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(lambda home: (home / "server.crt").unlink(), "cannot be read", id="missing"),
        pytest.param(lambda home: (home / "server.key").unlink(), "is not the key", id="no key"),
        pytest.param(lambda home: reissue(home, days_ago=500), "has expired", id="expired"),
        pytest.param(lambda home: reissue(home, days_ago=-9), "not valid yet", id="not yet valid"),
        pytest.param(lambda home: reissue(home, foreign=True), "was not signed by", id="foreign"),
    ],
)
def test_a_certificate_that_parties_would_refuse_starts_nothing(home, spoil, said):
    spoil(home)

    with pytest.raises(CertificateError, match=said) as refused:
        daemon.run(home / "coordinator.toml", threading.Event())
    finding = told(check_coordinator(home / "coordinator.toml"))["certificate and authority"]

    assert refused.value.remedy
    assert (finding.exit_code, said in finding.sentence) == (47, True)
    assert "CertificateError" in read_status(home / "state")["ended_with"]
    assert not (home / "state" / "ledger.db").exists(), "nothing was started"


# Keys at the coordinator


def test_another_log_key_is_not_the_ledgers(home):
    other = SigningKey.generate("other")
    (home / "log.key").write_text(other.seed.hex(), "ascii")

    with pytest.raises(ConfigError, match="not the log key of the founding"):
        daemon.run(home / "coordinator.toml", threading.Event())


def test_a_log_key_that_others_can_read_is_refused_with_the_command_to_type(home):
    (home / "log.key").chmod(0o644)

    finding = told(check_coordinator(home / "coordinator.toml"))["founding entry and log key"]

    assert finding.exit_code == 11 and finding.remedy.startswith("chmod 600")


def test_a_founding_entry_that_is_absent_or_spoiled_is_named(home):
    note = home / "founding.note"
    note.write_bytes(note.read_bytes().replace(b"bank-0", b"bank-9"))
    spoiled = told(check_coordinator(home / "coordinator.toml"))["founding entry and log key"]
    note.unlink()
    absent = told(check_coordinator(home / "coordinator.toml"))["founding entry and log key"]

    assert "not the founding entry that coordinator.toml pins" in spoiled.sentence
    assert "No such file" in absent.sentence


def test_a_sound_coordinator_that_does_not_run_passes(home):
    found = check_coordinator(home / "coordinator.toml")

    assert [finding.sentence for finding in found if finding.exit_code] == []
    assert told(found)["coordinator"].sentence == "does not run"


# A party, before anything is asked of the coordinator


def test_a_coordinator_that_does_not_run_is_the_only_complaint_of_a_sound_party(bank):
    found = check_party(bank / "party.toml")

    assert [finding.what for finding in found if finding.exit_code] == ["coordinator"]
    assert told(found)["coordinator"].exit_code == 39


@pytest.mark.parametrize(
    ("change", "number", "said"),
    [
        pytest.param(lambda f: f.drop(columns="income"), 14, "income", id="gone"),
        pytest.param(lambda f: f.assign(income=f.income * 100), 15, "bounds", id="another unit"),
        pytest.param(lambda f: f.assign(income="high"), 14, "does not hold numbers", id="text"),
    ],
)
def test_a_table_is_held_against_the_declared_columns(founded, bank, change, number, said):
    shutil.copy(founded / "schema.json", bank)
    text = (bank / "party.toml").read_text("utf-8")
    (bank / "party.toml").write_text('schema_file = "schema.json"\n' + text, "utf-8")
    sound = told(check_party(bank / "party.toml"))["table table"]
    change(pd.read_parquet(bank / "table.parquet")).to_parquet(bank / "table.parquet")

    finding = told(check_party(bank / "party.toml"))["table table"]

    assert "declared columns" in sound.sentence and not sound.exit_code
    assert (finding.exit_code, said in finding.sentence) == (number, True)


def test_another_app_than_the_installed_one_is_named(bank):
    finding = told(check_party(bank / "party.toml", app_hash="ab" * 32))["pinned app"]

    assert (finding.exit_code, "abab" in finding.sentence) == (11, True)


def test_an_expired_authority_is_named_with_its_dates(bank):
    (bank / "ca.crt").unlink()
    made = datetime.now(UTC) - timedelta(days=5000)
    issue_authority(bank / "ca.crt", bank / "old.key", now=made)

    finding = told(check_party(bank / "party.toml"))["pinned authority"]

    pinned = x509.load_pem_x509_certificate((bank / "ca.crt").read_bytes())
    assert "has expired" in finding.sentence
    assert f"{pinned.not_valid_before_utc:%Y-%m-%d}" in finding.sentence


def test_a_full_disk_is_found_before_a_run_meets_it(bank):
    with full_disk.small_disk(bank / "state") as disk:
        full_disk.fill(disk)

        finding = told(check_party(bank / "party.toml"))["room on the disk"]

    assert (finding.exit_code, str(disk) in finding.sentence) == (71, True)


# Any command


@verb
def write(path: Path, as_json: bool = False) -> None:
    """Write a file, as a report does."""
    path.write_text("x" * 8192)


def test_a_path_that_cannot_be_written_is_an_error_with_a_number(tmp_path, capsys):
    with pytest.raises(typer.Exit) as ended:
        write(tmp_path / "nowhere" / "report.html")

    said = capsys.readouterr().err
    assert ended.value.exit_code == 70
    assert "MachineError" in said and "report.html" in said and "No such file" in said


def test_a_full_disk_ends_a_command_by_its_number(tmp_path, capsys):
    with full_disk.small_disk(tmp_path / "disk") as disk:
        full_disk.fill(disk)
        with pytest.raises(typer.Exit) as ended:
            write(disk / "report.html", as_json=True)

    said = json.loads(capsys.readouterr().out)
    assert (ended.value.exit_code, said["error"]) == (71, "DiskFullError")


def test_a_closed_pipe_is_nobodys_error():
    @verb
    def talk(as_json: bool = False) -> None:
        ours, theirs = socket.socketpair()
        theirs.close()
        with ours:
            ours.sendall(b"x")

    with pytest.raises(BrokenPipeError):
        talk()
