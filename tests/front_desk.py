"""A front on loopback for the tests: a small federation's desk behind real TLS and real uvicorn.

Three banks that witness, a key holder and an analyst; every key is real. `Counter` is the server
side, `client` gives a member's calls, and `raw` sends bytes that no client of ours would send.
"""

import socket
import ssl
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from fedcredit import founding
from fedcredit.coordinator.desk_store import Shelf
from fedcredit.coordinator.front import Desk
from fedcredit.coordinator.front_server import FrontServer
from fedcredit.coordinator.front_service import front_app
from fedcredit.coordinator.tls import Authority, issue_authority, issue_certificate
from fedcredit_ledger.log import Log
from fedcredit_ledger.note import SigningKey
from fedcredit_ledger.store import Store
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.front_client import FrontClient
from fedcredit_parties.front_request import SignedRequest
from fedcredit_parties.identity import Identity
from fedcredit_parties.member import Member, utc_now

ORIGIN = "ledger.example/front"
ROLES = {
    "bank-a": ("data-holder", "witness"),
    "bank-b": ("data-holder", "witness"),
    "bank-c": ("data-holder", "witness"),
    "coordinator": ("coordinator",),
    "key-holder": ("key-holder",),
    "analyst": ("result-user",),
}


class Counter:
    """A founded ledger, its desk, and a server in front of it."""

    def __init__(
        self,
        folder: Path,
        *,
        store: Shelf | None = None,
        ledger: str = ":memory:",
        superlink: str = "",
        superlink_ca: bytes = b"",
        roles: dict[str, tuple[str, ...]] = ROLES,
        needed: int | None = None,
        memory: Path | None = None,
    ) -> None:
        self.folder = folder
        self.memory = memory
        self.identities = {name: Identity.generate(name, held) for name, held in roles.items()}
        self.log_key = SigningKey.generate(ORIGIN)
        self.store = Store(ledger)
        self.log = Log(self.store, self.log_key, ORIGIN)
        self.founding_entry = self._found(needed)
        self.authority = issue_authority(folder / "ca.crt", folder / "ca.key")
        issue_certificate(self.authority, folder / "server.crt", folder / "server.key")
        self.superlink, self.superlink_ca = superlink, superlink_ca
        self.port = 0
        self.clients: list[FrontClient] = []
        self.open(store)

    def _found(self, needed: int | None) -> str:
        founders = [identity.founder() for identity in self.identities.values()]
        n_witnesses = sum("witness" in i.roles for i in self.identities.values())
        entry = founding.draft(
            name="front",
            origin=ORIGIN,
            coordinator="coordinator",
            log_vkey=self.log_key.vkey,
            founders=founders,
            policy=DisclosurePolicy(),
            needed=n_witnesses if needed is None else needed,
            now=utc_now(),
        )
        keys = {name: identity.signing for name, identity in self.identities.items()}
        signed = founding.sign(entry, keys.pop("coordinator"), list(keys.values()))
        self.log.found(signed)
        return signed.id

    def open(self, store: Shelf | None = None) -> None:
        """Serve on the port of before, if there was one."""
        self.desk = Desk(self.log, store=store)
        app = front_app(
            self.desk,
            superlink=self.superlink,
            superlink_ca=self.superlink_ca,
            memory=self.memory,
        )
        self.server = FrontServer(
            app,
            host="127.0.0.1",
            port=self.port,
            cert_file=self.folder / "server.crt",
            key_file=self.folder / "server.key",
        )
        self.port = self.server.port
        self.server.start()

    def shut(self) -> None:
        """Stop serving; what is stored stays."""
        self.desk.close()
        self.server.stop()

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.shut()
        self.store.close()

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def root_certificates(self) -> bytes:
        return (self.folder / "ca.crt").read_bytes()

    def client(
        self,
        name: str,
        *,
        signing: SigningKey | None = None,
        address: str = "",
        origin: str = ORIGIN,
        root_certificates: bytes = b"",
        clock: Callable[[], datetime] = utc_now,
        patience_s: float = 5.0,
    ) -> FrontClient:
        """Return a member's calls over TLS."""
        client = FrontClient(
            name=name,
            address=address or self.address,
            root_certificates=root_certificates or self.root_certificates,
            signing=signing or self.identities[name].signing,
            origin=origin,
            clock=clock,
            patience_s=patience_s,
        )
        self.clients.append(client)
        return client

    def member(self, name: str, front: FrontClient | None = None) -> Member:
        """Return a member that verifies its own copy of the ledger."""
        return Member(
            identity=self.identities[name],
            origin=ORIGIN,
            trust=founding.trust_of(name, list(self.identities.values()), self.founding_entry),
            front=front or self.client(name),
        )

    def signed(
        self, name: str, method: str, target: str, body_digest: str, nonce: str, **changes: object
    ) -> SignedRequest:
        """Sign a request by hand."""
        settings: dict[str, object] = {"origin": ORIGIN, "now": utc_now()}
        return SignedRequest.sign(
            self.identities[name].signing,
            method=method,
            target=target,
            body_digest=body_digest,
            nonce=nonce,
            **(settings | changes),  # type: ignore[arg-type]
        )

    def raw(self, request: bytes) -> tuple[int, bytes]:
        """Send bytes over TLS; return the answer's status and everything behind its head."""
        context = ssl.create_default_context(cadata=self.root_certificates.decode())
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            connection.sendall(request)
            answer = bytearray()
            while chunk := connection.recv(65_536):
                answer += chunk
                head, found, rest = bytes(answer).partition(b"\r\n\r\n")
                lengths = [
                    int(line.partition(b":")[2])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                ]
                if found and lengths and len(rest) >= lengths[0]:
                    break
        head, _, rest = bytes(answer).partition(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]), rest


def request(method: str, target: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Return an HTTP/1.1 request as it stands on the wire."""
    lines = [f"{method} {target} HTTP/1.1", "host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if method != "GET" and "content-length" not in headers and "transfer-encoding" not in headers:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


__all__ = ["ORIGIN", "ROLES", "Authority", "Counter", "request"]
