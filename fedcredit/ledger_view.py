"""Views of a ledger file: entries chosen by what they are about, and one person's own view.

A view decides nothing and verifies nothing: it picks lines. A person stands in the ledger only as
salted commitments, so the person's view needs the openings that the data holder keeps; an opening
counts when it is what the entry commits to.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fedcredit.ledger_file import Line
from fedcredit_ledger.entry import open_commitment, parse_time
from fedcredit_ledger.explain import MEANINGS

Openings = Mapping[int, Sequence[Sequence[Any]]]
"""Index of an entry -> its openings, each ``[salt, name, value]``."""

_ONE = ("party", "author", "grantee", "accused")
_SEVERAL = ("parties", "holders", "roster", "missing")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Filters; an entry passes every one that is not empty.

    Attributes
    ----------
    kind : str
        Entry type.
    run : str
        A run's id or its beginning.
    grant : str
        A grant's id: the grant, its course and end, the approvals and contributions under it, the
        queries under it with their answers and reports.
    query : str
        A query's id: the question, its answer, its reports.
    dispute : str
        A dispute's id.
    about : str
        The beginning of an entry id: what disputes, refuses or erases that entry, or endorses it.
    party : str
        The author, or a party that the entry names or is addressed to.
    since, until : str
        ``2026-11-23`` or ``2026-11-23T16:00`` in UTC; received from then on, and before then.

    Raises
    ------
    ValueError
        When `since` or `until` is no moment.
    """

    kind: str = ""
    run: str = ""
    grant: str = ""
    query: str = ""
    dispute: str = ""
    about: str = ""
    party: str = ""
    since: str = ""
    until: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no moment."""
        for text in filter(None, (self.since, self.until)):
            _moment(text)

    def of(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Yield the lines that pass, in order."""
        queries: set[str] = set()
        since = _moment(self.since) if self.since else None
        until = _moment(self.until) if self.until else None
        for line in lines:
            data = line.data
            under = _grants(line) | _batches(line)
            asked = str(data.get("query_id", ""))
            if line.type == "query-made" and self.grant in under:
                queries.add(asked)
            about = str(data.get("about") or data.get("entry_id") or data.get("act_digest") or "")
            if (
                self.kind in ("", line.type)
                and str(data.get("run_id", "")).startswith(self.run)
                and (not self.grant or self.grant in under or asked in queries)
                and self.query in ("", asked)
                and self.dispute in ("", data.get("dispute_id"))
                and about.startswith(self.about)
                and (not self.party or self.party in _named(line))
                and (since is None or parse_time(line.received) >= since)
                and (until is None or parse_time(line.received) < until)
            ):
                yield line


@dataclass(kw_only=True)
class Seen:
    """One entry about a person.

    Attributes
    ----------
    line : Line
        The entry.
    used_by : str
        Who could use, or used, the person's data by it; empty where nobody did.
    purpose : str
        What for.
    grant : str
        The authorization behind it.
    openings : list
        ``[salt, name, value]`` of the entry that concern this person alone.
    """

    line: Line
    used_by: str
    purpose: str
    grant: str
    openings: list[Sequence[Any]] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """Return what the person reads of it."""
        meaning = MEANINGS.get(self.line.type)
        return {
            "index": self.line.index,
            "entry_id": self.line.entry_id,
            "type": self.line.type,
            "what": meaning.title if meaning else self.line.type,
            "what_zh": meaning.title_zh if meaning else self.line.type,
            "when": self.line.received,
            "by": self.line.author,
            "used_by": self.used_by,
            "purpose": self.purpose,
            "grant": self.grant,
            "opened": {str(name): value for _, name, value in self.openings},
        }


