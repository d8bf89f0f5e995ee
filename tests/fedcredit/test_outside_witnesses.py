"""The coordinator calls a witness that is no member, and nobody waits for a slow one."""

import threading
from collections.abc import Iterator

import pytest

from fedcredit import founding
from fedcredit.coordinator.front import Desk
from fedcredit.coordinator.front_server import FrontServer
from fedcredit.coordinator.outside_witness import Calls, own_lines
from fedcredit.coordinator.outside_witnesses import OutsideWitnesses
from fedcredit.witness.service import witness_app
from fedcredit_ledger.errors import MalformedEntryError
from fedcredit_ledger.log import Log
from fedcredit_ledger.note import CosignatureKey, Note, SigningKey
from fedcredit_ledger.store import Store
from fedcredit_ledger.tlog_witness import Answer, TlogWitness
from fedcredit_ledger.witness_state import WitnessState
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.identity import Identity
from fedcredit_parties.ledger_client import LedgerClient
from fedcredit_parties.member import utc_now

ORIGIN = "ledger.example/outside"
WAIT_S = 10.0


def new_witness() -> TlogWitness:
    return TlogWitness(CosignatureKey.generate("regulator"), [], WitnessState())


class Ledger:
    """A founded ledger with one outside witness, and a bank that writes into it."""

    def __init__(
        self, url: str = "http://regulator.invalid", witness: TlogWitness | None = None
    ) -> None:
        roles = {
            "bank-a": ("data-holder", "witness"),
            "bank-b": ("data-holder", "witness"),
            "bank-c": ("data-holder", "witness"),
            "coordinator": ("coordinator",),
            "bureau": ("key-holder",),
        }
        self.members = {name: Identity.generate(name, role) for name, role in roles.items()}
        self.log_key = SigningKey.generate(ORIGIN)
        self.witness = new_witness() if witness is None else witness
        self.witness.logs[ORIGIN] = [self.log_key.verifier]
        self.log = Log(Store(), self.log_key, ORIGIN)
        entry = founding.draft(
            name="outside",
            origin=ORIGIN,
            coordinator="coordinator",
            log_vkey=self.log_key.vkey,
            founders=[member.founder() for member in self.members.values()],
            policy=DisclosurePolicy(),
            needed=2,
            outside=[
                founding.OutsideWitness(name="regulator", vkey=self.witness.key.vkey, url=url)
            ],
            now=utc_now(),
        )
        keys = {name: member.signing for name, member in self.members.items()}
        signed = founding.sign(entry, keys.pop("coordinator"), list(keys.values()))
        self.log.found(signed)
        self.desk = Desk(self.log)
        self.bank = LedgerClient(
            key=keys["bank-a"],
            origin=ORIGIN,
            founding_entry=signed.id,
            front=self.desk.window("bank-a"),
            clock=utc_now,
        )
        self.bank.refresh()

    def grow(self) -> int:
        """Let the bank write one entry; return the new size."""
        digest = f"{self.log.size:064x}"
        data = {"act_type": "party-left", "act_digest": digest, "decision": "approve"}
        self.bank.append("endorsement-given", data)
        return self.log.size

    def co_signed(self, size: int) -> bool:
        """Wait until the regulator's line stands under the head of a size."""

        def look() -> bool | None:
            note = Note.parse(self.log.checkpoint_note(size) or b"")
            lines = [x for x in note.signatures if self.witness.key.verifier.owns(x)]
            for line in lines:
                self.witness.key.verifier.verify(note.text, line)
            return True if lines else None

        return bool(self.desk.wait(look, WAIT_S))


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
        self.asked = threading.Event()

    def add_checkpoint(self, body: bytes) -> Answer:
        self.asked.set()
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


def told(witnesses: OutsideWitnesses, desk: Desk) -> str:
    """Wait until something is wrong with the regulator; return what."""
    waited = threading.Event()
    for _ in range(1000):
        if problem := witnesses.witnesses[0].standing.problem:
            return problem
        waited.wait(0.01)
    raise AssertionError("nothing is wrong")


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


def test_a_witness_that_is_not_there_is_named(ledger, calling, caplog):
    there = OutsideWitnesses(Ledger("http://127.0.0.1:1").desk)
    calling.append(there)
    there.start()

    assert "no answer" in told(there, ledger.desk)
    assert there.problem == "outside witness regulator: no answer: ConnectError"
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
def test_what_a_witness_says_wrongly_is_told(ledger, calling, answer, words):
    witnesses = start(ledger, calling, Says(answer))

    assert words in told(witnesses, ledger.desk)
    assert ledger.log.quorum_size == 0


def test_a_co_signature_of_another_head_counts_for_nothing(ledger, calling):
    line = ledger.witness.key.cosign(b"another\n1\nhead\n", 5).line().encode() + b"\n"
    witnesses = start(ledger, calling, Says(Answer(200, line)))

    assert "verifies for none" in told(witnesses, ledger.desk)
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
