"""The coordinator's process: ledger, front and Flower's SuperLink under one roof.

It holds the log, serves the front over TLS, keeps a SuperLink alive on loopback, registers the
parties' node keys with it, and starts one Flower run for every run of the ledger that is not over.
The SuperLink is disposable: its state is in memory, and what is lost with it is done again.
"""

import json
import logging
import os
import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

from fedcredit.coordinator.admissions import Admissions
from fedcredit.coordinator.app_hash import APP
from fedcredit.coordinator.deployment import NODES, CoordinatorSetup, lock_of
from fedcredit.coordinator.desk_store import DeskStore
from fedcredit.coordinator.front import Desk
from fedcredit.coordinator.front_server import FrontServer
from fedcredit.coordinator.front_service import front_app
from fedcredit.coordinator.ground import check_certificates, ledger_full, open_log
from fedcredit.coordinator.outside_witnesses import OutsideWitnesses
from fedcredit.coordinator.refusals import Refusals
from fedcredit.coordinator.superlink import SuperLink
from fedcredit.coordinator.suspension import Resumption, suspend
from fedcredit.errors import JobError, SuperLinkError
from fedcredit_ledger.entry import parse_time
from fedcredit_ledger.errors import LedgerError, SyncError
from fedcredit_ledger.log import Log
from fedcredit_parties.daemon import STATUS_S, write_last_words, write_status
from fedcredit_parties.disk import is_full, kept_in
from fedcredit_parties.errors import PartyError
from fedcredit_parties.file_lock import holder_of, only_one
from fedcredit_parties.member import utc_now

LOOK_S = 0.05
"""How often the ledger is looked at for runs that are not over."""

ALIVE_S = 1.0
"""How often SuperLink and Flower run are looked at."""

MANY = 5
"""A run that was begun so often lets the others go first."""

LATE_S = 15.0
"""How long after its deadline a run may take to fail by itself."""

_LOG = logging.getLogger(__name__)


def run(path: Path, stop: threading.Event) -> None:
    """Run the coordinator of ``coordinator.toml`` until `stop` is set.

    Raises
    ------
    DuplicateIdentityError
        When it runs already.
    ConfigError, CertificateError
        When configuration, keys, founding entry or certificate are not usable.
    CoordinatorError
        When a port is taken or the SuperLink does not start.
    DiskFullError
        When the ledger cannot be written; nothing was confirmed that it does not hold.
    LedgerError
        When the stored ledger does not verify.
    """
    setup = CoordinatorSetup(path)
    with only_one(setup.state / "daemon.lock", "the coordinator"):
        try:
            _serve(setup, stop)
        except (JobError, LedgerError, PartyError) as error:
            write_last_words(setup.state, error)
            raise


def _serve(setup: CoordinatorSetup, stop: threading.Event) -> None:
    check_certificates(setup)
    log = open_log(setup)
    # Once witnesses have co-signed, one of them is heard before the first entry: what is stored may
    # be an old copy together with its head file.
    compare_first = log.quorum_size > 0 and len(log.state.with_role("witness")) > 0
    desk = Desk(log, store=DeskStore(setup.state / "desk"), compare_first=compare_first)
    try:
        _serve_desk(setup, log, desk, stop)
    finally:
        desk.close()
        if isinstance(log.failure, SyncError):
            end_at_once(setup.state, log.failure)
        log.close()
        if log.failure is not None and is_full(log.failure):
            suspend(setup)


def end_at_once(state: Path, failure: SyncError) -> NoReturn:
    """End the process without closing its store: closing would sync again, and that may lie."""
    _LOG.critical("%s", failure.diagnostics())
    write_last_words(state, failure)
    os._exit(failure.exit_code)


def _serve_desk(setup: CoordinatorSetup, log: Log, desk: Desk, stop: threading.Event) -> None:
    link = SuperLink(
        folder=setup.state / "superlink",
        port=setup.config.superlink_port,
        ca_file=setup.file(setup.config.ca_file),
        cert_file=setup.file(setup.config.cert_file),
        key_file=setup.file(setup.config.key_file),
    )
    clerk = setup.clerk(desk)
    front = FrontServer(
        front_app(
            desk,
            superlink=f"https://127.0.0.1:{setup.config.superlink_port}",
            superlink_ca=setup.file(setup.config.ca_file).read_bytes(),
            memory=setup.state / "newest-requests.json",
            admissions=Admissions(setup.state, clerk.ledger),
        ),
        host=setup.config.host,
        port=setup.config.port,
        cert_file=setup.file(setup.config.cert_file),
        key_file=setup.file(setup.config.key_file),
    )
    outside = OutsideWitnesses(desk)
    outside.compare()
    try:
        front.start()
        outside.start()
        refusals = Refusals(desk, clerk, folder=setup.state / "refused")
        clerk.start(refusals.serve, Resumption(log, clerk).serve)
        link.start()
        Supervisor(setup, log, link, outside).serve(stop)
    finally:
        link.stop()
        clerk.ask_to_stop()
        outside.ask_to_stop()
        desk.close()
        clerk.stop()
        outside.stop()
        front.stop()


