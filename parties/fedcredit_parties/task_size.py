"""How large a run's largest sum may become, from its task alone, before anybody works on it."""

from collections.abc import Iterable

from fedcredit_models.feature import Feature
from fedcredit_models.moments import field_lengths
from fedcredit_parties.course import HEAD
from fedcredit_parties.errors import ConfigError
from fedcredit_parties.evaluation_task import EvaluationTask
from fedcredit_parties.gbdt_task import GbdtTask
from fedcredit_parties.network_task import NetworkTask
from fedcredit_parties.scorecard_task import ScorecardTask
from fedcredit_parties.survey_task import SurveyTask
from fedcredit_parties.task import Task

MAX_SLOTS = 4_000_000
"""Most slots of one sum: 256 MB of ciphertexts a party, a quarter of the largest blob, and some
minutes of one core. It has room for 500 columns with the default settings of every kind but the
deepest trees."""


def check_size(task: Task) -> None:
    """Refuse a task with a sum of more than `MAX_SLOTS` slots.

    Raises
    ------
    ConfigError
        Naming the settings to lower.
    """
    largest, settings = max(_sums(task))
    n_slots = sum(field.length for field in HEAD) + largest
    if n_slots > MAX_SLOTS:
        raise ConfigError(
            f"a sum of the task may need {n_slots} slots",
            expected=f"{MAX_SLOTS} slots at most",
            found=f"{n_slots}",
            remedy=f"lower {settings} of the job",
        )


def _sums(task: Task) -> Iterable[tuple[int, str]]:
    """Yield the most slots of each of the task's sums, and what to lower."""
    n_features = len(task.features)
    if not isinstance(task, EvaluationTask):
        grids = (_cells(feature, task.grid_cells) for feature in task.features)
        yield sum(grids), "grid_cells, or the number of features"
    if isinstance(task, ScorecardTask | GbdtTask | NetworkTask):
        yield len(task.samples) * (2 * task.score_cells + 6), "score_cells"
    if isinstance(task, ScorecardTask | SurveyTask):
        fixed = max((len(bins.assignment) for bins in task.bins), default=0)
        cells = sum(_cells(f, max(task.fine_bins, fixed)) for f in task.features)
        yield 2 * cells + _moments(task), "fine_bins, or the number of features"
        newton = (n_features + 1) * (n_features + 4)
        yield newton + 4, "the number of features"
    if isinstance(task, SurveyTask):
        yield _tables(task), "periods, ages, pairs or max_bins"
    elif isinstance(task, GbdtTask):
        cells = sum(_cells(feature, task.bins) for feature in task.features)
        # Of each pair of children one is summed; gradient, curvature and counts take two limbs.
        asked = 1 << max(task.max_depth - 2, 0)
        yield 6 * cells * asked + 4, "max_depth, bins, or the number of features"
    elif isinstance(task, NetworkTask):
        yield 2 * task.architecture.n_parameters, "hidden, embedding, or the number of features"
    elif isinstance(task, EvaluationTask):
        yield sum(task.plan.counts().values()), "score_cells, slice_cells, joint_cells or slices"


def _cells(feature: Feature, ordinary: int) -> int:
    """Return the most cells of a column: of a category declared, other and missing."""
    if feature.kind == "categorical":
        return len(feature.levels) + 2
    return ordinary + 1 + len(feature.special)


def _moments(task: ScorecardTask | SurveyTask) -> int:
    if not isinstance(task, SurveyTask) or not task.moments:
        return 0
    p = sum(feature.kind == "numeric" for feature in task.features)
    return 2 * sum(field_lengths(p).values())


def _tables(task: SurveyTask) -> int:
    bins = {f.name: _cells(f, task.max_bins) for f in task.features}
    bins |= {fixed.feature: max(fixed.assignment) + 1 for fixed in task.bins}
    n_periods = 0 if task.periods is None else task.periods.n + 1
    return (
        sum(bins.values()) * n_periods
        + 2 * n_periods * (1 + len(task.ages))
        + 2 * sum(bins[a] * bins[b] for a, b in task.pairs)
    )
