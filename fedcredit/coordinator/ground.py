"""What a coordinator needs under its feet, looked at before anything is started.

`coordinator start` asks these questions first, `coordinator check` asks them without starting:
keys and founding entry, certificate and dates, ports, the stored ledger, room on the disk.
"""

import sys
from pathlib import Path

from fedcredit.coordinator.certificates import check_certificate
from fedcredit.coordinator.deployment import CoordinatorSetup
from fedcredit.coordinator.ledger_place import hold_reserve, is_kept, open_store
from fedcredit.coordinator.log_keys import held_log_keys
from fedcredit.coordinator.port import holder, listening
from fedcredit.coordinator.superlink import HOST
from fedcredit.coordinator.tls import days_left, fingerprint
from fedcredit.errors import CoordinatorError, JobError, PortInUseError
from fedcredit_ledger.entry import SignedEntry
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.log import Log
from fedcredit_ledger.note import SigningKey
from fedcredit_ledger.verify import Level, verify
from fedcredit_parties.disk import SPARE_BYTES, disk_full, free_bytes, is_full
from fedcredit_parties.errors import ConfigError, PartyError
from fedcredit_parties.file_lock import holder_of
from fedcredit_parties.finding import Finding, looked, wrong
from fedcredit_parties.secret_files import check_secret

SOON_DAYS = 30
"""A certificate that ends sooner than this is named."""

_ERRORS = (PartyError, LedgerError, JobError)


def log_key(setup: CoordinatorSetup) -> SigningKey:
    """Read the ledger's signing key.

    Raises
    ------
    ConfigError
        When it is absent, readable by others, or no key.
    """
    path = setup.file(setup.config.log_key)
    check_secret(path, what="the ledger's signing key", party=setup.config.name)
    try:
        seed = bytes.fromhex(path.read_text("ascii").strip())
        return SigningKey.from_seed(setup.config.origin, seed)
    except ValueError:
        raise ConfigError(
            f"{path.name} is not a signing key",
            party=setup.config.name,
            expected="32 bytes in hex",
            found="something else",
            remedy="restore it from the backup made when the federation was founded",
        ) from None


def founding_entry(setup: CoordinatorSetup, key: SigningKey) -> SignedEntry:
    """Read the signed founding entry; it must be the pinned one and name this log key.

    Raises
    ------
    ConfigError
        When it is absent, no entry, another than the pinned one, or of another log key.
    """
    path = setup.file(setup.config.founding)
    try:
        signed = SignedEntry.parse(path.read_bytes())
    except (OSError, LedgerError) as error:
        raise ConfigError(
            f"{path.name} cannot be read as a founding entry",
            party=setup.config.name,
            expected="the entry that every founder has signed",
            found=getattr(error, "strerror", None) or "other bytes",
            remedy="fedcredit coordinator assemble writes it",
        ) from None
    pinned = setup.config.trust.founding_entry
    if signed.id != pinned:
        raise ConfigError(
            f"{path.name} is not the founding entry that coordinator.toml pins",
            party=setup.config.name,
            expected=pinned[:16],
            found=signed.id[:16],
            remedy="restore the file of the founding, or correct [trust] founding_entry",
        )
    if signed.entry.data.get("log_vkey") != key.vkey:
        raise ConfigError(
            f"{setup.config.log_key.name} is not the log key of the founding entry",
            party=setup.config.name,
            expected=str(signed.entry.data.get("log_vkey"))[:80],
            found=key.vkey,
            remedy="restore the log key that was founded from its backup",
        )
    return signed


def open_log(setup: CoordinatorSetup) -> Log:
    """Open the ledger; found it from the signed founding entry when it is empty.

    Raises
    ------
    ConfigError
        When the log key or the founding entry is not usable.
    DiskFullError
        When there is no room to open it.
    LedgerError
        When the stored ledger does not verify.
    """
    key = log_key(setup)
    signed = founding_entry(setup, key)
    hold_reserve(setup)
    try:
        log = open_stored_log(setup)
        if log.size == 0:
            log.found(signed)
    except LedgerError as error:
        if is_full(error):
            raise ledger_full(setup) from error
        raise
    return log


def open_stored_log(setup: CoordinatorSetup) -> Log:
    """Open what is stored, and verify it; close the store again when it does not.

    Raises
    ------
    ConfigError
        When the log key is not usable.
    LedgerError
        When the stored ledger does not verify.
    """
    key, others = log_key(setup), held_log_keys(setup)
    store = open_store(setup)
    try:
        return Log(store, key, setup.config.origin, other_keys=others)
    except LedgerError:
        store.close()
        raise


