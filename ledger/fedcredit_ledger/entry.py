"""An entry: one signed statement by one author about what happened.

Its text is a header line and one line of canonical JSON; its identity is the SHA-256 of that text;
its signatures stand below it as in any signed note, the author's first. What the `data` of each
type must hold is in `fedcredit_ledger.types`; what may follow what is in `fedcredit_ledger.rules`.

Nothing personal is written: values that may have to be hidden or erased are commitments, whose
openings stay with the party.
"""

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any

from fedcredit_ledger.canonical import decode, decode_text, encode
from fedcredit_ledger.errors import MalformedEntryError
from fedcredit_ledger.note import CosignatureKey, Note, Signature, SigningKey

HEADER = b"fedcredit-ledger-entry/v1\n"

NO_ENTRY = "0" * 64
"""`author_prev` of an author's first entry."""

MAX_ENTRY_BYTES = 16_384
MAX_FOUNDING_BYTES = 60_000

PARTY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
HEX_DIGEST = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
ORIGIN = re.compile(r"[!-*,-~]{1,255}")
_TYPE = re.compile(r"[a-z][a-z0-9-]{0,63}")
_NUMBER = "0|[1-9][0-9]{0,14}"
_PLAIN_ORIGIN = r"[!#-*,-\[\]-~]{1,255}"  # nothing that JSON would escape
_COMMIT_HEADER = b"fedcredit-ledger-commit/v1\n"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The body of an entry.

    Parameters
    ----------
    author : str
        Party that says it.
    author_seq : int
        Number in the author's own chain, from 0.
    author_prev : str
        Entry id of the author's previous entry; 64 zeros for the first.
    ledger : str
        Origin of the ledger.
    type : str
        What kind of statement it is.
    time : str
        The author's clock, ``YYYY-MM-DDTHH:MM:SS.mmmZ``.
    seen_size, seen_root : int, str
        Newest head that the author has verified: a fork once made can never be healed.
    readers : list of str
        ``["all"]`` or sorted party names.
    data : dict
        Exactly the fields of the type. Entries that were parsed are shared: do not change it.

    Raises
    ------
    MalformedEntryError
        When a field is not of its form.
    """

    author: str
    author_seq: int
    author_prev: str
    ledger: str
    type: str
    time: str
    seen_size: int
    seen_root: str
    readers: list[str]
    data: dict[str, Any]

    def __post_init__(self) -> None:
        """Refuse what no ledger could hold."""
        own = self.__dict__
        for name, matches in _FORMS:
            value = own[name]
            if type(value) is not str or matches(value) is None:
                raise MalformedEntryError(
                    f"an entry's {name} is not of its form",
                    expected="the form that ledger/SPEC.md gives",
                    found=type(value).__name__,
                )
        for name in ("author_seq", "seen_size"):
            value = own[name]
            if type(value) is not int or value < 0:
                raise MalformedEntryError(
                    f"an entry's {name} is not of its form",
                    expected="an integer from 0",
                    found=f"{value}" if type(value) is int else type(value).__name__,
                )
        if (self.author_seq == 0) != (self.author_prev == NO_ENTRY):
            raise MalformedEntryError("exactly an author's first entry has no previous one")
        readers = self.readers
        if readers != ["all"] and (
            not isinstance(readers, list)
            or not readers
            or any(not isinstance(r, str) or PARTY_NAME.fullmatch(r) is None for r in readers)
            or readers != sorted(set(readers))
            or "all" in readers
        ):
            raise MalformedEntryError("an entry's readers are ['all'] or sorted party names")
        if not isinstance(self.data, dict):
            raise MalformedEntryError("an entry's data is an object")
        parse_time(self.time)

    @classmethod
    def _of_text(cls, text: bytes) -> "Entry":
        """Read any text of an entry."""
        if not text.startswith(HEADER) or text.count(b"\n") != 2:
            raise MalformedEntryError("an entry's text is its header line and one line of JSON")
        body = decode(text[len(HEADER) : -1])
        if not isinstance(body, dict) or body.keys() != _FIELDS:
            raise MalformedEntryError(
                "an entry's body has exactly the ten fields",
                expected=", ".join(sorted(_FIELDS)),
                found=f"{len(body)} fields" if isinstance(body, dict) else type(body).__name__,
            )
        return cls(**body)

    @classmethod
    def _of_plain(cls, found: tuple[str, ...]) -> "Entry":
        """Read what `_PLAIN` has found: every field but the data is of its form already."""
        author, prev, seq, data, ledger, names, seen_root, seen_size, time, kind = found
        readers = names[1:-1].split('","')
        entry = object.__new__(cls)
        entry.__dict__.update(
            author=author,
            author_seq=int(seq),
            author_prev=prev,
            ledger=ledger,
            type=kind,
            time=time,
            seen_size=int(seen_size),
            seen_root=seen_root,
            readers=readers,
            data=decode_text(data, depth=1),
        )
        if (seq == "0") != (prev == NO_ENTRY) or (len(readers) > 1 and not _is_sorted(readers)):
            entry.__post_init__()  # says what is wrong
        parse_time(time)
        return entry

    def text(self) -> bytes:
        """Return the text that is signed."""
        return HEADER + encode({name: getattr(self, name) for name in _NAMES}) + b"\n"


@dataclass(frozen=True)
class SignedEntry:
    """An entry's text with its signatures. Make one with `sign` or `parse`.

    Attributes
    ----------
    entry : Entry
    note : Note
        The text and the signature lines, author first.
    """

    entry: Entry
    note: Note

    @classmethod
    def sign(
        cls, entry: Entry, key: SigningKey, *cosigners: SigningKey | CosignatureKey
    ) -> "SignedEntry":
        """Sign as the author, then as each co-signer, in the order given.

        A witness key signs at the time that the entry states.
        """
        text, time_s = entry.text(), int(parse_time(entry.time).timestamp())
        others = (
            k.cosign(text, time_s) if isinstance(k, CosignatureKey) else k.sign(text)
            for k in cosigners
        )
        return cls(entry, Note(text, (key.sign(text), *others)))

    @classmethod
    def parse(cls, data: bytes) -> "SignedEntry":
        """Read a signed entry; signatures are not verified here.

        Raises
        ------
        MalformedEntryError
        """
        if len(data) > MAX_FOUNDING_BYTES:
            raise MalformedEntryError(
                "an entry is too large",
                expected=f"at most {MAX_FOUNDING_BYTES} bytes",
                found=f"{len(data)} bytes",
            )
        note = Note.parse(data)
        text = note.text
        plain = _PLAIN.fullmatch(text.decode())
        entry = Entry._of_text(text) if plain is None else Entry._of_plain(plain.groups())
        signed = cls(entry, note)
        # Text, base64 and names have one spelling each, so these bytes are the note's own.
        signed.__dict__.update(_raw=data, id=hashlib.sha256(text).hexdigest())
        return signed

    @cached_property
    def _raw(self) -> bytes:
        return self.note.encode()

    def encode(self) -> bytes:
        """Return the bytes of the note."""
        return self._raw

    @property
    def signatures(self) -> tuple[Signature, ...]:
        """Signature lines, author first."""
        return self.note.signatures

    @cached_property
    def id(self) -> str:
        """Entry id: SHA-256 of the text in hex; signatures do not change it."""
        return hashlib.sha256(self.note.text).hexdigest()


_NAMES = tuple(field.name for field in fields(Entry))
_FIELDS = frozenset(_NAMES)
_FORMS = (
    ("author", PARTY_NAME.fullmatch),
    ("author_prev", HEX_DIGEST.fullmatch),
    ("ledger", ORIGIN.fullmatch),
    ("type", _TYPE.fullmatch),
    ("time", _TIME.fullmatch),
    ("seen_root", HEX_DIGEST.fullmatch),
)


_PLAIN = re.compile(
    rf'{HEADER.decode()}\{{"author":"({PARTY_NAME.pattern})",'
    rf'"author_prev":"({HEX_DIGEST.pattern})","author_seq":({_NUMBER}),"data":(\{{[^\n]*\}}),'
    rf'"ledger":"({_PLAIN_ORIGIN})",'
    rf'"readers":\[("{PARTY_NAME.pattern}"(?:,"{PARTY_NAME.pattern}")*)\],'
    rf'"seen_root":"({HEX_DIGEST.pattern})","seen_size":({_NUMBER}),'
    rf'"time":"({_TIME.pattern})","type":"({_TYPE.pattern})"\}}\n',
    re.ASCII,
)
"""Text of nearly every entry: canonical, as far as it is not the data, by its spelling alone."""


def _is_sorted(readers: list[str]) -> bool:
    return readers == sorted(set(readers)) and "all" not in readers


def utc_now() -> datetime:
    """Return the system's time in UTC: the clock where none is given."""
    return datetime.now(UTC)


