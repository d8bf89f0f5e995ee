"""``fedcredit party`` in mid-life: join a federation that runs, leave it, change and end keys."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fedcredit.cli.output import AsJson, show_json, verb
from fedcredit.cli.party import ConfigFile, Known


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
    config: ConfigFile,
    founding: Annotated[
        Path | None, typer.Argument(metavar="[FOUNDING]", help="The assembled founding.")
    ] = None,
    founding_id: Annotated[
        str | None,
        typer.Option(help="32 or more hex digits of the founding id, as other members read them."),
    ] = None,
    known: Known = None,
    role: Annotated[
        str | None, typer.Option(help="Refuse, unless our keys were made for this role.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Join a federation that runs: pin its founding, co-sign the entry that admits us, verify all.

    The coordinator has invited us, and the other parties have endorsed our keys. Typed again, it
    goes on where it was cut off.

    Example: fedcredit party join court/party.toml ours.founding.json --role witness
    """
    from fedcredit.joining import check_role
    from fedcredit.joining import join as join_federation

    if role is not None:
        check_role(config, role)
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
def leave(
    config: ConfigFile,
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
    config: ConfigFile,
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
    config: ConfigFile,
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


def add_to(party: typer.Typer) -> None:
    """Put these verbs beside those of the founding."""
    for name, command in (
        ("join", join),
        ("leave", leave),
        ("rotate-key", rotate_key),
        ("revoke-key", revoke_key),
    ):
        party.command(name)(command)
