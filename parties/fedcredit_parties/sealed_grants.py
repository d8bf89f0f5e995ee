"""Authorizations of single subjects, which stay at their holder, and the batches that seal them.

Each has the form of a ``grant-issued`` entry's data and is kept in the vault; whose it is stands in
the openings, and is erased with them. A batch names some of them: the ledger gets one root over
all. An authorization that is withdrawn counts for nothing from that moment on, whatever the ledger
says; the batches that hold it are revoked in the ledger, so that nobody else accepts a contribution
under them either.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fedcredit_ledger.authorization import sealed_leaf
from fedcredit_ledger.canonical import decode, encode
from fedcredit_ledger.state import BatchState, GrantState, State
from fedcredit_parties.grant_terms import Terms
from fedcredit_parties.kept_openings import KeptOpenings
from fedcredit_parties.vault import Vault

_KEPT, _WITHDRAWN, _BATCH = "authorizations.", "withdrawn.", "batch."


@dataclass(frozen=True, kw_only=True)
class Authorization:
    """One subject's authorization, as its holder keeps it.

    Attributes
    ----------
    terms : mapping
        Data in the form of a ``grant-issued`` entry; its ``commits`` hold the subject.
    subject : str
        Token of the subject; empty when it is erased.
    withdrawn : str
        When it was; empty while it stands.
    """

    terms: Mapping[str, Any]
    subject: str
    withdrawn: str = ""

    @property
    def grant_id(self) -> str:
        """Its id, of the same kind as a grant's."""
        return str(self.terms["grant_id"])

    @property
    def leaf(self) -> bytes:
        """Leaf hash under which batches hold it."""
        return sealed_leaf(self.terms)

    def state(self, issuer: str, used_by: Iterable[str] = ()) -> GrantState:
        """Return it as the gate judges a grant.

        Parameters
        ----------
        issuer : str
            The holder.
        used_by : iterable of str
            Runs that contributed under a batch that holds it.
        """
        terms = self.terms
        return GrantState(
            grant_id=self.grant_id,
            entry_id="",
            index=-1,
            issuer=issuer,
            grantee=terms["grantee"],
            purpose=terms["purpose"],
            assets=tuple(terms["assets"]),
            operations=tuple(terms["operations"]),
            categories=tuple(terms.get("categories", ())),
            columns=tuple(terms.get("columns", ())),
            holders=tuple(terms.get("holders", ())),
            data_from=terms.get("data_from", ""),
            data_to=terms.get("data_to", ""),
            valid_from=terms["valid_from"],
            valid_until=terms["valid_until"],
            max_uses=terms.get("max_uses"),
            max_rounds=None,
            epsilon_micro=None,
            limits={},
            basis=terms["basis"],
            of_subject=True,
            used_by=set(used_by),
            revoked=bool(self.withdrawn),
        )


class SealedGrants:
    """The authorizations of subjects that one holder keeps.

    Parameters
    ----------
    vault : Vault
        Where they are kept, encrypted; shared with the daemon when the command line writes.
    openings : KeptOpenings
        Whose they are.
    """

    def __init__(self, vault: Vault, openings: KeptOpenings) -> None:
        self._vault = vault
        self._openings = openings

    def take(self, several: Sequence[Terms], *, holder: str, now: datetime) -> list[Authorization]:
        """Keep authorizations of subjects, one for each `Terms`; return them.

        Each gets a random id, and salts of its own.

        Parameters
        ----------
        several : sequence of Terms
            Each with a subject; already checked.

        Raises
        ------
        DiskFullError, MachineError
            When the disk refuses; none of them counts then.
        """
        taken = []
        for terms in several:
            kept = self._openings.commit(terms.committed, subject=terms.subject)
            data = terms.data(holder=holder, now=now)
            data |= {"grant_id": f"auth-{secrets.token_hex(16)}", "commits": kept.commits}
            taken.append(Authorization(terms=data, subject=terms.subject))
        name = f"{_KEPT}{secrets.token_hex(16)}"
        self._vault.put(name, encode([dict(found.terms) for found in taken]))
        return taken

    def all(self) -> dict[str, Authorization]:
        """Return every authorization by id, withdrawn ones too."""
        found = {}
        for name in self._vault.names(_KEPT):
            for terms in decode(self._vault.get(name) or b"[]"):
                opening = self._openings.get(terms["commits"]["subject"])
                subject = "" if opening is None else str(opening[2])
                found[terms["grant_id"]] = Authorization(terms=terms, subject=subject)
        for name in self._vault.names(_WITHDRAWN):
            grant_id = name.removeprefix(_WITHDRAWN)
            when = (self._vault.get(name) or b"").decode()
            if grant_id in found:
                found[grant_id] = replace(found[grant_id], withdrawn=when)
        return found

    def withdraw(self, grant_id: str, moment: str) -> None:
        """Let an authorization count for nothing from now on."""
        self._vault.put(_WITHDRAWN + grant_id, moment.encode())

    def is_withdrawn(self, grant_ids: Iterable[str]) -> bool:
        """Tell whether one of these was withdrawn."""
        gone = {name.removeprefix(_WITHDRAWN) for name in self._vault.names(_WITHDRAWN)}
        return not gone.isdisjoint(grant_ids)

    def put_batch(self, batch_id: str, grant_ids: Iterable[str]) -> None:
        """Remember which authorizations a batch holds."""
        self._vault.put(_BATCH + batch_id, encode(sorted(grant_ids)))

    def members(self, batch_id: str) -> tuple[str, ...]:
        """Return the ids of a batch's authorizations; none for a batch that is not known here."""
        return tuple(decode(self._vault.get(_BATCH + batch_id) or b"[]"))

    def holding(self, state: State, grant_id: str, *, holder: str) -> list[BatchState]:
        """Return the ledger's batches that hold an authorization, oldest first."""
        return [
            batch
            for batch in state.batches.values()
            if batch.holder == holder and grant_id in self.members(batch.batch_id)
        ]

    def runs(self, state: State, *, holder: str) -> dict[str, set[str]]:
        """Return, by authorization, the runs that contributed, or may, under a batch of it."""
        found: dict[str, set[str]] = {}
        going = under_way(state, holder=holder)
        for batch in state.batches.values():
            used_by = batch.used_by | going.get(batch.root, set())
            if batch.holder == holder and used_by:
                for grant_id in self.members(batch.batch_id):
                    found.setdefault(grant_id, set()).update(used_by)
        return found


def under_way(state: State, *, holder: str) -> dict[str, set[str]]:
    """Return, by root or grant id, the runs that the holder approved under it and that go on.

    What such a run may use is used: else several, approved before the first has contributed, would
    share an authorization that is for one use, or differ by one subject.
    """
    found: dict[str, set[str]] = {}
    for run in state.runs.values():
        approval = run.approvals.get(holder)
        if approval is not None and run.status in ("proposed", "started"):
            for name in (*approval.grant_ids, approval.grants_root):
                found.setdefault(name, set()).add(run.run_id)
    return found
