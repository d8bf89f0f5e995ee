"""The processes of a federation on this machine, as Linux shows them: whose they are, how large.

A member's daemon starts others (TenSEAL's child, the coordinator's SuperLink, SuperExec and
ServerApp). All of them belong to the federation in whose folder they work.
"""

import os
from itertools import pairwise
from pathlib import Path

PROC = Path("/proc")

DAEMON_MODULES = {"fedcredit", "fedcredit.tethered"}
"""Modules that run a daemon, when the verb is ``start``."""

CHILD_MODULE = "fedcredit_parties.ckks_child"

SCRIPTS = {"superlink_process.py", "flower-superexec", "flwr-serverapp"}
"""Flower's programs below a coordinator."""


def left_in(folder: Path) -> list[int]:
    """Return the processes of the federation in `folder`, this one not among them.

    A process belongs to it when it runs one of our programs and its command line or its working
    directory lies in the folder; an editor that has a log open does not.
    """
    folder = folder.resolve()
    return sorted(
        process
        for process in _all()
        if process != os.getpid() and _is_ours(_words(process)) and _works_in(process, folder)
    )


def with_children(process: int) -> list[int]:
    """Return a process and everything below it."""
    parents = {other: _parent(other) for other in _all()}
    found = [process]
    for known in found:
        found += [other for other, parent in parents.items() if parent == known]
    return found


def memory_bytes(process: int) -> int:
    """Return the resident memory of a process and its children, shared pages counted once each."""
    total = 0
    for one in with_children(process):
        try:
            text = (PROC / str(one) / "smaps_rollup").read_text("ascii")
        except OSError:  # it has ended meanwhile
            continue
        total += sum(
            int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")
        )
    return total


def _all() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def _words(process: int) -> list[str]:
    try:
        return os.fsdecode((PROC / str(process) / "cmdline").read_bytes()).split("\0")
    except OSError:  # it has ended meanwhile
        return []


def _parent(process: int) -> int:
    try:
        text = (PROC / str(process) / "stat").read_text("utf-8", "replace")
    except OSError:  # it has ended meanwhile
        return 0
    # The program's name stands in parentheses and may hold anything.
    return int(text.rpartition(")")[2].split()[1])


def _is_ours(words: list[str]) -> bool:
    modules = {after for word, after in pairwise(words) if word == "-m"}
    scripts = {Path(word).name for word in words[:2]}
    is_daemon = modules & DAEMON_MODULES or "fedcredit" in scripts
    return (
        bool(is_daemon and "start" in words) or CHILD_MODULE in modules or bool(scripts & SCRIPTS)
    )


def _works_in(process: int, folder: Path) -> bool:
    if any(Path(word).is_relative_to(folder) for word in _words(process) if word.startswith("/")):
        return True
    try:
        return (PROC / str(process) / "cwd").readlink().is_relative_to(folder)
    except OSError:  # it has ended meanwhile, or is another user's
        return False
