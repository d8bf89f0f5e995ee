"""Entry types of the ledger about itself."""

from collections.abc import Mapping

from fedcredit_ledger.entry_type import EntryType
from fedcredit_ledger.forms import digest, identifier, party

TYPES: Mapping[str, EntryType] = {
    "entry-refused": EntryType(
        required={
            "entry_id": digest,
            "author": party,
            "code": identifier,
            "text_digest": digest,
        }
    ),
}
