"""A batch: what of the ledger is verified before a package is given away, and what is not."""

import base64
import json
from pathlib import Path

import pytest

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.entry import SignedEntry, commit
from fedcredit_ledger.errors import EvidenceError
from fedcredit_ledger.evidence import Packer
from fedcredit_ledger.evidence_source import Source
from fedcredit_ledger.merkle import Tree, leaf_hash
from fedcredit_ledger.note import Note, Signature
from fedcredit_ledger.rules_beside import RulesBeside
from fedcredit_ledger.store import Store
from fedcredit_ledger.verify import WORTH_A_PROCESS, Level, verify_file
from tests.fedcredit.command_line import Done, fedcredit
from tests.fedcredit.test_evidence_batch import LOAN, Bank
from tests.ledger.small_federation import ORIGIN, digest

SAID = {"act_type": "x", "act_digest": digest("x"), "decision": "approve"}


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    """A sound loan K-1, and K-2 of which the last fact is missing."""
    bank = Bank(tmp_path)
    bank.lend("K-1")
    bank.lend("K-2", accel=None)
    bank.fed.witness()
    (tmp_path / "cases.csv").write_text("case_no,contract,court\n1,K-1,c\n2,K-2,c\n")
    return bank


def force(bank: Bank, author: str, kind: str, data: dict[str, object], **changes: object) -> None:
    """Put an entry on the ledger as log and witnesses in league would, its signature forged."""
    fed, is_forged = bank.fed, changes.pop("is_forged", True)
    signed = SignedEntry.sign(fed.entry(author, kind, data, **changes), fed.keys[author])
    (line,) = signed.signatures
    spoiled = bytes([line.signature[0] ^ is_forged]) + line.signature[1:]
    note = Note(signed.note.text, (Signature(line.name, line.key_id, spoiled),))
    raws = fed.store.leaves()
    tree = Tree(map(leaf_hash, raws))
    leaf = Leaf(
        index=len(raws),
        prev=leaf_hash(raws[-1]).hex(),
        received=fed.later(),
        signed=SignedEntry.parse(note.encode()),
    )
    nodes = tree.append(leaf.hash)[1:]
    text = Checkpoint(ORIGIN, tree.size, tree.root).text()
    head = Note(text, (fed.log_key.sign(text),)).encode()
    fed.store.append([leaf], nodes=nodes, size=tree.size, checkpoint=head)
    now = int(fed.clock().timestamp())
    lines = [key.cosign(text, now) for key in fed.witness_keys.values()]
    fed.store.add_cosignatures(tree.size, [(f"{x.name}+{x.key_id.hex()}", x.line()) for x in lines])


def last_fact(bank: Bank) -> dict[str, object]:
    """Return the data of K-2's last fact; keep its openings where its index will be."""
    stage, fields = LOAN[-1]
    made = {name: (commit(name, v), v) for name, v in {"contract": "K-2", **fields}.items()}
    opened = [[salt, name, value] for name, ((_, salt), value) in made.items()]
    place = bank.fed.log.size
    (bank.openings / f"{place}.json").write_text(json.dumps(opened))
    return {
        "stage": stage,
        "captured_at": bank.fed.later(),
        "environment_digest": digest("environment"),
        "commits": {name: pair[0] for name, (pair, _) in made.items()},
    }


def pack(bank: Bank, folder: Path) -> Done:
    bank.fed.store.close()
    return fedcredit(
        "evidence", "pack", "--batch", folder / "cases.csv", "--ledger", folder / "ledger.db",
        "--openings", bank.openings, "-o", folder / "out",
    )  # fmt: skip


def packages(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "out").glob("*.evidence.zip*"))


def codes(folder: Path, level: Level) -> list[str]:
    return [f.code for f in verify_file(folder / "ledger.db", level=level).findings]


def test_a_fact_with_a_forged_signature_is_not_packed(bank, tmp_path):
    force(bank, "bank-a", "fact-sealed", last_fact(bank), readers=["bank-a"])

    done = pack(bank, tmp_path)

    assert (codes(tmp_path, Level.RULES), codes(tmp_path, Level.SIGNATURES)) == (
        [],
        ["bad-signature"],
    )
    assert done.code == 59
    assert packages(tmp_path) == ["1.evidence.zip"]
    refused = (tmp_path / "out" / "refused.csv").read_text()
    assert "a signature of bank-a does not verify" in refused


