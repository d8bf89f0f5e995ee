"""``fedcredit openings``: what our entries only commit to: export it, or erase it for good."""

from pathlib import Path
from typing import Annotated

import typer

from fedcredit.cli.at_party import at_party
from fedcredit.cli.output import AsJson, show_json, show_table, verb

app = typer.Typer(
    help="Disclose or erase what our entries only commit to.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="This member's party.toml.")]
Names = Annotated[
    list[str] | None, typer.Option("--name", help="Only this field; may be repeated.")
]


@app.command("export")
@verb
def export(
    config: ConfigFile,
    out: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", show_default=False, help="Needed.")
    ],
    entry: Annotated[
        list[str] | None, typer.Option("--entry", help="Only of this entry; may be repeated.")
    ] = None,
    name: Names = None,
    as_json: AsJson = False,
) -> None:
    """Write the kept openings of our entries, INDEX.json each, for evidence pack and ledger verify.

    Whoever gets the files reads the values in them: row counts, clipped values, grants' subjects.

    Example: fedcredit openings export bank-a/party.toml -o disclosed --name n_rows
    """
    from fedcredit_parties import disclosing

    with at_party(config) as (member, kept):
        wanted = [disclosing.find_entry(member, one) for one in entry or ()]
        written = disclosing.export(member, kept, out, entries=wanted, names=frozenset(name or ()))
    rows = [{"index": index, "opened": ", ".join(names)} for index, names in written.items()]
    if as_json:
        show_json({"folder": str(out), "entries": rows})
    else:
        show_table(rows, right=("index",))


@app.command("erase")
@verb
def erase(
    config: ConfigFile,
    entry: Annotated[str, typer.Argument(metavar="[ENTRY]", help="Index or start of its id.")] = "",
    basis: Annotated[
        str, typer.Option("--basis", show_default=False, help="Law and article. Needed.")
    ] = "",
    subject: Annotated[
        Path | None, typer.Option("--subject", help="File with a token: all about this subject.")
    ] = None,
    name: Names = None,
    openings: Annotated[
        Path | None, typer.Option("--openings", metavar="DIR", help="Also from this folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Destroy what opens an own ENTRY's commitments, and say so in the ledger.

    The ledger still verifies; the field reads erased, and nobody can test a guess of it. An open
    dispute about the entry holds it. Erase exported files and backups of openings.db yourself.

    Example: fedcredit openings erase bank-a/party.toml 18 --name subject --basis "PIPL art. 47"
    """
    from fedcredit_parties import disclosing

    if bool(entry) == (subject is not None) or not basis:
        raise typer.BadParameter("name --basis, and one ENTRY or a --subject")
    rows = []
    with at_party(config) as (member, kept):
        if subject is not None:
            token = subject.read_text(encoding="utf-8").strip()
            wanted = disclosing.entries_about(member, kept, token)
        else:
            wanted = {disclosing.find_entry(member, entry): list(name or ())}
        for entry_id, names in wanted.items():
            erased = disclosing.erase(
                member, kept, entry_id, legal_basis=basis, names=names, folder=openings
            )
            index = member.ledger.replica.find(entry_id)
            rows.append({"index": index, "erased": ", ".join(erased)})
    if as_json:
        show_json(rows)
    else:
        show_table(rows, right=("index",))
