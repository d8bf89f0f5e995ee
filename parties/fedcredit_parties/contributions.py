"""Contributions are kept before they are sent; a repeat sends the same bytes.

Masking twice under one key would hand out the difference of two vectors; encrypting twice would be
two digests for one contribution. So the bytes of an attempt are made once, kept until the run is
over, and handed out again on request.
"""

from fedcredit_parties.vault import Vault

_PREFIX = "contribution."


class Contributions:
    """Packed ciphertexts of this party by attempt.

    Parameters
    ----------
    vault : Vault
        Where they are kept.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def put(self, run_id: str, attempt: str, packed: bytes) -> None:
        """Keep the packed ciphertexts of an attempt.

        Raises
        ------
        ValueError
            When other bytes are kept for this attempt already.
        """
        kept = self.get(run_id, attempt)
        if kept is not None and kept != packed:
            raise ValueError("an attempt has one contribution; other bytes are kept already")
        if kept is None:
            self._vault.put(f"{_PREFIX}{run_id}.{attempt}", packed)

    def get(self, run_id: str, attempt: str) -> bytes | None:
        """Return the kept bytes of an attempt, or None."""
        return self._vault.get(f"{_PREFIX}{run_id}.{attempt}")

    def forget(self, run_id: str) -> None:
        """Drop the contributions of a run that is over."""
        for name in self._vault.names(f"{_PREFIX}{run_id}."):
            self._vault.delete(name)
