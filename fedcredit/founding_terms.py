"""The terms of a founding: what members sign beside the founding entry.

The entry begins the ledger and has a closed form; the terms hold what it cannot, or only holds as a
digest: the numbers of the disclosure policy, the front's address, its authority and the Flower app.
Their text is a header line and one line of canonical JSON, like an entry's, so that a signature
under one never fits the other.
"""

import hashlib
from dataclasses import dataclass
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from fedcredit.coordinator.app_hash import APP, fab_hash
from fedcredit.errors import FoundingError
from fedcredit_ledger.canonical import decode, encode
from fedcredit_ledger.errors import MalformedEntryError
from fedcredit_parties.config import PartyDraft
from fedcredit_parties.disclosure import DisclosurePolicy

TERMS = b"fedcredit-founding-terms/v1\n"


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What members co-sign beside the founding entry.

    Attributes
    ----------
    founding_entry : str
        Entry id of the founding entry.
    coordinator : str
        The front's address.
    ca_sha256 : str
        Digest (hex) of the front's authority, DER.
    app_hash : str
        The only Flower app that parties answer.
    disclosure_policy : DisclosurePolicy
        The numbers behind the entry's digest.
    """

    founding_entry: str
    coordinator: str
    ca_sha256: str
    app_hash: str
    disclosure_policy: DisclosurePolicy

    def text(self) -> bytes:
        """Return the text that is signed."""
        body = {
            "app_hash": self.app_hash,
            "ca_sha256": self.ca_sha256,
            "coordinator": self.coordinator,
            "disclosure_policy": self.disclosure_policy.model_dump(),
            "founding_entry": self.founding_entry,
        }
        return TERMS + encode(body) + b"\n"

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read the text.

        Raises
        ------
        MalformedEntryError, ValueError, TypeError
            When it is not the one form of some terms.
        """
        if not text.startswith(TERMS):
            raise MalformedEntryError("the terms begin with their header line")
        body = dict(decode(text[len(TERMS) : -1]))
        policy = DisclosurePolicy.model_validate(body.pop("disclosure_policy", None))
        terms = cls(**body, disclosure_policy=policy)
        # The address and the app go into party.toml: they keep to its forms.
        PartyDraft.parse(
            {
                "name": "terms",
                "role": "requester",
                "coordinator": terms.coordinator,
                "app_hash": terms.app_hash,
            },
            name="the terms",
        )
        if terms.text() != text:
            raise MalformedEntryError("the terms are not in their one form")
        return terms

    def check_app(self, *, name: str, party: str) -> None:
        """Refuse another Flower app than the one that is installed here.

        Parameters
        ----------
        name, party : str
            Of the file, and of the coordinator who wrote it.

        Raises
        ------
        FoundingError
        """
        installed = fab_hash(APP)
        if self.app_hash != installed:
            raise FoundingError(
                f"{name} pins another app than the one that is installed here",
                party=party,
                expected=f"app {installed[:16]}, of this release",
                found=f"app {self.app_hash[:16]}",
                remedy="install the same release of FedCredit and Flower at every member",
            )


def authority_digest(pem: str, name: str) -> str:
    """Return the SHA-256 (hex) of one certificate, DER.

    Raises
    ------
    FoundingError
        When the text is not one PEM certificate.
    """
    try:
        (certificate,) = x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise FoundingError(
            f"{name} holds no authority's certificate",
            expected="one PEM certificate",
            found="something else",
            remedy="ask the coordinator to send the draft again",
        ) from None
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
