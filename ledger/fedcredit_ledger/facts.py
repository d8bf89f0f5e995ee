"""Facts about one loan, sealed when they happen, and what they add up to when it is not repaid.

A bank seals each fact (signing, disbursement, plan, repayment, notice, ...) as salted commitments,
one a field. `assess` takes the fields that are disclosed of one case and says how complete the case
is and what is owed, recomputed to the fen from the plan and the repayments.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from fedcredit_ledger.errors import EvidenceError

STAGES: Mapping[str, tuple[str, ...]] = {
    "kyc": ("subject", "method", "liveness_score", "device", "ip_city", "recording"),
    "auth": ("subject", "grant", "document"),
    "sign": (
        "contract_no", "template_version", "principal_fen", "rate_bp", "term_months",
        "repay_method", "fees", "default_interest", "service_address", "e_delivery",
        "jurisdiction", "small_claims", "pages", "certificate_serial", "signature", "signed_at",
        "reading_log", "confirmations",
    ),
    "disb": ("amount_fen", "payee", "serial_no", "value_date", "purpose"),
    "plan": ("schedule",),
    "repay": (
        "period", "amount_fen", "principal_fen", "interest_fen", "penalty_fen", "serial_no",
        "paid_at",
    ),
    "dpd": (
        "period", "days", "principal_fen", "interest_fen", "penalty_fen", "formula_version",
        "lpr_bp",
    ),
    "notice": (
        "channel", "template_version", "address", "sent_at", "delivered_at", "read_at", "receipt",
    ),
    "coll": ("channel", "recording", "promises"),
    "accel": ("clause", "date", "amount_fen"),
    "case": ("status", "case_no", "date"),
}  # fmt: skip
"""Stage of a loan -> the fields that its fact may commit to, besides ``contract``."""

FIELDS = tuple(sorted({name for names in STAGES.values() for name in names}))
"""Every field of every stage."""

NEEDED = (
    "contract", "schedule", "period", "principal_fen", "interest_fen", "penalty_fen",
    "delivered_at", "date", "amount_fen",
)  # fmt: skip
"""Fields that a case discloses, so that anybody can recompute what is owed."""

LEAST = 95
"""A case less complete than this (of 100) is not filed."""

_ONE_EACH = ("kyc", "auth", "sign", "disb", "plan", "notice", "accel")


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One sealed fact of a case, with the fields that are disclosed of it."""

    index: int
    stage: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """How complete a case is, and what is owed.

    Attributes
    ----------
    score : int
        0 to 100.
    missing : tuple of str
        What keeps it from 100.
    principal_fen, interest_fen, penalty_fen : int
        Recomputed from plan, repayments and the newest past-due fact.
    stated_fen : int or None
        What the acceleration claims; None without one.
    """

    score: int
    missing: tuple[str, ...]
    principal_fen: int
    interest_fen: int
    penalty_fen: int
    stated_fen: int | None

    @property
    def claim_fen(self) -> int:
        """What is owed."""
        return self.principal_fen + self.interest_fen + self.penalty_fen

    def demand(self) -> "Assessment":
        """Return itself when the case may be filed.

        Raises
        ------
        EvidenceError
            When it is not complete enough, or the claim is off by a fen or more.
        """
        if self.score < LEAST:
            raise EvidenceError(
                "the case is not complete enough to be filed",
                expected=f"{LEAST} of 100",
                found=f"{self.score}; missing: {', '.join(self.missing)}",
                remedy="seal what is missing, or leave the case out",
            )
        if self.stated_fen != self.claim_fen:
            raise EvidenceError(
                "the amount claimed is not what plan and repayments add up to",
                expected=f"{self.claim_fen} fen",
                found=f"{self.stated_fen} fen",
                remedy="correct the acceleration; the amounts must agree to the fen",
            )
        return self


def assess(facts: Iterable[Fact]) -> Assessment:
    """Recompute a case from the disclosed fields of its facts.

    Parameters
    ----------
    facts : iterable of Fact
        In the ledger's order.

    Raises
    ------
    EvidenceError
        When a disclosed field is not of its form.
    """
    by_stage: dict[str, list[Fact]] = {}
    for fact in facts:
        by_stage.setdefault(fact.stage, []).append(fact)
    missing = [stage for stage in _ONE_EACH if stage not in by_stage]
    notices = by_stage.get("notice", [])
    if notices and not any("delivered_at" in fact.fields for fact in notices):
        missing.append("notice delivered")
    n_whole = len(_ONE_EACH) - len(missing)
    plan = [row for fact in by_stage.get("plan", [])[-1:] for row in _schedule(fact)]
    accelerated = by_stage.get("accel", [])[-1:]
    until = str(accelerated[0].fields.get("date", "")) if accelerated else "9999-12-31"
    due = [row for row in plan if row[1] <= until]
    told = {_fen(fact, "period") for name in ("repay", "dpd") for fact in by_stage.get(name, [])}
    silent = [str(row[0]) for row in due if row[0] not in told]
    missing += [f"period {period}" for period in silent]
    share = 1 - len(silent) / len(due) if due else 0.0
    paid = by_stage.get("repay", [])
    late = by_stage.get("dpd", [])[-1:]
    return Assessment(
        score=int(100 * (n_whole + share) / (len(_ONE_EACH) + 1)),
        missing=tuple(missing),
        principal_fen=sum(row[2] for row in plan) - sum(_fen(f, "principal_fen") for f in paid),
        interest_fen=sum(row[3] for row in due) - sum(_fen(f, "interest_fen") for f in paid),
        penalty_fen=sum(_fen(fact, "penalty_fen") for fact in late),
        stated_fen=_fen(accelerated[0], "amount_fen") if accelerated else None,
    )


def _fen(fact: Fact, name: str) -> int:
    value = fact.fields.get(name)
    if type(value) is not int or value < 0:
        raise EvidenceError(
            f"entry {fact.index}: the field {name} of {fact.stage} is not disclosed as a number",
            expected="a whole number from 0",
            found="nothing" if value is None else type(value).__name__,
            remedy="amounts are whole fen, periods whole numbers",
        )
    return value


def _schedule(fact: Fact) -> Sequence[tuple[int, str, int, int]]:
    """Return [period, due date, principal, interest] rows, amounts in fen."""
    rows = fact.fields.get("schedule")
    found = []
    for row in rows if isinstance(rows, list) else [None]:
        try:
            period, due, principal_fen, interest_fen = row  # type: ignore[misc]
            date.fromisoformat(due)
        except (TypeError, ValueError):
            period = due = None
        if due is None or any(type(n) is not int for n in (period, principal_fen, interest_fen)):
            raise EvidenceError(
                f"entry {fact.index}: the schedule of the plan is not of its form",
                expected="[period, due date, principal in fen, interest in fen] a row",
                found="another form, or not disclosed",
                remedy="seal the plan again with such a schedule",
            )
        found.append((period, due, principal_fen, interest_fen))
    return found
