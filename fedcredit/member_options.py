"""What a person types to make a member: name, role, address; each refused by its own option."""

import re

from fedcredit.founding import MEMBER_NAME
from fedcredit_parties.errors import ConfigError

ROLES = {
    "data-holder": ("data-holder", "witness"),
    "key-holder": ("key-holder",),
    "requester": ("result-user",),
    "witness": ("witness",),
    "regulator": ("regulator", "witness"),
    "auditor": ("auditor",),
}
"""Roles in the ledger by ``role`` of party.toml: who has rows, or supervises, also witnesses."""


def check_name(name: str) -> None:
    """Refuse a name that party.toml, the ledger or a file name cannot hold.

    Raises
    ------
    ConfigError
    """
    if MEMBER_NAME.fullmatch(name) is None:
        raise ConfigError(
            "a member cannot have this name",
            expected="--name: small letters, digits and hyphens, at most 63, and not 'all'",
            found=ascii(name)[:80],
            remedy="--name bank-a, for example; it stands in the ledger for good",
        )


def check_member(name: str, role: str, coordinator: str | None) -> None:
    """Refuse what a member cannot be made from.

    Raises
    ------
    ConfigError
    """
    check_name(name)
    if role not in ROLES:
        raise ConfigError(
            "a member cannot have this role",
            party=name,
            expected=f"--role: {', '.join(ROLES)}",
            found=ascii(role)[:80],
            remedy="who has rows is a data-holder, who keeps the key of runs the key-holder, "
            "who asks a requester; who only watches a witness, a regulator or an auditor",
        )
    if coordinator is not None and re.fullmatch(r"https://[^/\s]+", coordinator) is None:
        raise ConfigError(
            "this is no coordinator's address",
            party=name,
            expected="--coordinator: https://host:port",
            found=ascii(coordinator)[:80],
            remedy="ask the coordinator, or leave --coordinator out: the draft names it",
        )
