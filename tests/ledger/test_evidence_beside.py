"""Documents and time stamps in a package: only those that the ledger knows by their digest."""

import hashlib

import pytest

from fedcredit_ledger import evidence_verifier as verifier
from fedcredit_ledger.entry import commit
from fedcredit_ledger.errors import EvidenceError, InvalidEvidenceError
from fedcredit_ledger.evidence import pack_evidence, verify_evidence
from tests.ledger.small_federation import SmallFederation
from tests.ledger.small_packages import files_of, packed_anew

DOCUMENT = b"%PDF-1.7 the form that was signed"
DIGEST = hashlib.sha256(DOCUMENT).hexdigest()
TOKEN = b"0\x82 a time-stamp token"
SALT = hashlib.sha256(b"document").digest()


@pytest.fixture(scope="module")
def fed() -> SmallFederation:
    """A grant that commits to a document; the head over it is stamped, and that is recorded."""
    fed = SmallFederation()
    fed.register("bank-a")
    fed.grant("bank-a", commits={"document": commit("document", DIGEST, salt=SALT)[0]})
    fed.witness()
    stamped = {
        "checkpoint_size": 3,
        "kind": "rfc3161",
        "token_digest": hashlib.sha256(TOKEN).hexdigest(),
    }
    fed.write("coordinator", "anchor-recorded", stamped)
    fed.witness()
    return fed


def packed(fed: SmallFederation, **beside: dict[str, bytes]) -> bytes:
    opening = [commit("document", DIGEST, salt=SALT)[1], "document", DIGEST]
    return pack_evidence(
        fed.store,
        "grant grant-bank-a",
        openings={2: [opening]},
        disclose=("document",),
        **beside,
    )


def test_a_document_is_packed_when_a_disclosed_value_is_its_digest(fed):
    package = packed(fed, attachments={"form.pdf": DOCUMENT, "holiday.jpg": b"x"})

    proven = verify_evidence(package)
    assert proven.files["attachments/form.pdf"] == DOCUMENT
    assert "attachments/holiday.jpg" not in proven.files
    assert "beside it, as the entries say: attachments/form.pdf" in verifier.describe(proven)


def test_a_document_that_nothing_commits_to_is_not_packed(fed):
    with pytest.raises(EvidenceError, match="no document of the folder"):
        packed(fed, attachments={"form.pdf": DOCUMENT + b" "})


def test_another_document_in_its_place_is_found(fed):
    files = files_of(packed(fed, attachments={"form.pdf": DOCUMENT}))
    changed = {"attachments/form.pdf": DOCUMENT.replace(b"signed", b"forged")}
    added = {"attachments/more.pdf": b"a page that nobody committed to"}

    for forged in (changed, added):
        with pytest.raises(InvalidEvidenceError, match="in no disclosed value of the package"):
            verify_evidence(packed_anew(files | forged))
    withheld = {name: raw for name, raw in files.items() if not name.startswith("openings/")}
    with pytest.raises(InvalidEvidenceError, match="in no disclosed value"):
        verify_evidence(packed_anew(withheld))


def test_a_time_stamp_is_packed_with_its_entry_and_the_head_that_it_stamps(fed):
    proven = verify_evidence(packed(fed, anchors={"head.tsr": TOKEN}))

    assert proven.files["anchors/head.tsr"] == TOKEN
    assert "brackets/3.checkpoint" in proven.files
    assert proven.leaves[-1].type == "anchor-recorded"
    with pytest.raises(InvalidEvidenceError, match="in no anchor-recorded entry of the package"):
        verify_evidence(packed_anew(dict(proven.files) | {"anchors/head.tsr": TOKEN + b"\0"}))


def test_a_time_stamp_that_was_not_recorded_stays_out(fed):
    proven = verify_evidence(packed(fed, anchors={"head.tsr": b"of another ledger"}))

    assert not [name for name in proven.files if name.startswith("anchors/")]
