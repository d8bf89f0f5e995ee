"""Many signatures at once: verified beside the replay, by as many processes as there are cores.

The replay finds out, leaf by leaf, which key must have signed what; whether it did is answered by
child processes that get nothing but keys, signatures and messages. A short ledger is not worth a
process: its signatures are verified on the spot.
"""

import os
import subprocess
import sys
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from fedcredit_ledger import signature_worker
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.signature_worker import Claim, frame, verdicts

Whose = tuple[int, str]
"""Index of a leaf, name of a key that has to have signed it."""

IN_A_FRAME = 512
"""Signatures that a process is asked for in one go."""

WAITING = 3
"""Frames a process that may wait for their verdicts; the replay waits when there are more."""


class Signatures:
    """Verifies signatures in other processes and says which is the first bad one.

    Parameters
    ----------
    n_processes : int
        How many children; 0 verifies in this process.

    Notes
    -----
    A context manager: its children end with it.
    """

    def __init__(self, n_processes: int) -> None:
        self._children = [_start() for _ in range(n_processes)]
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        for child in self._children:
            self._idle.put(child)
        self._threads = ThreadPoolExecutor(max(1, n_processes))
        self._claims: list[Claim] = []
        self._whose: list[Whose] = []
        self._asked: deque[tuple[list[Whose], Future[bytes]]] = deque()
        self.first_bad: Whose | None = None

    def add(self, index: int, name: str, claim: Claim) -> None:
        """Have a signature of leaf `index` by the key `name` verified, now or later."""
        self._whose.append((index, name))
        self._claims.append(claim)
        if len(self._claims) >= IN_A_FRAME:
            self._ask()

    def _ask(self) -> None:
        asked, self._claims = self._claims, []
        whose, self._whose = self._whose, []
        if self._children:
            answer = self._threads.submit(self._answer, frame(asked), len(asked))
            self._asked.append((whose, answer))
            while len(self._asked) > WAITING * len(self._children):
                self._take()
        else:
            self._judge(whose, verdicts(asked))

    def _answer(self, request: bytes, n_asked: int) -> bytes:
        child = self._idle.get()
        assert child.stdin is not None and child.stdout is not None
        try:
            child.stdin.write(request)
            child.stdin.flush()
            found = child.stdout.read(n_asked)
        except OSError:
            found = b""
        self._idle.put(child)
        if len(found) != n_asked:
            raise LedgerError(
                "a process that verifies signatures has ended",
                expected=f"{n_asked} verdicts",
                found=f"{len(found)}",
                remedy="verify again; when it recurs, look at this machine's memory",
            )
        return found

    def _take(self) -> None:
        whose, answer = self._asked.popleft()
        self._judge(whose, answer.result())

    def _judge(self, whose: list[Whose], found: bytes) -> None:
        if self.first_bad is None and 0 in found:
            self.first_bad = whose[found.index(0)]

    def settle(self) -> Whose | None:
        """Wait for every verdict; return index and key of the first bad signature, or None."""
        if self._claims:
            self._ask()
        while self._asked:
            self._take()
        return self.first_bad

    def close(self) -> None:
        """End the children."""
        for child in self._children:
            child.kill()
        self._threads.shutdown(cancel_futures=True)
        for child in self._children:
            child.wait()
            assert child.stdin is not None and child.stdout is not None
            child.stdout.close()
            with suppress(BrokenPipeError):  # a question to one that had ended: it was reported
                child.stdin.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the children."""
        self.close()


def cores() -> int:
    """Return how many processes can run here at once."""
    return len(os.sched_getaffinity(0))


def _start() -> subprocess.Popen[bytes]:
    room = str(Path(__file__).resolve().parents[1])
    inherited = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join([room, inherited]) if inherited else room
    return subprocess.Popen(
        [sys.executable, "-P", "-m", signature_worker.__name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
