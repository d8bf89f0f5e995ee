"""``flower-superlink``, ending with the process that started it.

The coordinator starts this as a program: ``python superlink_process.py PARENT_ID OPTIONS``.
Flower's other programs have such a watch of their own; without one here, a coordinator that was
killed would find its port taken by its own SuperLink when it starts again.
"""

import os
import sys
import threading
import time

LOOK_S = 0.25


def end_with(parent: int) -> None:
    """End this process, at once, when `parent` is not its parent any more."""
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os._exit(1)


def main() -> None:
    """Run Flower's program with the options after the parent's id."""
    parent = int(sys.argv.pop(1))
    threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    from flwr.superlink.cli.flower_superlink import flower_superlink

    flower_superlink()


if __name__ == "__main__":
    main()
