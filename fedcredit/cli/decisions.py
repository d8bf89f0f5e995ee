"""What the parties decide together: ``party endorse``, and the coordinator's side of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedcredit.cli.coordinator import ConfigFile as CoordinatorConfig
from fedcredit.cli.output import AsJson, show_json, show_table, verb
from fedcredit.cli.party import ConfigFile

if TYPE_CHECKING:
    from fedcredit.acts import Act, Standing

ActFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="A member's founder file, or an act's.")
]


@verb
def endorse(
    config: ConfigFile,
    act: ActFile,
    decline: Annotated[bool, typer.Option("--decline", help="Say no; a later yes counts.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what the parties are to decide, and write our word on it into the ledger.

    For a member's founder file: whether it may join with these roles and keys. Compare the
    fingerprints with the member itself, by telephone.

    Example: fedcredit party endorse bank-a/party.toml court.founder.json
    """
    from fedcredit import acts
    from fedcredit.cli.founding_view import confirm

    what = acts.Act.read(act)
    decision = "decline" if decline else "approve"
    if not as_json:
        _show(what)
    if not yes:
        confirm(f"{decision} this?", otherwise="nothing was written")
    standing = acts.endorse(config, what, decision=decision)
    if as_json:
        show_json({"act": what.digest, "decision": decision, **standing.document()})
    else:
        print(f"\nwritten: {decision}. {_stands(standing)}")


@verb
def invite(
    config: CoordinatorConfig,
    member: Annotated[Path, typer.Argument(metavar="MEMBER", help="Its founder file.")],
    yes: Annotated[bool, typer.Option("--yes", help="Invite without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let somebody with exactly these keys ask our front for the entry that admits it.

    An invitation grants nothing: a quorum of the parties endorses, and the member co-signs.

    Example: fedcredit coordinator invite coordinator/coordinator.toml court.founder.json
    """
    from fedcredit.acts import Act
    from fedcredit.cli.founding_view import confirm
    from fedcredit.coordinator.admissions import invite as write
    from fedcredit.coordinator.deployment import CoordinatorSetup
    from fedcredit.founding_exchange import read_founder

    row = read_founder(member)
    act = Act(kind="party-joined", data=row)
    if not as_json:
        _show(act)
    if not yes:
        confirm(f"invite {row['party']}?", otherwise="nobody was invited")
    path = write(CoordinatorSetup(config).state, row)
    if as_json:
        show_json({"party": row["party"], "act": act.digest, "written": str(path)})
    else:
        print(f"\ninvited. Send {member} to the other parties: each endorses it, or does not.")


@verb
def policy(
    config: CoordinatorConfig,
    output: Annotated[Path, typer.Option("--output", "-o", help="New file of the act.")],
    needed: Annotated[
        int | None, typer.Option(help="Co-signatures of parties; as a founding would else.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="A witness that is to count no more.")
    ] = None,
    witness: Annotated[
        list[Path] | None, typer.Option(help="Public file of a witness outside the federation.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write down a witness policy that names every party that is a witness now.

    Parties endorse the file (party endorse); coordinator enact puts it in force. Witnesses outside
    the federation stay in it; --witness adds one.

    Example: fedcredit coordinator policy coordinator.toml -o with-the-court.act.json
    """
    from fedcredit.acts import witness_policy
    from fedcredit.founding_exchange import write_new
    from fedcredit.witness.new_witness import read_witness

    outside = [read_witness(path) for path in witness or ()]
    act = witness_policy(config, needed=needed, without=tuple(without or ()), outside=outside)
    write_new(output, act.document())
    if as_json:
        show_json({"act": act.digest, "lines": act.data["lines"], "written": str(output)})
        return
    _show(act)
    print(f"\nwritten: send {output} to the parties, then  fedcredit coordinator enact {config}")


@verb
def expel(
    config: CoordinatorConfig,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The party.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="New file of the act.")],
    as_json: AsJson = False,
) -> None:
    """Write down that a party is expelled; the others endorse the file, then coordinator enact.

    Example: fedcredit coordinator expel coordinator.toml bank-c -o without-bank-c.act.json
    """
    from fedcredit.acts import Act
    from fedcredit.coordinator.config import CoordinatorConfig as Settings
    from fedcredit.founding_exchange import write_new
    from fedcredit.member_options import check_name

    Settings.read(config)
    check_name(name)
    act = Act(kind="party-left", data={"party": name, "reason": "expelled"})
    write_new(output, act.document())
    if as_json:
        show_json({"act": act.digest, "written": str(output)})
        return
    _show(act)
    print(f"\nwritten: send {output} to the other parties")


@verb
def rotate_log_key(
    config: CoordinatorConfig,
    output: Annotated[Path, typer.Option("--output", "-o", help="New file of the act.")],
    as_json: AsJson = False,
) -> None:
    """Make another key for the ledger, and write down that it is to be in force.

    Restart the coordinator, which then holds the key; the parties endorse the file; coordinator
    enact. For 30 days heads carry the signatures of both keys.

    Example: fedcredit coordinator rotate-log-key coordinator.toml -o log-key.act.json
    """
    from fedcredit.acts import log_key_rotation
    from fedcredit.founding_exchange import write_new

    act = log_key_rotation(config)
    write_new(output, act.document())
    if as_json:
        show_json({"act": act.digest, **act.data, "written": str(output)})
        return
    _show(act)
    print(f"\nwritten: restart the coordinator, then send {output} to the parties")


@verb
def enact(config: CoordinatorConfig, act: ActFile, as_json: AsJson = False) -> None:
    """Append an act that a quorum of the parties has endorsed.

    Example: fedcredit coordinator enact coordinator.toml with-the-court.act.json
    """
    from fedcredit import acts

    what = acts.Act.read(act)
    entry = acts.enact(config, what)
    if as_json:
        show_json({"act": what.digest, "entry": entry, "type": what.kind})
    else:
        print(f"{what.kind}: entry {entry}")


def _show(act: "Act") -> None:
    """Print an act for the people who decide it."""
    from fedcredit.member_founding import grouped
    from fedcredit_parties.identity_files import fingerprint

    print(f"act          {act.kind}")
    rows: list[dict[str, Any]] = []
    for name, value in act.data.items():
        lines = value if isinstance(value, list) else [value]
        shown = fingerprint(str(value)) if name.endswith("_vkey") else ", ".join(map(str, lines))
        rows += (
            [{"what": name, "is": line} for line in lines]
            if name == "lines"
            else [{"what": name, "is": shown}]
        )
    show_table(rows)
    words = grouped(act.digest).split()
    print("\nact digest   " + " ".join(words[:8]) + "\n             " + " ".join(words[8:]))


def _stands(standing: "Standing") -> str:
    return (
        f"{len(standing.approved)} of {len(standing.asked)} approve "
        f"({', '.join(standing.approved) or 'nobody'}); {standing.needed} are needed"
    )


def add_to(party: typer.Typer, coordinator: typer.Typer) -> None:
    """Put these verbs beside those of both nouns."""
    party.command("endorse")(endorse)
    for name, command in (
        ("invite", invite),
        ("policy", policy),
        ("expel", expel),
        ("rotate-log-key", rotate_log_key),
        ("enact", enact),
    ):
        coordinator.command(name)(command)
