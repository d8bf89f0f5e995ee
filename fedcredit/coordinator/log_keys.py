"""The log's keys beside the founded one: the next, which parties put in force, and those before.

They lie in ``log-keys/`` beside ``coordinator.toml``, a file a key, named by the key's id. The
coordinator signs heads with the key in force and, for 30 days, with the one before it; so none is
removed earlier, and ``log.key`` stays as the key that was founded.
"""

import os

from fedcredit.coordinator.deployment import CoordinatorSetup
from fedcredit_ledger.note import SigningKey
from fedcredit_parties.errors import ConfigError
from fedcredit_parties.secret_files import check_secret, write_private

_FOLDER = "log-keys"


def held_log_keys(setup: CoordinatorSetup) -> tuple[SigningKey, ...]:
    """Read every further key of the log.

    Raises
    ------
    ConfigError
        When one is readable by others, or is no key.
    """
    found = []
    for path in sorted((setup.folder / _FOLDER).glob("*.key")):
        check_secret(path, what="a signing key of the ledger", party=setup.config.name)
        try:
            seed = bytes.fromhex(path.read_text("ascii").strip())
            found.append(SigningKey.from_seed(setup.config.origin, seed))
        except ValueError:
            raise ConfigError(
                f"{path.name} is not a signing key",
                party=setup.config.name,
                expected="32 bytes in hex",
                found="something else",
                remedy="restore it from the backup made by coordinator rotate-log-key",
            ) from None
    return tuple(found)


def new_log_key(setup: CoordinatorSetup) -> SigningKey:
    """Make a key that the parties may put in force; it is on the disk when this returns."""
    folder = setup.folder / _FOLDER
    folder.mkdir(exist_ok=True, mode=0o700)
    key = SigningKey.generate(setup.config.origin)
    write_private(folder / f"{key.verifier.key_id.hex()}.key", key.seed.hex())
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return key
