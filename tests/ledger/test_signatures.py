"""Signatures that other processes verify: the first bad one is named, a dead process an error."""

import io

import pytest

from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.note import SigningKey
from fedcredit_ledger.signature_worker import Claim, claims_of, frame, serve, verdicts
from fedcredit_ledger.signatures import IN_A_FRAME, Signatures
from fedcredit_ledger.store import Store
from fedcredit_ledger.verify import Level, verify_file
from tests.ledger.small_federation import SmallFederation

KEY = SigningKey.from_seed("bank-a", bytes(32))

# RFC 8032, 7.1, test 3
RFC_8032: Claim = (
    bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"),
    bytes.fromhex(
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
    ),
    bytes.fromhex("af82"),
)


def claim(number: int) -> Claim:
    text = b"message %d" % number
    return KEY.verifier.claim(text, KEY.sign(text))


def spoiled(good: Claim) -> Claim:
    return good[0], good[1][:-1] + bytes([good[1][-1] ^ 1]), good[2]


def test_a_worker_answers_a_byte_for_each_signature():
    off = (RFC_8032[0], RFC_8032[1], b"\xaf\x83")
    asked = [RFC_8032, off, claim(1), spoiled(claim(2)), (bytes(31) + b"\x80", bytes(64), b"")]

    assert list(claims_of(frame(asked)[4:])) == asked
    sink = io.BytesIO()
    serve(io.BytesIO(frame(asked) + frame(asked[:1])), sink)

    assert sink.getvalue() == bytes([1, 0, 1, 0, 0, 1])
    assert verdicts([]) == b""


@pytest.mark.parametrize("n_processes", [0, 2])
def test_the_first_bad_signature_is_named(n_processes):
    with Signatures(n_processes) as signatures:
        for number in range(3 * IN_A_FRAME):
            good = claim(number)
            is_bad = number in (IN_A_FRAME + 7, 2 * IN_A_FRAME)
            signatures.add(number, f"key-{number}", spoiled(good) if is_bad else good)

        assert signatures.settle() == (IN_A_FRAME + 7, f"key-{IN_A_FRAME + 7}")


def test_a_process_that_has_ended_is_a_named_error():
    with Signatures(1) as signatures:
        signatures._children[0].kill()
        signatures._children[0].wait()
        signatures.add(0, "bank-a", claim(0))

        with pytest.raises(LedgerError, match="verifies signatures has ended"):
            signatures.settle()


@pytest.mark.parametrize("n_processes", [0, 1])
def test_a_long_ledger_is_verified_by_other_processes_alike(tmp_path, monkeypatch, n_processes):
    monkeypatch.setattr("fedcredit_ledger.verify.WORTH_A_PROCESS", 1)
    monkeypatch.setattr("fedcredit_ledger.verify.PAGE", 5)
    fed = SmallFederation(Store(tmp_path / "ledger.db"))
    fed.grant_all()
    fed.finished_run()
    fed.witness()
    root = fed.log.root.hex()
    fed.store.close()

    report = verify_file(tmp_path / "ledger.db", level=Level.SIGNATURES, n_processes=n_processes)

    assert (report.findings, report.root) == ([], root)
