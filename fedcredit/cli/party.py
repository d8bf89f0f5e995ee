"""``fedcredit party``: this organisation's member: founded, checked, started."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from fedcredit.cli.output import AsJson, show_findings, show_json, show_table, verb

app = typer.Typer(
    help="Found this organisation's member, and run its daemon.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="This member's party.toml.")]

Known = Annotated[
    list[Path] | None,
    typer.Option(help="Founder file that its owner gave us, not the coordinator; may be repeated."),
]


@app.command("init")
@verb
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New folder of this member.")],
    name: Annotated[str, typer.Option(help="Name in the ledger: small letters, digits, hyphens.")],
    role: Annotated[
        str, typer.Option(help="data-holder, key-holder, requester, witness, regulator, auditor.")
    ],
    table: Annotated[
        list[Path] | None, typer.Option(help="CSV or Parquet file of a data holder.")
    ] = None,
    coordinator: Annotated[
        str | None, typer.Option(help="https://host:port, when it is known and not the draft's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make this member's keys, a draft of party.toml, and the one file to send.

    Example: fedcredit party init bank-a --name bank-a --role data-holder --table loans.parquet
    """
    from fedcredit.cli.founding_view import show_keys
    from fedcredit.member_founding import init_party

    identity, public = init_party(
        folder, name=name, role=role, tables=table or (), coordinator=coordinator
    )
    show_keys(identity, folder, public, as_json=as_json)


