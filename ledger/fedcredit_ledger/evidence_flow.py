"""Which entries a package needs, and which of them are there: the checklist flow.txt.

A subject is a run, a grant with its uses, named entries, or a case about one loan. `choose` finds
the entries that are about it and everything they refer to, back to the founding entry; `checklist`
says of each step that the flow demands whether it is present or missing, and of a case how complete
it is and what is owed.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from fedcredit_ledger.errors import EvidenceError
from fedcredit_ledger.evidence_verifier import FORMAT, Leaf, names, references
from fedcredit_ledger.facts import Fact, assess
from fedcredit_ledger.rules_runs import DIFFERENCING, differencing_digest

RUN, GRANT, ENTRIES, CASE = "run", "grant", "entries", "case"
_REFUSALS = ("opening-refused", "disclosure-refused")


def index_names(leaves: Sequence[Leaf]) -> dict[str, list[int]]:
    """Return the places of the entries by every name that others refer to them with."""
    known: dict[str, list[int]] = {}
    for leaf in leaves:
        for name in names(leaf):
            known.setdefault(name, []).append(leaf.place)
        if "grant_id" in leaf.data and leaf.type != "grant-issued":
            known.setdefault(f"course of grant {leaf.data['grant_id']}", []).append(leaf.place)
    return known


def choose(
    subject: str,
    leaves: Sequence[Leaf],
    known: Mapping[str, Sequence[int]],
    places: Collection[int] = (),
) -> list[Leaf]:
    """Return the entries that a package about `subject` holds, in order.

    Parameters
    ----------
    subject : str
        ``run ID``, ``grant ID``, ``entries ID,ID`` or ``case NUMBER``.
    leaves : sequence of Leaf
        The whole ledger.
    known : mapping
        From `index_names`.
    places : collection of int
        The entries of a case.

    Raises
    ------
    EvidenceError
        When the ledger has no such run, grant or entry.
    """
    kind, _, name = subject.partition(" ")
    wanted = [leaves[i] for i in sorted(places)] if kind == CASE else _about(kind, name, leaves)
    if not wanted:
        raise EvidenceError(
            f"the ledger has no {kind} of this name under the witnesses' quorum",
            found=name,
            remedy="fedcredit ledger show FILE lists what the ledger holds",
        )
    found, queue = {0}, [leaf.place for leaf in wanted]
    while queue:
        place = queue.pop()
        if place not in found:
            found.add(place)
            for reference in references(leaves[place]):
                queue += [i for i in known.get(reference, ()) if i < place]
            for grant in leaves[place].data.get("grant_ids", ()):
                queue += known.get(f"course of grant {grant}", ())
    return [leaves[place] for place in sorted(found)]


def _about(kind: str, name: str, leaves: Sequence[Leaf]) -> list[Leaf]:
    if kind == ENTRIES:
        ids = set(name.split(","))
        return [leaf for leaf in leaves if leaf.id in ids] if name else []
    if kind == GRANT:
        issued = [x for x in leaves if x.type == "grant-issued" and x.data["grant_id"] == name]
        ends = [x for x in leaves if x.data.get("grant_id") == name]
        uses = [x for x in leaves if name in x.data.get("grant_ids", [])]
        runs = {x.data["run_id"] for x in uses}
        course = ("run-started", "run-finished", "run-failed")
        return issued and [
            *ends,
            *uses,
            *(x for x in leaves if x.type in course and x.data["run_id"] in runs),
        ]
    found = [leaf for leaf in leaves if leaf.data.get("run_id") == name]
    if not any(leaf.type == "run-proposed" for leaf in found):
        return []
    ids, endorsed = {leaf.id for leaf in found}, differencing_digest(name)
    for leaf in leaves:
        data = leaf.data
        if leaf.type in _REFUSALS and data["about"] in ids:
            found.append(leaf)
        elif data.get("act_type") == DIFFERENCING and data["act_digest"] == endorsed:
            found.append(leaf)
    return found


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
        lines = _run(name, leaves)
    elif kind == CASE:
        lines = _case(leaves, disclosed)
    elif kind == GRANT:
        cited = [x for x in leaves if name in (x.data.get("grant_id"), *_grants(x))]
        lines = [_present(f"{x.type} by {x.author}", [x]) for x in cited]
    else:
        lines = [_present(x.type, [x]) for x in leaves if x.id in name.split(",")]
    return "".join(f"{line}\n" for line in (FORMAT, subject, *lines))


def facts_of(
    leaves: Sequence[Leaf], disclosed: Mapping[int, Sequence[Sequence[Any]]]
) -> list[Fact]:
    """Return the sealed facts among entries, with the fields that are disclosed of each.

    Raises
    ------
    EvidenceError
        When they are not all about one contract, disclosed as such.
    """
    facts = [
        Fact(
            index=leaf.place,
            stage=str(leaf.data["stage"]),
            fields={str(name): value for _, name, value in disclosed.get(leaf.place, ())},
        )
        for leaf in leaves
        if leaf.type == "fact-sealed"
    ]
    contracts = {json.dumps(fact.fields.get("contract")) for fact in facts}
    if len(contracts) > 1 or "null" in contracts:
        raise EvidenceError(
            "the facts of the case are not all about one contract that is disclosed",
            expected="the same contract disclosed of every fact",
            found=f"{len(contracts)} contracts, or one withheld",
            remedy="disclose the field contract of every fact of the case",
        )
    return facts


def _case(leaves: Sequence[Leaf], disclosed: Mapping[int, Sequence[Sequence[Any]]]) -> list[str]:
    facts = facts_of(leaves, disclosed)
    found = assess(facts)
    return [
        *(f"present {fact.stage}: entry {fact.index} (fact-sealed)" for fact in facts),
        *(f"missing {what}" for what in found.missing),
        f"complete {found.score} of 100",
        f"claim {found.claim_fen} fen = principal {found.principal_fen} + interest "
        f"{found.interest_fen} + penalty {found.penalty_fen}",
        f"stated {found.stated_fen} fen",
    ]


def _grants(leaf: Leaf) -> list[str]:
    return [str(name) for name in leaf.data.get("grant_ids", [])]


def _present(what: str, found: Sequence[Leaf]) -> str:
    places = ", ".join(f"{leaf.place} ({leaf.type})" for leaf in found)
    return f"present {what}: entry {places}" if found else f"missing {what}"


def _run(run_id: str, leaves: Sequence[Leaf]) -> list[str]:
    about = [leaf for leaf in leaves if leaf.data.get("run_id") == run_id]

    def step(what: str, kinds: str, author: str = "", **fields: object) -> str:
        return _present(
            what,
            [
                leaf
                for leaf in about
                if leaf.type in kinds.split()
                and author in ("", leaf.author)
                and all(leaf.data[name] == value for name, value in fields.items())
            ],
        )

    lines = [step("context", "he-context-published"), step("proposal", "run-proposed")]
    for leaf in about:
        if leaf.type == "run-proposed":
            for party in leaf.data["parties"]:
                lines.append(step(f"answer of {party}", "run-approved", party))
    lines.append(step("start", "run-started"))
    for leaf in about:
        if leaf.type == "round-attempted":
            lines += _attempt(leaf.data, about, step)
    lines.append(step("end", "run-finished run-failed"))
    if any(leaf.type == "run-finished" for leaf in about):
        lines.append(step("model", "model-registered"))
    return lines


def _attempt(data: Mapping[str, Any], about: Sequence[Leaf], step: Callable[..., str]) -> list[str]:
    number = {"round": data["round"], "attempt": data["attempt"]}
    what = f"round {data['round']} attempt {data['attempt']}"
    abandoned = [
        x for x in about if x.type == "round-abandoned" and number.items() <= x.data.items()
    ]
    if abandoned:
        return [_present(f"{what}: given up", abandoned)]
    place = {"round": data["round"], "phase": data["phase"], "group": data["group"]}
    return [
        *(
            step(f"{what}: contribution of {name}", "round-contributed", name, **number)
            for name in data["roster"]
        ),
        step(f"{what}: sum", "round-aggregated", **number),
        step(f"{what}: opening", "round-opened", **place),
    ]
