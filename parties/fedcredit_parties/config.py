"""``party.toml``: what a member is, has and allows. Strict, and every complaint names its key.

TOML for people: dates and integers are typed, and no value names code. Relative paths count from
the file's own folder.
"""

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.errors import ConfigError, UntrustedFederationError
from fedcredit_parties.trust import Trust

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Config(BaseModel):
    """Base of configuration files: frozen, no unknown keys, errors by path."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a TOML file.

        Raises
        ------
        ConfigError
            When it cannot be read, with one line per wrong key.
        """
        try:
            table = tomllib.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            raise ConfigError(
                f"there is no file {path.name}",
                expected="a configuration file",
                found=f"nothing at {path}",
                remedy="fedcredit party init DIR or coordinator init DIR writes one; "
                "fedcredit federation init DIR a whole set",
            ) from None
        except (OSError, UnicodeDecodeError, RecursionError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{path.name} is not TOML: {error}") from None
        return cls.parse(table, name=path.name)

    @classmethod
    def parse(cls, table: dict[str, Any], *, name: str) -> Self:
        """Check a table read from `name`.

        Raises
        ------
        ConfigError
            With one line per wrong key.
        """
        try:
            return cls.model_validate(table)
        except ValidationError as error:
            lines = [
                f"{'.'.join(map(str, e['loc'])) or 'file'} - {e['msg']}"
                for e in error.errors(include_input=False, include_url=False)
            ]
            raise ConfigError(
                f"{name} is not valid: " + "; ".join(lines),
                remedy="correct these keys; docs/reference lists all of them, a page for each file",
            ) from None


class TrustConfig(Config):
    """``[trust]``: anchors exchanged outside the system, twice."""

    founding_entry: Digest
    key_holder: str
    peers: dict[Name, str] = {}

    @property
    def trust(self) -> Trust:
        """The anchors as the daemon uses them."""
        return Trust(
            founding_entry=self.founding_entry, key_holder=self.key_holder, peers=self.peers
        )


class DataConfig(Config):
    """``[[data]]``: one local table."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
    path: Path
    bad_definition: str = "the label column is 1"
    category: Literal[
        "loans", "cashflow", "electricity", "rural_assets", "tax", "telecom", "judicial"
    ] = "loans"
    time_column: str | None = None
    subject_column: str | None = None
    period_from: date = date(1970, 1, 1)
    period_to: date = date(1970, 1, 1)


class TellConfig(Config):
    """``[tell]``: what this member says of itself beyond what a run needs.

    Attributes
    ----------
    gain : bool
        Tell a requester what this party gains by its run, where the approved task asks for it.
    """

    gain: bool = True


class PartyDraft(Config):
    """A member's ``party.toml`` as `party init` writes it, before a federation is founded.

    Attributes
    ----------
    name : str
        Name in the ledger.
    role : {"data-holder", "key-holder", "requester", "witness", "regulator", "auditor"}
        What this member does.
    origin : str
        Origin line of the ledger.
    coordinator : str
        Address of the front, ``https://host:port``; the only one the daemon talks to.
    ca_file : Path
        Authority of the front's certificate, pinned.
    app_hash : str
        The only Flower app whose runs are answered.
    schema_file : Path, optional
        Declared columns that the members have agreed on; tables are compared to it.
    identity, state : Path
        Folders of the private keys and of what is kept across a crash.
    """

    name: Name
    role: Literal["data-holder", "key-holder", "requester", "witness", "regulator", "auditor"]
    origin: str | None = Field(default=None, min_length=1, max_length=200)
    coordinator: str | None = Field(default=None, pattern=r"^https://[^/\s]+$")
    ca_file: Path | None = None
    app_hash: Digest | None = None
    schema_file: Path | None = None
    identity: Path = Path("identity")
    state: Path = Path("state")
    trust: TrustConfig | None = None
    data: tuple[DataConfig, ...] = ()
    disclosure: DisclosurePolicy = DisclosurePolicy()
    tell: TellConfig = TellConfig()


class PartyConfig(PartyDraft):
    """A member's ``party.toml`` after `party trust`: whole, and what a daemon starts from."""

    origin: str = Field(min_length=1, max_length=200)
    coordinator: str = Field(pattern=r"^https://[^/\s]+$")
    ca_file: Path
    trust: TrustConfig

    @classmethod
    def parse(cls, table: dict[str, Any], *, name: str) -> Self:
        """Check a table read from `name`.

        Raises
        ------
        UntrustedFederationError
            When the party has pinned no federation yet.
        ConfigError
            With one line per wrong key.
        """
        if "trust" not in table:
            PartyDraft.parse(table, name=name)
            raise UntrustedFederationError(
                f"{name} pins no federation yet",
                party=str(table.get("name", "")),
                expected="[trust]: the founding entry and the keys of key holder and peers",
                found="none",
                remedy=f"sign the draft: fedcredit party cosign {name} DRAFT; "
                "when all have signed, compare the founding id with the other members, then "
                f"fedcredit party trust {name} FOUNDING",
            )
        return super().parse(table, name=name)


def resolve(folder: Path, path: Path) -> Path:
    """Return `path`, counted from `folder` when it is relative."""
    return path if path.is_absolute() else folder / path


def toml_text(value: str) -> str:
    """Return a TOML basic string.

    Raises
    ------
    ValueError
        For control characters, which no name or path of ours holds.
    """
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError("a configuration value holds control characters")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
