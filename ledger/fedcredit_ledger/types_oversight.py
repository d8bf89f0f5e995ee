"""Entry types of those who watch over the ledger: audits, anchors, erasures, interruptions."""

from collections.abc import Mapping

from fedcredit_ledger.entry_type import EntryType
from fedcredit_ledger.forms import digest, identifier, list_of, one_of, party, positive, text, whole
from fedcredit_ledger.types_queries import calendar_day

TYPES: Mapping[str, EntryType] = {
    "commitment-erased": EntryType(
        required={"entry_id": digest, "names": list_of(text, ordered=True), "legal_basis": text}
    ),
    "misbehaviour-reported": EntryType(
        required={
            "kind": one_of("fork", "rollback", "omission", "equivocation", "rule"),
            "accused": party,
            "proof_digest": digest,
        }
    ),
    "ledger-suspended": EntryType(required={"reason": identifier}),
    "ledger-restored": EntryType(required={"from_size": positive, "source": text}),
    "audit-completed": EntryType(
        required={
            "from_size": whole,
            "size": positive,
            "root": digest,
            "level": one_of("head", "chain", "rules", "signatures"),
            "n_findings": whole,
            "tool_version": text,
        }
    ),
    "anchor-recorded": EntryType(
        required={
            "checkpoint_size": positive,
            "kind": one_of("rfc3161", "opentimestamps"),
            "token_digest": digest,
        }
    ),
    "access-logged": EntryType(
        required={"day": calendar_day, "n_reads": whole, "log_digest": digest}
    ),
}
