"""The gate on the way in: whether this task may use these rows.

Evaluated at the data holder, before a row is read, and again before every contribution, so that a
revocation takes effect for the next round. Pure: the state of the ledger and the clock are
arguments.
"""

from collections.abc import Iterable
from datetime import datetime

from fedcredit_ledger.entry import parse_time
from fedcredit_ledger.rules import GrantState, State
from fedcredit_parties.errors import (
    ExpiredGrantError,
    GrantError,
    GrantScopeError,
    NoGrantError,
    RevokedGrantError,
)

EVERY_FEATURE = "all"
"""A grant whose categories hold this word allows every column of its assets."""


def find_grant(
    state: State,
    *,
    issuer: str,
    grantee: str,
    purpose: str,
    asset: str,
    columns: Iterable[str],
    operation: str,
    now: datetime,
    run_id: str | None = None,
    grant_id: str | None = None,
) -> str:
    """Return the id of a live grant of `issuer` that admits the task.

    Parameters
    ----------
    columns : iterable of str
        Every column the task reads, the label included.
    operation : str
        ``"sum"``, ``"train"``, ``"match"`` or ``"lookup"``.
    run_id : str, optional
        Run that has used the grant already (its use is not counted twice).
    grant_id : str, optional
        Only this grant will do: a run goes on under the grants that its approvals cite.

    Raises
    ------
    NoGrantError
        No grant of this issuer for this grantee and purpose.
    ExpiredGrantError, RevokedGrantError, GrantScopeError
        There is one, but it is over, withdrawn, used up, or does not cover the task.
    """
    wanted = set(columns)
    reasons: list[GrantError] = []
    for candidate, grant in sorted(state.grants.items()):
        if grant.issuer != issuer or grant.grantee != grantee or grant.purpose != purpose:
            continue
        if grant_id is not None and candidate != grant_id:
            continue
        reason = _why_not(
            candidate,
            grant,
            asset=asset,
            columns=wanted,
            operation=operation,
            now=now,
            run_id=run_id,
        )
        if reason is None:
            return candidate
        reasons.append(reason)
    if reasons:
        raise reasons[-1]
    raise NoGrantError(
        f"{issuer} has not granted {grantee} the purpose {purpose!r} on {asset}",
        party=issuer,
        expected=f"a grant for purpose {purpose!r}",
        found="none; no row was read",
        remedy=f"at {issuer}: fedcredit grant issue party.toml --purpose {purpose} --to {grantee}; "
        f"in a simulation fed.grant({issuer!r}, purpose={purpose!r})",
    )


def _why_not(
    grant_id: str,
    grant: GrantState,
    *,
    asset: str,
    columns: set[str],
    operation: str,
    now: datetime,
    run_id: str | None,
) -> GrantError | None:
    about = f"grant {grant_id} of {grant.issuer} (purpose {grant.purpose!r})"
    renew = (
        f"ask {grant.issuer} to renew it: in a simulation "
        f"fed.grant({grant.issuer!r}, purpose={grant.purpose!r})"
    )
    if grant.revoked:
        return RevokedGrantError(
            f"{about} was revoked", party=grant.issuer, expected="a live grant", remedy=renew
        )
    if now >= parse_time(grant.valid_until):
        return ExpiredGrantError(
            f"{about} has expired",
            party=grant.issuer,
            expected=f"use before {grant.valid_until}",
            found=f"now {now:%Y-%m-%d %H:%M} UTC; no row was read",
            remedy=renew,
        )
    if now < parse_time(grant.valid_from):
        return GrantScopeError(
            f"{about} is not valid yet",
            party=grant.issuer,
            expected=f"use from {grant.valid_from}",
            found=f"now {now:%Y-%m-%d %H:%M} UTC",
            remedy="wait, or ask for an earlier start",
        )
    if asset not in grant.assets or operation not in grant.operations:
        return GrantScopeError(
            f"{about} does not cover {operation!r} on {asset}",
            party=grant.issuer,
            expected=f"{', '.join(grant.operations)} on {', '.join(grant.assets)}",
            found=f"{operation} on {asset}",
            remedy=renew,
        )
    if EVERY_FEATURE not in grant.categories and not columns <= set(grant.categories):
        beyond = ", ".join(sorted(columns - set(grant.categories)))
        return GrantScopeError(
            f"{about} does not cover every column of the task",
            party=grant.issuer,
            expected=", ".join(grant.categories),
            found=f"also {beyond}",
            remedy=f"leave these columns out, or {renew}",
        )
    used_by_this_run = run_id is not None and run_id in grant.used_by
    if grant.max_uses is not None and not used_by_this_run and grant.n_used >= grant.max_uses:
        return GrantScopeError(
            f"{about} is used up",
            party=grant.issuer,
            expected=f"at most {grant.max_uses} uses",
            found=f"{grant.n_used} used",
            remedy=renew,
        )
    return None
