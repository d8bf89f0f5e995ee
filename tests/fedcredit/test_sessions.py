"""One living daemon per identity: who is let in, who ends, and how soon after a crash."""

import threading
import time
from pathlib import Path

import pytest

from fedcredit.coordinator import sessions as places
from fedcredit.coordinator.sessions import Sessions
from fedcredit_parties import session as sessions
from fedcredit_parties.errors import DuplicateIdentityError
from fedcredit_parties.session import SILENT_S, Session
from tests.front_desk import Counter


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_first_to_call_holds_the_place_and_another_is_told_when_it_was_heard():
    clock = Clock()
    held = Sessions(clock)

    assert held.hello("bank-a", "one", ()) is None
    clock.now += 1.5
    assert held.hello("bank-a", "two", ()) == 1.5
    assert held.hello("bank-b", "two", ()) is None
    assert held.hello("bank-a", "one", ()) is None
    assert held.n_refused == 1


def test_a_holder_that_fell_silent_gives_up_its_place():
    clock = Clock()
    held = Sessions(clock)
    held.hello("bank-a", "one", ())

    clock.now += SILENT_S - 0.1
    early = held.hello("bank-a", "two", ())
    clock.now += 0.2
    late = held.hello("bank-a", "two", ())
    back = held.hello("bank-a", "one", ())

    assert early == pytest.approx(SILENT_S - 0.1)
    assert (late, back) == (None, 0.0)


def test_a_restart_is_let_in_at_once():
    held = Sessions(Clock())
    held.hello("bank-a", "one", ())

    assert held.hello("bank-a", "two", ("one",)) is None
    assert held.hello("bank-a", "two", ()) is None


def test_an_earlier_life_that_calls_again_was_alive_and_the_newcomer_is_refused_for_good():
    clock = Clock()
    held = Sessions(clock)
    held.hello("bank-a", "one", ())
    held.hello("bank-a", "two", ("one",))

    assert held.hello("bank-a", "one", ()) is None
    assert held.hello("bank-a", "two", ()) is None, "one call may have been under way"
    clock.now += 2.0
    assert held.hello("bank-a", "one", ()) is None
    assert held.hello("bank-a", "two", ()) == 0.0
    assert held.hello("bank-a", "three", ("two", "one")) == 0.0


@pytest.fixture
def counter(tmp_path: Path):
    counter = Counter(tmp_path)
    yield counter
    counter.close()


def life(counter: Counter, folder: Path) -> Session:
    folder.mkdir(exist_ok=True)
    return Session("bank-a", counter.client("bank-a"), folder)


def test_the_same_folder_comes_back_at_once_and_a_copy_of_it_ends(counter, tmp_path, monkeypatch):
    monkeypatch.setattr(sessions, "BEAT_S", 0.2)
    stop = threading.Event()
    killed = life(counter, tmp_path / "here")
    killed.begin(stop)

    again = life(counter, tmp_path / "here")
    again.begin(stop)
    beating = threading.Thread(target=again.serve, args=(stop,))
    beating.start()
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "sessions.json").write_bytes((tmp_path / "here" / "sessions.json").read_bytes())
    with pytest.raises(DuplicateIdentityError) as double:
        life(counter, copy).begin(stop)

    stop.set()
    beating.join()
    assert "another daemon of bank-a is alive" in double.value.message
    assert double.value.exit_code == 73
    assert counter.client("bank-a").hello(again.id, ()) is None


def test_another_folder_is_let_in_when_the_first_has_been_silent(counter, tmp_path, monkeypatch):
    monkeypatch.setattr(places, "SILENT_S", 0.5)
    monkeypatch.setattr(sessions, "BEAT_S", 0.2)
    never = threading.Event()
    life(counter, tmp_path / "lost").begin(never)
    began = time.monotonic()

    life(counter, tmp_path / "restored").begin(never)

    assert 0.3 < time.monotonic() - began < 3.0


def test_a_daemon_whose_place_was_given_away_ends(counter, tmp_path, monkeypatch):
    monkeypatch.setattr(sessions, "BEAT_S", 0.05)
    never = threading.Event()
    first = life(counter, tmp_path / "one")
    first.begin(never)
    counter.client("bank-a").hello("f" * 32, (first.id,))

    second = Session("bank-a", counter.client("bank-a"), tmp_path / "one")
    second.id = "e" * 32
    with pytest.raises(DuplicateIdentityError):
        second.serve(never)
