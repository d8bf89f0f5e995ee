"""Trust anchors: what a member was told outside the system, twice, before it answers anybody.

TLS and its authority carry no claim against the coordinator. A member pins the founding entry's
digest and the verifier keys of the key holder and of its peers; names, mask keys, contexts and
witnesses that are not chained to these are refused. Otherwise a coordinator could play all the
other banks, and both locks of the encrypted sum would be its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from fedcredit_ledger.rules import State
from fedcredit_parties.errors import UntrustedFederationError


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Pinned anchors of one member.

    Attributes
    ----------
    founding_entry : str
        Entry id (hex) of the founding entry.
    key_holder : str
        Verifier key of the key holder's signing key.
    peers : mapping of str to str
        Verifier key of every other data holder's signing key, by name.
    """

    founding_entry: str
    key_holder: str
    peers: Mapping[str, str]

    def check(self, state: State, *, member: str) -> None:
        """Compare the ledger's founders with the pins.

        Raises
        ------
        UntrustedFederationError
            When a founder's key is not the pinned one, a data holder is not pinned at all, or a
            pinned one is missing.
        """
        pinned = dict(self.peers)
        for name, party in state.parties.items():
            key = pinned.pop(name, "")
            if name == member:
                continue
            if "key-holder" in party.roles:
                self._same(name, self.key_holder, party.signing_vkey)
            elif "data-holder" in party.roles:
                self._same(name, key, party.signing_vkey)
        for name in sorted(pinned):
            self._same(name, pinned[name], "no such party in the founding entry")

    @staticmethod
    def _same(name: str, pinned: str, found: str) -> None:
        if pinned != found:
            raise UntrustedFederationError(
                f"the ledger's signing key of {name} is not the pinned one",
                party=name,
                expected=pinned or "no such party: it is not pinned",
                found=found,
                remedy=f"compare fingerprints with {name} by telephone, then pin the right key",
            )
