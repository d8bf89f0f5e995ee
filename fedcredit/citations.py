"""The ledger's entries behind the figures of a page, and which of them the page has cited.

A page asks for the entry of a figure by the figure's name. A name without an entry, and an entry
that the ledger does not hold, are refused: a report that cites what the ledger does not hold is
worse than none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fedcredit.errors import JobError
from fedcredit.figure import Figure


@dataclass(frozen=True, kw_only=True)
class LedgerFact:
    """Where one entry stands in the ledger, and what it says where a page tells that."""

    index: int
    entry_id: str
    type: str
    author: str
    received: str
    data: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, raw: Mapping[str, object]) -> "LedgerFact":
        """Read one of the facts that `fedcredit.ledger_file.facts` returns."""
        return cls(
            index=int(str(raw["index"])),
            entry_id=str(raw["entry_id"]),
            type=str(raw["type"]),
            author=str(raw["author"]),
            received=str(raw["received"]),
            data=data if isinstance(data := raw.get("data"), Mapping) else {},
        )


class Citations:
    """Hands out entry ids for figures and remembers which were cited.

    Parameters
    ----------
    figures : mapping of str to Figure
        Every figure that the page may print.
    facts : iterable of mapping
        The ledger's entries.
    """

    def __init__(
        self, figures: Mapping[str, Figure], facts: Iterable[Mapping[str, object]]
    ) -> None:
        self.figures = dict(figures)
        self.by_id = {fact.entry_id: fact for fact in map(LedgerFact.of, facts)}
        self.cited: set[str] = set()

    def of(self, name: str) -> str:
        """Return the entry of a figure.

        Raises
        ------
        JobError
            When there is no figure of that name, or its entry is not in the ledger.
        """
        if name not in self.figures:
            raise JobError(f"the saved result names no ledger entry for the figure {name}")
        return self.cite(self.figures[name].entry)

    def cite(self, entry_id: str) -> str:
        """Remember the citation of an entry that the ledger holds."""
        if entry_id not in self.by_id:
            raise JobError(
                f"the report would cite the ledger entry {entry_id}, which the ledger beside "
                "the result does not hold"
            )
        self.cited.add(entry_id)
        return entry_id

    def listed(self) -> list[LedgerFact]:
        """Return the cited entries in the ledger's order."""
        return sorted((self.by_id[name] for name in self.cited), key=lambda fact: fact.index)

    def context(self) -> dict[str, Any]:
        """Return what every page's template asks of its citations."""
        return {
            "entry_of": self.of,
            "cited": self.listed,
            "index_of": {fact.entry_id: fact.index for fact in self.by_id.values()},
            "founding_entry": next(iter(self.by_id), ""),
        }
