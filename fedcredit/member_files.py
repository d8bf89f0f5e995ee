"""Write a member's configuration: ``party.toml`` and ``coordinator.toml``, as text for people.

The same text comes from a federation on one machine and from one that is founded between machines;
what a member does not know yet (its anchors, the app) is left out, and the daemon refuses to start.
"""

from collections.abc import Mapping
from pathlib import Path

from fedcredit.request import DEFAULT_DEFINITION
from fedcredit_parties.config import toml_text
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.identity import Identity
from fedcredit_parties.trust import Trust

_ROLES = {"data-holder": "data-holder", "key-holder": "key-holder", "result-user": "requester"}


def member_role(identity: Identity) -> str:
    """Return the ``role`` of an identity's party.toml."""
    return next(role for known, role in _ROLES.items() if known in identity.roles)


def trust_toml(trust: Trust) -> str:
    """Return the ``[trust]`` table."""
    peers = ", ".join(f"{name} = {toml_text(vkey)}" for name, vkey in trust.peers.items())
    return (
        "\n[trust]  # exchanged outside the system, twice\n"
        f"founding_entry = {toml_text(trust.founding_entry)}\n"
        f"key_holder = {toml_text(trust.key_holder)}\n"
        f"peers = {{ {peers} }}\n"
    )


def disclosure_toml(policy: DisclosurePolicy) -> str:
    """Return the ``[disclosure]`` table."""
    numbers = "".join(f"{key} = {value}\n" for key, value in policy.model_dump().items())
    return f"\n[disclosure]  # as the members co-signed it\n{numbers}"


def coordinator_toml(
    *, name: str, origin: str, port: int, superlink_port: int, trust: Trust
) -> str:
    """Return ``coordinator.toml`` beside ``ca.crt``, ``server.crt`` and ``server.key``."""
    return (
        f"name = {toml_text(name)}\norigin = {toml_text(origin)}\nport = {port}\n"
        f'superlink_port = {superlink_port}\nca_file = "ca.crt"\ncert_file = "server.crt"\n'
        f'key_file = "server.key"\n{trust_toml(trust)}'
    )


def party_toml(
    *,
    name: str,
    role: str,
    origin: str,
    coordinator: str,
    app_hash: str,
    policy: DisclosurePolicy,
    trust: Trust,
) -> str:
    """Return ``party.toml`` beside ``ca.crt``, without its tables."""
    return (
        f"name = {toml_text(name)}\nrole = {toml_text(role)}\norigin = {toml_text(origin)}\n"
        f'coordinator = {toml_text(coordinator)}\nca_file = "ca.crt"\n'
        f"app_hash = {toml_text(app_hash)}\n{disclosure_toml(policy)}{trust_toml(trust)}"
    )


def party_draft_toml(
    *, name: str, role: str, coordinator: str | None, tables: Mapping[str, Path]
) -> str:
    """Return the ``party.toml`` of a member that has made its keys and knows no federation yet."""
    lines = [
        "# Written by party init; party trust adds the federation. docs/reference/party-toml.md\n",
        f"name = {toml_text(name)}\nrole = {toml_text(role)}\n",
        f"coordinator = {toml_text(coordinator)}\n" if coordinator else "",
        '# schema_file = "schema.json"  # the columns that the members have agreed on\n',
    ]
    lines += [data_toml(table, path, DEFAULT_DEFINITION) for table, path in tables.items()]
    return "".join(lines)


def coordinator_draft_toml(
    *, name: str, origin: str, host: str, port: int, address: str | None, superlink_port: int
) -> str:
    """Return the ``coordinator.toml`` of a coordinator whose federation is not founded yet."""
    return (
        "# Written by coordinator init; coordinator assemble adds [trust]. "
        "docs/reference/coordinator-toml.md\n"
        f"name = {toml_text(name)}\norigin = {toml_text(origin)}\nhost = {toml_text(host)}\n"
        f"port = {port}\n{f'address = {toml_text(address)}' + chr(10) if address else ''}"
        f'superlink_port = {superlink_port}\nca_file = "ca.crt"\ncert_file = "server.crt"\n'
        'key_file = "server.key"\n'
    )


def completed(text: str, keys: Mapping[str, str], tables: str) -> str:
    """Return a configuration with more keys at its top and more tables at its end.

    What its operator wrote, comments too, stays as it is: a key before everything is a top-level
    key, and a table after everything ends no other one.
    """
    top = "".join(f"{key} = {toml_text(value)}\n" for key, value in keys.items())
    gap = "" if text.endswith("\n") else "\n"
    return f"{top}{text}{gap}{tables}"


def data_toml(name: str, path: Path, bad_definition: str) -> str:
    """Return one ``[[data]]`` table."""
    return (
        f"\n[[data]]\nname = {toml_text(name)}\npath = {toml_text(str(path))}\n"
        f"bad_definition = {toml_text(bad_definition)}\n"
    )
