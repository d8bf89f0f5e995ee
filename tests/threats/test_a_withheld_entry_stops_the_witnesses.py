"""An entry that the coordinator sits on stops the outside witness, and so every opening.

The attacker is the coordinator's front: it takes a bank's entry and puts it nowhere. The bank hands
it to the witness; after two minutes the witness co-signs no head that does not hold it. The weaker
variant is a witness that knows no author: there the coordinator goes on.
"""

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from fedcredit.coordinator.front_server import FrontServer
from fedcredit.coordinator.outside_witnesses import OutsideWitnesses
from fedcredit.coordinator.refusals import Refusals
from fedcredit.witness.service import witness_app
from fedcredit_ledger.entry import SignedEntry
from fedcredit_ledger.errors import CheckpointError, ForkError, LedgerError, RollbackError
from fedcredit_ledger.held_entry import PATIENCE_S, Held
from fedcredit_ledger.note import CosignatureKey, Note, SigningKey
from fedcredit_ledger.refused import Refusal
from fedcredit_ledger.rules import MAX_DRIFT_S
from fedcredit_ledger.tlog_witness import Answer, TlogWitness
from fedcredit_ledger.witness_state import WitnessState
from fedcredit_parties.front import SubmitAnswer
from fedcredit_parties.outside_route import MAX_PAGE_BYTES, OutsideRoute
from tests.outside_ledger import ORIGIN, Ledger


class Clock:
    """The witness's clock, which a test moves."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def with_witness(clock: Clock, *, knows_authors: bool = True, url: str = "") -> Ledger:
    witness = TlogWitness(CosignatureKey.generate("regulator"), [], WitnessState(), clock=clock)
    ledger = Ledger(url or "http://regulator.invalid", witness)
    if knows_authors:
        witness.authors[ORIGIN] = [one.signing.verifier for one in ledger.members.values()]
    return ledger


def show(ledger: Ledger) -> str:
    """Let the coordinator show its newest head once; return what went wrong."""
    witnesses = OutsideWitnesses(ledger.desk, {"regulator": ledger.witness})
    note = ledger.log.checkpoint_note()
    assert note is not None
    witnesses.witnesses[0].show(note)
    return witnesses.problem


def sign(ledger: Ledger, word: str = "withheld") -> SignedEntry:
    """Let the bank sign its next entry, without handing it in."""
    data = {"act_type": word, "act_digest": "0" * 64, "decision": "approve"}
    return ledger.bank.draft("endorsement-given", data)


def test_an_entry_held_for_two_minutes_stops_the_co_signatures(clock):
    ledger = with_witness(clock)
    entry = sign(ledger)
    assert ledger.witness.hold(entry.encode()).status == 202

    clock.tick(PATIENCE_S - 1)
    assert show(ledger) == ""
    clock.tick(2)
    ledger.grow_as("bank-b")

    assert f"holds entry {entry.id[:16]}, which is not under this head" in show(ledger)
    assert ledger.witness.state.seen(ORIGIN).size == 1


def test_a_witness_that_knows_no_author_is_pressed_by_nobody(clock):
    ledger = with_witness(clock, knows_authors=False)

    assert ledger.witness.hold(sign(ledger).encode()).status == 404
    clock.tick(PATIENCE_S + 1)
    assert show(ledger) == ""


def test_the_entry_in_the_head_ends_it(clock):
    ledger = with_witness(clock)
    entry = sign(ledger)
    ledger.witness.hold(entry.encode())
    clock.tick(PATIENCE_S + 1)
    assert show(ledger)

    ledger.bank.hand_in(entry)

    assert show(ledger) == ""
    assert ledger.witness.state.held(ORIGIN) == {}
    assert ledger.witness.state.seen(ORIGIN).size == ledger.log.size


def test_a_refusal_in_public_ends_it(clock):
    ledger = with_witness(clock)
    entry = sign(ledger)
    ledger.witness.hold(entry.encode())
    clock.tick(PATIENCE_S + 1)
    refusal = {
        "entry_id": entry.id,
        "author": "bank-a",
        "code": "malformed",
        "text_digest": "0" * 64,
    }

    ledger.append_as("coordinator", "entry-refused", refusal)

    assert show(ledger) == ""
    assert ledger.witness.state.held(ORIGIN) == {}


def record_refusals(ledger: Ledger, tmp_path: Path) -> list[Refusal]:
    """Let the coordinator's clerk record what waits; return it."""
    clerk = Refusals(ledger.desk, ledger.member("coordinator", tmp_path / "coordinator"))
    taken = []
    while (refusal := ledger.log.refused.take()) is not None:
        taken.append(refusal)
        clerk._record(refusal)
    return taken


def test_an_entry_that_the_coordinator_never_saw_is_taken_from_the_witness(clock):
    """The attacker is a member: it hands its entry to the witness and not to the coordinator."""
    ledger = with_witness(clock)
    entry = sign(ledger)
    ledger.witness.hold(entry.encode())
    clock.tick(PATIENCE_S + 1)

    assert entry.id[:16] in show(ledger)  # and it is in the next head

    assert show(ledger) == ""
    assert entry.id in ledger.log.state.entry_index


