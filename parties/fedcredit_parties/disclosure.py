"""The gate on the way out: which released population figures may exist at all.

The policy's digest stands in the founding entry and in every proposed run, so that nobody can relax
it for one job. The key holder applies it to what a release function returns, after the function and
independently of it: a function that forgot a rule is stopped here.
"""

import hashlib
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from fedcredit_ledger.canonical import encode
from fedcredit_models.cell_rules import CellRules
from fedcredit_parties.errors import SmallCellError, TooFewPartiesError


class DisclosurePolicy(BaseModel):
    """Smallest released cells, and the smallest number of parties in a sum.

    Parameters
    ----------
    min_subjects, min_bads, min_goods : int, default 10
        Every released population cell holds at least this many subjects, bads and goods.
    min_parties : int, default 3
        A sum of fewer parties is not opened: with two, each subtracts itself.

    Disclosure
    ----------
    Lower values release finer tables. ``min_parties=2`` discloses each party to the other.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    min_subjects: int = Field(default=10, ge=1)
    min_bads: int = Field(default=10, ge=1)
    min_goods: int = Field(default=10, ge=1)
    min_parties: int = Field(default=3, ge=2)

    @property
    def cells(self) -> CellRules:
        """The cell rules in the words of the models room."""
        return CellRules(
            min_subjects=self.min_subjects, min_bads=self.min_bads, min_goods=self.min_goods
        )

    def digest(self) -> str:
        """Return the SHA-256 (hex) under which the ledger knows this policy."""
        return hashlib.sha256(
            encode(["fedcredit-disclosure-policy/v1", self.model_dump()])
        ).hexdigest()


def check_cells(
    policy: DisclosurePolicy, *, bads: Sequence[int], goods: Sequence[int], what: str
) -> None:
    """Refuse a released table with a cell below the policy.

    Raises
    ------
    SmallCellError
        Naming the table and the rule, never the count that broke it.
    """
    for n_bads, n_goods in zip(bads, goods, strict=True):
        for rule, value, least in (
            ("min_subjects", n_bads + n_goods, policy.min_subjects),
            ("min_bads", n_bads, policy.min_bads),
            ("min_goods", n_goods, policy.min_goods),
        ):
            if value < least:
                raise SmallCellError(
                    f"a cell of {what} is below the federation's {rule}",
                    expected=f"every released cell with {rule} >= {least}",
                    found="a smaller cell; nothing was released",
                    remedy="use fewer bins or more rows; the policy stands in the founding entry",
                )


def check_parties(policy: DisclosurePolicy, *, n_parties: int, min_parties: int) -> None:
    """Refuse a sum of fewer parties than policy and task demand.

    Raises
    ------
    TooFewPartiesError
    """
    least = max(policy.min_parties, min_parties)
    if n_parties < least:
        raise TooFewPartiesError(
            "too few parties for an encrypted sum",
            expected=f"at least {least} parties",
            found=f"{n_parties}",
            remedy="ask more parties, or lower the job's min_parties"
            if n_parties >= policy.min_parties
            else "ask more parties; the policy of the federation allows no smaller sum",
        )
