"""An accepted entry, as the state keeps it."""

from typing import Any, NamedTuple


class Act(NamedTuple):
    """An accepted entry that others refer to.

    Attributes
    ----------
    entry_id : str
    index : int
    data : dict
    """

    entry_id: str
    index: int  # type: ignore[assignment]  # shadows tuple.index on purpose
    data: dict[str, Any]
