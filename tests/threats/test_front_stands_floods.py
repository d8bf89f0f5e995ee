"""Strangers who hold connections, drip bytes or send heads without end do not keep members out.

The weak variant is the same server with plain connections: the idle ones stay as long as they like.
"""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from uvicorn.protocols.http.h11_impl import H11Protocol

from fedcredit.coordinator import connections, front_server
from tests.front_desk import Counter, request

HEAD = b"GET /status HTTP/1.1\r\nhost: 127.0.0.1\r\n"


@pytest.fixture
def counter(tmp_path) -> Iterator[Counter]:
    counter = Counter(tmp_path)
    yield counter
    counter.close()


def plain(counter: Counter) -> socket.socket:
    return socket.create_connection(("127.0.0.1", counter.port), timeout=10)


def connect(counter: Counter) -> ssl.SSLSocket:
    context = ssl.create_default_context(cadata=counter.root_certificates.decode())
    return context.wrap_socket(plain(counter), server_hostname="127.0.0.1")


def is_cut(connection: socket.socket, within_s: float) -> bool:
    """Say whether the other side ends a connection in time."""
    connection.settimeout(within_s)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def n_open(counter: Counter) -> int:
    return len(counter.server._server.server_state.connections)


def test_two_hundred_idle_connections_do_not_keep_a_member_out(counter, monkeypatch):
    monkeypatch.setattr(connections, "MAX_STRANGE_AN_ADDRESS", 20)
    with ExitStack() as held:
        for _ in range(200):
            held.enter_context(connect(counter))
        most = n_open(counter)

        status = counter.client("bank-a").status()

    assert most <= 20
    assert status["size"] == 1


def test_the_connections_of_all_strangers_together_leave_room_for_members(counter, monkeypatch):
    monkeypatch.setattr(connections, "MAX_STRANGE", 10)
    with ExitStack() as held:
        for _ in range(50):
            held.enter_context(connect(counter))

        assert n_open(counter) <= 11
        assert counter.client("bank-a").status()["size"] == 1


@pytest.mark.parametrize("sent", [b"", HEAD, HEAD + b"x-slow: a"], ids=["idle", "head", "drip"])
def test_a_stranger_who_sends_no_whole_request_is_cut(counter, monkeypatch, sent):
    monkeypatch.setattr(connections, "STRANGE_S", 0.3)

    with connect(counter) as stranger:
        stranger.sendall(sent)

        assert is_cut(stranger, 3.0)


def test_plain_connections_of_a_stranger_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(connections, "STRANGE_S", 0.3)
    monkeypatch.setattr(front_server, "Connection", H11Protocol)
    weak = Counter(tmp_path)

    with connect(weak) as stranger:
        stranger.sendall(HEAD)
        stays = not is_cut(stranger, 1.0)
    weak.close()

    assert stays


def test_a_refused_request_makes_no_member_of_a_stranger(counter, monkeypatch):
    monkeypatch.setattr(connections, "STRANGE_S", 0.3)

    with connect(counter) as stranger:
        stranger.sendall(HEAD + b"\r\n")
        answer = stranger.recv(4096)

        assert answer.startswith(b"HTTP/1.1 401")
        stranger.settimeout(3.0)
        while answer := stranger.recv(4096):
            assert b"HTTP" not in answer


def test_a_members_idle_connection_is_kept_and_its_long_poll_too(counter, monkeypatch):
    monkeypatch.setattr(connections, "STRANGE_S", 0.2)
    client = counter.client("bank-a")

    client.status()
    assert client.leaves(1, timeout_s=0.8) == []
    time.sleep(0.5)
    open_then = n_open(counter)
    client.status()

    assert open_then == 1
    assert n_open(counter) == 1


def test_a_handshake_that_does_not_come_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(connections, "HANDSHAKE_S", 0.3)
    counter = Counter(tmp_path)

    with plain(counter) as stranger:
        cut = is_cut(stranger, 3.0)
    counter.close()

    assert cut


@pytest.mark.parametrize("line", [b"x-%d: " + b"a" * 8_000 + b"\r\n", b"a" * 8_000])
def test_a_head_without_end_is_not_kept(counter, line):
    sent = 0
    with connect(counter) as stranger:
        stranger.sendall(HEAD if b"%d" in line else b"GET /")
        with pytest.raises(OSError, match=r"."):
            for number in range(5_000):
                stranger.sendall(line % number if b"%d" in line else line)
                sent += len(line)
            stranger.recv(1)
            raise AssertionError("forty megabytes of head were taken")

    # What was still on its way when the connection was cut counts as sent.
    assert sent < 10 * 2**20
    assert counter.client("bank-a").status()["size"] == 1


def test_no_upgrade_to_another_protocol_is_granted(counter):
    headers = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "sec-websocket-version": "13",
    }

    answers = [
        counter.raw(request("GET", "/status", headers))[0],
        counter.raw(request("GET", "/v1/fleet/pull-messages", headers))[0],
        counter.raw(request("GET", "/status", headers | {"upgrade": "h2c"}))[0],
    ]

    assert answers == [401, 404, 401]


def test_many_requests_in_one_packet_get_one_answer_each_and_no_more(counter):
    with connect(counter) as stranger:
        stranger.sendall((HEAD + b"\r\n") * 50)
        stranger.settimeout(1.0)
        answered = b""
        try:
            while chunk := stranger.recv(65_536):
                answered += chunk
        except TimeoutError:
            pass

    assert answered.count(b"HTTP/1.1 401") == answered.count(b"HTTP/1.1") == 50
