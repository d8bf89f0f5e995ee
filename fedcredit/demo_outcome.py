"""What the demonstration found, for people and for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fedcredit.comparison import Comparison
from fedcredit.quorum import Quorum
from fedcredit.result_file import ResultFile
from fedcredit_ledger.verify import Report


def number(value: float) -> str:
    """Write a whole number with spaces between thousands."""
    return f"{value:,.0f}".replace(",", " ")


def listed(names: Sequence[str], last: str = "and") -> str:
    """Write names as in a sentence: ``a, b and c``."""
    return f" {last} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Everything the demonstration ends with.

    Attributes
    ----------
    result : ResultFile
        What was saved.
    comparison : Comparison
        Alone, federated, pooled.
    verified : Report
        Verification of the ledger's file.
    quorum : Quorum
        Who has seen the head over all of it.
    verdict : sequence of str
        What the evidence's own verifier printed.
    folder : Path
        Where ledger, result and report lie.
    spent : mapping of str to float
        Part of the demonstration -> seconds.
    """

    result: ResultFile
    comparison: Comparison
    verified: Report
    quorum: Quorum
    verdict: Sequence[str]
    folder: Path
    spent: Mapping[str, float]

    @property
    def seconds(self) -> float:
        """From founding to comparison."""
        return sum(self.spent.values())

    @property
    def ledger_exit_code(self) -> int:
        """0 when the ledger verifies."""
        return self.verified.exit_code

    def document(self) -> dict[str, Any]:
        """Return the outcome for ``--json``."""
        return {
            "run_id": self.result.run_id,
            "comparison": asdict(self.comparison),
            "bytes_sent": {n: p.bytes_sent for n, p in self.result.participation.items()},
            "checkpoint": self.result.checkpoint,
            "ledger": {"file": str(self.folder / "ledger.db"), **self.verified.document()},
            "report": str(self.folder / "report.html"),
            "quorum": asdict(self.quorum),
            "evidence": str(self.folder / "demo.evidence.zip"),
            "verdict": list(self.verdict),
            "result": str(self.folder / "result.json"),
            "seconds": round(self.seconds, 2),
            "spent": {part: round(value, 2) for part, value in self.spent.items()},
        }

    def text(self) -> str:
        """Return the outcome as a table and a few lines."""
        compared = self.comparison
        lines = [f"{'':<14}{'fitted on':>11}{'AUC':>10}{'KS':>10}"]
        for row in compared.rows:
            auc = "-" if row.auc is None else f"{row.auc:.4f}"
            ks = "-" if row.ks is None else f"{row.ks:.4f}"
            note = f"   {row.note}" if row.note else ""
            lines.append(f"{row.model:<14}{number(row.n_train):>11}{auc:>10}{ks:>10}{note}")
        bins = "the same" if compared.has_equal_bins else "NOT the same"
        apart = compared.coefficient_difference
        sent = (
            f"{name} {part.bytes_sent / 1e6:.1f} MB"
            for name, part in self.result.participation.items()
        )
        origin, size, root, *_ = self.result.checkpoint.split("\n")
        n_findings = len(self.verified.findings)
        facts = {
            "judged on": f"the same {number(compared.n_holdout)} people, who trained no card; "
            f"{number(compared.bads_holdout)} of them bad",
            "to the pool": f"{compared.n_bins} bins with {bins} counts; largest difference of a "
            "coefficient " + ("unknown: other terms" if apart is None else f"{apart:.1e}"),
            "sent": ", ".join(sent),
            "ledger": f"{self.folder / 'ledger.db'}, {number(self.verified.size)} entries, "
            f"verified to the last signature: {n_findings or 'no'} findings",
            "head": f"{origin} size {size} root {root}",
            "final": f"signed by {listed(self.quorum.signed)}"
            if self.quorum.is_final
            else "not yet: the witnesses' quorum has not signed",
            "report": f"{self.folder / 'report.html'}",
            "evidence": f"{self.folder / 'demo.evidence.zip'}, {self.verdict[-1]}",
            "took": f"{self.seconds:.1f} s: "
            + ", ".join(f"{part} {value:.1f}" for part, value in self.spent.items()),
        }
        lines.append("")
        lines += [f"{name:<14}{value}" for name, value in facts.items()]
        check = f"fedcredit ledger verify {self.folder / 'ledger.db'} --full"
        lines += ["", f"Check it yourself: {check}"]
        return "\n".join(lines)
