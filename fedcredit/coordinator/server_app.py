"""The coordinator as Flower starts it: from a run's configuration to one run of the ledger.

Wiring only. Flower's ``flwr-serverapp`` process calls :func:`main` with its grid; the coordinator
is built from ``coordinator.toml`` and carries out the run that the configuration names. A process
that dies is started again by the supervisor and goes on after the last opened round.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from flwr.app import Context
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.supercore.inflatable.inflatable_utils import pull_objects

app = ServerApp()
client = ClientApp()

PULL_BACKOFF_S = 0.05
"""First pause when a reply is announced before its objects are there; Flower's own is a second."""

PULL_S = 5.0
"""How long the objects of an announced reply are waited for; then its party is asked again.

A party that died while it handed in its reply never sends the rest, and Flower would wait for two
hours, or until the party's push session is three minutes old.
"""

PARENT_S = 0.5
"""How often the parent process is looked for."""


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Carry out one run of the ledger.

    Parameters
    ----------
    grid : Grid
        Flower's way to the parties.
    context : Context
        Its `run_config` names ``run-id`` and ``config-file``.

    Raises
    ------
    PartyError, LedgerError
        When the configuration or the ledger is not usable; the run's own failures are entries of
        the ledger.
    """
    # Here, because the package of the coordinator is heavy and the stub app imports this module.
    from fedcredit.coordinator.deployment import coordinator, take_over

    answer_promptly()
    config, run_id = Path(str(context.run_config["config-file"])), str(context.run_config["run-id"])
    take_over(config, run_id)
    built = coordinator(config, grid)
    built.member.start()
    try:
        run = built.member.ledger.state.runs[run_id]
        built.carry_out(run, stop_without_parent(built.member.ask_to_stop))
    finally:
        built.member.stop()
        built.close()


def stop_without_parent(leave: Callable[[], None]) -> threading.Event:
    """Return an event that is set when the process that started this one has gone.

    Parameters
    ----------
    leave : callable
        Called then, to end what is waited for.

    Notes
    -----
    A coordinator whose SuperExec was killed must not write beside its successor.
    """
    stop, parent = threading.Event(), os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_S)
        stop.set()
        leave()

    threading.Thread(target=watch, name="parent", daemon=True).start()
    return stop


def answer_promptly() -> None:
    """Let Flower's grid look soon for a reply's objects, and give up on those that do not come.

    `HttpGrid` gives no parameters for it. A party's objects follow its reply within milliseconds,
    and a round is otherwise a second longer as often as not.
    """
    defaults = pull_objects.__kwdefaults__
    assert defaults is not None and {"initial_backoff", "max_time", "backoff_cap"} <= set(defaults)
    defaults.update(initial_backoff=PULL_BACKOFF_S, max_time=PULL_S, backoff_cap=PULL_S / 10)
