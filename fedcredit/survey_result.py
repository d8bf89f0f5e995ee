"""What a survey gives back: tables for a notebook, bins to go on with, and who learned what."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from fedcredit import bin_charts, survey_frames
from fedcredit.binning import Binning
from fedcredit.result_file import Finality, final_words
from fedcredit.results import DisclosureStatement
from fedcredit_models.correlation import variance_inflation
from fedcredit_models.dropped import REASONS
from fedcredit_models.information_value import leakage_text
from fedcredit_parties.survey_course import SurveyCourse


class SurveyResult:
    """Descriptive statistics and bins of the parties' rows.

    Parameters
    ----------
    course : SurveyCourse
        Everything that was released.
    run_id : str
        The run's name in the ledger.
    entries : mapping of str to str
        Phase to the ledger entry that last released it.
    disclosure : DisclosureStatement
        Who learned what.
    checkpoint : str
        Signed head that covers the whole run.
    finality : Finality or None
        The witnesses' quorum under that head.
    left_out : mapping of str to str, optional
        Columns that were never asked for, with the reason.

    Attributes
    ----------
    n : int
        Rows that were counted.
    table : DataFrame
        One row a feature: n, missing, special, mean, sd, their bounds, quantiles, note.
    quantiles : DataFrame
        The grid cell that holds each quantile.
    correlation : DataFrame
        Pairwise-complete correlations; each within `correlation_bound`.
    vif : DataFrame
        Variance inflation factors with their bounds.
    binning : Binning
        Fine and coarse bins.
    stability : DataFrame
        By feature and period: n, csi, verdict.
    vintages : DataFrame
        By vintage and months on book: n, bads, bad_rate.
    associations : DataFrame
        By pair of features: chi-square, Cramer's V, or why the table is withheld.
    steps, candidates, selected : DataFrame
        The selection: its decisions, what stayed outside, the model.
    """

    def __init__(
        self,
        *,
        course: SurveyCourse,
        run_id: str,
        entries: Mapping[str, str],
        disclosure: DisclosureStatement,
        checkpoint: str,
        finality: Finality | None,
        left_out: Mapping[str, str] | None = None,
    ) -> None:
        self._course = course
        self.run_id = run_id
        self.entries = dict(entries)
        self.disclosure = disclosure
        self.checkpoint = checkpoint
        self.finality = finality
        self.is_final = finality is not None
        self.n = course.n_train
        self.table = survey_frames.description(course)
        self.quantiles = survey_frames.quantiles(course)
        self.correlation = survey_frames.correlation(course)
        self.correlation_bound = survey_frames.correlation_bound(course)
        self.vif = variance_inflation(self.correlation, self.correlation_bound)
        features = course.task.features
        self.binning = Binning(
            [table for _, table in course.kept_tables()],
            fine=[table for table in course.fine if table is not None],
            dropped={features[i].name: REASONS[word] for i, word in course.dropped.items()}
            | dict(left_out or {}),
        )
        self.stability = survey_frames.over_time(course)
        self.vintages = survey_frames.vintages(course)
        self.associations = survey_frames.associations(course)
        self.steps = survey_frames.steps(course)
        self.candidates = survey_frames.candidates(course)
        self.selected = survey_frames.selected(course)

    def crosstab(self, rows: str, columns: str, what: str = "n") -> pd.DataFrame:
        """Return a cross-table of bins, of subjects (``n``) or of ``bads``.

        Raises
        ------
        ValueError
            For a pair that was not asked for, or whose table is withheld; says by which rule.
        """
        pairs = self._course.task.pairs
        if (rows, columns) not in pairs or what not in ("n", "bads"):
            known = ", ".join(f"{a} by {b}" for a, b in pairs) or "none"
            raise ValueError(
                f"there is no table of {what} of {rows} by {columns}; there is {known}"
            )
        k = pairs.index((rows, columns))
        found = survey_frames.cross_table(self._course, k, what)
        if found is None:
            rule = self._course.released_tables["pairs"][k]["withheld"]
            raise ValueError(
                f"the table of {rows} by {columns} is withheld: a cell fails {rule}; "
                "put bins together and ask again"
            )
        return found

    def by_period(self, name: str) -> pd.DataFrame:
        """Return one feature's rows by group of bins and period; empty when it is withheld."""
        return survey_frames.period_counts(self._course, name)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What should be looked at: leaks by name, columns without values, what was dropped."""
        found = [leakage_text(name, value) for name, value in self.binning.suspicious.items()]
        for name, why in self.binning.dropped.items():
            note = self.table["note"].get(name, "")
            found.append(f"{name}: {note or why}")
        return tuple(found)

    def document(self) -> dict[str, Any]:
        """Return everything as JSON-able values; missing ones are null."""
        frames = {
            "columns": self.table.reset_index(),
            "correlations": self.correlation.reset_index(names="feature"),
            "variance_inflation": self.vif.reset_index(names="feature"),
            "stability": self.stability.reset_index(),
            "vintages": self.vintages,
            "associations": self.associations.reset_index(),
            "steps": self.steps,
            "selected": self.selected.reset_index(names="term"),
        }
        return {
            "format": "fedcredit-survey/v1",
            "run_id": self.run_id,
            "n": self.n,
            "entries": self.entries,
            "correlation_bound": self.correlation_bound,
            "missing_values": "pairwise: each pair of columns on the rows where both have a value",
            "remarks": list(self.remarks),
            "binning": json.loads(self.binning.to_json()),
            **{
                name: json.loads(frame.to_json(orient="records", double_precision=15))
                for name, frame in frames.items()
            },
        }

    @property
    def final_words(self) -> str:
        """Whether the result is final, in words: who has witnessed it, and when."""
        return final_words(self.finality)

    def _repr_html_(self) -> str:
        tables = [
            ("columns", self.table),
            ("variance inflation", self.vif),
            ("stability over time", self.stability),
            ("vintages", self.vintages),
            ("cross-tables", self.associations),
            ("selection", self.steps),
        ]
        drawn = [bin_charts.correlation_chart(self.correlation)] if len(self.correlation) else []
        return Markup(
            '<div class="fc-bins"><style>{}</style><p><b>{}</b><br>{}</p>'
            '<div class="fc-row">{}</div>{}</div>{}'
        ).format(
            Markup(bin_charts.STYLE),
            repr(self).strip("<>"),
            self.final_words,
            Markup("").join(drawn),
            Markup("").join(_table(title, frame) for title, frame in tables if len(frame)),
            Markup(self.binning._repr_html_()),
        )

    def __repr__(self) -> str:
        """Return the headline."""
        parts = [f"run {self.run_id[:8]}", f"{self.n} rows", f"{len(self.table)} features"]
        if self.binning.suspicious:
            parts.append(f"suspicious: {' '.join(self.binning.suspicious)}")
        return f"<SurveyResult {', '.join(parts)}>"


def _table(title: str, frame: pd.DataFrame) -> Markup:
    """Return a table; every text in it is escaped by pandas."""
    return Markup("<h4>{}</h4>{}").format(
        title, Markup(frame.to_html(na_rep="", border=0, escape=True, float_format="{:.6g}".format))
    )
