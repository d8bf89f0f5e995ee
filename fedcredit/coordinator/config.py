"""``coordinator.toml``: addresses, certificates and folders of the coordinator."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from fedcredit_parties.config import Config, Name, TrustConfig

Port = Annotated[int, Field(ge=1, le=65_535)]


class CoordinatorConfig(Config):
    """The coordinator's configuration.

    Attributes
    ----------
    name, origin : str
        Name in the ledger; origin line of the ledger.
    host, port : str, int
        Where the front listens; the only port that parties need to reach.
    superlink_port : int
        Where Flower's SuperLink listens, on loopback only.
    ca_file, cert_file, key_file : Path
        TLS of front and SuperLink.
    identity, log_key, founding : Path
        Private keys of the coordinator and of the log; the signed founding entry.
    state : Path
        Folder of the ledger, blobs, inboxes and the SuperLink.
    """

    name: Name
    origin: str = Field(min_length=1, max_length=200)
    host: str = "127.0.0.1"
    port: Port
    superlink_port: Port
    ca_file: Path
    cert_file: Path
    key_file: Path
    identity: Path = Path("identity")
    log_key: Path = Path("log.key")
    founding: Path = Path("founding.note")
    state: Path = Path("state")
    trust: TrustConfig
