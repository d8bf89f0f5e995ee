"""The coordinator calls a witness that is no member, and nobody waits for a slow one."""

import threading
from collections.abc import Iterator

import pytest

from fedcredit.coordinator.front_server import FrontServer
from fedcredit.coordinator.outside_witness import Calls, own_lines
from fedcredit.coordinator.outside_witnesses import OutsideWitnesses
from fedcredit.witness.service import witness_app
from fedcredit_ledger.errors import MalformedEntryError
from fedcredit_ledger.note import CosignatureKey, Note
from fedcredit_ledger.tlog_witness import Answer
from tests.outside_ledger import ORIGIN, WAIT_S, Ledger, new_witness


class Recorded:
    """A way to a witness that remembers what it was asked and told."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.statuses: list[int] = []

    def add_checkpoint(self, body: bytes) -> Answer:
        answer = self._calls.add_checkpoint(body)
        self.statuses.append(answer.status)
        return answer


class Says:
    """A witness that gives one answer, whatever it is asked."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def add_checkpoint(self, body: bytes) -> Answer:
        return self._answer


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def calling() -> Iterator[list[OutsideWitnesses]]:
    started: list[OutsideWitnesses] = []
    yield started
    for witnesses in started:
        witnesses.stop()


def start(
    ledger: Ledger, calling: list[OutsideWitnesses], calls: Calls | None = None
) -> OutsideWitnesses:
    witnesses = OutsideWitnesses(ledger.desk, None if calls is None else {"regulator": calls})
    calling.append(witnesses)
    witnesses.start()
    return witnesses


def told(ledger: Ledger, calls: Calls | None = None) -> str:
    """Show the regulator the newest head once; return what is wrong."""
    witnesses = OutsideWitnesses(ledger.desk, None if calls is None else {"regulator": calls})
    note = ledger.log.checkpoint_note()
    assert note is not None
    assert not witnesses.witnesses[0].show(note)
    witnesses.stop()
    return witnesses.problem


def test_a_starting_coordinator_shows_its_newest_head(ledger, calling):
    start(ledger, calling, ledger.witness)

    assert ledger.co_signed(1)


def test_a_head_that_somebody_waits_for_is_co_signed_at_once(ledger, calling):
    witnesses = start(ledger, calling, ledger.witness)
    assert ledger.co_signed(1)
    ledger.grow()
    size = ledger.grow()

    ledger.desk.want(size)

    assert ledger.co_signed(size)
    assert ledger.witness.state.seen(ORIGIN).root == ledger.log.root
    assert witnesses.status()["regulator"]["url"] == "http://regulator.invalid"


def test_a_restarted_coordinator_proves_from_the_size_that_the_witness_names(ledger, calling):
    first = start(ledger, calling, ledger.witness)
    assert ledger.co_signed(1)
    first.stop()
    size = ledger.grow()
    recorded = Recorded(ledger.witness)

    start(ledger, calling, recorded)

    assert ledger.co_signed(size)
    assert recorded.statuses == [409, 200]


def test_nobody_waits_for_a_slow_witness(ledger, calling):
    go_on, asked = threading.Event(), threading.Event()

    class Slow:
        def add_checkpoint(self, body: bytes) -> Answer:
            asked.set()
            assert go_on.wait(WAIT_S)
            return ledger.witness.add_checkpoint(body)

    start(ledger, calling, Slow())
    assert asked.wait(WAIT_S)

    size = ledger.grow()
    ledger.desk.want(size)
    line = ledger.members["bank-b"].witness.cosign(Note.parse(ledger.log.checkpoint_note()).text, 1)
    ledger.desk.window("bank-b").cosign(line.line().encode() + b"\n")

    go_on.set()
    assert ledger.co_signed(size)


def test_a_witness_that_is_not_there_is_named(caplog):
    problem = told(Ledger("http://127.0.0.1:1"))

    assert problem == "outside witness regulator: no answer: ConnectError"
    assert "outside witness regulator: no answer: ConnectError" in caplog.text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(Answer(404, b"no log of that origin\n"), "it answers 404", id="refusal"),
        pytest.param(Answer(409, b"7\n", "text/x.tlog.size"), "has co-signed 7", id="ahead"),
        pytest.param(Answer(409, b"seven\n"), "names no size", id="409 without a size"),
        pytest.param(Answer(200, b"hello\n"), "a signature line is", id="no lines"),
        pytest.param(Answer(200, b"\xff\n"), "not UTF-8", id="no text"),
        pytest.param(
            Answer(200, b"\xe2\x80\x94 other AAAAAAAA\n"), "no line by its key", id="strangers only"
        ),
    ],
)
def test_what_a_witness_says_wrongly_is_told(ledger, answer, words):
    assert words in told(ledger, Says(answer))
    assert ledger.log.quorum_size == 0


def test_a_co_signature_of_another_head_counts_for_nothing(ledger):
    line = ledger.witness.key.cosign(b"another\n1\nhead\n", 5).line().encode() + b"\n"

    assert "verifies for none" in told(ledger, Says(Answer(200, line)))
    assert b"regulator" not in (ledger.log.checkpoint_note() or b"")


def test_lines_by_other_keys_are_passed_over():
    own, other = CosignatureKey.generate("regulator"), CosignatureKey.generate("w2")
    lines = [key.cosign(b"a\n1\nb\n", 5).line() + "\n" for key in (other, own)]

    assert own_lines("".join(lines).encode(), own.verifier) == lines[1].encode()
    with pytest.raises(MalformedEntryError, match="no line by its key"):
        own_lines(lines[0].encode(), own.verifier)


def test_the_whole_way_over_http(calling: list[OutsideWitnesses]):
    witness = new_witness()
    server = FrontServer(witness_app(witness), host="127.0.0.1", port=0, what="the witness")
    server.start()
    try:
        ledger = Ledger(f"http://127.0.0.1:{server.port}", witness)
        witnesses = OutsideWitnesses(ledger.desk)
        calling.append(witnesses)
        witnesses.start()
        assert ledger.co_signed(1)
        size = ledger.grow()
        ledger.desk.want(size)

        assert ledger.co_signed(size)
        assert witnesses.problem == ""
    finally:
        for one in calling:
            one.stop()
        server.stop()
