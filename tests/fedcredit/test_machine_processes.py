"""What belongs to a federation on this machine, and what ends when its parent is gone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from fedcredit import tethered
from fedcredit.machine_processes import left_in, memory_bytes, with_children

SLEEP = "import time; time.sleep(60)"

TETHERED_CHILD = f"""
import os, threading, time
from fedcredit import tethered
threading.Thread(target=tethered.end_with, args=(os.getppid(),), daemon=True).start()
print("watching", flush=True)
{SLEEP}
"""

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, text=True)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def is_there(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_tethered_process_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, TETHERED_CHILD], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert is_there(child)

    parent.send_signal(signal.SIGKILL)
    parent.communicate()

    deadline = time.monotonic() + 2 * tethered.LOOK_S + 2.0
    while is_there(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_there(child)


def test_only_our_programs_in_the_folder_belong_to_it(tmp_path: Path) -> None:
    config = str(tmp_path / "bank-0" / "party.toml")
    (tmp_path / "superlink_process.py").write_text(SLEEP, "utf-8")
    commands = {
        "daemon": [sys.executable, "-c", SLEEP, "-m", "fedcredit", "party", "start", config],
        "tethered": [sys.executable, "-c", SLEEP, "-m", "fedcredit.tethered", "1", "start", config],
        "superlink": [sys.executable, str(tmp_path / "superlink_process.py")],
        "editor": [sys.executable, "-c", SLEEP, config],
        "elsewhere": [sys.executable, "-c", SLEEP, "-m", "fedcredit", "party", "start", "/x.toml"],
        "question": [sys.executable, "-c", SLEEP, "-m", "fedcredit", "party", "check", config],
    }
    started = {name: subprocess.Popen(command) for name, command in commands.items()}
    try:
        time.sleep(0.3)

        found = left_in(tmp_path)
        below = with_children(os.getpid())
        memory = memory_bytes(started["daemon"].pid)
    finally:
        for process in started.values():
            process.kill()
            process.wait()

    ours = {started[name].pid for name in ("daemon", "tethered", "superlink")}
    assert set(found) == ours
    assert {process.pid for process in started.values()} <= set(below)
    assert 2**20 < memory < 2**28
    assert left_in(tmp_path) == []
