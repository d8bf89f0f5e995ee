"""What one party told of its gain, in a saved result."""

import json
from typing import Annotated

from pydantic import Field, ValidationError

from fedcredit_parties.told_gain import GAIN, WITHHELD, ToldGain

NOT_TOLD = {
    **WITHHELD,
    "silent": "the party committed to its gain and did not tell it in time",
    "not_opened": "what the party told is not what it had committed to",
}
"""Why there is no figure."""

RELEASED = (
    "own-gain",
    "AUC of its own, the joint and its personal model on its own hold-out with intervals, bad rate "
    "among approved; four decimals, counts in tens",
)
"""Name, and in words what is told."""


class PartyGain(ToldGain):
    """A told gain, and where the ledger holds the commitment to it.

    Attributes
    ----------
    entry : str
        The party's contribution that commits to it.
    index : int
        Its leaf.
    opening : (str, str, object) or None
        Salt, name and value, with which the commitment can be shown; not in the saved form, for the
        saved run keeps all openings in one place.
    """

    entry: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    index: int = Field(ge=0)
    opening: tuple[str, str, object] | None = Field(default=None, exclude=True)

    @classmethod
    def told(cls, value: object, *, entry: str, index: int, salt: str) -> "PartyGain":
        """Read what a party told; a value of another form is as good as none.

        Parameters
        ----------
        value : object
            Foreign: the value that opens the commitment.
        entry, index, salt : str, int, str
            The contribution that commits to it, its leaf, and what opens it.
        """
        unread = cls(entry=entry, index=index, withheld="not_opened")
        try:
            told = ToldGain.model_validate_json(json.dumps(value), strict=True)
        except ValidationError:
            return unread
        if told.withheld is not None and told.withheld not in WITHHELD:
            return unread
        fields = {**told.model_dump(), "entry": entry, "index": index}
        return cls.model_validate(fields | {"opening": (salt, GAIN, value)})

    @property
    def why(self) -> str:
        """Why there is no figure, in words; empty when there are some."""
        return NOT_TOLD[self.withheld] if self.withheld else ""
