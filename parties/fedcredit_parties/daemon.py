"""The party's process: keys, data, ledger copy, witness and Flower client in one, outbound only.

It starts from ``party.toml``, answers until SIGTERM, and may be killed at any moment: what must
survive is in its vault, everything else it finds again in the ledger and in its inbox.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fedcredit_ledger.errors import LedgerError
from fedcredit_parties.config import DataConfig, PartyConfig, resolve
from fedcredit_parties.data import Table
from fedcredit_parties.data_holder import DataHolder
from fedcredit_parties.disk import kept_in, refused
from fedcredit_parties.errors import ConfigError, FrontUnreachableError, PartyError
from fedcredit_parties.file_lock import holder_of, only_one
from fedcredit_parties.finding import Named
from fedcredit_parties.flower_node import FlowerNode, table
from fedcredit_parties.front_client import PATIENCE_S, FrontClient
from fedcredit_parties.handlers import handlers_of
from fedcredit_parties.identity import Identity
from fedcredit_parties.identity_files import load_identity, vault_key
from fedcredit_parties.kept_openings import KeptOpenings
from fedcredit_parties.key_holder import KeyHolder
from fedcredit_parties.member import BACK, Member, utc_now
from fedcredit_parties.mirror import Mirror
from fedcredit_parties.own_place import check_place
from fedcredit_parties.session import Session
from fedcredit_parties.table_file import TableFile
from fedcredit_parties.vault import Vault

STATUS_S = 2.0
"""How often the status file is written."""

FIRST_S = 0.1
"""The same while the daemon is not ready yet."""

START_S = 3600.0
"""How long a starting daemon waits for the coordinator."""

DAEMON_PATIENCE_S = 300.0
"""A daemon outlives its coordinator: one call is repeated for so long before it is given up."""

_LOG = logging.getLogger(__name__)


def read_table(party: str, data: DataConfig, folder: Path) -> Table:
    """Read one local table from CSV or Parquet.

    Raises
    ------
    DataError
        When the file is absent, unreadable, or of another kind.
    """
    file, frame = TableFile.read(resolve(folder, data.path), name=data.name, party=party)
    return Table(
        asset=f"{party}/{data.name}",
        frame=frame,
        bad_definition=data.bad_definition,
        period=(data.period_from.isoformat(), data.period_to.isoformat()),
        file=file,
        category=data.category,
        time_column=data.time_column,
        subject_column=data.subject_column,
    )


class PartySetup:
    """What ``party.toml`` leads to: identity, front, tables, state folder.

    Parameters
    ----------
    path : Path
        The configuration file.

    Raises
    ------
    ConfigError
        When the file, the identity or the authority is not usable.
    """

    def __init__(self, path: Path) -> None:
        self.config = PartyConfig.read(path)
        self.folder = path.resolve().parent
        self.state = resolve(self.folder, self.config.state)
        with kept_in(self.state, "the state folder was not made", party=self.config.name):
            self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.identity: Identity = load_identity(resolve(self.folder, self.config.identity))
        if self.identity.name != self.config.name:
            raise ConfigError(
                "party.toml and the identity name different parties",
                expected=self.config.name,
                found=self.identity.name,
                remedy="correct name or identity in party.toml",
            )
        authority = resolve(self.folder, self.config.ca_file)
        try:
            self.root_certificates = authority.read_bytes()
        except OSError:
            raise ConfigError(
                "the pinned authority cannot be read",
                expected="a PEM certificate",
                found=f"nothing at {authority.name}",
                remedy="correct ca_file in party.toml",
            ) from None

    def front(self, *, patience_s: float = PATIENCE_S) -> FrontClient:
        """Return signed calls to the coordinator's front."""
        return FrontClient(
            name=self.config.name,
            address=self.config.coordinator,
            root_certificates=self.root_certificates,
            signing=self.identity.signing,
            origin=self.config.origin,
            patience_s=patience_s,
        )

    def member(self, *, patience_s: float = PATIENCE_S) -> Member:
        """Return this member, its ledger copy verified and its pins checked.

        Parameters
        ----------
        patience_s : float
            How long a call is repeated while the coordinator does not answer.
        """
        front = self.front(patience_s=patience_s)
        try:
            return Member(
                identity=self.identity,
                origin=self.config.origin,
                trust=self.config.trust.trust,
                front=front,
                state=self.state,
            )
        except BaseException:
            front.close()
            raise

    def vault(self) -> Vault:
        """Return what is kept across a crash."""
        return Vault(self.state / "vault", key=vault_key(self.identity))

    def openings(self) -> KeptOpenings:
        """Return what this member can disclose of what it has committed to."""
        return KeptOpenings(self.state / "openings.db", key=vault_key(self.identity))

    def tables(self) -> tuple[Table, ...]:
        """Read the local tables."""
        return tuple(read_table(self.config.name, data, self.folder) for data in self.config.data)


