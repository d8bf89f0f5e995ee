"""The coordinator asks the outside witnesses for their co-signatures, each at its own address.

A witness whose line in the founding policy names a URL is no member: it has no window at the front
and is called, over C2SP's own protocol, as soon as somebody waits for a quorum, and once an hour
otherwise. Each has a thread, so a slow one keeps nobody waiting but the quorum that needs it.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import httpx

from fedcredit.coordinator.front import Desk
from fedcredit.errors import WitnessUnreachableError
from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.entry import format_time
from fedcredit_ledger.errors import LedgerError, MalformedEntryError
from fedcredit_ledger.note import Note, Signature, VerifierKey
from fedcredit_ledger.state_keys import rule_at
from fedcredit_ledger.tlog_witness import CONFLICT, AddCheckpoint, Answer
from fedcredit_parties.member import utc_now

CALL_S = 10.0
"""How long one call of a witness may take."""

HOURLY_S = 3600.0
"""How often a witness sees the newest head when nobody waits for it (W6)."""

AGAIN_S = 2.0
"""Pause after a call that failed."""

POLL_S = 10.0

MAX_ANSWER_BYTES = 64 * 1024

_LOG = logging.getLogger(__name__)


class Calls(Protocol):
    """A way to one witness: `HttpCalls`, or the object itself (`TlogWitness`) in a simulation."""

    def add_checkpoint(self, body: bytes) -> Answer:
        """Hand in one request."""


class HttpCalls:
    """One witness at its submission prefix.

    Parameters
    ----------
    url : str
        The prefix, ``http://`` or ``https://``. What goes there is public and signed.

    Disclosure
    ----------
    The witness and the network learn size and root of the ledger, and when they change.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + "/add-checkpoint"
        self._client = httpx.Client(timeout=CALL_S, trust_env=False, follow_redirects=False)

    def add_checkpoint(self, body: bytes) -> Answer:
        """Hand in one request.

        Raises
        ------
        WitnessUnreachableError
            When nobody answers in time, or at too great a length.
        """
        until = time.monotonic() + CALL_S
        read = b""
        try:
            with self._client.stream("POST", self._url, content=body) as answer:
                for chunk in answer.iter_bytes():
                    read += chunk
                    if len(read) > MAX_ANSWER_BYTES or time.monotonic() > until:
                        raise WitnessUnreachableError("its answer does not end")
                kind = answer.headers.get("content-type", "")
                return Answer(answer.status_code, read, kind)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise WitnessUnreachableError(f"no answer: {type(error).__name__}") from error

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


@dataclass(frozen=True, kw_only=True)
class WitnessStanding:
    """What the coordinator knows of one outside witness.

    Attributes
    ----------
    url : str
        Where it is called.
    size : int
        Size of the newest head it has co-signed; 0 for none.
    time : str
        When it last co-signed; empty for never.
    problem : str
        Why its newest call brought nothing; empty when all is well.
    """

    url: str
    size: int = 0
    time: str = ""
    problem: str = ""


