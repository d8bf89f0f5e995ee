"""Loans that were not repaid: each case is packed when it is complete, undisputed and right."""

import csv
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from fedcredit import evidence_batch
from fedcredit_ledger.entry import commit
from fedcredit_ledger.errors import EvidenceError, InvalidEvidenceError
from fedcredit_ledger.evidence import Packer, verify_evidence
from fedcredit_ledger.store import Store
from tests.fedcredit.command_line import fedcredit
from tests.ledger.small_federation import SmallFederation, digest
from tests.ledger.small_packages import files_of, packed_anew

SCHEDULE = [[1, "2026-01-31", 400_000, 6_000], [2, "2026-02-28", 400_000, 4_000]]
LOAN: tuple[tuple[str, dict[str, Any]], ...] = (
    ("kyc", {"subject": "110101199003070000", "method": "video"}),
    ("auth", {"document": digest("form")}),
    ("sign", {"principal_fen": 800_000, "rate_bp": 450}),
    ("disb", {"amount_fen": 800_000}),
    ("plan", {"schedule": SCHEDULE}),
    ("repay", {"period": 1, "principal_fen": 400_000, "interest_fen": 6_000}),
    ("dpd", {"period": 2, "days": 91, "penalty_fen": 1_234}),
    ("notice", {"channel": "sms", "delivered_at": "2026-03-02"}),
    ("accel", {"clause": "12.3", "date": "2026-03-15", "amount_fen": 405_234}),
)
"""Principal 400 000, interest of period 2 4 000, penalty 1 234."""


