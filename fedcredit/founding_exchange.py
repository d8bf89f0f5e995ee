"""What founders send each other: a member's public keys, a signature, and how a file is read.

Four kinds of file, all public, all JSON, all refused unless they hold exactly their own keys. A
*founder file* holds one member's public keys. A *draft* (`founding_file`) holds the founding entry
and the terms, both signed by the coordinator; the *founding* is the same file with everybody's
signatures. A *signature file* holds one member's two lines for them. Nothing is believed because it
was read: keys are compared outside the system, signatures are verified against them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric import ec

from fedcredit.errors import FoundingError
from fedcredit.founding import MEMBER_NAME
from fedcredit_ledger.entry import HEX_DIGEST
from fedcredit_ledger.errors import LedgerError, MalformedEntryError
from fedcredit_ledger.note import Note, Signature, SigningKey, VerifierKey

FOUNDER = "fedcredit-founder/v1"
FOUNDING = "fedcredit-founding/v1"
SIGNATURE = "fedcredit-founding-signature/v1"

MAX_FILE_BYTES = 1_000_000
"""No file of a founding is larger; fifty founders need a tenth of it."""

_ROW = ("mask_key", "node_key", "party", "recovery_vkey", "roles", "signing_vkey", "witness_vkey")


def read_founder(path: Path) -> dict[str, Any]:
    """Read a founder file: one member's row of the founding entry.

    Raises
    ------
    FoundingError
        When it is not one, or a key in it is no key of that member.
    """
    row = read_document(path, FOUNDER, ("founder",))["founder"]
    if not isinstance(row, dict) or tuple(sorted(row)) != _ROW:
        raise FoundingError(
            f"{path.name} does not hold one member's public keys",
            expected=", ".join(_ROW),
            found="other keys" if isinstance(row, dict) else "something else",
            remedy="ask its sender for the file that party init wrote",
        )
    name = _member(row["party"], path)
    try:
        keys = [VerifierKey.parse(row[use]) for use in ("signing_vkey", "recovery_vkey")]
        keys.append(VerifierKey.parse(row["witness_vkey"]))
        if any(key.name != name for key in keys) or len(bytes.fromhex(row["mask_key"])) != 32:
            raise ValueError
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), bytes.fromhex(row["node_key"]))
    except (LedgerError, TypeError, ValueError, AttributeError):
        raise FoundingError(
            f"a key in {path.name} is no key of {name}",
            party=name,
            expected="the five public keys that party init made",
            found="another value",
            remedy=f"ask {name} to send the file again",
        ) from None
    return row


def founder_document(founder: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a founder file."""
    return {"format": FOUNDER, "founder": dict(founder)}


@dataclass(frozen=True, kw_only=True)
class FoundingSignature:
    """One member's lines under entry and terms.

    Attributes
    ----------
    party : str
        Who signed.
    founding_entry : str
        What was signed.
    entry, terms : Signature
        The lines.
    """

    party: str
    founding_entry: str
    entry: Signature
    terms: Signature

    @classmethod
    def make(cls, key: SigningKey, *, founding_entry: str, entry: Note, terms: Note) -> Self:
        """Sign both notes of a draft."""
        return cls(
            party=key.name,
            founding_entry=founding_entry,
            entry=key.sign(entry.text),
            terms=key.sign(terms.text),
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a signature file; nothing is verified yet.

        Raises
        ------
        FoundingError
            When it is not one.
        """
        fields = read_document(path, SIGNATURE, ("entry", "founding_entry", "party", "terms"))
        party = _member(fields["party"], path)
        try:
            if HEX_DIGEST.fullmatch(str(fields["founding_entry"])) is None:
                raise MalformedEntryError("a founding entry is named by 64 hex digits")
            return cls(
                party=party,
                founding_entry=str(fields["founding_entry"]),
                entry=Signature.parse(str(fields["entry"])),
                terms=Signature.parse(str(fields["terms"])),
            )
        except LedgerError:
            raise FoundingError(
                f"{path.name} holds no signature",
                expected="what party cosign wrote",
                found="other text",
                remedy="ask its sender to send the file again",
            ) from None

    def document(self) -> dict[str, Any]:
        """Return the content of the file."""
        return {
            "format": SIGNATURE,
            "party": self.party,
            "founding_entry": self.founding_entry,
            "entry": self.entry.line(),
            "terms": self.terms.line(),
        }


def _member(name: object, path: Path) -> str:
    """Return a member's name from a file, unless nobody may have it (or a terminal not show it)."""
    if not isinstance(name, str) or MEMBER_NAME.fullmatch(name) is None:
        raise FoundingError(
            f"{path.name} names no member",
            expected="a name of small letters, digits and hyphens",
            found="another value",
            remedy="ask its sender to send the file again",
        )
    return name


def write_new(path: Path, document: Mapping[str, Any]) -> None:
    """Write one of the four files; never over another one.

    Raises
    ------
    FoundingError
        When the file exists.
    """
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise FoundingError(
            f"{path.name} exists already",
            expected="a new file",
            found="an older one, which is not overwritten",
            remedy="name another with --output, or move the old one away",
        ) from None


def read_document(path: Path, kind: str, keys: Sequence[str]) -> dict[str, Any]:
    """Read one of the four files: strict JSON of one format with exactly these keys."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ValueError
        fields = json.loads(path.read_text("utf-8"), object_pairs_hook=_once)
    except FileNotFoundError:
        raise FoundingError(
            f"there is no file {path.name}",
            expected=kind,
            found=f"nothing at {path}",
            remedy="check the name; founders send these files to each other",
        ) from None
    except (OSError, ValueError, RecursionError):
        raise FoundingError(
            f"{path.name} is not JSON, or only a part of it",
            expected=kind,
            found="other bytes",
            remedy="ask its sender to send the file again",
        ) from None
    found = fields.get("format") if isinstance(fields, dict) else None
    if found != kind or set(fields) != {"format", *keys}:
        raise FoundingError(
            f"{path.name} is another kind of file",
            expected=kind,
            found=ascii(found)[:60] if found != kind else "other keys",
            remedy="founder, draft, signature and founding are four different files",
        )
    return dict(fields)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands twice")
    return fields
