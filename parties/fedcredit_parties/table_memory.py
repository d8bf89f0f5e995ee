"""What a party remembers of its tables across a restart: digests, in its vault.

Two things are remembered: which bytes stand behind the newest ``data-asset-registered`` of a table,
so that a replaced file is registered again as a new version; and which bytes each run was approved
with, so that a run whose daemon was restarted over another file is refused instead of mixed.
"""

import hashlib

from fedcredit_parties.data import Table
from fedcredit_parties.errors import TableChangedError
from fedcredit_parties.vault import Vault

_RUN, _ASSET = "rows.", "asset."


class TableMemory:
    """Digests of tables, by run and by asset.

    Parameters
    ----------
    vault : Vault
        Where they are kept, encrypted.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def same_rows(self, run_id: str, table: Table) -> None:
        """Remember the table of a run the first time; later, refuse any other.

        Raises
        ------
        TableChangedError
            When the file is not the one that was read, or not the one of this run.
        """
        table.check()
        kept = self._vault.get(_RUN + run_id)
        if kept is None:
            self._vault.put(_RUN + run_id, table.digest.encode())
        elif kept.decode() != table.digest:
            raise TableChangedError(
                f"table {table.asset} is not the one that this run began with",
                party=table.party,
                expected=f"digest {kept.decode()[:12]}, as the run was approved",
                found=f"digest {table.digest[:12]}, read when the daemon was started again",
                remedy="put the old file back and start the daemon again before the run's "
                "deadline, or run the job again over the new table",
            )

    def forget(self, run_id: str) -> None:
        """Drop what was remembered of a run that is over."""
        self._vault.delete(_RUN + run_id)

    def is_registered(self, table: Table) -> bool:
        """Say whether these very bytes stand behind the table's newest registration."""
        kept = self._vault.get(self._asset(table))
        return kept is not None and kept.decode() == table.digest

    def registered(self, table: Table) -> None:
        """Remember that the table, as it is now, stands in the ledger."""
        self._vault.put(self._asset(table), table.digest.encode())

    @staticmethod
    def _asset(table: Table) -> str:
        return _ASSET + hashlib.sha256(table.asset.encode()).hexdigest()[:32]
