"""What an auditor finds in a file, level by level, and how the command says it."""

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fedcredit_ledger.__main__ import main
from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.entry import SignedEntry
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.merkle import Tree
from fedcredit_ledger.note import Note, Signature
from fedcredit_ledger.store import Store
from fedcredit_ledger.verify import Level, verify_file
from tests.ledger.small_federation import BANKS, SmallFederation

ROOT = Path(__file__).parents[2]


@pytest.fixture
def fed(tmp_path) -> SmallFederation:
    """A finished run in a file, all of it witnessed."""
    fed = SmallFederation(Store(tmp_path / "ledger.db"))
    fed.grant_all()
    fed.finished_run()
    fed.witness()
    fed.store.close()
    return fed


@pytest.fixture
def path(fed, tmp_path) -> Path:
    return tmp_path / "ledger.db"


def damage(path: Path, *statements: tuple[str, tuple[object, ...]]) -> None:
    """Write past the triggers, as somebody with the disk can."""
    with sqlite3.connect(path) as db:
        for table in ("leaf", "node", "checkpoint", "cosignature"):
            db.execute(f"DROP TRIGGER {table}_no_update")
            db.execute(f"DROP TRIGGER {table}_no_delete")
        for statement, values in statements:
            db.execute(statement, values)
    db.close()


@pytest.mark.parametrize("level", list(Level))
def test_a_sound_ledger_has_no_findings(path, fed, level):
    report = verify_file(path, level=level, founding_entry=fed.founding.id)

    assert report.findings == []
    assert (report.exit_code, report.is_pinned) == (0, True)
    assert report.quorum_size == report.size == fed.log.size
    assert report.root in ("", fed.log.root.hex())


def test_a_changed_leaf_is_found_by_the_chain(path):
    change = "UPDATE leaf SET leaf = CAST(replace(leaf, 'sum', 'sun') AS BLOB) WHERE i = 2"
    damage(path, (change, ()))

    report = verify_file(path)

    assert [f.code for f in report.findings][:2] == ["stored-hash", "broken-link"]
    assert report.exit_code == 52


def test_a_missing_leaf_is_found_by_the_chain(path):
    damage(path, ("DELETE FROM leaf WHERE i = 3", ()))

    report = verify_file(path)

    assert (report.findings[0].index, report.findings[0].code) == (3, "broken-link")


def test_a_cut_tail_is_found_by_the_head(path):
    damage(path, ("DELETE FROM leaf WHERE i > 5", ()))

    codes = [f.code for f in verify_file(path).findings]

    assert codes[0] == "no-head"
    assert "wrong-root" in codes


def rewrite(fed: SmallFederation, path: Path, leaves: list[bytes]) -> None:
    """Rewrite history from the coordinator's seat: links, tree and heads are made anew."""
    statements: list[tuple[str, tuple[object, ...]]] = [
        (f"DELETE FROM {table}", ()) for table in ("leaf", "node", "checkpoint", "cosignature")
    ]
    tree, prev = Tree(), "0" * 64
    for index, raw in enumerate(leaves):
        parts = raw.split(b"\n", 4)
        parts[1], parts[2] = str(index).encode(), prev.encode()
        leaf = Leaf.parse(b"\n".join(parts))
        statements.append(
            ("INSERT INTO leaf VALUES (?,?,?,?)", (index, leaf.raw, leaf.hash, leaf.signed.id))
        )
        for level, i, value in tree.append(leaf.hash):
            if level:
                statements.append(("INSERT INTO node VALUES (?,?,?)", (level, i, value)))
        prev = leaf.hash.hex()
    for size in range(1, tree.size + 1):
        text = Checkpoint("ledger.example/test", size, tree.root_at(size)).text()
        note = Note(text, (fed.log_key.sign(text),)).encode()
        statements.append(("INSERT INTO checkpoint VALUES (?,?)", (size, note)))
        for key in fed.witness_keys.values():
            line = key.cosign(text, int(fed.clock().timestamp())).line()
            statements.append(("INSERT INTO cosignature VALUES (?,?,?)", (size, key.name, line)))
    damage(path, *statements)


