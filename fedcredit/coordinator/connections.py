"""Connections at the front's port: how long and how many a stranger may hold.

Every member and every stranger comes through one port. A member's connection is one over which the
gate, or Flower's node authentication, has admitted a request. What has not come that far is a
stranger's: it is cut after some seconds without a request, and one address holds only so many of
them: the oldest makes room for the newest, so that a member behind a busy address gets in. Requests
are read by h11, which bounds what it keeps of one that is not complete.
"""

import asyncio
import resource
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 1024

MAX_STRANGE = 768
"""Connections of strangers, together: the rest is kept free for members."""

MAX_STRANGE_AN_ADDRESS = 128
"""Connections of strangers from one address; fifteen daemons behind one need a fraction."""

STRANGE_S = 15.0
"""How long a stranger's connection may be idle, or send the head of a request."""

HANDSHAKE_S = 10.0
"""How long a TLS handshake may take."""

MAX_HEAD_BYTES = 16 * 2**10
"""Request line and headers."""

_ADMITTED = "fedcredit.admitted"
_SPARE_FILES = 512


def admit(scope: Scope) -> None:
    """Note that the connection of this request is a member's."""
    scope[_ADMITTED] = True


class Connection(H11Protocol):
    """One connection, a stranger's until something sent over it was admitted."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._admitted = False
        self._since = self.loop.time()
        self._until: asyncio.TimerHandle | None = None

    @property
    def address(self) -> str:
        """Where it comes from."""
        return self.client[0] if self.client else ""

    @property
    def is_strange(self) -> bool:
        """Whether nothing sent over it has been admitted."""
        return not (self._admitted or (self.scope is not None and _ADMITTED in self.scope))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection; cut the oldest stranger's when there are too many."""
        assert isinstance(transport, asyncio.Transport)
        super().connection_made(transport)
        strange = [c for c in self.connections if isinstance(c, Connection) and c.is_strange]
        here = [c for c in strange if c.address == self.address]
        if len(here) > MAX_STRANGE_AN_ADDRESS:
            min(here, key=Connection.worth).cut()
        elif len(strange) > MAX_STRANGE:
            min(strange, key=Connection.worth).cut()
        self._watch()

    def worth(self) -> tuple[bool, float]:
        """Return what is kept longest: one with a request under way, then the newer one."""
        return (self.is_busy, self._since)

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def cut(self) -> None:
        """End it at once."""
        self.connections.discard(self)
        self.transport.abort()

    def _watch(self) -> None:
        self._until = self.loop.call_later(STRANGE_S, self._look)

    def _look(self) -> None:
        """Cut a stranger that has sent no whole request, unless one is being answered."""
        if not self.is_strange:
            return
        if self.is_busy:
            self._watch()
        else:
            self.cut()

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are no HTTP; behind a request under way there is nothing to say.

        uvicorn would answer twice then, and write a trace into the log for it.
        """
        if self.is_busy:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self.transport.close()
        else:
            super().send_400_response(msg)

    def on_response_complete(self) -> None:
        """Remember whose connection it is before the next request comes."""
        self._admitted = not self.is_strange
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the watch."""
        if self._until is not None:
            self._until.cancel()
        super().connection_lost(exc)


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose TLS servers do not wait a minute for a handshake."""

    async def create_server(
        self, protocol_factory: Callable[[], Any], *arguments: Any, **settings: Any
    ) -> asyncio.Server:
        """Make a server."""
        if settings.get("ssl") is not None:
            settings.setdefault("ssl_handshake_timeout", HANDSHAKE_S)
        return await super().create_server(protocol_factory, *arguments, **settings)


def make_room() -> None:
    """Raise the process's limit of open files, where it is allowed to, to what the front needs."""
    needed = 2 * MAX_CONNECTIONS + _SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with suppress(ValueError, OSError):  # what is there must do
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))
