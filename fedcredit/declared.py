"""Which columns of tables that lie side by side can be declared, and what to do about the others.

A simulation sees every table, so it proposes the schema itself. Most columns become a `Feature`.
Some can never be one (dates) or would be no use (constant, empty, an identifier): a job that names
no features leaves them out and says so. A column that is text here and numbers there is a mistake,
and refused in the words of whoever has to mend it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api import types

from fedcredit_models import schema as schemas
from fedcredit_models.columns import kind_of, level_text, numbers
from fedcredit_models.feature import MAX_TEXT
from fedcredit_models.inference import INFERRED_LEVELS
from fedcredit_models.schema import Feature, Schema, SchemaError
from fedcredit_parties.data import as_data_error
from fedcredit_parties.errors import DataError, SchemaMismatchError

if TYPE_CHECKING:
    from fedcredit.request import Request

IDENTIFIER_SHARE = 0.9
"""With this share of distinct values, text and whole numbers name rows, not what they are."""

_DATES = frozenset({"datetime64", "datetime", "date", "period", "timedelta64", "timedelta", "time"})


@dataclass(frozen=True)
class Declared:
    """The columns of a federation.

    Attributes
    ----------
    features : dict of str to Feature
        Columns that a job may use.
    unusable : dict of str to DataError
        Columns that it may not, and why.
    left_out : dict of str to str
        Columns that a job without features does not use, and why; some of them it may name.
    is_inferred : bool
        Every column of the tables is known here, not only the features.
    """

    features: dict[str, Feature]
    unusable: dict[str, DataError] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    is_inferred: bool = False

    @classmethod
    def infer(cls, frames: Mapping[str, pd.DataFrame]) -> "Declared":
        """Propose the schema of tables that lie side by side.

        Disclosure
        ----------
        Extremes, levels and quantiles of every table enter it: for simulations only.
        """
        found = cls({}, is_inferred=True)
        names = dict.fromkeys(str(name) for frame in frames.values() for name in frame.columns)
        for name in names:
            columns = [
                frame[name] for frame in frames.values() if (frame.columns == name).sum() == 1
            ]
            everywhere = len(columns) == len(frames)
            why = _why_left_out(columns) if everywhere else ""
            if why:
                found.left_out[name] = why
            try:
                declared = schemas.infer(frames, label="", features=[name])
            except SchemaError as error:
                found.unusable[name] = as_data_error(error, party=error.party)
            except ValueError as error:  # a name that no feature can have
                found.unusable[name] = SchemaMismatchError(
                    f"column {name[:40]!r} cannot be declared: {error}",
                    expected="a name of 1 to 200 characters",
                    found="another name",
                    remedy="rename the column at every party",
                )
            else:
                found.features[name] = declared.features[0]
        return found

    def schema(self, job: "Request[Any]") -> Schema:
        """Return the columns that a job may use, with the roles that it gives to some.

        Raises
        ------
        DataError
            When a column it uses cannot be declared: text here and numbers there, infinity; or when
            no table has the label, id, time or split column.
        """
        if self.is_inferred:
            self._check_roles(job)
        roles = {job.label, job.id_column, job.time_column, job.split_column}
        used = job.features or [
            name
            for name in (*self.features, *self.unusable)
            if name not in roles and name not in self.left_out
        ]
        for name in (*used, *((job.label,) if job.label not in self.left_out else ())):
            if name in self.unusable:
                raise self.unusable[name]
        return Schema(
            features=tuple(
                feature
                for name, feature in self.features.items()
                if name not in roles and (job.features or name not in self.left_out)
            ),
            label=job.label,
            id_column=job.id_column,
            time_column=job.time_column,
            split_column=job.split_column,
        )

    def _check_roles(self, job: "Request[Any]") -> None:
        known = [*self.features, *(n for n in self.unusable if n not in self.features)]
        for role in ("label", "id_column", "time_column", "split_column"):
            name = getattr(job, role)
            if name is not None and name not in known:
                near = get_close_matches(name, known, n=1)
                raise SchemaMismatchError(
                    f"no table has the column {name}, the job's {role}",
                    expected=f"one of {', '.join(known)}",
                    found=name,
                    remedy=f'did you mean {role}="{near[0]}"?'
                    if near
                    else f"correct the job's {role}",
                )

    def not_used(self, job: "Request[Any]") -> dict[str, str]:
        """Return the columns that a job without features does not use, with the reason."""
        roles = {job.label, job.id_column, job.time_column, job.split_column}
        if job.features:
            return {}
        return {name: why for name, why in self.left_out.items() if name not in roles}


def _why_left_out(columns: "Sequence[pd.Series[Any]]") -> str:
    """Return why a column, given as every table's part of it, is no feature by default; or ""."""
    parts = [part.dropna() for part in columns]
    held = [part for part in parts if len(part)]
    if not held:
        return "holds no value"
    kinds = {_kind(part) for part in held}
    if kinds == {"dates"}:
        return "holds dates: turn them into ages or durations"
    if kinds == {"neither"}:
        return "holds neither numbers nor text"
    if len(kinds) > 1 or "neither" in kinds:
        return ""
    kind = kinds.pop()
    if kind == "text" and any(len(str(x)) > MAX_TEXT for part in held for x in part.unique()):
        return f"holds text of more than {MAX_TEXT} characters"
    distinct = [part.nunique() for part in held]
    if set(distinct) == {1} and len({level_text(part.iloc[0]) for part in held}) == 1:
        is_whole = all(
            len(part) == len(column) for part, column in zip(parts, columns, strict=True)
        )
        return "does not vary" if is_whole else ""
    most = max(len(part) for part in held)
    if most <= INFERRED_LEVELS or any(
        n < IDENTIFIER_SHARE * len(part) for n, part in zip(distinct, held, strict=True)
    ):
        return ""
    if kind == "text":
        return "is an identifier, a date or free text: nearly every row has its own"
    if all(_is_running_number(part) for part in held):
        return "is an identifier: a running number"
    return ""


def _kind(part: "pd.Series[Any]") -> str:
    try:
        return {"numeric": "numbers", "categorical": "text"}.get(kind_of(part), "text")
    except SchemaError:
        is_date = types.is_datetime64_any_dtype(part.dtype) or (
            types.infer_dtype(part, skipna=True) in _DATES
        )
        return "dates" if is_date else "neither"


def _is_running_number(part: "pd.Series[Any]") -> bool:
    """Tell whether these are whole numbers, each once, that leave few gaps."""
    x = numbers(part)
    if not np.isfinite(x).all() or (x != np.floor(x)).any() or len(np.unique(x)) < len(x):
        return False
    return bool(x.max() - x.min() < 2 * len(x) or str(part.name).lower().endswith("id"))
