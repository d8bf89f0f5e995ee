"""What a run gives back: a model for offline use, its course, and who learned what."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fedcredit.result_file import Disclosure, ResultFile
from fedcredit_models.scorecard import Scorecard

RELEASED = {
    "quantiles": ("quantile-edges", "cell numbers of the bin edges of every numeric feature"),
    "bins": ("merged-bins", "merged bins with their bad and good counts; the row total"),
    "newton": ("newton-step", "coefficients after the step, step size, mean log loss before it"),
    "metrics": ("metrics", "AUC, KS, Gini, Brier, score bands, ROC and calibration points"),
}
"""Phase -> (release function, what it released), in words for people."""


@dataclass(frozen=True)
class DisclosureStatement:
    """Who learned what in a run; prints as sentences.

    Attributes
    ----------
    releases : tuple of Disclosure
        Every opening of the run with its ledger entry.
    parties : tuple of str
        The roster.
    requester, key_holder, coordinator : str
        The other roles, by name.
    """

    releases: tuple[Disclosure, ...]
    parties: tuple[str, ...]
    requester: str
    key_holder: str
    coordinator: str

    def __str__(self) -> str:
        """Return one sentence a role."""
        counts: dict[str, int] = {}
        for row in self.releases:
            counts[row.function] = counts.get(row.function, 0) + 1
        listed = ", ".join(f"{n} x {name}" for name, n in counts.items())
        words = dict(RELEASED.values())
        lines = [f"{', '.join(self.parties)} and {self.requester} learned ({listed}):"]
        lines += [f"  {name}: {words.get(name, name)}" for name in counts]
        lines.append(
            f"{self.key_holder} saw, for the length of each call, the opened sums of all parties "
            "(gradients, Hessians, fine histograms) and each party's row count; no single "
            "contribution."
        )
        lines.append(
            f"{self.coordinator} learned who answered when, sizes and digests, the task's columns; "
            "no number that was computed."
        )
        return "\n".join(lines)

    def __iter__(self) -> Iterator[Disclosure]:
        """Iterate over the releases."""
        return iter(self.releases)

    def __len__(self) -> int:
        """Return the number of releases."""
        return len(self.releases)


class TrainingResult:
    """A fitted scorecard with its course, metrics, disclosure and ledger.

    Parameters
    ----------
    file : ResultFile
        Everything that is saved, as typed values.
    model : Scorecard
        The fitted model.
    disclosure : DisclosureStatement
        Who learned what.
    facts : iterable of mapping
        The ledger's entries (index, id, type, author, received time), from a verified copy.

    Attributes
    ----------
    run_id : str
        The run's name in the ledger.
    checkpoint : str
        Signed head, co-signed by the quorum, that covers the whole run.
    """

    def __init__(
        self,
        *,
        file: ResultFile,
        model: Scorecard,
        disclosure: DisclosureStatement,
        facts: Iterable[Mapping[str, object]],
    ) -> None:
        self.file = file
        self.model = model
        self.disclosure = disclosure
        self.facts = tuple(facts)
        self.run_id = file.run_id
        self.checkpoint = file.checkpoint

    @property
    def history(self) -> pd.DataFrame:
        """One row an opened round: round, phase, log_loss, step_size, outcome, entry, index."""
        return pd.DataFrame([row.model_dump() for row in self.file.history])

    @property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """Figures by sample: auc, auc_bound, ks, gini with its interval, brier, and tables."""
        return {
            name: {key: value for key, value in part.model_dump().items() if value is not None}
            for name, part in self.file.metrics.items()
        }

    def to_json(self) -> str:
        """Return the saved form."""
        return self.file.model_dump_json(indent=1)

    def save(self, folder: Path | str) -> Path:
        """Write ``result.json``, whole or not at all; return its path."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / "result.json"
        part = folder / "result.json.part"
        part.write_text(self.to_json(), encoding="utf-8")
        part.replace(target)
        return target

    def report(self, path: Path | str) -> Path:
        """Write the self-contained HTML report; return its path."""
        from fedcredit.report import render

        path = Path(path)
        path.write_text(render(self.file, self.facts), encoding="utf-8")
        return path

    def __repr__(self) -> str:
        """Return the headline."""
        parts = [f"run {self.run_id[:8]}", f"{len(self.file.parties)} parties"]
        for name, metrics in self.file.metrics.items():
            if metrics.auc is not None:
                parts.append(f"{name} AUC {metrics.auc:.4f}")
        return f"<TrainingResult {', '.join(parts)}>"
