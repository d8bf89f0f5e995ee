"""What a holder writes to allow something: the data of ``grant-issued``, and the entry itself.

Who may then use the rows is decided by `grants`, from the ledger.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from fedcredit_ledger.entry import format_time
from fedcredit_parties.grant_terms import check_terms
from fedcredit_parties.grants import EVERY_FEATURE
from fedcredit_parties.member import Member

DEFAULT_DAYS = 30


def grant_data(
    *,
    grant_id: str,
    holder: str,
    grantee: str,
    purpose: str,
    assets: Sequence[str],
    now: datetime,
    features: Sequence[str] = (),
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
    max_uses: int | None = None,
    basis: str = "contract",
) -> dict[str, Any]:
    """Return the data of ``grant-issued``.

    Parameters
    ----------
    grant_id : str
        Name of the grant, unique in the ledger.
    holder, grantee : str
        Who allows, and whom.
    purpose : str
        The one purpose that is allowed.
    assets : sequence of str
        Tables.
    now : datetime
        In UTC.
    features : sequence of str
        Columns, the label included; every column when empty.
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
    """
    check_terms(
        holder=holder,
        purpose=purpose,
        features=features,
        columns=None,
        now=now,
        valid_from=valid_from,
        valid_until=valid_until,
        max_uses=max_uses,
    )
    data: dict[str, Any] = {
        "grant_id": grant_id,
        "basis": basis,
        "subject_type": "applicants",
        "grantee": grantee,
        "purpose": purpose,
        "categories": sorted(set(features)) or [EVERY_FEATURE],
        "holders": [holder],
        "assets": sorted(assets),
        "operations": ["sum"],
        "valid_from": format_time(valid_from or now),
        "valid_until": format_time(valid_until or now + timedelta(days=DEFAULT_DAYS)),
    }
    if max_uses is not None:
        data["max_uses"] = max_uses
    return data


def issue(
    member: Member,
    *,
    assets: Sequence[str],
    grantee: str,
    purpose: str,
    features: Sequence[str] = (),
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
    max_uses: int | None = None,
) -> str:
    """Sign a grant of `member` into the ledger; return the grant's id. See `grant_data`.

    Raises
    ------
    RejectedEntryError
        When the ledger's rules refuse it.
    """
    ledger = member.ledger
    ledger.refresh()
    grant_id = next_grant_id(member.name, purpose, len(ledger.state.grants))
    data = grant_data(
        grant_id=grant_id,
        holder=member.name,
        grantee=grantee,
        purpose=purpose,
        assets=assets,
        now=member.clock(),
        features=features,
        valid_from=valid_from,
        valid_until=valid_until,
        max_uses=max_uses,
    )
    ledger.append("grant-issued", data)
    return grant_id


def next_grant_id(holder: str, purpose: str, n_grants: int) -> str:
    """Return a readable name for the next grant of a holder, in the ledger's form of an id."""
    words = re.sub(r"[^a-z0-9]+", "-", f"{holder}-{purpose}".lower())
    return f"{words[:50].strip('-')}-{n_grants}"
