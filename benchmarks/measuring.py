"""What every benchmark here shares: facts about the machine, CPU seconds, memory, a dated file."""

import json
import os
import platform
import statistics
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """Return what a reader needs to judge the figures; no name of the machine."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "tenseal": version("tenseal"),
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def write(name: str, found: dict[str, Any]) -> Path:
    """Write a result, whole or not at all."""
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"{name}.json"
    part = target.with_suffix(".part")
    part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    part.replace(target)
    return target


def cpu_seconds(process_id: int | None = None) -> float:
    """Return CPU seconds of this process, with those of one child where it is given."""
    own = time.process_time()
    if process_id is None:
        return own
    nanoseconds = Path(f"/proc/{process_id}/schedstat").read_text(encoding="ascii").split()[0]
    return own + int(nanoseconds) / 1e9


def median_cost(
    act: Callable[[], object], *, repeats: int, clock: Callable[[], float] = time.process_time
) -> float:
    """Return the median of what `act` costs on `clock`, after one call that does not count."""
    act()
    costs = []
    for _ in range(repeats):
        start = clock()
        act()
        costs.append(clock() - start)
    return statistics.median(costs)


def median(values: Sequence[float]) -> float:
    """Return the median, rounded to what is worth writing down."""
    return float(f"{statistics.median(values):.4g}")


def peak_mb() -> float:
    """Return the largest resident memory of this process since it was started, in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median, least and most, rounded to what is worth writing down."""
    found = {"median": statistics.median(values), "least": min(values), "most": max(values)}
    return {name: float(f"{value:.4g}") for name, value in found.items()}


class Watch(ABC):
    """Something that a thread looks at while a piece of work runs; use it as a context manager.

    Parameters
    ----------
    every_s : float
        Seconds between two looks.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @abstractmethod
    def look(self) -> None:
        """Look once."""

    def __enter__(self) -> Self:
        """Start to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self._every_s):
            self.look()


class PeakMemory(Watch):
    """Largest resident memory of this process, and of it with all descendants, in MB."""

    def __init__(self) -> None:
        super().__init__(every_s=0.02)
        self.own_mb = 0.0
        self.all_mb = 0.0

    def look(self) -> None:
        """Compare with the largest so far."""
        own = _resident_mb(os.getpid())
        self.own_mb = max(self.own_mb, own)
        self.all_mb = max(self.all_mb, own + sum(map(_resident_mb, _children(os.getpid()))))


def descendants(process_id: int) -> dict[int, list[str]]:
    """Return the command lines of all processes below one, by process id."""
    found: dict[int, list[str]] = {}
    for child in _children(process_id):
        try:
            command = Path(f"/proc/{child}/cmdline").read_bytes()
        except OSError:  # it ended while we looked
            continue
        if command:  # a process that has ended has none
            found[child] = command.decode("utf-8", "replace").split("\0")
        found |= descendants(child)
    return found


def proportional_mb(process_id: int) -> float:
    """Return a process's memory with shared pages shared out (PSS), 0 when it has ended."""
    try:
        lines = Path(f"/proc/{process_id}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1e3 * 1.024


def _children(process_id: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{process_id}/task").iterdir():
        try:
            text = (task / "children").read_text(encoding="ascii")
        except OSError:  # the thread ended while we looked
            continue
        found += map(int, text.split())
    return found


def _resident_mb(process_id: int) -> float:
    try:
        pages = Path(f"/proc/{process_id}/statm").read_text(encoding="ascii").split()[1]
    except OSError:  # the process ended while we looked
        return 0.0
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6
