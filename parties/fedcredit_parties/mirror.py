"""A daemon's copy of the ledger on its own disk: what the coordinator is restored from.

Only what this member has verified goes there, and only up to heads with a quorum; where there is
none yet, the witnesses are asked for one, so that nothing stays unwitnessed for long. At the next
start the copy is compared with the ledger that is served: a coordinator that lost what witnesses
have co-signed is found out by every member that kept it.
"""

import logging
import threading
from pathlib import Path

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.errors import ForkError, RollbackError, StorageError, SyncError
from fedcredit_ledger.merkle import Tree, leaf_hash
from fedcredit_ledger.note import Note
from fedcredit_ledger.store import Store
from fedcredit_parties.disk import disk_full, is_full
from fedcredit_parties.ledger_client import LedgerClient

MIRROR = "ledger.db"
"""The copy's name in the state folder."""

MIRROR_S = 2.0
"""How often new leaves are written, and co-signatures asked for that nobody else has needed."""

_LOG = logging.getLogger(__name__)


class Mirror:
    """One member's copy.

    Parameters
    ----------
    ledger : LedgerClient
        The verified copy in memory.
    folder : Path
        The member's state folder.
    """

    def __init__(self, ledger: LedgerClient, folder: Path) -> None:
        self._ledger = ledger
        self._folder = folder

    def serve(self, stop: threading.Event) -> None:
        """Keep the copy until `stop` is set; without a usable disk a member goes on without one.

        Raises
        ------
        RollbackError, ForkError
            When the ledger that is served lacks what was kept here, or is another.
        DiskFullError
            When there is no room; what was kept stays.
        SyncError
            When the disk did not confirm.
        """
        try:
            with Store(self._folder / MIRROR) as store:
                tree = self._compared(store)
                while not stop.wait(MIRROR_S):
                    self.catch_up(store, tree)
        except SyncError:
            raise
        except StorageError as error:
            if is_full(error):
                lost = "new entries of the ledger were not copied"
                raise disk_full(self._folder, lost, party=self._ledger.key.name) from error
            _LOG.warning("no copy of the ledger is kept here: %s", error)

    def _compared(self, store: Store) -> Tree:
        """Return the tree over what is kept, after comparing it with the ledger that is served."""
        tree = Tree()
        for raw in store.leaves():
            tree.append(leaf_hash(raw))
        replica = self._ledger.replica
        if tree.size > replica.size:
            raise RollbackError(
                "the ledger that is served is shorter than this member's copy",
                party=self._ledger.key.name,
                expected=f"at least {tree.size} leaves",
                found=str(replica.size),
                remedy=f"send {MIRROR} to the coordinator's operator, who restores from it",
            )
        if replica.root_at(tree.size) != tree.root:
            raise ForkError(
                "the ledger that is served is another than this member's copy",
                party=self._ledger.key.name,
                expected=tree.root.hex(),
                found=replica.root_at(tree.size).hex(),
                remedy="keep both: together they are proof",
            )
        return tree

    def catch_up(self, store: Store, tree: Tree) -> None:
        """Write what stands under heads with a quorum and was not written yet, head by head."""
        while found := self._ledger.under_quorum(tree.size):
            self._add(store, tree, *found)

    def _add(self, store: Store, tree: Tree, raws: list[bytes], note: bytes) -> None:
        leaves = [Leaf.parse(raw) for raw in raws]
        nodes = [node for leaf in leaves for node in tree.append(leaf.hash) if node[0]]
        head = Note.parse(note)
        origin = self._ledger.origin
        signed = tuple(line for line in head.signatures if line.name == origin)
        others = [line for line in head.signatures if line.name != origin]
        bare = Note(head.text, signed).encode()
        store.append(leaves, nodes=nodes, size=tree.size, checkpoint=bare)
        lines = [(f"{line.name}+{line.key_id.hex()}", line.line()) for line in others]
        store.add_cosignatures(tree.size, lines)
