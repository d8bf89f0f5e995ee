"""Four banks, a key holder and a coordinator as processes of their own, over Flower and TLS.

The card is the simulation's; a bank that is killed in the middle of a round costs seconds and not
the run. The other processes and moments are in ``test_kills.py``. One federation serves the whole
file, because founding and starting it takes seconds.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

import fedcredit as fc
from fedcredit_parties.daemon import read_status
from tests.e2e.running import FRAMES, Meanwhile, Moments, Running


def test_daemons_and_simulation_give_the_same_integers(
    running: Running, expected: fc.TrainingResult
) -> None:
    with running.federation() as federation:
        result, running.undisturbed_s = running.timed_run(federation)

    counts = ["feature", "bin", "n", "bads", "points"]
    assert result.model.table()[counts].equals(expected.model.table()[counts])
    assert np.array_equal(result.model.coef_, expected.model.coef_)
    assert result.file.metrics == expected.file.metrics
    assert all(row.bytes_sent > 100_000 for row in result.file.participation.values())


def test_a_bank_killed_before_it_contributes_costs_seconds_and_not_the_run(
    running: Running,
    expected: fc.TrainingResult,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    with running.federation() as federation:
        moments = Moments(federation)

        def act() -> None:
            moments.opened(3)
            running.halt("bank-1")
            attempt = moments.attempted(4)
            assert "bank-1" not in attempt.contributions
            running.kill("bank-1")

        with Meanwhile(act):
            result, seconds = running.timed_run(federation)

    cost_s = seconds - running.undisturbed_s
    print(
        f"\nbank-1 killed before it contributes: {cost_s:+.1f} s to {running.undisturbed_s:.1f} s"
    )
    assert np.allclose(result.model.coef_, expected.model.coef_, atol=1e-9, rtol=0)
    assert result.file.metrics == expected.file.metrics
    running.check_ledgers(tmp_path)


def test_every_daemon_says_that_it_is_ready_and_nothing_of_its_rows(running: Running) -> None:
    for name in FRAMES:
        said = read_status(running.folder / name / "state")

        assert said["ready"] is True
        assert not {"rows", "n_rows", "columns"} & set(said)
