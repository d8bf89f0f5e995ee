"""The federation's own authority: what it issues is accepted by its clients, keys stay private."""

import socket
import stat
from datetime import UTC, datetime, timedelta

import pytest

from fedcredit.coordinator.certificates import check_certificate
from fedcredit.coordinator.front_server import FrontServer
from fedcredit.coordinator.tls import (
    Authority,
    days_left,
    fingerprint,
    issue_authority,
    issue_certificate,
)
from fedcredit.errors import CertificateError, CoordinatorError, PortInUseError

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.fixture
def issued(tmp_path):
    authority = issue_authority(tmp_path / "ca.crt", tmp_path / "ca.key", now=NOW)
    issue_certificate(
        authority,
        tmp_path / "server.crt",
        tmp_path / "server.key",
        names=("front.bank.example", "192.0.2.7"),
        now=NOW,
    )
    return tmp_path


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "front.bank.example", "192.0.2.7"])
def test_what_the_authority_issues_can_be_served_under_each_of_its_names(issued, host):
    check_certificate(
        issued / "server.crt", issued / "server.key", issued / "ca.crt", host=host, now=NOW
    )


def test_it_cannot_be_served_under_another_name(issued):
    with pytest.raises(CertificateError, match="does not name the address"):
        check_certificate(
            issued / "server.crt", issued / "server.key", issued / "ca.crt", host="other", now=NOW
        )


def test_keys_are_readable_by_their_owner_only(issued):
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in issued.glob("*.key")}

    assert modes == {"ca.key": 0o600, "server.key": 0o600}


def test_an_existing_file_is_not_overwritten(issued):
    before = (issued / "ca.key").read_bytes()

    with pytest.raises(CertificateError, match=r"ca\.key cannot be written"):
        issue_authority(issued / "new.crt", issued / "ca.key")

    assert (issued / "ca.key").read_bytes() == before
    assert not (issued / "new.crt").exists()


def test_days_left_counts_down_and_goes_below_zero(issued):
    pem = (issued / "server.crt").read_bytes()

    assert days_left(pem, now=NOW) == 397
    assert days_left(pem, now=NOW + timedelta(days=400)) == -3


def test_a_certificate_does_not_outlive_its_authority(tmp_path):
    authority = issue_authority(tmp_path / "ca.crt", tmp_path / "ca.key", now=NOW, days=30)
    issue_certificate(authority, tmp_path / "server.crt", tmp_path / "server.key", now=NOW)

    assert days_left((tmp_path / "server.crt").read_bytes(), now=NOW) == 30


def test_an_authority_read_back_issues_under_the_same_fingerprint(issued):
    again = Authority.read(issued / "ca.crt", issued / "ca.key")
    issue_certificate(again, issued / "next.crt", issued / "next.key", now=NOW)
    check_certificate(
        issued / "next.crt", issued / "next.key", issued / "ca.crt", host="localhost", now=NOW
    )

    shown = fingerprint((issued / "ca.crt").read_bytes())
    assert len(shown.split(":")) == 32


@pytest.mark.parametrize("missing", ["ca.crt", "ca.key"])
def test_an_authority_that_is_incomplete_is_named(issued, missing):
    (issued / missing).write_bytes(b"not PEM")

    with pytest.raises(CertificateError, match="authority cannot be read"):
        Authority.read(issued / "ca.crt", issued / "ca.key")


async def nothing(scope, receive, send):
    """Stand in for an application."""


def server(folder, port, host="127.0.0.1"):
    return FrontServer(
        nothing,
        host=host,
        port=port,
        cert_file=folder / "server.crt",
        key_file=folder / "server.key",
    )


def test_a_port_in_use_is_named(issued):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUseError) as taken:
            server(issued, port)

    assert taken.value.exit_code == 46
    assert str(port) in taken.value.expected


def test_an_address_of_another_machine_is_named(issued):
    with pytest.raises(CoordinatorError, match="cannot listen"):
        server(issued, 0, host="192.0.2.7")


@pytest.mark.parametrize("change", ["missing", "another key", "not PEM"])
def test_a_certificate_that_cannot_be_loaded_is_named(issued, change):
    if change == "missing":
        (issued / "server.crt").unlink()
    elif change == "another key":
        (issued / "server.key").write_bytes((issued / "ca.key").read_bytes())
    else:
        (issued / "server.crt").write_bytes(b"not PEM")

    with pytest.raises(CertificateError):
        server(issued, 0)
