"""SIGTERM and Ctrl-C: a daemon's main thread is told and leaves, a command cleans up and ends."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

INTERRUPTED = 130
"""What a command that was interrupted ends with, as shells have it."""


def until_told(serve: Callable[[threading.Event], None]) -> None:
    """Run `serve` in this thread; SIGTERM and SIGINT set the event that it is given."""
    # A daemon's log is read weeks later: every line says when.
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING
    )
    stop = threading.Event()

    def leave(number: int, frame: object) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    serve(stop)


@contextmanager
def ending_interrupts() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the context as Ctrl-C does, so that it cleans up.

    A signal that is ignored, as ``nohup`` has it, stays ignored.
    """

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
