"""A member's own verified copy of the ledger, saved as a file that anybody can verify again.

Every leaf in it has passed this member's replica. The coordinator is asked for one thing more, the
checkpoints with the witnesses' co-signatures, because a replica keeps only the newest one it needed
and an auditor replays the rules against all of them; each is checked against the member's own tree
and the founding policy before it is written.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.errors import LedgerError, QuorumError
from fedcredit_ledger.merkle import Tree
from fedcredit_ledger.note import Note
from fedcredit_ledger.replica import Replica
from fedcredit_ledger.store import MEMORY, Store
from fedcredit_parties.ledger_client import POLL_S, LedgerClient

SAVE_S = 30.0
"""How long the witnesses' quorum over the newest entry is waited for."""


def save_ledger(
    ledger: LedgerClient, path: Path, *, timeout_s: float = SAVE_S, only_witnessed: bool = False
) -> int:
    """Write what `ledger` has verified, under its witnessed heads; return the number of entries.

    Parameters
    ----------
    ledger : LedgerClient
        The member's copy; it is brought up to date first.
    path : Path
        One SQLite file; an older one of this name is replaced when the new one is complete.
    timeout_s : float
        Longest wait in seconds for a quorum over the newest entry.
    only_witnessed : bool
        After that wait write what is under a quorum, and leave out what is not.

    Raises
    ------
    QuorumError
        When the witnesses do not co-sign the newest entry in time, or nothing at all.
    CheckpointError, ForkError, SignatureError
        When the coordinator's checkpoints are not those of this copy.
    LedgerError
        When the file cannot be written.

    Disclosure
    ----------
    The file holds what every member of the federation holds: who did what when, and digests.
    """
    ledger.refresh()
    notes: list[tuple[Checkpoint, Note]] = []
    try:
        for head in _checkpoints(ledger, covering=ledger.replica.size, timeout_s=timeout_s):
            notes.append(head)
    except QuorumError:
        if not (only_witnessed and notes):
            raise
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with Store(MEMORY) as store:
        _fill(store, ledger.replica, notes)
        store.export(part)
        size = store.size
    part.replace(path)
    return size


def _checkpoints(
    ledger: LedgerClient, *, covering: int, timeout_s: float
) -> Iterator[tuple[Checkpoint, Note]]:
    """Yield every checkpoint with a quorum, oldest first, up to one over `covering` leaves."""
    after = 0
    deadline = time.monotonic() + timeout_s
    while after < covering:
        left = deadline - time.monotonic()
        raw = ledger.front.checkpoint(covering=after + 1, timeout_s=max(0.0, min(POLL_S, left)))
        if raw is None and left <= 0:
            raise QuorumError(f"no witness quorum over leaf {covering - 1} before the deadline")
        if raw is None:
            continue
        ledger.refresh()
        checkpoint = ledger.replica.update_checkpoint(raw)
        if checkpoint.size <= after:
            raise LedgerError("the coordinator answers with a checkpoint that was not asked for")
        yield checkpoint, Note.parse(raw)
        after = checkpoint.size


def _fill(store: Store, replica: Replica, notes: list[tuple[Checkpoint, Note]]) -> None:
    """Write leaves, tree nodes, checkpoints and co-signatures up to the newest checkpoint."""
    tree, start = Tree(), 0
    for checkpoint, note in notes:
        leaves = [Leaf.parse(raw) for raw in replica.leaves(start, checkpoint.size)]
        nodes = [node for leaf in leaves for node in tree.append(leaf.hash) if node[0]]
        signed = [line for line in note.signatures if line.name == checkpoint.origin]
        others = [line for line in note.signatures if line.name != checkpoint.origin]
        bare = Note(note.text, tuple(signed)).encode()
        store.append(leaves, nodes=nodes, size=checkpoint.size, checkpoint=bare)
        store.add_cosignatures(
            checkpoint.size, [(f"{s.name}+{s.key_id.hex()}", s.line()) for s in others]
        )
        start = checkpoint.size
