"""What every question to a federation has in common: whose rows, which columns, under what terms.

A request is a frozen, strict description, the same in a notebook and a file. It names columns,
rules and limits; it names no code.
"""

import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as with_factory
from datetime import date
from difflib import get_close_matches
from typing import Any, Generic, Literal, Self, TypeVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fedcredit.party_gain import PartyGain
from fedcredit_models.schema import Schema
from fedcredit_parties.course import Course
from fedcredit_parties.data import definition_digest
from fedcredit_parties.disclosure import DisclosurePolicy, check_parties
from fedcredit_parties.errors import ConfigError, SchemaMismatchError
from fedcredit_parties.member import Member
from fedcredit_parties.task import Task

R = TypeVar("R", covariant=True)

_EXAMPLES = {"purpose": 'purpose = "modelling"', "label": 'label = "bad"'}

DEFAULT_DEFINITION = "the label column is 1"

Purpose = Literal[
    "loan_origination",
    "post_loan",
    "modelling",
    "blacklist_check",
    "fraud_intervention",
    "evidence",
]
"""The ledger's closed list of purposes."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A finished run, as the requester holds it.

    Attributes
    ----------
    member : Member
        The requester.
    run_id : str
        The run.
    course : Course
        Its whole released course.
    bytes_sent : mapping of str to int
        What each party sent, both lanes.
    abstaining : mapping of str to str
        Parties that added only zeros, each with its reason.
    ledger : str
        Where the ledger lies.
    left_out : mapping of str to str
        Columns that the federation left out of a request without features, with the reason.
    gains : mapping of str to PartyGain
        What each party that committed to its gain says of it.
    """

    member: Member
    run_id: str
    course: Course[Any]
    bytes_sent: Mapping[str, int]
    abstaining: Mapping[str, str]
    ledger: str
    left_out: Mapping[str, str]
    gains: Mapping[str, PartyGain] = with_factory(default_factory=dict)


