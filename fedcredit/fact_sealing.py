"""Seal a fact of a loan when it happens, and record the packages that were made of such facts.

Sealing writes salted commitments into the ledger, one a field, and keeps the openings at the bank:
without them nobody, the bank included, can show later what was sealed. The opening is on the disk
before the entry is sent, and gets the entry's number as its name afterwards.
"""

import csv
import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fedcredit.evidence_batch import INDEX
from fedcredit_ledger.canonical import encode
from fedcredit_ledger.checkpoint import Checkpoint, TlogProof
from fedcredit_ledger.entry import commit, format_time
from fedcredit_ledger.errors import EvidenceError, MalformedEntryError
from fedcredit_ledger.facts import STAGES
from fedcredit_ledger.merkle import Tree, leaf_hash
from fedcredit_ledger.note import Note
from fedcredit_parties.member import Member

QUORUM_S = 30.0
_KEYS = {"stage", "contract", "environment_digest", "fields"}


def read_fact(path: Path) -> dict[str, Any]:
    """Read a fact from JSON: stage, contract, environment_digest, fields, and captured_at if known.

    Raises
    ------
    EvidenceError
        When the file is not of this form; no value is repeated in the message.
    """
    try:
        fact = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        fact = None
    if not isinstance(fact, dict) or not _KEYS <= set(fact) <= {*_KEYS, "captured_at"}:
        raise EvidenceError(
            "the fact is not of its form",
            expected='{"stage", "contract", "environment_digest", "fields", "captured_at"?}',
            found=path.name,
            remedy="write one fact a file, as the ledger's specification says",
        )
    names = STAGES.get(str(fact["stage"]))
    if names is None or not isinstance(fact["fields"], dict) or set(fact["fields"]) - set(names):
        raise EvidenceError(
            f"a fact has a stage of {', '.join(STAGES)}, and the fields of that stage only",
            expected=", ".join(names or ()) or "a stage",
            found=path.name,
            remedy="leave out what the stage has no field for",
        )
    return fact


def seal(member: Member, fact: Mapping[str, Any], openings: Path) -> int:
    """Commit to every field of a fact in the ledger; return the index of the entry.

    Parameters
    ----------
    member : Member
        The bank.
    fact : mapping
        From `read_fact`.
    openings : Path
        Folder that gets ``INDEX.json``, readable by this user only.

    Raises
    ------
    EvidenceError
        When a field's value cannot be committed to.
    RejectedEntryError
        When the ledger's rules refuse the entry.

    Disclosure
    ----------
    The ledger's readers learn stage, time, and which fields there are; no value.
    """
    opened, commits = [], {}
    for name, value in {"contract": fact["contract"], **fact["fields"]}.items():
        try:
            commits[name], salt = commit(name, value)
        except MalformedEntryError as error:
            raise EvidenceError(
                f"the field {name} cannot be committed to: {error.message}",
                remedy="write amounts as whole fen, and leave out what is not known",
            ) from None
        opened.append([salt, name, value])
    openings.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest = hashlib.sha256(encode(commits)).hexdigest()
    pending = openings / f"{digest}.pending"
    with open(pending, "w", encoding="utf-8", opener=_private) as stream:
        json.dump(opened, stream, ensure_ascii=False)
        stream.flush()
        os.fsync(stream.fileno())
    entry_id = member.ledger.append(
        "fact-sealed",
        {
            "stage": fact["stage"],
            "captured_at": fact.get("captured_at", format_time(member.clock())),
            "environment_digest": fact["environment_digest"],
            "commits": commits,
        },
        readers=(member.name,),
    )
    index = member.ledger.replica.find(entry_id)
    pending.replace(openings / f"{index}.json")
    return index


def issue(member: Member, folder: Path, *, purpose: str) -> int:
    """Record a batch in the ledger, and put the proof of it beside the packages.

    Parameters
    ----------
    member : Member
        The bank.
    folder : Path
        From ``fedcredit evidence pack --batch``; gets ``batch.leaf`` and ``batch.tlog-proof``.
    purpose : str
        Why the packages were made.

    Returns
    -------
    int
        Index of the ``evidence-issued`` entry.

    Raises
    ------
    EvidenceError
        When a package is not what the index says.
    QuorumError
        When the witnesses do not co-sign in time; the entry stands in the ledger then.

    Disclosure
    ----------
    The ledger's readers learn how many packages there are, and one digest over all.
    """
    try:
        with (folder / INDEX).open(encoding="utf-8", newline="") as stream:
            listed = {row["file"]: row["sha256"] for row in csv.DictReader(stream)}
    except (OSError, KeyError, UnicodeDecodeError, csv.Error):
        listed = {}
    for name, digest in listed.items():
        path = folder / Path(name).name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise EvidenceError(
                "a package is not what the batch's index says",
                expected=digest,
                found=name,
                remedy="fedcredit evidence pack --batch writes both anew",
            )
    if not listed:
        raise EvidenceError(
            "the folder has no index of packages",
            expected=INDEX,
            found=folder.name,
            remedy="fedcredit evidence pack --batch writes one",
        )
    root = Tree(leaf_hash(bytes.fromhex(digest)) for digest in sorted(listed.values())).root
    ledger = member.ledger
    entry_id = ledger.append(
        "evidence-issued",
        {
            "package_root": root.hex(),
            "n_packages": len(listed),
            "checkpoint_size": ledger.replica.quorum_size,
            "purpose": purpose,
        },
    )
    index = ledger.replica.find(entry_id)
    note = Note.parse(ledger.witnessed(index, deadline=time.monotonic() + QUORUM_S))
    size = Checkpoint.parse(note.text).size
    hashes = tuple(ledger.replica.tree.inclusion_proof(index, size))
    (folder / "batch.leaf").write_bytes(ledger.replica.leaf(index))
    (folder / "batch.tlog-proof").write_bytes(TlogProof(index, hashes, note).encode())
    return index


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
