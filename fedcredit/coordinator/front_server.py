"""An ASGI service on a port: uvicorn in a thread of its process, with TLS where there are keys."""

import asyncio
import socket
import ssl
import threading
import time
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from fedcredit.coordinator.connections import (
    MAX_CONNECTIONS,
    MAX_HEAD_BYTES,
    Connection,
    Loop,
    make_room,
)
from fedcredit.coordinator.port import listening
from fedcredit.errors import CertificateError, CoordinatorError

START_S = 10.0

GRACE_S = 2.0
"""How long open calls may go on when the front stops."""

KEEP_ALIVE_S = 75
"""Longer than a client keeps an idle connection, so that it is never closed under a request."""


class FrontServer:
    """Serve an application: the front over TLS 1.3, a witness without where it has no certificate.

    Parameters
    ----------
    app : ASGI application
        See `fedcredit.coordinator.front_service.front_app`.
    host : str
        Address to listen on.
    port : int
        0 for any free one.
    cert_file, key_file : Path, optional
        Server certificate and its key, PEM; without them what is served is neither secret nor
        believed unsigned.
    what, config : str
        Whose port it is, and the file where it is set: for messages.

    Raises
    ------
    PortInUseError
        When something listens there already.
    CoordinatorError
        When the address is not this machine's, or the port may not be used.
    CertificateError
        When the certificate cannot be loaded.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str,
        port: int,
        cert_file: Path | None = None,
        key_file: Path | None = None,
        what: str = "the front",
        config: str = "coordinator.toml",
    ) -> None:
        self._what = what
        settings = uvicorn.Config(
            app,
            ssl_certfile=cert_file and str(cert_file),
            ssl_keyfile=key_file and str(key_file),
            access_log=False,
            date_header=True,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            http=Connection,  # httptools, where it is installed, keeps heads of any size
            limit_concurrency=MAX_CONNECTIONS,
            log_level="error",  # a warning for every malformed request would fill a disk
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=KEEP_ALIVE_S,
            ws="none",
        )
        try:
            settings.load()
        except OSError as error:
            raise CertificateError(
                f"{what}'s certificate cannot be loaded",
                expected=f"{cert_file and cert_file.name} with {key_file and key_file.name}, PEM",
                found=error.strerror or "other bytes",
            ) from None
        if settings.ssl is not None:
            settings.ssl.minimum_version = ssl.TLSVersion.TLSv1_3
        make_room()
        self._socket = listening(host, port, what=what, option="port", config=config)
        self.port = int(self._socket.getsockname()[1])
        self._server = _Server(settings)
        self._thread = threading.Thread(target=self._serve, name="server", daemon=True)

    def start(self) -> None:
        """Start, and return once it answers.

        Raises
        ------
        CoordinatorError
            When it does not within ten seconds.
        """
        self._thread.start()
        deadline = time.monotonic() + START_S
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise CoordinatorError(f"{self._what} did not start", remedy="read its log")
            time.sleep(0.005)

    def _serve(self) -> None:
        # Not uvloop: it waits for ever when it closes under an open TLS connection.
        with asyncio.Runner(loop_factory=Loop) as runner:
            runner.run(self._server.serve(sockets=[self._socket]))

    def stop(self) -> None:
        """End open calls within two seconds, close the port, end the thread."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()


class _Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let open calls end, then cut the connections: idle clients answer no TLS farewell."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        deadline = time.monotonic() + GRACE_S
        while self.server_state.tasks and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        await super().shutdown(sockets)
