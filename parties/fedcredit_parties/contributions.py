"""Contributions are kept before they are sent; a repeat sends the same bytes.

Masking twice under one key would hand out the difference of two vectors; encrypting twice would be
two digests for one contribution. So the bytes of an attempt are made once, kept until the run is
over, and handed out again on request. What the party commits to about them is kept beside them: it
may have to be said after a crash.
"""

from dataclasses import dataclass

from fedcredit_ledger.canonical import decode, encode
from fedcredit_parties.vault import Vault

_PREFIX = "contribution."


@dataclass(frozen=True, kw_only=True)
class KeptContribution:
    """One attempt's contribution.

    Attributes
    ----------
    tensor : str
        Name of the tensor that the ciphertexts carry.
    n_ciphertexts : int
        How many they are.
    n_clipped : int
        Values that were clipped when the tensor was quantised.
    packed : bytes
        The ciphertexts, packed.
    """

    tensor: str
    n_ciphertexts: int
    n_clipped: int
    packed: bytes


class Contributions:
    """Contributions of this party by attempt.

    Parameters
    ----------
    vault : Vault
        Where they are kept.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def put(self, run_id: str, attempt: str, contribution: KeptContribution) -> None:
        """Keep the contribution to an attempt.

        Raises
        ------
        ValueError
            When another is kept for this attempt already.
        """
        kept = self.get(run_id, attempt)
        if kept is not None and kept != contribution:
            raise ValueError("an attempt has one contribution; another is kept already")
        if kept is None:
            facts = {
                "n_ciphertexts": contribution.n_ciphertexts,
                "n_clipped": contribution.n_clipped,
                "tensor": contribution.tensor,
            }
            value = encode(facts) + b"\n" + contribution.packed
            self._vault.put(f"{_PREFIX}{run_id}.{attempt}", value)

    def get(self, run_id: str, attempt: str) -> KeptContribution | None:
        """Return what is kept for an attempt, or None."""
        value = self._vault.get(f"{_PREFIX}{run_id}.{attempt}")
        if value is None:
            return None
        facts, _, packed = value.partition(b"\n")
        return KeptContribution(packed=packed, **decode(facts))

    def forget(self, run_id: str) -> None:
        """Drop the contributions of a run that is over."""
        for name in self._vault.names(f"{_PREFIX}{run_id}."):
            self._vault.delete(name)
