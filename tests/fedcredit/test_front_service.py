"""The front over HTTPS, seen from members that keep the rules."""

import base64
import hashlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest

from fedcredit.coordinator import desk_store, fleet_proxy, front_service, gate
from fedcredit.coordinator.desk_store import DeskStore, Label
from fedcredit.coordinator.front import Desk
from fedcredit_ledger.checkpoint import Checkpoint, TlogProof
from fedcredit_ledger.entry import Entry, SignedEntry, format_time
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.merkle import leaf_hash, verify_consistency
from fedcredit_ledger.note import Note
from fedcredit_parties.errors import DiskFullError, FrontUnreachableError, MalformedMessageError
from fedcredit_parties.member import utc_now
from tests.front_desk import Counter, request

EMPTY = hashlib.sha256(b"").hexdigest()


@pytest.fixture
def counter(tmp_path):
    counter = Counter(tmp_path)
    yield counter
    counter.close()


def asset(party: str, number: int = 0) -> dict[str, object]:
    """Return the data of a `data-asset-registered` entry."""
    return {
        "asset": f"{party}/table-{number}",
        "version": "1",
        "schema_digest": "0" * 64,
        "columns": [{"name": "income", "kind": "numeric", "unit": "fen", "data_level": "row"}],
        "period_from": "2025-01-01",
        "period_to": "2025-12-31",
        "commits": {"statistics": "1" * 64, "n_rows": "2" * 64},
    }


def soon(found, seconds: float = 5.0) -> bool:
    """Say whether something becomes true within some seconds."""
    deadline = time.monotonic() + seconds
    while not found():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


# Ledger


def test_an_entry_handed_in_over_https_gets_a_receipt_that_verifies(counter):
    bank = counter.member("bank-a")
    entry = Entry(
        author="bank-a",
        author_seq=0,
        author_prev="0" * 64,
        ledger=counter.log.origin,
        type="data-asset-registered",
        time=format_time(utc_now()),
        seen_size=1,
        seen_root=bank.ledger.replica.root.hex(),
        readers=["all"],
        data=asset("bank-a"),
    )
    signed = SignedEntry.sign(entry, counter.identities["bank-a"].signing)

    (answer,) = bank.front.submit([signed.encode()])
    (again,) = bank.front.submit([signed.encode()])
    bank.ledger.refresh()

    assert answer.code == ""
    proof = TlogProof.parse(answer.receipt)
    proof.verify(leaf_hash(bank.ledger.replica.leaf(1)), log=counter.log_key.verifier)
    assert (proof.index, TlogProof.parse(again.receipt).index) == (1, 1)
    assert counter.log.size == 2


def test_the_rule_that_refuses_an_entry_reaches_its_author(counter):
    bank = counter.member("bank-a")

    with pytest.raises(RejectedEntryError) as refused:
        bank.ledger.append("grant-revoked", {"grant_id": "g-1", "reason": "withdrawn"})

    assert refused.value.code == "no-such-reference"


def test_a_long_ledger_comes_in_pages_and_is_whole(counter, monkeypatch):
    monkeypatch.setattr(front_service, "PAGE_BYTES", 3_000)
    monkeypatch.setattr(front_service, "LEAVES_A_PAGE", 4)
    bank = counter.member("bank-a")
    for number in range(12):
        bank.ledger.append("data-asset-registered", asset("bank-a", number))

    leaves = counter.client("analyst").leaves(0)

    assert leaves == counter.log.leaves()
    assert len(leaves) == 13


def test_whoever_waits_for_leaves_is_answered_when_one_comes(counter):
    bank = counter.member("bank-a")
    waiting = counter.client("analyst")
    answered: list[float] = []

    def wait() -> None:
        assert len(waiting.leaves(1, timeout_s=20.0)) == 1
        answered.append(time.monotonic())

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.2)
    assert answered == []
    bank.ledger.append("data-asset-registered", asset("bank-a"))
    appended = time.monotonic()
    thread.join()

    assert answered[0] - appended < 1.0