def format_time(moment: datetime) -> str:
    """Write a time as the ledger does: UTC, milliseconds, 24 characters.

    Raises
    ------
    ValueError
        When the time has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be written")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@lru_cache(maxsize=1024)  # the same few texts again and again: in a leaf, in the leaves beside it
def parse_time(text: str) -> datetime:
    """Read a time of the ledger.

    Raises
    ------
    MalformedEntryError
        When it is not exactly ``YYYY-MM-DDTHH:MM:SS.mmmZ`` and a real moment.
    """
    try:
        if _TIME.fullmatch(text) is not None:
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise MalformedEntryError(
        "a time is not of its form",
        expected="YYYY-MM-DDTHH:MM:SS.mmmZ, a real moment",
        found=f"{len(text)} characters of another form",
    )


def commit(name: str, value: Any, salt: bytes | None = None) -> tuple[str, str]:
    """Commit to a value that the ledger must not show.

    Parameters
    ----------
    name : str
        The field's name.
    value : object
        Anything canonical.
    salt : bytes, optional
        32 bytes, for tests; fresh randomness otherwise. Never use one salt twice.

    Returns
    -------
    commitment : str
        Hex, for ``data["commits"][name]``.
    salt : str
        Base64; with name and value it is the opening, to be kept off the ledger.

    Disclosure
    ----------
    Without the salt nobody can test a guess of the value.
    """
    raw = os.urandom(32) if salt is None else salt
    if len(raw) != 32:
        raise ValueError("a salt has 32 bytes")
    encoded = base64.b64encode(raw).decode()
    return _commitment(encoded, name, value), encoded


def open_commitment(commitment: str, salt: str, name: str, value: Any) -> bool:
    """Tell whether salt, name and value are what was committed to."""
    return _commitment(salt, name, value) == commitment


def _commitment(salt: str, name: str, value: Any) -> str:
    return hashlib.sha256(_COMMIT_HEADER + encode([salt, name, value])).hexdigest()


def act_digest(kind: str, data: Mapping[str, Any]) -> str:
    """Return the digest that an endorsement of an act names: SHA-256 of canonical [type, data]."""
    bare = {name: value for name, value in data.items() if name != "endorsements"}
    return hashlib.sha256(encode([kind, bare])).hexdigest()
