"""A federation that nobody closes ends all the same: its threads, its child processes, its process.

One program founds two. It interrupts a run of each, as one does in a notebook; the first it drops
by naming something else like it, the second it forgets. What counts is what is left of it.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROGRAM = """
import gc, threading, warnings
from tests.simulated import bank_frames, parts, small_federation, small_job

warnings.simplefilter("always")

def interrupted():
    def look(progress):
        if progress.phase == "bins":
            raise KeyboardInterrupt
    federation = small_federation(bank_frames(3, n_rows=80))
    try:
        federation.run(small_job(features=("income",), run_deadline_s=900), progress=look)
    except KeyboardInterrupt:
        pass
    sim = parts(federation)
    members = [sim.coordinator, sim.key_holder, *sim.holders.values()]
    print(*(m.engine.process_id for m in members if m.engine.process_id is not None), flush=True)
    return federation

federation = interrupted()
federation = "something else"
gc.collect()
print(len(threading.enumerate()), flush=True)
federation = interrupted()
"""


@dataclass(frozen=True)
class Remains:
    """What the program said, and with what code it ended."""

    dropped: list[int]
    forgotten: list[int]
    n_threads: int
    code: int
    warnings: str


@pytest.fixture(scope="module")
def remains() -> Remains:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "FLWR_TELEMETRY_ENABLED": "0"},
        capture_output=True,
        text=True,
        timeout=150,  # far below the runs' deadline: nobody waits for it
        check=False,
    )
    first, threads, second = ([int(x) for x in line.split()] for line in done.stdout.splitlines())
    return Remains(first, second, threads[0], done.returncode, done.stderr)


def _are_gone(process_ids: list[int]) -> bool:
    deadline = time.monotonic() + 10.0
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{each}").exists() for each in process_ids):
            return True
        time.sleep(0.05)
    return False


def test_a_federation_that_is_dropped_ends_then_and_there(remains: Remains) -> None:
    assert len(remains.dropped) >= 4  # the key holder's child and the banks'
    assert remains.n_threads == 1
    assert _are_gone(remains.dropped)


def test_a_program_that_forgets_its_federation_ends_at_once_with_its_children(
    remains: Remains,
) -> None:
    assert remains.code == 0, remains.warnings
    assert len(remains.forgotten) >= 4
    assert _are_gone(remains.forgotten)


def test_whoever_does_not_close_is_warned_each_time(remains: Remains) -> None:
    assert remains.warnings.count("ResourceWarning: a federation was not closed") == 2
