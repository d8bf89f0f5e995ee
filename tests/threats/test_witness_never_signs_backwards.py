"""A witness goes forwards only: overtaken, restarted, or asked by whoever holds an older head.

The same three attacks against both witnesses: a member with a verified copy, and one outside that
is shown heads and proofs.
"""

import hashlib
import threading

import pytest

from fedcredit_ledger.add_checkpoint import AddCheckpoint
from fedcredit_ledger.errors import RollbackError
from fedcredit_ledger.note import CosignatureKey, Note, Signature
from fedcredit_ledger.tlog_witness import Answer, TlogWitness
from fedcredit_ledger.witness import Witness
from fedcredit_ledger.witness_state import Seen, WitnessState
from tests.ledger.small_federation import ORIGIN, SmallFederation, digest

ENDORSEMENT = {"act_type": "party-left", "act_digest": digest("x"), "decision": "approve"}
KEY = CosignatureKey.from_seed("notary", hashlib.sha256(b"notary").digest())


@pytest.fixture
def fed() -> SmallFederation:
    return SmallFederation()


def grow(fed: SmallFederation, n: int) -> bytes:
    for _ in range(n):
        fed.write("bank-a", "endorsement-given", ENDORSEMENT)
    return fed.log.checkpoint_note()


def request(fed: SmallFederation, old: int, note: bytes, size: int) -> bytes:
    proof = tuple(fed.log.consistency(old, size)) if old else ()
    return AddCheckpoint(old, proof, Note.parse(note)).encode()


def size_of(answer: bytes) -> int:
    return int(answer.decode())


class Careless(WitnessState):
    """The weaker variant: what is written is not compared with what was judged."""

    def advance(self, origin: str, old: Seen, new: Seen) -> bool:
        return super().advance(origin, self.seen(origin), new)


def race(fed: SmallFederation, state: WitnessState) -> tuple[bytes, Answer, Answer]:
    """Let a longer head overtake a shorter one that stalls between judgement and write."""
    first = fed.log.checkpoint_note()
    shorter = grow(fed, 2)
    longer = grow(fed, 2)
    is_stalled, go_on = threading.Event(), threading.Event()

    def stall() -> None:
        if threading.current_thread() is slow:
            is_stalled.set()
            assert go_on.wait(10)

    witness = TlogWitness(KEY, [fed.log_key.verifier], state, before_keeping=stall)
    answers = []
    slow = threading.Thread(
        target=lambda: answers.append(witness.add_checkpoint(request(fed, 1, shorter, 3)))
    )
    assert witness.add_checkpoint(request(fed, 0, first, 1)).status == 200
    slow.start()
    assert is_stalled.wait(10)
    overtaking = witness.add_checkpoint(request(fed, 1, longer, 5))
    go_on.set()
    slow.join()
    return longer, overtaking, answers[0]


def test_of_two_requests_at_once_only_one_is_signed(fed):
    """The race of c2sp.org/tlog-witness."""
    state = WitnessState()

    longer, overtaking, overtaken = race(fed, state)

    KEY.verifier.verify(Note.parse(longer).text, Signature.parse(overtaking.body.decode().strip()))
    assert (overtaken.status, size_of(overtaken.body)) == (409, 5)
    assert state.seen(ORIGIN).size == 5


def test_a_witness_that_compares_nothing_is_taken_back(fed):
    state = Careless()

    _, _, overtaken = race(fed, state)

    assert (overtaken.status, state.seen(ORIGIN).size) == (200, 3)


def test_a_restarted_witness_does_not_begin_again(fed, tmp_path):
    first = fed.log.checkpoint_note()
    newest = grow(fed, 3)
    state = WitnessState(tmp_path / "heads.db")
    witness = TlogWitness(KEY, [fed.log_key.verifier], state)
    assert witness.add_checkpoint(request(fed, 0, newest, 4)).status == 200
    state.close()

    restarted = TlogWitness(KEY, [fed.log_key.verifier], WitnessState(tmp_path / "heads.db"))
    answer = restarted.add_checkpoint(request(fed, 0, first, 1))

    assert (answer.status, size_of(answer.body)) == (409, 4)


def test_what_is_signed_is_on_the_disk_first(fed, tmp_path):
    state = WitnessState(tmp_path / "heads.db")
    seen_by_others = []

    class Key:
        """A key that looks, at the moment of signing, at what another process would read."""

        verifier, name = KEY.verifier, KEY.name

        def cosign(self, text: bytes, time_s: int) -> Signature:
            seen_by_others.append(WitnessState(tmp_path / "heads.db").seen(ORIGIN).size)
            return KEY.cosign(text, time_s)

    witness = TlogWitness(Key(), [fed.log_key.verifier], state)  # type: ignore[arg-type]
    witness.add_checkpoint(request(fed, 0, grow(fed, 1), 2))

    assert seen_by_others == [2]


def test_a_member_that_restarts_from_its_file_refuses_the_older_head(fed, tmp_path):
    older = grow(fed, 1)
    key = fed.witness_keys["bank-a"]
    Witness(key, path=tmp_path / "w.json", clock=fed.clock).cosign(grow(fed, 2), fed.replica)

    restarted = Witness(key, path=tmp_path / "w.json", clock=fed.clock)

    with pytest.raises(RollbackError):
        restarted.cosign(older, fed.replica)
