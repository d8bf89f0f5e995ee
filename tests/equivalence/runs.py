"""Encrypted runs for the comparisons, each carried out once a session.

Every run here is the real one: an in-process federation with its own keys, masks, CKKS, ledger and
key holder.
"""

import time
from dataclasses import dataclass
from functools import cache

import fedcredit as fc
from tests.equivalence import credit_data, reference
from tests.equivalence.credit_data import LABEL, SAMPLE, CreditData
from tests.equivalence.reference import DEFAULT, PLAIN, Card, Rules


@dataclass(frozen=True)
class Comparison:
    """One encrypted run beside the reference of the same rows."""

    data: CreditData
    partition: str
    n_parties: int
    rules: Rules
    result: fc.TrainingResult
    card: Card
    seconds: float


@dataclass(frozen=True)
class Line:
    """One line of the table that is printed at the end of the session."""

    data: str
    partition: str
    card: str
    n_parties: int
    largest: float
    released_auc: float
    reference_auc: float
    seconds: float


LINES: dict[tuple[str, str, str], Line] = {}
"""What was compared; `conftest` prints it."""

CONSTRAINTS: dict[str, tuple[float, float, float]] = {}
"""Data set -> AUC of baselines.md, of the plain federated card, of the default one."""


TREES: dict[str, tuple[int, float, float]] = {}
"""Data set -> parties, AUC of the trees of their sums, of scikit-learn's (hold-out)."""


@cache
def pooled(name: str, rules: Rules) -> Card:
    """Return the reference card of a data set's pooled training rows."""
    data = credit_data.load(name)
    return reference.fit(data.train, credit_data.columns(data), LABEL, rules)


@cache
def compare(
    name: str, partition: str, rules: Rules = DEFAULT, encryption: str = "wide"
) -> Comparison:
    """Carry out an encrypted run and fit the reference."""
    data = credit_data.load(name)
    parts = data.parts(partition)
    start = time.perf_counter()
    with fc.Federation.simulate(
        parts,
        policy=fc.DisclosurePolicy(
            min_subjects=rules.min_subjects, min_bads=rules.min_bads, min_goods=rules.min_goods
        ),
        schema=data.schema,
        quiet=True,
    ) as federation:
        result = federation.run(job(rules, encryption))
    seconds = time.perf_counter() - start
    card = pooled(name, rules)
    return Comparison(data, partition, len(parts), rules, result, card, seconds)


def job(rules: Rules, encryption: str = "wide") -> fc.HorizontalJob:
    """Return the request for a card with these rules."""
    return fc.HorizontalJob(
        purpose="modelling",
        label=LABEL,
        split_column=SAMPLE,
        model=fc.Scorecard(
            max_bins=rules.max_bins,
            min_bin=rules.min_bin,
            monotone=rules.monotone,
            signs=rules.signs,
            l2=rules.l2,
        ),
        encryption=encryption,  # type: ignore[arg-type]
        run_deadline_s=240,
    )


def card_name(rules: Rules) -> str:
    """Return a word for a set of rules."""
    return {DEFAULT: "default", PLAIN: "plain"}.get(rules, "other")
