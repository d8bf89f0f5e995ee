"""An outside witness answers as C2SP's tlog-witness says.

The first log is torchwood's: its test's origin, key, checkpoints and proofs, signed elsewhere.
"""

import base64
import hashlib
import threading
from datetime import UTC, datetime

import pytest

from fedcredit_ledger.add_checkpoint import AddCheckpoint
from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.errors import LedgerError, MalformedEntryError
from fedcredit_ledger.merkle import Tree
from fedcredit_ledger.note import CosignatureKey, Note, Signature, SigningKey, VerifierKey
from fedcredit_ledger.tlog_witness import TlogWitness
from fedcredit_ledger.witness_state import Seen, WitnessState

# FiloSottile/torchwood, internal/witness/witness_test.go
TORCHWOOD = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562"
PUBLIC = bytes.fromhex("ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f")
TO_1 = f"""old 0

{TORCHWOOD}
1
KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

— {TORCHWOOD} UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=
""".encode()  # noqa: E501
TO_3 = f"""old 1
KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

{TORCHWOOD}
3
RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=

— {TORCHWOOD} UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=
""".encode()  # noqa: E501
TO_5 = f"""old 1
KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
+fUDV+k970B4I3uKrqJM4aP1lloPZP8mvr2Z4wRw2LI=
KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

{TORCHWOOD}
5
QrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=

— {TORCHWOOD} UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww=
""".encode()  # noqa: E501

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
ORIGIN = "ledger.example/test"
LOG = SigningKey.from_seed(ORIGIN, hashlib.sha256(b"log").digest())
OTHER = SigningKey.from_seed(ORIGIN, hashlib.sha256(b"another log").digest())
LEAVES = [hashlib.sha256(b"\x00" + bytes([i])).digest() for i in range(12)]


def witness(*logs: VerifierKey, **options) -> TlogWitness:
    key = CosignatureKey.from_seed("regulator", hashlib.sha256(b"regulator").digest())
    known = logs or (LOG.verifier,)
    return TlogWitness(key, known, WitnessState(), clock=lambda: NOW, **options)


def head(size: int, leaves: list[bytes] = LEAVES, *, key: SigningKey = LOG, more: str = "") -> Note:
    text = Checkpoint(key.name, size, Tree(leaves[:size]).root).text() + more.encode()
    return Note(text, (key.sign(text),))


def request(old: int, size: int, leaves: list[bytes] = LEAVES, **options) -> bytes:
    proof = Tree(leaves).consistency_proof(old, size) if 0 < old < size else []
    return AddCheckpoint(old, tuple(proof), head(size, leaves, **options)).encode()


def line_of(answer, one: TlogWitness, note: Note) -> int:
    """Verify the co-signature; return the time that it states."""
    assert answer.status == 200 and answer.body.endswith(b"\n")
    signature = Signature.parse(answer.body.decode().rstrip("\n"))
    one.key.verifier.verify(note.text, signature)
    return one.key.verifier.time_s(signature)


def test_the_checkpoints_of_another_log_are_co_signed_with_its_own_proofs():
    one = witness(VerifierKey.of(TORCHWOOD, 1, PUBLIC))

    assert one.logs[TORCHWOOD][0].key_id.hex() == "5202289b"
    assert one.add_checkpoint(TO_1).status == 200
    assert one.add_checkpoint(TO_5).status == 200
    late = one.add_checkpoint(TO_3)
    assert (late.status, late.body, late.content_type) == (409, b"5\n", "text/x.tlog.size")
    assert one.state.seen(TORCHWOOD).size == 5
    assert base64.b64encode(one.state.seen(TORCHWOOD).root).startswith(b"QrtXrQZCCvpI")


def test_the_shorter_of_the_two_is_co_signed_when_it_comes_first():
    one = witness(VerifierKey.of(TORCHWOOD, 1, PUBLIC))

    assert [one.add_checkpoint(body).status for body in (TO_1, TO_3)] == [200, 200]
    assert one.add_checkpoint(TO_5).body == b"3\n"


def test_a_co_signature_states_the_witnesss_own_time():
    one = witness()

    assert line_of(one.add_checkpoint(request(0, 3)), one, head(3)) == int(NOW.timestamp())


def test_the_same_head_again_is_co_signed_again():
    one = witness()
    one.add_checkpoint(request(0, 3))

    line_of(one.add_checkpoint(request(3, 3)), one, head(3))


def test_each_log_has_its_own_head():
    second = SigningKey.from_seed("ledger.example/other", bytes(32))
    one = witness(LOG.verifier, second.verifier)
    one.add_checkpoint(request(0, 5))

    assert one.add_checkpoint(request(0, 2, key=second)).status == 200
    assert {origin: seen.size for origin, seen in one.state.all().items()} == {
        ORIGIN: 5,
        "ledger.example/other": 2,
    }


def test_a_log_may_have_two_keys_and_lines_by_strangers_are_passed_over():
    one = witness(LOG.verifier, OTHER.verifier)
    text = head(3).text
    note = Note(text, (SigningKey.generate(ORIGIN).sign(text), OTHER.sign(text)))

    assert one.add_checkpoint(AddCheckpoint(0, (), note).encode()).status == 200


