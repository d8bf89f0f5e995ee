"""What a holder sees of what it has allowed: the grants, their uses, and why one admits or stops.

Reading decides nothing: the same gate that a run meets is asked here (`grants.why_not`), and the
same proofs are made that anybody can check.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fedcredit_ledger.authorization import is_under, prove, sealed_leaf
from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.entry import format_time, open_commitment
from fedcredit_ledger.errors import InvalidEvidenceError
from fedcredit_ledger.state import BatchState, GrantState
from fedcredit_parties.errors import GrantError
from fedcredit_parties.grant_entries import issuer_of
from fedcredit_parties.grants import Use, why_not
from fedcredit_parties.kept_openings import KeptOpenings
from fedcredit_parties.member import Member
from fedcredit_parties.sealed_grants import Authorization, SealedGrants

PROOF_FORMAT = "fedcredit-authorization-proof/v1"


def listed(member: Member) -> list[dict[str, Any]]:
    """Return a row for each grant and each sealed batch of the ledger, oldest first."""
    state, now = member.ledger.state, format_time(member.clock())
    rows = [_listed(grant, now) for grant in state.grants.values()]
    rows += [_listed(batch, now) for batch in state.batches.values()]
    return [row for _, row in sorted(rows, key=lambda item: item[0])]


def _listed(found: GrantState | BatchState, now: str) -> tuple[int, dict[str, Any]]:
    if isinstance(found, GrantState):
        name, n_used = found.grant_id, found.n_used
        of = "subject" if found.of_subject else "table"
    else:
        name, of, n_used = found.batch_id, "batch", len(found.used_by)
    ended = "expired" if found.valid_until <= now else "live"
    return found.index, {
        "grant": name,
        "of": of,
        "issuer": issuer_of(found),
        "grantee": found.grantee,
        "purpose": found.purpose,
        "until": found.valid_until[:10],
        "used": n_used,
        "state": "revoked" if found.revoked else ended,
    }


def shown(member: Member, sealed: SealedGrants, grant_id: str) -> dict[str, Any]:
    """Return the terms, course, uses and position of one grant, batch or sealed authorization.

    Raises
    ------
    GrantError
        When neither the ledger nor this holder knows the id.
    """
    state = member.ledger.state
    if grant_id in state.grants:
        return _grant(member, state.grants[grant_id])
    if grant_id in state.batches:
        batch = state.batches[grant_id]
        course = _course(member, {grant_id})
        return {
            "grant": grant_id,
            "terms": Leaf.parse(member.ledger.replica.leaf(batch.index)).signed.entry.data,
            "revoked": batch.revoked,
            "course": course,
            "uses": _uses(member, roots={(batch.holder, batch.root)}),
        }
    found = sealed.all().get(grant_id)
    if found is None:
        raise GrantError(
            f"neither the ledger nor {member.name} knows a grant {grant_id}",
            party=member.name,
            expected="the id of a grant, a batch, or an authorization that is kept here",
            found=grant_id,
            remedy="fedcredit grant list and fedcredit grant why show the ids",
        )
    batches = sealed.holding(state, grant_id, holder=member.name)
    return {
        "grant": grant_id,
        "terms": dict(found.terms),
        "revoked": bool(found.withdrawn),
        "batches": [{"batch": b.batch_id, "index": b.index, "root": b.root} for b in batches],
        "uses": _uses(member, roots={(b.holder, b.root) for b in batches}),
        "remaining": _left(
            found.terms.get("max_uses"), len({r for b in batches for r in b.used_by})
        ),
    }


def _grant(member: Member, grant: GrantState) -> dict[str, Any]:
    spent = {
        "max_uses": grant.n_used,
        "max_rounds": grant.n_rounds,
        "epsilon_micro": grant.epsilon_spent_micro,
    }
    data = Leaf.parse(member.ledger.replica.leaf(grant.index)).signed.entry.data
    return {
        "grant": grant.grant_id,
        "terms": data | grant.limits,
        "revoked": grant.revoked,
        "course": _course(member, {grant.grant_id}),
        "uses": _uses(member, grants={grant.grant_id}),
        "remaining": {name: _left(grant.limits.get(name), used) for name, used in spent.items()},
    }


def _left(limit: int | None, used: int) -> int | str:
    return "no limit" if limit is None else max(0, limit - used)


def _entries(member: Member) -> Iterable[tuple[int, Leaf]]:
    replica = member.ledger.replica
    for index in range(replica.size):
        yield index, Leaf.parse(replica.leaf(index))


def _course(member: Member, names: set[str]) -> list[dict[str, Any]]:
    """Return the entries that made, narrowed and ended a grant or batch."""
    return [
        {"index": index, "type": leaf.signed.entry.type, "received": leaf.received}
        | {"entry_id": leaf.signed.id}
        for index, leaf in _entries(member)
        if names & {leaf.signed.entry.data.get("grant_id"), leaf.signed.entry.data.get("batch_id")}
    ]


def _uses(
    member: Member,
    *,
    grants: set[str] | frozenset[str] = frozenset(),
    roots: set[tuple[str, str]] | frozenset[tuple[str, str]] = frozenset(),
) -> list[dict[str, Any]]:
    """Return the contributions under grants, or under batches by holder and root."""
    rows = []
    for index, leaf in _entries(member):
        entry = leaf.signed.entry
        if entry.type != "round-contributed":
            continue
        cited = set(entry.data.get("grant_ids", ()))
        by_root = not cited and (entry.author, entry.data["grants_root"]) in roots
        if cited & grants or by_root:
            place = {name: entry.data[name] for name in ("run_id", "round", "phase")}
            rows.append(place | {"index": index, "received": leaf.received})
    return rows


@dataclass(frozen=True, kw_only=True)
class Reason:
    """What one authorization says to a use of one subject's data.

    Attributes
    ----------
    grant_id, kind : str
        Its id; ``subject`` (an entry), ``sealed`` (kept here) or ``table`` (covers every row).
    rule : str
        Rule that stops it; empty when it admits.
    sentence : str
        What it admits, or why it stops.
    index : int or None
        Its entry; None when it is kept here.
    batches : tuple of str
        Batches that hold it.
    """

    grant_id: str
    kind: str
    rule: str
    sentence: str
    index: int | None = None
    batches: tuple[str, ...] = ()

    @property
    def admits(self) -> bool:
        """Whether a use would go on under it."""
        return not self.rule


def why(
    member: Member,
    sealed: SealedGrants,
    openings: KeptOpenings,
    subject: str,
    *,
    uses: Mapping[str, Use],
    match: Mapping[str, str],
) -> list[Reason]:
    """Return what each authorization of a subject says to a use, those that admit first.

    Parameters
    ----------
    subject : str
        The subject's token.
    uses : mapping of str to Use
        What is asked, by table.
    match : mapping
        ``grantee``, ``purpose``: only authorizations for these are looked at; absent for all.

    Disclosure
    ----------
    Needs the holder's own openings: nobody else can tell whose an authorization is.
    """
    state = member.ledger.state
    about = set(openings.about(subject))
    found: list[tuple[GrantState, str, tuple[str, ...]]] = []
    for grant in state.grants.values():
        if grant.issuer != member.name:
            continue
        commits = Leaf.parse(member.ledger.replica.leaf(grant.index)).signed.entry.data
        mine = commits.get("commits", {}).get("subject") in about
        if mine or not grant.of_subject:
            found.append((grant, "subject" if grant.of_subject else "table", ()))
    runs = sealed.runs(state, holder=member.name)
    for kept in sealed.all().values():
        if kept.subject == subject:
            held = sealed.holding(state, kept.grant_id, holder=member.name)
            as_grant = kept.state(member.name, runs.get(kept.grant_id, ()))
            found.append((as_grant, "sealed", tuple(batch.batch_id for batch in held)))
    reasons = [
        _reason(grant, kind, batches, uses)
        for grant, kind, batches in found
        if all(getattr(grant, name) == value for name, value in match.items())
    ]
    return sorted(reasons, key=lambda reason: (not reason.admits, reason.grant_id))


def _reason(
    grant: GrantState, kind: str, batches: tuple[str, ...], uses: Mapping[str, Use]
) -> Reason:
    place = None if kind == "sealed" else grant.index
    reason = Reason(
        grant_id=grant.grant_id, kind=kind, rule="", sentence="", index=place, batches=batches
    )
    stops = []
    for asset, use in uses.items():
        asked = replace(use, grantee=use.grantee or grant.grantee)
        asked = replace(asked, purpose=asked.purpose or grant.purpose)
        stop = why_not(grant, asked)
        if stop is None:
            sentence = f"admits {asked.operation} on {asset} by {grant.grantee} for {grant.purpose}"
            return replace(reason, sentence=sentence)
        stops.append(stop)
    worst = stops[0]
    sentence = f"{worst.error.message}: {worst.error.expected}"
    return replace(reason, rule=worst.rule, sentence=sentence)


def proof(
    member: Member, sealed: SealedGrants, openings: KeptOpenings, grant_id: str
) -> dict[str, Any]:
    """Return a document that shows under which of this holder's roots an authorization is.

    Raises
    ------
    GrantError
        When this holder keeps no such authorization.

    Disclosure
    ----------
    Holds the authorization with its openings, and how many others each batch holds.
    """
    kept = sealed.all()
    found = kept.get(grant_id)
    if found is None:
        raise GrantError(
            f"{member.name} keeps no authorization {grant_id}",
            party=member.name,
            expected="the id of a sealed authorization",
            found=grant_id,
            remedy="fedcredit grant why shows a subject's; a grant of the ledger is proved by "
            "fedcredit evidence pack",
        )
    opened = [openings.get(digest) for digest in found.terms["commits"].values()]
    return {
        "format": PROOF_FORMAT,
        "holder": member.name,
        "authorization": dict(found.terms),
        "openings": [list(opening) for opening in opened if opening is not None],
        "batches": [
            {"batch_id": batch.batch_id, "root": batch.root}
            | {"proof": prove(_leaves(batch, sealed, kept), found.leaf)}
            for batch in member.ledger.state.batches.values()
            if batch.holder == member.name and sealed.members(batch.batch_id)
        ],
    }


def _leaves(
    batch: BatchState, sealed: SealedGrants, kept: Mapping[str, Authorization]
) -> list[bytes]:
    return [kept[name].leaf for name in sealed.members(batch.batch_id) if name in kept]


def check_proof(
    document: Any, batches: Mapping[tuple[str, str], int]
) -> tuple[dict[str, Any], list[tuple[str, int, bool]]]:
    """Check what `proof` made against a ledger; return the authorization and where it stands.

    Parameters
    ----------
    document : object
        Read from JSON.
    batches : mapping of (str, str) to int
        Index of the ``grants-sealed`` entries by author and root.

    Returns
    -------
    authorization : dict
    where : list of (str, int, bool)
        Batch, index of its entry, whether the authorization is under its root.

    Raises
    ------
    InvalidEvidenceError
        When the document is not of its form, an opening or a proof does not hold, or a batch is
        not in the ledger.
    """
    try:
        if document["format"] != PROOF_FORMAT:
            raise InvalidEvidenceError("the file is no proof about an authorization")
        terms, where = document["authorization"], []
        for salt, name, value in document["openings"]:
            if not open_commitment(terms["commits"][name], salt, name, value):
                raise InvalidEvidenceError(f"the opening of {name} is not what was committed to")
        leaf = sealed_leaf(terms)
        for batch in document["batches"]:
            index = batches.get((document["holder"], batch["root"]))
            if index is None:
                raise InvalidEvidenceError(
                    f"the ledger has no batch of {document['holder']} with this root",
                    found=str(batch["batch_id"])[:80],
                )
            is_in = is_under(batch["proof"], leaf=leaf, root=batch["root"])
            where.append((str(batch["batch_id"]), index, is_in))
        return dict(terms), where
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidEvidenceError(
            "the proof about an authorization is not of its form", found=type(error).__name__
        ) from None