def ledger_full(setup: CoordinatorSetup) -> PartyError:
    """Return the error for a ledger that cannot be written."""
    return disk_full(
        setup.state,
        "the ledger takes no entry; nothing was confirmed that it does not hold",
        party=setup.config.name,
    )


def check_certificates(setup: CoordinatorSetup) -> str:
    """Refuse a certificate that parties, or the SuperLink's clients, would refuse.

    Raises
    ------
    CertificateError
    """
    files = (setup.config.cert_file, setup.config.key_file, setup.config.ca_file)
    cert, key, authority = map(setup.file, files)
    for address in dict.fromkeys((setup.config.front, setup.config.near, f"https://{HOST}:0")):
        host = address.removeprefix("https://").rpartition(":")[0].strip("[]")
        check_certificate(cert, key, authority, host=host)
    days = days_left(cert.read_bytes())
    soon = " (soon: issue a new one)" if days < SOON_DAYS else ""
    return (
        f"valid for {days:.0f} days{soon}, authority SHA-256 {fingerprint(authority.read_bytes())}"
    )


def check_coordinator(path: Path) -> list[Finding]:
    """Return what was found, in the order in which a coordinator would meet it; start nothing.

    Parameters
    ----------
    path : Path
        ``coordinator.toml``.
    """
    try:
        setup = CoordinatorSetup(path)
    except PartyError as error:
        return [wrong("configuration and keys", error)]
    found = [
        Finding(what="configuration and keys", sentence=f"{setup.config.name}, readable"),
        looked("founding entry and log key", lambda: _founding(setup), *_ERRORS),
        looked("certificate and authority", lambda: check_certificates(setup), *_ERRORS),
    ]
    running = holder_of(setup.state / "daemon.lock")
    ports = (
        ("front", setup.config.host, setup.config.port, "port"),
        ("SuperLink", HOST, setup.config.superlink_port, "superlink_port"),
    )
    for what, host, port, option in ports:

        def look(what: str = what, host: str = host, port: int = port, option: str = option) -> str:
            return _port(what, host, port, option, running)

        found.append(looked(f"port of the {what}", look, *_ERRORS))
    found.append(looked("Flower's programs", _programs, *_ERRORS))
    found.append(looked("stored ledger", lambda: _stored(setup), *_ERRORS))
    found.append(looked("room on the disk", lambda: room(setup.state), *_ERRORS))
    word = "does not run" if running is None else f"runs as process {running}"
    return [*found, Finding(what="coordinator", sentence=word)]


def _founding(setup: CoordinatorSetup) -> str:
    signed = founding_entry(setup, log_key(setup))
    return f"{signed.id[:16]}, {len(signed.entry.data['founders'])} founders"


def _port(what: str, host: str, port: int, option: str, running: int | None) -> str:
    try:
        listening(host, port, what=f"the {what}", option=option).close()
    except PortInUseError as error:
        # Its own: the front is the coordinator's process, the SuperLink a child of it.
        if running is not None:
            return f"{port}, held by {holder(port)}; the coordinator runs"
        raise error
    return f"{port}, free"


def _programs() -> str:
    program = Path(sys.executable).parent / "flower-superexec"
    if not program.exists():
        raise CoordinatorError(
            "Flower's programs are not installed next to this Python",
            expected="flower-superexec",
            found=f"none in {program.parent}",
            remedy="pip install flwr==1.41.0 into this environment",
        )
    return "flower-superexec is installed"


def _stored(setup: CoordinatorSetup) -> str:
    if not is_kept(setup):
        return "none yet: the first start founds it"
    with open_store(setup, read_only=True) as store:
        report = verify(store, level=Level.SIGNATURES)
    # A young ledger has no quorum yet: it comes with the first run.
    wrong_ones = [finding for finding in report.findings if finding.code != "unwitnessed"]
    if wrong_ones:
        raise LedgerError(
            f"the stored ledger does not verify: {wrong_ones[0].sentence}",
            remedy=f"keep it as it is, then fedcredit ledger backup {setup.path} -o FILE, "
            "and fedcredit ledger verify FILE",
        )
    return f"{report.size} entries, {report.quorum_size} witnessed, verified to the last signature"


def room(folder: Path) -> str:
    """Say how much room a folder has.

    Raises
    ------
    DiskFullError
        When it is less than a run may need.
    """
    free = free_bytes(folder)
    if free < SPARE_BYTES:
        raise disk_full(folder, f"less than {SPARE_BYTES // 2**20} MiB are free")
    return f"{free / 2**30:.1f} GiB free"
