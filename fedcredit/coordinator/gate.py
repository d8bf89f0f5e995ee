"""Who may come to the front: a signature by the key that the ledger holds, fresh, and once.

A stranger, a known name with another's signature, an altered request, an old one and one that was
here before get the same answer. Nothing of a body is read before its signature is checked.
"""

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from fedcredit.coordinator.newest_requests import NewestRequests
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

ENTRIES_PER_S = 50.0
ENTRIES_BURST = 5000.0
"""Token bucket of one member's ledger entries: a bank writes one a round."""

STRANGE_PER_S = 20.0
STRANGE_BURST = 200.0
"""Token bucket of one address for requests that are not a member's."""

INVITED_COST = 5.0
"""Tokens of that bucket for a call of somebody who is invited and no member yet."""

MAX_ADDRESSES = 4096
"""Addresses, and connections of members, that are remembered; the longest silent go first."""


class RefusedError(Exception):
    """A request is not answered; `status` is all that the caller learns."""

    def __init__(self, status: int) -> None:
        super().__init__(f"refused with {status}")
        self.status = status


class Bucket:
    """Token buckets by name, as many as were used last.

    Parameters
    ----------
    per_s, burst : float
        How fast a bucket fills, and how full it gets.
    most : int, optional
        Largest number of buckets; a new one takes the place of the one used longest ago.
    """

    def __init__(self, per_s: float, burst: float, most: int = MAX_ADDRESSES) -> None:
        self._per_s, self._burst, self._most = per_s, burst, most
        self._filled: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of buckets."""
        return len(self._filled)

    def left(self, name: str) -> float:
        """Return the tokens in a bucket."""
        now = time.monotonic()
        tokens, then = self._filled.get(name, (self._burst, now))
        return min(self._burst, tokens + (now - then) * self._per_s)

    def take(self, name: str, n: float = 1.0) -> bool:
        """Take `n` tokens out if there are as many; say whether there were."""
        tokens = self.left(name)
        enough = tokens >= n
        self._filled[name] = (tokens - n if enough else tokens, time.monotonic())
        self._filled.move_to_end(name)
        while len(self._filled) > self._most:
            self._filled.popitem(last=False)
        return enough


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
    memory : Path, optional
        File that lets a restarted gate refuse what was answered before; see `NewestRequests`.
    invited : callable, optional
        Returns the signing key of somebody who is to join and is no party; empty for nobody.

    Raises
    ------
    CoordinatorError
        When the file is not one that a gate wrote.

    Notes
    -----
    Called from one thread, the event loop's.
    """

    def __init__(
        self,
        *,
        origin: str,
        state: Callable[[], State],
        clock: Callable[[], datetime],
        memory: Path | None = None,
        invited: Callable[[str], str] = lambda name: "",
    ) -> None:
        self.clock = clock
        self._origin = origin
        self._state = state
        self._invited = invited
        self._seen: set[tuple[str, str]] = set()
        self._seen_until: deque[tuple[float, tuple[str, str]]] = deque()
        self._calls = Bucket(CALLS_PER_S, BURST)
        self._entries = Bucket(ENTRIES_PER_S, ENTRIES_BURST)
        self._strange = Bucket(STRANGE_PER_S, STRANGE_BURST)
        self._known: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._newest = NewestRequests(memory)
        self._at_once: Counter[str] = Counter()
        # A name that nobody has is checked against a key that nobody has: it takes as long.
        self._nobody = SigningKey.generate("nobody").verifier

    def admit(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[bytes, bytes]],
        peer: tuple[str, int] = ("", 0),
        *,
        from_invited: bool = False,
    ) -> SignedRequest:
        """Check everything but the body.

        Parameters
        ----------
        method, target : str
            As they stand on the wire.
        headers : iterable of (bytes, bytes)
            The same.
        peer : (str, int)
            Address and port of the caller.
        from_invited : bool, default False
            Whether the call is for those who are invited to join, and for nobody else. Each of
            these calls counts against its address as a stranger's.

        Raises
        ------
        RefusedError
            401 for whoever is not a member with a fresh request of its own; 429 for a member that
            asks too often, and for an address from which too many come that are none; 503 for a
            request that may have been answered before a restart: it is to be signed again.
        """
        if peer not in self._known and self._strange.left(peer[0]) < 1.0:
            raise RefusedError(429)
        try:
            request = self._checked(method, target, headers, from_invited)
        except RefusedError:
            self._strange.take(peer[0])
            raise
        if from_invited and not self._strange.take(peer[0], INVITED_COST):
            raise RefusedError(429)
        if not self._calls.take(request.party):
            raise RefusedError(429)
        if not self._newest.comes_after(request.party, parse_time(request.time)):
            raise RefusedError(503)
        self._remember(request)
        if from_invited:
            return request
        self._known[peer] = None
        self._known.move_to_end(peer)
        while len(self._known) > MAX_ADDRESSES:
            self._known.popitem(last=False)
        return request

    def _checked(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[bytes, bytes]],
        from_invited: bool,
    ) -> SignedRequest:
        now = self.clock()
        try:
            request = SignedRequest.parse(headers)
            age_s = (now - parse_time(request.time)).total_seconds()
            request.verify(
                self._key(request.party, from_invited),
                origin=self._origin,
                method=method,
                target=target,
            )
        except (LedgerError, MalformedMessageError):
            raise RefusedError(401) from None
        if abs(age_s) > CLOCK_WINDOW_S or not self._is_first_time(request):
            raise RefusedError(401)
        return request

    def afford_entries(self, party: str, n: int) -> None:
        """Let a member hand in `n` entries.

        Raises
        ------
        RefusedError
            429 when it has handed in too many.
        """
        if not self._entries.take(party, n):
            raise RefusedError(429)

    def _key(self, name: str, from_invited: bool) -> VerifierKey:
        party = self._state().parties.get(name)
        vkey = "" if party is None else party.signing_vkey
        if from_invited:
            vkey = "" if vkey else self._invited(name)
        return VerifierKey.parse(vkey) if vkey else self._nobody

    def _is_first_time(self, request: SignedRequest) -> bool:
        now = time.monotonic()
        while self._seen_until and self._seen_until[0][0] < now:
            self._seen.discard(self._seen_until.popleft()[1])
        return (request.party, request.nonce) not in self._seen

    def _remember(self, request: SignedRequest) -> None:
        """Remember a nonce for as long as its request could still be fresh."""
        name = (request.party, request.nonce)
        self._seen.add(name)
        self._seen_until.append((time.monotonic() + 2 * CLOCK_WINDOW_S + 1, name))

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
