"""What a member does with a head that contradicts its own copy: keep it, and say so in the ledger.

A member has its verified tree and heads that the log has signed over it. A head of another history,
signed by the same log, is with one of them a proof that convinces anybody who has the log's key.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

from fedcredit_ledger.errors import (
    CheckpointError,
    ForkError,
    LedgerError,
    MalformedEntryError,
)
from fedcredit_ledger.fork_proof import ForkProof, from_tree
from fedcredit_ledger.note import VerifierKey
from fedcredit_ledger.replica import Replica
from fedcredit_parties.disk import kept_in
from fedcredit_parties.errors import PartyError
from fedcredit_parties.kept_proofs import digest_of, keep_fork, keep_refused
from fedcredit_parties.ledger_client import LedgerClient

_LOG = logging.getLogger(__name__)


def find_proof(replica: Replica, own: Iterable[bytes], foreign: bytes) -> ForkProof | None:
    """Hold a head of another history against heads of one's own.

    Parameters
    ----------
    replica : Replica
        The verified copy.
    own : iterable of bytes
        Checkpoints that the log has signed over it.
    foreign : bytes
        A checkpoint that the log has signed over another history.
    """
    log = VerifierKey.parse(replica.head_rule().log_vkey)
    for note in filter(None, own):
        try:
            proof = from_tree(log, foreign, note, replica.tree)
        except (CheckpointError, MalformedEntryError):  # what is served need not be a head
            continue
        if proof is not None:
            return proof
    return None


def keep(
    state: Path, ledger: LedgerClient, *, offered: bytes, held: bytes, error: LedgerError
) -> Path:
    """Keep what was refused, as a proof where it is one; return the file.

    Parameters
    ----------
    state : Path
        The member's state folder.
    ledger : LedgerClient
        Its verified copy.
    offered : bytes
        The checkpoint that was refused, or one over the ledger that is served.
    held : bytes
        The newest checkpoint that the log has signed for this member; empty for none.
    error : LedgerError
        The refusal.

    Raises
    ------
    DiskFullError, MachineError
        When it cannot be kept.
    """
    replica, proof = ledger.replica, None
    if isinstance(error, ForkError) and offered:
        proof = find_proof(replica, (held, replica.quorum_note), offered)
        if proof is None and held:  # the copy is of the history that is offered
            proof = find_proof(replica, (offered,), held)
    with kept_in(state, "a head that was refused was not kept", party=ledger.key.name):
        if proof is not None:
            path = keep_fork(state, proof)
        else:
            path = keep_refused(state, held=held, offered=offered, why=error.message)
    _LOG.warning("%s; kept: %s", error.message, path)
    return path


def report(ledger: LedgerClient, path: Path, *, accused: str, error: LedgerError) -> None:
    """Say in the ledger what is kept, as far as the ledger still works."""
    kind = "fork" if isinstance(error, ForkError) else "rollback"
    data = {"kind": kind, "accused": accused, "proof_digest": digest_of(path)}
    try:
        ledger.append("misbehaviour-reported", data)
    except (LedgerError, PartyError) as refused:
        _LOG.warning("misbehaviour-reported is not in the ledger: %s", refused)
