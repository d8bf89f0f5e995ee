"""Private keys on disk: one folder a member, readable by its owner only.

``identity.json`` holds the seeds; it never leaves the machine. ``founder.json`` holds the public
halves: it is what a member hands to the coordinator before the founding, and what the others
compare by telephone.
"""

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fedcredit_ledger.note import CosignatureKey, SigningKey
from fedcredit_parties.errors import ConfigError
from fedcredit_parties.identity import Identity
from fedcredit_parties.secret_files import replace_private

_FILE = "identity.json"


def save_identity(identity: Identity, folder: Path) -> None:
    """Write a new identity.

    Raises
    ------
    ConfigError
        When the folder holds one already: an identity is never overwritten.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(folder / _FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(
            f"{folder.name} holds an identity already",
            expected="an empty folder",
            found=_FILE,
            remedy="keep it: a new identity is a new party; name another folder",
        ) from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(_secret(identity), file)
        file.flush()
        os.fsync(file.fileno())
    (folder / "founder.json").write_text(json.dumps(identity.founder(), indent=1), "utf-8")


def _secret(identity: Identity) -> dict[str, Any]:
    return {
        "mask_key": identity.mask_key.private_bytes_raw().hex(),
        "name": identity.name,
        "node": f"{identity.node.private_numbers().private_value:096x}",
        "recovery": identity.recovery.seed.hex(),
        "roles": list(identity.roles),
        "signing": identity.signing.seed.hex(),
        "witness": identity.witness.seed.hex(),
    }


def load_identity(folder: Path) -> Identity:
    """Read an identity.

    Raises
    ------
    ConfigError
        When there is none, when others may read it, or when it is not one.
    """
    path = folder / _FILE
    if not path.exists():
        raise ConfigError(
            f"there is no identity in {folder.name}",
            expected=_FILE,
            found="nothing",
            remedy="fedcredit party init makes one",
        )
    if path.stat().st_mode & 0o077:
        raise ConfigError(
            f"{path.name} can be read by others",
            expected="mode 0600",
            found=f"mode {path.stat().st_mode & 0o777:04o}",
            remedy=f"chmod 600 {path}",
        )
    try:
        secret = json.loads(path.read_text("utf-8"))
        name = str(secret["name"])
        return Identity(
            name=name,
            roles=tuple(secret["roles"]),
            signing=SigningKey.from_seed(name, bytes.fromhex(secret["signing"])),
            witness=CosignatureKey.from_seed(name, bytes.fromhex(secret["witness"])),
            recovery=SigningKey.from_seed(name, bytes.fromhex(secret["recovery"])),
            mask_key=X25519PrivateKey.from_private_bytes(bytes.fromhex(secret["mask_key"])),
            node=ec.derive_private_key(int(secret["node"], 16), ec.SECP384R1()),
        )
    except (KeyError, TypeError, ValueError):
        raise ConfigError(
            f"{path.name} is not an identity",
            remedy="restore it from the backup made when the party was founded",
        ) from None


def next_key(identity: Identity, folder: Path, use: str) -> SigningKey | CosignatureKey:
    """Return the key that is to follow one in use; made, and on the disk, before it is returned.

    Parameters
    ----------
    identity : Identity
        The keys in use.
    folder : Path
        Where they lie.
    use : str
        ``signing`` or ``witness``.

    Raises
    ------
    ConfigError
        When the file of the next key is not one.
    """
    kind = CosignatureKey if use == "witness" else SigningKey
    path = folder / f"next-{use}.key"
    if not path.exists():
        new = kind.generate(identity.name)
        replace_private(path, new.seed.hex())
        return new
    try:
        return kind.from_seed(identity.name, bytes.fromhex(path.read_text("ascii")))
    except (OSError, ValueError):
        raise ConfigError(
            f"{path.name} is not a key",
            party=identity.name,
            expected="64 hex digits, as rotate-key wrote them",
            found="something else",
            remedy="when the ledger does not hold the new key yet, remove the file and repeat",
        ) from None


def has_next(folder: Path, use: str) -> bool:
    """Whether a rotation was begun and not completed."""
    return (folder / f"next-{use}.key").exists()


def adopt_next(identity: Identity, folder: Path, use: str) -> Identity:
    """Put the next key in the place of the one in use, in one step; return the new identity."""
    key = next_key(identity, folder, use)
    if isinstance(key, CosignatureKey):
        new = replace(identity, witness=key)
    else:
        new = replace(identity, signing=key)
    replace_private(folder / _FILE, json.dumps(_secret(new)))
    replace_private(folder / "founder.json", json.dumps(new.founder(), indent=1))
    (folder / f"next-{use}.key").unlink()
    return new


def vault_key(identity: Identity) -> bytes:
    """Return the key under which this member's state is kept."""
    return HKDF(SHA256(), 32, salt=b"fedcredit-vault/v1", info=identity.name.encode()).derive(
        identity.mask_key.private_bytes_raw()
    )


def fingerprint(vkey: str) -> str:
    """Return eight groups of four hex digits of a verifier key's SHA-256, to be read aloud."""
    digest = hashlib.sha256(vkey.encode()).hexdigest()[:32]
    return " ".join(digest[i : i + 4] for i in range(0, 32, 4))
