"""On whose authority a run may use which rows: a grant over the table, or its subjects' own.

A grant of the ledger over a whole table comes first. Where there is none, the holder looks at the
authorizations of single subjects that it keeps: it uses the rows of those subjects only, in each
one's window, and seals exactly the authorizations that it used in a batch, under whose root it
approves and contributes.

The rows of a run are chosen once. When one of its authorizations is withdrawn or ends, the next
round is not answered: a later round over one row less would be that row, by subtraction. For the
same reason a run is refused whose subjects differ by a few from those of an earlier one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedcredit_ledger.authorization import grant_leaf, root_over
from fedcredit_ledger.entry import format_time, parse_time
from fedcredit_ledger.state import BatchState, RunState, State
from fedcredit_parties import grants
from fedcredit_parties.data import Table
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.errors import (
    DifferencingError,
    ExpiredGrantError,
    GrantError,
    GrantScopeError,
    NoGrantError,
    RevokedGrantError,
)
from fedcredit_parties.grant_entries import revoke
from fedcredit_parties.grants import Use
from fedcredit_parties.kept_openings import KeptOpenings
from fedcredit_parties.member import Member
from fedcredit_parties.sealed_grants import Authorization, SealedGrants, under_way
from fedcredit_parties.task import Task


@dataclass(frozen=True, kw_only=True)
class Authority:
    """What a run of this party rests on.

    Attributes
    ----------
    table : Table
        Whose rows are used.
    grant_id : str
        A grant of the ledger over the table; empty under a batch.
    batch_id : str
        A sealed batch; empty under a grant.
    root : str
        Root over the authorizations used.
    n_grants : int
        How many they are.
    keep : ndarray of bool, shape (n_rows,), or None
        Rows that may be used; None for all.
    """

    table: Table
    root: str
    grant_id: str = ""
    batch_id: str = ""
    n_grants: int = 1
    keep: NDArray[np.bool_] | None = None

    @property
    def approved(self) -> dict[str, Any]:
        """What an approval cites."""
        return {"grant_ids": [self.grant_id]} if self.grant_id else {"grants_root": self.root}

    @property
    def contributed(self) -> dict[str, Any]:
        """What a contribution cites."""
        return self.approved | {"grants_root": self.root}


class Authorities:
    """Finds what a run may rest on, and asks before every round whether it still may.

    Parameters
    ----------
    member : Member
        Keys and ledger of the holder.
    tables : mapping of str to Table
        Its tables by asset.
    sealed : SealedGrants
        Authorizations of subjects that it keeps.
    openings : KeptOpenings
        Gets what a batch's entry commits to.
    policy : DisclosurePolicy
        Its smallest cell is the smallest difference between two runs' subjects.

    Disclosure
    ----------
    Of a batch the ledger's readers learn its root, purpose, grantee, tables and the day on which
    the first authorization ends; not whose they are, nor how many.
    """

    def __init__(
        self,
        *,
        member: Member,
        tables: Mapping[str, Table],
        sealed: SealedGrants,
        openings: KeptOpenings,
        policy: DisclosurePolicy,
    ) -> None:
        self._member = member
        self._tables = tables
        self._sealed = sealed
        self._openings = openings
        self._policy = policy

    @property
    def _state(self) -> State:
        return self._member.ledger.state

    def find(self, run: RunState, task: Task) -> Authority:
        """Return what a proposed run may rest on, before a row is read for it.

        Raises
        ------
        GrantError
            What stopped the grant, or the authorizations, that come closest.
        DifferencingError
            When its subjects differ by too few from those of an earlier run.
        """
        approval = run.approvals.get(self._member.name)
        if approval is not None and approval.grants_root and not approval.grant_ids:
            return self._restored(run, task, approval.grants_root)
        only = approval.grant_ids[0] if approval is not None and approval.grant_ids else None
        try:
            grant_id, table = self._granted(run, task, only)
        except GrantError as error:
            kept = None if only is not None else self._of_subjects(run, task)
            if kept is None:
                raise error
            return kept
        return self._over_table(run, grant_id, table)

    def demand(self, run: RunState, task: Task, authority: Authority) -> None:
        """Refuse the next round when what the run rests on does not hold any more.

        Raises
        ------
        GrantError
            Revoked, ended, used up, or narrowed below what the task needs.
        """
        if authority.grant_id:
            self._granted(run, task, authority.grant_id)
            self._demand_window(run, authority.grant_id)
            return
        self._demand_batch(self._state.batches[authority.batch_id])

    def _use(self, run: RunState, task: Task, table: Table) -> Use:
        roles = (task.id_column, task.time_column, task.split_column)
        columns = [*(f.name for f in task.features), task.label, *(name for name in roles if name)]
        return Use(
            issuer=self._member.name,
            grantee=run.requester,
            purpose=task.purpose,
            asset=table.asset,
            columns=frozenset(columns),
            operation=task.OPERATION,
            now=self._member.clock(),
            category=table.category,
            is_dated=table.time_column is not None,
            run_id=run.run_id,
        )

    def _granted(self, run: RunState, task: Task, grant_id: str | None) -> tuple[str, Table]:
        error: GrantError | None = None
        for table in self._tables.values():
            use = self._use(run, task, table)
            try:
                found = grants.find_grant(
                    self._state,
                    issuer=use.issuer,
                    grantee=use.grantee,
                    purpose=use.purpose,
                    asset=use.asset,
                    columns=use.columns,
                    operation=use.operation,
                    now=use.now,
                    category=use.category,
                    is_dated=use.is_dated,
                    run_id=use.run_id,
                    grant_id=grant_id,
                )
            except GrantError as refused:
                # That one table has a grant that falls short says more than that others have none.
                if error is None or not isinstance(refused, NoGrantError):
                    error = refused
                continue
            return found, table
        assert error is not None, "a data holder has at least one table"
        raise error

    def _demand_window(self, run: RunState, grant_id: str) -> None:
        """Refuse to go on with other rows than those that the run was approved with."""
        approval, grant = run.approvals.get(self._member.name), self._state.grants[grant_id]
        if approval is not None and grant.window_index > approval.index:
            raise GrantScopeError(
                f"the data window of grant {grant_id} was narrowed after the run's approval",
                party=self._member.name,
                expected="the rows that the run began with",
                found="fewer",
                remedy="run the job again: it then uses the rows of the window that stands",
            )

    def _over_table(self, run: RunState, grant_id: str, table: Table) -> Authority:
        self._demand_window(run, grant_id)
        grant = self._state.grants[grant_id]
        keep = None
        if grant.data_from or grant.data_to:
            table.check()
            keep = table.within(grant.data_from, grant.data_to)
            if not keep.any():
                raise GrantScopeError(
                    f"no row of {table.asset} lies in the data window of grant {grant_id}",
                    party=self._member.name,
                    expected=f"rows from {grant.data_from or 'any day'} to "
                    f"{grant.data_to or 'any day'}",
                    found="none",
                    remedy=f"ask {self._member.name} for a grant over another window",
                )
        if table.subject_column is not None and self._batches(table, other_than=run):
            subjects = table.subjects()
            self._check_difference(run, table, set(subjects if keep is None else subjects[keep]))
        root = root_over([grant_leaf(grant.entry_id)])
        return Authority(table=table, root=root, grant_id=grant_id, keep=keep)

    def _of_subjects(self, run: RunState, task: Task) -> Authority | None:
        """Return an authority over the rows of subjects; None when nobody has authorized it."""
        runs = self._sealed.runs(self._state, holder=self._member.name)
        kept = self._sealed.all()
        for table in self._tables.values():
            use = self._use(run, task, table)
            admitted = {
                found.subject: found
                for found in kept.values()
                if found.subject
                and grants.why_not(found.state(use.issuer, runs.get(found.grant_id, ())), use)
                is None
            }
            if not admitted:
                continue
            table.check()
            keep, used = self._rows_of(table, admitted)
            if not used:
                continue
            self._check_difference(run, table, {found.subject for found in used})
            batch = seal_batch(self._member, self._sealed, self._openings, used, asset=table.asset)
            return self._under(table, batch, used, keep)
        return None

    def _restored(self, run: RunState, task: Task, root: str) -> Authority:
        """Return the authority that an approval cites, after a restart: the same rows."""
        batch = self._state.sealed[self._member.name, root]
        self._demand_batch(batch)
        kept = self._sealed.all()
        used = [kept[name] for name in self._sealed.members(batch.batch_id) if name in kept]
        table = next(t for asset, t in self._tables.items() if asset in batch.assets)
        if root_over(found.leaf for found in used) != root:
            raise RevokedGrantError(
                f"the authorizations of run {run.run_id} are not kept here any more",
                party=self._member.name,
                expected=f"those under the root {root[:12]}",
                found="others, or none",
                remedy="restore the state folder, or run the job again",
            )
        keep, _ = self._rows_of(table, {found.subject: found for found in used})
        return self._under(table, batch, used, keep)

    @staticmethod
    def _under(
        table: Table, batch: BatchState, used: Sequence[Authorization], keep: NDArray[np.bool_]
    ) -> Authority:
        return Authority(
            table=table, root=batch.root, batch_id=batch.batch_id, n_grants=len(used), keep=keep
        )

    @staticmethod
    def _rows_of(
        table: Table, admitted: Mapping[str, Authorization]
    ) -> tuple[NDArray[np.bool_], list[Authorization]]:
        """Return the rows of subjects in each one's window, and the authorizations that have one.

        Subjects with one window are looked up together: reading the time column is what costs.
        """
        subjects = table.subjects()
        keep = np.zeros(len(subjects), dtype=bool)
        windows: dict[tuple[str, str], set[str]] = {}
        for name, found in admitted.items():
            window = (found.terms.get("data_from", ""), found.terms.get("data_to", ""))
            windows.setdefault(window, set()).add(name)
        for window, names in windows.items():
            rows = np.array([subject in names for subject in subjects], dtype=bool)
            keep |= rows & table.within(*window) if any(window) else rows
        present = set(subjects[keep])
        return keep, [found for name, found in admitted.items() if name in present]

    def _demand_batch(self, batch: BatchState) -> None:
        demand_batch(batch, self._sealed, now=self._member.clock())

    def _batches(self, table: Table, *, other_than: RunState) -> list[BatchState]:
        going = under_way(self._state, holder=self._member.name)
        return [
            batch
            for batch in self._state.batches.values()
            if batch.holder == self._member.name
            and table.asset in batch.assets
            and (batch.used_by | going.get(batch.root, set())) - {other_than.run_id}
        ]

    def _check_difference(self, run: RunState, table: Table, subjects: set[str]) -> None:
        """Refuse subjects that are those of an earlier run but for a few."""
        everyone, kept = set(table.subjects()), self._sealed.all()
        earlier = [
            {kept[name].subject for name in self._sealed.members(batch.batch_id) if name in kept}
            for batch in self._batches(table, other_than=run)
        ]
        going = under_way(self._state, holder=self._member.name)
        if any(
            table.asset in grant.assets
            and (grant.used_by | going.get(grant.grant_id, set())) - {run.run_id}
            for grant in self._state.grants.values()
            if grant.issuer == self._member.name and not grant.of_subject
        ):
            earlier.append(everyone)
        for others in earlier:
            if 0 < len(subjects ^ (others & everyone)) < self._policy.min_subjects:
                raise DifferencingError(
                    "the authorized subjects are those of an earlier run but for a few",
                    party=self._member.name,
                    expected=f"the same, or at least {self._policy.min_subjects} others",
                    found="fewer",
                    remedy="wait until more authorizations have come or ended",
                )


def seal_batch(
    member: Member,
    sealed: SealedGrants,
    openings: KeptOpenings,
    used: Iterable[Authorization],
    *,
    asset: str = "",
) -> BatchState:
    """Return the live batch over exactly these authorizations; write it when there is none.

    Parameters
    ----------
    member : Member
        Their holder.
    sealed, openings : SealedGrants, KeptOpenings
        Get what the batch holds, and what its entry commits to.
    used : iterable of Authorization
        Of one grantee and purpose.
    asset : str
        The one table that the batch is for; all of the authorizations' when empty.

    Raises
    ------
    RevokedGrantError, ExpiredGrantError
        When a batch over them was revoked, or has ended.
    """
    chosen = list(used)
    terms, now = chosen[0].terms, member.clock()
    root = root_over(found.leaf for found in chosen)
    standing = member.ledger.state.sealed.get((member.name, root))
    if standing is not None:
        demand_batch(standing, sealed, now=now)
        return standing
    batch_id = f"batch-{root[:32]}"
    sealed.put_batch(batch_id, [found.grant_id for found in chosen])
    member.ledger.append(
        "grants-sealed",
        {
            "batch_id": batch_id,
            "purpose": terms["purpose"],
            "grantee": terms["grantee"],
            "day": f"{now:%Y-%m-%d}",
            "root": root,
            "assets": [asset] if asset else list(terms["assets"]),
            "operations": list(terms["operations"]),
            "valid_until": min(str(found.terms["valid_until"]) for found in chosen),
            "commits": openings.commit({"n_grants": len(chosen)}).commits,
        },
    )
    return member.ledger.state.batches[batch_id]


def demand_batch(batch: BatchState, sealed: SealedGrants, *, now: datetime) -> None:
    """Refuse a batch of which an authorization was withdrawn, or has ended.

    Raises
    ------
    RevokedGrantError, ExpiredGrantError
    """
    about = f"batch {batch.batch_id} of {batch.holder} (purpose {batch.purpose!r})"
    remedy = "run the job again: it then rests on the authorizations that stand"
    if batch.revoked or sealed.is_withdrawn(sealed.members(batch.batch_id)):
        raise RevokedGrantError(
            f"{about} was revoked: an authorization in it was withdrawn",
            party=batch.holder,
            expected="a batch whose authorizations all stand",
            found="one that was withdrawn",
            remedy=remedy,
        )
    if now >= parse_time(batch.valid_until):
        raise ExpiredGrantError(
            f"{about} has expired: an authorization in it has ended",
            party=batch.holder,
            expected=f"use before {batch.valid_until}",
            found=f"now {now:%Y-%m-%d %H:%M} UTC",
            remedy=remedy,
        )


def withdraw(
    member: Member, sealed: SealedGrants, grant_id: str, *, reason: str = "withdrawn"
) -> list[str]:
    """Withdraw a grant, a batch, or an authorization kept here; return what the ledger ended.

    An authorization counts for nothing from the moment at which this was written down here; then
    every live batch that holds it is revoked in the ledger.

    Raises
    ------
    GrantError
        When nothing of this name is this holder's to withdraw, or it was withdrawn before.
    """
    ledger = member.ledger
    ledger.refresh()
    kept = sealed.all().get(grant_id)
    if kept is None:
        revoke(member, grant_id, reason=reason)
        return [grant_id]
    holding = sealed.holding(ledger.state, grant_id, holder=member.name)
    live = [batch.batch_id for batch in holding if not batch.revoked]
    if kept.withdrawn and not live:
        raise GrantError(
            f"authorization {grant_id} was withdrawn before",
            party=member.name,
            expected="one that stands",
            found=f"withdrawn {kept.withdrawn[:10]}",
            remedy="nothing is left to do: no round is answered under it",
        )
    if not kept.withdrawn:
        sealed.withdraw(grant_id, format_time(member.clock()))
    for batch_id in live:
        revoke(member, batch_id, reason=reason)
    return live
