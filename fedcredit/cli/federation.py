"""``fedcredit federation``: a whole federation of separate processes on one machine."""

from pathlib import Path
from typing import Annotated

import typer

from fedcredit.cli.output import AsJson, show_json, show_table, verb

app = typer.Typer(
    help="Found, start and stop a federation of separate processes on this machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the federation.")]


@app.command("init")
@verb
def init(
    folder: Folder,
    parties: Annotated[int, typer.Option(help="Number of banks.", min=3, max=50)] = 3,
    data: Annotated[
        Path | None,
        typer.Option(help="CSV or Parquet that is dealt out to the banks; their own when absent."),
    ] = None,
    label: Annotated[str, typer.Option(help="The 0/1 column of --data, 1 = bad.")] = "bad",
) -> None:
    """Write keys, certificates, trust and configuration of N banks and the other roles.

    With --data every bank gets its share of the rows as a Parquet file, and the columns are
    declared from the whole file.

    Example: fedcredit federation init fed --parties 3 --data applicants.csv
    """
    from fedcredit import machine
    from fedcredit.errors import JobError

    if data is None:
        raise JobError(
            "a federation on one machine needs a table to deal out",
            expected="--data FILE.csv",
            found="none",
            remedy="for banks with tables of their own see docs/how-to/run-a-party.md",
        )
    tables, features = machine.deal(data, n_parties=parties, label=label)
    path = machine.found(folder, tables, features=features)
    print(f"{len(tables)} banks, key holder, coordinator and analyst are in {folder}")
    print(f"start them:  fedcredit federation up {folder}")
    print(f"ask them:    fedcredit.Federation.load({str(path)!r})")


@app.command("up")
@verb
def up(folder: Folder) -> None:
    """Start every daemon and wait until all of them answer.

    Example: fedcredit federation up fed
    """
    from fedcredit.machine import Machine

    machine = Machine(folder)
    machine.up()
    show_table(_rows(machine.status()))


@app.command("status")
@verb
def status(folder: Folder, as_json: AsJson = False) -> None:
    """Show every daemon: process, ledger size, readiness.

    Example: fedcredit federation status fed
    """
    from fedcredit.machine import Machine

    found = Machine(folder).status()
    if as_json:
        show_json(found)
    else:
        show_table(_rows(found))


@app.command("down")
@verb
def down(folder: Folder) -> None:
    """Stop every daemon of the folder.

    Example: fedcredit federation down fed
    """
    from fedcredit.machine import Machine

    Machine(folder).down()
    print("stopped")


def _rows(found: dict[str, dict[str, object]]) -> list[dict[str, object]]:
    return [
        {
            "member": name,
            "process": status.get("process") or "-",
            "state": "ready" if status.get("ready") else "not running",
            "ledger": status.get("ledger_size", "-"),
            "witnessed": status.get("quorum_size", "-"),
        }
        for name, status in found.items()
    ]
