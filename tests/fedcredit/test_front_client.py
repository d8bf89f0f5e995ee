"""A member's calls over HTTPS when something is wrong: one named error, and what to do about it."""

import hashlib
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from fedcredit.coordinator.tls import fingerprint, issue_authority, issue_certificate
from fedcredit_ledger.note import SigningKey
from fedcredit_parties.errors import (
    ClockError,
    ConfigError,
    FrontUnreachableError,
    MalformedMessageError,
    ServedCertificateError,
)
from fedcredit_parties.frames import pack, unpack
from fedcredit_parties.front_client import MAX_ANSWER_BYTES, FrontClient, pinned
from fedcredit_parties.member import utc_now
from tests.front_desk import Counter


@pytest.fixture(scope="module")
def counter(tmp_path_factory):
    counter = Counter(tmp_path_factory.mktemp("front"))
    yield counter
    counter.close()


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


class Impostor:
    """A TLS server under the pinned authority that answers every request with fixed bytes."""

    def __init__(self, folder, answer: bytes) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "server.crt", folder / "server.key")
        self.answer = answer
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"https://127.0.0.1:{self.listening.getsockname()[1]}"
        self.n_requests = 0
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        while True:
            try:
                plain, _ = self.listening.accept()
            except OSError:
                return
            with plain:
                try:
                    with self.context.wrap_socket(plain, server_side=True) as connection:
                        connection.recv(65_536)
                        self.n_requests += 1
                        connection.sendall(self.answer)
                except OSError:
                    continue

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join()


@pytest.fixture
def impostor(counter):
    started: list[Impostor] = []

    def start(answer: bytes) -> Impostor:
        started.append(Impostor(counter.folder, answer))
        return started[-1]

    yield start
    for server in started:
        server.close()


def test_a_coordinator_that_is_away_is_named_after_the_callers_patience(counter):
    address = f"https://127.0.0.1:{unused_port()}"
    client = counter.client("bank-a", address=address, patience_s=0.5)
    began = time.monotonic()

    with pytest.raises(FrontUnreachableError) as away:
        client.leaves(0)

    assert 0.2 < time.monotonic() - began < 3.0
    assert (away.value.exit_code, away.value.found) == (39, "ConnectError")
    assert address in away.value.expected


def test_a_call_outlives_a_coordinator_that_is_restarted(tmp_path):
    counter = Counter(tmp_path)
    client = counter.client("bank-a", patience_s=10.0)
    client.status()
    counter.shut()
    threading.Timer(0.5, counter.open).start()

    size = client.status()["size"]
    again = client.put_blob(b"after the restart")

    assert size == 1
    assert client.get_blob(again) == b"after the restart"
    counter.close()


def test_a_waiting_call_goes_on_waiting_across_a_restart(tmp_path):
    counter = Counter(tmp_path)
    key_holder, bank = counter.member("key-holder"), counter.client("bank-a")
    received: list[int] = []

    def wait() -> None:
        received.extend(number for number, _ in bank.inbox(0, timeout_s=10.0))

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.2)
    counter.server.stop()
    counter.open()
    key_holder.mailbox.send("bank-a", "letter", {})
    thread.join()

    assert received == [1]
    counter.close()


def test_a_certificate_by_another_authority_is_refused_before_anything_is_sent(counter, tmp_path):
    issue_authority(tmp_path / "other.crt", tmp_path / "other.key")
    client = counter.client("bank-a", root_certificates=(tmp_path / "other.crt").read_bytes())
    began = time.monotonic()

    with pytest.raises(ServedCertificateError) as foreign:
        client.put_blob(b"ciphertext")

    assert time.monotonic() - began < 2.0
    assert "not issued by the pinned authority" in foreign.value.message
    assert fingerprint((tmp_path / "other.crt").read_bytes()) in foreign.value.expected
    assert fingerprint((counter.folder / "server.crt").read_bytes()) in foreign.value.found
    assert client.n_bytes_sent == 0


@pytest.mark.parametrize(
    ("names", "days_ago", "said"),
    [
        pytest.param((), 500, "certificate expired on", id="expired"),
        pytest.param((), -5, "is not valid before", id="not yet valid"),
        pytest.param(None, 0, "is for bank.example", id="another host"),
    ],
)
def test_an_expired_certificate_and_one_for_another_host_are_named(
    tmp_path, impostor, counter, names, days_ago, said, monkeypatch
):
    made = datetime.now(UTC) - timedelta(days=days_ago)
    founded = datetime.now(UTC) - timedelta(days=max(days_ago, 0))
    authority = issue_authority(tmp_path / "ca.crt", tmp_path / "ca.key", now=founded)
    if names is None:
        monkeypatch.setattr("fedcredit.coordinator.tls._SELF", ("bank.example",))
    issue_certificate(authority, tmp_path / "server.crt", tmp_path / "server.key", now=made)
    server = Impostor(tmp_path, b"")
    client = counter.client(
        "bank-a", address=server.address, root_certificates=(tmp_path / "ca.crt").read_bytes()
    )

    with pytest.raises(ServedCertificateError) as refused:
        client.status()

    assert said in refused.value.message
    served = x509.load_pem_x509_certificate((tmp_path / "server.crt").read_bytes())
    assert f"{served.not_valid_before_utc:%Y-%m-%d}" in refused.value.found
    server.close()


@pytest.mark.parametrize(("minutes", "word"), [(20, "ahead"), (-20, "behind")])
def test_a_clock_that_is_twenty_minutes_off_is_said_in_minutes(counter, minutes, word):
    client = counter.client("bank-a", clock=lambda: utc_now() + timedelta(minutes=minutes))

    with pytest.raises(ClockError) as off:
        client.status()

    assert f"this machine's clock is 20 minutes {word}" in off.value.message