def test_entries_that_are_rightly_refused_stop_no_witness_for_long(clock, tmp_path: Path):
    """Again and again, of one author and one code: the refusal of each stands in the ledger."""
    ledger = with_witness(clock)
    for word in ("once", "twice"):
        data = {"grant_id": word, "reason": "withdrawn"}  # there is no such grant
        entry = ledger.bank.draft("grant-revoked", data)
        ledger.witness.hold(entry.encode())
        clock.tick(PATIENCE_S + 1)
        assert entry.id[:16] in show(ledger)

        refusal = record_refusals(ledger, tmp_path)[-1]

        assert (refusal.entry_id, refusal.code) == (entry.id, "no-such-reference")
        assert show(ledger) == ""
        assert ledger.witness.state.held(ORIGIN) == {}


def test_who_has_left_stops_no_witness_for_long(clock, tmp_path: Path):
    """The witness's operator knows its key still."""
    ledger = with_witness(clock)
    ledger.append_as("bank-a", "party-left", {"party": "bank-a", "reason": "left"})
    ledger.bank.refresh()
    entry = sign(ledger)
    ledger.witness.hold(entry.encode())
    clock.tick(PATIENCE_S + 1)
    assert entry.id[:16] in show(ledger)

    (refusal,) = record_refusals(ledger, tmp_path)

    assert (refusal.author, refusal.code) == ("bank-a", "unknown-author")
    assert show(ledger) == ""


def test_what_is_held_is_shown_to_its_log_alone(clock):
    ledger = with_witness(clock)
    entry = sign(ledger)
    ledger.witness.hold(entry.encode())
    asked = ledger.log.ask_for(entry.id)
    text = Note.parse(asked).text
    stranger = Note(text, (SigningKey.generate(ORIGIN).sign(text),)).encode()

    assert ledger.witness.hand_out(asked) == Answer(200, entry.encode())
    assert ledger.witness.hand_out(stranger).status == 403
    assert ledger.witness.hand_out(ledger.log.ask_for("0" * 64)).status == 404
    assert ledger.witness.hand_out(ledger.log.checkpoint_note()).status == 400
    assert ledger.witness.hand_out(b"please").status == 400


def test_a_leaf_of_another_entry_does_not_end_it(clock):
    """The coordinator shows what it has, and says that it is what is held."""
    ledger = with_witness(clock)
    entry = sign(ledger)
    ledger.witness.hold(entry.encode())
    clock.tick(PATIENCE_S + 1)
    ledger.grow_as("bank-b")
    ledger.log.settled_at = lambda entry_id: 1  # type: ignore[method-assign]

    assert entry.id in show(ledger)
    assert ledger.witness.state.seen(ORIGIN).size == 0


def test_an_entry_that_has_become_too_old_for_the_rules_presses_no_more(clock):
    ledger = with_witness(clock)
    ledger.witness.hold(sign(ledger).encode())

    clock.tick(MAX_DRIFT_S + 2)

    assert show(ledger) == ""


def test_an_author_who_signs_again_goes_on_pressing_from_the_first_time(clock):
    ledger = with_witness(clock)
    ledger.bank.clock = clock
    ledger.witness.hold(sign(ledger).encode())
    clock.tick(MAX_DRIFT_S + 1)
    second = sign(ledger, "again")

    ledger.witness.hold(second.encode())

    assert f"holds entry {second.id[:16]}" in show(ledger)


def test_nobody_exchanges_what_is_held_while_the_log_refuses_it(clock, tmp_path: Path):
    """Else each refusal would come too late, and the witness would never co-sign again."""
    ledger = with_witness(clock)
    first = ledger.bank.draft("grant-revoked", {"grant_id": "first", "reason": "withdrawn"})
    second = ledger.bank.draft("grant-revoked", {"grant_id": "second", "reason": "withdrawn"})
    ledger.witness.hold(first.encode())
    clock.tick(PATIENCE_S + 1)
    assert first.id[:16] in show(ledger)

    assert ledger.witness.hold(second.encode()).body == f"held: {first.id}\n".encode()

    record_refusals(ledger, tmp_path)
    assert show(ledger) == ""


def test_an_author_whose_entry_has_arrived_begins_anew(clock):
    ledger = with_witness(clock)
    first = sign(ledger)
    ledger.witness.hold(first.encode())
    ledger.bank.hand_in(first)
    clock.tick(PATIENCE_S + 1)
    ledger.witness.hold(sign(ledger, "next").encode())

    assert show(ledger) == ""


@pytest.mark.parametrize(
    ("spoil", "status"),
    [
        pytest.param(lambda raw: raw[:-2], 400, id="half an entry"),
        pytest.param(lambda raw: raw + b"x" * 20_000, 400, id="a long one"),
        pytest.param(lambda raw: raw.replace(b"withheld", b"withdrew"), 403, id="an altered one"),
        pytest.param(lambda raw: raw.replace(b"outside", b"another"), 404, id="another ledger's"),
    ],
)
def test_a_stranger_stops_nobody(clock, spoil, status):
    ledger = with_witness(clock)

    assert ledger.witness.hold(spoil(sign(ledger).encode())).status == status
    assert ledger.witness.state.held(ORIGIN) == {}


