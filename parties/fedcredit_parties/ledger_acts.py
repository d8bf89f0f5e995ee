"""What a member writes about the ledger and its entries: disputes, audits, accusations, ends."""

import hashlib
import re

from fedcredit_ledger.errors import EvidenceError
from fedcredit_ledger.rules_runs import DIFFERENCING, differencing_digest
from fedcredit_ledger.verify import Report
from fedcredit_parties.errors import DataError
from fedcredit_parties.kept_openings import KeptOpenings
from fedcredit_parties.member import Member


def file_dispute(
    member: Member, entry_id: str, *, ground: str, statement: str, openings: KeptOpenings
) -> str:
    """Dispute an entry; return the dispute's id.

    Parameters
    ----------
    member : Member
        Who disputes.
    entry_id : str
        The entry.
    ground : str
        A few words that every member reads; nothing personal.
    statement : str
        The statement's text, committed to and kept; empty for none.
    openings : KeptOpenings
        Keeps the statement.

    Raises
    ------
    RejectedEntryError
        When the ledger's rules refuse it.
    """
    words = re.sub(r"[^a-z0-9]+", "-", member.name.lower()).strip("-")[:50]
    disputes = member.ledger.state.disputes
    number = len(disputes)
    while (dispute_id := f"{words}-dispute-{number}") in disputes:
        number += 1  # somebody has taken the id, perhaps to be in the way
    data: dict[str, object] = {"dispute_id": dispute_id, "about": entry_id, "ground": ground}
    member.ledger.append("dispute-filed", data | _stated(statement, openings))
    return dispute_id


def resolve_dispute(
    member: Member, dispute_id: str, *, outcome: str, statement: str, openings: KeptOpenings
) -> None:
    """End a dispute that this member filed, or any one as the regulator.

    Raises
    ------
    RejectedEntryError
        When the ledger's rules refuse it.
    """
    data: dict[str, object] = {"dispute_id": dispute_id, "outcome": outcome}
    member.ledger.append("dispute-resolved", data | _stated(statement, openings))


def _stated(statement: str, openings: KeptOpenings) -> dict[str, object]:
    if not statement:
        return {}
    return {"commits": openings.commit({"statement": statement}).commits}


def record_audit(member: Member, report: Report, *, tool_version: str) -> str:
    """Say in the ledger what a verification of it found; return the entry's id.

    Parameters
    ----------
    member : Member
        An auditor or a regulator.
    report : Report
        Of a whole ledger file, pinned to this ledger's founding entry.
    tool_version : str
        What verified it.

    Raises
    ------
    EvidenceError
        When the report says no root: only the head was verified.
    RejectedEntryError
        ``seen-unknown`` when the file is not this ledger; or another rule.
    """
    if not report.root:
        raise EvidenceError(
            "an audit says which root was verified",
            expected="a verification of every leaf",
            found="of the head only, or of nothing",
            remedy="fedcredit ledger verify FILE --full says what is wrong with the file",
        )
    return member.ledger.append(
        "audit-completed",
        {
            "from_size": report.since,
            "size": report.size,
            "root": report.root,
            "level": report.level.name.lower(),
            "n_findings": len(report.findings),
            "tool_version": tool_version,
        },
    )


def retire_table(member: Member, table: str) -> str:
    """Take the newest version of an own table out of use; return that version.

    Parameters
    ----------
    member : Member
        Its holder.
    table : str
        Its name in ``party.toml``.

    Raises
    ------
    DataError
        When the ledger holds no such table in use.
    RejectedEntryError
        When the ledger's rules refuse it.
    """
    name = f"{member.name}/{table}"
    asset = member.ledger.state.assets.get(name)
    if asset is None:
        raise DataError(
            f"the ledger holds no table {name} in use",
            party=member.name,
            expected=", ".join(
                x for x, a in member.ledger.state.assets.items() if a.holder == member.name
            )
            or "a registered table",
            found=table,
            remedy="fedcredit ledger show FILE --type data-asset-registered lists the tables",
        )
    version = str(asset.registered.data["version"])
    member.ledger.append("data-asset-retired", {"asset": name, "version": version})
    return version


def allow_difference(member: Member, run_id: str) -> str:
    """Allow that a run's roster differs by this party from an opened one's; return the entry's id.

    Parameters
    ----------
    member : Member
        A data holder.
    run_id : str
        The run that comes second; it need not be proposed yet.

    Disclosure
    ----------
    The difference of the two runs' releases is about this party's rows: its own word is needed.
    """
    return member.ledger.append(
        "endorsement-given",
        {
            "act_type": DIFFERENCING,
            "act_digest": differencing_digest(run_id),
            "decision": "approve",
        },
    )


def accuse(member: Member, proof: bytes, *, kind: str, accused: str) -> str:
    """Accuse another member in the ledger, by the digest of a proof; return the entry's id.

    Parameters
    ----------
    proof : bytes
        What proves it, such as two checkpoints of one size; keep it.
    kind : str
        ``fork``, ``rollback``, ``omission``, ``equivocation`` or ``rule``.
    accused : str
        Whom.

    Raises
    ------
    RejectedEntryError
        When the ledger's rules refuse it.
    """
    return member.ledger.append(
        "misbehaviour-reported",
        {"kind": kind, "accused": accused, "proof_digest": hashlib.sha256(proof).hexdigest()},
    )
