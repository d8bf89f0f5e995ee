"""Evidence packages: what is in them, that they are made in one way only, what they disclose."""

import base64
import hashlib
import json
import re
import sqlite3
import subprocess
from html.parser import HTMLParser

import pytest

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.errors import EvidenceError, InvalidEvidenceError
from fedcredit_ledger.evidence import pack_evidence, read_openings, verify_evidence
from fedcredit_ledger.explain import MEANINGS
from fedcredit_ledger.store import Store
from fedcredit_ledger.types import TYPES
from tests.ledger.small_federation import SmallFederation
from tests.ledger.small_packages import (
    SUBJECT_OPENING,
    files_of,
    finished_federation,
    granted_federation,
    packed_anew,
    run_package,
)


@pytest.fixture(scope="module")
def fed() -> SmallFederation:
    return finished_federation()


@pytest.fixture(scope="module")
def package(fed: SmallFederation) -> bytes:
    return run_package(fed)


def types_in(package: bytes) -> list[str]:
    return [leaf.type for leaf in verify_evidence(package).leaves]


def test_a_run_is_packed_with_everything_that_its_flow_demands(fed, package):
    proven = verify_evidence(package, founding_entry=fed.founding.id)

    assert types_in(package) == [
        Leaf.parse(raw).signed.entry.type for raw in fed.log.leaves()[: proven.size]
    ]
    assert proven.missing == []
    assert set(proven.witnesses) == set(fed.witness_names)
    assert (proven.is_pinned, proven.root) == (True, fed.log.root.hex())


def test_packing_twice_gives_the_same_bytes_even_when_the_ledger_has_grown(package):
    grown = finished_federation()
    grown.publish_context("run-2")
    grown.witness()

    assert run_package(grown) == package


def test_entries_of_other_runs_stay_out():
    fed = finished_federation()
    fed.finished_run("run-2", request_kind="horizontal-other")
    fed.witness()

    packed = pack_evidence(fed.store, "run run-2")

    runs = {leaf.data["run_id"] for leaf in verify_evidence(packed).leaves if "run_id" in leaf.data}
    assert runs == {"run-2"}


def test_a_grant_is_packed_with_its_uses_and_its_end():
    fed = finished_federation()
    fed.write("bank-b", "grant-revoked", {"grant_id": "grant-bank-b", "reason": "withdrawn"})
    fed.witness()

    proven = verify_evidence(pack_evidence(fed.store, "grant grant-bank-b"))

    listed = proven.files["flow.txt"].decode().splitlines()[2:]
    assert [line.split(":")[0] for line in listed] == [
        "present grant-issued by bank-b",
        "present run-approved by bank-b",
        "present round-contributed by bank-b",
        "present grant-revoked by bank-b",
    ]


def test_one_entry_is_packed_with_what_it_refers_to(fed):
    opened = fed.replica.state.runs["run-1"].opened[0]

    proven = verify_evidence(pack_evidence(fed.store, f"entries {opened.entry_id}"))

    assert proven.leaves[-1].id == opened.entry_id
    assert "run-finished" not in {leaf.type for leaf in proven.leaves}
    assert {"federation-created", "grant-issued", "round-contributed"} <= {
        leaf.type for leaf in proven.leaves
    }


def test_a_run_that_is_under_way_says_what_is_missing():
    fed = SmallFederation()
    fed.grant_all()
    fed.start()
    fed.aggregate(1)
    fed.witness()

    proven = verify_evidence(run_package(fed))

    assert proven.missing == ["missing round 1 attempt 1: opening", "missing end"]
    assert "missing end" in proven.files["statement.html"].decode()


def test_an_attempt_that_was_given_up_is_a_step_of_its_own():
    fed = SmallFederation()
    fed.grant_all()
    fed.start()
    fed.write("coordinator", "round-attempted", fed.attempted(1))
    given_up = {"run_id": "run-1", "round": 1, "attempt": 1, "missing": [], "reason": "deadline"}
    fed.write("coordinator", "round-abandoned", given_up)
    fed.write("coordinator", "run-failed", {"run_id": "run-1", "error": "RunFailedError"})
    fed.witness()

    proven = verify_evidence(run_package(fed))

    assert proven.missing == []
    assert "present round 1 attempt 1: given up" in proven.files["flow.txt"].decode()


@pytest.mark.parametrize(
    "subject", ["run run-9", "grant grant-9", "entries " + "0" * 64, "entries ", "run ", "x y"]
)
def test_what_the_ledger_does_not_hold_is_not_packed(fed, subject):
    with pytest.raises(EvidenceError, match="has no"):
        pack_evidence(fed.store, subject)


def test_what_no_quorum_has_seen_is_not_packed():
    fed = SmallFederation()
    with pytest.raises(EvidenceError, match="does not verify: no checkpoint has the"):
        pack_evidence(fed.store, "run run-1")
    fed.grant_all()
    fed.witness()
    fed.publish_context("run-1")
    with pytest.raises(EvidenceError, match="has no run"):
        pack_evidence(fed.store, "run run-1")


def test_a_damaged_ledger_makes_no_evidence(tmp_path):
    fed = SmallFederation(Store(tmp_path / "ledger.db"))
    fed.grant_all()
    fed.finished_run()
    fed.witness()
    fed.store.close()
    with sqlite3.connect(tmp_path / "ledger.db") as db:
        db.execute("DROP TRIGGER leaf_no_update")
        db.execute("UPDATE leaf SET leaf = CAST(replace(leaf, 'sum', 'sun') AS BLOB) WHERE i = 2")
    db.close()

    with (
        Store(tmp_path / "ledger.db", read_only=True) as store,
        pytest.raises(EvidenceError, match="does not verify"),
    ):
        pack_evidence(store, "run run-1")


