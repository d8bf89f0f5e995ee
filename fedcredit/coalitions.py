"""What the joint model loses without a party, and Shapley's value: runs over some of the parties.

Two runs over the same rows with and without a party differ by that party, so the ledger refuses the
second unless the party has endorsed it. The runs are therefore planned: their ids are told to the
parties before they are proposed, each party allows those that it will, and only then are they run.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Self

import pandas as pd

from fedcredit.errors import JobError
from fedcredit.evaluation import Evaluation
from fedcredit.federation import Federation
from fedcredit.requests import HorizontalJob
from fedcredit_models import coalitions
from fedcredit_models.coalitions import Coalition

NOTHING = 0.5
"""AUC without a model: of a coalition that is too small to be summed."""

MOST_PARTIES = 6
"""Parties of a federation whose coalitions are all run, for Shapley's value."""


@dataclass(frozen=True)
class CoalitionPlan:
    """Coalitions of parties, and the ids that the two runs of each will have.

    Attributes
    ----------
    parties : tuple of str
    runs, judgements : mapping of frozenset of str to str
        Coalition -> id of the run that fits its model, and of that in which all parties judge it.
    """

    parties: tuple[str, ...]
    runs: Mapping[Coalition, str]
    judgements: Mapping[Coalition, str]

    @classmethod
    def leave_one_out(cls, parties: Iterable[str]) -> Self:
        """Plan the run of all parties and one without each."""
        names = tuple(sorted(parties))
        return cls._of(names, (len(names), len(names) - 1))

    @classmethod
    def shapley(cls, parties: Iterable[str], *, least: int) -> Self:
        """Plan a run of every coalition of at least `least` parties.

        Parameters
        ----------
        parties : iterable of str
            At most six.
        least : int
            Smaller coalitions are not summed: the policy's ``min_parties``.

        Raises
        ------
        JobError
            For more than six parties.
        """
        names = tuple(sorted(parties))
        if len(names) > MOST_PARTIES:
            raise JobError(
                "too many coalitions",
                expected=f"at most {MOST_PARTIES} parties, with a run for each coalition",
                found=f"{len(names)} parties",
                remedy="use leave_one_out: it takes one run a party",
            )
        return cls._of(names, range(least, len(names) + 1))

    @classmethod
    def _of(cls, names: tuple[str, ...], sizes: Iterable[int]) -> Self:
        chosen = [frozenset(c) for size in sizes for c in combinations(names, size)]
        runs, judgements = ({c: str(uuid.uuid4()) for c in chosen} for _ in range(2))
        return cls(names, runs, judgements)

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Every id: what each party has to allow."""
        return (*self.runs.values(), *self.judgements.values())


def leave_one_out(
    federation: Federation, job: HorizontalJob, plan: CoalitionPlan | None = None
) -> pd.DataFrame:
    """Return what the joint model loses without each party.

    Parameters
    ----------
    federation : Federation
    job : HorizontalJob
        With a hold-out, on which every model is judged: that of all parties.
    plan : CoalitionPlan
        Of ``CoalitionPlan.leave_one_out``, whose runs every party has allowed
        (``Federation.allow_difference``, or ``fedcredit party allow-difference``).

    Returns
    -------
    DataFrame
        A row a party: ``auc_all``, ``auc_without`` and ``adds``, their difference.

    Raises
    ------
    DifferencingError
        When a party in a difference has not allowed it.
    JobError
        Without a hold-out.
    TooFewPartiesError
        When one party less is below ``min_parties``.

    Disclosure
    ----------
    Every run releases its own model and tables; the difference of two is about one party's rows.
    Each model is then judged on the hold-out of all parties, by sums.
    """
    plan = plan or CoalitionPlan.leave_one_out(federation.parties)
    value = _Values(federation, job, plan)
    adds = coalitions.leave_one_out(plan.parties, value)
    whole = value(frozenset(plan.parties))
    rows = {
        party: {"auc_all": whole, "auc_without": whole - added, "adds": added}
        for party, added in adds.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("party")


def shapley(
    federation: Federation, job: HorizontalJob, plan: CoalitionPlan | None = None
) -> pd.DataFrame:
    """Return Shapley's value of each party: what it adds on average over all orders of joining.

    A coalition that is too small to be summed is worth an AUC of one half, that of no model.

    Parameters, errors and disclosure as in `leave_one_out`, with ``CoalitionPlan.shapley``.

    Returns
    -------
    DataFrame
        A row a party: ``shapley``; they add up to the AUC of all parties less one half.
    """
    least = max(federation.policy.min_parties, job.min_parties)
    plan = plan or CoalitionPlan.shapley(federation.parties, least=least)
    found = coalitions.exact_shapley(plan.parties, _Values(federation, job, plan))
    return pd.DataFrame({"shapley": pd.Series(found.by_party)}).rename_axis("party")


class _Values:
    """AUC of a coalition's model on the hold-out of all parties; each is run once."""

    def __init__(self, federation: Federation, job: HorizontalJob, plan: CoalitionPlan) -> None:
        if job.holdout == 0.0 and job.split_column is None:
            raise JobError(
                "coalitions are compared on a hold-out, and the job has none",
                expected="holdout above 0, or a split_column",
                found="holdout = 0",
                remedy="set holdout=0.3",
            )
        self._federation, self._job, self._plan = federation, job, plan
        self._known: dict[Coalition, float] = {}

    def __call__(self, coalition: Coalition) -> float:
        if coalition not in self._plan.runs:
            return NOTHING
        if coalition not in self._known:
            self._known[coalition] = self._value(coalition)
        return self._known[coalition]

    def _value(self, coalition: Coalition) -> float:
        names = tuple(sorted(coalition))
        job = self._job.model_copy(update={"parties": names})
        result = self._federation.run(job, run_id=self._plan.runs[coalition])
        judged = self._federation.run(
            Evaluation(
                model=result,
                rows="holdout",
                parties=self._plan.parties,
                **{name: getattr(job, name) for name in _SAME},
            ),
            run_id=self._plan.judgements[coalition],
        )
        auc = judged.file.overall["champion"].auc
        if auc is None:
            raise JobError(
                "the hold-out of all parties is below the cell rules",
                expected="a hold-out with enough bads and goods",
                found="a smaller one",
                remedy="hold out more",
            )
        return auc


_SAME = (
    "purpose", "label", "min_parties", "holdout", "oot_from", "id_column", "time_column",
    "split_column", "bad_definition", "encryption", "run_deadline_s",
)  # fmt: skip
"""What a judgement has in common with the job."""
