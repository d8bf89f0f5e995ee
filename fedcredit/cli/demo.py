"""``fedcredit demo``: three banks, one scorecard, live and in plain words."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from fedcredit.cli.output import AsJson, show_json, verb


@verb
def demo(
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FILE.csv", help="Your own table; default: the project's."),
    ] = None,
    label: Annotated[
        str, typer.Option("--label", metavar="COLUMN", help="Its 0/1 column, 1 = bad.")
    ] = "",
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="DIR", show_default=False, help="Where to write (default: demo)."
        ),
    ] = Path("demo"),
    as_json: AsJson = False,
) -> None:
    """Let three banks fit one scorecard on real loan applicants, and show what happens.

    Writes the ledger, the result and the report into demo/, then compares: each bank alone,
    federated, pooled.

    Example: fedcredit demo --data customers.csv --label default_90d
    """
    from fedcredit import demo as demonstration

    if data is not None and not label:
        raise typer.BadParameter("--data needs --label, the name of its 0/1 column")
    if data is None and label:
        raise typer.BadParameter("--label needs --data, the table that has the column")
    people = demonstration.people(data, label)
    outcome = demonstration.run(people, out=out, stream=sys.stderr)
    if as_json:
        show_json(outcome.document())
    else:
        print(outcome.text())
    if outcome.ledger_exit_code:
        raise typer.Exit(outcome.ledger_exit_code)
