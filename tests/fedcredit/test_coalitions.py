"""What a party adds: only with the word of every party that a run leaves out."""

from collections.abc import Iterator

import pytest

import fedcredit as fc
from fedcredit.errors import JobError
from fedcredit_parties.errors import DifferencingError, GrantError
from tests.simulated import bank_frames, entries, small_federation, small_job

POLICY = fc.DisclosurePolicy(min_parties=2)


@pytest.fixture(scope="module")
def three() -> Iterator[fc.Federation]:
    with small_federation(bank_frames(3, 300), policy=POLICY) as federation:
        yield federation


def allow(federation: fc.Federation, plan: fc.CoalitionPlan, *parties: str) -> None:
    for party in parties:
        for run_id in plan.run_ids:
            federation.allow_difference(party, run_id)


def test_without_every_word_the_second_run_is_refused(three):
    plan = fc.CoalitionPlan.leave_one_out(three.parties)
    allow(three, plan, "bank-1", "bank-2")

    with pytest.raises(DifferencingError, match="bank-0"):
        fc.leave_one_out(three, small_job(min_parties=2), plan)

    assert entries(three, "run-finished")


def test_with_the_word_of_every_party_a_planned_run_is_taken(three):
    plan = fc.CoalitionPlan.leave_one_out(three.parties)
    allow(three, plan, *three.parties)
    rest = ("bank-0", "bank-1")

    job = small_job(min_parties=2, parties=rest)
    result = three.run(job, run_id=plan.runs[frozenset(rest)])

    assert (result.file.parties, result.run_id) == (rest, plan.runs[frozenset(rest)])


@pytest.mark.long
def test_with_every_word_shapley_s_value_adds_up(three):
    job = small_job(min_parties=2)
    plan = fc.CoalitionPlan.shapley(three.parties, least=2)
    allow(three, plan, *three.parties)

    found = fc.shapley(three, job, plan)

    finished = {entry.data["run_id"] for entry in entries(three, "run-finished")}
    assert set(plan.run_ids) <= finished
    assert sorted(found.index) == list(three.parties)
    assert 0.15 < found["shapley"].sum() < 0.4  # the AUC of all lies between 0.65 and 0.9
    assert found["shapley"].max() - found["shapley"].min() < 0.05  # banks of one kind


@pytest.mark.long
def test_leave_one_out_names_what_is_lost(three):
    plan = fc.CoalitionPlan.leave_one_out(three.parties)
    allow(three, plan, *three.parties)

    found = fc.leave_one_out(three, small_job(min_parties=2), plan)

    assert found["auc_all"].nunique() == 1
    assert (found["auc_all"] - found["auc_without"]).to_list() == pytest.approx(
        found["adds"].to_list()
    )
    assert found["adds"].abs().max() < 0.05


def test_a_plan_has_two_runs_for_each_coalition():
    one = fc.CoalitionPlan.leave_one_out(["c", "a", "b"])
    every = fc.CoalitionPlan.shapley("abcd", least=3)

    assert {"".join(sorted(c)) for c in one.runs} == {"abc", "ab", "ac", "bc"}
    assert {"".join(sorted(c)) for c in every.runs} == {"abcd", "abc", "abd", "acd", "bcd"}
    assert len(set(every.run_ids)) == 2 * 5


def test_too_many_parties_no_hold_out_and_strangers_are_named(three):
    with pytest.raises(JobError, match="too many coalitions"):
        fc.CoalitionPlan.shapley("abcdefg", least=3)
    with pytest.raises(JobError, match="hold-out"):
        fc.leave_one_out(three, small_job(min_parties=2, holdout=0.0))
    with pytest.raises(GrantError, match="bank-9"):
        three.allow_difference("bank-9", "a-run")