class Request(BaseModel, Generic[R]):
    """A question about the rows of several parties that hold the same columns.

    Parameters
    ----------
    purpose : str
        What the grants must allow: ``"modelling"``, ``"loan_origination"``, ``"post_loan"``,
        ``"blacklist_check"``, ``"fraud_intervention"`` or ``"evidence"``.
    label : str
        0/1 column, 1 = bad.
    features : sequence of str, optional
        Columns to use. When empty every column but those of `label`, `id_column`, `time_column`
        and `split_column`; dates, constants, empty columns and identifiers are left out then, and
        listed in ``result.model.dropped``.
    min_parties : int
        Least number of parties in every sum.
    parties : sequence of str, optional
        Whom to ask; every data holder of the federation when empty.
    holdout : float
        Share of subjects kept out of training; 0 trains on every row.
    oot_from : str, date, datetime or Timestamp, optional
        Rows whose `time_column` is this or later are the out-of-time sample. Text is an ISO date,
        or a number such as ``"202401"`` for a column of numbers.
    id_column, time_column, split_column : str, optional
        Subject id (both of a subject's banks put it on one side), time, own split.
    bad_definition : str
        What label 1 means; must be each party's own words.
    encryption : {"wide", "narrow"}
        CKKS parameter set.
    run_deadline_s : int
        A lost party is waited for until then.

    Raises
    ------
    ConfigError
        One line per wrong or misspelt field.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    purpose: Purpose
    label: str = Field(min_length=1)
    features: tuple[str, ...] = ()
    min_parties: int = Field(default=3, ge=2, strict=True)
    parties: tuple[str, ...] = ()
    holdout: float = Field(default=0.3, ge=0.0, le=0.9, strict=True)
    oot_from: str | None = None
    id_column: str | None = None
    time_column: str | None = None
    split_column: str | None = None
    bad_definition: str = DEFAULT_DEFINITION
    encryption: Literal["wide", "narrow"] = "wide"
    run_deadline_s: int = Field(default=3600, ge=1, strict=True)

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise invalid(wrong_fields(error, names=type(self).model_fields)) from None

    @field_validator("features", "parties", mode="before")
    @classmethod
    def _names(cls, names: object) -> object:
        if isinstance(names, str):
            raise ValueError(f"must be a list of names: [{names!r}]")
        return tuple(names) if isinstance(names, Iterable) else names

    @field_validator("oot_from", mode="before")
    @classmethod
    def _moment(cls, moment: object) -> object:
        return _iso(moment)

    @field_validator("features")
    @classmethod
    def _distinct(cls, features: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(features)) != len(features):
            twice = sorted({name for name in features if features.count(name) > 1})
            raise ValueError(f"stands twice: {', '.join(twice)}")
        return features

    @model_validator(mode="after")
    def _one_role_each(self) -> Self:
        taken = {*self.features}
        for field in ("label", "id_column", "time_column", "split_column"):
            name = getattr(self, field)
            if name in taken:
                raise ValueError(f"{field}: {name} has another role in this job")
            taken |= {name} if name is not None else set()
        if self.oot_from is not None and self.time_column is None:
            raise ValueError("oot_from: an out-of-time sample needs a time_column")
        return self

    @property
    def definition_digest(self) -> str:
        """Digest of the definition of bad."""
        return definition_digest(self.bad_definition)

    @abstractmethod
    def task(self, schema: Schema, *, parties: tuple[str, ...], policy: DisclosurePolicy) -> Task:
        """Return the task document that parties approve; see `common`."""

    @abstractmethod
    def assemble(self, delivery: Delivery) -> R:
        """Return the result of a finished run."""

    def common(
        self, schema: Schema, *, parties: tuple[str, ...], policy: DisclosurePolicy
    ) -> dict[str, Any]:
        """Return what the task documents of all kinds have in common.

        Parameters
        ----------
        schema : Schema
            Declared columns of the federation.
        parties : tuple of str
            Every data holder.
        policy : DisclosurePolicy
            The founding policy.

        Raises
        ------
        ConfigError
            When a party is no data holder.
        SchemaMismatchError
            When a feature is not a declared column.
        TooFewPartiesError
            When fewer parties are asked than the job or the policy needs.
        """
        strangers = [name for name in self.parties if name not in parties]
        if strangers:
            raise ConfigError(
                f"the job names parties that are no data holders here: {', '.join(strangers)}",
                expected=f"some of {', '.join(parties)}",
                found=", ".join(strangers),
                remedy="correct the names in the job's parties",
            )
        asked = tuple(sorted(self.parties or parties))
        check_parties(policy, n_parties=len(asked), min_parties=self.min_parties)
        declared = {feature.name: feature for feature in schema.features}
        used = (self.label, self.id_column, self.time_column, self.split_column)
        names = self.features or tuple(name for name in declared if name not in used)
        unknown = [name for name in names if name not in declared]
        if unknown:
            raise SchemaMismatchError(
                f"the job asks for columns that the parties' schema does not declare: "
                f"{', '.join(unknown)}",
                expected=f"some of {', '.join(declared)}",
                found=", ".join(unknown),
                remedy="correct the names in the job's features" + _meant(unknown, declared),
            )
        if not names:
            raise SchemaMismatchError(
                "no column is left for the job to use",
                expected="a column beside those of label, id, time and split",
                found="none",
                remedy="name the columns in the job's features",
            )
        return {
            "purpose": self.purpose,
            "label": self.label,
            "features": tuple(declared[name] for name in names),
            "all_columns": not self.features,
            "bad_definition_digest": self.definition_digest,
            "holdout": self.holdout,
            "oot_from": self.oot_from,
            "id_column": self.id_column,
            "time_column": self.time_column,
            "split_column": self.split_column,
            "parties": asked,
            "min_parties": self.min_parties,
            "deadline_s": self.run_deadline_s,
            "encryption": self.encryption,
            "policy": policy,
        }


def wrong_fields(error: ValidationError, *under: str, names: Iterable[str] = ()) -> list[str]:
    """Return one line a wrong field: its path in the file, and what is wrong with it.

    Parameters
    ----------
    error : ValidationError
        What pydantic found.
    *under : str
        Path of the part that was validated.
    names : iterable of str
        Fields that exist; a misspelt one is told which was meant.
    """
    lines = []
    for found in error.errors(include_url=False, include_input=False):
        path = ".".join(map(str, (*under, *found["loc"]))) or "job"
        said = found["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        if found["type"] == "extra_forbidden":
            name = str(found["loc"][-1])
            said = "there is no such field" + (
                _meant([name], names) if len(found["loc"]) == 1 else ""
            )
        elif found["type"] == "missing":
            said = "is missing" + (f": write {_EXAMPLES[path]}" if path in _EXAMPLES else "")
        lines.append(f"{path} - {said}" if found["loc"] or under else said)
    return lines


def invalid(wrong: Iterable[str]) -> ConfigError:
    """Return the error of a request with wrong fields, a line each."""
    return ConfigError(
        "the job is not valid:\n" + "\n".join(f"  {line}" for line in wrong),
        remedy="correct the fields that are named; nothing was run",
    )


def _meant(wrong: Iterable[str], names: Iterable[str]) -> str:
    """Return ``; did you mean ...?`` for names that resemble existing ones, or nothing."""
    known = list(names)
    near = [match for name in wrong for match in get_close_matches(name, known, n=1, cutoff=0.6)]
    return f"; did you mean {', '.join(dict.fromkeys(near))}?" if near else ""


def _iso(moment: object) -> object:
    """Return a moment as the text that a task carries.

    Raises
    ------
    ValueError
        For what is neither a date nor a number.
    """
    wrong = ValueError("must be a date such as 2024-01-31, or a number for a column of numbers")
    if moment is None:
        return None
    if isinstance(moment, np.datetime64):
        moment = pd.Timestamp(moment)
    if isinstance(moment, date):  # datetime and Timestamp are dates
        if pd.isna(moment):
            raise wrong
        return moment.isoformat()
    if isinstance(moment, int | np.integer) and not isinstance(moment, bool):
        return str(moment)
    if not isinstance(moment, str):
        raise wrong
    try:
        is_number = math.isfinite(float(moment))
    except ValueError:
        is_number = False
    if not is_number:
        try:
            is_date = not pd.isna(pd.to_datetime(moment, utc=True, format="ISO8601"))
        except ValueError:
            is_date = False
        if not is_date:
            raise wrong
    return moment
