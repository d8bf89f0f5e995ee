"""``evaluation.json``, the saved result of an evaluation, as typed and frozen values.

A saved model was judged on the parties' rows by sums; nothing was trained. The file holds released
figures and the ledger entry of each: no rows, no sums of one party, no keys. A slice that fails the
cell rules, or that a difference would give away, says ``withheld`` and nothing else.

Keys that this version does not know are left alone, so that a later writer may say more; everything
that is read is checked.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from fedcredit.result_file import (
    Count,
    Disclosure,
    Finality,
    Hex64,
    HistoryRow,
    Participation,
    RunEntries,
    SampleMetrics,
    Share,
    final_words,
    parsed,
)

Verdict = Literal["steady", "watch", "act"]
"""What a month's drift asks for: nothing, a look, a decision."""

Role = Literal["champion", "challenger"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class ModelUnderTest(_Part):
    """Which model was judged: its kind and the digest of its JSON, not the model itself.

    ``registered`` is the ledger entry that registered a model of this digest, where there is one.
    """

    kind: str
    format: str
    digest: Hex64
    features: tuple[str, ...]
    registered: Hex64 | None = None


class Estimate(_Part):
    """A fitted number with its standard error; `bound` is its distance to the unbinned one."""

    value: float
    standard_error: float
    bound: float


class GainRow(_Part):
    """About a tenth of the rows, from the riskiest on, and everything down to here.

    ``depth`` and ``captured`` are the shares of all rows and of all bads down to the end of this
    group; ``lift`` is captured over depth.
    """

    n: Count
    bads: Count
    bad_rate: Share
    depth: Share
    captured: Share
    lift: float


class Cutoff(_Part):
    """The cut nearest to the asked approval rate that the cell rules allow.

    A row is approved when its log odds of bad are below ``eta`` (its points above
    ``points``, for a scorecard). ``expected_bad_rate`` is the mean predicted probability among the
    approved, taken at the middles of the score grid's cells; ``expected_loss`` is it times the
    asked loss given default, for one unit of exposure a loan.
    """

    asked_approval_rate: Share
    approval_rate: Share
    eta: float
    points: float | None = None
    approved: Count
    bad_rate_approved: Share
    bad_rate_refused: Share
    expected_bad_rate: Share
    loss_given_default: Share
    expected_loss: Share
    observed_loss: Share


class OverallFigures(SampleMetrics):
    """One model on all evaluated rows: what `SampleMetrics` has, and how well it is calibrated."""

    bad_rate: Share | None = None
    mean_p: Share | None = None
    mean_p_bound: float | None = None
    hosmer_lemeshow: float | None = None
    hosmer_lemeshow_groups: Count | None = None
    hosmer_lemeshow_p: Share | None = None
    calibration_slope: Estimate | None = None
    calibration_intercept: Estimate | None = None
    gains: tuple[GainRow, ...] = ()
    cutoff: Cutoff | None = None


class SliceFigures(_Part):
    """One month, segment or group; ``withheld`` names the rule and leaves every number out.

    ``approval_rate`` and what follows are at the champion's cut. ``good_approval_rate`` is the
    share of goods that are approved (equal opportunity compares it between groups).
    ``adverse_impact_ratio`` is the approval rate over that of the group with the highest one.
    ``population_stability`` compares the score's distribution with the baseline's; where fewer than
    two cells have rows enough, ``population_stability_withheld`` says so. Bounds say how
    far a figure may lie from that of the rows: it is computed from groups that pass the cell rules.
    """

    name: str
    withheld: str | None = None
    n: Count | None = None
    bads: Count | None = None
    bad_rate: Share | None = None
    mean_p: Share | None = None
    mean_p_bound: float | None = None
    auc: Share | None = None
    auc_bound: float | None = None
    ks: Share | None = None
    gini: float | None = None
    gini_low: float | None = None
    gini_high: float | None = None
    brier: Share | None = None
    brier_bound: float | None = None
    calibration_z: float | None = None
    population_stability: float | None = None
    population_stability_withheld: str | None = None
    approval_withheld: str | None = None
    approval_rate: Share | None = None
    bad_rate_approved: Share | None = None
    good_approval_rate: Share | None = None
    adverse_impact_ratio: float | None = None
    good_approval_difference: float | None = None


class Partition(_Part):
    """All rows, by one declared column: every row is in exactly one slice.

    Levels that were not declared are counted in the slice ``other``, missing values in ``missing``.
    """

    by: Literal["period", "segment", "group"]
    column: str
    slices: tuple[SliceFigures, ...]


class DeLong(_Part):
    """Whether one AUC is larger than the other, on the same rows.

    ``difference`` is challenger minus champion. ``difference_bound`` and ``z_bound`` are the
    largest distances to the figures of the unbinned scores; None when the joint grid bounds no z.
    """

    auc_champion: Share
    auc_challenger: Share
    difference: float
    difference_bound: float
    standard_error: float
    low: float
    high: float
    z: float
    z_bound: float | None
    p_value: Share
    p_low: Share
    p_high: Share


class McNemar(_Part):
    """Who decides better at the cut: rows that only one of the two decides rightly.

    A decision is right when a bad is refused or a good is approved; each model cuts at the asked
    approval rate.
    """

    only_champion_right: Count
    only_challenger_right: Count
    chi_square: float
    p_value: Share
    exact_p_value: Share


class Comparison(_Part):
    """Champion against challenger; ``withheld`` when the two differ on too few rows."""

    withheld: str | None = None
    delong: DeLong | None = None
    mcnemar: McNemar | None = None
    mcnemar_withheld: str | None = None


class FeatureDrift(_Part):
    """Characteristic stability of one feature in one month, over the model's own bins.

    Neighbouring bins are put together until each has rows enough in the month and the baseline;
    ``withheld`` is there instead of index and verdict when fewer than two are left.
    """

    period: str
    feature: str
    withheld: str | None = None
    index: float | None = None
    verdict: Verdict | None = None


class MonthDrift(_Part):
    """One month against the baseline, and predicted against actual bads.

    ``calibration_z`` is (bads - expected bads) over the standard deviation that the predictions
    imply; beyond 1.96 the month asks for a look, beyond 2.58 for a decision.
    """

    period: str
    withheld: str | None = None
    n: Count | None = None
    population_stability: float | None = None
    population_stability_withheld: str | None = None
    largest_feature: str | None = None
    largest_index: float | None = None
    actual: Share | None = None
    predicted: Share | None = None
    calibration_z: float | None = None
    verdict: Verdict | None = None
    reasons: tuple[str, ...] = ()


class Thresholds(_Part):
    """Where a look and where a decision begins, for score and features (PSI, CSI)."""

    watch: Annotated[float, Field(gt=0.0)] = 0.1
    act: Annotated[float, Field(gt=0.0)] = 0.25


class Drift(_Part):
    """Drift by month.

    ``baseline`` says what the months are compared with: ``training`` (the bands that were released
    when the model was made) or the name of a month; ``feature_baseline`` says it of the features,
    whose training counts only some models tell. ``verdict`` is the worst of all months.
    """

    baseline: str
    feature_baseline: str = ""
    thresholds: Thresholds
    months: tuple[MonthDrift, ...]
    features: tuple[FeatureDrift, ...]
    verdict: Verdict


class EvaluationFile(_Part):
    """A whole saved evaluation.

    ``figures`` leads from a figure's name to the entry of the opening that released it:
    ``auc.champion``, ``delong``, ``mcnemar``, ``gains.champion``, ``cutoff.champion``,
    ``period.2024-01``, ``segment.car``, ``group.women``, ``drift.2024-01``,
    ``participation.bank-0``.
    """

    format: Literal["fedcredit-evaluation/v1"]
    run_id: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
    label: str
    purpose: str
    requester: str
    parties: tuple[str, ...]
    started: str
    finished: str
    rows: Literal["all", "train", "holdout", "oot"]
    models: dict[Role, ModelUnderTest]
    overall: dict[Role, OverallFigures]
    comparison: Comparison | None = None
    partitions: tuple[Partition, ...] = ()
    drift: Drift | None = None
    history: tuple[HistoryRow, ...]
    participation: dict[str, Participation]
    disclosure: tuple[Disclosure, ...]
    figures: dict[str, Hex64]
    entries: RunEntries
    checkpoint: str
    finality: Finality | None = None
    ledger: str

    @property
    def verdict(self) -> Verdict:
        """The worst month's verdict; steady without months."""
        return "steady" if self.drift is None else self.drift.verdict

    @property
    def final_words(self) -> str:
        """Whether the result is final, in words: who has witnessed it, and when."""
        return final_words(self.finality)

    def partition(self, by: str) -> Partition | None:
        """Return the partition by ``period``, ``segment`` or ``group``, where there is one."""
        return next((part for part in self.partitions if part.by == by), None)

    @classmethod
    def parse(cls, text: str | bytes) -> "EvaluationFile":
        """Read an evaluation from JSON text.

        Raises
        ------
        JobError
            When the text is not an evaluation of this format; names the first wrong field.
        """
        return parsed(cls, text, "the saved evaluation is not a fedcredit-evaluation/v1 file")

    @classmethod
    def load(cls, path: Path) -> "EvaluationFile":
        """Read ``evaluation.json``; see `parse`."""
        return cls.parse(path.read_bytes())
