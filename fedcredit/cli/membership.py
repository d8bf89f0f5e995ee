"""``fedcredit party`` and ``coordinator`` in mid-life: join, endorse, leave, keys, policies."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedcredit.cli.output import AsJson, show_json, show_table, verb
from fedcredit.cli.party import Known

if TYPE_CHECKING:
    from fedcredit.acts import Act, Standing

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="This member's party.toml.")]
CoordinatorConfig = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="The coordinator's coordinator.toml.")
]
ActFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="A member's founder file, or an act's.")
]


class Use(StrEnum):
    """Keys that can be rotated and revoked."""

    SIGNING = "signing"
    WITNESS = "witness"


class Reason(StrEnum):
    """Why a key ends."""

    LOST = "lost"
    STOLEN = "stolen"
    RETIRED = "retired"


@verb
def join(
    config: Config,
    founding: Annotated[
        Path | None, typer.Argument(metavar="[FOUNDING]", help="The assembled founding.")
    ] = None,
    founding_id: Annotated[
        str | None,
        typer.Option(help="32 or more hex digits of the founding id, as other members read them."),
    ] = None,
    known: Known = None,
    as_json: AsJson = False,
) -> None:
    """Join a federation that runs: pin its founding, co-sign the entry that admits us, verify all.

    The coordinator has invited us, and the other parties have endorsed our keys. Typed again, it
    goes on where it was cut off.

    Example: fedcredit party join court/party.toml ours.founding.json
    """
    from fedcredit.joining import join as join_federation

    if founding is not None:
        _pin(config, founding, founding_id, known or [], as_json=as_json)
    joined = join_federation(config)
    if as_json:
        show_json({**vars(joined), "roles": list(joined.roles)})
        return
    print(f"joined at entry {joined.index} as {', '.join(joined.roles)}")
    print(f"{joined.size} entries verified. Now  fedcredit party start {config}")
    if "witness" in joined.roles and not joined.is_counted:
        print("our co-signatures count once a policy names us (fedcredit coordinator policy).")


def _pin(
    config: Path, founding: Path, founding_id: str | None, known: list[Path], *, as_json: bool
) -> None:
    """Pin a founding that is compared, unless this very one is pinned already."""
    from fedcredit.cli.founding_view import answer, show_founding
    from fedcredit.founding_file import FoundingFile
    from fedcredit.member_founding import Founder, compare_id

    founder, file = Founder.read(config), FoundingFile.read(founding)
    file.check_signatures()
    compared = founder.check(file, known, is_founder=False)
    trust = founder.config.trust
    if trust is not None and trust.founding_entry == file.id:
        return
    if not as_json:
        show_founding(file, compared)
    heard = founding_id
    if heard is None:
        heard = answer(
            "call the members; each reads the founding id from its own screen.\n"
            "type the digits that you HEARD (the first 8 groups or more):"
        )
    compare_id(file, heard)
    founder.pin(file)


@verb
def endorse(
    config: Config,
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
def leave(
    config: Config,
    yes: Annotated[bool, typer.Option("--yes", help="Leave without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Leave the federation for good: our grants end, our keys sign nothing more.

    Our entries stay. The name is never used again, and coming back takes another one.

    Example: fedcredit party leave bank-c/party.toml
    """
    from fedcredit.cli.founding_view import confirm
    from fedcredit_parties import key_rotation

    if not yes:
        confirm("leave for good?", otherwise="nothing was written")
    key_rotation.leave(config)
    if as_json:
        show_json({"left": True})
    else:
        print("left. Keep the state folder: it proves what was done with our data.")


@verb
def rotate_key(
    config: Config,
    use: Annotated[Use, typer.Option(help="Which key.")] = Use.SIGNING,
    as_json: AsJson = False,
) -> None:
    """Go over to another signing or witness key, while our daemon is stopped.

    The new key is on the disk before the ledger hears of it. Typed again, it completes a rotation
    that was cut off. The old key signs nothing from the next entry on.

    Example: fedcredit party rotate-key bank-a/party.toml --use signing
    """
    from fedcredit_parties import key_rotation
    from fedcredit_parties.identity_files import fingerprint

    vkey = key_rotation.rotate_key(config, use.value)
    if as_json:
        show_json({"use": use.value, "vkey": vkey, "fingerprint": fingerprint(vkey)})
        return
    print(f"the {use.value} key is now {fingerprint(vkey)}")
    print("back the identity folder up off-line, then start the daemon again.")


@verb
def revoke_key(
    config: Config,
    since: Annotated[str, typer.Option(help="Time from which the key is suspected, in UTC.")],
    use: Annotated[Use, typer.Option(help="Which key.")] = Use.SIGNING,
    reason: Annotated[Reason, typer.Option(help="Why it ends.")] = Reason.STOLEN,
    recovery: Annotated[
        Path | None, typer.Option(help="File with the recovery key, 64 hex digits; ours else.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Revoke without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """End a key that is lost or stolen, with the recovery key.

    What it signed since then stays valid; fedcredit ledger verify --full calls it disputed. After a
    revoked signing key the parties admit us again with new keys (invite, endorse, join).

    Example: fedcredit party revoke-key bank-a/party.toml --since 2026-11-29T08:00:00.000Z
    """
    from fedcredit.cli.founding_view import confirm
    from fedcredit_ledger.forms import moment
    from fedcredit_parties import key_rotation

    if not moment(since):
        raise typer.BadParameter("--since is a time of the ledger: 2026-11-29T08:00:00.000Z")
    if not yes:
        confirm(f"revoke our {use.value} key?", otherwise="nothing was written")
    vkey = key_rotation.revoke_key(
        config, use.value, suspected_since=since, reason=reason.value, recovery=recovery
    )
    if as_json:
        show_json({"use": use.value, "vkey": vkey, "suspected_since": since})
    else:
        print(f"revoked: {vkey}")


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
    as_json: AsJson = False,
) -> None:
    """Write down a witness policy that names every party that is a witness now.

    Parties endorse the file (party endorse); coordinator enact puts it in force. Witnesses outside
    the federation stay in it.

    Example: fedcredit coordinator policy coordinator.toml -o with-the-court.act.json
    """
    from fedcredit.acts import witness_policy
    from fedcredit.founding_exchange import write_new

    act = witness_policy(config, needed=needed, without=tuple(without or ()))
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
    for name, command in (
        ("join", join),
        ("endorse", endorse),
        ("leave", leave),
        ("rotate-key", rotate_key),
        ("revoke-key", revoke_key),
    ):
        party.command(name)(command)
    for word, act in (
        ("invite", invite),
        ("policy", policy),
        ("expel", expel),
        ("rotate-log-key", rotate_log_key),
        ("enact", enact),
    ):
        coordinator.command(word)(act)
