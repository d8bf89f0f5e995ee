"""``fedcredit ledger``: read a ledger file, and check it without trusting who wrote it."""

import json
from pathlib import Path
from typing import Annotated

import typer

from fedcredit.cli.output import AsJson, show_json, show_table, verb

app = typer.Typer(help="Read and check what happened.", no_args_is_help=True, rich_markup_mode=None)

File = Annotated[Path, typer.Argument(hidden=True)]

SAID = {
    "run-proposed": ("purpose", "request_kind"),
    "run-approved": ("decision",),
    "grant-issued": ("grant_id", "purpose", "valid_until"),
    "grant-revoked": ("grant_id", "reason"),
    "data-asset-registered": ("asset",),
    "round-attempted": ("round", "phase"),
    "round-contributed": ("round", "phase"),
    "round-aggregated": ("round", "phase"),
    "round-opened": ("round", "phase"),
    "round-abandoned": ("round", "reason"),
    "run-failed": ("error",),
    "model-registered": ("model_id", "version"),
    "entry-refused": ("author", "code"),
}
"""Entry type -> the fields that its line shows; ``--json`` shows every field."""


@app.command("show")
@verb
def show(
    file: File,
    kind: Annotated[str, typer.Option("--type", help="Only entries of this type.")] = "",
    run: Annotated[str, typer.Option("--run", help="Only this run: its id or its start.")] = "",
    grant: Annotated[str, typer.Option("--grant", help="Only this grant and its uses.")] = "",
    party: Annotated[str, typer.Option("--party", help="Only what it wrote or is named in.")] = "",
    since: Annotated[str, typer.Option("--since", help="Only from 2026-11-23[T16:00] on.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the entries of FILE, a ledger file (SQLite), oldest first.

    Example: fedcredit ledger show demo/ledger.db --type round-opened
    """
    from fedcredit import ledger_file

    found = ledger_file.lines(file)
    if since:
        try:
            found = ledger_file.since(found, since)
        except ValueError:
            raise typer.BadParameter("a moment is written 2026-11-23 or 2026-11-23T16:00") from None
    chosen = [line for line in found if line.is_about(kind=kind, run=run, grant=grant, party=party)]
    if as_json:
        show_json([line.fact() | {"data": line.data} for line in chosen])
        return
    rows = [
        {
            "index": line.index,
            "received": line.received[:19].replace("T", " "),
            "author": line.author,
            "type": line.type,
            "says": ", ".join(
                str(line.data[name]) for name in SAID.get(line.type, ()) if name in line.data
            ),
            "run": str(line.data.get("run_id", ""))[:8],
            "entry": line.entry_id[:12],
        }
        for line in chosen
    ]
    show_table(rows, right=("index",))


@app.command("verify")
@verb
def verify(
    file: File,
    head: Annotated[bool, typer.Option("--head", help="Only the newest head.")] = False,
    rules: Annotated[bool, typer.Option("--rules", help="Also replay every rule.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Also every signature, every rule.")] = False,
    founding: Annotated[
        str, typer.Option("--founding", metavar="ID", help="Entry id it must begin with.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Check FILE, a ledger: links and tree; with --rules the rules, with --full every signature.

    The process ends with the number of the first finding. An auditor who has only the ledger room
    types ``python -m fedcredit_ledger verify`` instead.

    Example: fedcredit ledger verify demo/ledger.db --full
    """
    from fedcredit_ledger.__main__ import describe
    from fedcredit_ledger.errors import LedgerError
    from fedcredit_ledger.verify import Level, verify_file

    if not file.is_file():
        raise LedgerError(
            "there is no ledger file of this name",
            found=file.name,
            expected="a ledger file",
            remedy="fedcredit job list says where saved runs lie",
        )
    level = Level.HEAD if head else Level.CHAIN
    level = Level.RULES if rules else level
    level = Level.SIGNATURES if full else level
    report = verify_file(file, level=level, founding_entry=founding or None)
    if as_json:
        print(json.dumps(report.document(), indent=2))
    else:
        print(describe(report))
    if report.exit_code:
        raise typer.Exit(report.exit_code)
