"""The front over HTTPS: the calls of `fedcredit_parties.front.Front`, each request signed.

Connections go outward only, to one address, under one pinned authority; neither the system's
authorities nor a proxy from the environment are used. A call that meets a dead or restarting
coordinator is repeated with a new signature until the caller's patience ends. That is safe because
every call may arrive twice: entries have their id, blobs their digest, notes a number of the
posting, co-signatures are what they are.
"""

import hashlib
import json
import secrets
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Literal

import httpx

from fedcredit_ledger.entry import PARTY_NAME, parse_time
from fedcredit_ledger.errors import MalformedEntryError
from fedcredit_ledger.note import SigningKey
from fedcredit_parties.errors import (
    ConfigError,
    DiskFullError,
    FrontUnreachableError,
    MalformedMessageError,
)
from fedcredit_parties.flower_problem import clock_error
from fedcredit_parties.frames import pack, unpack
from fedcredit_parties.front import SubmitAnswer
from fedcredit_parties.front_request import (
    CLOCK_WINDOW_S,
    MAX_BLOB_BYTES,
    MAX_ENTRIES,
    MAX_NOTE_BYTES,
    MORE,
    TIME,
    SignedRequest,
)
from fedcredit_parties.member import utc_now
from fedcredit_parties.served_certificate import unacceptable

PATIENCE_S = 10.0
"""How long one call is repeated while the coordinator does not answer."""

ANSWER_S = 15.0
"""How long an answer may take beyond the wait that was asked for."""