def test_a_wait_in_vain_ends_when_the_caller_said(counter):
    analyst = counter.client("analyst")
    began = time.monotonic()

    found = (
        analyst.leaves(1, timeout_s=0.2),
        analyst.inbox(0, timeout_s=0.2),
        analyst.checkpoint(covering=1, timeout_s=0.2),
        analyst.witness_pending(1, timeout_s=0.2),
    )

    assert found == ([], [], None, None)
    assert 0.8 <= time.monotonic() - began < 3.0


def test_sixty_waiting_calls_hold_no_threads(counter):
    counter.client("analyst").status()
    before = threading.active_count()
    clients = [counter.client(name) for name in ("bank-a", "bank-b", "bank-c")]
    threads = [
        threading.Thread(target=client.leaves, args=(1,), kwargs={"timeout_s": 1.5})
        for client in clients
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.7)

    beyond = threading.active_count() - before - sum(thread.is_alive() for thread in threads)

    assert sum(thread.is_alive() for thread in threads) == 60
    assert beyond <= front_service._THREADS
    for thread in threads:
        thread.join()


def test_three_witnesses_make_a_quorum_in_far_less_than_a_second(counter):
    banks = [counter.member(name) for name in ("bank-a", "bank-b", "bank-c")]
    for bank in banks:
        bank.start()
    key_holder = counter.member("key-holder")
    took = []
    for number in range(5):
        entry_id = banks[0].ledger.append("data-asset-registered", asset("bank-a", number))
        began = time.monotonic()
        key_holder.ledger.refresh()
        index = key_holder.ledger.replica.find(entry_id)
        key_holder.ledger.witnessed(index, deadline=time.monotonic() + 10)
        took.append(time.monotonic() - began)
    for bank in banks:
        bank.ask_to_stop()
    for bank in banks:
        bank.stop()

    assert sorted(took)[2] < 0.5
    assert [bank.failures for bank in banks] == [[], [], []]
    assert key_holder.ledger.replica.quorum_size == 6


def test_what_a_witness_is_asked_is_a_c2sp_add_checkpoint_request(counter):
    bank = counter.member("bank-a")
    for number in range(4):
        bank.ledger.append("data-asset-registered", asset("bank-a", number))
    counter.desk.want(5)

    signed = counter.signed("bank-a", "GET", "/witness/pending?old=2", EMPTY, "1" * 32)
    status, body = counter.raw(request("GET", "/witness/pending?old=2", signed.headers()))

    head, _, note = body.partition(b"\n\n")
    first, *proof = head.decode().split("\n")
    checkpoint = Checkpoint.parse(Note.parse(note).text)
    assert (status, first, checkpoint.size) == (200, "old 2", 5)
    verify_consistency(
        old_size=2,
        old_root=bank.ledger.replica.root_at(2),
        new_size=5,
        new_root=checkpoint.root,
        proof=[base64.b64decode(line) for line in proof],
    )


# Blobs and inboxes


def test_a_blob_is_stored_and_found_by_its_digest(counter):
    data = bytes(range(256)) * 4_000
    digest = counter.client("key-holder").put_blob(data)

    found = counter.client("bank-a").get_blob(digest)

    assert digest == hashlib.sha256(data).hexdigest()
    assert found == data


def test_a_blob_that_nobody_stored_is_an_error_that_says_so(counter):
    with pytest.raises(MalformedMessageError, match="holds no bytes with the digest"):
        counter.client("bank-a").get_blob("0" * 64)


def test_notes_arrive_in_order_numbered_from_one(counter):
    key_holder, bank = counter.member("key-holder"), counter.member("bank-a")
    for number in range(3):
        key_holder.mailbox.send("bank-a", "letter", {"number": number})

    numbers = [number for number, _ in bank.front.inbox(0)]
    later = [number for number, _ in bank.front.inbox(2)]
    letters = bank.mailbox.all(lambda letter: True)

    assert (numbers, later) == ([1, 2, 3], [3])
    assert [letter.body["number"] for letter in letters] == [0, 1, 2]


def test_a_full_inbox_comes_in_pages(counter, monkeypatch):
    monkeypatch.setattr("fedcredit.coordinator.front.PAGE_BYTES", 1_500)
    key_holder, bank = counter.member("key-holder"), counter.member("bank-a")
    for number in range(7):
        key_holder.mailbox.send("bank-a", "letter", {"number": number})

    assert [number for number, _ in bank.front.inbox(0)] == [1, 2, 3, 4, 5, 6, 7]