def test_lines_of_extension_are_co_signed_as_they_stand():
    one = witness()
    body = request(0, 3, more="pruned 2\n")

    line_of(one.add_checkpoint(body), one, head(3, more="pruned 2\n"))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(request(0, 3, key=SigningKey.generate("else.example")), 404, id="its origin"),
        pytest.param(request(0, 3, key=OTHER), 403, id="another key of that name"),
        pytest.param(request(0, 3).replace(b"\n3\n", b"\n4\n"), 403, id="a size that was altered"),
        pytest.param(request(4, 3), 400, id="an old size above the new one"),
        pytest.param(AddCheckpoint(0, (LEAVES[0],), head(3)).encode(), 422, id="a proof from 0"),
        pytest.param(request(0, 3).replace(b"old 0", b"old 00"), 400, id="a leading zero"),
        pytest.param(request(0, 3).replace(b"old 0", b"old -1"), 400, id="a negative size"),
        pytest.param(request(0, 3).replace(b"old 0", b"old  0"), 400, id="two spaces"),
        pytest.param(request(0, 3).replace(b"old 0\n", b"old 0\n\n"), 400, id="two empty lines"),
        pytest.param(request(0, 3).replace(b"old 0\n", b"old 0\nAAAA\n"), 400, id="a short hash"),
        pytest.param(request(0, 3)[:-1], 400, id="no last newline"),
        pytest.param(b"", 400, id="nothing"),
        pytest.param(b"old 0\n\n" + b"x" * 70_000, 400, id="too much"),
        pytest.param(request(0, 3, more="\n"), 400, id="an empty line of extension"),
    ],
)
def test_what_a_new_witness_does_not_co_sign(body, status):
    one = witness()

    answer = one.add_checkpoint(body)

    assert answer.status == status
    assert "\u2014".encode() not in answer.body
    assert one.state.all() == {}


def test_a_proof_of_64_lines_is_malformed():
    body = request(0, 3).replace(
        b"old 0\n", b"old 0\n" + 64 * (base64.b64encode(bytes(32)) + b"\n")
    )

    assert witness().add_checkpoint(body).status == 400


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(request(0, 7), 409, id="from the beginning"),
        pytest.param(request(3, 7), 409, id="from another size"),
        pytest.param(request(0, 3), 409, id="a smaller head"),
        pytest.param(request(5, 5, [*LEAVES[:4], bytes(32)]), 409, id="another root of this size"),
        pytest.param(request(5, 7, [bytes(32), *LEAVES[1:]]), 422, id="another history"),
        pytest.param(AddCheckpoint(5, (), head(7)).encode(), 422, id="no proof"),
        pytest.param(request(3, 7).replace(b"old 3", b"old 5"), 422, id="another proof"),
    ],
)
def test_what_a_witness_of_five_leaves_does_not_co_sign(body, status):
    one = witness()
    one.add_checkpoint(request(0, 5))

    answer = one.add_checkpoint(body)

    assert answer.status == status
    if status == 409:
        assert (answer.body, answer.content_type) == (b"5\n", "text/x.tlog.size")
    assert one.state.seen(ORIGIN).size == 5


def test_the_head_of_no_leaves_has_one_root():
    # SHA-256 of nothing, RFC 6962, 2.1
    assert head(0).text.split(b"\n")[2] == b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    text = Checkpoint(ORIGIN, 0, bytes(32)).text()

    assert witness().add_checkpoint(request(0, 0)).status == 200
    wrong = AddCheckpoint(0, (), Note(text, (LOG.sign(text),))).encode()
    assert witness().add_checkpoint(wrong).status == 422


def test_a_head_that_was_overtaken_is_not_co_signed():
    stalled, go_on = threading.Event(), threading.Event()

    def stall() -> None:
        if not stalled.is_set():
            stalled.set()
            assert go_on.wait(10)

    one = witness(before_keeping=stall)
    one.state.advance(ORIGIN, Seen(), Seen(1, Tree(LEAVES[:1]).root, b"x", 0))
    answers = []
    first = threading.Thread(target=lambda: answers.append(one.add_checkpoint(request(1, 3))))
    first.start()
    assert stalled.wait(10)

    assert one.add_checkpoint(request(1, 5)).status == 200
    go_on.set()
    first.join()

    assert (answers[0].status, answers[0].body) == (409, b"5\n")
    assert one.state.seen(ORIGIN).size == 5


def test_two_processes_over_one_file_keep_one_head(tmp_path):
    here, there = WitnessState(tmp_path / "heads.db"), WitnessState(tmp_path / "heads.db")
    first, second = Seen(3, LEAVES[0], b"a", 1), Seen(3, LEAVES[1], b"b", 2)

    assert here.advance(ORIGIN, Seen(), first)
    assert not there.advance(ORIGIN, Seen(), second)
    assert there.seen(ORIGIN) == first
    here.close()
    there.close()


def test_a_restarted_witness_remembers(tmp_path):
    state = WitnessState(tmp_path / "heads.db")
    state.advance(ORIGIN, Seen(), Seen(3, LEAVES[0], b"a", 1))
    state.close()

    assert WitnessState(tmp_path / "heads.db").seen(ORIGIN) == Seen(3, LEAVES[0], b"a", 1)


def test_a_file_of_something_else_is_no_state(tmp_path):
    (tmp_path / "heads.db").write_bytes(b"something else " * 100)

    with pytest.raises(LedgerError, match="state cannot be used"):
        WitnessState(tmp_path / "heads.db")


def test_a_request_reads_as_it_was_written():
    body = request(3, 7)

    assert AddCheckpoint.parse(body).encode() == body
    with pytest.raises(MalformedEntryError):
        AddCheckpoint.parse(body.replace(b"old", b"new"))
