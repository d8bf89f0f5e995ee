"""Which entries a package needs, and which of them are there: the checklist flow.txt.

A subject is a run, a grant with its uses, a query, named entries, or a case about one loan.
`choose` finds the entries that are about it and everything they refer to, back to the founding
entry; `checklist` says of each step that the flow demands whether it is present or missing, and of
a case how complete it is and what is owed.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from fedcredit_ledger.errors import EvidenceError
from fedcredit_ledger.evidence_source import Source
from fedcredit_ledger.evidence_verifier import FORMAT, Leaf, references
from fedcredit_ledger.facts import assess
from fedcredit_ledger.flows import case_steps, facts_of, present, query_steps, run_steps
from fedcredit_ledger.rules_runs import DIFFERENCING, differencing_digest
from fedcredit_ledger.types_queries import QUERY_KINDS

RUN, GRANT, QUERY, ENTRIES, CASE = "run", "grant", "query", "entries", "case"
_REFUSALS = ("opening-refused", "disclosure-refused")
_GIVEN = {"grant-issued": "grant_id", "grants-sealed": "batch_id"}


def choose(subject: str, source: Source, places: Collection[int] = ()) -> list[Leaf]:
    """Return the entries that a package about `subject` holds, in order.

    Parameters
    ----------
    subject : str
        ``run ID``, ``grant ID``, ``query ID``, ``entries ID,ID`` or ``case NUMBER``.
    source : Source
        The whole ledger.
    places : collection of int
        The entries of a case.

    Raises
    ------
    EvidenceError
        When the ledger has no such run, grant or entry.
    """
    kind, _, name = subject.partition(" ")
    wanted = [source[i] for i in sorted(places)] if kind == CASE else _about(kind, name, source)
    if not wanted:
        raise EvidenceError(
            f"the ledger has no {kind} of this name under the witnesses' quorum",
            found=name,
            remedy="fedcredit ledger show FILE lists what the ledger holds",
        )
    return with_references(wanted, source)


def with_references(wanted: Sequence[Leaf], source: Source) -> list[Leaf]:
    """Return entries with everything that they refer to, back to the founding entry, in order."""
    found, queue = {0}, [leaf.place for leaf in wanted]
    while queue:
        place = queue.pop()
        if place not in found:
            found.add(place)
            leaf = source[place]
            for reference in references(leaf):
                queue += [i for i in source.places(reference) if i < place]
            for grant in _grants(leaf):
                queue += source.places(f"course of grant {grant}")
            queue += source.places(f"erasures of {leaf.id}")
    return [source[place] for place in sorted(found)]


def _about(kind: str, name: str, source: Source) -> list[Leaf]:
    if kind == ENTRIES:
        return source.named(*(part for part in name.split(",") if " " not in part))
    if kind == GRANT:
        return _about_grant(name, source)
    if kind == QUERY:
        return _about_query(name, source)
    found = source.named(f"run_id {name}")
    if not any(leaf.type == "run-proposed" for leaf in found):
        return []
    about = source.named(*(f"about {leaf.id}" for leaf in found))
    endorsed = source.named(f"endorses {differencing_digest(name)}")
    return [
        *found,
        *(leaf for leaf in about if leaf.type in _REFUSALS),
        *(leaf for leaf in endorsed if leaf.data["act_type"] == DIFFERENCING),
    ]


def _about_grant(name: str, source: Source) -> list[Leaf]:
    """Return a grant or a batch, its end, its uses, and what became of them."""
    named = source.named(f"grant_id {name}", f"batch_id {name}")
    issued = [x for x in named if name == x.data.get(_GIVEN.get(x.type, ""))]
    if not issued:
        return []
    ends = [x for x in named if x in issued or x.data.get("grant_id") == name]
    roots = [f"batch {x.author} {x.data['root']}" for x in issued if x.type == "grants-sealed"]
    uses = source.named(f"grant_ids {name}", *(f"cites {root}" for root in roots))
    runs = source.named(*{f"run_id {x.data['run_id']}" for x in uses})
    queries = {f"query_id {x.data['query_id']}" for x in ends if x.type == "query-made"}
    course = ("run-started", "run-finished", "run-failed")
    return [*ends, *source.named(*queries), *uses, *(x for x in runs if x.type in course)]


def _about_query(name: str, source: Source) -> list[Leaf]:
    """Return a query, its answer, its reports, and the look-ups counted on its day."""
    found = source.named(f"query_id {name}")
    days = {
        leaf.received[:10]
        for leaf in found
        if leaf.type == "query-made" and QUERY_KINDS[leaf.data["query_kind"]] == "lookup"
    }
    return [*found, *source.named(*(f"served {day}" for day in days))]


def checklist(
    subject: str, leaves: Sequence[Leaf], disclosed: Mapping[int, Sequence[Sequence[Any]]]
) -> str:
    """Return flow.txt: format, subject, then one line a step, ``present`` or ``missing``.

    Parameters
    ----------
    subject : str
        As in `choose`.
    leaves : sequence of Leaf
        The entries of the package.
    disclosed : mapping
        Openings in the package, by index of their entry; a case is judged by them.

    Raises
    ------
    EvidenceError
        When what a case discloses is not of its form.
    """
    kind, _, name = subject.partition(" ")
    if kind == RUN:
        lines = run_steps([leaf for leaf in leaves if leaf.data.get("run_id") == name])
    elif kind == QUERY:
        lines = query_steps(name, leaves)
    elif kind == CASE:
        lines = _case(leaves, disclosed)
    elif kind == GRANT:
        course = (name, *(x.id for x in _uses(name, leaves)))
        cited = [
            x for x in leaves if {x.data.get("grant_id"), x.data.get("batch_id"), x.id} & {*course}
        ]
        lines = [present(f"{x.type} by {x.author}", [x]) for x in cited]
    else:
        lines = [present(x.type, [x]) for x in leaves if x.id in name.split(",")]
    return "".join(f"{line}\n" for line in (FORMAT, subject, *lines))


def _case(leaves: Sequence[Leaf], disclosed: Mapping[int, Sequence[Sequence[Any]]]) -> list[str]:
    found = assess(facts_of(leaves, disclosed))
    return [
        *case_steps(leaves, disclosed),
        f"complete {found.score} of 100",
        f"claim {found.claim_fen} fen = principal {found.principal_fen} + interest "
        f"{found.interest_fen} + penalty {found.penalty_fen}",
        f"stated {found.stated_fen} fen",
    ]


def _uses(name: str, leaves: Sequence[Leaf]) -> list[Leaf]:
    """Return the approvals and contributions under a grant, or under a batch's root."""
    sealed = {
        f"batch {leaf.author} {leaf.data['root']}"
        for leaf in leaves
        if leaf.type == "grants-sealed" and leaf.data["batch_id"] == name
    }
    return [
        leaf
        for leaf in leaves
        if name in leaf.data.get("grant_ids", ()) or sealed & {*references(leaf)}
    ]


def _grants(leaf: Leaf) -> list[str]:
    """Return the grants that an entry is under: a run's answers and contributions, a query."""
    asked = [leaf.data["grant_id"]] if leaf.type == "query-made" else []
    return [str(name) for name in (*leaf.data.get("grant_ids", []), *asked)]
