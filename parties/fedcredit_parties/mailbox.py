"""Signed, sealed notes between two members; the front that relays them can only lose them.

A note is a C2SP signed note whose first line separates it from ledger entries and checkpoints; its
second line is canonical JSON. The body of a note is sealed to the recipient's static X25519 key
unless it is addressed to the coordinator, which is told class names and digests only.
"""

import base64
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from fedcredit_ledger.canonical import decode, encode
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.note import Note, SigningKey, VerifierKey
from fedcredit_ledger.rules import State
from fedcredit_parties.errors import EncryptionError, MalformedMessageError
from fedcredit_parties.front import Front
from fedcredit_parties.ledger_client import POLL_S
from fedcredit_parties.long_poll import LongPoll
from fedcredit_parties.sealing import seal, unseal

HEADER = b"fedcredit-inbox/v1\n"

_LOG = logging.getLogger(__name__)

MAX_NOTE_BYTES = 65_536

MAX_REASONS = 1_000
"""Reasons for dropped notes that are remembered."""

MAX_LETTERS = 512
"""Letters of one sender that are kept; its oldest go first. A run needs far fewer."""

_NAMES = {"kind", "recipient", "run_id", "sender"}
_KEYS = _NAMES | {"body", "sealed"}


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One note that was received, verified and opened.

    Attributes
    ----------
    number : int
        Its place in the inbox; a note is answered once.
    sender, kind, run_id : str
        Who wrote it, what it is, which run it is about ("" for none).
    body : dict
        Canonical JSON object.
    """

    number: int
    sender: str
    kind: str
    run_id: str
    body: dict[str, Any]


class Mailbox:
    """Write to members; read what is addressed to this one.

    Parameters
    ----------
    key : SigningKey
        Signs what is sent.
    mask_key : X25519PrivateKey
        Static key that opens what is received.
    front : Front
        The relay.
    state : callable
        Returns the verified ledger state: names, signing keys, static keys.

    Disclosure
    ----------
    The relay sees sender, recipient, kind and run of a note, its size and its time.
    """

    def __init__(
        self,
        *,
        key: SigningKey,
        mask_key: X25519PrivateKey,
        front: Front,
        state: Callable[[], State],
    ) -> None:
        self._key = key
        self._mask_key = mask_key
        self._front = front
        self._state = state
        self._after = 0  # number of the newest note that was looked at
        self._letters: list[Letter] = []
        self._refused: list[str] = []
        self._lock = threading.Lock()
        self._news = threading.Condition(self._lock)
        self._poll = LongPoll(self._news, lambda: self._after, self._fetch)
        self.leaving = threading.Event()

    def send(self, recipient: str, kind: str, body: Mapping[str, Any], *, run_id: str = "") -> None:
        """Sign a note, seal its body unless it goes to the coordinator, and post it.

        A letter to a party that has left the federation is not sent.
        """
        state = self._state()
        if recipient in state.left:
            _LOG.warning("no letter to %s, who has left", recipient)
            return
        party = state.parties[recipient]
        sealed = "coordinator" not in party.roles
        content: Any = dict(body)
        if sealed:
            context = _context(self._key.name, recipient, kind, run_id)
            content = base64.b64encode(
                seal(party.mask_key, encode(content), context=context)
            ).decode()
        text = (
            HEADER
            + encode(
                {
                    "body": content,
                    "kind": kind,
                    "recipient": recipient,
                    "run_id": run_id,
                    "sealed": sealed,
                    "sender": self._key.name,
                }
            )
            + b"\n"
        )
        self._front.post(recipient, Note(text, (self._key.sign(text),)).encode())

    def wait(self, matches: Callable[[Letter], bool], *, deadline: float) -> Letter | None:
        """Return the first letter that matches, or None after `deadline` (monotonic seconds)."""
        looked = False
        while True:
            with self._lock:
                seen = self._after
                found = next((letter for letter in self._letters if matches(letter)), None)
            if found is not None:
                return found
            left = deadline - time.monotonic()
            if self.leaving.is_set() or (left <= 0 and looked):
                return None
            looked = True
            self.collect(timeout_s=min(POLL_S, max(0.0, left)), beyond=seen)

    def all(self, matches: Callable[[Letter], bool]) -> list[Letter]:
        """Fetch new notes and return every letter received so far that matches."""
        self.collect()
        return self.received(matches)

    def received(self, matches: Callable[[Letter], bool]) -> list[Letter]:
        """Return the letters that are here and match; nothing is asked of the front."""
        with self._lock:
            return [letter for letter in self._letters if matches(letter)]

    def forget(self, run_id: str) -> None:
        """Drop the letters of a run that is over."""
        with self._lock:
            self._letters = [letter for letter in self._letters if letter.run_id != run_id]

    @property
    def newest(self) -> int:
        """Number of the newest note that was looked at."""
        return self._after

    @property
    def refused(self) -> list[str]:
        """Reasons for which notes were dropped, newest last; never their content."""
        return list(self._refused)

    def collect(self, *, timeout_s: float = 0.0, beyond: int | None = None) -> None:
        """Fetch new notes; a note that fails any check is dropped and its reason kept.

        Parameters
        ----------
        timeout_s : float, default 0
            Longest wait in seconds; 0 asks the front for what it has now.
        beyond : int, optional
            Number of the newest note that the caller has looked at, by default the newest here.
            Threads of one member share one long poll, as in `LedgerClient.refresh`.
        """
        self._poll.ask(timeout_s=timeout_s, beyond=beyond)

    def _fetch(self, timeout_s: float) -> None:
        fetched = self._front.inbox(self._after, timeout_s=timeout_s)
        with self._news:
            for number, note in fetched:
                if number <= self._after:
                    continue
                self._after = number
                try:
                    self._keep(self._open(number, note))
                except (LedgerError, MalformedMessageError, EncryptionError) as error:
                    self._refused.append(type(error).__name__)
                    del self._refused[:-MAX_REASONS]
            if fetched:
                self._news.notify_all()

    def _keep(self, letter: Letter) -> None:
        """Keep a letter; whoever writes without end pushes out letters of its own only."""
        same = [i for i, kept in enumerate(self._letters) if kept.sender == letter.sender]
        if len(same) >= MAX_LETTERS:
            del self._letters[same[0]]
        self._letters.append(letter)

    def _open(self, number: int, data: bytes) -> Letter:
        if len(data) > MAX_NOTE_BYTES:
            raise MalformedMessageError("an inbox note is larger than 64 KiB")
        note = Note.parse(data)
        if not note.text.startswith(HEADER) or not note.text.endswith(b"\n"):
            raise MalformedMessageError("an inbox note with another first line")
        head = decode(note.text[len(HEADER) : -1])
        if not isinstance(head, dict) or set(head) != _KEYS or len(note.signatures) != 1:
            raise MalformedMessageError("an inbox note with other fields")
        if not all(isinstance(head[name], str) for name in _NAMES):
            raise MalformedMessageError("an inbox note whose names are not texts")
        sender, recipient = head["sender"], head["recipient"]
        if recipient != self._key.name or sender not in self._state().parties:
            raise MalformedMessageError("an inbox note from a stranger or for somebody else")
        known = self._state().parties[sender].signing_vkey
        VerifierKey.parse(known).verify(note.text, note.signatures[0])
        body = head["body"]
        if head["sealed"]:
            context = _context(sender, recipient, head["kind"], head["run_id"])
            try:
                body = decode(
                    unseal(self._mask_key, base64.b64decode(body, validate=True), context=context)
                )
            except (TypeError, ValueError) as error:
                raise MalformedMessageError(
                    "an inbox note whose body is not sealed bytes"
                ) from error
        if not isinstance(body, dict):
            raise MalformedMessageError("an inbox note whose body is not an object")
        return Letter(
            number=number, sender=sender, kind=head["kind"], run_id=head["run_id"], body=body
        )


def _context(sender: str, recipient: str, kind: str, run_id: str) -> bytes:
    return encode(["fedcredit-inbox/v1", sender, recipient, kind, run_id])
