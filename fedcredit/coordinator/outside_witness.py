"""One outside witness, as its coordinator calls it: over C2SP's own protocol, with proofs.

What a witness answers is held to its form and to its key; what it does not answer, or answers
otherwise, is told in words and ends nobody.
"""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import httpx

from fedcredit.errors import WitnessUnreachableError
from fedcredit_ledger.add_checkpoint import AddCheckpoint
from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.entry import HEX_DIGEST, SignedEntry, format_time
from fedcredit_ledger.errors import ForkError, LedgerError, MalformedEntryError, RollbackError
from fedcredit_ledger.held_entry import MAX_SHOWN, ShownEntry, encode_shown
from fedcredit_ledger.log import Log
from fedcredit_ledger.note import Note, Signature, VerifierKey
from fedcredit_ledger.tlog_witness import CONFLICT, UNPROVEN, WITHHELD, Answer

CALL_S = 10.0
"""How long one call of a witness may take."""

MAX_ANSWER_BYTES = 64 * 1024

_LOG = logging.getLogger(__name__)


class Calls(Protocol):
    """A way to one witness: `HttpCalls`, or the object itself (`TlogWitness`) in a simulation."""

    def add_checkpoint(self, body: bytes) -> Answer:
        """Hand in one request."""

    def add_shown(self, body: bytes) -> Answer:
        """Hand in one request behind entries that are shown."""

    def hand_out(self, body: bytes) -> Answer:
        """Ask for an entry that is held."""


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
        self._url = url.rstrip("/")
        self._client = httpx.Client(
            timeout=CALL_S,
            trust_env=False,
            follow_redirects=False,
            headers={"accept-encoding": "identity"},
        )

    def add_checkpoint(self, body: bytes) -> Answer:
        """Hand in one request.

        Raises
        ------
        WitnessUnreachableError
            When nobody answers in time, or at too great a length.
        """
        return self._post("/add-checkpoint", body)

    def add_shown(self, body: bytes) -> Answer:
        """Hand in one request behind entries that are shown.

        Raises
        ------
        WitnessUnreachableError
            As `add_checkpoint`.
        """
        return self._post("/add-checkpoint-with-entries", body)

    def hand_out(self, body: bytes) -> Answer:
        """Ask for an entry that is held.

        Raises
        ------
        WitnessUnreachableError
            As `add_checkpoint`.
        """
        return self._post("/held", body)

    def _post(self, path: str, body: bytes) -> Answer:
        until = time.monotonic() + CALL_S
        read = b""
        try:
            with self._client.stream("POST", self._url + path, content=body) as answer:
                for chunk in answer.iter_raw():  # what is packed is not unpacked
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
    size : int
        Size of the newest head that it has co-signed, as far as it is known; 0 for none.
    time : str
        When it last co-signed; empty for never.
    problem : str
        Why its newest call brought nothing; empty when all is well.
    disagrees : bool
        It has said, by its answers, that this is not the ledger that it knows.
    """

    size: int = 0
    time: str = ""
    problem: str = ""
    disagrees: bool = False


class OutsideWitness:
    """One witness that is no member.

    Parameters
    ----------
    name : str
        Its name in the policy.
    key : VerifierKey
        Its co-signature key there.
    url : str
        Where it is called.
    log : Log
        The ledger.
    calls : Calls
        The way to it.
    clock : callable
        Returns the current time in UTC.

    Attributes
    ----------
    standing : WitnessStanding
    """

    def __init__(
        self,
        name: str,
        key: VerifierKey,
        url: str,
        *,
        log: Log,
        calls: Calls,
        clock: Callable[[], datetime],
    ) -> None:
        self.name = name
        self.key = key
        self.url = url
        self.standing = WitnessStanding()
        self._log = log
        self._calls = calls
        self._clock = clock

    def status(self) -> dict[str, object]:
        """Return what is known, for people."""
        known = self.standing
        words = {"size": known.size, "time": known.time, "problem": known.problem}
        return {"url": self.url} | {key: value for key, value in words.items() if value}

    def show(self, note: bytes, *, may_append: bool = True) -> bool:
        """Show one head to the witness, and hand its co-signature to the log.

        Parameters
        ----------
        note : bytes
            A checkpoint of the log.
        may_append : bool, default True
            Whether an entry that the witness holds, and that the log has never seen, is taken now.

        Returns
        -------
        bool
            Whether it has co-signed; `standing` says why not.
        """
        head, old, disagrees = Checkpoint.parse(Note.parse(note).text), self.standing.size, False
        try:
            answer = self._ask(min(old, head.size), head, note)
            if answer.status == CONFLICT:
                old, disagrees = size_in(answer), True
                if old > head.size:
                    raise WitnessUnreachableError(
                        f"it has co-signed {old} leaves, and this head has {head.size}"
                    )
                answer = self._ask(old, head, note)
            if answer.status == WITHHELD and may_append:
                self._settle(answer)
            if answer.status == WITHHELD:
                answer = self._show_entries(answer, old, head, note)
            if answer.status != 200:
                disagrees = disagrees and answer.status in (CONFLICT, UNPROVEN)
                reason = answer.body[:200].decode("ascii", "replace").strip()
                raise WitnessUnreachableError(f"it answers {answer.status}: {reason}")
            self._log.add_cosignatures(own_lines(answer.body, self.key))
        except (WitnessUnreachableError, LedgerError) as error:
            self._set(error.message, size=old, disagrees=disagrees)
            return False
        self._set("", size=head.size, time=format_time(self._clock()), disagrees=False)
        return True

    def compare(self) -> None:
        """Compare the whole ledger with what the witness has co-signed.

        A witness that does not answer is named in the process's log, and cannot be compared with.

        Raises
        ------
        RollbackError
            When it has co-signed a longer ledger.
        ForkError
            When the ledger does not continue what it has co-signed.
        """
        head, note = self._log.latest, self._log.checkpoint_note()
        assert note is not None, "the ledger is founded"
        if self.show(note, may_append=False) or not self.standing.disagrees:
            return
        size = self.standing.size
        if size > head.size:
            raise RollbackError(
                f"the ledger is shorter than the witness {self.name} has seen",
                expected=f"at least {size} leaves",
                found=str(head.size),
                remedy="do not append: fetch the missing leaves from a member's copy",
            )
        raise ForkError(
            f"the ledger does not continue what the witness {self.name} has co-signed",
            expected=f"a head that continues its {size} leaves",
            found=self.standing.problem,
            remedy="do not append: compare the ledger with the members' copies",
        )

    def _ask(self, old: int, head: Checkpoint, note: bytes) -> Answer:
        proof = self._log.consistency(old, head.size) if old else ()
        request = AddCheckpoint(old, tuple(proof), Note.parse(note))
        return self._calls.add_checkpoint(request.encode())

    def _settle(self, answer: Answer) -> None:
        """Take, or refuse in public, what the witness holds and this log has never seen.

        Without it, a member that hands its entry to the witness alone would stop every opening.
        """
        for name in withheld_in(answer):
            if self._log.settled_at(name) is None:
                held = self._calls.hand_out(self._log.ask_for(name))
                if held.status == 200 and SignedEntry.parse(held.body).id == name:
                    self._log.take_held(held.body)

    def _show_entries(self, answer: Answer, old: int, head: Checkpoint, note: bytes) -> Answer:
        """Answer a witness that holds entries: show where each stands, or was refused."""
        shown = [self._shown(name, head.size) for name in withheld_in(answer)]
        proof = self._log.consistency(old, head.size) if old else ()
        request = AddCheckpoint(old, tuple(proof), Note.parse(note))
        return self._calls.add_shown(encode_shown(shown, request.encode()))

    def _shown(self, entry_id: str, size: int) -> ShownEntry:
        index = self._log.settled_at(entry_id)
        if index is None or index >= size:
            raise WitnessUnreachableError(
                f"it holds entry {entry_id[:16]}, which is not under this head, and was not refused"
            )
        (leaf,) = self._log.leaves(index, 1)
        return ShownEntry(index, leaf, tuple(self._log.inclusion(index, size)))

    def _set(self, problem: str, **changed: Any) -> None:
        """Note how a call ended; what is new about it is written to the process's log once."""
        before, self.standing = self.standing, replace(self.standing, problem=problem, **changed)
        if problem and problem != before.problem:
            _LOG.warning("outside witness %s: %s", self.name, problem)
        elif before.problem and not problem:
            _LOG.warning("outside witness %s co-signs again", self.name)


def withheld_in(answer: Answer) -> list[str]:
    """Return the ids of the entries that a witness holds and names in a 503.

    Raises
    ------
    WitnessUnreachableError
        When it names none, or more than are shown at once.
    """
    names = answer.body.decode("ascii", "replace").split("\n")[:-1]
    if not 0 < len(names) <= MAX_SHOWN or not all(map(HEX_DIGEST.fullmatch, names)):
        raise WitnessUnreachableError("it answers 503")
    return names


def size_in(answer: Answer) -> int:
    """Return the size that a witness names in a 409.

    Raises
    ------
    WitnessUnreachableError
        When it names none.
    """
    found = re.fullmatch(rb"(0|[1-9][0-9]{0,14})\n", answer.body)
    if found is None:
        raise WitnessUnreachableError("its 409 names no size")
    return int(found[1])


def own_lines(body: bytes, key: VerifierKey) -> bytes:
    """Return the line of an answer that claims to be by `key`; others are passed over (C2SP).

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
