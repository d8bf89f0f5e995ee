"""``fedcredit party``: this organisation's daemon."""

from pathlib import Path
from typing import Annotated

import typer

from fedcredit.cli.output import AsJson, show_json, show_table, verb

app = typer.Typer(
    help="Run this organisation's daemon.", no_args_is_help=True, rich_markup_mode=None
)

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="party.toml")]


@app.command("start")
@verb
def start(config: ConfigFile) -> None:
    """Run the daemon until SIGTERM: data, keys, ledger copy, witness; outbound connections only.

    Example: fedcredit party start bank-a/party.toml
    """
    from fedcredit.cli.signals import until_told
    from fedcredit_parties import daemon

    until_told(lambda stop: daemon.run(config, stop))


@app.command("status")
@verb
def status(config: ConfigFile, as_json: AsJson = False) -> None:
    """Show what the daemon last said of itself, and whether it runs.

    Example: fedcredit party status bank-a/party.toml
    """
    from fedcredit_parties.config import PartyConfig, resolve
    from fedcredit_parties.daemon import read_status

    folder = resolve(config.resolve().parent, PartyConfig.read(config).state)
    found = read_status(folder)
    if as_json:
        show_json(found)
        return
    runs = found.pop("runs", {})
    show_table([{"what": key, "is": value} for key, value in found.items()])
    if isinstance(runs, dict) and runs:
        print()
        show_table([{"run": run, "status": word} for run, word in runs.items()])


@app.command("check")
@verb
def check(config: ConfigFile, as_json: AsJson = False) -> None:
    """Open everything that the daemon would open, and say what is wrong in words.

    Configuration, keys, certificates and their dates, clock, tables, coordinator, ledger head and
    pins. Nothing is written to the ledger. The process ends with the number of the first finding.

    Example: fedcredit party check bank-a/party.toml
    """
    from fedcredit_parties.party_check import check_party

    findings = check_party(config)
    if as_json:
        show_json([finding.document() for finding in findings])
    else:
        show_table([{"what": f.what, "": f.mark, "found": f.sentence} for f in findings])
    for finding in findings:
        if finding.exit_code:
            raise typer.Exit(finding.exit_code)