def test_a_posting_that_arrives_twice_is_one_note(counter):
    key_holder = counter.member("key-holder")
    key_holder.mailbox.send("bank-a", "letter", {})
    ((_, note),) = counter.client("bank-a").inbox(0)
    target, digest = "/inbox/bank-a?id=5", hashlib.sha256(note).hexdigest()
    for nonce in ("1" * 32, "2" * 32):
        signed = counter.signed("key-holder", "POST", target, digest, nonce)
        assert counter.raw(request("POST", target, signed.headers(), note))[0] == 200

    assert [number for number, _ in counter.client("bank-a").inbox(0)] == [1, 2]


# What is kept


def note_of(number: int) -> bytes:
    return f"note {number}".encode()


def label(number: int, *, run_id: str = "run-1", sender: str = "bank-a") -> Label:
    return Label(sender=sender, kind="letter", run_id=run_id, post_id=str(number))


KILLED = """
import os, signal, sys
from pathlib import Path
from fedcredit.coordinator.desk_store import DeskStore, Label

store = DeskStore(Path(sys.argv[1]))
blob = store.new_blob("key-holder")
blob.write(b"context")
blob.commit()
for i in range(2):
    label = Label(sender="bank-a", kind="letter", run_id="run-1", post_id=str(i))
    store.post("bank-b", f"note {i}".encode(), label)
store.new_blob("key-holder").write(b"half a blob")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_coordinator_that_was_killed_goes_on_with_the_same_numbers(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", KILLED, str(tmp_path / "desk")]
    ended = subprocess.run(command, env=environment, check=False)
    left = len(list((tmp_path / "desk").glob("part-*")))

    store = DeskStore(tmp_path / "desk")

    assert (ended.returncode, left) == (-signal.SIGKILL, 1)
    with store.open_blob(hashlib.sha256(b"context").hexdigest()) as file:
        assert file.read() == b"context"
    assert list((tmp_path / "desk").glob("part-*")) == []
    assert store.notes("bank-b", 0, most=1000) == [(1, note_of(0)), (2, note_of(1))]
    assert store.post("bank-b", note_of(1), label(1)) == 2
    assert store.post("bank-b", note_of(9), label(9)) == 3
    store.close()


def test_the_number_of_a_note_is_not_used_again_when_the_note_is_gone(tmp_path):
    store = DeskStore(tmp_path / "desk")
    store.post("bank-b", note_of(1), label(1))
    store.drop(utc_now() + timedelta(days=1))
    store.close()

    store = DeskStore(tmp_path / "desk")

    assert store.notes("bank-b", 0, most=1000) == []
    assert store.post("bank-b", note_of(2), label(2)) == 2
    store.close()


def test_after_a_day_blobs_and_notes_about_runs_go_and_others_stay(tmp_path, counter):
    now = utc_now()
    store = DeskStore(tmp_path / "kept", clock=lambda: now)
    desk = Desk(counter.log, store=store)
    digest = desk.put_blob(b"release", "key-holder")
    desk.post("bank-a", b"about a run", label(1, sender="key-holder"))
    desk.post("bank-a", b"the split key", label(2, sender="key-holder", run_id=""))

    desk.tidy(now + timedelta(hours=23))
    kept = desk.get_blob(digest), len(desk.inbox("bank-a", 0))
    desk.tidy(now + timedelta(hours=25))

    assert kept == (b"release", 2)
    assert desk.get_blob(digest) is None
    assert desk.inbox("bank-a", 0) == [(2, b"the split key")]
    store.close()


def test_the_coordinators_ciphertexts_go_soon_after_the_last_run(tmp_path, counter):
    now = utc_now()
    store = DeskStore(tmp_path / "kept", clock=lambda: now)
    desk = Desk(counter.log, store=store)
    contribution = desk.put_blob(b"ciphertexts", "coordinator")
    release = desk.put_blob(b"release", "key-holder")

    desk.tidy(now + timedelta(minutes=11))

    assert desk.get_blob(contribution) is None
    assert desk.get_blob(release) == b"release"
    store.close()


def test_a_member_cannot_fill_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(desk_store, "MAX_HELD_BYTES", 1_000)
    monkeypatch.setattr(desk_store, "MAX_INBOX_BYTES", 100)
    counter = Counter(tmp_path, store=DeskStore(tmp_path / "desk"))
    greedy, modest = counter.client("bank-a", patience_s=0.3), counter.client("bank-b")
    greedy.put_blob(b"x" * 900)

    with pytest.raises(DiskFullError, match="keeps no more"):
        greedy.put_blob(b"y" * 900)
    with pytest.raises(DiskFullError, match="keeps no more"):
        counter.member("bank-a", greedy).mailbox.send("bank-b", "letter", {})

    assert modest.get_blob(modest.put_blob(b"z" * 900)) == b"z" * 900
    assert list((tmp_path / "desk").glob("part-*")) == []
    counter.close()


def test_a_full_disk_is_said_in_words_and_nothing_half_is_kept(tmp_path, monkeypatch):
    store = DeskStore(tmp_path / "desk")

    def no_space(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(desk_store.os, "fsync", no_space)
    blob = store.new_blob("bank-a")
    blob.write(b"data")

    with pytest.raises(DiskFullError) as full:
        blob.commit()
    blob.abort()

    assert str(tmp_path / "desk") in full.value.expected
    assert list((tmp_path / "desk").glob("part-*")) == []
    store.close()


# Limits


@pytest.mark.parametrize(
    ("call", "n_bytes", "status"),
    [("get-run", 2**20 + 1, 413), ("push-object", 2**20 + 1, 503), ("push-object", 2**26 + 1, 413)],
)
def test_what_the_superlink_would_hold_in_memory_is_limited_by_call_and_altogether(
    tmp_path, monkeypatch, call, n_bytes, status
):
    monkeypatch.setattr(fleet_proxy, "MAX_BYTES_AT_ONCE", 2**20)
    counter = Counter(tmp_path, superlink="http://127.0.0.1:9")

    found, _ = counter.raw(
        request("POST", f"/v1/fleet/{call}", {"content-length": str(n_bytes)}, b"")
    )

    assert found == status
    counter.close()


def test_a_member_that_asks_too_often_is_slowed_and_the_others_are_not(counter, monkeypatch):
    monkeypatch.setattr(gate, "BURST", 5.0)
    monkeypatch.setattr(gate, "CALLS_PER_S", 0.1)
    counter.shut()
    counter.open()
    hasty = counter.client("bank-a", patience_s=0.3)

    with pytest.raises(FrontUnreachableError, match="HTTP 429"):
        for _ in range(6):
            hasty.status()

    assert counter.client("bank-b").status()["size"] == 1


def test_places_of_callers_that_hung_up_are_free_again(counter, monkeypatch):
    monkeypatch.setattr(gate, "MAX_AT_ONCE", 2)
    target = "/leaves?from=1&wait=25"
    for nonce in ("a" * 32, "b" * 32):
        signed = counter.signed("bank-a", "GET", target, EMPTY, nonce)
        thread = threading.Thread(
            target=hang_up_after, args=(counter, request("GET", target, signed.headers()), 0.3)
        )
        thread.start()
    time.sleep(0.15)
    taken = counter.raw(
        request(
            "GET", "/status", counter.signed("bank-a", "GET", "/status", EMPTY, "c" * 32).headers()
        )
    )
    time.sleep(0.4)

    assert taken[0] == 429
    assert soon(lambda: counter.client("bank-a").status()["size"] == 1, 3.0)


def hang_up_after(counter: Counter, sent: bytes, seconds: float) -> None:
    context = ssl.create_default_context(cadata=counter.root_certificates.decode())
    with (
        socket.create_connection(("127.0.0.1", counter.port)) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(sent)
        time.sleep(seconds)


def test_a_closing_front_lets_nobody_wait(counter):
    client = counter.client("bank-a", patience_s=0.2)
    ended: list[str] = []

    def wait() -> None:
        try:
            client.leaves(1, timeout_s=20.0)
        except FrontUnreachableError:
            pass
        ended.append("ended")

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.3)
    began = time.monotonic()
    counter.shut()
    thread.join()

    assert ended == ["ended"]
    assert time.monotonic() - began < 5.0
    counter.open()
