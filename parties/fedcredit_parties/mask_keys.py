"""Fresh mask keys: one X25519 key per attempt, erased after use.

A key's public half is published one attempt ahead (in ``run-approved``, then in every
``round-contributed``), so that fresh keys cost no extra trip; a stolen long-term key opens no past
(crypto.md 1).
"""

import threading

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from fedcredit_parties.errors import ReplayedMessageError


class MaskKeys:
    """Private halves of the published and not yet used mask keys of one party."""

    def __init__(self) -> None:
        self._keys: dict[str, X25519PrivateKey] = {}
        self._lock = threading.Lock()

    def fresh(self) -> str:
        """Make a key, keep its private half and return the public half in hex."""
        key = X25519PrivateKey.generate()
        public = key.public_key().public_bytes_raw().hex()
        with self._lock:
            self._keys[public] = key
        return public

    def take(self, public: str) -> X25519PrivateKey:
        """Return the private half and erase it here: a key masks one contribution.

        Raises
        ------
        ReplayedMessageError
            When the key was used, or never made here.
        """
        with self._lock:
            key = self._keys.pop(public, None)
        if key is None:
            raise ReplayedMessageError(
                "the mask key of this attempt was used before or was not made here",
                expected="an unused mask key of this party",
                found="none",
                remedy="abandon the attempt: the next one uses the next published key",
            )
        return key

    def __len__(self) -> int:
        """Return the number of unused keys."""
        return len(self._keys)
