"""``job.toml`` with local tables: what is asked, and a simulated federation to ask it of.

The file holds the fields of `HorizontalJob` and, beside them, what a simulation needs: where each
party's table lies, and optionally the declared schema, the founding policy, the grants and the
parties' own definitions of bad. A key that is not known is refused by its path, so that a typing
error never means a default.
"""

import dataclasses
import json
import tomllib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Self

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fedcredit.declared import Declared
from fedcredit.federation import Federation
from fedcredit.given_binning import beside as beside_file
from fedcredit.request import wrong_fields
from fedcredit.requests import HorizontalJob
from fedcredit.simulation import ANALYST
from fedcredit_models import schema as schemas
from fedcredit_models.schema import Feature, Schema, SchemaError, check_label
from fedcredit_parties.data import as_data_error
from fedcredit_parties.disclosure import DisclosurePolicy, check_parties
from fedcredit_parties.errors import ConfigError, DataError, GrantError, SchemaMismatchError
from fedcredit_parties.grant_terms import Terms, check_terms
from fedcredit_parties.member import utc_now

READERS: Mapping[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": lambda path: pd.read_csv(path),
    ".parquet": lambda path: pd.read_parquet(path),
}
"""Suffix of a table's file -> what reads it."""


class DeclaredSchema(BaseModel):
    """``[schema]``: the columns that the parties declare; inferred and shown when absent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: tuple[Feature, ...] = Field(min_length=1)


class GrantTerms(BaseModel):
    """One ``[[grants]]``: what one party allows the analyst."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    party: str
    purpose: str
    features: tuple[str, ...] = ()
    valid_from: datetime | date | None = None
    valid_until: datetime | date | None = None
    max_uses: int | None = Field(default=None, ge=1, strict=True)