def of_subject(
    lines: Iterable[Line],
    subject: object,
    openings: Openings,
    batches: Collection[str] = (),
) -> Iterator[Seen]:
    """Yield the entries about one person: who was allowed to use its data, and who did.

    Parameters
    ----------
    lines : iterable of Line
        Entries in order.
    subject : object
        The person's token, as the holder committed to it: under the name ``subject``, or in the
        field ``subject`` of a committed request, alert or report.
    openings : mapping
        What the holder keeps, by index of the entry.
    batches : collection of str
        Sealed batches that hold an authorization of the person, as the holder knows.

    Disclosure
    ----------
    An opening that also names somebody else is not repeated.
    """
    grants: dict[str, Line] = {}
    ids: set[str] = set()
    uses: dict[str, tuple[str, str, str]] = {}
    roots: dict[tuple[str, str], str] = {}
    for line in lines:
        data = line.data
        if line.type in _ASKS:
            name = str(data[_ASKS[line.type]])
            uses[name] = (line.author, str(data["purpose"]), str(data.get("grant_id", "")))
        own, is_its = _own(line, subject, openings.get(line.index, ()))
        given = str(data.get("batch_id", data.get("grant_id", "")))
        if (is_its and line.type == "grant-issued") or given in batches:
            grants.setdefault(given, line)
        if line.type == "grants-sealed" and given in batches:
            roots[line.author, str(data["root"])] = given
        under = {roots.get((line.author, str(data.get("grants_root", ""))), "")}
        cited = sorted((_grants(line) | _batches(line) | under) & grants.keys())
        follows = {str(data.get(name)) for name in _FOLLOWS if name in data} & ids
        if not (is_its or cited or follows):
            continue
        ids.add(line.entry_id)
        ids |= {str(data[name]) for name in _STARTS.get(line.type, ())}
        asked = str(data.get("query_id") or data.get("run_id"))
        used_by, purpose, grant = uses.get(asked, ("", "", ""))
        grant = cited[0] if cited else grant
        if line.type in ("grant-issued", "grants-sealed"):
            used_by = str(data["grantee"])
        elif line.type == "action-taken":
            used_by = line.author
        if grant in grants:
            purpose = purpose or str(grants[grant].data["purpose"])
        yield Seen(line=line, used_by=used_by, purpose=purpose, grant=grant, openings=own)


_ASKS = {"run-proposed": "run_id", "query-made": "query_id"}
_FOLLOWS = ("query_id", "action_id", "about", "entry_id", "dispute_id")
_STARTS = {
    "query-made": ("query_id",),
    "action-taken": ("action_id",),
    "dispute-filed": ("dispute_id",),
}


def _own(
    line: Line, subject: object, found: Sequence[Sequence[Any]]
) -> tuple[list[Sequence[Any]], bool]:
    """Return the openings that concern the person alone, and whether the entry is about it."""
    commits = line.data.get("commits", {})
    true = [o for o in found if open_commitment(commits.get(o[1], ""), o[0], o[1], o[2])]
    alone = any(_is(name, value, subject) for _, name, value in true)
    among = any(
        _is(name, item, subject) for _, name, v in true if isinstance(v, list) for item in v
    )
    own = [o for o in true if alone and not isinstance(o[2], list)]
    return own, alone or among


def _is(name: str, value: object, subject: object) -> bool:
    """Tell whether a committed value is the person's token, or is said of it."""
    if isinstance(value, dict):
        return bool(value.get("subject") == subject)
    return name == "subject" and value == subject


def _grants(line: Line) -> set[str]:
    return {str(g) for g in (line.data.get("grant_id"), *line.data.get("grant_ids", ())) if g}


def _batches(line: Line) -> set[str]:
    return {str(line.data["batch_id"])} if "batch_id" in line.data else set()


def _named(line: Line) -> set[str]:
    data = line.data
    found = {line.author, *(str(data[name]) for name in _ONE if name in data)}
    for name in _SEVERAL:
        found.update(map(str, data.get(name, ())))
    found.update(str(founder["party"]) for founder in data.get("founders", ()))
    return found | {name for name in line.readers if name != "all"}


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
