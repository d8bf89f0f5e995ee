"""Make a coordinator: its keys, the log's, the front's authority and certificate; renew that one.

Every file is new and readable by its owner only; nothing is founded yet. The authority's key issues
the front's certificate and is needed for nothing else: it belongs off this machine.
"""

import re
import secrets
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from fedcredit.coordinator.config import CoordinatorDraft, front_address
from fedcredit.coordinator.tls import Authority, issue_authority, issue_certificate
from fedcredit.errors import CertificateError
from fedcredit.founding_exchange import founder_document, write_new
from fedcredit.member_files import coordinator_draft_toml
from fedcredit.member_options import check_name
from fedcredit_ledger.note import SigningKey
from fedcredit_parties.config import resolve
from fedcredit_parties.errors import ConfigError
from fedcredit_parties.identity import Identity
from fedcredit_parties.identity_files import save_identity
from fedcredit_parties.secret_files import write_private

ANYWHERE = ("0.0.0.0", "::")
MAX_PORT = 65_535


def init_coordinator(
    folder: Path,
    *,
    host: str,
    port: int,
    dns: str | None = None,
    superlink_port: int | None = None,
    name: str = "coordinator",
) -> tuple[Identity, CoordinatorDraft]:
    """Make the coordinator's keys, the log's, the front's authority and certificate.

    Parameters
    ----------
    folder : Path
        New, or without any of these files; only its owner may enter it.
    host, port : str, int
        Where the front listens. ``0.0.0.0`` listens everywhere and needs `dns`.
    dns : str, optional
        Name under which parties reach the front, when it is not `host`.
    superlink_port : int, optional
        Of the SuperLink, on loopback; the next one after `port` when absent.
    name : str
        Name in the ledger.

    Returns
    -------
    Identity, CoordinatorDraft
        The new keys; what stands in coordinator.toml.

    Raises
    ------
    ConfigError
        When the folder holds a coordinator already, or a value is not usable.
    CertificateError
        When a certificate cannot be written.
    """
    if dns is None and host in ANYWHERE:
        raise ConfigError(
            "parties cannot reach the front under this address",
            expected="--dns with the name or address that parties use",
            found=f"--host {host} alone",
            remedy="fedcredit coordinator init DIR --host 0.0.0.0 --port PORT --dns NAME",
        )
    for value in filter(None, (host, dns)):
        if re.fullmatch(r"[A-Za-z0-9.:-]{1,253}", value) is None:
            raise ConfigError(
                "an address cannot be used",
                expected="a host name or an IP address, without port and scheme",
                found=value[:100],
                remedy="--host 10.1.2.3 --port 8443 --dns fedcredit.example.org",
            )
    check_name(name)
    superlink_port = _check_ports(port, superlink_port)
    reached = dns or host
    values = {
        "name": name,
        "origin": f"{reached.replace(':', '-')}/ledger-{secrets.token_hex(4)}",
        "host": host,
        "port": port,
        "superlink_port": superlink_port,
    }
    if dns is not None:
        values["address"] = front_address(dns, port)
    files = {"ca_file": "ca.crt", "cert_file": "server.crt", "key_file": "server.key"}
    config = CoordinatorDraft.parse({**values, **files}, name="coordinator init")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for found in (*files.values(), "ca.key", "coordinator.toml", "identity", "log.key"):
        if (folder / found).exists():
            raise ConfigError(
                f"{folder.name} holds a coordinator already",
                expected="a folder without keys and configuration",
                found=found,
                remedy="keep it: new keys are a new coordinator; name another folder",
            )
    folder.chmod(0o700)
    identity = Identity.generate(name, ("coordinator",))
    authority = issue_authority(folder / "ca.crt", folder / "ca.key")
    names = certificate_names(config)
    issue_certificate(authority, folder / "server.crt", folder / "server.key", names=names)
    save_identity(identity, folder / "identity")
    write_private(folder / "log.key", SigningKey.generate(config.origin).seed.hex())
    text = coordinator_draft_toml(
        name=config.name,
        origin=config.origin,
        host=config.host,
        port=config.port,
        address=config.address,
        superlink_port=config.superlink_port,
    )
    write_private(folder / "coordinator.toml", text)
    write_new(folder / f"{name}.founder.json", founder_document(identity.founder()))
    return identity, config


def _check_ports(port: int, superlink_port: int | None) -> int:
    """Return the SuperLink's port; refuse what is no port by the option that it was typed in."""
    given = {"--port": port, "--superlink-port": superlink_port}
    for option, number in given.items():
        if number is not None and not 1 <= number <= MAX_PORT:
            raise ConfigError(
                f"{option} is no port",
                expected=f"{option}: 1 to {MAX_PORT}",
                found=str(number),
                remedy="--port 8443, for example",
            )
    if superlink_port is None and port == MAX_PORT:
        raise ConfigError(
            "there is no port after the last one for Flower's SuperLink",
            expected=f"--superlink-port with --port {MAX_PORT}",
            found="no --superlink-port",
            remedy="--port 8443, for example, or name both",
        )
    chosen = port + 1 if superlink_port is None else superlink_port
    if chosen == port:
        raise ConfigError(
            "front and SuperLink need two ports",
            expected="--superlink-port: another number than --port",
            found=str(port),
            remedy="leave --superlink-port out: it is then the one after --port",
        )
    return chosen


def certificate_names(config: CoordinatorDraft) -> list[str]:
    """Return the names under which the front is reached, beside this machine's own."""
    reached = urlsplit(config.front).hostname or ""
    return [name for name in dict.fromkeys((config.host, reached)) if name not in (*ANYWHERE, "")]


def renew_certificate(path: Path, ca_key: Path) -> datetime:
    """Issue a new front certificate under the authority that the members have pinned.

    Parameters
    ----------
    path : Path
        coordinator.toml; its certificate and key are replaced.
    ca_key : Path
        The authority's key, brought from where it is kept.

    Returns
    -------
    datetime
        Until when the new one is valid, in UTC.

    Raises
    ------
    ConfigError
        When coordinator.toml is not usable.
    CertificateError
        When the key is not that of the pinned authority, or a file cannot be written.
    """
    config = CoordinatorDraft.read(path)
    folder = path.resolve().parent
    authority = Authority.read(resolve(folder, config.ca_file), ca_key)
    if authority.certificate.public_key() != authority.key.public_key():
        raise CertificateError(
            f"{ca_key.name} is not the key of {config.ca_file.name}",
            expected="the authority's key that coordinator init made",
            found="another key",
            remedy="bring the key of this federation; members have pinned its certificate",
        )
    kept = [resolve(folder, name) for name in (config.cert_file, config.key_file)]
    new = [name.with_name(f"new-{name.name}") for name in kept]
    for name in new:
        name.unlink(missing_ok=True)
    certificate = issue_certificate(authority, *new, names=certificate_names(config))
    for name, place in zip(new, kept, strict=True):
        name.replace(place)
    return certificate.not_valid_after_utc
