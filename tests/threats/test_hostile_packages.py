"""Attack: somebody hands a court a package that was changed, cut, made up, or made to harm.

The weak variant is an archive with a list of digests, as files are often sent: whoever changes a
file writes the list anew. In a package every entry is signed by its author and stands in a tree
whose root witnesses have co-signed, what entries refer to must be there, and the readable part is
made again from them.
"""

import hashlib
import io
import random
import zipfile
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedcredit_ledger import evidence_verifier as verifier
from fedcredit_ledger.errors import EvidenceError, InvalidEvidenceError
from fedcredit_ledger.evidence import pack_evidence, verify_evidence
from fedcredit_ledger.evidence_flow import checklist
from fedcredit_ledger.note import Note
from tests.ledger import small_federation
from tests.ledger.mid_life import recovery_of, submit
from tests.ledger.small_federation import SmallFederation, seed
from tests.ledger.small_packages import (
    files_of,
    finished_federation,
    granted_federation,
    packed_anew,
    run_package,
)

SIGNED = ("entries/", "checkpoint", "brackets/", "policy")


@pytest.fixture(scope="module")
def small() -> bytes:
    """Three entries: the founding, a table, a grant."""
    return pack_evidence(granted_federation().store, "grant grant-bank-a")


@pytest.fixture(scope="module")
def fed() -> SmallFederation:
    return finished_federation()


@pytest.fixture(scope="module")
def package(fed: SmallFederation) -> bytes:
    return run_package(fed)


def only_digests(package: bytes) -> bool:
    """Accept in the weak way: every file has the digest that the list says."""
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        lines = archive.read("SHA256SUMS").decode().splitlines()
        return all(
            hashlib.sha256(archive.read(name)).hexdigest() == digest
            for digest, name in (line.split("  ") for line in lines)
        )


def is_found(package: bytes, **pins: str) -> bool:
    try:
        verify_evidence(package, **pins)
    except InvalidEvidenceError:
        return True
    return False


def test_the_untouched_package_is_accepted(small, package):
    assert not is_found(small)
    assert not is_found(package)


def unnoticed(package: bytes, positions: Iterable[int]) -> list[int]:
    """Return where a flipped bit is not found."""
    found = []
    for position in positions:
        changed = bytearray(package)
        changed[position] ^= 0x01
        try:
            verifier.check(bytes(changed))
        except verifier.Refused:
            continue
        found.append(position)
    return found


def test_every_changed_byte_of_a_package_is_found(small):
    """Every byte of one without what follows from the entries, every 16th of a whole one."""
    follows = ("README.txt", "statement.html", "verify.py", "keys/")
    bare = packed_anew({n: x for n, x in files_of(small).items() if not n.startswith(follows)})

    assert unnoticed(bare, range(len(bare))) == []
    assert unnoticed(small, range(0, len(small), 16)) == []


@pytest.mark.long
def test_every_changed_byte_of_a_whole_package_is_found(small):
    assert unnoticed(small, range(len(small))) == []


def changed_anew(files: dict[str, bytes], name: str, position: int) -> bytes:
    """Flip a bit of one file, then write every digest and checksum anew."""
    raw = bytearray(files[name])
    raw[position] ^= 0x01
    return packed_anew({**files, name: bytes(raw)})


def test_bytes_changed_with_every_digest_made_anew_fool_the_list_and_nobody_else(small):
    files = files_of(small)
    rng = random.Random(8)
    for name in files.keys() - {"SHA256SUMS"}:
        n_places = 2 if name.startswith("entries/") else 1
        for position in {rng.randrange(len(files[name])) for _ in range(n_places)}:
            forged = changed_anew(files, name, position)
            assert only_digests(forged)  # the weak variant accepts
            assert is_found(forged), (name, position)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_byte_changed_with_every_digest_made_anew_is_found(small):
    """What follows from the entries is made anew by who verifies it; the rest is swept alone."""
    files = files_of(small)
    bare = {name: files[name] for name in files if name.startswith((*SIGNED, "flow.txt"))}
    verifier.check(packed_anew(bare))
    for name in (name for name in bare if name.startswith(SIGNED)):
        for position in range(len(files[name])):
            with pytest.raises(verifier.Refused):
                verifier.check(changed_anew(bare, name, position))
    for name in (name for name in files if name.startswith(("keys/", "flow.txt"))):
        for position in range(0, len(files[name]), 16):
            assert is_found(changed_anew(files, name, position)), (name, position)


