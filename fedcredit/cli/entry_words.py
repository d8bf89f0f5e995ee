"""What the one line of an entry in a list says, by its type."""

from collections.abc import Mapping
from typing import Any

SAID = {
    "run-proposed": ("purpose", "request_kind"),
    "run-approved": ("decision",),
    "grant-issued": ("grant_id", "purpose", "valid_until"),
    "grant-narrowed": ("grant_id",),
    "grant-revoked": ("grant_id", "reason"),
    "grants-sealed": ("batch_id", "purpose"),
    "data-asset-registered": ("asset",),
    "data-asset-retired": ("asset", "version"),
    "round-attempted": ("round", "phase"),
    "round-contributed": ("round", "phase"),
    "round-aggregated": ("round", "phase"),
    "round-opened": ("round", "phase"),
    "round-abandoned": ("round", "reason"),
    "run-failed": ("error",),
    "opening-refused": ("rule",),
    "disclosure-refused": ("rule",),
    "model-registered": ("model_id", "version"),
    "model-retired": ("model_id", "version"),
    "query-made": ("query_id", "query_kind", "purpose"),
    "query-answered": ("query_id",),
    "risk-list-published": ("n_entries_band",),
    "lookups-served": ("day", "n_served", "n_refused"),
    "report-issued": ("report_id", "report_kind"),
    "fact-sealed": ("stage",),
    "evidence-issued": ("n_packages", "purpose"),
    "action-taken": ("action_id", "level"),
    "action-lifted": ("action_id",),
    "dispute-filed": ("dispute_id", "ground"),
    "dispute-resolved": ("dispute_id", "outcome"),
    "endorsement-given": ("act_type", "decision"),
    "party-joined": ("party",),
    "party-left": ("party", "reason"),
    "party-key-rotated": ("party", "use"),
    "party-key-revoked": ("party", "reason"),
    "policy-changed": ("policy",),
    "entry-refused": ("author", "code"),
    "commitment-erased": ("names", "legal_basis"),
    "misbehaviour-reported": ("kind", "accused"),
    "ledger-suspended": ("reason",),
    "ledger-restored": ("from_size", "source"),
    "audit-completed": ("size", "level", "n_findings"),
    "anchor-recorded": ("checkpoint_size", "kind"),
    "access-logged": ("day", "n_reads"),
}
"""Entry type -> the fields that its line shows; ``--json`` shows every field."""


def says(kind: str, data: Mapping[str, Any]) -> str:
    """Return the few fields of an entry that its line shows, as words."""
    return ", ".join(_words(data[name]) for name in SAID.get(kind, ()) if name in data)


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
