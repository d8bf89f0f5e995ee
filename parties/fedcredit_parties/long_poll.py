"""One long poll for all threads of a member that wait for the same thing.

A member's loops often wait for the same news. Only one of them asks; the others wait for it, and
all look when something has come.
"""

import threading
import time
from collections.abc import Callable


class LongPoll:
    """Lets one thread ask while the others wait.

    Parameters
    ----------
    news : Condition
        Notified by whoever adds something; its lock guards what `newest` reads.
    newest : callable
        Number of the newest thing that is here; it grows.
    fetch : callable
        Asks for more, for so many seconds at most, and adds what comes.
    """

    def __init__(
        self,
        news: threading.Condition,
        newest: Callable[[], int],
        fetch: Callable[[float], None],
    ) -> None:
        self._news = news
        self._newest = newest
        self._fetch = fetch
        self._asking = False

    def ask(self, *, timeout_s: float, beyond: int | None) -> None:
        """Return when something newer than `beyond` is here, or after `timeout_s`.

        Parameters
        ----------
        timeout_s : float
            Longest wait in seconds; 0 asks for what is there now.
        beyond : int, optional
            Number that the caller has looked at, by default the newest here. When another thread
            has gone beyond it meanwhile, there is something new to look at, and nobody waits or
            asks.
        """
        if timeout_s <= 0:
            self._fetch(0.0)
            return
        deadline = time.monotonic() + timeout_s
        with self._news:
            seen = self._newest() if beyond is None else beyond
            while self._asking and self._newest() <= seen:
                left = deadline - time.monotonic()
                if left <= 0:
                    return
                self._news.wait(left)
            if self._newest() > seen:
                return
            self._asking = True
        try:
            self._fetch(max(0.0, deadline - time.monotonic()))
        finally:
            with self._news:
                self._asking = False
                self._news.notify_all()