def test_an_entry_that_was_taken_out_is_found_or_named_as_missing(package):
    """The checklist is written anew as if the entry had never been."""
    files = files_of(package)
    leaves = verify_evidence(package).leaves
    subject = files["flow.txt"].decode().splitlines()[1]
    named = {}
    for leaf in leaves:
        kept = {n: raw for n, raw in files.items() if not n.startswith(f"entries/{leaf.place}.")}
        left = [other for other in leaves if other is not leaf]
        forged = packed_anew({**kept, "flow.txt": checklist(subject, left, {}).encode()})
        assert only_digests(forged)  # the weak variant accepts
        try:
            named[leaf.type] = verifier.check(forged).missing
        except verifier.Refused:
            continue
        assert is_found(forged)  # the statement no longer follows from the entries

    # what no other entry refers to can only be missed by the flow
    assert named == {
        "run-started": ["missing start"],
        "run-finished": ["missing end"],
        "model-registered": ["missing model"],
    }


def test_entries_swapped_doubled_or_under_another_index_are_found(package):
    files = files_of(package)
    forged: list[dict[str, bytes]] = []
    for one, other in ((2, 3), (9, 10), (14, 15)):
        swapped = {f"entries/{one}.leaf": files[f"entries/{other}.leaf"]}
        swapped[f"entries/{other}.leaf"] = files[f"entries/{one}.leaf"]
        forged.append(files | swapped)
        proofs = {f"entries/{one}.tlog-proof": files[f"entries/{other}.tlog-proof"]}
        proofs[f"entries/{other}.tlog-proof"] = files[f"entries/{one}.tlog-proof"]
        forged.append(files | swapped | proofs)
    doubled = {f"entries/21.{kind}": files[f"entries/20.{kind}"] for kind in ("leaf", "tlog-proof")}
    forged.append(files | doubled)
    forged.append(files | {"entries/21.tlog-proof": files["entries/20.tlog-proof"]})
    moved = files["entries/20.leaf"].replace(b"\n20\n", b"\n21\n", 1)
    proof = files["entries/20.tlog-proof"].replace(b"index 20", b"index 21")
    forged.append(files | {"entries/21.leaf": moved, "entries/21.tlog-proof": proof})

    for candidate in forged:
        anew = packed_anew(candidate)
        assert only_digests(anew)  # the weak variant accepts
        assert is_found(anew)


def test_a_later_time_of_receipt_and_a_foreign_bracket_are_found(package):
    files = files_of(package)
    late = files["entries/20.leaf"].replace(b"\n2026-11-23T16:00", b"\n2026-11-23T17:00", 1)
    assert is_found(packed_anew(files | {"entries/20.leaf": late}))
    other = SmallFederation()
    other.grant_all()
    other.witness()
    note = other.log.quorum_note(7)
    assert is_found(packed_anew(files | {"brackets/7.checkpoint": note}))
    size = next(name for name in files if name.startswith("brackets/") and "checkpoint" in name)
    renamed = {"brackets/3.checkpoint": files[size], "brackets/3.consistency": b""}
    assert is_found(packed_anew(files | renamed))


def test_a_head_without_its_quorum_is_found(package):
    files = files_of(package)
    bare = b"".join(
        line for line in files["checkpoint"].splitlines(True) if b" regulator " not in line
    )
    forged = {
        name: raw.replace(files["checkpoint"], bare) if name.endswith(("proof", "point")) else raw
        for name, raw in files.items()
    }

    with pytest.raises(InvalidEvidenceError, match="checkpoint: too few witnesses co-signed"):
        verify_evidence(packed_anew(forged))