class OutsideWitnesses:
    """All outside witnesses of one ledger.

    Parameters
    ----------
    desk : Desk
        Log, and who waits for a quorum.
    calls : mapping of str to Calls
        The way to a witness, by its name in the policy; over HTTP where none is given.
    clock : callable, optional
        Returns the current time in UTC.

    Attributes
    ----------
    standing : dict of str to WitnessStanding
        By name in the policy.
    """

    def __init__(
        self,
        desk: Desk,
        calls: Mapping[str, Calls] | None = None,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._desk = desk
        self._clock = clock
        policy = rule_at(desk.log.state.head_rules, desk.log.size).policy
        self.standing = {name: WitnessStanding(url=url) for name, url in policy.urls.items()}
        self._keys = {name: policy.witnesses[name] for name in policy.urls}
        self._http = {n: HttpCalls(u) for n, u in policy.urls.items() if n not in (calls or {})}
        self._calls: dict[str, Calls] = {**self._http, **(calls or {})}
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Call each witness from a thread of its own."""
        for name in self.standing:
            thread = threading.Thread(target=self._serve, args=(name,), daemon=True)
            thread.name = f"witness-{name}"
            thread.start()
            self._threads.append(thread)

    def ask_to_stop(self) -> None:
        """Tell the threads to end; the desk wakes those that wait there."""
        self._stop.set()
        self._desk.wake()

    def stop(self) -> None:
        """End the threads; a call that is under way ends first, within its time."""
        self.ask_to_stop()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        for calls in self._http.values():
            calls.close()

    def status(self) -> dict[str, dict[str, object]]:
        """Return the standing of every witness, for people."""
        return {
            name: {key: value for key, value in vars(standing).items() if value}
            for name, standing in list(self.standing.items())
        }

    @property
    def problem(self) -> str:
        """What is wrong with which witness, in one line; empty when all is well."""
        return "; ".join(
            f"outside witness {name}: {standing.problem}"
            for name, standing in list(self.standing.items())
            if standing.problem
        )

    def _serve(self, name: str) -> None:
        asked_s = time.monotonic() - HOURLY_S
        while not (self._stop.is_set() or self._desk.closed):
            note = self._next_head(name, asked_s)
            if note is None:
                continue
            asked_s = time.monotonic()
            if not self._ask(name, note):
                self._stop.wait(AGAIN_S)

    def _next_head(self, name: str, asked_s: float) -> bytes | None:
        """Wait for a head that this witness is to co-sign."""
        size = self.standing[name].size

        def look() -> bytes | None:
            if self._stop.is_set():
                return b""
            note = self._desk.pending(size)
            is_due = time.monotonic() - asked_s >= HOURLY_S and self._desk.log.size > size
            return self._desk.log.checkpoint_note() if note is None and is_due else note

        return self._desk.wait(look, POLL_S) or None

    def _ask(self, name: str, note: bytes) -> bool:
        """Show one head to a witness; tell whether it has co-signed."""
        head = Checkpoint.parse(Note.parse(note).text)
        try:
            answer = self._call(name, self.standing[name].size, head, note)
            if answer.status == CONFLICT:
                answer = self._call(name, self._size_in(answer, head), head, note)
            if answer.status != 200:
                reason = answer.body[:200].decode("ascii", "replace").strip()
                raise WitnessUnreachableError(f"it answers {answer.status}: {reason}")
            self._desk.log.add_cosignatures(own_lines(answer.body, self._keys[name]))
        except (WitnessUnreachableError, LedgerError) as error:
            self._set_problem(name, error.message)
            return False
        self._desk.wake()
        self._set_problem(name, "")
        now = format_time(self._clock())
        self.standing[name] = replace(self.standing[name], size=head.size, time=now)
        return True

    def _call(self, name: str, old: int, head: Checkpoint, note: bytes) -> Answer:
        proof = self._desk.log.consistency(old, head.size) if old else ()
        request = AddCheckpoint(old, tuple(proof), Note.parse(note))
        return self._calls[name].add_checkpoint(request.encode())

    def _size_in(self, answer: Answer, head: Checkpoint) -> int:
        """Return the size that a witness names in a 409, when a proof from there can be made."""
        text = answer.body.decode("ascii", "replace")
        if not text.endswith("\n") or not text[:-1].isascii() or not text[:-1].isdecimal():
            raise WitnessUnreachableError("its 409 names no size")
        size = int(text[:-1])
        if size > head.size:
            raise WitnessUnreachableError(
                f"it has co-signed {size} leaves, and this head has {head.size}"
            )
        return size

    def _set_problem(self, name: str, problem: str) -> None:
        """Note what is wrong; a change is written to the log once."""
        if problem == self.standing[name].problem:
            return
        if problem:
            _LOG.warning("outside witness %s: %s", name, problem)
        else:
            _LOG.warning("outside witness %s co-signs again", name)
        self.standing[name] = replace(self.standing[name], problem=problem)


def own_lines(body: bytes, key: VerifierKey) -> bytes:
    """Return the lines of an answer that claim to be by `key`; others are passed over (C2SP).

    Raises
    ------
    MalformedEntryError
        When there is none, or one that is no signature line.
    """
    try:
        lines = [Signature.parse(line) for line in body.decode().splitlines()]
    except UnicodeDecodeError as error:
        raise MalformedEntryError("an answer of a witness is not UTF-8") from error
    own = [line.line() for line in lines if key.owns(line)]
    if not own:
        raise MalformedEntryError(
            "an answer of a witness holds no line by its key", expected=key.vkey
        )
    return f"{own[0]}\n".encode()