# selective disclosure


def opening() -> list[object]:
    return [SUBJECT_OPENING[1], "subject", "110101199003070000"]


def test_a_committed_value_is_withheld_unless_it_is_disclosed_by_name():
    fed = granted_federation()
    openings = {2: [opening()]}

    withheld = pack_evidence(fed.store, "grant grant-bank-a", openings=openings)
    shown = pack_evidence(fed.store, "grant grant-bank-a", openings=openings, disclose=("subject",))

    assert b"110101199003070000" not in withheld
    assert verify_evidence(withheld).n_disclosed == 0
    proven = verify_evidence(shown)
    assert (proven.n_disclosed, proven.n_withheld) == (1, 2)
    assert json.loads(proven.files["openings/2.json"]) == [opening()]
    assert "110101199003070000" in proven.files["statement.html"].decode()


def test_an_opening_of_another_value_makes_no_package():
    fed = granted_federation()
    wrong = [SUBJECT_OPENING[1], "subject", "110101199003070001"]

    with pytest.raises(EvidenceError, match="not what entry 2 commits to"):
        pack_evidence(fed.store, "grant grant-bank-a", openings={2: [wrong]}, disclose=("subject",))


def test_a_name_without_an_opening_makes_no_package():
    with pytest.raises(EvidenceError, match="no opening of document"):
        pack_evidence(granted_federation().store, "grant grant-bank-a", disclose=("document",))


def test_a_disclosed_value_that_was_changed_is_found():
    fed = granted_federation()
    files = files_of(
        pack_evidence(
            fed.store, "grant grant-bank-a", openings={2: [opening()]}, disclose=("subject",)
        )
    )
    files["openings/2.json"] = files["openings/2.json"].replace(b"070000", b"070001")

    with pytest.raises(InvalidEvidenceError, match="does not open the commitment subject"):
        verify_evidence(packed_anew(files))


def test_openings_are_read_from_a_folder_and_refused_by_the_name_of_a_bad_file(tmp_path):
    (tmp_path / "2.json").write_text(json.dumps([opening()]), encoding="utf-8")
    assert read_openings(tmp_path) == {2: [opening()]}

    for bad in ("{", "{}", "[1]", '[["a", 1, 2]]'):
        (tmp_path / "3.json").write_text(bad, encoding="utf-8")
        with pytest.raises(EvidenceError) as caught:
            read_openings(tmp_path)
        assert caught.value.found == "3.json"


# what people read


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.words += data


def test_the_statement_is_one_page_in_two_languages_without_script_or_link(package):
    text = files_of(package)["statement.html"].decode()

    page = Page(text)
    assert not {"script", "link", "img", "iframe", "a", "base", "form"} & set(page.tags)
    assert not re.search(r"https?:|//\w|url\(|@import|src=", text)
    assert "default-src 'none'" in text and "@page { size: A4" in text
    assert "存证说明书" in page.words and "Evidence statement" in page.words


def test_the_statement_names_every_entry_with_its_place_and_its_bracket(package):
    proven = verify_evidence(package)
    page = Page(proven.files["statement.html"].decode())

    for leaf in proven.leaves:
        assert leaf.id[:16] in page.words
    opened = next(leaf for leaf in proven.leaves if leaf.type == "round-opened")
    low, high = proven.brackets[opened.place]
    assert 0 < low <= high
    assert proven.founding_entry in page.words
    assert "2026-11-23 16:00" in page.words and "北京时间 2026-11-24 00:00" in page.words


def test_every_entry_type_has_its_meaning_in_two_languages():
    assert MEANINGS.keys() == TYPES.keys()
    for meaning in MEANINGS.values():
        assert meaning.proves.endswith(".") and meaning.leaves_open.endswith(".")
        assert meaning.proves_zh.endswith("。") and meaning.leaves_open_zh.endswith("。")


def test_the_readme_lists_the_fingerprints_of_the_keys_that_count(fed, package):
    text = files_of(package)["README.txt"].decode()

    listed = re.findall(r"^  ([0-9a-f]{64})  (.*)$", text, re.MULTILINE)
    expected = [(hashlib.sha256(fed.log_key.verifier.public).hexdigest(), "log log")]
    for name, key in fed.keys.items():
        expected.append((hashlib.sha256(key.verifier.public).hexdigest(), f"{name} signing"))
    for name, witness in fed.witness_keys.items():
        expected.append((hashlib.sha256(witness.verifier.public).hexdigest(), f"{name} witness"))
    assert sorted(listed) == sorted(expected)


def test_the_hand_check_of_the_readme_works_as_it_says(package, tmp_path):
    files = files_of(package)
    for name, raw in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(raw)
    commands = files["README.txt"].decode().partition("BY HAND")[2].partition("\n")[2]

    done = subprocess.run(
        ["sh", "-euc", commands], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    n_listed = len(files) - 1
    printed = done.stdout.splitlines()
    assert all(line.endswith(": OK") for line in printed[:n_listed])
    proven = verify_evidence(package)
    signed, leaf_hash, node, root, cosigned, seen = printed[n_listed:]
    assert signed == cosigned == "Signature Verified Successfully"
    assert leaf_hash == f"{proven.leaves[-1].hash.hex()}  -"
    assert node == root == base64.b64encode(bytes.fromhex(proven.root)).decode()
    assert seen == "2026-11-23T16:00:20Z"
