"""Flower's SuperLink under supervision: start, register, run, stop, and leave nothing behind.

The SuperLink is a disposable message bus. It keeps its state in memory, so no ciphertext ever lies
on its disk and a restart forgets nodes and runs; the ledger is what lasts. It listens on loopback
with TLS and node authentication. Next to it runs ``flower-superexec``, which starts one
``flwr-serverapp`` process for each run and proves itself by a secret file.

Of the three APIs behind the one port, parties reach ``/v1/fleet/*`` only, through the front. The
Control API knows no callers: whoever reaches the port and trusts the certificate commands it. This
file calls it in this process, where Flower's command line needs 1.5 s of processor for each call.

References
----------
Flower 1.41.0, ``flwr.supercore.control`` and ``flwr.cli.run``; private to Flower, hence only here.
"""

import hashlib
import http.client
import os
import secrets
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.common.serde import fab_to_proto, user_config_to_proto
from flwr.proto.control_pb2 import (
    ListNodesRequest,
    ListRunsRequest,
    RegisterNodeRequest,
    StartRunRequest,
    StopRunRequest,
)
from flwr.supercore.control import ControlHttpClient
from flwr.supercore.error import ApiErrorCode, FlowerError
from flwr.supercore.fab import Fab
from flwr.supercore.primitives.asymmetric import public_key_to_bytes

from fedcredit.coordinator.app_hash import bundle
from fedcredit.coordinator.certificates import check_certificate
from fedcredit.coordinator.port import listening
from fedcredit.errors import SuperLinkError
from fedcredit_parties.flower_node import VersionHeaders

HOST = "127.0.0.1"

START_S = 30.0
"""Longest wait for the SuperLink to answer."""

STOP_S = 1.0
"""How long a program may take to end when asked to; then it is killed."""

Req = TypeVar("Req")
Res = TypeVar("Res")


