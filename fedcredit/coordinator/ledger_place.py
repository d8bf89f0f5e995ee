"""Where the coordinator keeps the ledger: an SQLite file in its state folder, or PostgreSQL.

Either way the head file and the reserve stand in the state folder, on the coordinator's own disk.
"""

from pathlib import Path

from fedcredit.coordinator.deployment import CoordinatorSetup
from fedcredit_ledger.ledger_store import LedgerStore
from fedcredit_ledger.reserve import Reserve
from fedcredit_ledger.store import Store
from fedcredit_ledger.store_postgres import PostgresStore
from fedcredit_parties.disk import kept_in
from fedcredit_parties.secret_files import check_secret

LEDGER = "ledger.db"
HEAD = "ledger-head"
RESERVE = "reserve"


def open_store(
    setup: CoordinatorSetup, *, read_only: bool = False, restoring: bool = False
) -> LedgerStore:
    """Open the ledger of ``coordinator.toml``; options as those of the stores.

    Raises
    ------
    ConfigError
        When the file holds the database's password and others may read it.
    RollbackError, ForkError, StorageError, LedgerError
        As the stores say.
    """
    url = setup.config.ledger_url
    if url is None:
        return Store(ledger_file(setup), read_only=read_only, restoring=restoring)
    if setup.config.has_password:
        check_secret(
            setup.path, what="a file that holds a database's password", party=setup.config.name
        )
    return PostgresStore(
        url.get_secret_value(),
        head=setup.state / HEAD,
        read_only=read_only,
        restoring=restoring,
    )


def ledger_file(setup: CoordinatorSetup) -> Path:
    """Return the SQLite file's path."""
    return setup.state / LEDGER


def is_kept(setup: CoordinatorSetup) -> bool:
    """Say whether a first start has founded the ledger, or tried to."""
    return (setup.state / HEAD).exists() or ledger_file(setup).exists()


def reserve(setup: CoordinatorSetup) -> Reserve:
    """Return the ballast of the state folder's disk."""
    return Reserve(setup.state / RESERVE, n_bytes=setup.config.reserve_mib * 2**20)


def hold_reserve(setup: CoordinatorSetup) -> None:
    """Take the room for a last word.

    Raises
    ------
    DiskFullError, MachineError
        When the disk does not give it.
    """
    lost = f"the coordinator did not start: {setup.config.reserve_mib} MiB are held in reserve"
    with kept_in(setup.state, lost, party=setup.config.name):
        reserve(setup).hold()