def test_the_same_fact_with_its_own_signature_is_packed(bank, tmp_path):
    data = last_fact(bank)
    force(bank, "bank-a", "fact-sealed", data, readers=["bank-a"], is_forged=False)

    assert pack(bank, tmp_path).code == 0
    assert packages(tmp_path) == ["1.evidence.zip", "2.evidence.zip"]


def test_no_case_is_freed_by_a_forged_end_of_its_dispute(bank, tmp_path):
    about = bank.fed.replica.last.signed.id
    filed = {"dispute_id": "d-1", "about": about, "ground": "paid in cash"}
    bank.fed.write("regulator", "dispute-filed", filed)
    force(bank, "regulator", "dispute-resolved", {"dispute_id": "d-1", "outcome": "taken back"})

    done = pack(bank, tmp_path)

    assert codes(tmp_path, Level.RULES) == []
    assert done.code == 59
    assert "a signature of regulator does not verify" in done.err
    assert packages(tmp_path) == []


def test_a_forged_signature_elsewhere_stops_a_single_package_and_no_batch(bank, tmp_path):
    """No package holds the entry, and none rests on it."""
    force(bank, "bank-b", "endorsement-given", SAID)

    pack(bank, tmp_path)

    assert packages(tmp_path) == ["1.evidence.zip"]
    assert codes(tmp_path, Level.SIGNATURES) == ["bad-signature"]
    with Store(tmp_path / "ledger.db", read_only=True) as store, pytest.raises(EvidenceError):
        Packer(store)


def test_nothing_is_given_away_when_a_rule_does_not_hold(bank, tmp_path):
    data = last_fact(bank)
    force(bank, "bank-a", "fact-sealed", data, is_forged=False, author_seq=99)

    done = pack(bank, tmp_path)

    assert codes(tmp_path, Level.CHAIN) == []
    assert codes(tmp_path, Level.RULES) == ["author-gap"]
    assert done.code == 59
    assert "the ledger does not verify" in done.err
    assert packages(tmp_path) == []


def test_a_leaf_without_the_fields_of_its_type_is_named_by_the_rules(bank, tmp_path):
    force(bank, "bank-a", "dispute-filed", {"dispute_id": "d-1"}, is_forged=False)

    done = pack(bank, tmp_path)

    assert done.code == 59
    assert "the ledger does not verify" in done.err
    assert packages(tmp_path) == []


def test_the_rules_are_replayed_by_another_process_to_the_same_end(bank, tmp_path):
    bank.fed.store.close()
    with Store(tmp_path / "ledger.db", read_only=True) as store:
        size = store.size
        head = (store.checkpoint(size) or b"").split(b"\n")
    with RulesBeside(tmp_path / "ledger.db") as beside:
        beside.start(WORTH_A_PROCESS)
        found = beside.report()

    assert found == (int(head[1]), base64.b64decode(head[2]))


def test_another_process_finds_the_rule_that_does_not_hold(bank, tmp_path):
    force(bank, "bank-a", "endorsement-given", SAID, is_forged=False, author_seq=99)
    bank.fed.store.close()
    with RulesBeside(tmp_path / "ledger.db") as beside:
        beside.start(WORTH_A_PROCESS)
        with pytest.raises(EvidenceError, match="the ledger does not verify"):
            beside.report()
    (tmp_path / "none.db").write_bytes(b"no ledger")
    with RulesBeside(tmp_path / "none.db") as beside:
        beside.start(WORTH_A_PROCESS)
        with pytest.raises(EvidenceError, match="cannot be read as a ledger"):
            beside.report()


def test_a_replay_of_other_leaves_confirms_nothing(bank, tmp_path):
    """Somebody lays another ledger in the place of the one that packages are made from."""
    other = tmp_path / "other"
    other.mkdir()
    another = Bank(other)
    another.lend("K-3")
    another.lend("K-4")
    another.fed.witness()
    another.fed.store.close()
    bank.fed.store.close()
    with (
        Store(tmp_path / "ledger.db", read_only=True) as store,
        RulesBeside(other / "ledger.db") as beside,
    ):
        packer = Packer(store, beside=beside)
        with pytest.raises(EvidenceError, match="not what was verified"):
            packer.confirm()


def test_entries_that_are_not_under_the_head_are_not_packed(bank):
    store = bank.fed.store
    with pytest.raises(EvidenceError, match="not what was verified"):
        Source(store, store.size, bytes(32))
