"""One living daemon per identity: who is let in, who ends, and how soon after a crash."""

import threading
from pathlib import Path

import pytest

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
    places = Sessions(clock)

    assert places.hello("bank-a", "one", ()) is None
    clock.now += 1.5
    assert places.hello("bank-a", "two", ()) == 1.5
    assert places.hello("bank-b", "two", ()) is None
    assert places.hello("bank-a", "one", ()) is None
    assert places.n_refused == 1


def test_a_holder_that_fell_silent_gives_up_its_place():
    clock = Clock()
    places = Sessions(clock)
    places.hello("bank-a", "one", ())

    clock.now += SILENT_S - 0.1
    early = places.hello("bank-a", "two", ())
    clock.now += 0.2
    late = places.hello("bank-a", "two", ())
    back = places.hello("bank-a", "one", ())

    assert early == pytest.approx(SILENT_S - 0.1)
    assert (late, back) == (None, 0.0)


def test_a_restart_is_let_in_at_once():
    places = Sessions(Clock())
    places.hello("bank-a", "one", ())

    assert places.hello("bank-a", "two", ("one",)) is None
    assert places.hello("bank-a", "two", ()) is None


def test_an_earlier_life_that_calls_again_was_alive_and_the_newcomer_is_refused_for_good():
    places = Sessions(Clock())
    places.hello("bank-a", "one", ())
    places.hello("bank-a", "two", ("one",))

    assert places.hello("bank-a", "one", ()) is None
    assert places.hello("bank-a", "two", ()) == 0.0
    assert places.hello("bank-a", "three", ("two", "one")) == 0.0


@pytest.fixture
def counter(tmp_path: Path):
    counter = Counter(tmp_path)
    yield counter
    counter.close()


def life(counter: Counter, folder: Path) -> Session:
    folder.mkdir(exist_ok=True)
    return Session("bank-a", counter.client("bank-a"), folder)


def test_the_same_folder_comes_back_at_once_and_a_copy_of_it_waits_in_vain(
    counter, tmp_path, monkeypatch
):
    monkeypatch.setattr(sessions, "SILENT_S", 0.6)
    monkeypatch.setattr(sessions, "BEAT_S", 0.2)
    never = threading.Event()
    killed = life(counter, tmp_path / "here")
    killed.begin(never)

    again = life(counter, tmp_path / "here")
    again.begin(never)
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "sessions.json").write_bytes((tmp_path / "here" / "sessions.json").read_bytes())
    with pytest.raises(DuplicateIdentityError) as double:
        life(counter, copy).begin(never)

    assert "another daemon of bank-a is alive" in double.value.message
    assert double.value.exit_code == 73
    assert counter.client("bank-a").hello(again.id, ()) is None


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
