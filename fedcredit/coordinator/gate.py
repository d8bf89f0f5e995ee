"""Who may come to the front: a signature by the key that the ledger holds, fresh, and once.

A stranger, a known name with another's signature, an altered request, an old one and one that was
here before get the same answer. Nothing of a body is read before its signature is checked.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from fedcredit_ledger.entry import parse_time
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.note import SigningKey, VerifierKey
from fedcredit_ledger.rules import State
from fedcredit_parties.errors import MalformedMessageError
from fedcredit_parties.front_request import CLOCK_WINDOW_S, SignedRequest

CALLS_PER_S = 200.0
BURST = 1000.0
"""Token bucket of one member: a round of fifteen parties needs about a tenth of it."""

MAX_AT_ONCE = 128
"""Calls of one member that wait or work at the same time."""


class RefusedError(Exception):
    """A request is not answered; `status` is all that the caller learns."""

    def __init__(self, status: int) -> None:
        super().__init__(f"refused with {status}")
        self.status = status


class Gate:
    """Admit signed requests.

    Parameters
    ----------
    origin : str
        The ledger's origin line.
    state : callable
        Returns the ledger's state: names and current keys.
    clock : callable
        Returns the current time in UTC.

    Notes
    -----
    Called from one thread, the event loop's.
    """

    def __init__(
        self, *, origin: str, state: Callable[[], State], clock: Callable[[], datetime]
    ) -> None:
        self.clock = clock
        self._origin = origin
        self._state = state
        self._seen: set[tuple[str, str]] = set()
        self._seen_until: deque[tuple[float, tuple[str, str]]] = deque()
        self._tokens: dict[str, tuple[float, float]] = {}
        self._at_once: Counter[str] = Counter()
        # A name that nobody has is checked against a key that nobody has: it takes as long.
        self._nobody = SigningKey.generate("nobody").verifier

    def admit(
        self, method: str, target: str, headers: Iterable[tuple[bytes, bytes]]
    ) -> SignedRequest:
        """Check everything but the body.

        Raises
        ------
        RefusedError
            401 for whoever is not a member with a fresh request of its own; 429 for a member that
            asks too often.
        """
        now = self.clock()
        try:
            request = SignedRequest.parse(headers)
            age_s = (now - parse_time(request.time)).total_seconds()
            request.verify(
                self._key(request.party), origin=self._origin, method=method, target=target
            )
        except (LedgerError, MalformedMessageError):
            raise RefusedError(401) from None
        if abs(age_s) > CLOCK_WINDOW_S or not self._first_time(request):
            raise RefusedError(401)
        if not self._afford(request.party):
            raise RefusedError(429)
        return request

    def _key(self, name: str) -> VerifierKey:
        party = self._state().parties.get(name)
        return self._nobody if party is None else VerifierKey.parse(party.signing_vkey)

    def _first_time(self, request: SignedRequest) -> bool:
        """Remember a nonce for as long as its request could still be fresh."""
        now = time.monotonic()
        while self._seen_until and self._seen_until[0][0] < now:
            self._seen.discard(self._seen_until.popleft()[1])
        name = (request.party, request.nonce)
        if name in self._seen:
            return False
        self._seen.add(name)
        self._seen_until.append((now + 2 * CLOCK_WINDOW_S + 1, name))
        return True

    def _afford(self, party: str) -> bool:
        now = time.monotonic()
        tokens, then = self._tokens.get(party, (BURST, now))
        tokens = min(BURST, tokens + (now - then) * CALLS_PER_S)
        self._tokens[party] = (max(0.0, tokens - 1.0), now)
        return tokens >= 1.0

    @contextmanager
    def one_of_few(self, party: str) -> Iterator[None]:
        """Hold one of the member's places while a call is answered.

        Raises
        ------
        RefusedError
            429 when all are taken.
        """
        if self._at_once[party] >= MAX_AT_ONCE:
            raise RefusedError(429)
        self._at_once[party] += 1
        try:
            yield
        finally:
            self._at_once[party] -= 1
