"""A consistent copy of a ledger that is being written: one file, verified before it is shown."""

from pathlib import Path

from fedcredit.coordinator.deployment import CoordinatorSetup
from fedcredit.coordinator.ledger_place import open_store
from fedcredit.ledger_file import demand
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.ledger_store import LedgerStore
from fedcredit_ledger.store import Store
from fedcredit_ledger.verify import Level, Report, verify_file


def backup(source: Path, copy: Path) -> Report:
    """Copy a ledger as it is at one moment; the coordinator may be running.

    Parameters
    ----------
    source : Path
        A ledger file, or the ``coordinator.toml`` of a ledger in a file or a database.
    copy : Path
        A new SQLite file. Links and tree of what was written are checked.

    Raises
    ------
    StorageError
        When the copy exists already or cannot be written.
    LedgerError
        When there is no ledger, or the copy does not verify.
    ConfigError
        When ``coordinator.toml`` is not usable.
    """
    with _opened(source) as store:
        store.export(copy)
    report = verify_file(copy, level=Level.CHAIN)
    must_be_sound(report, copy.name)
    return report


def must_be_sound(report: Report, name: str) -> None:
    """Raise the first finding of a copy; a young ledger without a quorum is sound.

    Raises
    ------
    LedgerError
    """
    for finding in report.findings:
        if finding.code != "unwitnessed":
            raise LedgerError(
                f"the copy {name} does not verify: {finding.sentence}",
                remedy="keep it as it is: fedcredit ledger verify FILE --full lists findings",
            )


def _opened(source: Path) -> LedgerStore:
    if source.suffix == ".toml":
        return open_store(CoordinatorSetup(source), read_only=True)
    return Store(demand(source), read_only=True)
