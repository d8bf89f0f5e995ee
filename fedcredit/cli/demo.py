"""``fedcredit demo``: four banks, one scorecard, live and in plain words."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from fedcredit.cli.output import AsJson, show_json, verb
from fedcredit.cli.signals import INTERRUPTED, ending_interrupts


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
    in_process: Annotated[
        bool,
        typer.Option("--in-process", help="Start no daemons: every role in this one process."),
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the daemons' folder, private keys and all.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let four banks fit one scorecard on real loan applicants, and show what happens.

    Starts four banks, a key holder, a coordinator and a regulator as separate processes on this
    machine, and ends them. Writes ledger, result, report and evidence into demo/, verifies the
    evidence without FedCredit, and compares: each bank alone, federated, pooled.

    Example: fedcredit demo --data customers.csv --label default_90d
    """
    from fedcredit import demo as demonstration
    from fedcredit.demo_people import people

    if data is not None and not label:
        raise typer.BadParameter("--data needs --label, the name of its 0/1 column")
    if data is None and label:
        raise typer.BadParameter("--label needs --data, the table that has the column")
    if keep and in_process:
        raise typer.BadParameter("--keep keeps daemons; --in-process starts none")
    if not in_process and not Path("/proc/self").exists():
        raise typer.BadParameter("daemons need Linux here; elsewhere: fedcredit demo --in-process")
    who = people(data, label)
    try:
        with ending_interrupts():
            outcome = demonstration.run(
                who, out=out, stream=sys.stderr, in_process=in_process, keep=keep
            )
    except KeyboardInterrupt:
        print("\nInterrupted: what was started has ended, nothing was written.", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        show_json(outcome.document())
    else:
        print(file=sys.stderr)
        print(outcome.text())
    if outcome.ledger_exit_code:
        raise typer.Exit(outcome.ledger_exit_code)
