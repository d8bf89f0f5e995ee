"""Bring a coordinator's ledger back from copies: its own backups and what other members hold.

Every copy is verified to the last signature, and each must continue or be continued by what is
stored. What is missing is appended under the log's own heads; then the ledger says that it was
restored, and from what. What nobody holds any more is lost, and the members whose entries it were
can prove so by their receipts: that is done only when it is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fedcredit.coordinator.deployment import CoordinatorSetup
from fedcredit.coordinator.front import Desk
from fedcredit.coordinator.ground import open_log
from fedcredit.coordinator.ledger_place import open_store
from fedcredit.ledger_backup import must_be_sound
from fedcredit.ledger_file import demand
from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.errors import ForkError, LedgerError, RollbackError, StorageError
from fedcredit_ledger.ledger_store import LedgerStore
from fedcredit_ledger.note import Signature
from fedcredit_ledger.replica import Replica
from fedcredit_ledger.store import Store
from fedcredit_ledger.verify import Level, verify
from fedcredit_parties.file_lock import only_one
from fedcredit_parties.kept_heads import RECEIPT

LOST = ".lost"
"""Behind the name of a receipt that no ledger holds any more."""


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What a restoring did.

    Attributes
    ----------
    from_size : int
        Leaves that were stored before.
    size : int
        Leaves after it, ``ledger-restored`` the last of them.
    quorum_size : int
        Leaves under the newest head with a quorum that was found anywhere.
    n_lost : int
        Leaves of which only the head file knew.
    """

    from_size: int
    size: int
    quorum_size: int
    n_lost: int


def restore(path: Path, sources: Sequence[Path], *, lose: bool = False) -> Restored:
    """Append what is missing from verified copies, then ``ledger-restored``.

    Parameters
    ----------
    path : Path
        ``coordinator.toml``; its coordinator does not run.
    sources : sequence of Path
        Ledger files: backups, or copies that members have verified.
    lose : bool, default False
        Go on although the head file knows of entries that no copy holds.

    Raises
    ------
    DuplicateIdentityError
        When the coordinator runs.
    RollbackError
        When entries are missing that this coordinator has confirmed.
    ForkError
        When a copy has another history.
    LedgerError
        When a copy, or what is stored, does not verify.
    """
    setup = CoordinatorSetup(path)
    with only_one(setup.state / "daemon.lock", "the coordinator"):
        with open_store(setup, restoring=True) as store:
            from_size, quorum_size, n_lost = _append_missing(setup, store, sources, lose=lose)
        receipt = setup.state / RECEIPT
        if n_lost and receipt.exists():
            receipt.replace(receipt.with_name(RECEIPT + LOST))
        with open_log(setup) as log:
            desk = Desk(log)
            said = f"{len(sources)} copies, {from_size} leaves stored before"
            clerk = setup.clerk(desk)
            clerk.ledger.append("ledger-restored", {"from_size": log.size, "source": said})
            desk.close()
            return Restored(
                from_size=from_size,
                size=log.size,
                quorum_size=max(quorum_size, log.quorum_size),
                n_lost=n_lost,
            )


def _append_missing(
    setup: CoordinatorSetup, store: LedgerStore, sources: Sequence[Path], *, lose: bool
) -> tuple[int, int, int]:
    """Return the sizes before, of the newest quorum, and of what is lost."""
    head, from_size, quorum_size = store.head, store.size, 0
    own = Replica(setup.config.trust.founding_entry)
    try:
        own.update(store.leaves())
    except LedgerError as error:
        raise StorageError(
            f"what is stored does not verify: {error.message}",
            remedy="move it away (ledger.db with -wal and -shm, or the schema), and restore into "
            "nothing",
        ) from error
    for path in sources:
        with Store(demand(path), read_only=True) as source:
            quorum_size = max(quorum_size, _verified(setup, source, path))
            _continue(own, store, source, path)
            _add_cosignatures(store, source)
    if own.size == 0:
        raise LedgerError("there is nothing to restore", expected="at least one copy", found="none")
    n_lost = 0
    if head is not None and head.size <= own.size:
        if own.root_at(head.size) != head.root:
            raise _fork("the head file", head.size)
    elif head is not None:
        n_lost = head.size - own.size
        if not lose:
            raise RollbackError(
                "no copy holds all that this coordinator has confirmed",
                expected=f"at least {head.size} leaves",
                found=str(own.size),
                remedy="ask every member for its copy; --lose goes on without, and whoever holds a "
                "receipt of what is lost can prove it",
            )
    store.settle_head()
    return from_size, quorum_size, n_lost


def _verified(setup: CoordinatorSetup, source: LedgerStore, path: Path) -> int:
    """Verify a copy to the last signature; return the size of its newest quorum."""
    report = verify(
        source, level=Level.SIGNATURES, founding_entry=setup.config.trust.founding_entry
    )
    must_be_sound(report, path.name)
    return report.quorum_size


def _continue(own: Replica, store: LedgerStore, source: LedgerStore, path: Path) -> None:
    """Compare a copy with what is stored, and append what it holds beyond it."""
    copy = Replica(own.founding_entry)
    copy.update(source.leaves())
    common = min(own.size, copy.size)
    if own.root_at(common) != copy.root_at(common):
        raise _fork(path.name, common)
    for size in source.checkpoint_sizes():
        if size <= own.size:
            continue
        leaves = [Leaf.parse(raw) for raw in copy.leaves(own.size, size)]
        nodes = [node for leaf in leaves for node in own.accept(leaf) if node[0]]
        note = source.checkpoint(size)
        assert note is not None  # its size was listed
        store.append(leaves, nodes=nodes, size=size, checkpoint=note)


def _add_cosignatures(store: LedgerStore, source: LedgerStore) -> None:
    """Take over co-signatures of heads that both hold; all of them were verified."""
    sizes = set(store.checkpoint_sizes())
    for size in source.checkpoint_sizes():
        lines = source.cosignatures(size) if size in sizes else []
        parsed = [Signature.parse(line) for line in lines]
        if parsed:
            store.add_cosignatures(size, [(f"{s.name}+{s.key_id.hex()}", s.line()) for s in parsed])


def _fork(whose: str, size: int) -> ForkError:
    return ForkError(
        f"{whose} and what is stored are two histories of {size} leaves",
        remedy="append neither: keep both and call the auditor",
    )
