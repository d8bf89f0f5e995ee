"""What a grant allows, as a report and the demonstration say it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """One grant, as it was issued.

    Attributes
    ----------
    grant_id, entry_id : str
        Its name; its entry.
    issuer, grantee : str
        Who allows, and whom.
    purpose, basis : str
        For what alone, and on what it rests: consent, contract, statute, an order.
    tables, columns, operations : tuple of str
        Of what; no columns are all columns.
    until : str
        Day after which it allows nothing.
    max_uses : int or None
        Runs that may use it.
    """

    grant_id: str
    entry_id: str
    issuer: str
    grantee: str
    purpose: str
    basis: str
    tables: tuple[str, ...]
    columns: tuple[str, ...]
    operations: tuple[str, ...]
    until: str
    max_uses: int | None

    @classmethod
    def of(cls, entry_id: str, issuer: str, data: Mapping[str, Any]) -> "Allowed":
        """Read the data of a ``grant-issued`` entry."""
        return cls(
            grant_id=str(data["grant_id"]),
            entry_id=entry_id,
            issuer=issuer,
            grantee=str(data["grantee"]),
            purpose=str(data["purpose"]),
            basis=str(data["basis"]).replace("_", " "),
            tables=tuple(data["assets"]),
            columns=tuple(data.get("columns", ())),
            operations=tuple(data["operations"]),
            until=str(data["valid_until"])[:10],
            max_uses=data.get("max_uses"),
        )

    @property
    def what(self) -> str:
        """Operations and columns in words: ``sums over all columns of bank-0/table``."""
        doing = " and ".join("sums" if word == "sum" else word for word in self.operations)
        of = f"{len(self.columns)} columns" if self.columns else "all columns"
        return f"{doing} over {of} of {', '.join(self.tables)}"
