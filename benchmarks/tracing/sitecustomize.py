"""Write down when the calls of a round begin and end, in every Python process of a benchmark.

Python imports a module of this name by itself. With this folder on ``PYTHONPATH`` and
``FEDCREDIT_TRACE`` naming a folder, the calls below are timed in whatever process makes them: the
daemons, and the ServerApp that Flower starts. The product knows nothing of it. One line a call:
name, begin and end on the machine's monotonic clock, thread, and what the call was about.
"""

import functools
import importlib.machinery
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

CALLS: dict[str, tuple[str, ...]] = {
    "fedcredit_parties.ckks": ("Engine.encrypt", "Engine.add", "Engine.open", "Engine.new_keys"),
    "fedcredit_parties.ledger_client": (
        "LedgerClient.append",
        "LedgerClient.wait",
        "LedgerClient.witnessed",
    ),
    "fedcredit_parties.mailbox": ("Mailbox.send", "Mailbox.wait"),
    "fedcredit_parties.front_client": ("FrontClient.put_blob", "FrontClient.get_blob"),
    "fedcredit_parties.data_holder": (
        "DataHolder.answer",
        "DataHolder._contribute",
        "DataHolder.consider",
        "addend",
        "mask",
    ),
    "fedcredit_parties.key_holder": (
        "KeyHolder.open",
        "KeyHolder.publish_context",
        "release",
        "seal_release",
    ),
    "fedcredit.coordinator.rounds": (
        "Coordinator.carry_out",
        "Coordinator._attempt",
        "Coordinator._collect",
        "Coordinator._wait_for_opening",
    ),
}
"""Module -> calls that are timed. A name that is not there any more ends the process: no figure is
better than a wrong one."""

_lock = threading.Lock()


def about(name: str, args: Sequence[Any]) -> str:
    """Return what a call was about: the entry, the kind of entry."""
    if name == "LedgerClient.append":
        return str(args[1])
    if name == "DataHolder.answer":
        return str(args[1].entry_id)
    if name in ("Coordinator._collect", "DataHolder._contribute"):
        return str(args[2].entry_id)
    if name == "KeyHolder.open":
        return str(args[2].get("aggregated"))
    return ""


def timed(name: str, call: Callable[..., Any], folder: str) -> Callable[..., Any]:
    """Return `call`, which now leaves a line behind."""

    @functools.wraps(call)
    def timing(*args: Any, **options: Any) -> Any:
        told, begun = about(name, args), time.monotonic()
        try:
            return call(*args, **options)
        finally:
            line = json.dumps([name, begun, time.monotonic(), threading.get_ident(), told])
            with _lock, open(f"{folder}/{os.getpid()}.jsonl", "a", encoding="utf-8") as file:
                file.write(f"{line}\n")

    return timing


def wrap(module: ModuleType, folder: str) -> None:
    """Time the calls of one module."""
    for name in CALLS[module.__name__]:
        owner: Any = module
        *outer, last = name.split(".")
        for part in outer:
            owner = getattr(owner, part)
        setattr(owner, last, timed(name, getattr(owner, last), folder))


class Finder(MetaPathFinder):
    """Wrap the modules of `CALLS` when they are imported."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find what everybody finds; let it be wrapped after it ran."""
        if name not in CALLS:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            execute = loader.exec_module

            def execute_and_wrap(module: ModuleType) -> None:
                execute(module)
                wrap(module, self._folder)

            loader.exec_module = execute_and_wrap
        return spec


if os.environ.get("FEDCREDIT_TRACE"):
    sys.meta_path.insert(0, Finder(os.environ["FEDCREDIT_TRACE"]))
