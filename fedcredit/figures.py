"""From a figure of a report back to where it came from: round, parties, grants, policy.

Every figure that was computed was released by one opening, and that opening stands in the ledger
with the sum it opened, the contributions behind the sum, and the grants behind each contribution.
What a report says of the run itself (its roster, a grant, the quorum) leads to the openings it was
for. `explain` walks that way and finds nothing in it that the ledger does not say.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fedcredit.errors import ResultNotFoundError
from fedcredit.figure_names import figures_of
from fedcredit.ledger_file import Line
from fedcredit.saved_file import Saved
from fedcredit_ledger.entry import open_commitment
from fedcredit_ledger.errors import EvidenceError


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """One party's part of a sum: the entry, and the grants it was made under."""

    party: str
    index: int
    entry_id: str
    grants: tuple[tuple[str, int], ...]


@dataclass(frozen=True, kw_only=True)
class Opening:
    """One opened sum.

    Attributes
    ----------
    round, phase, outcome : int, str, str
        Which, of what, and how it ended.
    index, entry_id, by : int, str, str
        The ``round-opened`` entry and its author, the key holder.
    rules : tuple of str
        Rules of the disclosure policy that the release passed.
    contributions : tuple of Contribution
        Of the whole roster.
    is_shown : bool or None
        Whether the requester's opening of the released document is what the entry commits to; None
        when there is no opening at hand.
    """

    round: int
    phase: str
    outcome: str
    index: int
    entry_id: str
    by: str
    rules: tuple[str, ...]
    contributions: tuple[Contribution, ...]
    is_shown: bool | None


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Where a figure came from.

    Attributes
    ----------
    figure : str
        Its name in the report.
    value : float or None
        The number, where the figure is one number.
    index, entry_id, type, author, received
        The entry that the report cites for it.
    openings : tuple of Opening
        The sums it was made of, oldest first.
    run_id, purpose, requester : str
        The run, why, and for whom.
    proposal : int
        Index of the entry that fixed the run's rules.
    policy : str
        Digest of the disclosure policy in force.
    """

    figure: str
    value: float | None
    index: int
    entry_id: str
    type: str
    author: str
    received: str
    openings: tuple[Opening, ...]
    run_id: str
    purpose: str
    requester: str
    proposal: int
    policy: str

    def document(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        return asdict(self)


def explain(
    figure: str,
    result: Saved,
    lines: Sequence[Line],
    *,
    openings: Mapping[int, Sequence[Sequence[Any]]] | None = None,
) -> Explanation:
    """Return where a figure came from.

    Parameters
    ----------
    figure : str
        As the report names it: ``auc.holdout``, ``woe.income``, ``participation.bank-0``.
    result : ResultFile or EvaluationFile
        What was saved of the run.
    lines : sequence of Line
        Every entry of its ledger, which the caller has verified.
    openings : mapping, optional
        What the requester may disclose, by index of the entry.

    Raises
    ------
    ResultNotFoundError
        When the result has no such figure.
    EvidenceError
        When the ledger does not hold what the figure rests on.
    """
    known = figures_of(result)
    if figure not in known:
        alike = [name for name in known if name.split(".")[0] == figure.split(".")[0]]
        raise ResultNotFoundError(
            "the result has no figure of that name",
            expected=", ".join(sorted(alike or known)[:12]),
            found=figure,
            remedy="rest the pointer on the number in the report: it shows the figure's name",
        )
    trail = _Trail(result.run_id, lines, openings or {})
    line = trail.entry(known[figure].entry)
    proposal = trail.one("run-proposed")
    return Explanation(
        figure=figure,
        value=known[figure].value,
        index=line.index,
        entry_id=line.entry_id,
        type=line.type,
        author=line.author,
        received=line.received,
        openings=tuple(trail.openings(line)),
        run_id=result.run_id,
        purpose=str(proposal.data["purpose"]),
        requester=proposal.author,
        proposal=proposal.index,
        policy=str(proposal.data["disclosure_policy_digest"]),
    )


class _Trail:
    """The entries of one run, by what leads to them."""

    def __init__(
        self,
        run_id: str,
        lines: Sequence[Line],
        openings: Mapping[int, Sequence[Sequence[Any]]],
    ) -> None:
        issued = [line for line in lines if line.type == "grant-issued"]
        self._granted = {str(line.data["grant_id"]): line.index for line in issued}
        self._sealed = {
            (line.author, line.data["root"]): (str(line.data["batch_id"]), line.index)
            for line in lines
            if line.type == "grants-sealed"
        }
        self._by_id = {line.entry_id: line for line in lines}
        self._run = [line for line in lines if line.data.get("run_id") == run_id]
        self._shown = openings
        self._run_id = run_id

    def entry(self, entry_id: str) -> Line:
        """Return an entry by id."""
        if entry_id not in self._by_id:
            raise EvidenceError(
                "the ledger does not hold an entry that the result rests on",
                expected=entry_id,
                found="no such entry",
                remedy="take the ledger.db that was saved with the result",
            )
        return self._by_id[entry_id]

    def one(self, kind: str) -> Line:
        """Return the run's only entry of a type."""
        found = [line for line in self._run if line.type == kind]
        if len(found) != 1:
            raise EvidenceError(
                f"the ledger does not hold one {kind} of the run",
                expected=self._run_id,
                found=str(len(found)),
                remedy="take the ledger.db that was saved with the result",
            )
        return found[0]

    def openings(self, line: Line) -> Iterator[Opening]:
        """Yield the sums that an entry of the run rests on."""
        opened = [x for x in self._run if x.type == "round-opened"]
        if line.type == "round-opened":
            yield self._opening(line)
        elif line.type == "round-contributed":
            place = {name: line.data[name] for name in ("round", "phase", "group")}
            for x in opened:
                if place.items() <= x.data.items():
                    yield self._opening(x)
        elif line.type == "grant-issued":
            for x in opened:
                opening = self._opening(x)
                if any(line.data["grant_id"] in dict(c.grants) for c in opening.contributions):
                    yield opening
        else:  # what frames the run is about all of them
            yield from map(self._opening, opened)

    def _opening(self, line: Line) -> Opening:
        data = line.data
        aggregate = self.entry(str(data["aggregated"]))
        parts = [self.entry(str(name)) for name in aggregate.data["contributions"]]
        return Opening(
            round=int(data["round"]),
            phase=str(data["phase"]),
            outcome=str(data["outcome"]),
            index=line.index,
            entry_id=line.entry_id,
            by=line.author,
            rules=tuple(data["rules_passed"]),
            contributions=tuple(
                Contribution(
                    party=part.author,
                    index=part.index,
                    entry_id=part.entry_id,
                    grants=tuple(self._grants(part)),
                )
                for part in sorted(parts, key=lambda part: part.author)
            ),
            is_shown=self._is_shown(line),
        )

    def _grants(self, part: Line) -> Iterator[tuple[str, int]]:
        for name in part.data.get("grant_ids", ()):
            if name in self._granted:
                yield str(name), self._granted[name]
        sealed = (part.author, part.data.get("grants_root"))
        if "grant_ids" not in part.data and sealed in self._sealed:
            yield self._sealed[sealed]

    def _is_shown(self, line: Line) -> bool | None:
        for salt, name, value in self._shown.get(line.index, ()):
            if name == "result":
                return open_commitment(line.data["commits"]["result"], salt, name, value)
        return None
