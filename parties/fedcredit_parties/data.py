"""A party's local table: named, described by digests, never sent.

Rows leave this file only towards the derivations in `sums.py`. What the federation learns of a
table stands in `data-asset-registered`: its schema's digest, its columns and how the party defines
*bad*; nothing of a row.
"""

import hashlib
import re
import unicodedata
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fedcredit_ledger.canonical import encode
from fedcredit_ledger.entry import MAX_ENTRY_BYTES
from fedcredit_models import schema as schemas
from fedcredit_models.columns import level_text
from fedcredit_models.schema import Schema, SchemaError
from fedcredit_parties.errors import (
    BoundsError,
    DataError,
    LabelError,
    RepeatedSubjectError,
    SchemaMismatchError,
)
from fedcredit_parties.row_days import within
from fedcredit_parties.table_file import TableFile


def sendable(text: str) -> str:
    """Return a text as ledger and letters can carry it: a column name may hold anything."""
    plain = unicodedata.normalize("NFC", text)
    return "".join(x if x.isprintable() else "\N{REPLACEMENT CHARACTER}" for x in plain)


ENTRY_AROUND_BYTES = 2_048
"""Room in a ledger entry for everything beside an asset's columns."""

_COUNTED = re.compile(r"\b\d+ (of \d+ )?rows\b")

_ERRORS: dict[str, type[DataError]] = {
    "bounds": BoundsError,
    "label": LabelError,
    "empty": DataError,
    "repeated": RepeatedSubjectError,
}


def as_data_error(error: SchemaError, *, party: str) -> DataError:
    """Return the named error of this room for what a schema check found.

    Disclosure
    ----------
    The error goes to the requester, who chose the bounds: how many rows break a rule, and how many
    there are, is left out of it. That some row does is one bit, and a signed refusal in the ledger.
    """
    return _ERRORS.get(error.kind, SchemaMismatchError)(
        error.problem,
        party=party,
        expected=error.expected,
        found=_COUNTED.sub("some rows", error.found),
        remedy=error.remedy,
    )


def definition_digest(bad_definition: str) -> str:
    """Return the SHA-256 (hex) under which the ledger knows a definition of *bad*.

    The words are compared, not understood: two parties whose words differ are refused a sum, and
    find out before a row is read.
    """
    words = " ".join(bad_definition.split()).lower()
    return hashlib.sha256(encode(["fedcredit-bad-definition/v1", words])).hexdigest()