def test_what_is_held_survives_a_restart(clock, tmp_path: Path):
    ledger = with_witness(clock)
    state = WitnessState(tmp_path / "heads.db")
    held = Held(sign(ledger), 5)
    state.hold(held)
    state.close()

    again = WitnessState(tmp_path / "heads.db").held(ORIGIN)["bank-a"]

    assert (again.entry.id, again.since_s) == (held.entry.id, 5)


class Swallowing:
    """The attacker's front: it says that an entry is accepted, and puts it nowhere."""

    def __init__(self, front: object) -> None:
        self._front = front

    def __getattr__(self, name: str) -> object:
        return getattr(self._front, name)

    def submit(self, notes: list[bytes]) -> list[SubmitAnswer]:
        return [SubmitAnswer(receipt=b"accepted") for _ in notes]

    def leaves(self, start: int, *, timeout_s: float = 0.0) -> list[bytes]:
        return []


def test_the_whole_way_from_the_bank_to_the_witness(clock, caplog):
    """Over HTTP: the bank notices that its entry stands nowhere, and hands it over."""
    keyless = TlogWitness(CosignatureKey.generate("regulator"), [], WitnessState(), clock=clock)
    server = FrontServer(witness_app(keyless), host="127.0.0.1", port=0, what="the witness")
    server.start()
    try:
        ledger = Ledger(f"http://127.0.0.1:{server.port}", keyless)
        keyless.authors[ORIGIN] = [one.signing.verifier for one in ledger.members.values()]
        ledger.bank.front = Swallowing(ledger.bank.front)  # type: ignore[assignment]
        entry = sign(ledger)
        with pytest.raises(LedgerError):
            ledger.bank.hand_in(entry)
        route = OutsideRoute(ledger.bank)
        route.press()
        assert keyless.state.held(ORIGIN) == {}  # a minute has not passed

        with caplog.at_level(logging.WARNING):
            route.press(older_than_s=0.0)

        assert "handed to regulator, which answers 202" in caplog.text
        assert keyless.state.held(ORIGIN)["bank-a"].entry.id == entry.id
        route.close()
    finally:
        server.stop()


def test_a_page_that_does_not_end_takes_no_members_memory():
    """The attacker is the witness: it answers with bytes for as long as somebody reads."""
    sent = 0

    class Endless(httpx.SyncByteStream):
        def __iter__(self):
            nonlocal sent
            while sent < 2**30:
                sent += 2**12
                yield bytes(2**12)

    route = OutsideRoute(with_witness(Clock()).bank)
    route._client = httpx.Client(
        transport=httpx.MockTransport(lambda request: httpx.Response(200, stream=Endless()))
    )

    with pytest.raises(CheckpointError, match="does not end"):
        route.page("regulator")
    assert sent <= 2 * MAX_PAGE_BYTES
    route.close()


def test_a_member_finds_a_shorter_or_another_ledger_by_the_witness_page(tmp_path: Path):
    """The hour in which every daemon reads what the witness has co-signed."""
    witness = TlogWitness(CosignatureKey.generate("regulator"), [], WitnessState())
    server = FrontServer(witness_app(witness), host="127.0.0.1", port=0, what="the witness")
    server.start()
    refused: list[LedgerError] = []
    try:
        ledger = Ledger(f"http://127.0.0.1:{server.port}", witness, path=tmp_path / "ledger.db")
        backup = ledger.copy(tmp_path / "backup.db")
        ledger.grow()
        show(ledger)
        honest, lied_to = OutsideRoute(ledger.bank), OutsideRoute(backup.bank)
        assert honest.compare("regulator", lambda note, error: refused.append(error)) == 2

        with pytest.raises(RollbackError):
            lied_to.compare("regulator", lambda note, error: refused.append(error))
        backup.append_as("bank-b", "endorsement-given", json.loads(ENDORSEMENT))
        with pytest.raises(ForkError):
            lied_to.compare("regulator", lambda note, error: refused.append(error))

        assert [type(error) for error in refused] == [RollbackError, ForkError]
        with pytest.raises(httpx.HTTPStatusError):
            httpx.get(f"http://127.0.0.1:{server.port}/pending").raise_for_status()
        honest.close()
        lied_to.close()
    finally:
        server.stop()


ENDORSEMENT = json.dumps({"act_type": "x", "act_digest": "1" * 64, "decision": "approve"})


def test_the_answer_to_what_was_never_asked_is_400():
    witness = TlogWitness(CosignatureKey.generate("regulator"), [], WitnessState())

    for body in (
        b"",
        b"fedcredit-shown-entries/v1\n",
        b"fedcredit-shown-entries/v1\nleaf 1 1 1\nx",
    ):
        answer: Answer = witness.add_shown(body)
        assert answer.status == 400
