"""Joining a federation that runs: the party that was no founder, on its own machine.

It pins the founding entry and the coordinator's authority as founders do. Then it asks the front
for the text that admits it, signs that only when it holds exactly its own keys, and hands it in.
Afterwards it reads the whole ledger, by its own pins and every rule.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from fedcredit.member_founding import Founder
from fedcredit_ledger.entry import SignedEntry, parse_time
from fedcredit_ledger.errors import LedgerError, RejectedEntryError
from fedcredit_ledger.note import Note
from fedcredit_ledger.rules import MAX_DRIFT_S
from fedcredit_parties.daemon import PartySetup
from fedcredit_parties.errors import ConfigError, UntrustedFederationError
from fedcredit_parties.front import SubmitAnswer
from fedcredit_parties.front_client import FrontClient
from fedcredit_parties.identity import Identity
from fedcredit_parties.member import utc_now
from fedcredit_parties.own_place import check_place

TRIES = 20
"""How often the entry is asked for anew when the coordinator has written something meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Joined:
    """A party that has joined.

    Attributes
    ----------
    index : int
        Place of the entry that admitted it.
    size : int
        Leaves that it has verified.
    roles : tuple of str
        What the ledger lets it do.
    is_counted : bool
        Whether the witness policy in force names it.
    """

    index: int
    size: int
    roles: tuple[str, ...]
    is_counted: bool


def check_role(path: Path, role: str) -> None:
    """Refuse when the keys beside ``party.toml`` were made for another role than is meant.

    Raises
    ------
    ConfigError
    """
    config = Founder.read(path).config
    if config.role != role:
        raise ConfigError(
            "this party's keys were made for another role",
            party=config.name,
            expected=f"--role {config.role}",
            found=ascii(role)[:80],
            remedy="a role is chosen with  fedcredit party init  and endorsed by the others; "
            "make another party for another role",
        )


def join(path: Path) -> Joined:
    """Join the federation that ``party.toml`` pins; when it has joined already, say where.

    Raises
    ------
    ConfigError
        When the coordinator has not invited this party.
    UntrustedFederationError
        When the entry that the front drafted holds other keys, or is another ledger's.
    RejectedEntryError
        ``not-endorsed`` when too few parties have endorsed it; or another rule's.
    LedgerError
        When the ledger does not verify.
    """
    setup = PartySetup(path)
    if not _is_party(setup):
        front = setup.front()
        try:
            _co_sign(front, setup.identity, setup.config.origin)
        except ConfigError:
            if not _is_party(setup):  # it is one when only the front's answer was lost
                raise
        finally:
            front.close()
    member = setup.member()
    try:
        replica = member.ledger.replica
        roles = check_place(setup.config, setup.identity, replica.state)
        # A recovery key comes with an admission and with nothing else.
        came = [
            p.leaf
            for p in replica.state.keys
            if (p.party, p.use) == (setup.config.name, "recovery")
        ]
        named = {key.vkey for key in replica.policy.witnesses.values()}
        return Joined(
            index=came[-1],
            size=replica.size,
            roles=roles,
            is_counted=setup.identity.witness.vkey in named,
        )
    finally:
        member.stop()


def _is_party(setup: PartySetup) -> bool:
    front = setup.front()
    try:
        front.status()
    except ConfigError:
        return False  # the front knows no such party
    finally:
        front.close()
    return True


def _co_sign(front: FrontClient, identity: Identity, origin: str) -> None:
    for _ in range(TRIES):
        try:
            answer = front.draft_to_join()
        except ConfigError:
            raise ConfigError(
                f"the coordinator has not invited {identity.name}",
                party=identity.name,
                expected=f"an invitation with the keys of {identity.name}.founder.json",
                found="none, or one with other keys",
                remedy="send that file to the coordinator's operator, who types "
                "fedcredit coordinator invite; its fingerprint by telephone",
            ) from None
        answer = front.join(signed_by(identity, _note(answer), origin))
        if answer.code != "author-gap":
            _note(answer)
            return
    raise RejectedEntryError(answer.code, answer.detail)


def _note(answer: SubmitAnswer) -> bytes:
    if answer.code:
        raise RejectedEntryError(answer.code, answer.detail)
    return answer.receipt


def signed_by(identity: Identity, text: bytes, origin: str) -> bytes:
    """Return the entry that admits this party with its signature; the coordinator's comes above.

    Raises
    ------
    UntrustedFederationError
        When it is another entry than the one that a party may sign here.
    """
    try:
        drafted = SignedEntry.parse(Note(text, (identity.signing.sign(text),)).encode())
        age = abs(utc_now() - parse_time(drafted.entry.time))
    except LedgerError as error:
        raise _odd(identity.name, "an entry", error.message) from None
    entry = drafted.entry
    bare = {key: value for key, value in entry.data.items() if key != "endorsements"}
    for what, expected, found in (
        ("type", "party-joined", entry.type),
        ("ledger", origin, entry.ledger),
        ("keys", identity.founder(), bare),
    ):
        if expected != found:
            raise _odd(identity.name, f"our own {what}", f"another {what}")
    if age > timedelta(seconds=MAX_DRIFT_S):
        raise _odd(identity.name, f"a time within {MAX_DRIFT_S} s of our clock", entry.time)
    return drafted.encode()


def _odd(name: str, expected: str, found: str) -> UntrustedFederationError:
    return UntrustedFederationError(
        "the entry that the coordinator drafted is not the one that admits us; nothing was signed",
        party=name,
        expected=expected,
        found=found[:80],
        remedy="call the coordinator's operator, and another party: somebody has put other keys "
        "in this place",
    )