class Surroundings(BaseModel):
    """What `job.toml` says beside the job."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    parties: dict[str, str] = {}
    seed: int = Field(default=0, strict=True)
    declared: DeclaredSchema | None = Field(default=None, alias="schema")
    policy: DisclosurePolicy = DisclosurePolicy()
    grants: tuple[GrantTerms, ...] | None = None
    bad_definitions: dict[str, str] = {}


def read_around(
    path: Path, *, needs_tables: bool, remedy: str
) -> tuple[bytes, dict[str, Any], Surroundings | None, list[str]]:
    """Read a TOML file that asks something of a simulation's tables.

    Parameters
    ----------
    path : Path
    needs_tables : bool
        Ask for ``[parties]``, which only daemons can do without.
    remedy : str
        Where to look at a file that can be read.

    Returns
    -------
    (bytes, dict, Surroundings or None, list of str)
        The file's bytes, what it asks, what stands around that, and a line for each wrong field.

    Raises
    ------
    ConfigError
        When it is not TOML.
    """
    try:
        text = path.read_bytes()
        table = tomllib.loads(text.decode("utf-8"))
    except (OSError, UnicodeDecodeError, RecursionError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{path.name} cannot be read as TOML: {reason}", remedy=remedy) from None
    names = {field.alias or name for name, field in Surroundings.model_fields.items()}
    beside = {key: value for key, value in table.items() if key in names}
    asked = {key: value for key, value in table.items() if key not in names}
    wrong: list[str] = []
    around = None
    try:
        around = Surroundings.model_validate_json(json.dumps(beside, default=iso))
    except ValidationError as error:
        wrong += wrong_fields(error, names=names)
    if needs_tables and not beside.get("parties"):
        wrong.append("parties - is missing: each party's table, or --federation")
    return text, asked, around, wrong


class JobFile:
    """A job and the simulated federation it is asked of.

    Attributes
    ----------
    path : Path
        The file.
    text : bytes
        Its content.
    job : HorizontalJob
        What is asked.
    around : Surroundings
        Tables, schema, policy, grants.
    """

    def __init__(
        self, *, path: Path, text: bytes, job: HorizontalJob, around: Surroundings
    ) -> None:
        self.path = path
        self.text = text
        self.job = job
        self.around = around

    @classmethod
    def load(cls, path: Path, *, needs_tables: bool = True) -> Self:
        """Read a job file.

        Parameters
        ----------
        path : Path
            The file.
        needs_tables : bool
            Refuse a file without ``[parties]``, which only daemons can do without.

        Raises
        ------
        ConfigError
            When it is not TOML; one line per wrong field, by its path.
        """
        text, asked, around, wrong = read_around(
            path,
            needs_tables=needs_tables,
            remedy="examples/horizontal_scorecard/job.toml shows one that can",
        )
        job = None
        try:
            job = HorizontalJob.from_dict(beside_file(asked, path))
        except ConfigError as error:
            wrong += [line.strip() for line in error.message.splitlines()[1:]]
        if around is None or job is None or wrong:
            raise ConfigError(
                f"{path.name} is not a valid job:\n" + "\n".join(f"  {line}" for line in wrong),
                remedy="correct the fields that are named; nothing was run",
            )
        return cls(path=path, text=text, job=job, around=around)

    def tables(self) -> dict[str, pd.DataFrame]:
        """Read every party's table.

        Raises
        ------
        DataError
            Naming the party and the file that cannot be read.
        """
        return {
            party: read_table(self.path.parent / place, party=party)
            for party, place in self.around.parties.items()
        }

    def check(self, frames: Mapping[str, pd.DataFrame]) -> Schema:
        """Hold every table against the job as the parties would; return the job's columns.

        Nothing is asked of anybody, so what only sums show (a constant feature, separable data)
        is not found here.

        Raises
        ------
        TooFewPartiesError, GrantError, DataError
            What a run would stop at, by party.
        """
        for terms in self.around.grants or ():
            if terms.party not in frames:
                raise GrantError(
                    "a grant is of a party that has no table",
                    expected=f"one of {', '.join(frames)}",
                    found=terms.party,
                    remedy="correct the party of the [[grants]]",
                )
            meant = Terms(
                grantee=ANALYST,
                assets=[terms.party],
                purpose=terms.purpose,
                features=terms.features,
                valid_from=_moment(terms.valid_from),
                valid_until=_moment(terms.valid_until),
                max_uses=terms.max_uses,
            )
            columns = [str(column) for column in frames[terms.party].columns]
            check_terms(meant, holder=terms.party, columns=columns, now=utc_now())
        job = self.job
        least = {"n_parties": len(job.parties or frames), "min_parties": job.min_parties}
        check_parties(self.around.policy, **least)
        declared = (
            Declared({feature.name: feature for feature in self.around.declared.features})
            if self.around.declared is not None
            else Declared.infer(frames)
        )
        schema = declared.schema(job)
        if job.features:
            asked = tuple(f for f in schema.features if f.name in job.features)
            schema = dataclasses.replace(schema, features=asked)
        for party, frame in frames.items():
            try:
                schemas.check(frame, schema)
            except SchemaError as error:
                raise as_data_error(error, party=party) from None
        job.task(schema, parties=tuple(frames), policy=self.around.policy)
        return schema

    def federation(
        self, frames: Mapping[str, pd.DataFrame], *, ledger: Path, quiet: bool
    ) -> Federation:
        """Found the simulated federation, with the grants that the file names.

        Without ``[[grants]]`` every party grants the analyst its whole table for the job's
        purpose, for thirty days.
        """
        around = self.around
        declared = around.declared
        words = self.job.bad_definition
        federation = Federation.simulate(
            frames,
            seed=around.seed,
            policy=around.policy,
            schema=None
            if declared is None
            else Schema(features=declared.features, label=self.job.label),
            bad_definition={name: around.bad_definitions.get(name, words) for name in frames},
            purposes=(self.job.purpose,) if around.grants is None else (),
            ledger=ledger,
            quiet=quiet,
        )
        with ExitStack() as on_error:
            on_error.callback(federation.close)
            for terms in around.grants or ():
                federation.grant(
                    terms.party,
                    purpose=terms.purpose,
                    features=terms.features,
                    valid_from=_moment(terms.valid_from),
                    valid_until=_moment(terms.valid_until),
                    max_uses=terms.max_uses,
                )
            on_error.pop_all()
        return federation


def read_labelled(path: Path, label: str, *, remedy: str) -> pd.DataFrame:
    """Read a table that must have a column of labels.

    Parameters
    ----------
    path : Path
        CSV or Parquet.
    label : str
        Its 0/1 column.
    remedy : str
        What to type when there is no such column.

    Raises
    ------
    DataError
        When the file cannot be read.
    SchemaMismatchError
        When it has no column `label`.
    LabelError
        When that column is not 0/1.
    """
    table = read_table(path, party="")
    if label not in table.columns:
        raise SchemaMismatchError(
            f"{path.name} has no column {label}",
            expected="the name of the 0/1 column, 1 = bad",
            found=", ".join(map(str, list(table.columns)[:20])),
            remedy=remedy,
        )
    try:
        check_label(table[label])
    except SchemaError as error:
        raise as_data_error(error, party="") from None
    return table


def read_table(path: Path, *, party: str) -> pd.DataFrame:
    """Read one table, CSV or Parquet by its suffix.

    Raises
    ------
    DataError
        When the file is missing, of another kind, or broken; no value of it is shown.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"the table {path.name} is of a kind that is not read",
            party=party,
            expected=" or ".join(READERS),
            found=path.suffix or "no suffix",
            remedy="save it as CSV or Parquet",
        )
    if not path.is_file():
        raise DataError(
            f"the table {path.name} does not exist",
            party=party,
            expected="a file; in a job file, named relative to it",
            found=f"nothing at {path}",
            remedy="correct the path",
        )
    try:
        return reader(path)
    except (ValueError, OSError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise DataError(
            f"the table {path.name} cannot be read",
            party=party,
            expected="a CSV in UTF-8 with one header line, or a Parquet file",
            found=type(error).__name__,
            remedy="open the file and look at its first lines",
        ) from None


def iso(value: object) -> str:
    """Write a date of TOML as JSON can."""
    if isinstance(value, date | time):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _moment(day: date | None) -> datetime | None:
    """Return the first moment of a day in UTC; a moment stays as it is."""
    if day is None:
        return None
    if isinstance(day, datetime):
        return day if day.tzinfo else day.replace(tzinfo=UTC)
    return datetime.combine(day, time(), UTC)
