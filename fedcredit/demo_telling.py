"""How the demonstration is told: its steps, what belongs to each, and where the time went."""

import textwrap
import time
from collections.abc import Callable
from typing import TextIO

from fedcredit.run_progress import Progress

LATE_S = 5.0
"""A wait of this length is told."""

WIDTH = 93
"""Letters of a sentence on one line, beside the indent."""

TOLD = {
    "quantiles": "bin edges: each bank counts its customers on a fine grid",
    "bins": "bins: goods and bads in each, over all banks together",
    "newton": "Newton step: each bank sends how its error slopes and bends",
    "metrics": "judgement: scores counted on the hold-out and in training",
}
"""Phase -> what happens in it."""


class Telling:
    """Tells the steps, and keeps how long each part has taken.

    Parameters
    ----------
    stream : text file
        Where it is told.

    Attributes
    ----------
    spent : dict of str to float
        Part -> seconds.
    """

    def __init__(self, stream: TextIO) -> None:
        self.spent: dict[str, float] = {}
        self._stream = stream
        self._since = time.monotonic()
        self._steps = 0

    def step(self, title: str, text: str) -> None:
        """Tell what begins, under the next number."""
        self._steps += 1
        between = "\n" if self._steps > 1 else ""
        print(f"{between}{self._steps}. {title}: {text}", file=self._stream, flush=True)

    def detail(self, text: str) -> None:
        """Tell something of the step."""
        print(f"   {text}", file=self._stream, flush=True)

    def say(self, sentence: str) -> None:
        """Tell a sentence of the step, on as many lines as it needs."""
        for line in textwrap.wrap(sentence, WIDTH, break_long_words=False, break_on_hyphens=False):
            self.detail(line)

    def lap(self, part: str) -> None:
        """Add the time since the last lap to that of `part`."""
        now = time.monotonic()
        self.spent[part] = self.spent.get(part, 0.0) + now - self._since
        self._since = now


class Rounds:
    """Tells every round once, when it begins, and for whom it waits when that takes long.

    Parameters
    ----------
    telling : Telling
        Where it is told.
    check : callable
        Called at every look; raises when nobody will answer any more.
    """

    def __init__(self, telling: Telling, check: Callable[[], None]) -> None:
        self._telling = telling
        self._check = check
        self._told = 0
        self._waited: tuple[object, ...] = ()

    def __call__(self, progress: Progress) -> None:
        """Look at the run once."""
        self._check()
        if progress.round > self._told and progress.phase in TOLD:
            self._told = progress.round
            loss = "" if progress.log_loss is None else f" (log loss {progress.log_loss:.6f})"
            self._telling.detail(f"round {progress.round:>2}  {TOLD[progress.phase]}{loss}")
        waited = (progress.round, *progress.waiting_for)
        if progress.waiting_s > LATE_S and waited != self._waited:
            self._waited = waited
            self._telling.detail(f"          waiting for {', '.join(progress.waiting_for)}")