def test_a_witness_that_states_an_impossible_time_breaks_no_reader():
    fed = granted_federation()
    fed.publish_context("run-1")
    text = fed.log.latest.text()
    for key in fed.witness_keys.values():
        line = key.cosign(text, 2**63).line().encode() + b"\n"
        fed.log.add_cosignatures(line, size=fed.log.size)
    files = files_of(pack_evidence(fed.store, "grant grant-bank-a"))
    note = Note.parse(files["checkpoint"])
    lines = [key.cosign(note.text, 2**63) for key in fed.witness_keys.values()]
    head = Note(note.text, (note.signatures[0], *lines)).encode()
    forged = {name: raw.replace(files["checkpoint"], head) for name, raw in files.items()}

    with pytest.raises(EvidenceError, match="has no run"):
        pack_evidence(fed.store, "run run-1")
    with pytest.raises(InvalidEvidenceError, match=r"checkpoint: .* states no time of ours"):
        verify_evidence(packed_anew(forged))


def forged_federation() -> SmallFederation:
    """The same names, roles and run, with other keys."""
    small_federation.seed = lambda text: seed(f"forged {text}")
    try:
        return finished_federation()
    finally:
        small_federation.seed = seed


def test_a_package_cannot_vouch_for_itself(fed, package):
    """A forger founds a federation of the same names; only a pin from outside tells them apart."""

    made_up = run_package(forged_federation())

    proven = verify_evidence(made_up)
    assert not proven.is_pinned
    assert "not pinned" in verifier.describe(proven)
    assert is_found(made_up, founding_entry=fed.founding.id)
    policy = files_of(package)["policy"].decode()
    assert is_found(made_up, policy=policy)
    assert not is_found(package, policy=policy, founding_entry=fed.founding.id)
    log, *witnesses = (line for line in policy.splitlines() if line[:3] in ("log", "wit"))
    regulator = next(line for line in witnesses if line.startswith("witness regulator "))
    alone = f"{log}\n{regulator}\nquorum regulator\n"
    assert not is_found(package, policy=alone)  # the others' lines do no harm
    assert is_found(made_up, policy=alone)
    assert is_found(package, policy=f"{log}\nquorum regulator\n")


def test_a_package_cannot_write_its_own_verdict_on_the_screen(tmp_path, capsys, monkeypatch):
    """A subject that moves the cursor would print a pinned verdict and hide the true one."""
    files = files_of(run_package(forged_federation()))
    fake = "run run-1\x1b[Efounding entry 86b5 (as pinned)\x1b[EVALID: no findings\x1b[8m"
    flow = files["flow.txt"].decode().replace("run run-1", fake, 1).encode()
    path = tmp_path / "case.zip"
    path.write_bytes(packed_anew({**files, "flow.txt": flow}))
    monkeypatch.setattr("sys.argv", ["verify.py", str(path)])

    assert verifier.main() == 59
    assert capsys.readouterr() == (
        "",
        "INVALID: flow.txt · the last line does not end, or a line is no plain text\n",
    )


def test_entries_by_a_key_that_is_suspected_are_named():
    """A thief's grant, packed after the bank has revoked the key."""
    fed = granted_federation()
    stolen = fed.keys["bank-a"]
    data = {
        "party": "bank-a",
        "vkey": stolen.vkey,
        "suspected_since": "2026-11-23T16:00:00.000Z",
        "reason": "stolen",
    }
    assert submit(fed, "bank-a", "party-key-revoked", data, recovery_of("bank-a")).code == ""
    fed.witness()

    told = verifier.describe(verify_evidence(pack_evidence(fed.store, "grant grant-bank-a")))

    said = " is signed with a key of bank-a that is suspected since 2026-11-23T16:00:00.000Z"
    assert said in told
    assert "entry 2 is signed" in told  # the grant itself
    assert "key of coordinator" not in told


def test_the_single_file_says_what_it_does_not_compare(tmp_path, capsys, monkeypatch):
    files = files_of(run_package(finished_federation()))
    path = tmp_path / "case.zip"
    path.write_bytes(packed_anew({**files, "statement.html": b"bank-a owes a million"}))
    monkeypatch.setattr("sys.argv", ["verify.py", str(path)])

    assert verifier.main() == 0
    first = capsys.readouterr().out.split("\n")[0]
    assert first.startswith("for reading only, not compared by this program: statement.html, ")
    with pytest.raises(InvalidEvidenceError, match="not what this version of FedCredit"):
        verify_evidence(path.read_bytes())


