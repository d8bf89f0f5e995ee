"""``fedcredit audit``: say in the ledger what a verification of it found."""

from pathlib import Path
from typing import Annotated

import typer

from fedcredit.cli.at_party import at_party
from fedcredit.cli.output import AsJson, show_json, verb

app = typer.Typer(
    help="Record a verification, or a proof against a member.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="This member's party.toml.")]


@app.command("record")
@verb
def record(
    config: ConfigFile,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The ledger file that is verified.")],
    as_json: AsJson = False,
) -> None:
    """Verify FILE to the last signature, and record the outcome as an auditor or a regulator.

    The file must be a copy of the federation's own ledger: its founding entry is the pinned one,
    its root the ledger's at that size.

    Example: fedcredit audit record regulator/party.toml copy.db
    """
    from fedcredit import __version__
    from fedcredit.ledger_file import demand
    from fedcredit_ledger.verify import Level, verify_file
    from fedcredit_parties import ledger_acts

    with at_party(config) as (member, _):
        report = verify_file(
            demand(file), level=Level.SIGNATURES, founding_entry=member.trust.founding_entry
        )
        entry_id = ledger_acts.record_audit(member, report, tool_version=f"fedcredit {__version__}")
    n_findings = len(report.findings)
    if as_json:
        show_json({"entry": entry_id, "size": report.size, "n_findings": n_findings})
    else:
        print(f"{report.size} leaves, {n_findings or 'no'} findings: recorded as entry {entry_id}")


@app.command("accuse")
@verb
def accuse(
    config: ConfigFile,
    proof: Annotated[Path, typer.Argument(metavar="PROOF", help="File that proves it; keep it.")],
    kind: Annotated[
        str, typer.Option("--kind", help="fork, rollback, omission, equivocation or rule.")
    ],
    accused: Annotated[str, typer.Option("--accused", help="The member.")],
    as_json: AsJson = False,
) -> None:
    """Accuse a member in the ledger, by the digest of PROOF.

    Example: fedcredit audit accuse bank-a/party.toml heads.txt --kind fork --accused coordinator
    """
    from fedcredit_parties import ledger_acts

    raw = proof.read_bytes()
    with at_party(config) as (member, _):
        entry_id = ledger_acts.accuse(member, raw, kind=kind, accused=accused)
    if as_json:
        show_json({"entry": entry_id, "kind": kind, "accused": accused})
    else:
        print(f"entry {entry_id}: {accused} is accused of {kind}; keep {proof}")
