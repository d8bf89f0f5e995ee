"""``result.json``, the saved result of a run, as typed and frozen values.

The file is what `fedcredit job run` leaves in its store and what a report is made from. It holds
released numbers and ledger entry ids only: no rows, no sums of one party, no keys. Keys that
this version does not know are left alone, so that a later writer may say more; everything that
is read is checked.
"""

import json
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from fedcredit.errors import JobError
from fedcredit.party_gain import PartyGain

Hex64 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=0)]

Form = TypeVar("Form", bound=BaseModel)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class ScoreBand(_Part):
    """Applicants whose score lies in one band; wide enough to pass the cell rules."""

    points_low: float
    points_high: float
    n: Count
    bads: Count


class RocPoint(_Part):
    """Share of goods refused and of bads found at one threshold."""

    fpr: Share
    tpr: Share


class CalibrationBand(_Part):
    """Mean predicted probability and observed bad rate of one band."""

    mean_p: Share
    bad_rate: Share
    n: Count


class SampleMetrics(_Part):
    """What one sample says about the model, or the rule that withheld it."""

    withheld: str | None = None
    n: Count | None = None
    bads: Count | None = None
    auc: Share | None = None
    auc_bound: float | None = None
    ks: Share | None = None
    gini: float | None = None
    gini_low: float | None = None
    gini_high: float | None = None
    brier: Share | None = None
    brier_bound: float | None = None
    population_stability: float | None = None
    bands: tuple[ScoreBand, ...] = ()
    roc: tuple[RocPoint, ...] = ()
    calibration: tuple[CalibrationBand, ...] = ()


class HistoryRow(_Part):
    """One opened round."""

    round: Count
    phase: str
    log_loss: float | None
    step_size: float | None
    outcome: str
    entry: Hex64
    index: Count | None = None


class Participation(_Part):
    """What one party sent during the run."""

    bytes_sent: Count
    n_contributions: Count
    entries: tuple[Hex64, ...]


class Disclosure(_Part):
    """One release: what was opened to whom, and the entry that says so."""

    function: str
    released: str
    to: tuple[str, ...]
    entry: Hex64


class Finality(_Part):
    """The witnesses whose co-signatures, under one head, made the result final."""

    size: Count
    witnessed: dict[str, str]

    @property
    def at(self) -> str:
        """When the last of them had seen it."""
        return max(self.witnessed.values(), default="")


def final_words(finality: Finality | None) -> str:
    """Return whether a result is final, in words: who has witnessed it, and when."""
    if finality is None:
        return (
            "not final yet: too few witnesses have co-signed a head of the ledger over it; "
            "until then it could still be taken back"
        )
    if not finality.witnessed:
        return "final: the federation's policy demands no witness"
    return f"final: witnessed by {', '.join(finality.witnessed)} at {finality.at}"


class RunEntries(_Part):
    """The entries that frame a run."""

    proposal: Hex64
    started: Hex64
    finished: Hex64
    model: Hex64 | None = None
    witness_policy: Hex64 | None = None
    grants: dict[str, Hex64] = {}


class ResultFile(_Part):
    """A whole saved result."""

    format: Literal["fedcredit-result/v1"]
    run_id: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
    label: str
    purpose: str
    features: tuple[str, ...] = ()
    requester: str
    parties: tuple[str, ...]
    started: str
    finished: str
    model: dict[str, JsonValue]
    history: tuple[HistoryRow, ...]
    metrics: dict[str, SampleMetrics]
    participation: dict[str, Participation]
    abstaining: dict[str, str] = {}
    disclosure: tuple[Disclosure, ...]
    figures: dict[str, Hex64]
    gains: dict[str, PartyGain] = {}
    entries: RunEntries
    checkpoint: str
    finality: Finality | None = None
    ledger: str

    @property
    def final_words(self) -> str:
        """Whether the result is final, in words: who has witnessed it, and when."""
        return final_words(self.finality)

    @classmethod
    def parse(cls, text: str | bytes) -> "ResultFile":
        """Read a result from JSON text.

        Raises
        ------
        JobError
            When the text is not a result of this format; names the first wrong field.
        """
        return parsed(cls, text, "the saved result is not a fedcredit-result/v1 file")

    @classmethod
    def load(cls, path: Path) -> "ResultFile":
        """Read ``result.json``; see `parse`."""
        return cls.parse(path.read_bytes())

    def model_json(self) -> str:
        """Return the model's part as JSON text, for ``Scorecard.from_json``."""
        return json.dumps(self.model)


def parsed(form: type[Form], text: str | bytes, wrong: str) -> Form:
    """Read a saved file of a form.

    Raises
    ------
    JobError
        Saying what is wrong, and where first.
    """
    try:
        return form.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "(file)"
        raise JobError(f"{wrong}: {where} - {first['msg']}") from None
