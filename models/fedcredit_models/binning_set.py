"""The bins of all features: look at them, change them by hand, use them.

What a federation released is a table of fine and of coarse bins for each feature. A modeller may
cut a number elsewhere or group levels otherwise. An edit that only puts fine bins together has its
counts at once; any other is *pending* until the federation has counted its rows again, and is not
used for anything before that.
"""

import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Self

import pandas as pd

from fedcredit_models import bin_edits, bin_frames, binning_json
from fedcredit_models.bad_classifier import check_scored
from fedcredit_models.binning import BinTable
from fedcredit_models.feature import Feature
from fedcredit_models.fixed_bins import FixedBins
from fedcredit_models.information_value import SUSPICIOUS, LeakageWarning, leakage_text
from fedcredit_models.schema import check_features

BY_HAND = "left out by hand"
"""Reason of a feature that the modeller dropped."""


class Binning:
    """Bins of several features.

    Parameters
    ----------
    tables : sequence of BinTable
        Coarse bins of each feature, in the order of the job.
    fine : sequence of BinTable, optional
        Fine bins of features; each is a part of a coarse one.
    dropped : mapping of str to str, optional
        Features without two bins, with the reason.

    Raises
    ------
    ValueError
        When a feature stands twice, or fine bins belong to none.

    Disclosure
    ----------
    Holds the counts of released bins and nothing of a single row. Whoever receives its JSON
    receives these.
    """

    def __init__(
        self,
        tables: Sequence[BinTable],
        *,
        fine: Sequence[BinTable] = (),
        dropped: Mapping[str, str] | None = None,
    ) -> None:
        self._features = {table.raw.feature.name: table.raw.feature for table in tables}
        if len(self._features) != len(tables):
            raise ValueError("a binning has each feature once")
        self._tables = {table.raw.feature.name: table for table in tables}
        self._fine = {table.raw.feature.name: table for table in fine}
        strangers = [name for name in self._fine if name not in self._tables]
        if strangers:
            raise ValueError(f"fine bins without coarse ones: {', '.join(strangers)}")
        self._plan = {
            name: FixedBins(name, table.raw.edges, table.assignment)
            for name, table in self._tables.items()
        }
        self.dropped = dict(dropped or {})

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        return tuple(self._plan)

    @property
    def features(self) -> tuple[Feature, ...]:
        """Their declarations."""
        return tuple(self._features[name] for name in self._plan)

    @property
    def pending(self) -> tuple[str, ...]:
        """Features whose bins were changed and have no counts yet."""
        return tuple(name for name in self._plan if name not in self._tables)

    @property
    def plan(self) -> tuple[FixedBins, ...]:
        """The bins without their counts: what a federation is asked to count again."""
        return tuple(self._plan.values())

    def bins_of(self, name: str, *, fine: bool = False) -> BinTable | None:
        """Return one feature's coarse or fine bins; None where there are no counts.

        Raises
        ------
        ValueError
            For a feature that is not here.
        """
        self._known(name)
        return (self._fine if fine else self._tables).get(name)

    def cut(self, name: str, edges: Iterable[float], *, missing: int | None = None) -> Self:
        """Cut a number at these values instead; a bin includes its upper end.

        Parameters
        ----------
        name : str
            A numeric feature.
        edges : iterable of float
            Increasing, within the declared bounds.
        missing : int, optional
            Bin, from 0, that missing values join. When absent, missing values and special codes
            keep a bin of their own if they had one, and otherwise go with the values they were
            with.

        Returns
        -------
        Binning
            This one, changed, so that edits can be chained.

        Raises
        ------
        ValueError
            Naming the feature and what is wrong with the cuts; nothing is changed then.
        """
        return self._set(bin_edits.cut(self._bins(name), self._known(name), edges, missing))

    def group(self, name: str, groups: Iterable[Iterable[str]]) -> Self:
        """Put levels of a category together.

        Parameters
        ----------
        name : str
            A categorical feature.
        groups : iterable of iterables of str
            Each level that has a bin in exactly one group; ``"other"`` and ``"missing"`` may be
            named too. Where they are not, they keep a bin of their own if they had one, and
            otherwise go with the levels they were with.

        Returns
        -------
        Binning
            This one, changed.

        Raises
        ------
        ValueError
            Naming the feature and the levels that are unknown, doubled or left out.
        """
        return self._set(bin_edits.group(self._bins(name), self._known(name), groups))

    def drop(self, name: str) -> Self:
        """Leave a feature out; return this binning, changed."""
        self._known(name)
        del self._plan[name], self._features[name]
        self._tables.pop(name, None)
        self._fine.pop(name, None)
        self.dropped[name] = BY_HAND
        return self

    def edit(
        self,
        *,
        cut: Mapping[str, Sequence[float]] | None = None,
        group: Mapping[str, Sequence[Sequence[str]]] | None = None,
        drop: Sequence[str] = (),
    ) -> Self:
        """Carry out several edits, all or none; the tables of an edit file.

        Raises
        ------
        ValueError
            From the first edit that is wrong; nothing is changed then.
        """
        trial = type(self).from_json(self.to_json())
        for name, edges in (cut or {}).items():
            trial.cut(name, edges)
        for name, groups in (group or {}).items():
            trial.group(name, groups)
        for name in drop:
            trial.drop(name)
        vars(self).update(vars(trial))
        return self

    def keep_of(self, before: "Binning") -> None:
        """Keep what an earlier binning of the same rows still says.

        That is why features were dropped, and the fine bins of each feature whose bads and goods
        still add up to the same: with them further edits have their counts at once.
        """
        self.dropped = {**before.dropped, **self.dropped}
        for name, table in self._counted():
            fine = before._fine.get(name)
            if (
                name not in self._fine
                and fine is not None
                and fine.raw.feature == table.raw.feature
            ):
                if (sum(fine.bads), sum(fine.goods)) == (sum(table.bads), sum(table.goods)):
                    self._fine[name] = fine

    def table(self, name: str | None = None, *, fine: bool = False) -> pd.DataFrame:
        """Return the bins: feature, bin, n, share, bads, bad_rate, woe, iv.

        Bins without counts yet show missing values.

        Parameters
        ----------
        name : str, optional
            One feature; all when absent.
        fine : bool, default False
            Fine bins instead of coarse ones; features without them are left out.
        """
        parts = []
        for one in self._plan if name is None else (name,):
            table = self.bins_of(one, fine=fine)
            if table is not None:
                parts.append(bin_frames.counted(table))
            elif not fine:
                parts.append(bin_frames.uncounted(self._plan[one], self._features[one]))
        return bin_frames.joined(parts)

    def iv(self, *, warn: bool = True) -> pd.DataFrame:
        """Return information values, largest first: iv, band, bins, by feature.

        Parameters
        ----------
        warn : bool, default True
            Warn of features above 0.5; False for a caller who tells of them in its own way.

        Warns
        -----
        LeakageWarning
            Naming each feature above 0.5.
        """
        for name, value in self.suspicious.items() if warn else ():
            warnings.warn(leakage_text(name, value), LeakageWarning, stacklevel=2)
        return bin_frames.information([table for _, table in self._counted()])

    @property
    def suspicious(self) -> dict[str, float]:
        """Features whose information value is above 0.5, with it."""
        values = {name: table.total_iv for name, table in self._counted()}
        return {name: value for name, value in values.items() if value > SUSPICIOUS}

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return each row's weight of evidence in each feature; 0 for a value without a bin.

        Raises
        ------
        ValueError
            When a feature's bins have no counts yet.
        SchemaError
            When the table lacks a column, or one holds text where numbers belong.
        """
        self._ready(frame, bounds=False)
        return pd.DataFrame(
            {name: table.transform(frame[name]) for name, table in self._counted()},
            index=frame.index,
        )

    def stability(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Compare one table's own distribution with the federation's, feature by feature.

        A party calls it on its own rows: nothing is sent and nobody else learns anything. There is
        no such statement about another party, because no party's distribution is ever opened.

        Parameters
        ----------
        frame : DataFrame
            The party's own rows.

        Returns
        -------
        DataFrame
            By feature: ``csi`` (population stability over the bins), ``verdict`` (*steady*, *watch*
            from 0.1, *act* from 0.25), ``outside`` (own rows without a bin, which do not count).

        Raises
        ------
        ValueError, SchemaError
            As `transform`.
        """
        self._ready(frame, bounds=True)
        return bin_frames.compared([table for _, table in self._counted()], frame)

    def to_json(self) -> str:
        """Return the binning as JSON; `from_json` reads it back to the last bit."""
        parts = [
            (self._features[name], bins, self._tables.get(name), self._fine.get(name))
            for name, bins in self._plan.items()
        ]
        document = binning_json.document(parts, self.dropped)
        return json.dumps(document, ensure_ascii=False, allow_nan=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a binning that `to_json` wrote.

        Raises
        ------
        ValueError
            For anything that is not exactly a binning.
        """
        parts, dropped = binning_json.parse(text)
        if len({feature.name for feature, *_ in parts}) != len(parts):
            raise ValueError("binning: a feature stands twice")
        found = cls([], dropped=dropped)
        for feature, bins, table, fine in parts:
            found._features[feature.name] = feature
            found._plan[feature.name] = bins
            if table is not None:
                found._tables[feature.name] = table
            if fine is not None:
                found._fine[feature.name] = fine
        return found

    def _repr_html_(self) -> str:
        return f"{self.iv(warn=False).to_html()}\n{self.table().to_html(index=False)}"

    def __repr__(self) -> str:
        """Return the headline."""
        parts = [f"{len(self._plan)} features"]
        for words, names in (
            ("pending", self.pending),
            ("suspicious", tuple(self.suspicious)),
            ("dropped", tuple(self.dropped)),
        ):
            if names:
                parts.append(f"{words}: {' '.join(names)}")
        return f"<Binning {', '.join(parts)}>"

    def _set(self, bins: FixedBins) -> Self:
        self._plan[bins.feature] = bins
        table = bin_edits.from_fine(bins, self._fine.get(bins.feature))
        if table is None:
            self._tables.pop(bins.feature, None)
        else:
            self._tables[bins.feature] = table
        return self

    def _counted(self) -> list[tuple[str, BinTable]]:
        return [(name, self._tables[name]) for name in self._plan if name in self._tables]

    def _bins(self, name: str) -> FixedBins:
        self._known(name)
        return self._plan[name]

    def _known(self, name: str) -> Feature:
        if name not in self._plan:
            why = f", it is left out ({self.dropped[name]})" if name in self.dropped else ""
            raise ValueError(
                f"the binning has no feature {name}{why}; it has {', '.join(self._plan) or 'none'}"
            )
        return self._features[name]

    def _ready(self, frame: pd.DataFrame, *, bounds: bool) -> None:
        if self.pending:
            raise ValueError(
                f"the edited bins of {', '.join(self.pending)} have no counts yet: let the "
                "federation count them, fc.bin(federation, job, binning=binning)"
            )
        if bounds:
            check_features(frame, self.features)
        else:
            check_scored(frame, self.features)
