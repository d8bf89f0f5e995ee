"""The tables of a case about a loan: elements of the claim 要素表, and list of evidence 证据目录.

Both are made of what the package discloses, so whoever verifies it makes them again. What is not
disclosed is named as withheld: names and numbers of people belong into the complaint, not here.
"""

from collections.abc import Iterable
from typing import Any

from fedcredit_ledger.evidence_verifier import Proven
from fedcredit_ledger.facts import Fact, assess
from fedcredit_ledger.flows import Disclosed, facts_of

_WITHHELD = "未披露 withheld"

_ELEMENTS = (
    ("合同编号", "Contract no.", "sign", "contract_no"),
    ("借款本金", "Principal", "sign", "principal_fen"),
    ("年利率万分之", "Annual rate, basis points", "sign", "rate_bp"),
    ("期限月数", "Term in months", "sign", "term_months"),
    ("还款方式", "Repayment method", "sign", "repay_method"),
    ("罚息", "Default interest", "sign", "default_interest"),
    ("送达地址约定", "Agreed service address", "sign", "service_address"),
    ("电子送达", "E-delivery agreed", "sign", "e_delivery"),
    ("管辖约定", "Jurisdiction", "sign", "jurisdiction"),
    ("小额诉讼约定", "Small claims agreed", "sign", "small_claims"),
    ("签署时间", "Signed at", "sign", "signed_at"),
    ("放款金额", "Disbursed", "disb", "amount_fen"),
    ("放款日期", "Disbursed on", "disb", "value_date"),
    ("逾期天数", "Days past due", "dpd", "days"),
    ("催告送达时间", "Notice delivered at", "notice", "delivered_at"),
    ("提前到期条款", "Acceleration clause", "accel", "clause"),
    ("提前到期日", "Accelerated on", "accel", "date"),
)  # fmt: skip
"""Chinese, English, and where it stands: the newest fact of the stage."""

_STAGES = {
    "kyc": "身份核验", "auth": "授权", "sign": "签署", "disb": "放款", "plan": "还款计划",
    "repay": "还款", "dpd": "逾期", "notice": "通知", "coll": "催收", "accel": "提前到期",
    "case": "案件",
}  # fmt: skip


def elements(facts: Iterable[Fact]) -> Iterable[tuple[str, str, str]]:
    """Return (element, value, where from) rows; the claim is recomputed to the fen.

    Parameters
    ----------
    facts : iterable of Fact
        In the ledger's order.

    Raises
    ------
    EvidenceError
        When a disclosed field is not of its form.
    """
    known = list(facts)
    newest = {fact.stage: fact for fact in known}
    for chinese, english, stage, name in _ELEMENTS:
        fact = newest.get(stage)
        value = _WITHHELD if fact is None or name not in fact.fields else _said(name, fact)
        yield f"{chinese} {english}", value, f"{fact.index}" if fact else "—"
    claim = assess(known)
    plan = "plan, repay, dpd"
    yield "尚欠本金 Principal owed", yuan(claim.principal_fen), plan
    yield "尚欠利息 Interest owed", yuan(claim.interest_fen), plan
    yield "罚息 Penalty", yuan(claim.penalty_fen), plan
    yield "请求金额 Claim, recomputed", yuan(claim.claim_fen), plan
    stated = "—" if claim.stated_fen is None else yuan(claim.stated_fen)
    yield "宣布提前到期金额 Claim, as stated", stated, "accel"


def evidence_list(proven: Proven, facts: Iterable[Fact]) -> Iterable[tuple[str, ...]]:
    """Return (number, evidence, entry, received, disclosed fields) rows, one a fact.

    Parameters
    ----------
    proven : Proven
        The package.
    facts : iterable of Fact
    """
    received = {leaf.place: leaf.received for leaf in proven.leaves}
    for number, fact in enumerate(facts, 1):
        yield (
            str(number),
            f"{_STAGES.get(fact.stage, '')} {fact.stage}",
            str(fact.index),
            received[fact.index][:19].replace("T", " "),
            ", ".join(sorted(fact.fields)),
        )


def case_facts(proven: Proven, disclosed: Disclosed) -> list[Fact]:
    """Return the facts of a case; none when the package is about something else.

    Parameters
    ----------
    proven : Proven
        The package.
    disclosed : mapping
        Its openings, by index of their entry.

    Raises
    ------
    EvidenceError
        When they are not all about one contract.
    """
    return facts_of(proven.leaves, disclosed) if proven.subject.startswith("case ") else []


def yuan(fen: int) -> str:
    """Write fen as yuan, to the fen."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02d} 元 ({fen} fen)"


def _said(name: str, fact: Fact) -> str:
    value: Any = fact.fields[name]
    if name.endswith("_fen") and type(value) is int:
        return yuan(value)
    return str(value)
