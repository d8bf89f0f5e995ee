"""What a holder writes to allow something, to allow less of it, and to withdraw it.

Who may then use the rows is decided by `grants`, from the ledger. What an entry commits to stays in
the holder's `KeptOpenings`, kept before the entry is sent.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from fedcredit_ledger.state import BatchState, GrantState, State
from fedcredit_parties.errors import GrantError
from fedcredit_parties.grant_terms import Terms, check_terms
from fedcredit_parties.kept_openings import KeptOpenings
from fedcredit_parties.member import Member


@dataclass(frozen=True, kw_only=True)
class Issued:
    """A grant that stands in the ledger.

    Attributes
    ----------
    grant_id, entry_id : str
        Its name; its entry.
    data : mapping
        The entry's data.
    """

    grant_id: str
    entry_id: str
    data: Mapping[str, Any]


def issue(
    member: Member,
    terms: Terms,
    *,
    openings: KeptOpenings,
    columns: Collection[str] | None = None,
) -> Issued:
    """Sign a grant of `member` into the ledger.

    Parameters
    ----------
    member : Member
        Who allows.
    terms : Terms
        What, to whom, on which basis.
    openings : KeptOpenings
        Gets what the entry only commits to.
    columns : collection of str, optional
        Columns of the tables, where they are known; those of the terms must be among them.

    Raises
    ------
    GrantError
        For terms that cannot be meant; see `check_terms`.
    RejectedEntryError
        When the ledger's rules refuse it.

    Disclosure
    ----------
    Every member reads the terms; of subject, document, application and order a salted commitment.
    """
    now = member.clock()
    check_terms(terms, holder=member.name, columns=columns, now=now)
    ledger = member.ledger
    ledger.refresh()
    grants, batches = ledger.state.grants, ledger.state.batches
    number = len(grants) + len(batches)
    while (grant_id := next_grant_id(member.name, terms.purpose, number)) in {*grants, *batches}:
        number += 1  # somebody has taken the id, perhaps to be in the way
    data = {"grant_id": grant_id, **terms.data(holder=member.name, now=now)}
    if terms.committed:
        kept = openings.commit(terms.committed, subject=terms.subject)
        data["commits"] = kept.commits
    entry_id = ledger.append("grant-issued", data)
    return Issued(grant_id=grant_id, entry_id=entry_id, data=data)


def narrow(member: Member, grant_id: str, changes: Mapping[str, Any]) -> str:
    """Sign that a grant of `member` is smaller from here on; return the entry's id.

    Parameters
    ----------
    changes : mapping
        Limiting fields of the entry type ``grant-narrowed``, each no wider than before.

    Raises
    ------
    GrantError
        When there is no such grant, it was revoked, somebody else issued it, or nothing changes.
    RejectedEntryError
        ``grant-widened`` when a limit would be wider than before.
    """
    member.ledger.refresh()
    _own(member, find_live(member.ledger.state, grant_id))
    if not changes:
        raise GrantError(
            "nothing of the grant would be narrowed",
            party=member.name,
            expected="at least one limit, such as --until or --max-uses",
            found="none",
            remedy="fedcredit grant narrow --help lists the limits",
        )
    return member.ledger.append("grant-narrowed", {"grant_id": grant_id, **changes})


def find_live(state: State, grant_id: str) -> GrantState | BatchState:
    """Return a grant, or a sealed batch, that can be withdrawn.

    Raises
    ------
    GrantError
        When the ledger holds no such grant, or it was revoked before.
    """
    found = state.grants.get(grant_id) or state.batches.get(grant_id)
    if found is None:
        raise GrantError(
            f"the ledger holds no grant {grant_id}",
            expected="the id with which it was issued",
            found=grant_id,
            remedy="list grants with fedcredit ledger show --type grant-issued",
        )
    if found.revoked:
        raise GrantError(
            f"grant {grant_id} was revoked before",
            party=issuer_of(found),
            expected="a live grant",
            found="a revoked one",
            remedy="nothing is left to do: no round is answered under it",
        )
    return found


def issuer_of(found: GrantState | BatchState) -> str:
    """Return whose a grant or a batch is."""
    return found.issuer if isinstance(found, GrantState) else found.holder


def revoke(member: Member, grant_id: str, *, reason: str = "withdrawn") -> None:
    """Withdraw a grant or batch of `member`; the next round that needs it is not answered.

    Raises
    ------
    GrantError
        When there is no such grant, it was revoked before, or somebody else issued it.
    """
    member.ledger.refresh()
    _own(member, find_live(member.ledger.state, grant_id))
    member.ledger.append("grant-revoked", {"grant_id": grant_id, "reason": reason})


def _own(member: Member, found: GrantState | BatchState) -> None:
    issuer = issuer_of(found)
    if issuer != member.name:
        raise GrantError(
            f"the grant is not {member.name}'s",
            party=issuer,
            expected=f"a grant that {member.name} issued",
            found=f"one of {issuer}",
            remedy="only its issuer can narrow or withdraw a grant",
        )


def next_grant_id(holder: str, purpose: str, n_grants: int) -> str:
    """Return a readable name for the next grant of a holder, in the ledger's form of an id."""
    words = re.sub(r"[^a-z0-9]+", "-", f"{holder}-{purpose}".lower())
    return f"{words[:50].strip('-')}-{n_grants}"