def test_what_the_rules_forbid_is_found_even_when_everybody_has_signed_it(fed, path):
    """A grant is left out of a history that log and all witnesses sign together."""
    leaves = [raw for raw in fed.log.leaves() if b'"grant_id":"grant-bank-b"' not in raw]
    rewrite(fed, path, leaves)

    assert verify_file(path, level=Level.CHAIN).findings == []
    report = verify_file(path, level=Level.RULES)
    assert [f.code for f in report.findings] == ["seen-unknown"]
    assert report.exit_code == 58


def test_a_forged_entry_is_found_by_its_signature(fed, path):
    """The last entry changes after it was signed; the chain around it is made anew."""
    leaves = fed.log.leaves()
    last = Leaf.parse(leaves[-1])
    (good,) = last.signed.signatures
    bad = Signature(good.name, good.key_id, good.signature[:-1] + bytes(1))
    forged = SignedEntry(last.signed.entry, Note(last.signed.note.text, (bad,)))
    leaves[-1] = replace(last, signed=forged).raw
    rewrite(fed, path, leaves)

    assert verify_file(path, level=Level.CHAIN).findings == []
    report = verify_file(path, level=Level.SIGNATURES)
    assert [f.code for f in report.findings] == ["bad-signature"]


def test_a_forged_cosignature_is_found(fed, path):
    with sqlite3.connect(path) as db:
        ((size, line),) = db.execute(
            "SELECT size, line FROM cosignature WHERE key LIKE 'bank-a%' ORDER BY size DESC LIMIT 1"
        ).fetchall()
    db.close()
    other = fed.witness_keys["bank-a"].cosign(b"x\n1\nAAAA\n", 1).line()
    damage(path, ("UPDATE cosignature SET line = ? WHERE line = ?", (other, line)))

    report = verify_file(path, level=Level.HEAD)

    assert report.findings[0].code == "bad-cosignature"
    assert report.findings[0].index == size
    assert report.exit_code == 53


def test_a_head_by_another_key_is_found(fed, path):
    damage(path, ("UPDATE checkpoint SET note = CAST(replace(note, 'A', 'B') AS BLOB)", ()))

    report = verify_file(path, level=Level.HEAD)

    assert report.exit_code in (51, 54)


def test_a_ledger_without_witnesses_is_called_unwitnessed(tmp_path):
    with Store(tmp_path / "alone.db") as store:
        SmallFederation(store)

    report = verify_file(tmp_path / "alone.db")

    assert [(f.code, f.exit_code) for f in report.findings] == [("unwitnessed", 57)]


def test_an_opening_before_its_quorum_is_found(fed, path):
    """The witnesses' lines that stood before the opening are gone from the file."""
    opened = fed.replica.state.runs["run-1"].opened[0].index
    damage(path, ("DELETE FROM cosignature WHERE size = ?", (opened,)))

    report = verify_file(path, level=Level.RULES)

    assert (report.findings[0].index, report.findings[0].code) == (opened, "opening-unwitnessed")


def test_backdated_entry_falls_outside_its_bracket(tmp_path):
    """Witnesses saw the heads around the leaves a day later than the log says it received them."""
    fed = SmallFederation(Store(tmp_path / "late.db"))
    for bank in BANKS:
        fed.register(bank)
    text = fed.log.latest.text()
    for key in fed.witness_keys.values():
        late = int(fed.clock().timestamp()) + 86_400
        fed.log.add_cosignatures(key.cosign(text, late).line().encode() + b"\n")
    fed.write(
        "bank-a",
        "endorsement-given",
        {"act_type": "x", "act_digest": "0" * 64, "decision": "approve"},
    )
    fed.store.close()

    report = verify_file(tmp_path / "late.db", level=Level.RULES)

    assert [(f.index, f.code) for f in report.findings] == [(4, "outside-bracket")]


