"""``fedcredit coordinator``: the ledger's sequencer, the front and Flower's SuperLink."""

from pathlib import Path
from typing import Annotated

import typer

from fedcredit.cli.output import AsJson, show_json, show_table, verb

app = typer.Typer(
    help="Run the coordinator: it routes, records and adds, and reads nothing.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="coordinator.toml")]


@app.command("start")
@verb
def start(config: ConfigFile) -> None:
    """Run the coordinator until SIGTERM.

    Example: fedcredit coordinator start coordinator/coordinator.toml
    """
    from fedcredit.cli.signals import until_told
    from fedcredit.coordinator import daemon

    until_told(lambda stop: daemon.run(config, stop))


@app.command("status")
@verb
def status(config: ConfigFile, as_json: AsJson = False) -> None:
    """Show what the coordinator last said of itself, and whether it runs.

    Example: fedcredit coordinator status coordinator/coordinator.toml
    """
    from fedcredit.coordinator.config import CoordinatorConfig
    from fedcredit_parties.config import resolve
    from fedcredit_parties.daemon import read_status

    found = read_status(resolve(config.resolve().parent, CoordinatorConfig.read(config).state))
    if as_json:
        show_json(found)
        return
    runs = found.pop("runs", {})
    show_table([{"what": key, "is": value} for key, value in found.items()])
    if isinstance(runs, dict) and runs:
        print()
        show_table([{"run": run, "status": word} for run, word in runs.items()])
