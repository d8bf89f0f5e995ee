"""What a run computes, as data: the document whose digest every approval and entry refers to.

A task is a strict, closed model. It names no code and no class: the parties and the key holder run
the functions of their own installed package, and a document with an unknown field is refused. What
every kind of run has in common stands here; a kind adds its own settings.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fedcredit_ledger.canonical import encode
from fedcredit_models.schema import Feature, Schema
from fedcredit_parties.ckks import NARROW, WIDE, Parameters
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.errors import MalformedMessageError

GROUPS = ("all",)
"""Groups whose sums are opened: the sum of all parties only."""

MAX_TASK_BYTES = 1_000_000


class Task(BaseModel):
    """A horizontal computation over every party's rows.

    Parameters
    ----------
    kind : str
        Which computation; a key of `fedcredit_parties.tasks.KINDS`.
    purpose, label : str
        Purpose the grants must allow; 0/1 column with 1 = bad.
    features : tuple of Feature
        Declared columns with their bounds; their order is the order of every released list.
    bad_definition_digest : str
        SHA-256 of the declared definition of *bad*; parties with another one refuse.
    holdout : float
        Share of subjects kept out of training (0 trains on every row).
    all_columns : bool
        The requester named no features and took every declared column: one that does not vary is
        dropped then, where a feature that was asked for by name is refused.
    oot_from : str or None
        Rows of this time or later are the out-of-time sample.
    parties : tuple of str
        Who is asked; the run's roster once all have approved.
    gains : bool
        Each party computes what it gains on its own hold-out, commits to it and tells the requester
        (`fedcredit_parties.own_gain`).

    Attributes
    ----------
    FOLLOWS : mapping of (str, str) to str
        (phase, outcome) -> the phase that comes next, "" after the last. The first phase stands
        first. A pair that is not here ends the run.
    OPERATION : str
        What a grant has to allow: ``sum``, or ``train`` where rows move weights more than once
        before anything is added.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    FOLLOWS: ClassVar[Mapping[tuple[str, str], str]] = {}
    OPERATION: ClassVar[str] = "sum"

    format: Literal["fedcredit-task/v1"] = "fedcredit-task/v1"
    kind: str
    purpose: str = Field(pattern=r"^[a-z0-9_-]{1,64}$")
    label: str = Field(min_length=1, max_length=200)
    features: tuple[Feature, ...] = Field(min_length=1, max_length=500, strict=False)
    all_columns: bool = False
    bad_definition_digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    holdout: float = Field(ge=0.0, le=0.9)
    oot_from: str | None = None
    id_column: str | None = None
    time_column: str | None = None
    split_column: str | None = None
    parties: tuple[str, ...] = Field(min_length=1, strict=False)
    min_parties: int = Field(ge=2)
    deadline_s: int = Field(ge=1, le=30 * 86_400)
    encryption: Literal["wide", "narrow"] = "wide"
    policy: DisclosurePolicy = DisclosurePolicy()
    gains: bool = False
    grid_cells: int = Field(default=2048, ge=16, le=65_536)
    score_cells: int = Field(default=8192, ge=64, le=65_536)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [feature.name for feature in self.features]
        if len(set(names)) != len(names):
            raise ValueError("features: a name stands twice")
        if self.label in names:
            raise ValueError("features: the label is among them")
        roles = [c for c in (self.id_column, self.time_column, self.split_column) if c is not None]
        if len({*names, self.label, *roles}) != len(names) + 1 + len(roles):
            raise ValueError("columns: each has one role")
        if self.oot_from is not None and self.time_column is None:
            raise ValueError("oot_from: needs a time_column")
        if self.gains and "holdout" not in self.samples:
            raise ValueError("gains: are judged on a hold-out, and there is none")
        if list(self.parties) != sorted(set(self.parties)):
            raise ValueError("parties: must be sorted and distinct")
        if not math.isfinite(self.holdout):
            raise ValueError("holdout: must be finite")
        return self

    @classmethod
    def phases(cls) -> tuple[str, ...]:
        """Return the phases of a run of this kind, in order."""
        return tuple(dict.fromkeys(phase for phase, _ in cls.FOLLOWS))

    @classmethod
    def next_phase(cls, phase: str, outcome: str) -> str | None:
        """Return the phase after `phase`, "" after the last, None where the run ends by failure."""
        return cls.FOLLOWS.get((phase, outcome))

    @property
    def most_rounds(self) -> int:
        """Most rounds that a run of this task may take."""
        return len(self.phases())

    def start(self) -> Any:
        """Return the public point at which the first rounds are evaluated, beside the grids."""
        return []

    def document(self) -> bytes:
        """Return the bytes that the ledger's request_digest covers."""
        return self.model_dump_json().encode()

    def digest(self) -> str:
        """Return the SHA-256 (hex) of :meth:`document`."""
        return hashlib.sha256(self.document()).hexdigest()

    @classmethod
    def parse(cls, document: bytes) -> Self:
        """Read a task of this kind that came from outside.

        Raises
        ------
        MalformedMessageError
            For anything that is not exactly one task in its one form.
        """
        if len(document) > MAX_TASK_BYTES:
            raise MalformedMessageError("the task document is too large")
        try:
            task = cls.model_validate_json(document)
        except ValidationError as error:
            fields = ", ".join(".".join(map(str, e["loc"])) or "document" for e in error.errors())
            raise MalformedMessageError(
                f"the task document is not valid at: {fields}",
                remedy="ask the requester which version of FedCredit wrote it",
            ) from None
        if task.document() != document:
            raise MalformedMessageError("the task document is not in its one canonical form")
        return task

    def initial_digest(self) -> str:
        """Return the commitment to the first evaluation point: the grids and the start.

        Both are public and fixed by the task: the grids follow from the declared bounds. Round one
        is evaluated here and nowhere else (decisions, lock C).
        """
        grids = json.dumps([[f.to_dict() for f in self.features], self.grid_cells], sort_keys=True)
        return hashlib.sha256(
            encode(
                ["fedcredit-initial/v1", hashlib.sha256(grids.encode()).hexdigest(), self.start()],
            )
        ).hexdigest()

    def quantisation_digest(self) -> str:
        """Return the digest of the fixed-point rule: declared bounds, bits, how a scale follows."""
        rule = [
            "fedcredit-quantisation/v1",
            "scale_bits = min(40, 2 * (log2(M) - 8) - 6 - ceil(log2(1 + bound)))",
            "two limbs of log2(M) - 8 bits",
            self.encryption,
        ]
        return hashlib.sha256(encode(rule)).hexdigest()

    @property
    def samples(self) -> tuple[str, ...]:
        """Samples on which the metrics are computed."""
        split = self.split_column is not None
        return (
            "train",
            *(("holdout",) if self.holdout > 0 or split else ()),
            *(("oot",) if self.oot_from is not None else ()),
        )

    @property
    def table_schema(self) -> Schema:
        """The task's columns in the words of the models room."""
        return Schema(
            features=self.features,
            label=self.label,
            id_column=self.id_column,
            time_column=self.time_column,
            split_column=self.split_column,
        )

    @property
    def draw_schema(self) -> Schema:
        """The columns by which rows are drawn into samples where there is no id column."""
        return self.table_schema

    @property
    def parameters(self) -> Parameters:
        """The CKKS parameter set of the run."""
        return parameters_named(self.encryption)


def parameters_named(name: str) -> Parameters:
    """Return one of the two parameter sets.

    Raises
    ------
    MalformedMessageError
        For any other name.
    """
    if name not in ("wide", "narrow"):
        raise MalformedMessageError(
            "an unknown CKKS parameter set", expected="wide or narrow", found="another name"
        )
    return WIDE if name == "wide" else NARROW