MAX_ANSWER_BYTES = 4 * 2**20
"""Largest answer that is no blob; pages are smaller."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 0.5
_AGAIN = frozenset({408, 429, 500, 502, 503, 504, 507})
_FULL = 507


class FrontClient:
    """The coordinator's counter, seen from a member.

    Parameters
    ----------
    name : str
        The member.
    address : str
        ``https://host:port``.
    root_certificates : bytes
        The pinned authority, PEM.
    signing : SigningKey
        The member's key.
    origin : str
        The ledger's origin line; a request for one ledger is worth nothing at another.
    clock : callable, optional
        Returns the current time in UTC.
    patience_s : float
        How long a call is repeated while nobody answers.

    Attributes
    ----------
    n_bytes_sent : int
        Bodies handed in.

    Raises
    ------
    ConfigError
        When address or authority is not usable. Nothing is connected yet.

    Disclosure
    ----------
    The coordinator sees what is handed in and asked for, and when; with a body that is sealed, its
    size. The network sees an address, sizes and times.

    Notes
    -----
    Safe to use from several threads of one member.
    """

    def __init__(
        self,
        *,
        name: str,
        address: str,
        root_certificates: bytes,
        signing: SigningKey,
        origin: str,
        clock: Callable[[], datetime] = utc_now,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.name = name
        self.n_bytes_sent = 0
        self._address = _https(address)
        self._signing = signing
        self._origin = origin
        self._clock = clock
        self._patience_s = patience_s
        self._root_certificates = root_certificates
        self._lock = threading.Lock()
        self._leaving = threading.Event()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._client = httpx.Client(
            verify=pinned(root_certificates),
            trust_env=False,
            follow_redirects=False,
            headers={"accept-encoding": "identity", "user-agent": "fedcredit"},
            limits=httpx.Limits(
                max_connections=None, max_keepalive_connections=16, keepalive_expiry=30.0
            ),
        )

    def submit(self, notes: list[bytes]) -> list[SubmitAnswer]:
        """Append signed entries, in order; see `Front.submit`."""
        answers: list[SubmitAnswer] = []
        for start in range(0, len(notes), MAX_ENTRIES):
            batch = notes[start : start + MAX_ENTRIES]
            parts = unpack(self._call("POST", "/entries", pack(batch)), most=3 * len(batch))
            if len(parts) != 3 * len(batch):
                raise _odd("an answer to every entry", "another number of answers")
            try:
                answers += [
                    SubmitAnswer(
                        receipt=parts[i], code=parts[i + 1].decode(), detail=parts[i + 2].decode()
                    )
                    for i in range(0, len(parts), 3)
                ]
            except UnicodeDecodeError:
                raise _odd("texts in UTF-8", "other bytes") from None
        return answers

    def leaves(self, start: int, *, timeout_s: float = 0.0) -> list[bytes]:
        """Return leaves from `start`; see `Front.leaves`."""
        found: list[bytes] = []
        while True:
            response = self._request("GET", f"/leaves?from={start + len(found)}", wait_s=timeout_s)
            page = unpack(response.content, most=MAX_ANSWER_BYTES)
            found += page
            if MORE not in response.headers or not page:
                return found
            timeout_s = 0.0

    def checkpoint(self, *, covering: int, timeout_s: float) -> bytes | None:
        """Return a quorum checkpoint; see `Front.checkpoint`."""
        return self._call("GET", f"/checkpoint?covering={covering}", wait_s=timeout_s) or None

    def witness_pending(self, old_size: int, *, timeout_s: float) -> bytes | None:
        """Wait for a checkpoint to co-sign; see `Front.witness_pending`.

        The answer is a C2SP tlog-witness ``add-checkpoint`` request. Its consistency proof is left
        aside: this member checks the checkpoint against its own copy of all leaves.
        """
        body = self._call("GET", f"/witness/pending?old={old_size}", wait_s=timeout_s)
        if not body:
            return None
        head, found, note = body.partition(b"\n\n")
        if not found or not head.startswith(b"old "):
            raise _odd("a tlog-witness add-checkpoint request", "other bytes")
        return note

    def cosign(self, lines: bytes) -> None:
        """Hand in co-signature lines; see `Front.cosign`."""
        self._call("POST", "/witness/cosignature", lines)

    def put_blob(self, data: bytes) -> str:
        """Store bytes under their SHA-256; see `Front.put_blob`."""
        if len(data) > MAX_BLOB_BYTES:
            raise _too_large("a blob", MAX_BLOB_BYTES, len(data))
        digest = hashlib.sha256(data).hexdigest()
        self._call("PUT", f"/blob/{digest}", data, body_digest=digest)
        return digest

    def get_blob(self, digest: str) -> bytes:
        """Return the bytes with this SHA-256; they are hashed again here.

        Raises
        ------
        MalformedMessageError
            When there are none, or they hash to something else.
        """
        response = self._request(
            "GET", f"/blob/{_segment(digest)}", most=MAX_BLOB_BYTES, passed=frozenset({404})
        )
        data = response.content if response.status_code == 200 else None
        if data is None or hashlib.sha256(data).hexdigest() != digest:
            raise MalformedMessageError(
                "the front holds no bytes with the digest asked for",
                expected=f"bytes with SHA-256 {digest[:12]}",
                found="none" if data is None else "other bytes",
                remedy="run the job again; if it stays, ask the coordinator's operator",
            )
        return data

    def post(self, recipient: str, note: bytes) -> None:
        """Put a signed note into another member's inbox; see `Front.post`."""
        if len(note) > MAX_NOTE_BYTES:
            raise _too_large("an inbox note", MAX_NOTE_BYTES, len(note))
        self._call("POST", f"/inbox/{_segment(recipient)}?id={secrets.token_hex(16)}", note)

    def inbox(self, after: int, *, timeout_s: float = 0.0) -> list[tuple[int, bytes]]:
        """Return own notes numbered above `after`; see `Front.inbox`."""
        found: list[tuple[int, bytes]] = []
        while True:
            last = found[-1][0] if found else after
            response = self._request("GET", f"/inbox?after={last}", wait_s=timeout_s)
            page = unpack(response.content, most=MAX_ANSWER_BYTES)
            for item in page:
                number = int.from_bytes(item[:8], "big")
                if len(item) < 8 or number <= (found[-1][0] if found else after):
                    raise _odd("notes in the order of their numbers", "another order")
                found.append((number, item[8:]))
            if MORE not in response.headers or not page:
                return found
            timeout_s = 0.0

    def status(self) -> dict[str, Any]:
        """Return what the coordinator says of itself: origin, size and root of its ledger."""
        try:
            found = json.loads(self._call("GET", "/status"))
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise _odd("a status document", "other bytes")
        return found

    def hello(self, session: str, earlier: Sequence[str], head: bytes = b"") -> float | None:
        """Say that this daemon lives; return None, or how long ago another one was heard, in s.

        Parameters
        ----------
        session : str
            Number of this daemon's life, 32 hex digits.
        earlier : sequence of str
            Numbers of lives that have certainly ended and that this one follows.
        head : bytes
            The newest head that the log has signed for this member; empty for none.
        """
        said = {"earlier": list(earlier), "head": head.decode(), "session": session}
        body = json.dumps(said).encode()
        response = self._request("POST", "/session", body, passed=frozenset({409}))
        if response.status_code == 200:
            return None
        try:
            return float(json.loads(response.content)["heard_s"])
        except (KeyError, TypeError, ValueError):
            raise _odd("how long ago the other daemon was heard", "other bytes") from None

    def draft_to_join(self) -> SubmitAnswer:
        """Ask, as somebody who is invited and no party yet, for the entry that admits this name.

        Returns
        -------
        SubmitAnswer
            Its text as ``receipt``; or the code why there is none.
        """
        return self._joining(self._call("GET", "/join"))

    def join(self, note: bytes) -> SubmitAnswer:
        """Hand in the entry that admits this name, co-signed.

        Returns
        -------
        SubmitAnswer
            The entry's id as ``receipt``; or the code of the rule that refused it.
        """
        return self._joining(self._call("POST", "/join", note))

    @staticmethod
    def _joining(body: bytes) -> SubmitAnswer:
        parts = unpack(body, most=3)
        try:
            note, code, detail = parts
            return SubmitAnswer(receipt=note, code=code.decode(), detail=detail.decode())
        except ValueError:
            raise _odd("a note, a code and a sentence", "other bytes") from None

    def leave(self) -> None:
        """Wait and be patient no longer: open calls are cut off, later ones are made once."""
        self._leaving.set()
        with self._lock:
            open_sockets = list(self._sockets)
        for one in open_sockets:
            with suppress(OSError):  # it was closed meanwhile
                # Not the TLS layer's own method: another thread is reading from it.
                socket.socket.shutdown(one, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close every connection; call it when no call is under way."""
        self.leave()
        self._client.close()

    # One call

    def _call(
        self,
        method: Literal["GET", "POST", "PUT"],
        path: str,
        body: bytes = b"",
        *,
        wait_s: float = 0.0,
        body_digest: str = "",
    ) -> bytes:
        return self._request(method, path, body, wait_s=wait_s, body_digest=body_digest).content

    def _request(
        self,
        method: Literal["GET", "POST", "PUT"],
        path: str,
        body: bytes = b"",
        *,
        wait_s: float = 0.0,
        body_digest: str = "",
        most: int = MAX_ANSWER_BYTES,
        passed: frozenset[int] = frozenset(),
    ) -> httpx.Response:
        """Ask, and ask again while nobody answers; return an answer of status 200 or `passed`."""
        digest = body_digest or hashlib.sha256(body).hexdigest()
        asked = time.monotonic()
        lost_since: float | None = None
        pause = _FIRST_PAUSE_S
        is_signed_anew = False
        while True:
            waited = time.monotonic() - asked
            left = 0.0 if self._leaving.is_set() else max(0.0, wait_s - waited)
            try:
                response = self._once(method, path, body, digest, wait_s=left, most=most)
                if response.status_code == 401 and not is_signed_anew:
                    # A machine that slept between signing and sending is no stranger.
                    is_signed_anew = True
                    continue
                if response.status_code not in _AGAIN:
                    return self._judge(response, passed)
                found = f"HTTP {response.status_code}"
            except httpx.TransportError as error:
                self._refuse_certificate(error)
                found = type(error).__name__
            lost_since = time.monotonic() if lost_since is None else lost_since
            late = time.monotonic() + pause > lost_since + self._patience_s
            if late or self._leaving.is_set():
                if found == f"HTTP {_FULL}":
                    raise self._full()
                raise FrontUnreachableError(
                    "the coordinator does not answer",
                    expected=f"an answer at {self._address} within {self._patience_s:g} s",
                    found=found,
                    remedy="fedcredit coordinator status, or ask its operator",
                )
            self._leaving.wait(pause * (0.75 + secrets.randbelow(50) / 100))
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _once(
        self, method: str, path: str, body: bytes, digest: str, *, wait_s: float, most: int
    ) -> httpx.Response:
        if wait_s > 0:
            path += f"{'&' if '?' in path else '?'}wait={wait_s:.3f}"
        signed = SignedRequest.sign(
            self._signing,
            origin=self._origin,
            method=method,
            target=path,
            body_digest=digest,
            now=self._clock(),
            nonce=secrets.token_hex(16),
        )
        timeout = httpx.Timeout(5.0, read=wait_s + ANSWER_S, write=60.0, pool=None)
        with self._client.stream(
            method,
            self._address + path,
            content=body if method != "GET" else None,
            headers=signed.headers(),
            timeout=timeout,
            extensions={"trace": self._note_socket},
        ) as response:
            content = bytearray()
            for chunk in response.iter_raw():
                content += chunk
                if len(content) > most:
                    raise _too_large("an answer of the front", most, len(content))
        if method != "GET" and response.status_code == 200:
            with self._lock:
                self.n_bytes_sent += len(body)
        # No other header: with an encoding, these bytes would grow a thousandfold when read.
        kept = {name: response.headers[name] for name in (MORE, TIME) if name in response.headers}
        return httpx.Response(response.status_code, headers=kept, content=bytes(content))

    def _note_socket(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember a connection that was made, so that `leave` can end what waits on it."""
        if event == "connection.start_tls.complete":
            with self._lock:
                self._sockets.add(info["return_value"].get_extra_info("socket"))

    def _judge(self, response: httpx.Response, passed: frozenset[int]) -> httpx.Response:
        """Return a good answer; raise what an operator understands of a bad one."""
        status = response.status_code
        if status == 200 or status in passed:
            return response
        if status == 401:
            self._refused(response)
        if status == 413:
            raise MalformedMessageError(
                "the front takes no body of this size", party=self.name, found="HTTP 413"
            )
        raise MalformedMessageError(
            "the front refused a call", party=self.name, found=f"HTTP {status}"
        )

    def _refused(self, response: httpx.Response) -> None:
        try:
            theirs = parse_time(response.headers.get(TIME, ""))
        except MalformedEntryError:
            raise _odd("the coordinator's time with its refusal", "none") from None
        ahead_s = (self._clock() - theirs).total_seconds()
        if abs(ahead_s) > CLOCK_WINDOW_S:
            raise clock_error(ahead_s, limit_s=CLOCK_WINDOW_S, party=self.name)
        raise ConfigError(
            "the front does not take this member's signature",
            party=self.name,
            expected=f"the signing key that the ledger {self._origin} holds for {self.name}",
            found=f"a signature by the key {self._signing.verifier.key_id.hex()}, or another name",
            remedy="compare name, origin and identity in party.toml with the founding entry",
        )

    def _full(self) -> DiskFullError:
        return DiskFullError(
            "the coordinator keeps no more: its disk is full, or this member's share is used",
            party=self.name,
            expected="room at the coordinator",
            found=f"HTTP {_FULL} for {self._patience_s:g} s",
            remedy="ask the coordinator's operator for room; nothing was confirmed",
        )

    def _refuse_certificate(self, error: httpx.TransportError) -> None:
        """Raise when the coordinator's certificate is the reason; waiting would not help."""
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                raise unacceptable(
                    self._address,
                    self._root_certificates,
                    cause.verify_message,
                    party=self.name,
                    now=self._clock(),
                ) from None
            cause = cause.__cause__ or cause.__context__


def pinned(root_certificates: bytes) -> ssl.SSLContext:
    """Return TLS settings that trust one authority and no other.

    Raises
    ------
    ConfigError
        When the bytes hold no PEM certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(cadata=root_certificates.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise ConfigError(
            "the pinned authority is not a PEM certificate",
            expected="the ca_file that the coordinator's operator handed over",
            found="other bytes",
        ) from None
    return context


def _https(address: str) -> str:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        url = httpx.URL("")
    plain = not url.userinfo and not url.query and not url.fragment and url.path in ("", "/")
    if url.scheme != "https" or not url.host or not plain:
        raise ConfigError(
            "the coordinator's address is not usable",
            expected="https://host:port",
            found=address,
            remedy="correct coordinator in party.toml",
        )
    return address.rstrip("/")


def _segment(text: str) -> str:
    """Return a name or digest as one segment of a path."""
    if PARTY_NAME.fullmatch(text) is None and not (text.isascii() and text.isalnum()):
        raise MalformedMessageError(
            "not a name that stands in a path", expected="letters, digits, -._", found="others"
        )
    return text


def _too_large(what: str, most: int, found: int) -> MalformedMessageError:
    return MalformedMessageError(
        f"{what} is too large", expected=f"at most {most} bytes", found=f"{found} bytes"
    )


def _odd(expected: str, found: str) -> MalformedMessageError:
    return MalformedMessageError(
        "the front's answer is not well formed", expected=expected, found=found
    )
