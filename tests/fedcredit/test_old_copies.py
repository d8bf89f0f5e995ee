"""A coordinator that starts from an old copy, its head file with it, learns it from its members."""

import shutil
from pathlib import Path

import pytest

from fedcredit import founding
from fedcredit.coordinator.front import Desk
from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.errors import ForkError, LedgerError, RollbackError
from fedcredit_ledger.log import Log
from fedcredit_ledger.note import Note, SigningKey
from fedcredit_ledger.store import Store
from fedcredit_parties.errors import FrontUnreachableError, MalformedMessageError
from fedcredit_parties.kept_heads import COSIGNED, RECEIPT, KeptHeads
from fedcredit_parties.member import Member
from fedcredit_parties.session import Session
from tests.front_desk import ORIGIN, Counter

SAID = {"act_type": "other", "act_digest": "ab" * 32, "decision": "approve"}


class Ledger:
    """A ledger file behind a front, of which an old copy was kept."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger.db"
        self.old = folder / "old"
        self.counter = Counter(folder, ledger=str(self.path))
        self.folder = folder / "bank-a"
        self.folder.mkdir()

    def member(self, name: str = "bank-a") -> Member:
        counter = self.counter
        return Member(
            identity=counter.identities[name],
            origin=ORIGIN,
            trust=founding.trust_of(
                name, list(counter.identities.values()), counter.founding_entry
            ),
            front=counter.client(name, patience_s=0.5),
            state=self.folder,
        )

    def reopen(self) -> None:
        """Start the log again from what is on the disk, and serve it."""
        counter = self.counter
        counter.shut()
        counter.store.close()
        counter.store = Store(self.path)
        counter.log = Log(counter.store, counter.log_key, ORIGIN)
        counter.open()

    def files(self) -> list[Path]:
        return [path for path in self.path.parent.glob("ledger.db*") if path.is_file()]

    def keep_a_copy(self) -> None:
        self.counter.store.close()
        self.old.mkdir()
        for path in self.files():
            shutil.copy(path, self.old)
        self.reopen()

    def go_back(self) -> None:
        """Put the old copy in place of the ledger, as from a backup."""
        self.counter.store.close()
        for path in self.files():
            path.unlink()
        for path in self.old.iterdir():
            shutil.copy(path, self.path.parent)
        self.reopen()


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path)
    yield made
    made.counter.close()


def test_a_daemon_does_not_run_when_its_newest_receipt_is_not_in_the_ledger(ledger):
    ledger.member().ledger.append("endorsement-given", SAID)
    ledger.keep_a_copy()
    ledger.member().ledger.append("endorsement-given", SAID)
    ledger.go_back()

    with pytest.raises(RollbackError, match="newest receipt of bank-a") as caught:
        ledger.member()

    assert caught.value.exit_code == 55
    assert (caught.value.expected, caught.value.found) == ("at least 3 leaves", "2")
    assert (ledger.folder / RECEIPT).exists()


def test_a_coordinator_hears_from_a_member_that_it_has_lost_something(ledger):
    ledger.keep_a_copy()
    member = ledger.member()
    member.ledger.append("endorsement-given", SAID)
    head = member.ledger.kept.newest
    ledger.go_back()
    assert ledger.counter.log.size == 1

    session = Session(
        "bank-a", ledger.counter.client("bank-a", patience_s=0.0), ledger.folder, head=lambda: head
    )
    with pytest.raises(FrontUnreachableError):
        session._front.hello(session.id, (), session._head())

    failure = ledger.counter.log.failure
    assert isinstance(failure, RollbackError) and failure.exit_code == 55
    assert (failure.expected, failure.found) == ("at least 2 leaves", "1")
    with pytest.raises(LedgerError, match="suspended"):
        ledger.counter.log.submit([b"anything"])


def test_a_head_of_another_branch_suspends_too(ledger):
    """Two ledgers grew from one copy: the log has signed both."""
    ledger.keep_a_copy()
    member = ledger.member()
    member.ledger.append("endorsement-given", SAID)
    ledger.go_back()
    other = ledger.counter.member("bank-b")
    other.ledger.append("endorsement-given", SAID)

    with pytest.raises(ForkError):
        ledger.counter.desk.hear("bank-a", member.ledger.kept.newest)

    assert isinstance(ledger.counter.log.failure, ForkError)
    with pytest.raises(ForkError, match="another history"):
        ledger.member()


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(lambda: b"no head", id="no note"),
        pytest.param(
            lambda: signed(SigningKey.generate(ORIGIN), 10**9), id="signed by another key"
        ),
        pytest.param(lambda: b"x" * 20_000, id="too long"),
    ],
)
def test_a_member_cannot_suspend_the_ledger_with_a_head_that_the_log_never_signed(ledger, head):
    with pytest.raises(MalformedMessageError):
        ledger.counter.client("bank-a", patience_s=0.0).hello("00" * 16, (), head())

    assert ledger.counter.log.failure is None
    ledger.member().ledger.append("endorsement-given", SAID)


def signed(key: SigningKey, size: int) -> bytes:
    text = Checkpoint(ORIGIN, size, bytes(32)).text()
    return Note(text, (key.sign(text),)).encode()


def test_a_head_that_the_ledger_holds_is_nothing_new(ledger):
    member = ledger.member()
    for _ in range(3):
        member.ledger.append("endorsement-given", SAID)
    client = ledger.counter.client("bank-a", patience_s=0.0)

    assert client.hello("00" * 16, (), member.ledger.kept.newest) is None
    assert ledger.counter.log.failure is None


def test_no_entry_is_taken_before_a_witness_has_said_what_it_has_seen(ledger):
    desk = Desk(ledger.counter.log, compare_first=True)
    note = b"anything"

    with pytest.raises(LedgerError, match="no witness"):
        desk.submit([note])
    head = ledger.counter.log.checkpoint_note()
    assert head is not None
    for party, held in (("analyst", head), ("bank-b", b"")):
        desk.hear(party, held)
        with pytest.raises(LedgerError, match="no witness"):
            desk.submit([note])
    desk.hear("bank-b", head)

    (outcome,) = desk.submit([note])
    assert outcome.code == "malformed"


def test_the_coordinators_own_entries_wait_for_that_too(ledger):
    desk = Desk(ledger.counter.log, compare_first=True)
    window = desk.window("coordinator")
    window.leave()

    with pytest.raises(LedgerError, match="no witness"):
        window.submit([b"anything"])


def test_what_is_kept_survives_and_the_newest_of_both_is_shown(ledger):
    member = ledger.member()
    member.ledger.append("endorsement-given", SAID)
    receipt = member.ledger.kept.newest
    ledger.counter.member("bank-b").ledger.append("endorsement-given", SAID)
    note = ledger.counter.log.checkpoint_note()
    assert note is not None
    member.ledger.refresh()
    member.ledger.cosign(member._seen, note)

    kept = KeptHeads("bank-a", ledger.folder)

    assert [Checkpoint.parse(Note.parse(n).text).size for n in (receipt, kept.newest)] == [2, 3]
    assert (ledger.folder / COSIGNED).read_bytes() == note
    kept.check(member.ledger.replica)


def test_a_spoiled_receipt_is_named_and_not_passed_over(ledger):
    ledger.member().ledger.append("endorsement-given", SAID)
    (ledger.folder / RECEIPT).write_bytes(b"c2sp.org/tlog-proof@v1\nindex x\n\n")

    with pytest.raises(LedgerError, match=f"{RECEIPT} is not what was kept"):
        ledger.member()