def run(path: Path, stop: threading.Event) -> None:
    """Run the daemon of ``party.toml`` until `stop` is set.

    Raises
    ------
    DuplicateIdentityError
        When it runs already, here or elsewhere.
    ConfigError, UntrustedFederationError, MachineError
        When the configuration, a key, a certificate, the clock or the disk is not usable.
    PartyError, LedgerError
        When the federation is not the pinned one, or a table cannot be read.
    """
    setup = PartySetup(path)
    if setup.config.role == "requester":
        raise ConfigError(
            "a requester has no daemon",
            expected="any other role",
            found=setup.config.role,
            remedy="use the federation from a notebook: Federation.load(...)",
        )
    with only_one(setup.state / "daemon.lock", f"the daemon of {setup.config.name}"):
        try:
            _serve(setup, stop)
        except (PartyError, LedgerError) as error:
            write_last_words(setup.state, error)
            raise


def _serve(setup: PartySetup, stop: threading.Event) -> None:
    member = _when_reachable(setup, stop)
    if member is None:
        return
    pulse = setup.front(patience_s=0.0)
    try:
        check_place(setup.config, setup.identity, member.ledger.state)
        kept = member.ledger.kept
        session = Session(setup.config.name, pulse, setup.state, head=lambda: kept.newest)
        session.begin(stop)
        if setup.config.role == "key-holder":
            _serve_key_holder(setup, member, session, stop)
        elif setup.config.role in _WATCHERS:
            member.start(member.follow, _mirror(setup, member), session.serve)
            _until_stopped(setup, member, stop)
        else:
            _serve_data_holder(setup, member, session, stop)
    finally:
        member.stop()
        pulse.close()


def _mirror(setup: PartySetup, member: Member) -> Callable[[threading.Event], None]:
    """Return the loop that keeps a copy of the ledger on this member's disk."""
    return Mirror(member.ledger, setup.state).serve


_WATCHERS = ("witness", "regulator", "auditor")
"""Roles without rows and without a key of runs: they keep a copy, and co-sign what extends it."""


def _when_reachable(setup: PartySetup, stop: threading.Event) -> Member | None:
    """Return the member once the coordinator answers; None when stopped before that.

    Only silence is waited out. A clock that is off, a foreign certificate or a key that the ledger
    does not hold will not mend by waiting: these end the daemon at once, with their error.
    """
    deadline = time.monotonic() + START_S
    probe = setup.front(patience_s=0.0)
    told = ""
    try:
        while not stop.is_set():
            try:
                probe.status()
                return setup.member(patience_s=DAEMON_PATIENCE_S)
            except FrontUnreachableError as error:
                if time.monotonic() > deadline:
                    raise
                if str(error) != told:
                    _LOG.warning("%s; asking again for an hour", error)
                    told = str(error)
                stop.wait(0.2)
        return None
    finally:
        probe.close()


