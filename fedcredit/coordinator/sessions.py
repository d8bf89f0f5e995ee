"""Which living daemon holds a member's place: the one that was heard first, until it falls silent.

Two daemons with one identity answer each other's messages and contradict each other in the ledger.
The front sees both. The rule needs no clock but its own:

- nobody holds the place, or its holder was silent for some seconds: whoever calls gets it;
- a new number that names the holder among its own earlier lives gets it at once: a restart;
- any other new number is refused while the holder is heard, and its daemon ends;
- a holder that was replaced as an earlier life, and is heard twice again, was alive: it gets its
  place back, the newcomer is refused, and from then on earlier lives count for nothing. Once is
  not enough: a call may have been under way when its daemon was killed.

Nothing is kept: after the coordinator's own restart the first to call holds the place.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from fedcredit_parties.session import SILENT_S

APART_S = 1.0
"""Two calls of a replaced daemon that are so far apart were not both under way when it died."""


@dataclass
class _Place:
    session: str
    heard: float
    replaced: str = ""
    heard_again: float | None = None
    is_disputed: bool = False


class Sessions:
    """Places by member.

    Parameters
    ----------
    now : callable, optional
        Monotonic seconds.

    Attributes
    ----------
    n_refused : int
        Calls of second daemons that were refused.

    Notes
    -----
    Called from one thread, the event loop's.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._places: dict[str, _Place] = {}
        self.n_refused = 0

    def hello(self, party: str, session: str, earlier: tuple[str, ...]) -> float | None:
        """Note that a daemon lives.

        Returns
        -------
        float or None
            None when it holds the place; otherwise how many seconds ago the holder was heard.
        """
        now = self._now()
        place = self._places.get(party)
        if place is None or (place.session != session and now - place.heard > SILENT_S):
            self._places[party] = _Place(session, now)
            return None
        if session == place.session:
            place.heard = now
            return None
        if session == place.replaced:
            if place.heard_again is None:
                place.heard_again = now
            elif now - place.heard_again >= APART_S:
                self._places[party] = _Place(session, now, is_disputed=True)
            return None
        if place.session in earlier and not place.is_disputed:
            self._places[party] = _Place(session, now, replaced=place.session)
            return None
        self.n_refused += 1
        return now - place.heard