@app.command("schema")
@verb
def schema(
    config: ConfigFile,
    label: Annotated[str, typer.Option(help="The 0/1 column, 1 = bad.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="New file of declared columns.")],
    leave_out: Annotated[
        list[str] | None, typer.Option(help="A column that is no feature: an id, a date.")
    ] = None,
    join: Annotated[
        list[Path] | None, typer.Option(help="Another member's draft: widest bounds, all levels.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draft the declared columns from our own table, for the members to agree on.

    The file tells whoever gets it the smallest and largest value of each column, rounded outward to
    two significant digits, and its 50 most frequent levels: read it before you send it.

    Example: fedcredit party schema bank-a/party.toml --label bad -o bank-a.schema.json
    """
    from fedcredit.schema_draft import draft_features, join_features, write_draft

    features, identifiers = draft_features(config, label=label, leave_out=leave_out or ())
    features = join_features(features, join or ())
    write_draft(features, output)
    for name in identifiers:
        print(
            f"look at {name}: every row has its own value. If it names a loan or a person, do not "
            f"send {output}; remove it and draft again with --leave-out {name}",
            file=sys.stderr,
        )
    if as_json:
        show_json([feature.to_dict() for feature in features])
        return
    show_table(
        [
            {
                "column": f.name,
                "kind": f.kind,
                "from": "" if f.lower is None else f"{f.lower:g}",
                "to": "" if f.upper is None else f"{f.upper:g}",
                "scale": f.scale if f.kind == "numeric" else "",
                "levels": ", ".join(f.levels),
            }
            for f in features
        ],
        right=("from", "to"),
    )
    print(f"\nwritten: {output}. Whoever gets it reads the above; all members use one file.")


@app.command("cosign")
@verb
def cosign(
    config: ConfigFile,
    draft: Annotated[Path, typer.Argument(metavar="DRAFT", help="The coordinator's draft.")],
    known: Known = None,
    yes: Annotated[bool, typer.Option("--yes", help="Sign without asking.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Signature file; NAME.signature.json.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what the founding entry says, and sign it.

    Refused when our own keys are not in it as we made them, when a member whose founder file we got
    from itself (--known) has other keys, or when the policy's numbers are not those of its digest.

    Example: fedcredit party cosign bank-a/party.toml ours.draft.json --known bank-b.founder.json
    """
    from fedcredit.cli.founding_view import confirm, founding_document, show_founding
    from fedcredit.founding_exchange import write_new
    from fedcredit.founding_file import FoundingFile
    from fedcredit.member_founding import Founder

    founder, file = Founder.read(config), FoundingFile.read(draft)
    compared = founder.check(file, known or ())
    if not as_json:
        show_founding(file, compared)
    if not yes:
        confirm(f"sign this as {founder.config.name}?", otherwise="nothing was signed")
    path = output or config.parent / f"{founder.config.name}.signature.json"
    write_new(path, founder.cosign(file).document())
    if as_json:
        show_json({**founding_document(file), "compared": compared, "written": str(path)})
    else:
        print(f"\nsigned: send {path} to {file.coordinator}")


@app.command("trust")
@verb
def trust(
    config: ConfigFile,
    founding: Annotated[
        Path | None, typer.Argument(metavar="[FOUNDING]", help="The assembled founding.")
    ] = None,
    founding_id: Annotated[
        str | None,
        typer.Option(help="32 or more hex digits of the founding id, as other members read them."),
    ] = None,
    known: Known = None,
    show: Annotated[bool, typer.Option("--show", help="Print our key and the pins.")] = (False),
    as_json: AsJson = False,
) -> None:
    """Pin the founding that every member has signed, once its id is compared outside the system.

    Asks for the founding id as you heard it from the other members, by telephone or on paper: that
    comparison is what keeps a coordinator from playing the other members, so nothing answers it
    for you.

    Example: fedcredit party trust bank-a/party.toml ours.founding.json
    """
    from fedcredit.cli.founding_view import (
        answer,
        founding_document,
        show_founding,
        show_pins,
    )
    from fedcredit.founding_file import FoundingFile
    from fedcredit.member_founding import Founder, compare_id
    from fedcredit_parties.errors import ConfigError

    if show:
        show_pins(Founder.read(config), as_json=as_json)
        return
    if founding is None:
        raise ConfigError(
            "no founding is named",
            expected="the file that coordinator assemble wrote",
            found="nothing",
            remedy=f"fedcredit party trust {config} FOUNDING, or --show",
        )
    founder, file = Founder.read(config), FoundingFile.read(founding)
    file.check_signatures()
    founder.check(file, known or ())
    if not as_json:
        show_founding(file)
    heard = founding_id
    if heard is None:
        heard = answer(
            "call every other member; each reads the founding id from its own screen.\n"
            "type the digits that you HEARD (the first 8 groups or more):"
        )
    compare_id(file, heard)
    founder.pin(file)
    if as_json:
        show_json({**founding_document(file), "pinned": True})
    else:
        print(f"\npinned in {config}: now  fedcredit party check {config}")


@app.command("start")
@verb
def start(config: ConfigFile) -> None:
    """Run the daemon until SIGTERM: data, keys, ledger copy, witness; outbound connections only.

    Example: fedcredit party start bank-a/party.toml
    """
    from fedcredit.cli.signals import until_told
    from fedcredit_parties import daemon

    until_told(lambda stop: daemon.run(config, stop))


@app.command("status")
@verb
def status(config: ConfigFile, as_json: AsJson = False) -> None:
    """Show what the daemon last said of itself, and whether it runs.

    Example: fedcredit party status bank-a/party.toml
    """
    from fedcredit_parties.config import PartyConfig, resolve
    from fedcredit_parties.daemon import read_status

    folder = resolve(config.resolve().parent, PartyConfig.read(config).state)
    found = read_status(folder)
    if as_json:
        show_json(found)
        return
    runs = found.pop("runs", {})
    show_table([{"what": key, "is": value} for key, value in found.items()])
    if isinstance(runs, dict) and runs:
        print()
        show_table([{"run": run, "status": word} for run, word in runs.items()])


@app.command("check")
@verb
def check(config: ConfigFile, as_json: AsJson = False) -> None:
    """Open everything that the daemon would open, and say what is wrong in words.

    Configuration, keys and their modes, authority and certificate with their dates, room on the
    disk, tables against the declared columns, app, clock, coordinator, ledger head, pins, own place
    and policy. Nothing is written to the ledger. The process ends with the number of the first
    finding.

    Example: fedcredit party check bank-a/party.toml
    """
    from fedcredit.coordinator.app_hash import APP, fab_hash
    from fedcredit_parties.party_check import check_party

    show_findings(check_party(config, app_hash=fab_hash(APP)), as_json=as_json)


@app.command("retire")
@verb
def retire(
    config: ConfigFile,
    table: Annotated[str, typer.Argument(metavar="TABLE", help="Its name in party.toml.")],
    as_json: AsJson = False,
) -> None:
    """Take TABLE out of use: no authorization that rests on it alone holds after that.

    First remove it from party.toml: a daemon that starts with it registers it again, as the next
    version, and the authorizations hold again.

    Example: fedcredit party retire bank-a/party.toml loans
    """
    from fedcredit.cli.at_party import at_party
    from fedcredit_parties import ledger_acts

    with at_party(config) as (member, _):
        version = ledger_acts.retire_table(member, table)
    if as_json:
        show_json({"table": table, "version": version})
    else:
        print(f"{table}, version {version}, is retired")