class Bank:
    """A bank that seals facts and keeps the openings."""

    def __init__(self, folder: Path) -> None:
        self.fed = SmallFederation(Store(folder / "ledger.db"))
        self.openings = folder / "openings"
        self.openings.mkdir()

    def seal(self, contract: str, stage: str, fields: dict[str, Any]) -> str:
        opened, commits = [], {}
        for name, value in {"contract": contract, **fields}.items():
            commits[name], salt = commit(name, value)
            opened.append([salt, name, value])
        data = {
            "stage": stage,
            "captured_at": self.fed.later(),
            "environment_digest": digest("environment"),
            "commits": commits,
        }
        place = self.fed.log.size
        code = self.fed.attempt("bank-a", "fact-sealed", data, readers=["bank-a"])
        assert code == "", code
        (self.openings / f"{place}.json").write_text(json.dumps(opened), encoding="utf-8")
        return str(self.fed.replica.state.author_heads["bank-a"][1])

    def lend(self, contract: str, **changes: dict[str, Any] | None) -> list[str]:
        """Seal a whole loan; a stage that is changed to None is left out."""
        return [
            self.seal(contract, stage, fields | (changes.get(stage) or {}))
            for stage, fields in LOAN
            if changes.get(stage, {}) is not None
        ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five loans: two sound, one incomplete, one wrong by a fen, one disputed."""
    folder = tmp_path_factory.mktemp("bank")
    bank = Bank(folder)
    bank.lend("K-1")
    bank.lend("K-2", notice=None)
    bank.fed.witness()
    bank.lend("K-3", accel={"amount_fen": 405_235})
    facts = bank.lend("K-4")
    bank.lend("K-5")
    filed = {"dispute_id": "d-4", "about": facts[5], "ground": "paid in cash"}
    bank.fed.write("regulator", "dispute-filed", filed)
    about = {"dispute_id": "d-5", "about": facts[0], "ground": "a mistake"}
    bank.fed.write("bank-b", "dispute-filed", about)
    bank.fed.write("bank-b", "dispute-resolved", {"dispute_id": "d-5", "outcome": "taken back"})
    bank.fed.witness()
    bank.fed.store.close()
    lines = ["case_no,contract,court"] + [f"2026-{i},K-{i},Haidian" for i in range(1, 7)]
    (folder / "cases.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def packed(folder: Path) -> Path:
    out = folder / "out"
    done = fedcredit(
        "evidence", "pack", "--batch", folder / "cases.csv", "--ledger", folder / "ledger.db",
        "--openings", folder / "openings", "-o", out,
    )  # fmt: skip
    assert done.code == 59
    assert f"{out}: 2 packed (batch.csv), 4 refused" in done.out
    return out


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_sound_cases_are_packed_and_listed_with_their_claim(packed: Path) -> None:
    listed = rows(packed / "batch.csv")

    assert [row["case_no"] for row in listed] == ["2026-1", "2026-5"]
    assert {row["claim_fen"] for row in listed} == {"405234"}
    assert {row["completeness"] for row in listed} == {"100"}
    assert {row["court"] for row in listed} == {"Haidian"}
    assert sorted(path.name for path in packed.iterdir()) == [
        "2026-1.evidence.zip",
        "2026-5.evidence.zip",
        "batch.csv",
        "refused.csv",
    ]


def test_a_case_that_may_not_be_filed_is_refused_with_its_reason(packed: Path) -> None:
    reasons = {row["case_no"]: row for row in rows(packed / "refused.csv")}

    assert reasons["2026-2"]["found"] == "87; missing: notice"
    assert reasons["2026-3"]["expected"] == "405234 fen"
    assert "dispute is open" in reasons["2026-4"]["reason"]
    assert "no sealed fact" in reasons["2026-6"]["reason"]


def test_a_case_says_what_is_owed_and_withholds_the_person(packed: Path) -> None:
    raw = (packed / "2026-1.evidence.zip").read_bytes()

    proven = verify_evidence(raw)

    assert proven.subject == "case 2026-1"
    assert proven.missing == []
    claim = "claim 405234 fen = principal 400000 + interest 4000 + penalty 1234"
    assert claim in proven.files["flow.txt"].decode().splitlines()
    assert claim in proven.files["statement.html"].decode()
    assert b"110101199003070000" not in raw
    assert b"K-5" not in raw
    facts = [leaf for leaf in proven.leaves if leaf.type == "fact-sealed"]
    assert [leaf.data["stage"] for leaf in facts] == [stage for stage, _ in LOAN]


def test_a_case_has_its_table_of_elements_and_its_list_of_evidence(packed: Path) -> None:
    proven = verify_evidence((packed / "2026-1.evidence.zip").read_bytes())

    page = proven.files["statement.html"].decode()
    rows_of = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td><td>", page)
    elements = {name.split(" ")[0]: value for name, value in rows_of}
    assert "要素表" in page and "证据目录" in page
    assert elements["请求金额"] == elements["宣布提前到期金额"] == "4,052.34 元 (405234 fen)"
    assert elements["尚欠本金"] == "4,000.00 元 (400000 fen)"
    assert elements["提前到期日"] == "2026-03-15"
    assert elements["年利率万分之"] == "未披露 withheld"  # not among what a claim needs
    listed = [row for row in rows_of if row[0].isdigit() and row[1].split(" ")[-1] in dict(LOAN)]
    assert [row[1].split(" ")[-1] for row in listed] == [stage for stage, _ in LOAN]


def test_a_document_goes_into_the_case_that_discloses_its_digest(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "form.pdf").write_bytes(b"form")  # LOAN: auth commits to its digest
    (tmp_path / "in" / "other.pdf").write_bytes(b"of another loan")

    fedcredit(
        "evidence", "pack", "--batch", folder / "cases.csv", "--ledger", folder / "ledger.db",
        "--openings", folder / "openings", "--disclose", "document",
        "--attachments", tmp_path / "in", "-o", tmp_path / "out",
    )  # fmt: skip

    files = verify_evidence((tmp_path / "out" / "2026-1.evidence.zip").read_bytes()).files
    assert files["attachments/form.pdf"] == b"form"
    assert "attachments/other.pdf" not in files


def test_the_digest_over_the_batch_is_that_of_the_packages(folder: Path, packed: Path) -> None:
    done = fedcredit(
        "evidence", "pack", "--batch", folder / "cases.csv", "--ledger", folder / "ledger.db",
        "--openings", folder / "openings", "-o", folder / "again", "--json",
    )  # fmt: skip

    for row in rows(packed / "batch.csv"):
        assert (packed / row["file"]).read_bytes() == (folder / "again" / row["file"]).read_bytes()
    leaves = sorted(bytes.fromhex(row["sha256"]) for row in rows(packed / "batch.csv"))
    one, other = (hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves)
    assert json.loads(done.out)["root"] == hashlib.sha256(b"\1" + one + other).hexdigest()


def test_a_fact_of_another_loan_in_a_case_is_found(packed: Path) -> None:
    """Its entry, proof and opening are genuine; only it is about another contract."""
    files = files_of((packed / "2026-5.evidence.zip").read_bytes())
    other = files_of((packed / "2026-1.evidence.zip").read_bytes())
    last = max(int(name[9:-5]) for name in files if name.startswith("openings/"))
    swapped = {f"openings/{last}.json": other["openings/9.json"]}

    with pytest.raises(InvalidEvidenceError, match="does not open the commitment"):
        verify_evidence(packed_anew(files | swapped))


def test_facts_of_two_contracts_make_no_case(folder: Path) -> None:
    kept = {
        int(path.stem): json.loads(path.read_text(encoding="utf-8"))
        for path in (folder / "openings").glob("*.json")
    }
    with Store(folder / "ledger.db", read_only=True) as store:
        packer = Packer(store)
        with pytest.raises(EvidenceError, match="not all about one contract"):
            packer.pack("case x", places=(1, 20), openings=kept, disclose=("contract",))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "case_no,contract\n1,K-1\n",
        "case_no,contract,court\n",
        "case_no,contract,court\n../x,K-1,c\n",
        "case_no,contract,court\n1,K-1,c\n1,K-2,c\n",
        "case_no,contract,court\n1,K-1\n",
        "\x00",
    ],
)
def test_a_list_of_cases_of_another_form_is_a_named_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "cases.csv").write_text(text, encoding="utf-8")

    with pytest.raises(EvidenceError):
        evidence_batch.read_cases(tmp_path / "cases.csv")
