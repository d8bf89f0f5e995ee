"""What a data scientist asks for: a model of the rows of several parties.

`HorizontalJob.from_toml` reads what `fedcredit job run` is given.
"""

import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from fedcredit.given_binning import BinningField, GivenBinning, beside
from fedcredit.model_kinds import MODEL_KINDS, kind_of
from fedcredit.request import Delivery, Request, invalid, wrong_fields
from fedcredit.results import TrainingResult
from fedcredit_models.bad_classifier import BadClassifier
from fedcredit_models.schema import Schema
from fedcredit_models.scorecard import Scorecard
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.errors import ConfigError
from fedcredit_parties.task import Task


class HorizontalJob(Request[TrainingResult]):
    """Fit one model on the rows of several parties that hold the same columns.

    Parameters
    ----------
    model : Scorecard or another model
        Unfitted; its settings are the job's.
    gains : bool
        Ask every party what it gains on its own hold-out; see `fedcredit.contributions`.
    binning : Binning, path or JSON text, optional
        Of a scorecard: the bins that the modeller fixed. `features` are its features then.
    purpose, label, features, ...
        As in `Request`.

    Raises
    ------
    ConfigError
        One line per wrong or misspelt field.

    Examples
    --------
    >>> HorizontalJob(purpose="modelling", label="bad", features=["age_years"]).min_parties
    3
    """

    kind: Literal["horizontal"] = "horizontal"
    model: BadClassifier = Field(default_factory=Scorecard)
    binning: BinningField = None
    gains: bool = Field(default=False, strict=True)

    def __init__(self, **fields: Any) -> None:
        super().__init__(**GivenBinning.read_into(fields))

    @field_validator("model", mode="before")
    @classmethod
    def _unfitted(cls, model: object) -> object:
        if isinstance(model, type) and issubclass(model, BadClassifier):
            name = next((k for k, x in MODEL_KINDS.items() if x.estimator is model), "model")
            raise ValueError(f"must be a {name}, not the class: write model=fc.{model.__name__}()")
        if isinstance(model, BadClassifier):
            kind = kind_of(model)
            if kind is None:
                raise ValueError(f"must be one of {', '.join(MODEL_KINDS)}")
            try:
                kind.settings.model_validate(model.get_params())
            except ValidationError as error:
                wrong = wrong_fields(error, type(model).__name__)
                raise ValueError("; ".join(wrong)) from None
        return model

    @model_validator(mode="after")
    def _gains_need_a_holdout(self) -> Self:
        if self.gains and self.holdout == 0.0 and self.split_column is None:
            raise ValueError("gains: what a party gains is judged on its hold-out; set holdout")
        return self

    @model_validator(mode="after")
    def _bins_are_of_a_scorecard(self) -> Self:
        if self.binning is not None and not isinstance(self.model, Scorecard):
            raise ValueError("binning: only a scorecard is built on bins; leave binning out")
        return self

    @classmethod
    def from_dict(cls, table: dict[str, Any]) -> Self:
        """Build a job from the tables of a TOML file.

        Raises
        ------
        ConfigError
            One line per wrong field, by its path.
        """
        fields = dict(table)
        wrong: list[str] = []
        settings = fields.pop("model", {})
        name = settings.get("kind", "scorecard") if isinstance(settings, dict) else "scorecard"
        kind = MODEL_KINDS.get(name) if isinstance(name, str) else None
        if kind is None:
            wrong.append(f"model.kind - must be one of {', '.join(MODEL_KINDS)}")
        else:
            try:
                found = kind.settings.model_validate(settings)
                fields["model"] = kind.estimator(**found.model_dump(exclude={"kind"}))
            except ValidationError as error:
                wrong += wrong_fields(error, "model", names=kind.settings.model_fields)
        try:
            job = cls(**fields)
        except ConfigError as error:
            wrong += [line.strip() for line in error.message.splitlines()[1:]]
        if wrong:
            raise invalid(wrong)
        return job

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read the ``[job]`` table (or the whole) of a TOML file.

        Raises
        ------
        ConfigError
            When the file is not TOML or not a job.
        """
        try:
            table = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{path.name} cannot be read as TOML: {error}") from None
        return cls.from_dict(beside(table, path))

    def task(self, schema: Schema, *, parties: tuple[str, ...], policy: DisclosurePolicy) -> Task:
        """Return the task document that parties approve.

        Parameters and errors as of `Request.common`.
        """
        kind = kind_of(self.model)
        assert kind is not None, "the validator lets no other model in"
        common = self.common(schema, parties=parties, policy=policy)
        if self.binning is not None:
            common["bins"] = GivenBinning.plan(self.binning, common["features"])
        return kind.task(common | {"gains": self.gains}, self.model)

    def assemble(self, delivery: Delivery) -> TrainingResult:
        """Return the fitted model with its figures; register it in the ledger."""
        from fedcredit.assembly import assemble

        return assemble(delivery, self)
