"""What the parties decide together: an act as a file, an endorsement of it, and carrying it out.

The coordinator's operator writes the act down and sends it round; every operator reads it on its
own screen and endorses it, or not, by an entry of its own; when a quorum has, the coordinator
appends the act with their entries. A member's file (`party init` writes it) is the act of letting
that member join.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from fedcredit.coordinator.admissions import endorsed_act
from fedcredit.coordinator.deployment import CoordinatorSetup
from fedcredit.coordinator.log_keys import held_log_keys, new_log_key
from fedcredit.errors import FoundingError
from fedcredit.founding import OutsideWitness, quorum_lines, quorum_size
from fedcredit.founding_exchange import FOUNDER, MAX_FILE_BYTES, read_document, read_founder
from fedcredit_ledger.checkpoint import Policy
from fedcredit_ledger.entry import act_digest
from fedcredit_ledger.errors import LedgerError, RejectedEntryError
from fedcredit_ledger.note import SigningKey
from fedcredit_ledger.quorum import endorsements_of, n_needed, voters
from fedcredit_ledger.rules_policy import lines_digest
from fedcredit_ledger.state import State
from fedcredit_ledger.types import check_data
from fedcredit_parties.daemon import PartySetup
from fedcredit_parties.errors import ConfigError
from fedcredit_parties.member import Member, utc_now

ACT = "fedcredit-act/v1"

KINDS = ("party-left", "party-key-revoked", "policy-changed", "log-key-rotated", "log-closed")
"""Types of acts that a file can hold; that of joining is a member's file."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """Something that the parties decide.

    Attributes
    ----------
    kind : str
        Entry type.
    data : mapping
        Its data without the endorsements.
    """

    kind: str
    data: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read an act, or a member's file.

        Raises
        ------
        FoundingError
            When it is neither.
        """
        if _format(path) == FOUNDER:
            return cls(kind="party-joined", data=read_founder(path))
        fields = read_document(path, ACT, ("data", "type"))
        kind, data = fields["type"], fields["data"]
        try:
            if kind not in KINDS or not isinstance(data, dict) or "endorsements" in data:
                raise RejectedEntryError("malformed", "not an act of the parties")
            check_data(kind, {**data, "endorsements": [act_digest(kind, data)]})
        except (LedgerError, ValueError, TypeError) as error:
            raise FoundingError(
                f"{path.name} holds no act that parties decide",
                expected=f"one of {', '.join(KINDS)}, with exactly its data",
                found=getattr(error, "detail", "something else"),
                remedy="ask the coordinator's operator to send the file again",
            ) from None
        return cls(kind=kind, data=data)

    @property
    def digest(self) -> str:
        """What an endorsement names, and what operators compare by telephone."""
        return act_digest(self.kind, self.data)

    def document(self) -> dict[str, Any]:
        """Return the content of its file."""
        return {"format": ACT, "type": self.kind, "data": dict(self.data)}


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How an act stands with the parties.

    Attributes
    ----------
    asked, approved : tuple of str
        Parties that are asked; those whose newest word is a fresh approval.
    needed : int
        How many must have approved.
    """

    asked: tuple[str, ...]
    approved: tuple[str, ...]
    needed: int

    @classmethod
    def of(cls, act: Act, state: State) -> Self:
        """Read it from the ledger."""
        about = str(act.data.get("party", ""))
        asked = voters(state, without=about)
        given = endorsements_of(state, act.kind, act.digest, now=utc_now(), without=about)
        return cls(asked=asked, approved=tuple(given), needed=n_needed(state, without=about))

    def document(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        return {
            "asked": list(self.asked),
            "approved": list(self.approved),
            "needed": self.needed,
        }


def endorse(path: Path, act: Act, *, decision: str) -> Standing:
    """Write this party's word on an act into the ledger; return how the act stands then.

    Parameters
    ----------
    path : Path
        ``party.toml``.
    act : Act
        What was read and compared.
    decision : str
        ``approve`` or ``decline``.

    Raises
    ------
    RejectedEntryError
        When a rule refuses it.

    Disclosure
    ----------
    Every party learns this party's word on the act.
    """
    with _at(PartySetup(path).member()) as member:
        word = {"act_type": act.kind, "act_digest": act.digest, "decision": decision}
        member.ledger.append("endorsement-given", word)
        return Standing.of(act, member.ledger.state)


def enact(path: Path, act: Act) -> str:
    """Append an act with the endorsements that it has; return the entry's id.

    Parameters
    ----------
    path : Path
        ``coordinator.toml``; the coordinator runs.
    act : Act
        Any but that of joining, which the joining party signs as well.

    Raises
    ------
    ConfigError
        When it is the act of joining.
    RejectedEntryError
        ``not-endorsed`` when too few parties have endorsed it; or another rule's.
    """
    if act.kind == "party-joined":
        raise ConfigError(
            "a party joins by its own signature",
            expected="an act file",
            found="a member's file",
            remedy="fedcredit coordinator invite; the member types fedcredit party join",
        )
    setup = CoordinatorSetup(path)
    cosigners = _log_key(setup, act) if act.kind == "log-key-rotated" else ()
    with _at(setup.member()) as member:
        data = endorsed_act(member.ledger.state, act.kind, act.data, now=utc_now())
        return member.ledger.append(act.kind, data, cosigners=cosigners)


def _log_key(setup: CoordinatorSetup, act: Act) -> tuple[SigningKey]:
    for key in held_log_keys(setup):
        if key.vkey == act.data["new_vkey"]:
            return (key,)
    raise ConfigError(
        "the new log key is not here",
        party=setup.config.name,
        expected=f"the key {act.data['new_vkey']}",
        found="other keys, or none",
        remedy="coordinator rotate-log-key makes a key and its act in one folder",
    )


def log_key_rotation(path: Path) -> Act:
    """Make another key for the log; return the act of putting it in force.

    Parameters
    ----------
    path : Path
        ``coordinator.toml``; the coordinator runs.
    """
    setup = CoordinatorSetup(path)
    with _at(setup.member()) as member:
        old = member.ledger.replica.log_key.vkey
    data = {"old_vkey": old, "new_vkey": new_log_key(setup).vkey}
    return Act(kind="log-key-rotated", data=data)


def witness_policy(
    path: Path,
    *,
    needed: int | None = None,
    without: tuple[str, ...] = (),
    outside: Sequence[OutsideWitness] = (),
) -> Act:
    """Return the act of a policy that names every party that is a witness now.

    Parameters
    ----------
    path : Path
        ``coordinator.toml``; the coordinator runs.
    needed : int, optional
        How many of them must have seen a head; by default what a founding would demand.
    without : tuple of str
        Witnesses that are left out.
    outside : sequence of OutsideWitness
        Witnesses that are no members, besides those of the policy in force. One of a name that is
        there takes its place.

    Raises
    ------
    ConfigError
        When nobody would be left, more would be needed than there are, or one from outside has the
        name of a party.
    """
    with _at(CoordinatorSetup(path).member()) as member:
        replica = member.ledger.replica
        rule, parties = replica.head_rule(), replica.state.parties
    rows: list[dict[str, Any]] = [
        {"party": name, "roles": ["witness"], "witness_vkey": party.witness_vkey}
        for name, party in sorted(parties.items())
        if "witness" in party.roles and party.witness_vkey and name not in without
    ]
    if taken := sorted(parties.keys() & {one.name for one in outside}):
        raise ConfigError(
            "a witness from outside has the name of a party",
            expected="a name that nobody here has",
            found=taken[0],
            remedy="it makes itself anew under another name: fedcredit witness init --name",
        )
    named = {one.name: one for one in (*_outside(rule.policy), *outside)}
    others = [one for name, one in named.items() if name not in without]
    least = quorum_size(len(rows), has_outside=bool(others)) if needed is None else needed
    if not 1 <= least <= len(rows):
        raise ConfigError(
            "this is no quorum",
            expected=f"1 to {len(rows)} of {', '.join(row['party'] for row in rows) or 'nobody'}",
            found=str(least),
            remedy="correct --needed or --without",
        )
    lines = quorum_lines(rule.log_vkey, rows, needed=least, outside=others)
    data = {"policy": "witness", "digest": lines_digest(lines), "lines": lines}
    return Act(kind="policy-changed", data=data)


def _outside(policy: Policy) -> list[OutsideWitness]:
    return [
        OutsideWitness(name=name, vkey=policy.witnesses[name].vkey, url=url)
        for name, url in policy.urls.items()
    ]


def _format(path: Path) -> str:
    """Return the format that a file claims; empty when it claims none."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return ""
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return ""
    return str(found.get("format", "")) if isinstance(found, dict) else ""


@contextmanager
def _at(member: Member) -> Iterator[Member]:
    try:
        yield member
    finally:
        member.stop()
