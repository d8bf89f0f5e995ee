"""An entry on its way in, as the rules of its type see it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fedcredit_ledger.entry import Entry, parse_time
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.state import Act, State


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """An entry whose form, author and place are already checked.

    Attributes
    ----------
    entry : Entry
    entry_id : str
    index : int
    received : datetime
    quorum_size : int or None
        Size of the newest quorum checkpoint; None when it is not known.
    root_at : callable
        Root of the tree at a size up to `index`.
    """

    entry: Entry
    entry_id: str
    index: int
    received: datetime
    quorum_size: int | None
    root_at: Callable[[int], bytes]

    @property
    def author(self) -> str:
        """The author's name."""
        return self.entry.author

    @property
    def data(self) -> dict[str, Any]:
        """The fields of the type."""
        return self.entry.data

    @property
    def act(self) -> Act:
        """What the state keeps of it."""
        return Act(self.entry_id, self.index, self.entry.data)

    def demand_role(self, state: State, role: str) -> None:
        """Refuse an author without the role."""
        if role not in state.parties[self.author].roles:
            raise RejectedEntryError(
                "not-permitted", f"{self.entry.type} is written by a {role}; {self.author} is none"
            )

    def demand_before(self, moment: str, what: str) -> None:
        """Refuse when the entry was received after a moment."""
        if self.received > parse_time(moment):
            raise RejectedEntryError("late", f"{what} was {moment}")

    def demand_readers(self, *names: str) -> None:
        """Refuse when others than these may read the entry, or one of these may not."""
        wanted = sorted(set(names))
        if self.entry.readers != wanted:
            raise RejectedEntryError(
                "malformed", f"the readers of {self.entry.type} are {', '.join(wanted)}"
            )

    def demand_begun(self, day: str) -> None:
        """Refuse what is said of a day that has not begun, by the time of receipt in UTC."""
        if day > self.received.date().isoformat():
            raise RejectedEntryError("wrong-phase", f"the day {day} has not begun")

    def demand_witnessed(self, index: int, what: str) -> None:
        """Refuse when a leaf is not under a quorum checkpoint (where that is known)."""
        if self.quorum_size is not None and index >= self.quorum_size:
            raise RejectedEntryError(
                "opening-unwitnessed", f"{what} is not under a quorum checkpoint yet"
            )


Rule = Callable[[State, Incoming], None]
"""Lets an entry take effect, or refuses it before anything was changed."""
