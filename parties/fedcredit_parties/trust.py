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
        """Compare the founders with the pins, as the founding entry names them.

        What changed since, and who came later, follows from that entry by the rules of the ledger:
        a rotated key is signed by the one before it, and nobody joins without the endorsements of
        a quorum of the parties, most of whom are pinned here.

        Raises
        ------
        UntrustedFederationError
            When a founder's key is not the pinned one, a data holder is not pinned at all, or a
            pinned one is missing.
        """
        pinned = dict(self.peers)
        for founder in state.founding["founders"]:
            name, roles, vkey = founder["party"], founder["roles"], founder["signing_vkey"]
            key = pinned.pop(name, "")
            if name == member:
                continue
            if "key-holder" in roles:
                self._same(name, self.key_holder, vkey)
            elif "data-holder" in roles:
                self._same(name, key, vkey)
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
