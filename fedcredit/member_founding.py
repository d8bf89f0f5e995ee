"""What a member does when a federation is founded between machines: make keys, co-sign, pin.

A member never sends a secret and never believes a name. It co-signs only an entry in which its own
row is exactly what it made, and pins only a founding whose id it heard from the other members by
another way than the one on which the file came. These acts ask nothing and print nothing; the
command line does.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedcredit import founding
from fedcredit.founding_exchange import (
    FoundingSignature,
    founder_document,
    read_founder,
    write_new,
)
from fedcredit.founding_file import FoundingFile
from fedcredit.member_files import (
    completed,
    disclosure_toml,
    party_draft_toml,
    trust_toml,
)
from fedcredit.member_options import ROLES, check_member
from fedcredit_parties.config import PartyConfig, PartyDraft, resolve
from fedcredit_parties.errors import ConfigError, UntrustedFederationError
from fedcredit_parties.identity import Identity
from fedcredit_parties.identity_files import load_identity, save_identity
from fedcredit_parties.secret_files import replace_private, write_private

ID_DIGITS = 32
"""Hex digits of the founding id that a member must have heard.

A coordinator can try foundings until the first digits of two agree: with 8 digits it needs 2^16
tries, a second's work; with 32 it needs 2^64.
"""

_FEDERATION = (
    "# Asks the federation of party.toml: fedcredit.Federation.load(...)\n"
    'requester = "party.toml"\nschema_file = "schema.json"  # agreed on by the members\n'
)


def init_party(
    folder: Path,
    *,
    name: str,
    role: str,
    tables: Sequence[Path] = (),
    coordinator: str | None = None,
) -> tuple[Identity, Path]:
    """Make a member's keys, a draft of party.toml and the one file to send.

    Parameters
    ----------
    folder : Path
        New, or without an identity and a party.toml; only its owner may enter it.
    name, role : str
        As in party.toml.
    tables : sequence of Path
        CSV or Parquet files of a data holder.
    coordinator : str, optional
        The front's address, when the coordinator has named one.

    Returns
    -------
    Identity, Path
        The new keys; the founder file.

    Raises
    ------
    ConfigError
        When the folder holds a member already, or a value is not usable.
    """
    check_member(name, role, coordinator)
    named = {_table_name(path): path for path in tables}
    for path in tables:
        if path.suffix not in (".csv", ".parquet") or not path.is_file():
            raise ConfigError(
                f"{path.name} is no table",
                party=name,
                expected="an existing .csv or .parquet file",
                found=f"nothing at {path}" if not path.exists() else path.suffix or "no ending",
                remedy="name an existing file after --table, or add [[data]] to party.toml later",
            )
    if len(named) < len(tables) or (tables and role != "data-holder"):
        raise ConfigError(
            "these tables cannot be entered",
            party=name,
            expected="tables of different names, at a data holder",
            found=f"{len(tables)} files at a {role}",
            remedy="rename one of them, or leave --table out",
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    home = folder.resolve()
    paths = {table: _from(home, path.resolve()) for table, path in named.items()}
    text = party_draft_toml(name=name, role=role, coordinator=coordinator, tables=paths)
    written = ("party.toml", "identity", f"{name}.founder.json")
    _must_be_new(home, (*written, *(("federation.toml",) if role == "requester" else ())))
    PartyDraft.parse(tomllib.loads(text), name="party.toml")
    home.chmod(0o700)
    identity = Identity.generate(name, ROLES[role])
    save_identity(identity, home / "identity")
    write_private(home / "party.toml", text)
    if role == "requester":
        write_private(home / "federation.toml", _FEDERATION)
    write_new(home / f"{name}.founder.json", founder_document(identity.founder()))
    return identity, home / f"{name}.founder.json"


@dataclass(frozen=True, kw_only=True)
class Founder:
    """A member on its own machine, before and while it founds.

    Attributes
    ----------
    path : Path
        Its party.toml.
    config : PartyDraft
        What stands there.
    identity : Identity
        Its keys.
    """

    path: Path
    config: PartyDraft
    identity: Identity

    @classmethod
    def read(cls, path: Path) -> "Founder":
        """Read party.toml and the keys.

        Raises
        ------
        ConfigError
            When either is not usable, or they name different parties.
        """
        config = PartyDraft.read(path)
        identity = load_identity(resolve(path.resolve().parent, config.identity))
        if identity.name != config.name:
            raise ConfigError(
                f"{path.name} and the identity name different parties",
                expected=config.name,
                found=identity.name,
                remedy=f"correct name or identity in {path.name}",
            )
        return cls(path=path.resolve(), config=config, identity=identity)

    def check(
        self, file: FoundingFile, known: Sequence[Path] = (), *, is_founder: bool = True
    ) -> dict[str, str]:
        """Refuse a draft or founding that is not what this member made and knows.

        Parameters
        ----------
        file : FoundingFile
            What the coordinator sent; its parts are checked already.
        known : sequence of Path
            Founder files that came from their owners, not through the coordinator.
        is_founder : bool, default True
            Whether this member founds. One that joins later, or comes back, has other keys.

        Returns
        -------
        dict of str to str
            By member: ``own``, ``compared`` or ``not compared`` with a file from its owner.

        Raises
        ------
        UntrustedFederationError
            When this member's own row, or that of a known member, is absent or altered.
        FoundingError
            When it pins another Flower app than the one that is installed here.
        """
        own = [self.identity.founder()] if is_founder else []
        rows = [*own, *(read_founder(path) for path in known)]
        founders = {row["party"]: row for row in file.founders}
        for row in rows:
            name = row["party"]
            if founders.get(name) != row:
                raise UntrustedFederationError(
                    f"{file.name} does not hold the keys that {name} made",
                    party=file.coordinator,
                    expected=f"the row of {name}.founder.json",
                    found=_difference(row, founders.get(name)),
                    remedy=f"sign and pin nothing; call {name} and {file.coordinator}: "
                    "somebody has put other keys in this place",
                )
        file.terms.check_app(name=file.name, party=file.coordinator)
        words = {row["party"]: "compared" for row in rows}
        words |= {row["party"]: "own" for row in own}
        return {name: words.get(name, "not compared") for name in founders}

    def cosign(self, draft: FoundingFile) -> FoundingSignature:
        """Sign a draft that `check` has passed and a person has read."""
        return FoundingSignature.make(
            self.identity.signing,
            founding_entry=draft.id,
            entry=draft.entry.note,
            terms=draft.terms_note,
        )

    def pin(self, file: FoundingFile) -> None:
        """Write what was agreed into party.toml and the authority beside it.

        Raises
        ------
        ConfigError
            When party.toml pins something already, or another ca.crt lies there.
        """
        terms = file.terms
        taken = sorted(
            {"trust", "disclosure", "origin", "app_hash", "ca_file"} & self.config.model_fields_set
        )
        if taken:
            raise ConfigError(
                f"{self.path.name} pins a federation already",
                party=self.config.name,
                expected="none of the keys that party trust writes",
                found=", ".join(taken),
                remedy="fedcredit party trust party.toml --show; to found anew, remove these keys",
            )
        authority = self.path.parent / "ca.crt"
        if authority.exists() and authority.read_text("utf-8") != file.authority:
            raise ConfigError(
                "another ca.crt lies beside party.toml",
                party=self.config.name,
                expected="the authority of this founding, or no such file",
                found="another certificate",
                remedy="move it away, and ask the coordinator whose it is",
            )
        trust = founding.pins(self.config.name, file.founders, file.id)
        keys = {"origin": file.entry.entry.ledger, "ca_file": "ca.crt", "app_hash": terms.app_hash}
        if self.config.coordinator is None:
            keys["coordinator"] = terms.coordinator
        text = completed(
            self.path.read_text("utf-8"),
            keys,
            disclosure_toml(terms.disclosure_policy) + trust_toml(trust),
        )
        PartyConfig.parse(tomllib.loads(text), name=self.path.name)
        authority.write_text(file.authority, "utf-8")
        replace_private(self.path, text)


def compare_id(file: FoundingFile, heard: str) -> None:
    """Compare the founding id with what was heard from the other members.

    Raises
    ------
    ConfigError
        When too few digits were given.
    UntrustedFederationError
        When they are not those of the file.
    """
    digits = re.sub(r"\s", "", heard).lower()
    if len(digits) < ID_DIGITS or re.fullmatch(r"[0-9a-f]{32,64}", digits) is None:
        raise ConfigError(
            "the founding id was not compared",
            expected=f"its first {ID_DIGITS} hex digits or more, as another member reads them",
            found=f"{len(digits)} characters",
            remedy="call the other members, then type what they read: --founding-id '3f2a 09c1 …'",
        )
    if not file.id.startswith(digits):
        raise UntrustedFederationError(
            f"{file.name} is not the founding that the other members have",
            party=file.coordinator,
            expected=grouped(digits),
            found=grouped(file.id[: len(digits)]),
            remedy="pin nothing; ask each member to read its founding id again, then ask the "
            "coordinator why there are two",
        )


def grouped(digits: str) -> str:
    """Return hex digits in groups of four, to be read aloud."""
    return " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))


def _difference(row: dict[str, Any], found: dict[str, Any] | None) -> str:
    if found is None:
        return "no such founder"
    return "another " + ", ".join(sorted(key for key in row if row[key] != found.get(key)))


def _table_name(path: Path) -> str:
    return re.sub(r"[^a-z0-9_]+", "_", path.stem.lower())[:64] or "table"


def _from(home: Path, path: Path) -> Path:
    return path.relative_to(home) if path.is_relative_to(home) else path


def _must_be_new(home: Path, names: Sequence[str]) -> None:
    for name in names:
        if (home / name).exists():
            raise ConfigError(
                f"{home.name} holds a member already",
                expected="a folder without keys and configuration",
                found=name,
                remedy="keep it: new keys are a new party; name another folder",
            )
