"""Found a whole federation on one machine: one operator makes every member's keys and files.

The folders are those that real members would have, one each; only the founding is shortened.
Nothing here is used when members found a federation between them (`member_founding`).
"""

import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fedcredit import founding
from fedcredit.connection import write_features
from fedcredit.coordinator.app_hash import APP, fab_hash
from fedcredit.coordinator.tls import issue_authority, issue_certificate
from fedcredit.declared import Declared
from fedcredit.errors import JobError
from fedcredit.job_file import read_labelled
from fedcredit.member_files import (
    coordinator_toml,
    data_toml,
    member_role,
    party_toml,
)
from fedcredit.request import DEFAULT_DEFINITION
from fedcredit.simulation import ANALYST, COORDINATOR, KEY_HOLDER
from fedcredit.witness.new_witness import init_witness
from fedcredit_ledger.note import SigningKey, VerifierKey
from fedcredit_models.schema import Feature
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.identity import Identity
from fedcredit_parties.identity_files import save_identity, vault_key
from fedcredit_parties.member import utc_now
from fedcredit_parties.secret_files import write_private
from fedcredit_parties.vault import Vault


@dataclass(frozen=True, kw_only=True)
class MachineTable:
    """One data holder's table for `found`.

    Attributes
    ----------
    frame : DataFrame
        The rows, written as Parquet into the holder's folder.
    bad_definition : str
        What label 1 means.
    """

    frame: pd.DataFrame
    bad_definition: str


def found(
    folder: Path,
    tables: Mapping[str, MachineTable],
    *,
    features: Sequence[Feature],
    policy: DisclosurePolicy | None = None,
    name: str = "one-machine",
    split_key: bytes | None = None,
    external_witnesses: Sequence[str] = (),
) -> Path:
    """Write every member's folder and the founding entry; return ``federation.toml``.

    Parameters
    ----------
    folder : Path
        An empty or new folder.
    tables : mapping of str to MachineTable
        By data holder.
    features : sequence of Feature
        Declared columns.
    policy : DisclosurePolicy, optional
        Stands in the founding entry.
    name : str
        Name of the federation.
    split_key : bytes, optional
        Puts this key into the key holder's vault, so that the hold-out is known beforehand; the
        key holder draws one when absent.
    external_witnesses : sequence of str
        Names of witnesses that are no members; each gets a folder and a daemon, and a majority of
        them must co-sign with a majority of the banks.

    Raises
    ------
    JobError
        When the folder holds a federation already.
    ConfigError, FoundingError
        When a witness cannot have its name.
    """
    if (folder / "federation.toml").exists():
        raise JobError(
            f"{folder.name} holds a federation already",
            expected="an empty folder",
            found="federation.toml",
            remedy="name another folder, or remove this one",
        )
    policy = policy or DisclosurePolicy()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    origin = f"ledger.example/{name}-{secrets.token_hex(4)}"
    identities = [
        *(Identity.generate(holder, ("data-holder", "witness")) for holder in tables),
        Identity.generate(COORDINATOR, ("coordinator",)),
        Identity.generate(KEY_HOLDER, ("key-holder",)),
        Identity.generate(ANALYST, ("result-user",)),
    ]
    log_key = SigningKey.generate(origin)
    front, superlink, *ports = free_ports(2 + len(external_witnesses))
    outside = [
        _found_witness(folder, witness, port, log_key.vkey, taken=identities)
        for witness, port in zip(external_witnesses, ports, strict=True)
    ]
    entry = founding.draft(
        name=name,
        origin=origin,
        coordinator=COORDINATOR,
        log_vkey=log_key.vkey,
        founders=[identity.founder() for identity in identities],
        policy=policy,
        needed=founding.quorum_size(len(tables), has_outside=bool(outside)),
        outside=outside,
        now=utc_now(),
    )
    keys = {identity.name: identity.signing for identity in identities}
    signed = founding.sign(entry, keys.pop(COORDINATOR), list(keys.values()))
    authority = issue_authority(folder / "ca.crt", folder / "ca.key")
    app_hash = fab_hash(APP)
    for identity in identities:
        home = folder / identity.name
        save_identity(identity, home / "identity")
        (home / "ca.crt").write_bytes((folder / "ca.crt").read_bytes())
        trust = founding.trust_of(identity.name, identities, signed.id)
        if identity.name == COORDINATOR:
            issue_certificate(authority, home / "server.crt", home / "server.key")
            write_private(home / "log.key", log_key.seed.hex())
            (home / "founding.note").write_bytes(signed.encode())
            text = coordinator_toml(
                name=COORDINATOR,
                origin=origin,
                port=front,
                superlink_port=superlink,
                trust=trust,
            )
            (home / "coordinator.toml").write_text(text, "utf-8")
            continue
        if identity.name == KEY_HOLDER and split_key is not None:
            Vault(home / "state" / "vault", key=vault_key(identity)).put("split-key", split_key)
        table = tables.get(identity.name)
        text = party_toml(
            name=identity.name,
            role=member_role(identity),
            origin=origin,
            coordinator=f"https://127.0.0.1:{front}",
            app_hash=app_hash,
            policy=policy,
            trust=trust,
        )
        if table is not None:
            table.frame.to_parquet(home / "table.parquet")
            text += data_toml("table", Path("table.parquet"), table.bad_definition)
        (home / "party.toml").write_text(text, "utf-8")
    write_features(features, folder / "schema.json")
    (folder / "federation.toml").write_text(
        f'# Asks the daemons of this folder.\nrequester = "{ANALYST}/party.toml"\n'
        'schema_file = "schema.json"\n',
        "utf-8",
    )
    return folder / "federation.toml"


def _found_witness(
    folder: Path, name: str, port: int, log_vkey: str, *, taken: Sequence[Identity]
) -> founding.OutsideWitness:
    """Make the folder of one witness that is no member."""
    if any(identity.name == name for identity in taken):
        raise JobError(
            "an outside witness cannot have a member's name",
            party=name,
            expected="a name that no member has",
            found=name,
            remedy="--witness regulator, for example",
        )
    authors = {VerifierKey.parse(log_vkey).name: [one.signing.vkey for one in taken]}
    witness, _ = init_witness(folder / name, name=name, port=port, logs=[log_vkey], authors=authors)
    return witness


def deal(
    path: Path, *, n_parties: int, label: str, bad_definition: str = DEFAULT_DEFINITION
) -> tuple[dict[str, MachineTable], Declared]:
    """Deal the rows of one file out to banks, row by row, and declare its columns.

    Raises
    ------
    DataError
        When the file cannot be read.
    SchemaMismatchError
        When it has no column `label`.
    LabelError
        When that column is not 0/1.
    """
    frame = read_labelled(path, label, remedy="name it with --label")
    frames = {f"bank-{i}": frame.iloc[i::n_parties] for i in range(n_parties)}
    tables = {
        name: MachineTable(frame=part, bad_definition=bad_definition)
        for name, part in frames.items()
    }
    return tables, Declared.infer(frames)


def free_ports(n: int) -> list[int]:
    """Return ports of the loopback interface that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [int(s.getsockname()[1]) for s in sockets]
    for s in sockets:
        s.close()
    return ports
