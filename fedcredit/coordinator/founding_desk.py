"""What the coordinator does when a federation is founded between machines: draft and assemble.

It writes what every member is to sign, and puts the signatures together. It signs for nobody, and
nothing it says about another member's keys is believed by anyone: members compare the founding id
among themselves.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from fedcredit import founding
from fedcredit.coordinator.app_hash import APP, fab_hash
from fedcredit.coordinator.config import CoordinatorConfig, CoordinatorDraft
from fedcredit.errors import FoundingError
from fedcredit.founding_exchange import (
    FoundingSignature,
    read_founder,
)
from fedcredit.founding_file import FoundingFile, verify
from fedcredit.founding_terms import Terms, authority_digest
from fedcredit.member_files import (
    completed,
    trust_toml,
)
from fedcredit_ledger.entry import SignedEntry
from fedcredit_ledger.note import Note, Signature, SigningKey
from fedcredit_parties.config import resolve
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.errors import ConfigError
from fedcredit_parties.identity import Identity
from fedcredit_parties.identity_files import load_identity
from fedcredit_parties.member import utc_now
from fedcredit_parties.secret_files import replace_private


def read_policy(path: Path | None) -> DisclosurePolicy:
    """Read the policy's numbers from TOML; the defaults when there is no file.

    Raises
    ------
    ConfigError
        When it cannot be read, or a number is not usable.
    """
    if path is None:
        return DisclosurePolicy()
    try:
        return DisclosurePolicy.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, ValueError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        found = (
            str(error) if first is None else f"{'.'.join(map(str, first['loc']))} - {first['msg']}"
        )
        raise ConfigError(
            f"{path.name} holds no disclosure policy",
            expected=", ".join(DisclosurePolicy.model_fields),
            found=found,
            remedy="docs/how-to/choose-a-disclosure-policy.md",
        ) from None


@dataclass(frozen=True, kw_only=True)
class FoundingDesk:
    """The coordinator while a federation is founded.

    Attributes
    ----------
    path : Path
        Its coordinator.toml.
    config : CoordinatorDraft
        What stands there.
    identity : Identity
        Its keys.
    log_key : SigningKey
        The log's.
    """

    path: Path
    config: CoordinatorDraft
    identity: Identity
    log_key: SigningKey

    @classmethod
    def read(cls, path: Path) -> "FoundingDesk":
        """Read coordinator.toml and the keys.

        Raises
        ------
        ConfigError
            When one of them is not usable.
        """
        config = CoordinatorDraft.read(path)
        folder = path.resolve().parent
        identity = load_identity(resolve(folder, config.identity))
        try:
            seed = bytes.fromhex(resolve(folder, config.log_key).read_text("ascii").strip())
            log_key = SigningKey.from_seed(config.origin, seed)
        except (OSError, ValueError):
            raise ConfigError(
                "the log's key cannot be read",
                party=config.name,
                expected=f"64 hex digits in {config.log_key}",
                found="nothing, or something else",
                remedy="restore it from the backup made by coordinator init",
            ) from None
        if identity.name != config.name:
            raise ConfigError(
                f"{path.name} and the identity name different parties",
                expected=config.name,
                found=identity.name,
                remedy=f"correct name or identity in {path.name}",
            )
        return cls(path=path.resolve(), config=config, identity=identity, log_key=log_key)

    def draft(
        self,
        founders: Sequence[Path],
        *,
        federation: str,
        policy: DisclosurePolicy,
        outside: Sequence[founding.OutsideWitness] = (),
    ) -> FoundingFile:
        """Return what every member is to sign, signed by the coordinator.

        Parameters
        ----------
        founders : sequence of Path
            Founder files of all members but the coordinator.
        federation : str
            Name of the federation.
        policy : DisclosurePolicy
            Its numbers.
        outside : sequence of OutsideWitness
            Witnesses that are no members.

        Raises
        ------
        FoundingError
            When a file is not usable, or these founders make no federation.
        ConfigError
            When the authority cannot be read.
        """
        if founding.MEMBER_NAME.fullmatch(federation) is None:
            raise ConfigError(
                "a federation's name cannot be used",
                expected="up to 63 small letters, digits and hyphens",
                found=federation[:63],
                remedy="--federation consumer-loans",
            )
        rows = [read_founder(path) for path in founders]
        rows = sorted(rows, key=lambda row: row["party"])
        rows.append(self.identity.founder())
        founding.check_founders(rows, min_parties=policy.min_parties)
        try:
            authority = resolve(self.path.parent, self.config.ca_file).read_text("ascii")
        except (OSError, ValueError):
            raise ConfigError(
                "the front's authority cannot be read",
                party=self.config.name,
                expected=f"a PEM certificate in {self.config.ca_file}",
                found="nothing, or something else",
                remedy=f"correct ca_file in {self.path.name}",
            ) from None
        entry = founding.draft(
            name=federation,
            origin=self.config.origin,
            coordinator=self.config.name,
            log_vkey=self.log_key.vkey,
            founders=rows,
            policy=policy,
            needed=founding.quorum_size(
                sum("witness" in row["roles"] for row in rows), has_outside=bool(outside)
            ),
            outside=outside,
            now=utc_now(),
        )
        signed = SignedEntry.sign(entry, self.identity.signing)
        terms = Terms(
            founding_entry=signed.id,
            coordinator=self.config.front,
            ca_sha256=authority_digest(authority, self.config.ca_file.name),
            app_hash=fab_hash(APP),
            disclosure_policy=policy,
        ).text()
        file = FoundingFile(
            entry=signed,
            terms_note=Note(terms, (self.identity.signing.sign(terms),)),
            authority=authority,
            name="the draft",
        )
        file.check()
        return file

    def assemble(self, draft: FoundingFile, signatures: Sequence[Path]) -> FoundingFile:
        """Return the founding: the draft with every member's signature, each verified.

        Raises
        ------
        ConfigError
            When a federation is founded here already.
        FoundingError
            When the draft is another coordinator's or release's, a signature is of another draft
            or of nobody in it, or somebody's is missing.
        SignatureError
            When one does not verify, naming whose.
        """
        if (draft.coordinator, draft.entry.entry.data["log_vkey"]) != (
            self.config.name,
            self.log_key.vkey,
        ) or draft.founder(self.config.name) != self.identity.founder():
            raise FoundingError(
                f"{draft.name} is not this coordinator's draft",
                party=draft.coordinator,
                expected=f"a draft by {self.config.name} for {self.config.origin}",
                found=f"one by {draft.coordinator} for {draft.entry.entry.ledger}",
                remedy="name the file that coordinator draft wrote here",
            )
        draft.terms.check_app(name=draft.name, party=self.config.name)
        lines: dict[str, tuple[Signature, Signature]] = {}
        for path in signatures:
            signature = FoundingSignature.read(path)
            row = draft.founder(signature.party)
            if signature.founding_entry != draft.id:
                raise FoundingError(
                    f"{path.name} signs another draft",
                    party=signature.party,
                    expected=f"founding entry {draft.id[:16]}",
                    found=signature.founding_entry[:16],
                    remedy=f"send {draft.name} to {signature.party} and ask for its signature",
                )
            verify(row, draft.entry.note, signature.entry)
            verify(row, draft.terms_note, signature.terms)
            lines[signature.party] = (signature.entry, signature.terms)
        file = draft.with_signatures(lines)
        note = resolve(self.path.parent, self.config.founding)
        other = note.exists() and note.read_bytes() != file.entry.encode()
        if self.config.trust is not None or other:
            raise ConfigError(
                "a federation is founded here already",
                party=self.config.name,
                expected=f"{self.path.name} without [trust], and no other {note.name}",
                found="one of them",
                remedy="one coordinator folder a federation: coordinator init another folder",
            )
        return file

    def found(self, file: FoundingFile) -> None:
        """Write the founding entry and complete coordinator.toml."""
        trust = founding.pins(self.config.name, file.founders, file.id)
        text = completed(self.path.read_text("utf-8"), {}, trust_toml(trust))
        CoordinatorConfig.parse(tomllib.loads(text), name=self.path.name)
        resolve(self.path.parent, self.config.founding).write_bytes(file.entry.encode())
        replace_private(self.path, text)
