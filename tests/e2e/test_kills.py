"""Every process is killed at every moment of a round that matters, and the card stays the same.

Each test kills with SIGKILL when the ledger shows the moment, starts the process again after half a
second, and prints what it cost against an undisturbed run of the same federation.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import fedcredit as fc
from fedcredit.errors import PartiesMissingError
from fedcredit.machine import COORDINATOR, KEY_HOLDER
from fedcredit_ledger.chain import Leaf
from tests.e2e.running import (
    FRAMES,
    SERVER_APP,
    SUPERLINK,
    Meanwhile,
    Moments,
    Running,
)

pytestmark = pytest.mark.long

COSTS: list[tuple[str, float]] = []

MOST_S = 30.0
"""What a kill may cost on a busy machine; a run would take minutes to fail."""


@pytest.fixture(name="running", scope="module")
def running_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("kills") / "federation")
    try:
        running.start()
        with running.federation() as federation:
            running.timed_run(federation)
            running.undisturbed_s = running.timed_run(federation)[1]
        yield running
    finally:
        running.machine.down()
        for moment, seconds in COSTS:
            print(f"  {seconds:+6.1f} s  {moment}")


Act = Callable[[Running, Moments], None]
Record = Callable[[str, object], None]


def while_contributing(running: Running, moments: Moments) -> None:
    moments.opened(3)
    running.halt("bank-1")
    moments.attempted(4)
    running.kill("bank-1")


def after_contributing(running: Running, moments: Moments) -> None:
    """Another bank is stopped, so nobody has sent anything when the killed one has committed."""
    moments.opened(3)
    running.halt("bank-2")
    moments.contributed(4, "bank-1")
    running.kill("bank-1")
    running.let_go("bank-2")


def twice(running: Running, moments: Moments) -> None:
    for number in (3, 5):
        moments.attempted(number)
        running.kill("bank-3")


def key_holder_before_it_opens(running: Running, moments: Moments) -> None:
    """The last bank of the roster has its release of round 3, so all banks have."""
    moments.contributed(4, "bank-3")
    running.halt(KEY_HOLDER)
    moments.aggregated(4)
    running.kill(KEY_HOLDER)


def key_holder_when_it_has_opened(running: Running, moments: Moments) -> None:
    moments.opened(4)
    running.kill(KEY_HOLDER)


def coordinator_while_banks_contribute(running: Running, moments: Moments) -> None:
    moments.opened(3)
    running.halt("bank-0")
    moments.attempted(4)
    running.kill(COORDINATOR)
    running.let_go("bank-0")


def coordinator_before_the_opening(running: Running, moments: Moments) -> None:
    moments.contributed(4, "bank-3")
    running.halt(KEY_HOLDER)
    moments.aggregated(4)
    running.kill(COORDINATOR)
    running.let_go(KEY_HOLDER)


def superlink_while_replies_are_under_way(running: Running, moments: Moments) -> None:
    moments.opened(3)
    running.halt("bank-0")
    moments.contributed(4, "bank-1")
    running.kill(SUPERLINK)
    running.let_go("bank-0")


def server_app(running: Running, moments: Moments) -> None:
    moments.opened(3)
    running.kill(SERVER_APP)


def bank_and_key_holder_at_once(running: Running, moments: Moments) -> None:
    moments.opened(3)
    running.kill("bank-0", KEY_HOLDER)


def coordinator_and_bank_at_once(running: Running, moments: Moments) -> None:
    moments.opened(3)
    running.kill(COORDINATOR, "bank-2")


@pytest.mark.parametrize(
    "act",
    [
        while_contributing,
        after_contributing,
        twice,
        key_holder_before_it_opens,
        key_holder_when_it_has_opened,
        coordinator_while_banks_contribute,
        coordinator_before_the_opening,
        superlink_while_replies_are_under_way,
        server_app,
        bank_and_key_holder_at_once,
        coordinator_and_bank_at_once,
    ],
    ids=lambda act: act.__name__.replace("_", " "),
)
def test_a_process_killed_in_a_round_costs_seconds_and_not_the_run(
    running: Running, expected: fc.TrainingResult, act: Act, record_property: Record
) -> None:
    with running.federation() as federation:
        moments = Moments(federation)

        def disturb() -> None:
            try:
                act(running, moments)
            finally:
                running.let_go(*running.members)

        with Meanwhile(disturb):
            result, seconds = running.timed_run(federation)

    COSTS.append((act.__name__.replace("_", " "), seconds - running.undisturbed_s))
    record_property("cost_s", round(seconds - running.undisturbed_s, 1))
    record_property("undisturbed_s", round(running.undisturbed_s, 1))
    assert np.allclose(result.model.coef_, expected.model.coef_, atol=1e-9, rtol=0)
    assert result.file.metrics == expected.file.metrics
    assert seconds - running.undisturbed_s < MOST_S


def test_ten_rounds_of_random_kills_change_nothing(
    running: Running, expected: fc.TrainingResult, record_property: Record
) -> None:
    seed = time.time_ns() % 1_000_000
    print(f"\nseed {seed}")
    record_property("seed", seed)
    killed: list[str] = []
    record_property("killed", killed)
    draw = random.Random(seed)

    while len(killed) < 10:
        with running.federation() as federation:
            moments = Moments(federation)

            def act(moments: Moments = moments) -> None:
                for number in sorted(draw.sample(range(2, 8), 2)):
                    moments.opened(number)
                    time.sleep(draw.uniform(0.0, 0.4))
                    name = draw.choice([*FRAMES, KEY_HOLDER, COORDINATOR, SUPERLINK])
                    killed.append(name)
                    running.kill(name)

            with Meanwhile(act):
                result, seconds = running.timed_run(federation)
        COSTS.append((f"random: {', '.join(killed[-2:])}", seconds - running.undisturbed_s))
        assert np.allclose(result.model.coef_, expected.model.coef_, atol=1e-9, rtol=0)


def test_a_party_that_never_returns_fails_the_run_by_rule(running: Running) -> None:
    with running.federation() as federation:
        moments = Moments(federation)

        def act() -> None:
            moments.opened(3)
            os.kill(running.process("bank-2"), signal.SIGKILL)

        with Meanwhile(act), pytest.raises(PartiesMissingError) as caught:
            federation.run(running.job(run_deadline_s=15))
        run = moments.wait(lambda run: run.status == "failed")
    running.machine.up()

    assert 40 <= caught.value.exit_code <= 49
    assert run.failure == "PartiesMissingError"
    assert len(run.opened) >= 3


def test_nothing_was_opened_twice_and_the_ledger_verifies_at_every_member(
    running: Running, tmp_path: Path
) -> None:
    running.check_ledgers(tmp_path)

    with running.federation() as federation:
        replica = federation._backend.requester.member.ledger.replica
        entries = [Leaf.parse(raw).signed.entry for raw in replica.leaves()]
    opened = [
        (e.data["run_id"], e.data["round"], e.data["phase"], e.data["group"])
        for e in entries
        if e.type == "round-opened"
    ]
    assert len(opened) == len(set(opened)) > 50
    assert [e for e in entries if e.type == "opening-refused"] == []


def test_the_next_run_is_as_fast_as_the_first(
    running: Running, expected: fc.TrainingResult
) -> None:
    with running.federation() as federation:
        result, seconds = running.timed_run(federation)

    COSTS.append(("nobody, after all of that", seconds - running.undisturbed_s))
    assert np.array_equal(result.model.coef_, expected.model.coef_)
    assert seconds < running.undisturbed_s + 5.0
