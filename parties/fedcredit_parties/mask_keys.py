"""Fresh mask keys: one X25519 key per contribution, erased after use.

A key's public half is published one attempt ahead (in ``run-approved``, then in every
``round-contributed``), so that fresh keys cost no extra trip; a stolen long-term key opens no past
(crypto.md 1). The private half is kept, encrypted, before the public half is published, and erased
as soon as the ledger has taken the contribution that it masks. Until then nothing that it masks has
been sent, and the ledger may name it for another attempt, whose masks are others.
"""

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from fedcredit_parties.errors import ReplayedMessageError
from fedcredit_parties.vault import Vault

_PREFIX = "mask-key."


class MaskKeys:
    """Private halves of the published and not yet used mask keys of one party.

    Parameters
    ----------
    vault : Vault
        Where they are kept.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def fresh(self) -> str:
        """Make a key, keep its private half and return the public half in hex."""
        key = X25519PrivateKey.generate()
        public = key.public_key().public_bytes_raw().hex()
        self._vault.put(_PREFIX + public, key.private_bytes_raw())
        return public

    def get(self, public: str) -> X25519PrivateKey:
        """Return the private half.

        Raises
        ------
        ReplayedMessageError
            When the key was used, or never made here.
        """
        raw = self._vault.get(_PREFIX + public)
        if raw is None:
            raise ReplayedMessageError(
                "the mask key of this attempt was used before or was not made here",
                expected="an unused mask key of this party",
                found="none",
                remedy="abandon the attempt: the next one uses the next published key",
            )
        return X25519PrivateKey.from_private_bytes(raw)

    def erase(self, public: str) -> None:
        """Forget a used key: a key masks one contribution."""
        self._vault.delete(_PREFIX + public)

    def __len__(self) -> int:
        """Return the number of unused keys."""
        return len(self._vault.names(_PREFIX))
