"""Nobody chooses the point at which a round is evaluated, and no steep point is answered.

Three attackers: a coordinator that names another input, a coordinator that asks for a phase out of
turn, and a key holder that releases a model of its own making. The weak variant is a bank that
evaluates whatever it is sent: one Newton sum at a steep point is one customer's row.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import fedcredit as fc
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_models import logistic
from fedcredit_parties import key_holder as key_holder_module
from fedcredit_parties.errors import InputNotReleasedError, MalformedMessageError, SteepModelError
from fedcredit_parties.procedure import Memory
from fedcredit_parties.release import release
from fedcredit_parties.scorecard_course import ScorecardCourse
from fedcredit_parties.scorecard_task import COEFFICIENT_BITS
from tests.simulated import entries, newest_run, parts, small_job, types_of


def test_the_ledger_refuses_an_input_that_was_not_released(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    coordinator = parts(federation).coordinator
    codes: list[str] = []
    honest_attempt = coordinator._attempt

    def attempt_elsewhere(run: Any, phase: str) -> Any:
        try:
            coordinator.member.ledger.append(
                "round-attempted",
                {
                    "run_id": run.run_id,
                    "round": len(run.opened) + 1,
                    "attempt": 1,
                    "phase": phase,
                    "group": "all",
                    "roster": list(run.roster),
                    "input_digest": "ab" * 32,
                    "deadline": run.proposal["valid_until"],
                },
            )
        except RejectedEntryError as error:
            codes.append(error.code)
        return honest_attempt(run, phase)

    monkeypatch.setattr(coordinator, "_attempt", attempt_elsewhere)

    result = federation.run(small_job())

    assert set(codes) == {"input-not-released"}
    assert len(codes) == len(result.history)


@pytest.mark.parametrize("phase", ["bins", "newton", "metrics"])
def test_a_phase_out_of_turn_is_answered_by_nobody(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    monkeypatch.setattr(parts(federation).coordinator, "_phase", lambda run, task: phase)

    with pytest.raises(InputNotReleasedError):
        federation.run(small_job())

    run = newest_run(federation)
    assert "round-contributed" not in types_of(federation, run.run_id)
    assert run.failure == "InputNotReleasedError"


def steep_everywhere(document: dict[str, Any]) -> None:
    """Send every coefficient far out."""
    point = document["values"]["point"]
    document["values"]["point"] = [25 << COEFFICIENT_BITS] * len(point)


def a_wall_of_weight(document: dict[str, Any]) -> None:
    """Keep within the limit of 20, and leave weight on a thin wall of customers only."""
    point = document["values"]["point"]
    document["values"]["point"] = [
        19 << COEFFICIENT_BITS,
        *((-20 << COEFFICIENT_BITS) for _ in point[1:]),
    ]


@pytest.mark.parametrize("craft", [steep_everywhere, a_wall_of_weight])
def test_a_steep_release_is_not_evaluated(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch, craft: Any
) -> None:
    def crafted(
        released: ScorecardCourse, sums: Mapping[str, Any], memory: Memory
    ) -> dict[str, Any]:
        document = release(released, sums, memory)
        if document["phase"] == "newton":
            document["outcome"] = "continue"
            craft(document)
        return document

    monkeypatch.setattr(key_holder_module, "release", crafted)

    with pytest.raises(SteepModelError) as refused:
        federation.run(small_job())

    run = newest_run(federation)
    last = run.rounds[-1]
    assert refused.value.party.startswith("bank-")
    assert last.phase == "newton" and not last.is_committed
    assert run.failure == "SteepModelError"


def test_a_steep_release_is_not_scored_either(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The metrics phase puts every customer into a fine cell by score."""

    def crafted(
        released: ScorecardCourse, sums: Mapping[str, Any], memory: Memory
    ) -> dict[str, Any]:
        document = release(released, sums, memory)
        if document["phase"] == "newton":
            document["outcome"] = "converged"
            document["values"]["standard_errors"] = [0] * len(document["values"]["point"])
            steep_everywhere(document)
        return document

    monkeypatch.setattr(key_holder_module, "release", crafted)

    with pytest.raises(SteepModelError):
        federation.run(small_job())

    assert newest_run(federation).rounds[-1].phase == "metrics"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"point": "0"},
        {"point": [0]},
        {"point": [1 << 600, 0, 0, 0]},
        {"point": [None, 0, 0, 0]},
        {"point": [0.5, 0, 0, 0]},
    ],
    ids=["no point", "text", "too short", "too large", "null", "a fraction"],
)
def test_a_release_that_is_no_newton_step_is_a_named_error(
    federation: fc.Federation, values: dict[str, Any]
) -> None:
    task = small_job().task(
        federation.schema(small_job()), parties=federation.parties, policy=federation.policy
    )
    released = ScorecardCourse(task)
    released.phase = "newton"

    with pytest.raises(MalformedMessageError):
        released.absorb({"phase": "newton", "outcome": "continue", "values": values})


@pytest.mark.parametrize("forged", ["another document", "another salt", "another run's"])
def test_a_release_that_does_not_open_the_commitment_is_not_evaluated(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch, forged: str
) -> None:
    """A key holder that tells one bank something else than the ledger says."""
    honest_seal = key_holder_module.seal_release

    def seal(document: dict[str, Any], salt: str, **about: Any) -> bytes:
        if about["recipient"] == "bank-1":
            if forged == "another document":
                document = {**document, "values": {**document["values"], "n_clipped": 7}}
            elif forged == "another salt":
                salt = "AAAA" + salt[4:]
            else:
                about = {**about, "run_id": "0" * 8}
        return honest_seal(document, salt, **about)

    monkeypatch.setattr(key_holder_module, "seal_release", seal)
    expected = "EncryptionError" if forged == "another run's" else "InputNotReleasedError"

    with pytest.raises(Exception) as refused:
        federation.run(small_job())

    run = newest_run(federation)
    assert (type(refused.value).__name__, run.failure) == (expected, expected)
    assert getattr(refused.value, "party", "") == "bank-1"
    assert [
        e.author
        for e in entries(federation, "round-contributed")
        if e.data["run_id"] == run.run_id and e.data["round"] == 2 and e.author == "bank-1"
    ] == []


def test_the_federation_still_works_after_all_these_attacks(federation: fc.Federation) -> None:
    assert federation.run(small_job()).history["outcome"].iloc[-1] == "done"


# The weak variant


def test_a_bank_that_answers_a_steep_point_gives_away_one_customer() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(5_000, 3)) * 0.8
    y = (rng.random(5_000) < 0.3).astype(np.int64)
    victim = X[1_234]
    direction = rng.normal(size=3)
    # A wall so thin that nobody else stands on it: p (1 - p) is zero everywhere else.
    beta = 1e7 * np.array([-direction @ victim, *direction])

    sums = logistic.newton_sums(X, y, beta)
    read = sums.hessian[0, 1:] / sums.hessian[0, 0]

    assert np.abs(read - victim).max() < 1e-9
    p = 1 / (1 + np.exp(-np.clip(beta[0] + X @ beta[1:], -500, 500)))
    assert not logistic.rows_carry_weight(p * (1 - p))
