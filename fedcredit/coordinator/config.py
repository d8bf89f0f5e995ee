"""``coordinator.toml``: addresses, certificates and folders of the coordinator."""

from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from fedcredit_ledger.reserve import RESERVE_BYTES
from fedcredit_ledger.store_postgres import SCHEMES
from fedcredit_parties.config import Config, Name, TrustConfig
from fedcredit_parties.errors import UntrustedFederationError

Port = Annotated[int, Field(ge=1, le=65_535)]


def _database(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(SCHEMES):
        raise ValueError("an address begins with postgresql://")
    return url


class CoordinatorDraft(Config):
    """``coordinator.toml`` as `coordinator init` writes it, before a federation is founded.

    Attributes
    ----------
    name, origin : str
        Name in the ledger; origin line of the ledger.
    host, port : str, int
        Where the front listens; the only port that parties need to reach.
    address : str, optional
        Under which parties reach the front, when that is not ``https://host:port``.
    superlink_port : int
        Where Flower's SuperLink listens, on loopback only.
    ca_file, cert_file, key_file : Path
        TLS of front and SuperLink.
    identity, log_key, founding : Path
        Private keys of the coordinator and of the log; the signed founding entry.
    state : Path
        Folder of the ledger, blobs, inboxes and the SuperLink.
    ledger_url : str, optional
        ``postgresql://...``: the database that holds the ledger; an SQLite file in `state` else.
    reserve_mib : int
        Room on the disk that is held back for the ledger's last word.
    """

    name: Name
    origin: str = Field(min_length=1, max_length=200)
    host: str = "127.0.0.1"
    port: Port
    address: str | None = Field(default=None, pattern=r"^https://[^/\s]+$")
    superlink_port: Port
    ca_file: Path
    cert_file: Path
    key_file: Path
    identity: Path = Path("identity")
    log_key: Path = Path("log.key")
    founding: Path = Path("founding.note")
    state: Path = Path("state")
    ledger_url: Annotated[SecretStr, AfterValidator(_database)] | None = None
    reserve_mib: int = Field(default=RESERVE_BYTES // 2**20, ge=0, le=4096)
    trust: TrustConfig | None = None

    @property
    def has_password(self) -> bool:
        """Whether the database's address holds a password."""
        if self.ledger_url is None:
            return False
        parts = urlsplit(self.ledger_url.get_secret_value())
        return bool(parts.password) or "password" in parse_qs(parts.query)

    @property
    def front(self) -> str:
        """The front's address for the parties."""
        return self.address or front_address(self.host, self.port)

    @property
    def near(self) -> str:
        """The front's address for the coordinator's own processes."""
        anywhere = self.host in ("0.0.0.0", "::")
        return front_address("127.0.0.1" if anywhere else self.host, self.port)


class CoordinatorConfig(CoordinatorDraft):
    """``coordinator.toml`` after `coordinator assemble`: whole, and fit to be started."""

    trust: TrustConfig

    @classmethod
    def parse(cls, table: dict[str, Any], *, name: str) -> Self:
        """Check a table read from `name`.

        Raises
        ------
        UntrustedFederationError
            When no federation is founded yet.
        ConfigError
            With one line per wrong key.
        """
        if "trust" not in table:
            CoordinatorDraft.parse(table, name=name)
            raise UntrustedFederationError(
                f"{name} knows no founded federation yet",
                party=str(table.get("name", "")),
                expected="[trust] and a founding entry that every member has signed",
                found="none",
                remedy=f"fedcredit coordinator draft {name} FOUNDER..., then assemble",
            )
        return super().parse(table, name=name)


def front_address(host: str, port: int) -> str:
    """Return the https address of a host and port; an IPv6 address in brackets."""
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
