"""Ask every party of a roster over Flower's grid, and ask again until it answers or time is up.

A party that died holds a message that nobody will answer. So a message lives for twenty seconds,
and its header is sent again when it expires, when Flower reports the node gone, or when the party
says that it is back. A party answers a repeated header with the bytes it has kept.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flwr.app import Message
from flwr.serverapp import Grid

from fedcredit_parties.handlers import SUM
from fedcredit_parties.wire import AttemptHeader, Contribution, Refusal, is_refusal

MESSAGE_S = 20.0
"""Life of one message; after it the header is sent again."""

PULL_S = 0.01
"""First pause between two looks for replies that must come; it grows while none does."""

PULL_MOST_S = 0.1

EARLY_S = 0.25
"""Pause while the ledger says that nobody can have sent anything but a refusal."""

AGAIN_S = 1.0
"""Pause before a header is sent again that Flower could not deliver."""

CRASHED, INVALID_APP = 2, 7
"""Flower's error codes that asking again does not mend."""

_CLASS_NAME = re.compile(r"[A-Z][A-Za-z]{0,58}Error")


class StoppedError(Exception):
    """Raised when the process was asked to stop; the run goes on when it starts again."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One attempt's question to its roster.

    Attributes
    ----------
    run_id, entry_id : str
        The run and its ``round-attempted`` entry.
    roster : tuple of str
        Who must answer.
    deadline : float
        In `time.monotonic` seconds.
    """

    run_id: str
    entry_id: str
    roster: tuple[str, ...]
    deadline: float


class Replies:
    """Send headers and collect answers.

    Parameters
    ----------
    grid : Grid
        Flower's way to the parties.
    node_of : mapping of str to int
        Flower node of every party.
    """

    def __init__(self, grid: Grid, node_of: Mapping[str, int]) -> None:
        self._grid = grid
        self._node_of = dict(node_of)

    def collect(
        self,
        ask: Ask,
        *,
        n_ciphertexts: Callable[[str], int],
        accept: Callable[[str, Contribution], None],
        committed: Callable[[float], bool],
        returned: Callable[[], set[str]],
        stop: threading.Event,
    ) -> tuple[dict[str, Contribution], tuple[str, Refusal] | None]:
        """Return the contributions, and the first refusal with its party, which ends the asking.

        Parameters
        ----------
        ask : Ask
            Whom to ask what.
        n_ciphertexts : callable
            How many ciphertexts a party has committed to.
        accept : callable
            Takes a contribution; raises when it is not what its party signed.
        committed : callable
            Says, as soon as it is so or after that many seconds, whether the whole roster has
            committed. Contributions are sent after that and not before.
        returned : callable
            Parties that have said they are back since the last call.
        stop : Event
            Ends the asking.

        Raises
        ------
        StoppedError
            When `stop` is set.
        PartyError
            From `accept`, or for a malformed answer.
        """
        found: dict[str, Contribution] = {}
        waiting: dict[str, tuple[str, float]] = {}
        due = dict.fromkeys(ask.roster, 0.0)
        pause = PULL_S
        while len(found) < len(ask.roster) and time.monotonic() < ask.deadline:
            if stop.is_set():
                raise StoppedError
            for name in returned():
                if name in due:
                    due[name] = 0.0
            self._send(ask, [n for n in due if n not in found], due, waiting)
            replies = list(self._grid.pull_messages(list(waiting)))
            for reply in replies:
                name, _ = waiting.pop(reply.metadata.reply_to_message_id, ("", 0.0))
                if name and name not in found:
                    said = self._read(reply, name, n_ciphertexts)
                    if isinstance(said, Refusal):
                        return found, (name, said)
                    if said is None:
                        due[name] = time.monotonic() + AGAIN_S
                        continue
                    accept(name, said)
                    found[name] = said
            if committed(0.0 if replies else EARLY_S):
                pause = PULL_S if replies else min(PULL_MOST_S, pause * 1.5)
                stop.wait(pause)
        return found, None

    def _send(
        self,
        ask: Ask,
        names: list[str],
        due: dict[str, float],
        waiting: dict[str, tuple[str, float]],
    ) -> None:
        """Send the header to everyone whose time has come, in one call."""
        now = time.monotonic()
        content = AttemptHeader(run_id=ask.run_id, entry_id=ask.entry_id).to_records()
        asked = [name for name in names if due[name] <= now]
        messages = [
            Message(
                content,
                dst_node_id=self._node_of[name],
                message_type=SUM,
                group_id=ask.run_id,
                ttl=MESSAGE_S,
            )
            for name in asked
        ]
        sent = list(self._grid.push_messages(messages)) if messages else []
        for name, message_id in zip(asked, sent, strict=False):
            if message_id:
                waiting[message_id] = (name, now)
        for name in asked:
            reached = any(waiting_for == name for waiting_for, _ in waiting.values())
            due[name] = now + (MESSAGE_S + 1.0 if reached else AGAIN_S)

    @staticmethod
    def _read(
        reply: Message, name: str, n_ciphertexts: Callable[[str], int]
    ) -> Contribution | Refusal | None:
        """Return what a reply says; None when Flower says that nobody answered."""
        if not reply.has_content():
            if reply.error.code not in (CRASHED, INVALID_APP):
                return None
            reason = reply.error.reason or ""
            return Refusal(error=reason if _CLASS_NAME.fullmatch(reason) else "PartyError")
        if is_refusal(reply.content):
            return Refusal.from_records(reply.content)
        return Contribution.from_records(reply.content, n=n_ciphertexts(name))
