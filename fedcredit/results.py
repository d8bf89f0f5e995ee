"""What a run gives back: a model for offline use, its course, and who learned what."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fedcredit.evidence_file import OPENINGS, write_run
from fedcredit.result_file import Disclosure, ResultFile
from fedcredit_models.bad_classifier import BadClassifier


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
    opened : str
        What the opened sums were, in words.
    """

    releases: tuple[Disclosure, ...]
    parties: tuple[str, ...]
    requester: str
    key_holder: str
    coordinator: str
    opened: str

    def __str__(self) -> str:
        """Return one sentence a role."""
        counts: dict[str, int] = {}
        told = [row for row in self.releases if row.to == (self.requester,)]
        for row in self.releases:
            if row not in told:
                counts[row.function] = counts.get(row.function, 0) + 1
        listed = ", ".join(f"{n} x {name}" for name, n in counts.items())
        words = {row.function: row.released for row in self.releases}
        lines = [f"{', '.join(self.parties)} and {self.requester} learned ({listed}):"]
        lines += [f"  {name}: {words[name]}" for name in counts]
        if told:
            lines.append(
                f"{self.requester} alone was told by {len(told)} of them what each gains by the "
                f"model ({told[0].function}): {told[0].released}"
            )
        lines.append(
            f"{self.key_holder} saw, for the length of each call, the opened sums of all parties "
            f"({self.opened}) and each party's row count; no single contribution."
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
    """A fitted model with its course, metrics, disclosure and ledger.

    Parameters
    ----------
    file : ResultFile
        Everything that is saved, as typed values.
    model : Scorecard or another model
        The fitted model.
    disclosure : DisclosureStatement
        Who learned what.
    facts : iterable of mapping
        The ledger's entries (index, id, type, author, received time), from a verified copy.
    openings : mapping of int to list
        Leaf index to what the requester may disclose of that entry, ``[salt, name, value]`` each.
    copy_ledger : callable, optional
        Writes the requester's verified copy of the ledger to a path.

    Attributes
    ----------
    run_id : str
        The run's name in the ledger.
    checkpoint : str
        Signed head that covers the whole run, co-signed by the quorum when the result is final.
    is_final : bool
        Whether the witnesses' quorum stands under that head: nobody can take the run back unseen.
    """

    def __init__(
        self,
        *,
        file: ResultFile,
        model: BadClassifier,
        disclosure: DisclosureStatement,
        facts: Iterable[Mapping[str, object]],
        openings: Mapping[int, Sequence[Sequence[Any]]] | None = None,
        copy_ledger: Callable[[Path], object] | None = None,
    ) -> None:
        self._openings = dict(openings or {})
        self._copy_ledger = copy_ledger
        self.file = file
        self.model = model
        self.disclosure = disclosure
        self.facts = tuple(facts)
        self.run_id = file.run_id
        self.checkpoint = file.checkpoint
        self.is_final = file.finality is not None

    @property
    def history(self) -> pd.DataFrame:
        """One row an opened round: round, phase, log_loss, step_size, outcome, entry, index."""
        return pd.DataFrame([row.model_dump() for row in self.file.history])

    @property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """Figures by sample: n, bads, auc, auc_bound, ks, gini with its interval, brier, tables.

        A sample too small for the cell rules has ``withheld``, the rule's name, and ``n`` None; one
        that no party has rows of has ``withheld`` "no_rows" and ``n`` 0.
        """
        found = {}
        for name, part in self.file.metrics.items():
            values = part.model_dump(exclude_none=True)
            found[name] = {"n": None, **values}
            if part.withheld is not None:
                found[name] = {"withheld": part.withheld, "n": part.n}
        return found

    @property
    def gains(self) -> pd.DataFrame:
        """What each party told of its gain; see :func:`fedcredit.contributions.contribution`."""
        from fedcredit.contributions import contribution

        return contribution(self)

    def summary(self) -> str:
        """Return what to look at first, as text: figures, terms, what was left out, warnings."""
        lines = [repr(self), self.file.final_words, ""]
        for name, part in self.file.metrics.items():
            if part.withheld is not None:
                lines.append(f"{name}: withheld ({part.withheld})")
                continue
            figures = ("n", "bads", "auc", "ks", "gini", "brier", "population_stability")
            shown = [(figure, getattr(part, figure)) for figure in figures]
            lines.append(
                f"{name}: "
                + ", ".join(
                    f"{figure} {value:.4f}" if isinstance(value, float) else f"{figure} {value}"
                    for figure, value in shown
                    if value is not None
                )
            )
        terms = self.model.summary().to_string(index=False, na_rep="", float_format="%.4f")
        lines += ["", terms, ""]
        return "\n".join([*lines, *self.remarks()]).rstrip()

    def remarks(self) -> list[str]:
        """Return a line for each party that abstained, feature left out, and one to look at."""
        lines = [f"{party} abstained: {why}" for party, why in self.file.abstaining.items()]
        lines += [f"left out: {name} {reason}" for name, reason in self.model.dropped.items()]
        # Of trees only the bound is released, not the value.
        told = {n: f"{iv:.2f} " if iv > 0.5 else "" for n, iv in self.model.suspicious.items()}
        return lines + [
            f"look at {name}: information value {iv}is above 0.5; was it known before the outcome?"
            for name, iv in told.items()
        ]

    def to_json(self) -> str:
        """Return the saved form."""
        return self.file.model_dump_json(indent=1)

    def save(self, folder: Path | str) -> Path:
        """Write ``result.json``, whole or not at all, and ``openings/``; return the former's path.

        Disclosure
        ----------
        An opening is the released document of a round with its salt: as confidential as the result.
        """
        folder = Path(folder)
        (folder / OPENINGS).mkdir(parents=True, exist_ok=True)
        for index, opened in self._openings.items():
            text = json.dumps(opened, ensure_ascii=False)
            (folder / OPENINGS / f"{index}.json").write_text(text, encoding="utf-8")
        target = folder / "result.json"
        part = folder / "result.json.part"
        part.write_text(self.to_json(), encoding="utf-8")
        part.replace(target)
        return target

    def report(self, path: Path | str) -> Path:
        """Write the self-contained HTML report; return its path."""
        from fedcredit.report import render

        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(self.file, self.facts), encoding="utf-8")
        return path

    def evidence(self, path: Path | str, *, disclose: Collection[str] = ()) -> Path:
        """Write an evidence package about the run, one ZIP; return its path.

        Parameters
        ----------
        path : path
            Replaced when the new file is complete.
        disclose : collection of str
            Committed fields to disclose: ``("result",)`` adds every released document of the run.

        Raises
        ------
        EvidenceError
            When there is nothing to disclose under a name.
        LedgerError
            When the ledger cannot be copied any more: its coordinator is gone.

        Disclosure
        ----------
        Whoever gets the file reads who did what when in this run, and what is disclosed by name.
        """
        return write_run(
            Path(path), self.run_id, self._copy_ledger, openings=self._openings, disclose=disclose
        )

    def __repr__(self) -> str:
        """Return the headline."""
        parts = [f"run {self.run_id[:8]}", f"{len(self.file.parties)} parties"]
        for name, metrics in self.file.metrics.items():
            if metrics.auc is not None:
                parts.append(f"{name} AUC {metrics.auc:.4f}")
        for words, names in (
            ("dropped", self.model.dropped),
            ("suspicious", self.model.suspicious),
        ):
            if names:
                parts.append(f"{words}: {' '.join(names)}")
        return f"<TrainingResult {', '.join(parts)}>"
