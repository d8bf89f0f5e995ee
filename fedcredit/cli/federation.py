"""``fedcredit federation``: a whole federation of separate processes on one machine."""

import sys
from datetime import UTC, datetime
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
        typer.Option(metavar="FILE", help="CSV or Parquet, dealt out to the banks row by row."),
    ] = None,
    label: Annotated[str, typer.Option(help="The 0/1 column of --data, 1 = bad.")] = "bad",
    bad_definition: Annotated[
        str, typer.Option(help="What 1 means, in the words that jobs will use.", show_default=False)
    ] = "",
    witness: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Add a witness that is no member; may be repeated."),
    ] = None,
) -> None:
    """Write keys, certificates, trust and configuration of N banks and the other roles.

    Every bank gets its share of the rows as a Parquet file, and the columns are declared from the
    whole file.

    Example: fedcredit federation init fed --parties 3 --data applicants.csv
    """
    from fedcredit import machine
    from fedcredit.errors import JobError
    from fedcredit.request import DEFAULT_DEFINITION

    if data is None:
        raise JobError(
            "a federation on one machine needs a table to deal out",
            expected="--data FILE.csv and the name of its 0/1 column",
            found="no --data",
            remedy=f"fedcredit federation init {folder} --data FILE.csv --label COLUMN; "
            "banks with tables of their own: docs/how-to/run-a-party.md",
        )
    tables, declared = machine.deal(
        data,
        n_parties=parties,
        label=label,
        bad_definition=bad_definition or DEFAULT_DEFINITION,
    )
    features = [
        feature
        for name, feature in declared.features.items()
        if name != label and name not in declared.left_out
    ]
    path = machine.found(folder, tables, features=features, external_witnesses=witness or ())
    for name, why in declared.left_out.items():
        print(f"left out: {name}, {why}")
    for name, problem in declared.unusable.items():
        if name not in declared.left_out:
            print(f"left out: {name}, {problem.message}")
    others = f", {', '.join(witness)}" if witness else ""
    print(f"{len(tables)} banks, key holder, coordinator and analyst{others} are in {folder}")
    print(f"start them:    fedcredit federation up {folder}")
    print(
        f"allow, each:   fedcredit grant issue {folder}/bank-0/party.toml --purpose modelling "
        "--to analyst"
    )
    print(f"ask them:      fedcredit job run JOB.toml --federation {path}")
    print(f"or in Python:  fedcredit.Federation.load({str(path)!r})")


@app.command("up")
@verb
def up(folder: Folder) -> None:
    """Start every daemon that does not run, and wait until all of them answer.

    Example: fedcredit federation up fed
    """
    from fedcredit.errors import CoordinatorError
    from fedcredit.machine import Machine

    machine = Machine(folder)
    try:
        machine.up()
    except CoordinatorError as error:
        for line in machine.words(error.party):
            print(f"{error.party}: {line}", file=sys.stderr)
        raise
    show_table(_rows(machine.status()), right=RIGHT)


@app.command("status")
@verb
def status(folder: Folder, as_json: AsJson = False) -> None:
    """Show every daemon: role, process, state, ledger, memory, and when it was last heard of.

    The process ends with 45 when coordinator, key holder or witness does not answer, with 41 when a
    bank does not.

    Example: fedcredit federation status fed
    """
    from fedcredit.errors import CoordinatorError, PartiesMissingError
    from fedcredit.machine import Machine

    found = Machine(folder).status()
    if as_json:
        show_json(found)
    else:
        show_table(_rows(found), right=RIGHT)
        for name, said in found.items():
            words = said.get("ended_with") or said.get("problem")
            if words:
                print(f"{name}: {words}")
    down = {str(said["role"]) for said in found.values() if not said.get("ready")}
    if down:
        missing = PartiesMissingError if down == {"data-holder"} else CoordinatorError
        raise typer.Exit(missing.exit_code)


@app.command("down")
@verb
def down(folder: Folder) -> None:
    """Stop every daemon of the folder, and see that no process of it is left.

    Example: fedcredit federation down fed
    """
    from fedcredit.machine import Machine

    Machine(folder).down()
    print(f"every process of {folder} has ended")


RIGHT = ("process", "ledger", "witnessed", "memory MB", "last seen")


def _rows(found: dict[str, dict[str, object]]) -> list[dict[str, object]]:
    return [
        {
            "member": name,
            "role": said["role"],
            "process": said.get("process") or "-",
            "state": _state(said),
            "ledger": said.get("ledger_size", "-"),
            "witnessed": said.get("quorum_size") or "-",
            "memory MB": _megabytes(said.get("memory_bytes")),
            "last seen": _ago(said.get("time")),
        }
        for name, said in found.items()
    ]


def _state(said: dict[str, object]) -> str:
    if said.get("ready"):
        return "ready"
    return "not ready yet" if said.get("process") else "not running"


def _megabytes(value: object) -> str:
    return f"{value / 2**20:.0f}" if isinstance(value, int) else "-"


def _ago(moment: object) -> str:
    if not isinstance(moment, str):
        return "-"
    passed = datetime.now(UTC) - datetime.fromisoformat(moment)
    return f"{max(0, round(passed.total_seconds()))} s ago"