def test_a_clock_that_is_a_minute_off_is_good_enough(counter):
    client = counter.client("bank-a", clock=lambda: utc_now() - timedelta(seconds=60))

    assert client.status()["origin"] == counter.log.origin


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"signing": SigningKey.generate("bank-a")}, id="another key"),
        pytest.param({"signing": SigningKey.generate("bank-z")}, id="a name nobody has"),
        pytest.param({"origin": "ledger.example/another"}, id="another ledger"),
    ],
)
def test_a_key_that_the_ledger_does_not_hold_is_named(counter, changes):
    with pytest.raises(ConfigError, match="does not take this member's signature"):
        counter.client("bank-a", **changes).status()


def test_no_proxy_and_no_authority_of_the_system_is_used(counter, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port()}")
    client = counter.client("bank-a")

    assert client.status()["size"] == 1
    assert len(pinned(counter.root_certificates).get_ca_certs()) == 1


def test_a_redirect_is_not_followed(counter, impostor):
    other = impostor(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    head = f"HTTP/1.1 307 Go\r\nlocation: {other.address}/leaves\r\ncontent-length: 0\r\n\r\n"
    client = counter.client("bank-a", address=impostor(head.encode()).address)

    with pytest.raises(MalformedMessageError, match="HTTP 307"):
        client.put_blob(b"ciphertext")

    assert other.n_requests == 0


def test_an_answer_without_end_is_not_read_to_its_end(counter, impostor):
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n"
    server = impostor(head + bytes(MAX_ANSWER_BYTES + 100_000))

    with pytest.raises(MalformedMessageError, match="too large"):
        counter.client("bank-a", address=server.address).leaves(0)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda c: c.leaves(0), id="leaves"),
        pytest.param(lambda c: c.inbox(0), id="inbox"),
        pytest.param(lambda c: c.submit([b"note"]), id="submit"),
        pytest.param(lambda c: c.witness_pending(0, timeout_s=0.1), id="witness"),
        pytest.param(lambda c: c.status(), id="status"),
        pytest.param(lambda c: c.get_blob("0" * 64), id="blob"),
    ],
)
def test_an_answer_that_is_something_else_is_a_named_error(counter, impostor, call):
    server = impostor(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n\xff\xff\xff\xffjunk!")

    with pytest.raises(MalformedMessageError):
        call(counter.client("bank-a", address=server.address))


def test_bodies_that_are_too_large_never_leave(counter):
    client = counter.client("bank-a")

    with pytest.raises(MalformedMessageError, match="too large"):
        client.put_blob(bytes(64 * 2**20 + 1))
    with pytest.raises(MalformedMessageError, match="too large"):
        client.post("bank-b", bytes(65_537))

    assert client.n_bytes_sent == 0


def test_the_largest_blob_goes_through(counter):
    data = bytes(64 * 2**20)
    client = counter.client("bank-a")

    assert client.put_blob(data) == hashlib.sha256(data).hexdigest()
    assert client.n_bytes_sent == 64 * 2**20
    assert len(counter.client("bank-b").get_blob(hashlib.sha256(data).hexdigest())) == 64 * 2**20


def test_one_client_serves_many_threads(counter):
    client = counter.client("bank-a")
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for i in range(10):
                data = f"{number} {i}".encode()
                assert client.get_blob(client.put_blob(data)) == data
        except BaseException as failure:
            failures.append(failure)

    before = client.n_bytes_sent
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert client.n_bytes_sent - before == 8 * 10 * len(b"0 0")


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:1", "127.0.0.1:1", "https://", "https://a:b@host", "https://host/path", ""],
)
def test_an_address_that_is_not_https_is_refused_at_once(counter, address):
    with pytest.raises(ConfigError, match="address"):
        FrontClient(
            name="bank-a",
            address=address,
            root_certificates=counter.root_certificates,
            signing=counter.identities["bank-a"].signing,
            origin=counter.log.origin,
        )


def test_an_authority_that_is_not_pem_is_refused_at_once(counter):
    with pytest.raises(ConfigError, match="PEM"):
        counter.client("bank-a", root_certificates=b"not a certificate")


def test_frames_come_back_as_they_went_in_and_nothing_else_is_read():
    items = [b"", b"a", bytes(1000)]

    assert unpack(pack(items), most=3) == items
    for wrong in (pack(items) + b"x", pack(items)[:-1], pack([*items, b""]), b"\x00\x00\x00"):
        with pytest.raises(MalformedMessageError):
            unpack(wrong, most=3)


def test_a_member_that_leaves_ends_its_open_long_polls_at_once(counter):
    client = counter.client("bank-a")
    size = len(client.leaves(0))
    ended: list[float] = []

    def wait() -> None:
        with pytest.raises(FrontUnreachableError):
            client.leaves(size, timeout_s=20.0)
        ended.append(time.monotonic())

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    left = time.monotonic()
    client.leave()
    for thread in threads:
        thread.join()

    assert len(ended) == 3
    assert max(ended) - left < 1.0


def test_a_member_that_has_left_may_say_a_last_word_but_waits_for_nothing(counter):
    client = counter.client("bank-b")
    client.leave()
    began = time.monotonic()

    assert client.status()["size"] > 0
    assert client.leaves(len(client.leaves(0)), timeout_s=20.0) == []
    assert time.monotonic() - began < 2.0
