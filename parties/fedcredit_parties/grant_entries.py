"""What a holder writes to allow something, and to withdraw it.

Who may then use the rows is decided by `grants`, from the ledger.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fedcredit_ledger.authorization import EVERY
from fedcredit_ledger.entry import format_time
from fedcredit_ledger.state import GrantState, State
from fedcredit_parties.errors import GrantError
from fedcredit_parties.grant_terms import check_terms
from fedcredit_parties.member import Member

DEFAULT_DAYS = 30


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
    *,
    assets: Sequence[str],
    grantee: str,
    purpose: str,
    features: Sequence[str] = (),
    columns: Collection[str] | None = None,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
    max_uses: int | None = None,
    basis: str = "contract",
) -> Issued:
    """Sign a grant of `member` into the ledger.

    Parameters
    ----------
    member : Member
        Who allows.
    assets : sequence of str
        Tables.
    grantee : str
        Whom.
    purpose : str
        The one purpose that is allowed.
    features : sequence of str
        Columns, the label included; every column when empty.
    columns : collection of str, optional
        Columns of the tables, where they are known; `features` must be among them.
    valid_from, valid_until : datetime, optional
        From now, for thirty days, when absent.
    max_uses : int, optional
        Runs that may use it.
    basis : str
        What the grant rests on: consent, contract, statute, court_order, police_order.

    Raises
    ------
    GrantError
        For terms that cannot be meant; see `check_terms`.
    RejectedEntryError
        When the ledger's rules refuse it.
    """
    now = member.clock()
    check_terms(
        holder=member.name,
        purpose=purpose,
        features=features,
        columns=columns,
        now=now,
        valid_from=valid_from,
        valid_until=valid_until,
        max_uses=max_uses,
    )
    ledger = member.ledger
    ledger.refresh()
    grant_id = _next_grant_id(member.name, purpose, len(ledger.state.grants))
    data: dict[str, Any] = {
        "grant_id": grant_id,
        "basis": basis,
        "grantee": grantee,
        "purpose": purpose,
        "categories": [EVERY],
        "holders": [member.name],
        "assets": sorted(assets),
        "operations": ["sum"],
        "valid_from": format_time(valid_from or now),
        "valid_until": format_time(valid_until or now + timedelta(days=DEFAULT_DAYS)),
    }
    if features:
        data["columns"] = sorted(set(features))
    if max_uses is not None:
        data["max_uses"] = max_uses
    entry_id = ledger.append("grant-issued", data)
    return Issued(grant_id=grant_id, entry_id=entry_id, data=data)


def find_live(state: State, grant_id: str) -> GrantState:
    """Return a grant that can be withdrawn.

    Raises
    ------
    GrantError
        When the ledger holds no such grant, or it was revoked before.
    """
    found = state.grants.get(grant_id)
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
            party=found.issuer,
            expected="a live grant",
            found="a revoked one",
            remedy="nothing is left to do: no round is answered under it",
        )
    return found


def revoke(member: Member, grant_id: str) -> None:
    """Withdraw a grant of `member`; the next round that needs it is not answered.

    Raises
    ------
    GrantError
        When there is no such grant, it was revoked before, or somebody else issued it.
    """
    ledger = member.ledger
    ledger.refresh()
    found = find_live(ledger.state, grant_id)
    if found.issuer != member.name:
        raise GrantError(
            f"grant {grant_id} is not {member.name}'s",
            party=found.issuer,
            expected=f"a grant that {member.name} issued",
            found=f"one of {found.issuer}",
            remedy="only its issuer can withdraw a grant",
        )
    ledger.append("grant-revoked", {"grant_id": grant_id, "reason": "withdrawn"})


def _next_grant_id(holder: str, purpose: str, n_grants: int) -> str:
    """Return a readable name for the next grant of a holder, in the ledger's form of an id."""
    words = re.sub(r"[^a-z0-9]+", "-", f"{holder}-{purpose}".lower())
    return f"{words[:50].strip('-')}-{n_grants}"
