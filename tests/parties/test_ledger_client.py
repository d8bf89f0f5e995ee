"""Members wait for news without asking twice, and stop waiting at once."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fedcredit as fc
from fedcredit_parties.ledger_client import LedgerClient
from tests.simulated import entries, parts, small_federation


@pytest.fixture(scope="module")
def federation() -> Iterator[fc.Federation]:
    with small_federation() as federation:
        yield federation


class CountingFront:
    """A window that counts the questions for leaves, those under way and in all."""

    def __init__(self, window: Any) -> None:
        self._window = window
        self.n_asked = 0
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()

    def leaves(self, start: int, *, timeout_s: float = 0.0) -> list[bytes]:
        with self._lock:
            self.n_asked += 1
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return self._window.leaves(start, timeout_s=timeout_s)
        finally:
            with self._lock:
                self._at_once -= 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._window, name)


@pytest.fixture
def reader(federation: fc.Federation) -> LedgerClient:
    """A copy of its own for the analyst, over a front that counts."""
    simulation = parts(federation)
    ledger = LedgerClient(
        key=simulation.identities["analyst"].signing,
        origin=simulation.log.origin,
        founding_entry=simulation.founding_entry,
        front=CountingFront(simulation.desk.window("analyst")),
        clock=simulation.clock,
    )
    ledger.refresh()
    return ledger


def test_threads_of_one_member_share_one_question(
    federation: fc.Federation, reader: LedgerClient
) -> None:
    size, deadline = reader.replica.size, time.monotonic() + 10.0

    def wait() -> None:
        reader.wait(lambda state: True if reader.replica.size > size else None, deadline=deadline)

    threads = [threading.Thread(target=wait) for _ in range(5)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    parts(federation).requester.member.ledger.append(
        "endorsement-given", {"act_digest": "0" * 64, "act_type": "none", "decision": "decline"}
    )
    for thread in threads:
        thread.join()

    front: Any = reader.front
    assert reader.replica.size == size + 1
    assert front.most_at_once == 1
    # The fixture's own question, and one long poll for five threads.
    assert front.n_asked == 2


def test_what_is_here_already_is_found_without_a_question(reader: LedgerClient) -> None:
    found = reader.wait(lambda state: sorted(state.parties), deadline=time.monotonic() + 1.0)

    front: Any = reader.front
    assert found is not None and "analyst" in found
    assert front.n_asked == 1


def test_a_deadline_that_has_passed_still_looks_once(
    federation: fc.Federation, reader: LedgerClient
) -> None:
    size = reader.replica.size
    parts(federation).requester.member.ledger.append(
        "endorsement-given", {"act_digest": "1" * 64, "act_type": "none", "decision": "decline"}
    )

    found = reader.wait(
        lambda state: True if reader.replica.size > size else None, deadline=time.monotonic()
    )

    assert found is True


def test_two_processes_of_one_author_never_write_the_same_number(
    federation: fc.Federation, tmp_path: Path
) -> None:
    """Two clients with one pen file, as the daemon and the command line have."""
    simulation = parts(federation)
    clients = [
        LedgerClient(
            key=simulation.identities["analyst"].signing,
            origin=simulation.log.origin,
            founding_entry=simulation.founding_entry,
            front=CountingFront(simulation.desk.window("analyst")),
            clock=simulation.clock,
            pen=tmp_path / "pen",
        )
        for _ in range(2)
    ]

    for turn in [0, 0, 1, 0, 1, 1]:
        data = {"act_digest": "2" * 64, "act_type": "none", "decision": "decline"}
        clients[turn].append("endorsement-given", data)

    clients[0].refresh()
    numbers = [entry.author_seq for entry in entries(federation) if entry.author == "analyst"]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 6


def test_a_pen_that_was_dropped_in_the_middle_is_no_obstacle(
    federation: fc.Federation, tmp_path: Path
) -> None:
    """The process died after it had noted what it was about to write."""
    simulation = parts(federation)
    ledger = LedgerClient(
        key=simulation.identities["analyst"].signing,
        origin=simulation.log.origin,
        founding_entry=simulation.founding_entry,
        front=simulation.desk.window("analyst"),
        clock=simulation.clock,
        pen=tmp_path / "pen",
    )
    (tmp_path / "pen").write_text("f" * 64, "ascii")

    data = {"act_digest": "3" * 64, "act_type": "none", "decision": "decline"}
    first = ledger.append("endorsement-given", data)
    second = ledger.append("endorsement-given", data)

    assert first != second
    assert (tmp_path / "pen").read_text("ascii") == second
