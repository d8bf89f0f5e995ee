"""What the coordinator's supervisor does about processes that end, hang, or come too often."""

import types
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fedcredit.coordinator.daemon import LATE_S, MANY, Supervisor
from fedcredit.coordinator.deployment import lock_of
from fedcredit_ledger.entry import format_time
from fedcredit_parties.file_lock import only_one
from fedcredit_parties.member import utc_now


class Link:
    """A SuperLink that starts runs, and counts."""

    alive = True

    def __init__(self) -> None:
        self.started: list[str] = []
        self.stopped: list[int] = []
        self.status = "running"

    def run(self, app: Path, config: dict[str, str]) -> tuple[int, str]:
        self.started.append(config["run-id"])
        return len(self.started), "hash"

    def run_status(self, flower_run: int) -> str:
        return self.status

    def stop_run(self, flower_run: int) -> None:
        self.stopped.append(flower_run)


def run_of(run_id: str, *, until_s: float = 600.0, status: str = "started") -> Any:
    until = format_time(utc_now() + timedelta(seconds=until_s))
    return types.SimpleNamespace(run_id=run_id, status=status, proposal={"valid_until": until})


@pytest.fixture
def link() -> Link:
    return Link()


def supervisor(link: Any, folder: Path, *runs: Any) -> Supervisor:
    setup: Any = types.SimpleNamespace(state=folder, path=folder / "coordinator.toml")
    state = types.SimpleNamespace(runs={run.run_id: run for run in runs})
    log: Any = types.SimpleNamespace(state=state)
    outside: Any = types.SimpleNamespace(status=dict, problem="")
    return Supervisor(setup, log, link, outside)


def test_a_process_that_was_seen_and_has_ended_is_started_again(link: Link, tmp_path: Path) -> None:
    looking = supervisor(link, tmp_path, run_of("a"))
    looking._start_run()
    with only_one(lock_of(tmp_path, "a"), "the process of the run"):
        looking._look_after()
    assert link.stopped == []

    looking._look_after()
    looking._start_run()

    assert (link.stopped, link.started) == ([1], ["a", "a"])


def test_a_process_that_has_not_begun_yet_is_waited_for(link: Link, tmp_path: Path) -> None:
    looking = supervisor(link, tmp_path, run_of("a"))
    looking._start_run()

    for _ in range(5):
        looking._look_after()
        looking._start_run()

    assert (link.stopped, link.started) == ([], ["a"])


def test_a_process_that_hangs_after_the_deadline_is_replaced(
    link: Link, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = supervisor(link, tmp_path, run_of("a", until_s=-LATE_S - 1.0))
    looking._start_run()
    looking._look_after()
    assert link.stopped == []

    looking._began -= LATE_S + 1.0
    looking._look_after()

    assert link.stopped == [1]


def test_a_run_that_ends_again_and_again_lets_the_others_go_first(
    link: Link, tmp_path: Path
) -> None:
    looking = supervisor(link, tmp_path, run_of("a"), run_of("b"))

    for _ in range(MANY + 1):
        link.status = "running"
        looking._start_run()
        link.status = "finished"
        looking._look_after()

    assert link.started == ["a"] * MANY + ["b"]


def test_a_run_that_is_over_leaves_no_lock_file(link: Link, tmp_path: Path) -> None:
    run = run_of("a")
    looking = supervisor(link, tmp_path, run)
    looking._start_run()
    lock_of(tmp_path, "a").touch()

    run.status = "finished"
    looking._start_run()

    assert not lock_of(tmp_path, "a").exists()
