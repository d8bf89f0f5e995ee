"""Whether the keys in this member's identity folder are the keys that the ledger holds for it.

A daemon with another key would be refused somewhere far from the cause: by the front without a
word, by Flower's node authentication, or by the peers. So it compares before it starts.
"""

from fedcredit_ledger.state import State
from fedcredit_parties.config import PartyConfig
from fedcredit_parties.errors import ConfigError
from fedcredit_parties.identity import Identity
from fedcredit_parties.identity_files import fingerprint

_KEYS = {
    "signing_vkey": "signing key",
    "node_key": "node key (Flower)",
    "mask_key": "mask key",
    "witness_vkey": "witness key",
}
"""Fields of a party in the ledger, and their names for people."""


def check_place(config: PartyConfig, identity: Identity, state: State) -> tuple[str, ...]:
    """Return this member's roles in the ledger when all its keys are the ledger's.

    Raises
    ------
    ConfigError
        Naming the first key that differs, with both fingerprints, or the role.
    """
    own = state.parties.get(identity.name)
    if own is None:
        raise ConfigError(
            f"the ledger knows no party {identity.name}",
            party=identity.name,
            expected=f"one of {', '.join(sorted(state.parties))}",
            found=identity.name,
            remedy="correct name and origin in party.toml, or join: fedcredit party join",
        )
    here = identity.founder()
    for field, name in _KEYS.items():
        theirs, mine = str(getattr(own, field)), str(here[field])
        if theirs and mine != theirs:
            raise ConfigError(
                f"the {name} of this identity is not the ledger's",
                party=identity.name,
                expected=f"fingerprint {fingerprint(theirs)}",
                found=f"fingerprint {fingerprint(mine)}",
                remedy="restore the identity folder from its backup; when a rotation was cut off, "
                "fedcredit party rotate-key completes it",
            )
    role = "result-user" if config.role == "requester" else config.role
    if role not in own.roles:
        raise ConfigError(
            "party.toml gives this member a role that the ledger does not",
            party=identity.name,
            expected=f"one of {', '.join(own.roles)}",
            found=config.role,
            remedy="correct role in party.toml",
        )
    return tuple(own.roles)
