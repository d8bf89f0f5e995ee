"""Going on from a verified head that was kept: what is read, what is noticed, what is trusted."""

import hashlib
import json
import sqlite3
from pathlib import Path

import pytest

from fedcredit_ledger.store import Store
from fedcredit_ledger.verified_head import VerifiedHead
from fedcredit_ledger.verify import Level, verify, verify_file
from tests.fedcredit.command_line import fedcredit
from tests.ledger.long_life import LongLife
from tests.ledger.small_federation import BANKS, SmallFederation
from tests.ledger.test_verify_since import damage

CHANGES = {
    "federation-created",
    "log-key-rotated",
    "party-joined",
    "party-key-revoked",
    "party-key-rotated",
    "party-left",
    "policy-changed",
}


class WatchedStore(Store):
    """Remembers which leaves were asked for."""

    asked: frozenset[int] = frozenset()

    def leaves(self, start: int = 0, n: int | None = None) -> list[bytes]:
        found = super().leaves(start, n)
        self.asked |= set(range(start, start + len(found)))
        return found


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger whose parties, keys and policy changed, with entries after the newest change."""
    life, path = LongLife(), tmp_path_factory.mktemp("life") / "ledger.db"
    life.fed.store.export(path)
    return path


@pytest.fixture
def copy(ledger: Path, tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    path.write_bytes(ledger.read_bytes())
    return path


@pytest.fixture(scope="module")
def kept(ledger: Path) -> bytes:
    report = verify_file(ledger)
    assert report.findings == []
    return report.verified_head


def changes(ledger: Path) -> dict[int, str]:
    """Where the file says that keys and policies change; read with json alone."""
    with sqlite3.connect(ledger) as db:
        rows = db.execute("SELECT i, leaf FROM leaf ORDER BY i").fetchall()
    db.close()
    types = {i: json.loads(bytes(leaf).split(b"\n")[5])["type"] for i, leaf in rows}
    return {i: kind for i, kind in types.items() if kind in CHANGES}


def rewritten(kept: bytes, *places: int) -> bytes:
    """The kept head with other places, its digest made to fit."""
    body = " ".join(map(str, places)).encode() + b"\n" + kept.split(b"\n", 3)[3]
    digest = hashlib.sha256(body).hexdigest().encode()
    return kept.split(b"\n")[0] + b"\n" + digest + b"\n" + body


def found(ledger: Path, since: bytes, level: Level = Level.CHAIN) -> list[str]:
    return [f.code for f in verify_file(ledger, level=level, since=since).findings]


def test_what_is_kept_names_the_newest_head_and_where_keys_and_policies_changed(ledger, kept):
    listed = changes(ledger)

    assert set(listed.values()) >= {"party-joined", "party-key-rotated", "policy-changed"}
    assert kept.split(b"\n")[2].decode() == " ".join(map(str, listed))
    assert kept.split(b"\n")[4].decode() == str(verify_file(ledger).quorum_size)


@pytest.mark.parametrize("level", [Level.HEAD, Level.CHAIN])
def test_of_the_older_leaves_only_those_that_changed_keys_are_read(ledger, kept, level):
    whole = verify_file(ledger)
    with WatchedStore(ledger, read_only=True) as store:
        report = verify(store, level=level, since=kept)
        older = {i for i in store.asked if i < whole.quorum_size}

    assert (report.findings, report.since, report.size) == ([], whole.quorum_size, whole.size)
    assert older - {whole.quorum_size - 1} == set(changes(ledger)) - {whole.quorum_size - 1}


def test_heads_before_and_after_a_change_of_keys_are_gone_on_from(ledger):
    whole = verify_file(ledger)
    with Store(ledger, read_only=True) as store:
        sizes = store.checkpoint_sizes()
        notes = {size: store.checkpoint(size) or b"" for size in sizes}
    for size, note in notes.items():
        places = tuple(i for i in changes(ledger) if i < size)
        report = verify_file(ledger, since=VerifiedHead(note=note, places=places).encode())
        assert (report.findings, report.since, report.root) == ([], size, whole.root)
        assert report.verified_head == whole.verified_head


def test_a_change_of_keys_that_was_forged_since_is_noticed(copy, kept):
    """The place is named, and the leaf there no longer lies under the root."""
    place = next(i for i, kind in changes(copy).items() if kind == "policy-changed")
    damage(copy, f"UPDATE leaf SET leaf = CAST(replace(leaf, 'e', 'f') AS BLOB) WHERE i = {place}")

    assert found(copy, kept) == ["wrong-root"]
    assert found(copy, kept, Level.HEAD) == ["wrong-root"]


def test_a_kept_head_that_was_changed_is_noticed(ledger, kept):
    n = int(kept.split(b"\n")[4])
    listed = list(changes(ledger))

    assert found(ledger, kept.replace(b"\n0 ", b"\n0 1 ", 1)) == ["bad-checkpoint"]
    assert found(ledger, kept[:-9]) == ["bad-checkpoint"]
    assert found(ledger, rewritten(kept, *listed, n)) == ["wrong-root"]
    assert found(ledger, rewritten(kept, *listed[1:])) == ["bad-checkpoint"]
    assert found(ledger, rewritten(kept, *listed, listed[-1])) == ["bad-checkpoint"]
    assert found(ledger, rewritten(kept, *listed)) == []


def test_a_kept_head_with_another_root_is_noticed(ledger, kept):
    note = kept.split(b"\n", 3)[3]
    root = note.split(b"\n")[2]
    other = note.replace(root, b"A" * 43 + b"=")
    forged = VerifiedHead(note=other, places=tuple(changes(ledger))).encode()

    assert found(ledger, forged) == ["wrong-root"]


def test_a_kept_head_that_the_log_did_not_sign_is_noticed(ledger, kept):
    text, _, line = kept.split(b"\n", 3)[3].partition(b"\n\n")
    name, signature = line.rstrip(b"\n").rsplit(b" ", 1)
    other = text + b"\n\n" + name + b" " + signature[:20] + b"AAAA" + signature[24:] + b"\n"
    forged = VerifiedHead(note=other, places=tuple(changes(ledger))).encode()

    assert found(ledger, forged) == ["bad-checkpoint"]


def test_a_file_that_was_rolled_back_behind_the_kept_head_is_noticed(copy, kept):
    damage(copy, "DELETE FROM leaf WHERE i >= 5")

    assert found(copy, kept) == ["rolled-back"]


def test_a_kept_head_of_another_ledger_is_noticed(kept, tmp_path):
    other = SmallFederation(Store(tmp_path / "other.db"))
    for _ in range(40):
        for bank in BANKS:
            other.write(bank, "endorsement-given", _endorsement())
    other.witness()
    other.store.close()

    assert found(tmp_path / "other.db", kept) == ["wrong-root"]


def _endorsement() -> dict[str, object]:
    return {"act_type": "policy-changed", "act_digest": "0" * 64, "decision": "approve"}


def test_the_command_keeps_a_head_and_goes_on_from_it(copy, kept, tmp_path):
    head = tmp_path / "verified"
    verify_it = ("ledger", "verify", copy)

    assert fedcredit(*verify_it, "--keep", head).code == 0
    assert head.read_bytes() == kept
    assert "taken on trust" in fedcredit(*verify_it, "--since", head, "--head").out
    assert fedcredit(*verify_it, "--keep", head, "--head").code == 2
    damage(copy, "UPDATE leaf SET hash = zeroblob(32) WHERE i = 6")
    assert fedcredit(*verify_it, "--keep", head).code == 52
    assert head.read_bytes() == kept  # nothing is kept of a file with findings
