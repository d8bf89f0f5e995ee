"""``fedcredit dispute``: say in the ledger that an entry is wrong, and how that ended."""

from pathlib import Path
from typing import Annotated

import typer

from fedcredit.cli.at_party import at_party
from fedcredit.cli.output import AsJson, show_json, show_table, verb

app = typer.Typer(
    help="Dispute an entry of the ledger.", no_args_is_help=True, rich_markup_mode=None
)

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="This member's party.toml.")]
Statement = Annotated[
    Path | None,
    typer.Option("--statement", metavar="FILE", help="Text that is committed to, and kept here."),
]


def _text(statement: Path | None) -> str:
    return "" if statement is None else statement.read_text(encoding="utf-8").strip()


@app.command("file")
@verb
def file_(
    config: ConfigFile,
    entry: Annotated[str, typer.Argument(metavar="ENTRY", help="Index, or start of its id.")],
    ground: Annotated[str, typer.Option(help="A few words that every member reads.")],
    statement: Statement = None,
    as_json: AsJson = False,
) -> None:
    """Dispute ENTRY; while this is open, nothing of it is erased and no case on it is packed.

    Example: fedcredit dispute file bank-a/party.toml 18 --ground "wrong period"
    """
    from fedcredit_parties import disclosing, ledger_acts

    said = _text(statement)
    with at_party(config) as (member, kept):
        about = disclosing.find_entry(member, entry)
        dispute_id = ledger_acts.file_dispute(
            member, about, ground=ground, statement=said, openings=kept
        )
    if as_json:
        show_json({"dispute_id": dispute_id})
    else:
        print(f"{dispute_id} is filed")


@app.command("resolve")
@verb
def resolve(
    config: ConfigFile,
    dispute: Annotated[str, typer.Argument(metavar="DISPUTE", help="The dispute's id.")],
    outcome: Annotated[str, typer.Option(help="A few words that every member reads.")],
    statement: Statement = None,
    as_json: AsJson = False,
) -> None:
    """End a dispute that we filed; a regulator may end any.

    Example: fedcredit dispute resolve bank-a/party.toml bank-a-dispute-0 --outcome corrected
    """
    from fedcredit_parties import ledger_acts

    said = _text(statement)
    with at_party(config) as (member, kept):
        ledger_acts.resolve_dispute(member, dispute, outcome=outcome, statement=said, openings=kept)
    if as_json:
        show_json({"dispute_id": dispute, "outcome": outcome})
    else:
        print(f"{dispute} is resolved")


@app.command("list")
@verb
def list_(config: ConfigFile, as_json: AsJson = False) -> None:
    """List the ledger's disputes, with the entry that each is about.

    Example: fedcredit dispute list bank-a/party.toml
    """
    with at_party(config) as (member, _):
        ledger = member.ledger
        rows = [
            {
                "dispute": dispute_id,
                "by": dispute.author,
                "about": ledger.replica.find(dispute.about),
                "ground": dispute.filed.data["ground"],
                "state": "open" if dispute.resolved is None else dispute.resolved.data["outcome"],
            }
            for dispute_id, dispute in ledger.state.disputes.items()
        ]
    if as_json:
        show_json(rows)
    else:
        show_table(rows, right=("about",))
