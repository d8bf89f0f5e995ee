"""``witness.toml``: the logs that a witness accepts, where it listens, where it remembers them."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from fedcredit.coordinator.config import Port, front_address
from fedcredit_ledger.errors import MalformedEntryError
from fedcredit_ledger.note import ED25519, CosignatureKey, VerifierKey
from fedcredit_parties.config import Config, Name, resolve
from fedcredit_parties.disk import kept_in
from fedcredit_parties.errors import ConfigError
from fedcredit_parties.secret_files import check_secret


def _signing_key(vkey: str) -> str:
    try:
        key = VerifierKey.parse(vkey)
    except MalformedEntryError as error:
        raise ValueError(error.message) from None
    if key.type != ED25519:
        raise ValueError("an Ed25519 key of type 1 is wanted, not a co-signature key")
    return vkey


SigningVkey = Annotated[str, AfterValidator(_signing_key)]


class WitnessConfig(Config):
    """``witness.toml`` as `witness init` writes it.

    Attributes
    ----------
    name : str
        Name of the witness in policies and co-signatures.
    host, port : str, int
        Where it listens; on loopback unless it is told otherwise.
    url : str, optional
        Under which coordinators reach it, when that is not ``http://host:port``.
    key_file, state : Path
        Its private key; folder of what it has co-signed and of the proofs that it keeps.
    logs : tuple of str
        Keys (vkeys) of the logs that it accepts; each names its log's origin.
    authors : dict of str to tuple of str
        By a log's origin the signing keys (vkeys) of the parties whose withheld entries are taken.
    """

    name: Name
    host: str = "127.0.0.1"
    port: Port
    url: str | None = Field(default=None, pattern=r"^https?://[!-~]{1,200}$")
    key_file: Path = Path("witness.key")
    state: Path = Path("state")
    logs: tuple[SigningVkey, ...] = ()
    authors: dict[str, tuple[SigningVkey, ...]] = Field(default_factory=dict)

    @property
    def address(self) -> str:
        """The submission prefix that stands in policies."""
        return self.url or front_address(self.host, self.port).replace("https://", "http://", 1)


class WitnessSetup:
    """What ``witness.toml`` leads to: key, logs, state folder.

    Parameters
    ----------
    path : Path
        The configuration file.

    Raises
    ------
    ConfigError
        When the file or the key is not usable, or others may read the key.
    """

    def __init__(self, path: Path) -> None:
        self.config = WitnessConfig.read(path)
        folder = path.resolve().parent
        self.key = _read_key(resolve(folder, self.config.key_file), self.config.name)
        self.logs = [VerifierKey.parse(vkey) for vkey in self.config.logs]
        self.authors = {
            origin: [VerifierKey.parse(vkey) for vkey in vkeys]
            for origin, vkeys in self.config.authors.items()
        }
        self.state = resolve(folder, self.config.state)
        with kept_in(self.state, "the state folder was not made", party=self.config.name):
            self.state.mkdir(parents=True, exist_ok=True, mode=0o700)


def _read_key(path: Path, name: str) -> CosignatureKey:
    check_secret(path, what="the witness's key", party=name)
    try:
        return CosignatureKey.from_seed(name, bytes.fromhex(path.read_text("ascii").strip()))
    except (OSError, ValueError):
        raise ConfigError(
            "the witness's key cannot be read",
            party=name,
            expected=f"64 hex digits in {path.name}",
            found="something else",
            remedy="restore it from the backup made by witness init",
        ) from None