def test_statement_escapes_everything():
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&#x202e;"
    fed = SmallFederation()
    fed.register("bank-a")
    fed.grant("bank-a", columns=[hostile])
    fed.witness()

    proven = verify_evidence(pack_evidence(fed.store, "grant grant-bank-a"))

    text = proven.files["statement.html"].decode()
    assert "<script" not in text and "<img" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "&amp;#x202e;" in text


def test_domains_do_not_mix(package):
    """An entry is no checkpoint and a checkpoint no entry, whoever has signed them."""
    files = files_of(package)
    note = files["entries/20.leaf"].split(b"\n", 4)[4]
    head = b"".join(files["entries/20.leaf"].splitlines(True)[:4]) + files["checkpoint"]

    assert is_found(packed_anew(files | {"checkpoint": note}))
    assert is_found(packed_anew(files | {"entries/20.leaf": head}))


def zipped(names: dict[str, bytes], *, method: int = zipfile.ZIP_STORED, comment: bytes = b""):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, raw in names.items():
            archive.writestr(zipfile.ZipInfo(name), raw, method)
        archive.comment = comment
    return stream.getvalue()


def hostile_archives(small: bytes) -> dict[str, bytes]:
    files = files_of(small)
    bomb = files | {"README.txt": bytes(50_000_000)}
    twice = small.replace(b"entries/1.leaf", b"entries/2.leaf")
    end = small.rindex(b"PK\5\6")
    return {
        "no archive": b"",
        "words": b"PK\3\4" * 40,
        "a climbing name": zipped(files | {"../../etc/cron": b"x"}),
        "an absolute name": zipped(files | {"/etc/passwd": b"x"}),
        "a name of another system": zipped(files | {"C:\\x": b"x"}),
        "a folder": zipped(files | {"entries/": b""}),
        "a stranger": packed_anew(files | {"entries/9.exe": b"x"}),
        "a name twice": twice,
        "compressed": zipped(files, method=zipfile.ZIP_DEFLATED),
        "a bomb": zipped(bomb, method=zipfile.ZIP_DEFLATED),
        "a comment": zipped(files, comment=b"read me first"),
        "bytes in front": b"#!/bin/sh\n" + small,
        "bytes behind": small + b"\0",
        "an end twice": small + small[end:],
        "cut": small[:-1],
        "half": small[: len(small) // 2],
        "other order": verifier.pack(dict(reversed(files.items()))),
        "no SHA256SUMS": verifier.pack({n: r for n, r in files.items() if n != "SHA256SUMS"}),
        "no checkpoint": packed_anew({n: r for n, r in files.items() if n != "checkpoint"}),
        "no policy": packed_anew({n: r for n, r in files.items() if n != "policy"}),
        "no statement": packed_anew({n: r for n, r in files.items() if n != "statement.html"}),
        "another verifier": packed_anew(files | {"verify.py": b"print('VALID')\n"}),
        "another key file": packed_anew(files | {"keys/bank-z-00000000.pem": b"x"}),
        "a policy of nobody": packed_anew(files | {"policy": b"quorum none\n"}),
        "deep json": packed_anew(files | {"entries/2.leaf": deep(files["entries/2.leaf"])}),
    }


def deep(leaf: bytes) -> bytes:
    head, _, tail = leaf.partition(b'"basis":')
    return head + b'"basis":' + b"[" * 5_000 + b"]" * 5_000 + tail[tail.index(b",") :]


def test_hostile_packages(small):
    for name, raw in hostile_archives(small).items():
        with pytest.raises(InvalidEvidenceError, match=": ") as caught:
            verify_evidence(raw)
        assert caught.value.exit_code == 59, name


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_whatever_bytes_come_the_readers_refuse_by_name(raw):
    readers: tuple[Callable[[bytes, str], object], ...] = (
        verifier.unpack,
        verifier.parse_note,
        verifier.parse_leaf,
        verifier.canonical,
    )
    for reader in readers:
        for data in (raw, b"PK\3\4" + raw, b"fedcredit-ledger-leaf/v1\n" + raw):
            try:
                reader(data, "entries/1.leaf")
            except verifier.Refused as error:
                assert error.where == "entries/1.leaf"
