"""The form of a told gain: what a party commits to, and the letter that opens it.

The value is foreign to whoever reads it: closed fields, integers in their ranges.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

NANO = 1_000_000_000

GAIN = "gain"
"""Name of the commitment, and kind of the letter that opens it."""

WITHHELD = {
    "party": "the party does not tell what it gains",
    "small": "the party's hold-out is below the cell rules",
    "abstains": "the party took no part in training",
    "no_model": "a run of this kind makes no model",
}
"""Why there is no figure."""

Model = Literal["local", "joint", "personal"]
Signed = Annotated[int, Field(ge=-NANO, le=NANO)]
Share = Annotated[int, Field(ge=0, le=NANO)]
Estimate = tuple[Signed, Signed, Signed]
"""Value, low and high end of its 95 % interval, in units of 1e-9."""


class Choice(BaseModel):
    """What the party's personal model is: which scores it believes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["joint", "alone", "mixture"]
    weight: Share


class ToldGain(BaseModel):
    """Figures of one party's own hold-out, or why there are none.

    Attributes
    ----------
    withheld : str or None
        A key of `WITHHELD`.
    n, bads : int
        Hold-out rows, in tens.
    auc, against_local : dict of str to (int, int, int)
        By model, in units of 1e-9: value, low, high.
    approval_rate, bad_rate_approved : int, dict of str to int or None
        In units of 1e-9.
    choice : Choice or None
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    withheld: str | None = None
    n: int = Field(default=0, ge=0)
    bads: int = Field(default=0, ge=0)
    auc: dict[Model, Estimate] = {}
    against_local: dict[Model, Estimate] = {}
    approval_rate: Share = 0
    bad_rate_approved: dict[Model, Share] | None = None
    choice: Choice | None = None

    @property
    def gain(self) -> float | None:
        """AUC of the personal model less that of the local one; None when it is not told."""
        estimate = self.against_local.get("personal")
        return None if estimate is None else estimate[0] / NANO
