"""The draft of a founding, and the founding once everybody has signed it.

Two notes and a certificate. The *founding entry* begins the ledger. The *terms* are what the entry
cannot hold, or only holds as a digest: the numbers of the disclosure policy, the front's address,
its authority and the Flower app. Every member signs both, so nobody on the way can change either.

`check` holds the parts against each other without anybody's word, `check_signatures` holds the
signatures against the founders' keys. Whether the founders are who they say is not in the file: the
founding id, the entry's digest, is compared outside the system.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from fedcredit.errors import FoundingError
from fedcredit.founding import OutsideWitness, check_founders, quorum_lines, quorum_size
from fedcredit.founding_exchange import FOUNDING, read_document
from fedcredit.founding_terms import Terms, authority_digest
from fedcredit_ledger.checkpoint import Policy
from fedcredit_ledger.entry import SignedEntry, utc_now
from fedcredit_ledger.errors import LedgerError, SignatureError
from fedcredit_ledger.merkle import EMPTY_ROOT
from fedcredit_ledger.note import Note, Signature, VerifierKey
from fedcredit_ledger.rules import State, apply
from fedcredit_parties.errors import PartyError


@dataclass(frozen=True, kw_only=True)
class FoundingFile:
    """A draft, or the founding once everybody has signed.

    Attributes
    ----------
    entry : SignedEntry
        The founding entry with the signatures collected so far, the coordinator's first.
    terms_note : Note
        The terms with the signatures collected so far.
    authority : str
        The front's authority, PEM.
    name : str
        Of the file, for messages.
    """

    entry: SignedEntry
    terms_note: Note
    authority: str
    name: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a draft or a founding and check what can be checked without anybody's word.

        Raises
        ------
        FoundingError
            When it is not one, or its parts contradict each other.
        SignatureError
            When the coordinator has not signed it.
        """
        fields = read_document(path, FOUNDING, ("authority", "entry", "terms"))
        try:
            file = cls(
                entry=SignedEntry.parse(str(fields["entry"]).encode()),
                terms_note=Note.parse(str(fields["terms"]).encode()),
                authority=str(fields["authority"]),
                name=path.name,
            )
            Terms.parse(file.terms_note.text)
        except (LedgerError, PartyError, TypeError, ValueError):
            raise FoundingError(
                f"{path.name} is not a founding entry with its terms",
                expected="what coordinator draft or coordinator assemble wrote",
                found="something else",
                remedy="ask the coordinator to send the file again",
            ) from None
        file.check()
        return file

    @property
    def id(self) -> str:
        """The founding id: digest of the founding entry, which members compare."""
        return self.entry.id

    @property
    def terms(self) -> Terms:
        """What is signed beside the entry."""
        return Terms.parse(self.terms_note.text)

    @property
    def founders(self) -> list[dict[str, Any]]:
        """The members' rows."""
        rows: list[dict[str, Any]] = self.entry.entry.data["founders"]
        return rows

    @property
    def coordinator(self) -> str:
        """Name of the coordinator."""
        return self.entry.entry.author

    def founder(self, name: str) -> dict[str, Any]:
        """Return one member's row.

        Raises
        ------
        FoundingError
            When no founder has that name.
        """
        for row in self.founders:
            if row["party"] == name:
                return row
        raise FoundingError(
            f"{name} is no founder",
            party=name,
            expected=", ".join(row["party"] for row in self.founders),
            found=name,
            remedy=f"send {name}.founder.json to {self.coordinator} and ask for a new draft",
        )

    @property
    def quorum(self) -> int:
        """How many witnesses must have seen a head."""
        line = next(x for x in self.entry.entry.data["witness_policy"] if x.startswith("group "))
        return int(line.split()[2])

    @property
    def outside(self) -> list[OutsideWitness]:
        """The witnesses that are no members."""
        policy = Policy(self.entry.entry.data["witness_policy"])
        return [
            OutsideWitness(name=name, vkey=policy.witnesses[name].vkey, url=url)
            for name, url in policy.urls.items()
        ]

    def check(self) -> None:
        """Hold the parts against each other, as if everybody had signed.

        Raises
        ------
        FoundingError
            When a rule refuses the entry, the policy or the authority is not the entry's, or fewer
            witnesses than n - f make a quorum.
        SignatureError
            When the coordinator has not signed both parts.
        """
        data, terms = self.entry.entry.data, self.terms
        try:
            rows = {row["party"]: VerifierKey.parse(row["signing_vkey"]) for row in self.founders}
            order = [self.coordinator, *(name for name in rows if name != self.coordinator)]
            signed = (Signature(name, rows[name].key_id, bytes(64)) for name in order)
            _apply(SignedEntry(self.entry.entry, Note(self.entry.note.text, tuple(signed))), False)
            witnesses = sum("witness" in row["roles"] for row in self.founders)
            outside = self.outside
            least = quorum_size(witnesses, has_outside=bool(outside))
            lines = [
                quorum_lines(data["log_vkey"], self.founders, needed=needed, outside=outside)
                for needed in range(least, witnesses + 1)
            ]
        except (LedgerError, AttributeError, KeyError, TypeError, ValueError) as error:
            reason = error.message if isinstance(error, LedgerError) else "a part is missing"
            raise self._refused("a rule refuses the founding entry", found=reason) from None
        policy = terms.disclosure_policy
        check_founders(self.founders, min_parties=policy.min_parties)
        if terms.founding_entry != self.id:
            raise self._refused("the terms belong to another founding entry")
        if (policy.digest(), policy.min_parties) != (
            data["disclosure_policy_digest"],
            data["min_parties"],
        ):
            raise self._refused("the policy numbers are not those of the founding entry's digest")
        if authority_digest(self.authority, self.name) != terms.ca_sha256:
            raise self._refused("the authority's certificate is not the one in the terms")
        if data["witness_policy"] not in lines:
            raise self._refused(
                "the witness policy is not that of the founders",
                expected=f"at least {least} of {witnesses} witnesses",
                found=next((x for x in data["witness_policy"] if "group" in x), "none")[:200],
            )
        for note in (self.entry.note, self.terms_note):
            rows[self.coordinator].verify(note.text, note.signatures[0])

    def check_signatures(self) -> None:
        """Demand every founder's signature over entry and terms.

        Raises
        ------
        FoundingError
            When one is missing, naming whose.
        SignatureError
            When one does not verify, naming whose.
        """
        for note in (self.entry.note, self.terms_note):
            found = {line.name: line for line in note.signatures}
            missing = [row["party"] for row in self.founders if row["party"] not in found]
            if missing:
                raise FoundingError(
                    f"{self.name} is not signed by everybody yet",
                    party=missing[0],
                    expected="a signature of every founder",
                    found=f"none of {', '.join(missing)}",
                    remedy="each of them: fedcredit party cosign party.toml DRAFT; then "
                    "fedcredit coordinator assemble",
                )
            for row in self.founders:
                verify(row, note, found[row["party"]])
        try:
            _apply(self.entry, True)
        except LedgerError as error:
            raise self._refused("a rule refuses the founding entry", found=error.message) from None

    def with_signatures(self, lines: Mapping[str, tuple[Signature, Signature]]) -> Self:
        """Return the file with these members' lines, each for entry and terms, in founders' order.

        Raises
        ------
        FoundingError
            When somebody's is missing.
        """
        own = {self.coordinator: (self.entry.signatures[0], self.terms_note.signatures[0])}
        known = {**lines, **own}
        names = [row["party"] for row in self.founders]
        order = [self.coordinator, *(name for name in names if name != self.coordinator)]
        found = [known[name] for name in order if name in known]
        file = type(self)(
            entry=SignedEntry(
                self.entry.entry, Note(self.entry.note.text, tuple(pair[0] for pair in found))
            ),
            terms_note=Note(self.terms_note.text, tuple(pair[1] for pair in found)),
            authority=self.authority,
            name=self.name,
        )
        file.check_signatures()
        return file

    def document(self) -> dict[str, Any]:
        """Return the content of the file."""
        return {
            "format": FOUNDING,
            "authority": self.authority,
            "entry": self.entry.encode().decode(),
            "terms": self.terms_note.encode().decode(),
        }

    def _refused(self, message: str, *, expected: str = "", found: str = "") -> FoundingError:
        return FoundingError(
            f"{self.name}: {message}",
            party=self.coordinator,
            expected=expected,
            found=found,
            remedy="do not sign or pin it; ask the coordinator to send the draft again",
        )


def verify(row: Mapping[str, Any], note: Note, line: Signature) -> None:
    """Check one founder's line under one of the two notes.

    Raises
    ------
    SignatureError
        Naming the founder.
    """
    try:
        VerifierKey.parse(row["signing_vkey"]).verify(note.text, line)
    except SignatureError as error:
        raise SignatureError(
            error.message,
            party=row["party"],
            expected=error.expected,
            found=error.found,
            remedy=f"ask {row['party']} to cosign this draft again, with the keys it was sent",
        ) from None


def _apply(signed: SignedEntry, check_signatures: bool) -> None:
    """Let the ledger's own rules judge the founding entry."""
    apply(
        State(),
        signed,
        index=0,
        received=utc_now(),
        root_at=lambda size: EMPTY_ROOT,
        check_signatures=check_signatures,
    )
