"""The other side of the comparison: the same rounds on the same Flower with plain sums.

The same SuperLink program with the same TLS and node authentication, the same front in front of it,
the same node loop in a process for each party, a ServerApp with the same number of questions. No
ledger, no witnesses, no masks, no ciphertexts. For made-up rows: nothing here protects anybody.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from starlette.applications import Starlette
from starlette.routing import Route

from fedcredit.coordinator.app_hash import fab_hash
from fedcredit.coordinator.fleet_proxy import PREFIX, FleetProxy
from fedcredit.coordinator.front_server import FrontServer
from fedcredit.coordinator.superlink import SuperLink
from fedcredit.coordinator.tls import issue_authority, issue_certificate
from fedcredit.machine import free_ports
from fedcredit_parties.scorecard_task import ScorecardTask

HERE = Path(__file__).parent
APP = HERE / "plain_app"
START_S = 60.0
RUN_S = 300.0


class PlainFederation:
    """A SuperLink, a front that passes Fleet calls on, and one process for each party.

    Parameters
    ----------
    folder : Path
        New folder.
    frames : mapping of str to DataFrame
        Each party's rows.
    front : bool
        Whether the parties connect through the front, as daemons do, or straight.
    """

    def __init__(self, folder: Path, frames: Mapping[str, pd.DataFrame], *, front: bool) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self._frames = frames
        self._has_front = front
        self._n_runs = 0
        self._parties: list[subprocess.Popen[bytes]] = []
        ca, cert, key = folder / "ca.crt", folder / "server.crt", folder / "server.key"
        issue_certificate(issue_authority(ca, folder / "ca.key"), cert, key)
        (port,) = free_ports(1)
        self._link = SuperLink(
            folder=folder / "link", port=port, ca_file=ca, cert_file=cert, key_file=key
        )
        self._proxy = FleetProxy(f"https://127.0.0.1:{port}", ca.read_bytes())
        routes = [Route(f"{PREFIX}{{call}}", self._proxy.answer, methods=["POST"])]
        self._front = FrontServer(
            Starlette(routes=routes), host="127.0.0.1", port=0, cert_file=cert, key_file=key
        )
        self._address = f"https://127.0.0.1:{self._front.port if front else port}"
        self.nodes: list[int] = []

    def __enter__(self) -> Self:
        """Start everything; return when every node answers."""
        try:
            self._link.start()
            self._front.start()
            app_hash = fab_hash(APP)
            for name, frame in self._frames.items():
                self._start(name, frame, app_hash)
            self.echo(n_bytes=1000, rounds=2)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End everything."""
        self.close()

    def _start(self, name: str, frame: pd.DataFrame, app_hash: str) -> None:
        home = self.folder / name
        home.mkdir()
        node_key = ec.generate_private_key(ec.SECP384R1())
        pem = node_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (home / "node.key").write_bytes(pem)
        point = node_key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        self.nodes.append(self._link.register(point.hex()))
        frame.to_parquet(home / "table.parquet")
        setup = {
            "address": self._address,
            "app_hash": app_hash,
            "ca": str(self.folder / "ca.crt"),
            "key": str(home / "node.key"),
            "state": str(home / "state"),
            "table": str(home / "table.parquet"),
        }
        (home / "setup.json").write_text(json.dumps(setup), "utf-8")
        with (home / "party.log").open("wb") as log:
            self._parties.append(
                subprocess.Popen(
                    [sys.executable, str(HERE / "plain_party.py"), str(home / "setup.json")],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            )

    def scorecard(self, task: ScorecardTask, split_key: bytes) -> dict[str, Any]:
        """Run one scorecard; return seconds from asking to the result, and the result."""
        return self._run({"task": task.document().decode(), "split_key": split_key.hex()})

    def echo(self, *, n_bytes: int, rounds: int) -> dict[str, Any]:
        """Send bytes to everybody and back; return the moments between the rounds."""
        return self._run({"echo": n_bytes, "rounds": rounds})

    def _run(self, plan: dict[str, Any]) -> dict[str, Any]:
        self._n_runs += 1
        plan_file = self.folder / f"plan-{self._n_runs}.json"
        plan_file.write_text(json.dumps({"nodes": self.nodes, **plan}), "utf-8")
        out = self.folder / f"out-{self._n_runs}.json"
        begun = time.monotonic()
        run, _ = self._link.run(APP, {"plan": str(plan_file), "out": str(out)})
        while not out.exists():
            if time.monotonic() > begun + RUN_S or any(p.poll() is not None for p in self._parties):
                raise SystemExit(f"the plain federation did not answer; read {self.folder}")
            time.sleep(0.005)
        seconds = time.monotonic() - begun
        while self._link.run_status(run) != "finished":  # one run at a time, as the daemons do
            time.sleep(0.05)
        found: dict[str, Any] = json.loads(out.read_text("utf-8"))
        return {"seconds": seconds, "begun": begun, **found}

    @property
    def process_ids(self) -> list[int]:
        """The parties' processes."""
        return [party.pid for party in self._parties]

    def close(self) -> None:
        """End the parties, the front and the SuperLink."""
        for party in self._parties:
            if party.poll() is None:
                os.kill(party.pid, signal.SIGTERM)
        for party in self._parties:
            try:
                party.wait(10.0)
            except subprocess.TimeoutExpired:
                party.kill()
                party.wait()
        self._parties.clear()
        self._front.stop()
        self._link.stop()
