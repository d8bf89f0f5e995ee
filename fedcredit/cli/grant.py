"""``fedcredit grant``: what this holder allows others to compute on its tables."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from fedcredit.cli.output import AsJson, show_json, show_table, verb

app = typer.Typer(
    help="Allow, list and withdraw what others may compute on our tables.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="This holder's party.toml")]


@app.command("issue")
@verb
def issue(
    config: ConfigFile,
    purpose: Annotated[str, typer.Option(help="The one purpose that is allowed.")],
    to: Annotated[str, typer.Option("--to", help="Who may ask.")],
    until: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="YYYY-MM-DD",
            help="Last moment, midnight UTC (default: 30 days).",
        ),
    ] = None,
    feature: Annotated[
        list[str] | None, typer.Option(help="A column, label included; all when absent.")
    ] = None,
    max_uses: Annotated[int | None, typer.Option(help="Runs that may use it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Sign a grant into the ledger.

    Example: fedcredit grant issue bank-a/party.toml --purpose modelling --to analyst
    """
    from fedcredit_parties import grant_entries
    from fedcredit_parties.daemon import PartySetup

    setup = PartySetup(config)
    name = setup.config.name
    issued = grant_entries.issue(
        setup.member(),
        assets=[f"{name}/{table.name}" for table in setup.config.data],
        grantee=to,
        purpose=purpose,
        features=feature or (),
        valid_until=None if until is None else until.replace(tzinfo=UTC),
        max_uses=max_uses,
    )
    if as_json:
        show_json({"entry": issued.entry_id, **issued.data})
    else:
        end = issued.data["valid_until"][:10]
        print(f"{issued.grant_id}: {to} may compute for {purpose} until {end}")
        print(f"entry {issued.entry_id}")


@app.command("revoke")
@verb
def revoke(
    config: ConfigFile,
    grant_id: Annotated[str, typer.Argument(metavar="GRANT", help="The grant's id.")],
) -> None:
    """Withdraw a grant; the next round that needs it is not answered.

    Example: fedcredit grant revoke bank-a/party.toml bank-a-modelling-0
    """
    from fedcredit_parties import grant_entries
    from fedcredit_parties.daemon import PartySetup

    grant_entries.revoke(PartySetup(config).member(), grant_id)
    print(f"{grant_id} is revoked")


@app.command("list")
@verb
def list_(config: ConfigFile, as_json: AsJson = False) -> None:
    """List the grants that the ledger holds, with their state.

    Example: fedcredit grant list bank-a/party.toml
    """
    from fedcredit_ledger.entry import format_time
    from fedcredit_parties.daemon import PartySetup

    member = PartySetup(config).member()
    now = format_time(member.clock())
    rows = [
        {
            "grant": grant.grant_id,
            "issuer": grant.issuer,
            "grantee": grant.grantee,
            "purpose": grant.purpose,
            "until": grant.valid_until[:10],
            "used": grant.n_used,
            "state": "revoked"
            if grant.revoked
            else ("expired" if grant.valid_until <= now else "live"),
        }
        for grant in member.ledger.state.grants.values()
    ]
    if as_json:
        show_json(rows)
    else:
        show_table(rows, right=("used",))
