"""Ledgers with one defect each: found where, and by the name, that the vector says.

The vectors of other formats are checked beside the code that reads them; here are those of whole
ledgers (chain.json, bad/) and of other people's programs for heads and receipts (W1, P1).
"""

import base64
import hashlib
import importlib

import pytest

from fedcredit_ledger import evidence_verifier as verifier
from fedcredit_ledger.checkpoint import Checkpoint, TlogProof, open_checkpoint
from fedcredit_ledger.errors import EvidenceError, InvalidEvidenceError, SignatureError
from fedcredit_ledger.evidence import Packer
from fedcredit_ledger.merkle import verify_consistency
from fedcredit_ledger.note import ED25519, Note, Signature, VerifierKey
from fedcredit_ledger.store import Store
from fedcredit_ledger.verify import Level, verify_file
from tests.ledger.small_packages import files_of, packed_anew
from tests.ledger.vector_files import BAD, CHAIN, VECTORS, WrittenLedger, vector

W1, P1 = vector("W1"), vector("P1")


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    """What the generator writes, by the name of its file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(VECTORS))
        generator = importlib.import_module("generate")
    return {name: generator.text(document) for name, document in generator.build().items()}


def test_the_generator_rebuilds_the_files(generated):
    for name, text in generated.items():
        assert (VECTORS / name).read_text(encoding="utf-8") == text, name
    written = {f"bad/{path.name}" for path in (VECTORS / "bad").iterdir()}
    assert written == {name for name in generated if name.startswith("bad/")}


def test_the_sound_ledger_has_no_findings_and_makes_a_sound_package(tmp_path):
    good = WrittenLedger.good()

    path = good.store(tmp_path / "good.db")
    report = verify_file(path, level=Level.SIGNATURES, founding_entry=CHAIN["founding_entry"])
    assert (report.findings, report.size, report.quorum_size) == ([], 21, 21)
    assert report.root == CHAIN["root"]
    proven = verifier.check(good.package(), CHAIN["founding_entry"])
    assert (proven.size, len(proven.leaves), proven.is_pinned) == (21, 21, True)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_ledger_is_found_by_the_name_of_its_defect(name, tmp_path):
    row, ledger = vector(f"bad/{name}"), WrittenLedger.bad(name)
    since = row.get("since", "").encode()

    report = verify_file(
        ledger.store(tmp_path / "bad.db"),
        level=Level.CHAIN if since else Level.SIGNATURES,
        founding_entry=row.get("founding_entry"),
        since=since,
    )

    found = report.findings[0]
    assert {"index": found.index, "code": found.code} == row["finding"], found.sentence
    assert 50 <= report.exit_code <= 59


UNSOUND = [name for name in BAD if not {"since", "founding_entry"} & vector(f"bad/{name}").keys()]
"""Of the others only who knows another head, or another founding entry, finds anything."""


@pytest.mark.parametrize("name", UNSOUND)
def test_no_evidence_is_packed_from_a_bad_ledger(name, tmp_path):
    path = WrittenLedger.bad(name).store(tmp_path / "bad.db")

    with Store(path, read_only=True) as store, pytest.raises(EvidenceError):
        Packer(store)


@pytest.mark.parametrize("name", BAD)
def test_the_single_file_verifier_refuses_what_it_can_know(name):
    """It replays no rules: what only they forbid is stopped by who packs, and by verify."""
    row, package = vector(f"bad/{name}"), WrittenLedger.bad(name).package()

    if not row["package"]:
        assert verifier.check(package).missing == []
        return
    with pytest.raises(verifier.Refused) as caught:
        verifier.check(package, row.get("founding_entry", ""))
    assert f"{caught.value.where} · {caught.value.sentence}" == row["package"]


# W1: heads of another log


def w1_heads() -> list[Note]:
    notes = []
    for row in W1["requests"]:
        text = f"{W1['origin']}\n{row['size']}\n{row['root']}\n".encode()
        line = Signature.parse(f"\N{EM DASH} {W1['origin']} {row['signature']}")
        notes.append(Note(text, (line,)))
    return notes


def test_the_heads_of_another_log_verify_and_no_other_root_does():
    key = VerifierKey.of(W1["origin"], ED25519, bytes.fromhex(W1["public"]))
    assert key.key_id.hex() == W1["key_id"]

    for note, row in zip(w1_heads(), W1["requests"], strict=True):
        head = open_checkpoint(note, key)
        assert (head.size, base64.b64encode(head.root).decode()) == (row["size"], row["root"])
        other = Checkpoint(W1["origin"], head.size, hashlib.sha256(head.root).digest()).text()
        with pytest.raises(SignatureError):
            key.verify(other, note.signatures[0])


def test_the_consistency_proofs_of_another_log_verify_between_its_heads_only():
    root = {row["size"]: base64.b64decode(row["root"]) for row in W1["requests"]}
    for row in (row for row in W1["requests"] if row["old"]):
        proof = [base64.b64decode(line) for line in row["proof"]]
        old, new = row["old"], row["size"]

        verify_consistency(
            old_size=old, old_root=root[old], new_size=new, new_root=root[new], proof=proof
        )
        assert verifier.is_consistent(old, root[old], new, root[new], proof)
        assert not verifier.is_consistent(old, root[old], 8 - new, root[8 - new], proof)
        with pytest.raises(InvalidEvidenceError):
            verify_consistency(
                old_size=old, old_root=root[new], new_size=new, new_root=root[new], proof=proof
            )


# P1: receipts


def test_a_receipt_is_written_as_others_write_it():
    (checkpoint,) = w1_heads()[2:]
    for row in P1["written"]:
        hashes = tuple(base64.b64decode(line) for line in row["hashes"])
        written = f"{row['head']}\n\n".encode() + checkpoint.encode()

        assert TlogProof(row["index"], hashes, checkpoint).encode() == written
        assert TlogProof.parse(written).hashes == hashes


@pytest.mark.parametrize("row", P1["refused"], ids=lambda row: row["defect"])
def test_a_receipt_of_another_form_is_refused(row):
    checkpoint = w1_heads()[2].encode()

    with pytest.raises(InvalidEvidenceError):
        TlogProof.parse(f"{row['head']}\n\n".encode() + checkpoint)
    files = files_of(WrittenLedger.good().package())
    proof = f"{row['head']}\n\n".encode() + files["checkpoint"]
    with pytest.raises(verifier.Refused) as caught:
        verifier.check(packed_anew(files | {"entries/0.tlog-proof": proof}))
    assert caught.value.where in {"entries/0.tlog-proof", "package"}