class SuperLink:
    """One SuperLink with its SuperExec.

    Parameters
    ----------
    folder : Path
        Home of Flower's files, logs and the secret.
    port : int
        Port on loopback.
    ca_file, cert_file, key_file : Path
        Authority, certificate that names 127.0.0.1, and its key, PEM.
    env : mapping, optional
        More environment for Flower's programs and the run's ServerApp.

    Disclosure
    ----------
    The SuperLink sees who is on line, when, and every message: headers and ciphertexts.
    """

    def __init__(
        self,
        *,
        folder: Path,
        port: int,
        ca_file: Path,
        cert_file: Path,
        key_file: Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder.resolve()
        self.port = port
        self._ca, self._cert, self._key = (p.resolve() for p in (ca_file, cert_file, key_file))
        self._env = dict(env or {})
        self._processes: list[subprocess.Popen[bytes]] = []
        self._control: ControlHttpClient | None = None

    def start(self) -> None:
        """Start both programs and return when the SuperLink answers.

        Raises
        ------
        CertificateError
            When the certificate would be refused.
        PortInUseError
            When another program listens on the port.
        SuperLinkError
            When a program is missing or ends, or nothing answers in time.
        """
        check_certificate(self._cert, self._key, self._ca, host=HOST)
        self._check_port()
        superexec = Path(sys.executable).parent / "flower-superexec"
        if not superexec.exists():
            raise SuperLinkError(
                "Flower's programs are not installed next to this Python",
                expected="flower-superexec",
                found=f"none in {superexec.parent}",
                remedy="pip install flwr==1.41.0 into this environment",
            )
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        secret = self.folder / "superexec.secret"
        secret.unlink(missing_ok=True)
        with open(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
        program = Path(__file__).with_name("superlink_process.py")
        # fmt: off
        try:
            self._launch("superlink", [
                sys.executable, str(program), str(os.getpid()),
                "--host", HOST, "--port", str(self.port),
                "--ssl-ca-certfile", str(self._ca),
                "--ssl-certfile", str(self._cert), "--ssl-keyfile", str(self._key),
                "--enable-supernode-auth", "--isolation", "process",
                "--superexec-auth-secret-file", str(secret),
            ])
            self._wait_for_health()
            self._launch("superexec", [
                str(superexec), "--parent-pid", str(os.getpid()),
                "--root-certificates", str(self._ca),
                "--runtime-api-address", f"{HOST}:{self.port}",
                "--superexec-auth-secret-file", str(secret),
            ])
        except BaseException:
            self.stop()
            raise
        # fmt: on
        self._control = ControlHttpClient.from_server_address(
            f"{HOST}:{self.port}",
            False,
            self._ca.read_bytes(),
            interceptors=[VersionHeaders("flwr CLI")],
        )

    @property
    def alive(self) -> bool:
        """Whether both programs run."""
        return len(self._processes) == 2 and not any(map(_has_ended, self._processes))

    def stop(self) -> None:
        """End both programs and everything they started; nothing happens when none runs."""
        if self._control is not None:
            self._control.close()
            self._control = None
        for process in reversed(self._processes):
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_S
        for process in reversed(self._processes):
            while not _has_ended(process) and time.monotonic() < deadline:
                time.sleep(0.05)
            # What is left of the group: the leader, or a ServerApp that outlived it. The leader is
            # not reaped yet, so its id cannot have become another's.
            _signal_group(process, signal.SIGKILL)
            process.wait()
        self._processes.clear()

    def register(self, node_key: str) -> int:
        """Let a node in; return its Flower number.

        Parameters
        ----------
        node_key : str
            Public P-384 key as in the ledger's founding entry: compressed point, hex. A key that
            is registered already keeps its number.

        Raises
        ------
        SuperLinkError
            When it is no such key or the SuperLink does not take it.
        """
        try:
            point = bytes.fromhex(node_key)
            key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point)
        except ValueError as error:
            raise SuperLinkError(
                "a party's node key is not usable", expected="a P-384 point in hex", found="other"
            ) from error
        pem = public_key_to_bytes(key)
        control = self._running()
        try:
            return int(control.RegisterNode(RegisterNodeRequest(public_key=pem)).node_id)
        except httpx.HTTPError as error:
            if _code(error) != ApiErrorCode.PUBLIC_KEY_ALREADY_IN_USE:
                raise _refused(error) from error
        for node in _call(control.ListNodes, ListNodesRequest()).nodes_info:
            if node.public_key == pem:
                return int(node.node_id)
        raise SuperLinkError("the SuperLink knows a node key but not its node")

    def run(
        self, app_folder: Path, config: Mapping[str, str | int | float | bool]
    ) -> tuple[int, str]:
        """Start a run of an app; return Flower's number of the run and the app's hash.

        Parameters
        ----------
        app_folder : Path
            A Flower app.
        config : mapping
            Values for keys that the app's ``[tool.flwr.app.config]`` declares.

        Raises
        ------
        SuperLinkError
            When the run is refused.
        """
        content = bundle(app_folder)
        app_hash = hashlib.sha256(content).hexdigest()
        request = StartRunRequest(
            fab=fab_to_proto(Fab(app_hash, content, {})),
            override_config=user_config_to_proto(dict(config)),
        )
        started = _call(self._running().StartRun, request)
        if not started.HasField("run_id"):
            raise SuperLinkError(
                "the SuperLink did not start the run",
                expected="values for keys that the app declares",
                found=", ".join(sorted(config)) or "none",
                remedy=f"read {self.folder / 'superlink.log'}",
            )
        return int(started.run_id), app_hash

    def run_status(self, flower_run: int) -> str:
        """Return ``pending``, ``starting``, ``running`` or ``finished``.

        Raises
        ------
        SuperLinkError
            When there is no such run.
        """
        return self._status(flower_run)[0]

    def run_outcome(self, flower_run: int) -> str:
        """Return how a finished run ended: ``completed``, ``failed`` or ``stopped``; else ``""``.

        Raises
        ------
        SuperLinkError
            When there is no such run.
        """
        return self._status(flower_run)[1]

    def stop_run(self, flower_run: int) -> None:
        """End a run and its process; nothing happens when it is over.

        Raises
        ------
        SuperLinkError
            When there is no such run.
        """
        try:
            self._running().StopRun(StopRunRequest(run_id=flower_run))
        except httpx.HTTPError as error:
            if _code(error) != ApiErrorCode.RUN_ALREADY_FINISHED:
                raise _refused(error) from error

    def _status(self, flower_run: int) -> tuple[str, str]:
        runs = _call(self._running().ListRuns, ListRunsRequest(run_id=flower_run)).run_dict
        status = runs[flower_run].status
        return status.status, status.sub_status

    def _running(self) -> ControlHttpClient:
        if self._control is None:
            raise SuperLinkError("the SuperLink was not started")
        return self._control

    def _check_port(self) -> None:
        listening(HOST, self.port, what="the SuperLink", option="superlink_port").close()

    def _launch(self, name: str, command: list[str]) -> None:
        log = self.folder / f"{name}.log"
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        programs = str(Path(sys.executable).parent)
        env = {
            **os.environ,
            # ServerApps are started by their name.
            "PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)]),
            "FLWR_HOME": str(self.folder / "flower"),
            "FLWR_TELEMETRY_ENABLED": "0",
            "FLWR_DISABLE_UPDATE_CHECK": "1",
            "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
            "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.25",
            "FLWR_LOG_LEVEL": "WARNING",
            **self._env,
        }
        with log.open("wb") as file:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=env,
                # A group of its own: Ctrl-C at our terminal reaches us, and we stop it in order.
                start_new_session=True,
            )
        self._processes.append(process)

    def _wait_for_health(self) -> None:
        context = ssl.create_default_context(cafile=str(self._ca))
        deadline = time.monotonic() + START_S
        while True:
            if _has_ended(self._processes[-1]):
                raise SuperLinkError(
                    "the SuperLink ended while it started",
                    found=self._last_line("superlink"),
                    remedy=f"read {self.folder / 'superlink.log'}",
                )
            if _answers(self.port, context):
                return
            if time.monotonic() > deadline:
                raise SuperLinkError(
                    "the SuperLink does not answer",
                    expected=f"an answer within {START_S:.0f} s",
                    found=self._last_line("superlink"),
                    remedy=f"read {self.folder / 'superlink.log'}",
                )
            time.sleep(0.1)

    def _last_line(self, name: str) -> str:
        text = (self.folder / f"{name}.log").read_text("utf-8", "replace").strip()
        return text.rpartition("\n")[2][:200] or "an empty log"


def _answers(port: int, context: ssl.SSLContext) -> bool:
    connection = http.client.HTTPSConnection(HOST, port, timeout=2.0, context=context)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether a child has ended, without reaping it."""
    if process.returncode is not None:
        return True
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, options) is not None


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal a child and what it started: the process group that it leads."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _call(call: Callable[[Req], Res], request: Req) -> Res:
    try:
        return call(request)
    except httpx.HTTPError as error:
        raise _refused(error) from error


def _code(error: httpx.HTTPError) -> int | None:
    if not isinstance(error, httpx.HTTPStatusError):
        return None
    told = FlowerError.from_json(error.response.text)
    return told.code if told is not None else None


def _refused(error: httpx.HTTPError) -> SuperLinkError:
    if not isinstance(error, httpx.HTTPStatusError):
        return SuperLinkError(
            "the SuperLink does not answer", found=type(error).__name__, remedy="start it again"
        )
    told = FlowerError.from_json(error.response.text)
    found = f"HTTP {error.response.status_code}"
    return SuperLinkError(
        "the SuperLink refused a call", found=f"{found}: {told.message}" if told else found
    )
