"""The witness's process: its key, its file of heads, one port."""

import logging
import os
import threading
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from fedcredit.coordinator.front_server import FrontServer
from fedcredit.errors import JobError
from fedcredit.witness.config import WitnessSetup
from fedcredit.witness.service import witness_app
from fedcredit_ledger.entry import format_time
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.fork_proof import ForkProof
from fedcredit_ledger.store import MEMORY
from fedcredit_ledger.tlog_witness import TlogWitness
from fedcredit_ledger.witness_state import WitnessState
from fedcredit_parties.daemon import STATUS_S, write_last_words, write_status
from fedcredit_parties.disk import kept_in
from fedcredit_parties.errors import PartyError
from fedcredit_parties.file_lock import only_one
from fedcredit_parties.kept_proofs import keep_fork, kept
from fedcredit_parties.member import utc_now

HEADS = "heads.db"
"""File in the state folder: what was co-signed."""

_LOG = logging.getLogger(__name__)


def run(path: Path, stop: threading.Event) -> None:
    """Run the witness of ``witness.toml`` until `stop` is set.

    Raises
    ------
    DuplicateIdentityError
        When it runs already.
    ConfigError
        When configuration or key are not usable.
    CoordinatorError
        When it cannot listen.
    LedgerError
        When its file of heads cannot be used.
    """
    setup = WitnessSetup(path)
    with only_one(setup.state / "daemon.lock", "the witness"):
        try:
            _serve(setup, stop)
        except (JobError, LedgerError, PartyError) as error:
            write_last_words(setup.state, error)
            raise


def _serve(setup: WitnessSetup, stop: threading.Event) -> None:
    state = WitnessState(setup.state / HEADS)
    witness = TlogWitness(
        setup.key, setup.logs, state, authors=setup.authors, keep=partial(keep, setup)
    )
    server = FrontServer(
        witness_app(witness),
        host=setup.config.host,
        port=setup.config.port,
        what="the witness",
        config="witness.toml",
    )
    try:
        server.start()
        while True:
            write_status(setup.state, status(setup, witness))
            if stop.wait(STATUS_S):
                return
    finally:
        server.stop()
        state.close()


def keep(setup: WitnessSetup, proof: ForkProof) -> None:
    """Keep the proof of a fork in the state folder, and say so in the process's log.

    Raises
    ------
    DiskFullError, MachineError
        When it cannot be kept.
    """
    with kept_in(setup.state, "the proof of a fork was not kept", party=setup.config.name):
        path = keep_fork(setup.state, proof)
    _LOG.warning("a log has signed two histories; the proof is kept: %s", path)


def status(setup: WitnessSetup, witness: TlogWitness) -> dict[str, Any]:
    """Return what ``witness status`` shows."""
    seen = witness.state.all()
    return {
        "name": setup.config.name,
        "role": "witness",
        "process": os.getpid(),
        "ready": True,
        "time": utc_now().isoformat(timespec="seconds"),
        "address": setup.config.address,
        "vkey": setup.key.vkey,
        "ledger_size": max((head.size for head in seen.values()), default=0),
        "logs": {
            origin: {
                "size": seen[origin].size,
                "root": seen[origin].root.hex(),
                "cosigned": _time(seen[origin].time_s),
            }
            if origin in seen
            else {}
            for origin in witness.logs
        },
        "held": {
            one.entry.id: {"author": author, "since": _time(one.since_s)}
            for origin in witness.logs
            for author, one in witness.state.held(origin).items()
        },
        "proofs": [str(path) for path in kept(setup.state)],
    }


def remembered(setup: WitnessSetup) -> dict[str, Any]:
    """Return what a witness that need not run has seen, holds and keeps.

    Raises
    ------
    LedgerError
        When its file of heads cannot be used.
    """
    path = setup.state / HEADS
    state = WitnessState(path if path.exists() else MEMORY)
    try:
        said = status(setup, TlogWitness(setup.key, setup.logs, state))
    finally:
        state.close()
    return {name: said[name] for name in ("address", "vkey", "logs", "held", "proofs")}


def _time(time_s: int) -> str:
    return format_time(datetime.fromtimestamp(time_s, UTC))
