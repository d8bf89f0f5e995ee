"""What each flow demands, and which of it a ledger holds: run, query, action, loan.

A flow is a matter with an order: a run from its proposal to its model, a query from its grant to
its report, a protective action from its statute to its end, a loan from the first fact to the
claim. Each step is one line, ``present ...`` or ``missing ...``; a step that is still to come is
missing too. SPEC.md, "Flows".
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fedcredit_ledger.errors import EvidenceError
from fedcredit_ledger.evidence_verifier import Leaf
from fedcredit_ledger.facts import Fact, assess
from fedcredit_ledger.types_queries import QUERY_KINDS

Disclosed = Mapping[int, Sequence[Sequence[Any]]]
"""Index of an entry -> its openings, each ``[salt, name, value]``."""


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One matter and its steps.

    Attributes
    ----------
    kind : str
        ``run``, ``query``, ``action`` or ``case``.
    name : str
        Its id; of a case, the bank and the contract's first entry.
    steps : tuple of str
        Lines ``present ...`` and ``missing ...`` in the flow's order.
    """

    kind: str
    name: str
    steps: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """What is not there."""
        return tuple(step[8:] for step in self.steps if step.startswith("missing "))

    def document(self) -> dict[str, Any]:
        """Return the flow for ``--json``."""
        return {
            "kind": self.kind,
            "name": self.name,
            "n_present": len(self.steps) - len(self.missing),
            "missing": list(self.missing),
        }


def flows(leaves: Sequence[Leaf], disclosed: Disclosed | None = None) -> list[Flow]:
    """Return every flow that a ledger has begun, in the order of their first entries.

    Parameters
    ----------
    leaves : sequence of Leaf
        The whole ledger.
    disclosed : mapping, optional
        Openings of sealed facts. Only they tell which facts are about one loan; without them no
        loan is listed.

    Raises
    ------
    EvidenceError
        When what is disclosed of a loan is not of its form.
    """
    by_run: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        if "run_id" in leaf.data:
            by_run.setdefault(str(leaf.data["run_id"]), []).append(leaf)
    services = [x for x in leaves if x.type in _SERVICES]
    found = []
    for leaf in leaves:
        if leaf.type == "run-proposed":
            run_id = str(leaf.data["run_id"])
            found.append(Flow(kind="run", name=run_id, steps=tuple(run_steps(by_run[run_id]))))
        elif leaf.type == "query-made":
            query_id = str(leaf.data["query_id"])
            steps = tuple(query_steps(query_id, services))
            found.append(Flow(kind="query", name=query_id, steps=steps))
        elif leaf.type == "action-taken":
            action_id = str(leaf.data["action_id"])
            steps = tuple(action_steps(action_id, services))
            found.append(Flow(kind="action", name=action_id, steps=steps))
    return [*found, *_cases(leaves, disclosed or {})]


_SERVICES = (
    "grant-issued", "grants-sealed", "query-made", "query-answered", "report-issued",
    "risk-list-published", "lookups-served", "action-taken", "action-lifted",
)  # fmt: skip


def present(what: str, found: Sequence[Leaf]) -> str:
    """Return a step's line: which entries are it, or that none is."""
    places = ", ".join(f"{leaf.place} ({leaf.type})" for leaf in found)
    return f"present {what}: entry {places}" if found else f"missing {what}"


def run_steps(about: Sequence[Leaf]) -> list[str]:
    """Return the steps of a run.

    Parameters
    ----------
    about : sequence of Leaf
        The entries that carry its id.
    """

    def step(what: str, kinds: str, author: str = "", **fields: object) -> str:
        return present(
            what,
            [
                leaf
                for leaf in about
                if leaf.type in kinds.split()
                and author in ("", leaf.author)
                and all(leaf.data.get(name) == value for name, value in fields.items())
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
        return [present(f"{what}: given up", abandoned)]
    place = {"round": data["round"], "phase": data["phase"], "group": data["group"]}
    return [
        *(
            step(f"{what}: contribution of {name}", "round-contributed", name, **number)
            for name in data["roster"]
        ),
        step(f"{what}: sum", "round-aggregated", **number),
        step(f"{what}: opening", "round-opened", **place),
    ]


def query_steps(query_id: str, leaves: Sequence[Leaf]) -> list[str]:
    """Return the steps of a query: grant, question, answer, then report or the day's look-ups."""
    made = _with(leaves, "query-made", query_id=query_id)
    grants = [x for q in made for x in _with(leaves, "grant-issued", grant_id=q.data["grant_id"])]
    lines = [
        present("grant", grants),
        present("query", made),
        present("answer", _with(leaves, "query-answered", query_id=query_id)),
    ]
    if not made or QUERY_KINDS[made[0].data["query_kind"]] != "lookup":
        reports = _with(leaves, "report-issued", query_id=query_id)
        return [*lines, present("report", reports)]
    day = made[0].received[:10]
    holders = [x.author for x in _with(leaves, "risk-list-published") if x.place < made[0].place]
    for holder in dict.fromkeys(holders):
        served = [x for x in _with(leaves, "lookups-served", day=day) if x.author == holder]
        lines.append(present(f"look-ups of {holder} on {day}", served))
    if not holders:
        lines.append("missing a risk list that was looked up")
    return lines


def action_steps(action_id: str, leaves: Sequence[Leaf]) -> list[str]:
    """Return the steps of a protective action: statute, sealed grants, action, end."""
    (taken,) = _with(leaves, "action-taken", action_id=action_id)
    before = [x for x in leaves if x.place < taken.place and x.author == taken.author]
    return [
        present("grant by statute", _with(before, "grant-issued", basis="statute")[-1:]),
        present("sealed grants", _with(before, "grants-sealed")[-1:]),
        present("action", [taken]),
        present("end", _with(leaves, "action-lifted", action_id=action_id)),
    ]


def _with(leaves: Iterable[Leaf], kind: str, **fields: object) -> list[Leaf]:
    """Return the entries of a type with these fields."""
    return [
        leaf
        for leaf in leaves
        if leaf.type == kind and all(leaf.data.get(name) == value for name, value in fields.items())
    ]


def _cases(leaves: Sequence[Leaf], disclosed: Disclosed) -> list[Flow]:
    """Return the loans whose facts are told apart by what is disclosed of them."""
    loans: dict[tuple[str, str], list[Leaf]] = {}
    for leaf in leaves:
        opened = {str(name): value for _, name, value in disclosed.get(leaf.place, ())}
        if leaf.type == "fact-sealed" and "contract" in opened:
            loans.setdefault((leaf.author, json.dumps(opened["contract"])), []).append(leaf)
    found = []
    for (bank, _), facts in loans.items():
        issued = [
            x
            for x in _with(leaves, "evidence-issued")
            if x.author == bank and x.place > facts[-1].place
        ]
        steps = [*case_steps(facts, disclosed), present("evidence", issued)]
        found.append(Flow(kind="case", name=f"{bank} entry {facts[0].place}", steps=tuple(steps)))
    return found


def case_steps(leaves: Sequence[Leaf], disclosed: Disclosed) -> list[str]:
    """Return the steps of a loan: its facts, then what is missing of them.

    Raises
    ------
    EvidenceError
        When what is disclosed is not of its form, or not of one contract.
    """
    facts = facts_of(leaves, disclosed)
    return [
        *(f"present {fact.stage}: entry {fact.index} (fact-sealed)" for fact in facts),
        *(f"missing {what}" for what in assess(facts).missing),
    ]


def facts_of(leaves: Sequence[Leaf], disclosed: Disclosed) -> list[Fact]:
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
