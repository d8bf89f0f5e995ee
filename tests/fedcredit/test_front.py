"""The front in one process: blobs by digest, inboxes by name, waiting that ends."""

import hashlib
import threading
import time
from collections.abc import Iterator

import pytest

import fedcredit as fc
from fedcredit.coordinator import desk_store
from fedcredit_parties.errors import MalformedMessageError
from tests.simulated import bank_frames, parts, small_federation


@pytest.fixture(scope="module")
def federation() -> Iterator[fc.Federation]:
    with small_federation(bank_frames(3, n_rows=40)) as federation:
        yield federation


def test_a_blob_is_found_by_its_digest_and_by_nothing_else(federation: fc.Federation) -> None:
    window = parts(federation).windows["bank-0"]
    digest = window.put_blob(b"ciphertext")

    assert digest == hashlib.sha256(b"ciphertext").hexdigest()
    assert parts(federation).windows["bank-1"].get_blob(digest) == b"ciphertext"
    with pytest.raises(MalformedMessageError, match="no bytes with the digest"):
        window.get_blob("00" * 32)


def test_a_front_that_hands_out_other_bytes_is_found_out(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = parts(federation).windows["bank-0"]
    digest = window.put_blob(b"ciphertext")
    monkeypatch.setattr(parts(federation).desk, "get_blob", lambda digest: b"another")

    with pytest.raises(MalformedMessageError) as refused:
        window.get_blob(digest)

    assert refused.value.found == "other bytes"


def test_a_blob_that_is_too_large_is_refused(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_store, "MAX_BLOB_BYTES", 10)

    with pytest.raises(MalformedMessageError, match="too large"):
        parts(federation).windows["bank-0"].put_blob(b"x" * 11)


def test_a_member_reads_its_own_inbox_only(federation: fc.Federation) -> None:
    windows = parts(federation).windows
    before = {name: len(windows[name].inbox(0)) for name in windows}

    windows["analyst"].post("bank-2", b"a note")

    grown = [name for name in windows if len(windows[name].inbox(0)) > before[name]]
    assert grown == ["bank-2"]
    number, note = windows["bank-2"].inbox(before["bank-2"])[0]
    assert (number, note) == (before["bank-2"] + 1, b"a note")


def test_bytes_that_are_handed_in_are_counted(federation: fc.Federation) -> None:
    window = parts(federation).windows["analyst"]
    before = window.n_bytes_sent

    window.put_blob(b"x" * 100)
    window.post("bank-2", b"y" * 11)

    assert window.n_bytes_sent == before + 111


def test_waiting_ends_when_something_is_found_and_when_time_is_up(
    federation: fc.Federation,
) -> None:
    windows, desk = parts(federation).windows, parts(federation).desk
    after = len(windows["analyst"].inbox(0))
    found: list[bytes] = []

    def wait() -> None:
        found.extend(note for _, note in windows["analyst"].inbox(after, timeout_s=30.0))

    waiting = threading.Thread(target=wait)
    waiting.start()
    windows["bank-0"].post("analyst", b"late")
    waiting.join(5.0)
    started = time.monotonic()

    assert found == [b"late"]
    assert desk.wait(lambda: None, 0.05) is None
    assert 0.04 < time.monotonic() - started < 2.0


def test_nonsense_handed_in_is_refused_with_a_code(federation: fc.Federation) -> None:
    size = parts(federation).log.size

    (answer,) = parts(federation).windows["bank-0"].submit([b"not an entry"])

    assert (answer.code, answer.receipt) == ("malformed", b"")
    assert parts(federation).log.size == size
