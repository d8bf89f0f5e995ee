"""The gate on the way in: whether this task may use these rows.

Evaluated at the data holder, before a row is read, and again before every contribution, so that a
revocation takes effect for the next round. Pure: the state of the ledger and the clock are
arguments. Every refusal names the rule of the ledger that it follows.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from fedcredit_ledger.authorization import EVERY
from fedcredit_ledger.entry import parse_time
from fedcredit_ledger.rules import GrantState, State
from fedcredit_parties.errors import (
    ExpiredGrantError,
    GrantError,
    GrantScopeError,
    NoGrantError,
    RevokedGrantError,
)


@dataclass(frozen=True, kw_only=True)
class Use:
    """What somebody wants to do with a table.

    Attributes
    ----------
    issuer, grantee, purpose, asset : str
        Whose table, who asks, what for, which.
    columns : frozenset of str
        Every column the task reads, the label included.
    operation : str
        ``"sum"``, ``"train"``, ``"match"`` or ``"lookup"``.
    now : datetime
        In UTC.
    category : str
        Kind of data that the table is of; empty where only its holder knows.
    is_dated : bool
        The holder has named the column that says when a row is from.
    run_id : str
        Run that has perhaps used a grant already (its use is not counted twice).
    """

    issuer: str
    grantee: str
    purpose: str
    asset: str
    columns: frozenset[str]
    operation: str
    now: datetime
    category: str = ""
    is_dated: bool = True
    run_id: str = ""


@dataclass(frozen=True)
class Stop:
    """Why a grant does not admit a use.

    Attributes
    ----------
    rule : str
        ``grant-scope``, ``grant-not-live`` or ``grant-exhausted``.
    error : GrantError
        What the requester is told.
    """

    rule: str
    error: GrantError


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
    category: str = "",
    is_dated: bool = True,
    run_id: str | None = None,
    grant_id: str | None = None,
) -> str:
    """Return the id of a live grant of `issuer` that admits the task; see `Use`.

    Parameters
    ----------
    grant_id : str, optional
        Only this grant will do: a run goes on under the grants that its approvals cite.

    Raises
    ------
    NoGrantError
        No grant of this issuer for this grantee and purpose.
    ExpiredGrantError, RevokedGrantError, GrantScopeError
        There is one, but it is over, withdrawn, used up, or does not cover the task.
    """
    use = Use(
        issuer=issuer,
        grantee=grantee,
        purpose=purpose,
        asset=asset,
        columns=frozenset(columns),
        operation=operation,
        now=now,
        category=category,
        is_dated=is_dated,
        run_id=run_id or "",
    )
    newest: Stop | None = None
    for candidate, grant in sorted(state.grants.items(), key=lambda item: item[1].index):
        if grant.issuer != issuer or grant.grantee != grantee or grant.purpose != purpose:
            continue
        if grant_id is not None and candidate != grant_id:
            continue
        stop = why_not(grant, use)
        if stop is None and grant.of_subject:
            stop = Stop("grant-scope", _of_one_subject(grant))
        if stop is None:
            return candidate
        newest = stop
    raise no_grant(use) if newest is None else newest.error


def no_grant(use: Use) -> NoGrantError:
    """Return what a requester is told when nothing was granted for its purpose."""
    issuer, grantee, purpose = use.issuer, use.grantee, use.purpose
    return NoGrantError(
        f"{issuer} has not granted {grantee} the purpose {purpose!r} on {use.asset}",
        party=issuer,
        expected=f"a grant for purpose {purpose!r}",
        found="none; no row was read",
        remedy=f"at {issuer}: fedcredit grant issue party.toml --purpose {purpose} --to {grantee}; "
        f"in a simulation fed.grant({issuer!r}, purpose={purpose!r})",
    )


def why_not(grant: GrantState, use: Use) -> Stop | None:
    """Return what stops a grant from admitting a use; None when it does."""
    return _not_for(grant, use) or _not_live(grant, use) or _not_covered(grant, use)


def _about(grant: GrantState) -> str:
    return f"grant {grant.grant_id} of {grant.issuer} (purpose {grant.purpose!r})"


def _renew(grant: GrantState) -> str:
    return (
        f"ask {grant.issuer} to renew it: in a simulation "
        f"fed.grant({grant.issuer!r}, purpose={grant.purpose!r})"
    )


def _scope(grant: GrantState, problem: str, *, expected: str, found: str, remedy: str = "") -> Stop:
    error = GrantScopeError(
        f"{_about(grant)} {problem}",
        party=grant.issuer,
        expected=expected,
        found=found,
        remedy=remedy or _renew(grant),
    )
    return Stop("grant-scope", error)


def _of_one_subject(grant: GrantState) -> GrantError:
    return _scope(
        grant,
        "is one subject's",
        expected="a grant over the table, or authorizations of its subjects in a sealed batch",
        found="a use of every row",
        remedy=f"at {grant.issuer}: fedcredit grant seal party.toml FILE keeps many and seals them",
    ).error


def _not_for(grant: GrantState, use: Use) -> Stop | None:
    if (grant.grantee, grant.purpose) != (use.grantee, use.purpose):
        return _scope(
            grant,
            "is for another party or purpose",
            expected=f"{grant.grantee}, {grant.purpose}",
            found=f"{use.grantee}, {use.purpose}",
        )
    if use.issuer not in (grant.holders or (grant.issuer,)):
        return _scope(
            grant,
            f"does not let {use.issuer} answer",
            expected=", ".join(grant.holders or (grant.issuer,)),
            found=use.issuer,
        )
    return None


def _not_live(grant: GrantState, use: Use) -> Stop | None:
    if grant.revoked:
        revoked = RevokedGrantError(
            f"{_about(grant)} was revoked",
            party=grant.issuer,
            expected="a live grant",
            remedy=_renew(grant),
        )
        return Stop("grant-not-live", revoked)
    if use.now >= parse_time(grant.valid_until):
        expired = ExpiredGrantError(
            f"{_about(grant)} has expired",
            party=grant.issuer,
            expected=f"use before {grant.valid_until}",
            found=f"now {use.now:%Y-%m-%d %H:%M} UTC; no row was read",
            remedy=_renew(grant),
        )
        return Stop("grant-not-live", expired)
    if use.now < parse_time(grant.valid_from):
        early = _scope(
            grant,
            "is not valid yet",
            expected=f"use from {grant.valid_from}",
            found=f"now {use.now:%Y-%m-%d %H:%M} UTC",
            remedy="wait, or ask for an earlier start",
        )
        return replace(early, rule="grant-not-live")
    return None


def _not_covered(grant: GrantState, use: Use) -> Stop | None:
    if use.asset not in grant.assets or use.operation not in grant.operations:
        return _scope(
            grant,
            f"does not cover {use.operation!r} on {use.asset}",
            expected=f"{', '.join(grant.operations)} on {', '.join(grant.assets)}",
            found=f"{use.operation} on {use.asset}",
        )
    wanted = {use.category} if use.category else set(grant.categories)
    if EVERY not in grant.categories and (not wanted or not wanted <= set(grant.categories)):
        return _scope(
            grant,
            "does not cover this kind of data",
            expected=", ".join(grant.categories) or "no category",
            found=use.category or "a table of some category",
        )
    if grant.columns and not use.columns <= set(grant.columns):
        return _scope(
            grant,
            "does not cover every column of the task",
            expected=", ".join(grant.columns),
            found=f"also {', '.join(sorted(use.columns - set(grant.columns)))}",
            remedy=f"leave these columns out, or {_renew(grant)}",
        )
    if (grant.data_from or grant.data_to) and not use.is_dated:
        return _scope(
            grant,
            "has a data window, and its table names no time column",
            expected=f"rows from {grant.data_from or 'any day'} to {grant.data_to or 'any day'}",
            found="rows that do not say when they are from",
            remedy=f"at {grant.issuer}: write time_column into [[data]] of party.toml",
        )
    return _exhausted(grant, use)


def _exhausted(grant: GrantState, use: Use) -> Stop | None:
    used = f"{grant.n_used} used"
    for name, limit, spent, found in (
        ("uses", grant.max_uses, grant.n_used - (use.run_id in grant.used_by), used),
        ("rounds", grant.max_rounds, grant.n_rounds, f"{grant.n_rounds} rounds"),
        ("micro-epsilon", grant.epsilon_micro, grant.epsilon_spent_micro, "a spent budget"),
    ):
        if limit is not None and spent >= limit:
            stop = _scope(grant, "is used up", expected=f"at most {limit} {name}", found=found)
            return replace(stop, rule="grant-exhausted")
    return None