def test_another_federation_is_not_the_pinned_one(path):
    report = verify_file(path, founding_entry="f" * 64)

    assert report.findings[0].code == "not-pinned"


def test_a_file_with_views_for_tables_is_refused(tmp_path):
    """A view over an endless query would keep the auditor busy for ever."""
    with sqlite3.connect(tmp_path / "trap.db") as db:
        for table in ("node", "checkpoint", "cosignature"):
            db.execute(f"CREATE TABLE {table} (size, i)")
        db.execute(
            "CREATE VIEW leaf AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) "
            "SELECT i, i AS leaf, i AS hash FROM n"
        )
    db.close()

    with pytest.raises(LedgerError, match="other tables"):
        verify_file(tmp_path / "trap.db")


@pytest.mark.parametrize("value", ["'text'", "7", "NULL"])
def test_stored_values_of_another_type_are_a_damaged_file(tmp_path, path, value):
    with sqlite3.connect(tmp_path / "odd.db") as db:
        db.execute("ATTACH ? AS good", (str(path),))
        for table in ("leaf", "node", "checkpoint", "cosignature"):
            db.execute(f"CREATE TABLE {table} AS SELECT * FROM good.{table}")
        db.execute(f"UPDATE leaf SET leaf = {value} WHERE i = 2")
    db.close()

    with pytest.raises(LedgerError, match="damaged"):
        verify_file(tmp_path / "odd.db")


def test_a_first_leaf_that_founds_nothing_is_a_finding(fed, path):
    rewrite(fed, path, fed.log.leaves()[1:])

    assert [f.code for f in verify_file(path).findings] == ["malformed"]


def test_an_empty_file_has_no_ledger(tmp_path):
    Store(tmp_path / "empty.db").close()

    assert [f.code for f in verify_file(tmp_path / "empty.db").findings] == ["empty"]


def test_the_command_prints_and_exits_by_what_it_found(path, fed, capsys):
    assert main(["verify", str(path), "--full", "--founding", fed.founding.id]) == 0
    assert "no findings" in capsys.readouterr().out

    damage(path, ("DELETE FROM leaf WHERE i = 3", ()))
    assert main(["verify", str(path), "--json"]) == 52
    document = json.loads(capsys.readouterr().out)
    assert document["findings"][0]["code"] == "broken-link"
    assert document["is_pinned"] is False

    assert main(["verify", str(path) + "x"]) == 50
    assert "cannot be read" in capsys.readouterr().err


def test_the_command_needs_nothing_but_the_ledger_room(path):
    program = (
        "import sys, runpy; sys.argv = ['fedcredit_ledger', 'verify', sys.argv[1], '--rules']\n"
        "try: runpy.run_module('fedcredit_ledger', run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    heavy = {'numpy', 'pandas', 'flwr', 'torch', 'pydantic'} & set(sys.modules)\n"
        "    print(end.code, sorted(heavy))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "ledger")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines()[-1] == "0 []"


def test_a_ledger_that_grows_while_it_is_verified_is_seen_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr("fedcredit_ledger.verify.PAGE", 2)
    fed = SmallFederation(Store(tmp_path / "growing.db"))
    fed.grant_all()
    fed.witness()
    size, root = fed.log.size, fed.log.root

    def grow(n_checked: int, n: int) -> None:
        if fed.log.size == size:
            said = {"act_type": "x", "act_digest": "0" * 64, "decision": "approve"}
            fed.write("bank-a", "endorsement-given", said)

    report = verify_file(tmp_path / "growing.db", level=Level.SIGNATURES, progress=grow)
    grown = fed.log.size
    fed.store.close()

    assert (report.findings, report.size, report.root) == ([], size, root.hex())
    assert grown == size + 1
