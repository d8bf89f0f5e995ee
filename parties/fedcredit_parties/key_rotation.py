"""A member's keys in mid-life: another key for one in use, an end to a lost one, and leaving.

A key is on the disk before the ledger hears of it, and takes its place in the identity only when
the ledger holds it: whatever is cut off in between, the same command completes it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fedcredit_ledger.note import CosignatureKey, SigningKey
from fedcredit_parties.config import resolve
from fedcredit_parties.daemon import PartySetup
from fedcredit_parties.errors import ConfigError
from fedcredit_parties.file_lock import only_one
from fedcredit_parties.identity_files import adopt_next, has_next, next_key
from fedcredit_parties.member import Member

USES = ("signing", "witness")
"""Keys that can be rotated."""

REASONS = ("lost", "stolen", "retired")


def rotate_key(path: Path, use: str) -> str:
    """Go over to another key; return it as text.

    Parameters
    ----------
    path : Path
        ``party.toml``; its daemon is stopped.
    use : str
        ``signing`` or ``witness``.

    Raises
    ------
    DuplicateIdentityError
        When the daemon runs: it would go on with the old key.
    RejectedEntryError
        When a rule refuses the new key.
    ConfigError
        When the identity is not the one that the ledger holds.
    """
    setup = PartySetup(path)
    folder = resolve(setup.folder, setup.config.identity)
    with _stopped(setup):
        was_begun = has_next(folder, use)
        new = next_key(setup.identity, folder, use)
        if not (was_begun and _stands(setup, use, new)):
            _submit_rotation(setup, use, new)
        adopt_next(setup.identity, folder, use)
    return new.vkey


def _stands(setup: PartySetup, use: str, new: SigningKey | CosignatureKey) -> bool:
    """Tell whether the ledger holds a next key already, as it does when this was cut off."""
    old = setup.identity
    if isinstance(new, SigningKey):
        setup.identity = replace(old, signing=new)
    try:
        with _member(setup) as member:
            return str(getattr(member.ledger.state.parties[old.name], f"{use}_vkey")) == new.vkey
    except ConfigError:
        return False  # the front knows the old key only
    finally:
        setup.identity = old


def _submit_rotation(setup: PartySetup, use: str, new: SigningKey | CosignatureKey) -> None:
    with _member(setup) as member:
        own, identity = member.ledger.state.parties[member.name], setup.identity
        old = identity.witness if use == "witness" else identity.signing
        is_valid = bool(getattr(own, f"{use}_vkey"))
        cosigners = (old, new) if use == "witness" and is_valid else (new,)
        data = {"party": member.name, "use": use, "old_vkey": old.vkey, "new_vkey": new.vkey}
        signed = member.ledger.draft("party-key-rotated", data, cosigners=cosigners)
        member.ledger.hand_over(signed)


def revoke_key(
    path: Path, use: str, *, suspected_since: str, reason: str, recovery: Path | None = None
) -> str:
    """End a key with the recovery key; return it as text.

    Parameters
    ----------
    path : Path
        ``party.toml``.
    use : str
        ``signing`` or ``witness``.
    suspected_since : str
        A time of the ledger; what the key signed since then is disputed.
    reason : str
        One of `REASONS`.
    recovery : Path, optional
        File with the recovery key, 64 hex digits, from where it is kept; that of the identity when
        absent.

    Raises
    ------
    ConfigError
        When the file holds no key.
    RejectedEntryError
        When it is not the recovery key on the ledger.
    """
    setup = PartySetup(path)
    identity = setup.identity
    key = identity.recovery if recovery is None else _read_recovery(recovery, identity.name)
    with _member(setup) as member:
        vkey = str(getattr(member.ledger.state.parties[member.name], f"{use}_vkey"))
        data = {
            "party": member.name,
            "vkey": vkey,
            "suspected_since": suspected_since,
            "reason": reason,
        }
        member.ledger.hand_over(member.ledger.draft("party-key-revoked", data, key=key))
    return vkey


def leave(path: Path) -> None:
    """Leave the federation for good: grants and keys end.

    Raises
    ------
    DuplicateIdentityError
        When the daemon runs.
    RejectedEntryError
        When a rule refuses it.
    """
    setup = PartySetup(path)
    with _stopped(setup), _member(setup) as member:
        data = {"party": member.name, "reason": "left"}
        member.ledger.hand_over(member.ledger.draft("party-left", data))


@contextmanager
def _stopped(setup: PartySetup) -> Iterator[None]:
    with only_one(setup.state / "daemon.lock", f"the daemon of {setup.config.name}"):
        yield


@contextmanager
def _member(setup: PartySetup) -> Iterator[Member]:
    member = setup.member()
    try:
        yield member
    finally:
        member.stop()


def _read_recovery(path: Path, name: str) -> SigningKey:
    try:
        return SigningKey.from_seed(name, bytes.fromhex(path.read_text("ascii").strip()))
    except (OSError, ValueError):
        raise ConfigError(
            f"{path.name} holds no recovery key",
            party=name,
            expected="64 hex digits",
            found="nothing, or something else",
            remedy="the entry recovery of identity.json in the backup is it",
        ) from None
