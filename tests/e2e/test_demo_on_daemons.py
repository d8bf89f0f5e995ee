"""The demonstration as people start it: its own daemons, the simulation's numbers, nothing left.

What is left is looked for by the processes that the demonstration had started, all the way down to
TenSEAL's child and Flower's ServerApp, and by the folder that their command lines name.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from fedcredit import demo
from fedcredit.demo_people import people
from fedcredit.errors import CoordinatorError
from fedcredit.machine import Machine
from fedcredit.machine_processes import left_in, with_children
from fedcredit_ledger.verify import Level, verify_file

GONE_S = 8.0
"""Within so long everything must have ended."""


def as_at_a_terminal() -> None:
    """Undo what ``nohup`` or a script's background has ignored for the tests themselves."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def started(out: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Start ``fedcredit demo`` in a session of its own; nothing of it outlives the context."""
    command = [sys.executable, "-m", "fedcredit", "demo", "--out", str(out), *options]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=as_at_a_terminal,
    )
    try:
        yield process
    finally:
        below = family(process.pid)
        process.kill()
        process.communicate()
        for one in below:
            if is_alive(one):
                os.kill(one[0], signal.SIGKILL)


def family(process: int) -> set[tuple[int, str]]:
    """Return the processes below a process, each with its time of start."""
    found = {(one, start_of(one)) for one in with_children(process) if one != process}
    return {one for one in found if one[1]}


def start_of(process: int) -> str:
    """Return when a process was started; empty when it has ended or waits to be reaped."""
    try:
        text = Path(f"/proc/{process}/stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    state, *rest = text.rpartition(")")[2].split()
    return "" if state == "Z" else rest[18]


def is_alive(one: tuple[int, str]) -> bool:
    return start_of(one[0]) == one[1]


def still_there(processes: set[tuple[int, str]], folder: Path) -> list[str]:
    """Return the command lines of what is alive of `processes`, and of what works in `folder`."""
    alive = {one[0] for one in processes if is_alive(one)} | set(left_in(folder))
    found = []
    for one in sorted(alive):
        with suppress(FileNotFoundError):  # it has ended at this moment
            words = Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0")
            found.append(b" ".join(words).decode())
    return found


def until(look: Callable[[], bool], *, within_s: float) -> bool:
    """Say whether something becomes true in time."""
    deadline = time.monotonic() + within_s
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_the_demonstration_gives_the_numbers_of_the_simulation_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    with started(tmp_path / "demo", "--json") as process:
        seen: set[tuple[int, str]] = set()
        while process.poll() is None:
            seen |= family(process.pid)
            time.sleep(0.2)
        assert process.stdout is not None and process.stderr is not None
        document = json.loads(process.stdout.read())
        told = process.stderr.read()
    with open(os.devnull, "w", encoding="utf-8") as silent:
        simulated = demo.run(people(), out=tmp_path / "simulated", stream=silent, in_process=True)

    assert process.returncode == 0
    saved = json.loads((tmp_path / "demo" / "result.json").read_text("utf-8"))
    expected = json.loads((tmp_path / "simulated" / "result.json").read_text("utf-8"))
    assert saved["model"] == expected["model"]
    assert saved["metrics"] == expected["metrics"]
    released = [[row[key] for key in ("log_loss", "step_size")] for row in saved["history"]]
    assert released == [
        [row[key] for key in ("log_loss", "step_size")] for row in expected["history"]
    ]
    assert document["comparison"]["coefficient_difference"] < 1e-6
    assert simulated.comparison.has_equal_bins and document["comparison"]["has_equal_bins"]
    report = verify_file(tmp_path / "demo" / "ledger.db", level=Level.SIGNATURES)
    assert report.findings == [] and report.size == document["ledger"]["size"]
    assert document["seconds"] < 60
    assert "bank-3 is late: the grants above were final without it, signed within" in told
    assert "regulator" in document["quorum"]["signed"]
    assert document["verdict"][-1] == "VALID: no findings"
    # Four banks, key holder, coordinator, regulator, SuperLink, SuperExec, ServerApp, TenSEAL's
    # children.
    assert len(seen) >= 11
    assert not [one for one in seen if is_alive(one)]
    assert left_in(tmp_path) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo", "simulated"]


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_demonstration_that_is_ended_in_mid_run_leaves_no_process(
    tmp_path: Path, number: signal.Signals
) -> None:
    with started(tmp_path / "demo") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.strip().startswith("round  4"):
                break
        below = family(process.pid)
        # With a ServerApp, and the TenSEAL of every bank, the key holder and the coordinator.
        assert len(below) >= 16

        process.send_signal(number)

        until(lambda: not still_there(below, tmp_path), within_s=GONE_S)
        assert still_there(below, tmp_path) == []
        process.communicate()
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_a_bank_that_ends_stops_the_demonstration_and_its_log_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    with started(out) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.strip().startswith("round  4"):
                break
        below = family(process.pid)
        (folder,) = tmp_path.glob(".fedcredit-demo-*/federation")
        bank = Machine(folder).process("bank-1")
        assert bank is not None

        os.kill(bank, signal.SIGKILL)
        _, told = process.communicate(timeout=60)

    assert process.returncode == CoordinatorError.exit_code
    assert "the process of bank-1 has ended" in told
    assert f"kept: {out / 'logs'}" in told
    assert {"bank-1.log", "coordinator.log", "superlink.log"} <= {
        path.name for path in (out / "logs").iterdir()
    }
    assert not [one for one in below if is_alive(one)]
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
    assert not list(out.rglob("*.key"))
