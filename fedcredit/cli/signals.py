"""A daemon leaves on SIGTERM and Ctrl-C: the main thread is told, everything else follows."""

import signal
import threading
from collections.abc import Callable


def until_told(serve: Callable[[threading.Event], None]) -> None:
    """Run `serve` in this thread; SIGTERM and SIGINT set the event that it is given."""
    stop = threading.Event()

    def leave(number: int, frame: object) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    serve(stop)
