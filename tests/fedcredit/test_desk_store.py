"""Shares at the desk: what arrives counts, what others hand in too stays whose it was."""

from datetime import timedelta

import pytest

from fedcredit.coordinator import desk_store
from fedcredit.coordinator.desk_store import DeskStore, FullDeskError, Label
from fedcredit_parties.errors import MachineError, MalformedMessageError
from fedcredit_parties.member import utc_now


class Clock:
    def __init__(self) -> None:
        self.now = utc_now()

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    store = DeskStore(tmp_path / "desk", clock=clock)
    yield store
    store.close()


def put(store: DeskStore, data: bytes, owner: str) -> str:
    blob = store.new_blob(owner)
    try:
        blob.write(data)
        return blob.commit()
    finally:
        blob.abort()


def has(store: DeskStore, digest: str) -> bool:
    file = store.open_blob(digest)
    if file is not None:
        file.close()
    return file is not None


def letter(number: int) -> Label:
    return Label(sender="bank-a", kind="letter", run_id="", post_id=str(number))


def test_blobs_that_arrive_at_the_same_time_share_their_owners_room(store, monkeypatch):
    monkeypatch.setattr(desk_store, "MAX_HELD_BYTES", 1_000)
    first, second = store.new_blob("bank-a"), store.new_blob("bank-a")
    first.write(b"x" * 600)

    with pytest.raises(FullDeskError):
        second.write(b"y" * 600)
    second.abort()
    put(store, b"z" * 600, "bank-b")
    first.abort()
    put(store, b"y" * 600, "bank-a")

    with pytest.raises(FullDeskError):
        put(store, b"w" * 600, "bank-a")
    put(store, b"v" * 400, "bank-a")


def test_a_blob_that_was_not_kept_leaves_its_room(store, monkeypatch):
    monkeypatch.setattr(desk_store, "MAX_HELD_BYTES", 1_000)
    blob = store.new_blob("bank-a")
    blob.write(b"x" * 900)
    with pytest.raises(MalformedMessageError):
        blob.commit("0" * 64)
    blob.abort()

    put(store, b"y" * 1_000, "bank-a")


def test_a_blob_that_another_hands_in_too_is_each_ones_for_its_own_time(store, clock):
    digest = put(store, b"ciphertext", "coordinator")
    clock.now += timedelta(hours=2)
    put(store, b"ciphertext", "bank-a")

    store.drop(clock.now - timedelta(hours=1), owner="coordinator")
    assert has(store, digest)
    store.drop(clock.now - timedelta(hours=1))
    assert has(store, digest)
    store.drop(clock.now + timedelta(hours=1), owner="coordinator")
    assert has(store, digest)
    store.drop(clock.now + timedelta(hours=1))
    assert not has(store, digest)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_blob_of_two_counts_for_each_of_them_once(tmp_path, monkeypatch, restarted):
    monkeypatch.setattr(desk_store, "MAX_HELD_BYTES", 1_000)
    store = DeskStore(tmp_path / "shared")
    for owner in ("bank-a", "bank-b", "bank-a"):
        put(store, b"x" * 400, owner)
    if restarted:
        store.close()
        store = DeskStore(tmp_path / "shared")

    for owner in ("bank-a", "bank-b"):
        with pytest.raises(FullDeskError):
            put(store, b"y" * 601, owner)
        put(store, b"y" * 600, owner)
    store.close()


def test_a_posting_that_the_disk_refuses_changes_no_count(store, monkeypatch):
    monkeypatch.setattr(desk_store, "MAX_LOOSE_NOTES", 2)
    monkeypatch.setattr(desk_store, "MAX_INBOX_BYTES", 250)
    for number in range(2):
        store.post("bank-b", b"x" * 100, letter(number))
    store._db.execute(
        "CREATE TRIGGER full BEFORE INSERT ON note BEGIN SELECT RAISE(ROLLBACK, 'full'); END"
    )
    for number in range(2, 4):  # an old note would make room
        with pytest.raises(MachineError):
            store.post("bank-b", b"x" * 50, letter(number))
    store._db.execute("DROP TRIGGER full")

    with pytest.raises(FullDeskError):
        store.post("key-holder", b"x" * 51, letter(9))
    assert len(store.notes("bank-b", 0, most=1_000)) == 2
    assert store.post("key-holder", b"x" * 50, letter(9)) == 1