def _serve_data_holder(
    setup: PartySetup, member: Member, session: Session, stop: threading.Event
) -> None:
    config = setup.config
    if config.app_hash is None:
        raise ConfigError(
            "party.toml pins no app",
            expected="app_hash = the SHA-256 of the coordinator's Flower app",
            found="none",
            remedy="fedcredit party trust pins it",
        )
    holder = DataHolder(
        member=member,
        tables=setup.tables(),
        policy=config.disclosure,
        vault=setup.vault(),
        openings=setup.openings(),
        tell_gain=config.tell.gain,
    )
    node = FlowerNode(
        address=config.coordinator,
        root_certificates=setup.root_certificates,
        node_key=setup.identity.node,
        app_hash=config.app_hash,
        answer=table(handlers_of(holder)),
        state=setup.state / "node",
    )
    holder.on_attempt, holder.ahead = node.hurry, True
    holder.engine.start()
    try:
        holder.register()
        member.start(holder.serve, node.serve, _mirror(setup, member), session.serve)
        if any(run.status == "started" for run in member.ledger.state.runs.values()):
            member.mailbox.send(member.role("coordinator"), BACK, {})
        _until_stopped(setup, member, stop, node)
    finally:
        member.stop()
        holder.close()


def _serve_key_holder(
    setup: PartySetup, member: Member, session: Session, stop: threading.Event
) -> None:
    vault = setup.vault()
    split_key = vault.get("split-key")
    if split_key is None:
        split_key = os.urandom(32)
        vault.put("split-key", split_key)
    holder = KeyHolder(
        member=member, policy=setup.config.disclosure, split_key=split_key, vault=vault
    )
    try:
        holder.hand_out_split_key()
        member.start(holder.serve, holder.clear_up, _mirror(setup, member), session.serve)
        _until_stopped(setup, member, stop)
    finally:
        member.stop()
        holder.close()


def _until_stopped(
    setup: PartySetup, member: Member, stop: threading.Event, node: FlowerNode | None = None
) -> None:
    """Write the status file until told to stop; end with what ended a thread."""
    was_ready = False
    while not stop.wait(STATUS_S if was_ready else FIRST_S):
        was_ready = node is None or node.online
        write_status(setup.state, status(setup, member, ready=was_ready, node=node))
        if member.crash is not None:
            raise member.crash
        if member.failures:
            raise member.failures[0]


def status(
    setup: PartySetup, member: Member, *, ready: bool, node: FlowerNode | None = None
) -> dict[str, Any]:
    """Return what ``party status`` shows: no row counts, no keys."""
    state = member.ledger.state
    return {
        "name": setup.config.name,
        "role": setup.config.role,
        "process": os.getpid(),
        "ready": ready,
        "time": utc_now().isoformat(timespec="seconds"),
        "ledger_size": member.ledger.replica.size,
        "ledger_root": member.ledger.replica.root.hex(),
        "quorum_size": member.ledger.replica.quorum_size,
        "problem": "" if node is None or node.problem is None else str(node.problem),
        "refused": {} if node is None else dict(node.refused),
        "rejected": [str(error)[:200] for error in member.rejected[-5:]],
        "runs": {run.run_id: run.status for run in state.runs.values()},
    }


def write_status(folder: Path, value: dict[str, Any]) -> None:
    """Write ``status.json``, whole or not at all; a full disk is logged and costs nothing else."""
    part = folder / "part-status.json"
    try:
        part.write_text(json.dumps(value, indent=1), "utf-8")
        part.replace(folder / "status.json")
    except OSError as error:
        part.unlink(missing_ok=True)
        _LOG.warning("%s", refused(error, folder, "status.json is not written"))


def write_last_words(folder: Path, error: Named) -> None:
    """Leave in ``status.json`` why a daemon has ended."""
    write_status(
        folder,
        {
            "process": None,
            "ready": False,
            "time": utc_now().isoformat(timespec="seconds"),
            "ended_with": f"{type(error).__name__}: {error}",
            "exit_code": error.exit_code,
        },
    )


def read_status(folder: Path) -> dict[str, Any]:
    """Return the daemon's last words about itself, and whether it still runs."""
    process = holder_of(folder / "daemon.lock")
    path = folder / "status.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if process is None:
        kept = ("time", "ended_with", "exit_code") if "ended_with" in found else ()
        return {"process": None, "ready": False} | {name: found[name] for name in kept}
    return found or {"process": process, "ready": False}