class Supervisor:
    """Keep the SuperLink alive, and one Flower run for the ledger's run that is not over.

    Parameters
    ----------
    setup : CoordinatorSetup
        Configuration.
    log : Log
        The sequencer.
    link : SuperLink
        Flower's server.
    outside : OutsideWitnesses
        Witnesses that are no members.
    """

    def __init__(
        self, setup: CoordinatorSetup, log: Log, link: SuperLink, outside: OutsideWitnesses
    ) -> None:
        self._outside = outside
        self._setup = setup
        self._log = log
        self._link = link
        self._flower: tuple[str, int] | None = None
        self._app: int | None = None
        self._began = 0.0
        self._n_started: Counter[str] = Counter()
        self._looked = 0.0
        self._registered: dict[str, str] = {}

    def serve(self, stop: threading.Event) -> None:
        """Look after everything until `stop` is set."""
        self._register()
        written = 0.0
        while not stop.is_set():
            try:
                if time.monotonic() - self._looked > ALIVE_S:
                    self._look_after()
                if self._node_keys() != self._registered:
                    self._register()  # one has joined, left, or is back with new keys
                self._start_run()
            except SuperLinkError as error:
                # It died between the look and the call: the next look starts it again.
                _LOG.warning("%s", error)
                self._flower = None
            if (failure := self._log.failure) is not None:
                raise ledger_full(self._setup) if is_full(failure) else failure
            if time.monotonic() - written > STATUS_S:
                write_status(self._setup.state, self._status())
                written = time.monotonic()
            stop.wait(LOOK_S)

    def _node_keys(self) -> dict[str, str]:
        parties = self._log.state.parties
        return {name: p.node_key for name, p in parties.items() if "data-holder" in p.roles}

    def _register(self) -> None:
        """Register every data holder's node key; their nodes may then connect."""
        self._registered = self._node_keys()
        nodes = {name: str(self._link.register(key)) for name, key in self._registered.items()}
        part = self._setup.state / f"part-{NODES}"
        with kept_in(self._setup.state, "the parties' nodes were not noted"):
            part.write_text(json.dumps(nodes), "utf-8")
            part.replace(self._setup.state / NODES)

    def _look_after(self) -> None:
        """Restart what has died."""
        self._looked = time.monotonic()
        if not self._link.alive:
            _LOG.warning("the SuperLink has ended: starting it again")
            self._link.stop()
            self._link.start()
            self._register()
            self._flower = self._app = None
            return
        if self._flower is None:
            return
        before, self._app = self._app, holder_of(lock_of(self._setup.state, self._flower[0]))
        if self._link.run_status(self._flower[1]) == "finished":
            self._flower = None
        elif before is not None and self._app is None:
            # Flower would believe in it until its heartbeats are a minute old.
            self._begin_again("the process of run %s has ended: starting it again")
        elif self._is_overdue(self._flower[0]):
            # Whatever it waits for: its successor sees the deadline first, and fails the run.
            self._begin_again("run %s goes on after its deadline: starting it again")

    def _begin_again(self, why: str) -> None:
        assert self._flower is not None
        run_id, flower_id = self._flower
        _LOG.warning(why, run_id)
        self._link.stop_run(flower_id)
        self._flower = None

    def _is_overdue(self, run_id: str) -> bool:
        """Whether a process holds on to a run whose deadline has passed."""
        until = parse_time(self._log.state.runs[run_id].proposal["valid_until"])
        late = timedelta(seconds=LATE_S)
        return utc_now() > until + late and time.monotonic() > self._began + LATE_S

    def _start_run(self) -> None:
        """Start a Flower run for the oldest run of the ledger that is not over."""
        open_runs = [
            run.run_id
            for run in list(self._log.state.runs.values())
            if run.status in ("proposed", "started")
        ]
        if self._flower is not None:
            if self._flower[0] in open_runs:
                return
            lock_of(self._setup.state, self._flower[0]).unlink(missing_ok=True)
            self._flower = None
        if open_runs:
            # One whose process ends again and again does not keep the others waiting.
            run_id = min(open_runs, key=lambda one: self._n_started[one] // MANY)
            self._n_started[run_id] += 1
            self._app, self._began = None, time.monotonic()
            if self._n_started[run_id] % MANY == 0:
                _LOG.warning("run %s was begun %d times", run_id, self._n_started[run_id])
            flower_id, _ = self._link.run(
                APP, {"run-id": run_id, "config-file": str(self._setup.path)}
            )
            self._flower = (run_id, flower_id)

    def _status(self) -> dict[str, Any]:
        state = self._log.state
        return {
            "name": self._setup.config.name,
            "role": "coordinator",
            "process": os.getpid(),
            "ready": True,
            "time": utc_now().isoformat(timespec="seconds"),
            "address": self._setup.address,
            "ledger_size": self._log.size,
            "ledger_root": self._log.root.hex(),
            "quorum_size": self._log.quorum_size,
            "outside_witnesses": self._outside.status(),
            "problem": self._outside.problem,
            "runs": {run.run_id: run.status for run in list(state.runs.values())},
        }
