"""What an evaluation gives back: tables for a notebook, a verdict, and who learned what."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pandas as pd

from fedcredit.errors import DriftToActOnError, DriftToWatchError
from fedcredit.evaluation_file import EvaluationFile, Verdict
from fedcredit.evidence_file import OPENINGS, write_run
from fedcredit.results import DisclosureStatement

FILE = "evaluation.json"
"""Name of the saved form in its folder."""

_DRIFTED: Mapping[str, type[DriftToWatchError]] = {
    "watch": DriftToWatchError,
    "act": DriftToActOnError,
}

TABLES = ("bands", "roc", "calibration", "gains")
"""Tables of one model's figures; they are no column of `EvaluationResult.overall`."""


class EvaluationResult:
    """Figures of a saved model on the parties' rows.

    Parameters
    ----------
    file : EvaluationFile
        Everything that is saved, as typed values.
    disclosure : DisclosureStatement, optional
        Who learned what; absent of a result that was loaded from a file.
    facts : iterable of mapping
        The ledger's entries, from a verified copy.
    openings : mapping of int to list
        Leaf index to what the requester may disclose of that entry.
    copy_ledger : callable, optional
        Writes the requester's verified copy of the ledger to a path.

    Attributes
    ----------
    run_id : str
        The run's name in the ledger.
    checkpoint : str
        Signed head that covers the whole run.
    is_final : bool
        Whether the witnesses' quorum stands under that head.
    """

    def __init__(
        self,
        *,
        file: EvaluationFile,
        disclosure: DisclosureStatement | None = None,
        facts: Iterable[Mapping[str, object]] = (),
        openings: Mapping[int, Sequence[Sequence[Any]]] | None = None,
        copy_ledger: Callable[[Path], object] | None = None,
    ) -> None:
        self.file = file
        self.disclosure = disclosure
        self.facts = tuple(facts)
        self._openings = dict(openings or {})
        self._copy_ledger = copy_ledger
        self.run_id = file.run_id
        self.checkpoint = file.checkpoint
        self.is_final = file.finality is not None

    @property
    def verdict(self) -> Verdict:
        """The worst month's verdict: steady, watch or act."""
        return self.file.verdict

    @property
    def exit_code(self) -> int:
        """What ``fedcredit monitor`` ends with: 0, 80 (watch) or 81 (act)."""
        return _DRIFTED[self.verdict].exit_code if self.verdict in _DRIFTED else 0

    def demand_steady(self) -> None:
        """Raise when a month is not steady, for a pipeline that shall stop.

        Raises
        ------
        DriftToWatchError, DriftToActOnError
            Naming the months and what has moved.
        """
        if self.verdict not in _DRIFTED or self.file.drift is None:
            return
        moved = [m for m in self.file.drift.months if m.verdict not in (None, "steady")]
        raise _DRIFTED[self.verdict](
            f"{len(moved)} months of the model are not steady",
            expected="no month from a limit on",
            found="; ".join(f"{m.period}: {', '.join(m.reasons)}" for m in moved),
            remedy="look at result.drift and result.feature_drift",
        )

    @property
    def overall(self) -> pd.DataFrame:
        """One row a figure, one column a model (champion, challenger): all rows together."""
        columns = {}
        for role, part in self.file.overall.items():
            values = part.model_dump(exclude_none=True, exclude={*TABLES, "cutoff"})
            flat: dict[str, object] = {}
            for name, value in values.items():
                if isinstance(value, dict):  # an estimate
                    flat |= {name: value["value"], f"{name}_error": value["standard_error"]}
                else:
                    flat[name] = value
            columns[role] = pd.Series(flat, dtype=object)
        return pd.DataFrame(columns)

    def table(self, name: str, role: str = "champion") -> pd.DataFrame:
        """Return one of a model's tables: ``bands``, ``roc``, ``calibration`` or ``gains``.

        Raises
        ------
        ValueError
            For another name.
        """
        if name not in TABLES:
            raise ValueError(f"there is no table {name!r}: one of {', '.join(TABLES)}")
        rows = getattr(self.file.overall[role], name)  # type: ignore[index]
        return pd.DataFrame([row.model_dump() for row in rows])

    @property
    def cutoffs(self) -> pd.DataFrame:
        """One row a model: approval rate, bad rates, expected loss at its cut."""
        found = {
            role: part.cutoff.model_dump()
            for role, part in self.file.overall.items()
            if part.cutoff is not None
        }
        return pd.DataFrame.from_dict(found, orient="index")

    @property
    def comparison(self) -> pd.DataFrame:
        """One row a test: statistic, p value, and what was compared; empty without a challenger."""
        found = self.file.comparison
        rows = []
        if found is not None and found.delong is not None:
            test = found.delong
            rows.append(
                {
                    "test": "DeLong", "champion": test.auc_champion,
                    "challenger": test.auc_challenger, "statistic": test.z,
                    "p_value": test.p_value,
                }
            )  # fmt: skip
        if found is not None and found.mcnemar is not None:
            decided = found.mcnemar
            rows.append(
                {
                    "test": "McNemar", "champion": decided.only_champion_right,
                    "challenger": decided.only_challenger_right,
                    "statistic": decided.chi_square, "p_value": decided.p_value,
                }
            )  # fmt: skip
        columns = ["test", "champion", "challenger", "statistic", "p_value"]
        return pd.DataFrame(rows, columns=columns)

    def by(self, what: str) -> pd.DataFrame:
        """Return one row a slice, by ``period``, ``segment`` or ``group``; withheld ones say why.

        Raises
        ------
        ValueError
            When there is no such partition.
        """
        part = self.file.partition(what)
        if part is None:
            known = ", ".join(p.by for p in self.file.partitions) or "none"
            raise ValueError(f"the evaluation has no partition by {what!r}: {known}")
        frame = pd.DataFrame([row.model_dump() for row in part.slices])
        return frame.dropna(axis="columns", how="all").set_index("name")

    @property
    def drift(self) -> pd.DataFrame:
        """One row a month: PSI of the score, largest CSI, actual, predicted, verdict."""
        months = () if self.file.drift is None else self.file.drift.months
        rows = [{**m.model_dump(), "reasons": ", ".join(m.reasons)} for m in months]
        frame = pd.DataFrame(rows).dropna(axis="columns", how="all")
        return frame.set_index("period") if rows else frame

    @property
    def feature_drift(self) -> pd.DataFrame:
        """CSI of each feature (rows) in each month (columns); NaN where it is withheld."""
        parts = () if self.file.drift is None else self.file.drift.features
        if not parts:
            return pd.DataFrame()
        frame = pd.DataFrame([part.model_dump() for part in parts])
        return frame.pivot(index="feature", columns="period", values="index").astype(float)

    def summary(self) -> str:
        """Return what to look at first, as text."""
        lines = [repr(self), self.file.final_words, ""]
        lines.append(self.overall.to_string(na_rep="", float_format="{:.4f}".format))
        if self.file.comparison is not None and self.file.comparison.withheld is not None:
            lines += ["", f"challenger withheld ({self.file.comparison.withheld})"]
        for frame in (self.comparison, self.cutoffs.T, self.drift):
            if not frame.empty:
                lines += ["", frame.to_string(na_rep="", float_format="{:.4f}".format)]
        return "\n".join(lines)

    def to_json(self) -> str:
        """Return the saved form."""
        return self.file.model_dump_json(indent=1)

    def save(self, folder: Path | str) -> Path:
        """Write ``evaluation.json``, whole or not at all, and ``openings/``; return the former.

        Disclosure
        ----------
        An opening is the released document with its salt: as confidential as the result.
        """
        folder = Path(folder)
        (folder / OPENINGS).mkdir(parents=True, exist_ok=True)
        for index, opened in self._openings.items():
            text = json.dumps(opened, ensure_ascii=False)
            (folder / OPENINGS / f"{index}.json").write_text(text, encoding="utf-8")
        part, target = folder / f"{FILE}.part", folder / FILE
        part.write_text(self.to_json(), encoding="utf-8")
        part.replace(target)
        return target

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read ``evaluation.json``, or the folder that holds it.

        Raises
        ------
        JobError
            When it is not an evaluation.
        """
        path = Path(path)
        return cls(file=EvaluationFile.load(path / FILE if path.is_dir() else path))

    def evidence(self, path: Path | str, *, disclose: Collection[str] = ()) -> Path:
        """Write an evidence package about the run, one ZIP; see ``TrainingResult.evidence``.

        Raises
        ------
        EvidenceError
            When the result was loaded from a file, or there is nothing to disclose under a name.
        """
        return write_run(
            Path(path), self.run_id, self._copy_ledger, openings=self._openings, disclose=disclose
        )

    def __repr__(self) -> str:
        """Return the headline."""
        parts = [f"run {self.run_id[:8]}", f"{len(self.file.parties)} parties"]
        parts += [
            f"{role} AUC {part.auc:.4f}" if part.auc is not None else f"{role} withheld"
            for role, part in self.file.overall.items()
        ]
        if self.file.drift is not None:
            parts.append(f"drift: {self.verdict}")
        return f"<EvaluationResult {', '.join(parts)}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the headline, the charts and the tables."""
        from fedcredit.evaluation_view import render

        return str(render(self))