class Table:
    """One table of one party.

    Parameters
    ----------
    asset : str
        Name in the ledger, ``party/table``.
    frame : DataFrame
        The rows.
    bad_definition : str
        What label 1 means, in words.
    period : tuple of str
        First and last day that the rows describe, ``YYYY-MM-DD``.
    file : TableFile, optional
        Where the rows were read from; without it they are this process's own.
    category : str
        Kind of data, of the ledger's list; a grant must cover it.
    time_column : str, optional
        Says when a row is from; a grant with a data window needs it. The holder names it: a
        requester that chose the column would choose the window.
    subject_column : str, optional
        Token of whom a row is about; authorizations of single subjects need it.
    """

    def __init__(
        self,
        *,
        asset: str,
        frame: pd.DataFrame,
        bad_definition: str,
        period: tuple[str, str],
        file: TableFile | None = None,
        category: str = "loans",
        time_column: str | None = None,
        subject_column: str | None = None,
    ) -> None:
        self.asset = asset
        self.category = category
        self.time_column = time_column
        self.subject_column = subject_column
        self.party = asset.partition("/")[0]
        self.bad_definition = bad_definition
        self.period = period
        self._frame = frame.reset_index(drop=True)
        self._file = file

    @property
    def frame(self) -> pd.DataFrame:
        """The rows."""
        return self._frame

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the file that was read; empty for rows without a file."""
        return "" if self._file is None else self._file.digest

    def check(self) -> None:
        """Look whether the file still is what was read.

        Raises
        ------
        TableChangedError
            When it is not.
        """
        if self._file is not None:
            self._file.check()

    def registration(self, version: int = 1) -> dict[str, Any]:
        """Return the fields of ``data-asset-registered`` without its commitments (`counts`).

        Parameters
        ----------
        version : int
            1, and one more each time that the daemon is started over a replaced file.

        Raises
        ------
        SchemaMismatchError
            When a column name stands twice, or there are more columns than an entry holds.
        """
        names = [sendable(str(name)) for name in self._frame.columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SchemaMismatchError(
                f"a column name stands twice in the table: {', '.join(twice)}",
                party=self.party,
                expected="every column name once",
                found=f"{twice[0]} twice",
                remedy="rename or drop one of them",
            )
        columns = [
            {"name": name, "kind": _kind(self._frame.iloc[:, i]), "unit": "", "data_level": "row"}
            for i, name in enumerate(names)
        ]
        room = MAX_ENTRY_BYTES - ENTRY_AROUND_BYTES
        needed = len(encode(columns))
        if needed > room:
            raise SchemaMismatchError(
                "the table has more columns than the ledger takes for one asset",
                party=self.party,
                expected=f"about {len(names) * room // needed} columns with names of this length",
                found=f"{len(names)}",
                remedy="keep the label and the columns that a job may use, such as frame[columns]",
            )
        digest = hashlib.sha256(encode([[c["name"], c["kind"]] for c in columns])).hexdigest()
        return {
            "asset": self.asset,
            "version": str(version),
            "schema_digest": digest,
            "columns": columns,
            "period_from": self.period[0],
            "period_to": self.period[1],
            "bad_definition_digest": definition_digest(self.bad_definition),
        }

    def counts(self) -> dict[str, Any]:
        """Return what ``data-asset-registered`` commits to: rows, and missing values a column."""
        frame = self._frame
        missing = [
            [sendable(str(name)), int(frame.iloc[:, i].isna().sum())]
            for i, name in enumerate(frame.columns)
        ]
        return {"n_rows": len(frame), "statistics": missing}

    def _column(self, name: str | None, use: str) -> "pd.Series[Any]":
        if name is None or name not in self._frame.columns:
            raise SchemaMismatchError(
                f"the table has no column that says {use}",
                party=self.party,
                expected=f"a column {name!r}" if name else "one that [[data]] of party.toml names",
                found="none",
                remedy="correct time_column or subject_column of [[data]] in party.toml",
            )
        return self._frame[name]

    def within(self, data_from: str, data_to: str) -> NDArray[np.bool_]:
        """Tell of each row whether it lies in a data window; see `row_days.within`.

        Raises
        ------
        SchemaMismatchError
            When the table has no time column.
        """
        return within(self._column(self.time_column, "when a row is from"), data_from, data_to)

    def subjects(self) -> NDArray[np.object_]:
        """Return whom each row is about, as text; a whole float without its ``.0``.

        Raises
        ------
        SchemaMismatchError
            When the table has no subject column.
        """
        column = self._column(self.subject_column, "whom a row is about")
        found: NDArray[np.object_] = np.array(
            ["" if pd.isna(value) else level_text(value) for value in column], dtype=object
        )
        return found

    def rows(self, schema: Schema, *, keep: NDArray[np.bool_] | None = None) -> pd.DataFrame:
        """Return the columns of `schema`, checked.

        Parameters
        ----------
        keep : ndarray of bool, shape (n_rows,), optional
            Rows that may be used; the others are not looked at.

        Raises
        ------
        SchemaMismatchError, BoundsError, LabelError, RepeatedSubjectError, DataError
            Naming the column, what was expected and what to do; never a value.
        """
        frame = self._frame if keep is None else self._frame[keep].reset_index(drop=True)
        try:
            schemas.check(frame, schema)
        except SchemaError as error:
            raise as_data_error(error, party=self.party) from None
        optional = (schema.id_column, schema.time_column, schema.split_column)
        names = [f.name for f in schema.features] + [schema.label]
        return frame[names + [c for c in dict.fromkeys(optional) if c and c not in names]]


def _kind(series: "pd.Series[Any]") -> str:
    return "numeric" if pd.api.types.is_numeric_dtype(series.dtype) else "categorical"
