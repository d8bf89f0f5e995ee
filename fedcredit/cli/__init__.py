"""The command line: the tree of nouns and verbs, and nothing else.

A noun is a file beside this one, a verb a function in it. Each imports what is heavy inside the
verb, so that ``fedcredit --help`` answers at once.
"""

from typing import Annotated

import typer
import typer.core

from fedcredit import __version__
from fedcredit.cli import (
    audit,
    bin,
    coordinator,
    decisions,
    demo,
    describe,
    dispute,
    evidence,
    federation,
    grant,
    job,
    ledger,
    membership,
    model,
    monitor,
    openings,
    party,
    personal,
    report,
    witness,
)

# Help is plain text; with Rich at hand Typer would escape its own brackets: "\\[required]".
typer.core.HAS_RICH = False

HELP = "Several banks, one credit scorecard; nobody reads anybody, and every step is in a ledger."

app = typer.Typer(
    name="fedcredit",
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("demo")(demo.demo)
app.command("describe")(describe.describe)
app.command("bin")(bin.bin)
app.add_typer(job.app, name="job")
app.command("validate")(monitor.validate)
app.command("monitor")(monitor.monitor)
app.add_typer(model.app, name="model")
app.add_typer(report.app, name="report")
app.add_typer(grant.app, name="grant")
app.add_typer(ledger.app, name="ledger")
app.add_typer(evidence.app, name="evidence")
app.add_typer(openings.app, name="openings")
app.add_typer(dispute.app, name="dispute")
app.add_typer(audit.app, name="audit")
app.add_typer(federation.app, name="federation")
membership.add_to(party.app)
personal.add_to(party.app)
decisions.add_to(party.app, coordinator.app)
app.add_typer(party.app, name="party")
app.add_typer(coordinator.app, name="coordinator")
app.add_typer(witness.app, name="witness")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"fedcredit {__version__}")
        raise typer.Exit


@app.callback()
def _front(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Several banks, one credit scorecard; nobody reads anybody, every step is in a ledger."""


def main() -> int:
    """Run the command line; the process ends with the number of the error, 0 when all is well."""
    app()
    return 0


__all__ = ["app", "main"]
