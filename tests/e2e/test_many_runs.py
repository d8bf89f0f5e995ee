"""Runs beside each other and one after another, with processes that come and go in between.

Twenty runs in a row must leave every process as it was: threads, open files and memory are read
from the kernel and printed.
"""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import fedcredit as fc
from fedcredit.machine import COORDINATOR, KEY_HOLDER
from fedcredit_parties.errors import PartyError
from tests.e2e.running import SUPERLINK, Meanwhile, Moments, Running

pytestmark = pytest.mark.long

N_RUNS = 20
SETTLED = 5
"""Runs after which a process has loaded what it ever will."""


def test_two_runs_proposed_at_the_same_time_both_end(
    running: Running, expected: fc.TrainingResult
) -> None:
    results: list[fc.TrainingResult] = []
    errors: list[PartyError] = []

    def run() -> None:
        try:
            with running.federation() as federation:
                results.append(federation.run(running.job()))
        except PartyError as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert len({result.run_id for result in results}) == 2
    assert all(np.array_equal(r.model.coef_, expected.model.coef_) for r in results)


def test_a_run_proposed_while_another_is_open_comes_after_it(
    running: Running, expected: fc.TrainingResult
) -> None:
    results: list[fc.TrainingResult] = []
    with running.federation() as first, running.federation() as second:
        moments = Moments(first)

        def act() -> None:
            moments.opened(2)
            results.append(second.run(running.job()))

        with Meanwhile(act):
            results.append(first.run(running.job()))

    assert all(np.array_equal(r.model.coef_, expected.model.coef_) for r in results)


def test_a_bank_that_is_restarted_in_order_in_a_round_costs_no_run(
    running: Running, expected: fc.TrainingResult
) -> None:
    """SIGTERM, as a service manager sends it for an update."""
    with running.federation() as federation:
        moments = Moments(federation)

        def act() -> None:
            moments.opened(3)
            running.restart("bank-1")

        with Meanwhile(act):
            result = federation.run(running.job())

    assert np.array_equal(result.model.coef_, expected.model.coef_)


@pytest.mark.parametrize("who", ["bank-0", KEY_HOLDER, COORDINATOR])
def test_who_is_restarted_between_runs_takes_part_in_the_next(
    running: Running, expected: fc.TrainingResult, who: str
) -> None:
    running.restart(who)

    with running.federation() as federation:
        result = federation.run(running.job())

    assert np.array_equal(result.model.coef_, expected.model.coef_)


def test_twenty_runs_leave_every_process_as_it_was(
    running: Running, expected: fc.TrainingResult, record_property: Callable[[str, object], None]
) -> None:
    names = (*running.members, SUPERLINK)
    seen: list[dict[str, tuple[int, int, float]]] = []
    seconds: list[float] = []

    with running.federation() as federation:
        for _ in range(N_RUNS):
            result, took = running.timed_run(federation)
            assert np.array_equal(result.model.coef_, expected.model.coef_)
            seconds.append(took)
            seen.append({name: size_of(running.process(name)) for name in names})

    print(f"\nseconds a run: {min(seconds):.1f} to {max(seconds):.1f}")
    record_property("seconds", [round(took, 1) for took in seconds])
    for name in names:
        settled, last = seen[SETTLED][name], seen[-1][name]
        record_property(f"{name}: threads, files, MB", [settled, last])
        print(
            f"{name:12s} threads {settled[0]} -> {last[0]}, files {settled[1]} -> {last[1]}, "
            f"{settled[2]:.0f} -> {last[2]:.0f} MB"
        )
        assert last[0] <= settled[0] + 6, f"{name} gains threads"
        assert last[1] <= settled[1] + 12, f"{name} gains open files"
        assert last[2] <= settled[2] + 60, f"{name} gains memory"


def size_of(process: int) -> tuple[int, int, float]:
    """Return threads, open files and resident MB of a process."""
    status = Path(f"/proc/{process}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    n_files = len(list(Path(f"/proc/{process}/fd").iterdir()))
    return int(fields["Threads"]), n_files, int(fields["VmRSS"].split()[0]) / 1024
