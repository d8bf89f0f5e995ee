"""A command that ends with the process that started it, however that one ends.

A demonstration that is killed cannot stop its daemons any more, so each of them looks after its
parent itself: ``python -m fedcredit.tethered PARENT_ID party start party.toml``. When the parent is
gone the daemon is asked to leave in order, which ends what it has started in turn, and is ended by
force when it does not.

The parent's id is watched, rather than a pipe or the kernel's parent-death signal: a pipe stays
open in whatever else the parent has forked, and that signal is sent already when the *thread* that
started the daemon ends, as threads of a notebook do.
"""

import os
import signal
import sys
import threading
import time

LOOK_S = 0.25
"""How often the parent is looked for."""

LEAVE_S = 4.0
"""How long a daemon may take to leave in order."""


def end_with(parent: int) -> None:
    """Wait until `parent` is not the parent of this process any more, then end this process."""
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LEAVE_S)
    os._exit(1)


def main() -> int:
    """Run the command line with the arguments after the parent's id."""
    parent = int(sys.argv.pop(1))
    threading.Thread(target=end_with, args=(parent,), name="tether", daemon=True).start()
    from fedcredit.cli import main as command_line

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
