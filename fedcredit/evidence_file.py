"""Evidence on the disk: pack a ledger file's entries about one matter, read a package back.

What a package is and what it proves is decided in `fedcredit_ledger.evidence`. Here names that
people type become subjects, and a package is written whole or not at all, after it was verified.
"""

import re
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from fedcredit import ledger_file
from fedcredit_ledger.errors import EvidenceError
from fedcredit_ledger.evidence import Openings, pack_evidence, verify_evidence
from fedcredit_ledger.evidence_verifier import (
    MAX_BYTES,
    Leaf,
    Proven,
    names,
    parse_leaf,
    references,
)
from fedcredit_ledger.explain import MEANINGS
from fedcredit_ledger.store import Store

_FIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,98}")

OPENINGS = "openings"
"""Folder beside a saved run's ledger: what the requester may disclose, INDEX.json an entry."""


def run_of(ledger: Path, name: str) -> str:
    """Return the id of the one run of a ledger file whose id is `name` or begins with it.

    Raises
    ------
    EvidenceError
        When no run, or more than one, answers to the name.
    """
    runs = [
        str(line.data["run_id"])
        for line in ledger_file.lines(ledger)
        if line.type == "run-proposed" and str(line.data["run_id"]).startswith(name)
    ]
    if len(runs) != 1 or not name:
        raise EvidenceError(
            "no run of that name in the ledger" if not runs else "several runs have that name",
            expected="a run's id, or enough of its beginning",
            found=name if not runs else ", ".join(run[:13] for run in runs),
            remedy=f"fedcredit ledger show {ledger} --type run-proposed",
        )
    return runs[0]


def entries_of(ledger: Path, names: Collection[str]) -> str:
    """Return the ids of a ledger file's entries, each named by its index or the start of its id.

    Raises
    ------
    EvidenceError
        When a name is not that of exactly one entry.
    """
    return ",".join(entry_of(ledger, name).entry_id for name in names)


def entry_of(ledger: Path, name: str) -> ledger_file.Line:
    """Return the one entry with this index, or whose id begins with `name` (8 digits or more).

    Raises
    ------
    EvidenceError
        When there is none, or more than one.
    """
    found = [
        line
        for line in ledger_file.lines(ledger)
        if (len(name) >= 8 and line.entry_id.startswith(name)) or str(line.index) == name
    ]
    if len(found) != 1:
        raise EvidenceError(
            "no entry of that name" if not found else "several entries have that name",
            expected="an index, or at least 8 digits of an entry id",
            found=name,
            remedy=f"fedcredit ledger show {ledger}",
        )
    return found[0]


def write(
    path: Path,
    ledger: Path,
    subject: str,
    *,
    openings: Openings | None = None,
    disclose: Collection[str] = (),
    attachments: Mapping[str, bytes] | None = None,
    anchors: Mapping[str, bytes] | None = None,
) -> Proven:
    """Pack, verify what was packed, and write it; return what it proves.

    Parameters
    ----------
    path : Path
        The package; replaced when the new one is complete.
    ledger : Path
        A ledger file.
    subject, openings, disclose, attachments, anchors
        As in :func:`fedcredit_ledger.evidence.pack_evidence`.

    Raises
    ------
    EvidenceError
        When nothing can be packed; nothing was written then.

    Disclosure
    ----------
    Whoever gets the file reads the entries in it and the values disclosed.
    """
    with Store(ledger_file.demand(ledger), read_only=True) as store:
        packed = pack_evidence(
            store,
            subject,
            openings=openings,
            disclose=disclose,
            attachments=attachments or {},
            anchors=anchors or {},
        )
    proven = verify_evidence(packed)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(packed)
    part.replace(path)
    return proven


def write_run(
    path: Path,
    run_id: str,
    copy_ledger: Callable[[Path], object] | None,
    *,
    openings: Openings,
    disclose: Collection[str],
) -> Path:
    """Pack a run from a requester's own copy of the ledger; return the package's path.

    Parameters
    ----------
    path : Path
        The package; replaced when the new one is complete.
    run_id : str
    copy_ledger : callable or None
        Writes that copy to a path; None where a result has no ledger at hand.
    openings, disclose
        As in `write`.

    Raises
    ------
    EvidenceError
        When there is no ledger at hand, or nothing to disclose under a name.
    """
    if copy_ledger is None:
        raise EvidenceError(
            "this result has no ledger at hand",
            remedy="fedcredit evidence pack RUN --ledger FILE packs from a ledger file",
        )
    with tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder) / "ledger.db"
        copy_ledger(ledger)
        write(path, ledger, f"run {run_id}", openings=openings, disclose=disclose)
    return path


def documents(folder: Path | None) -> dict[str, bytes]:
    """Read the files of a folder that may lie beside the entries, by name; no folder, no files.

    Raises
    ------
    EvidenceError
        When there is no such folder, or a file's name does not fit into a package.
    """
    if folder is None:
        return {}
    if not folder.is_dir():
        raise EvidenceError("there is no folder of this name", found=folder.name)
    found = {}
    for path in sorted(folder.iterdir()):
        if not path.is_file() or _FIT.fullmatch(path.name) is None:
            raise EvidenceError(
                "a document's name does not fit into a package",
                expected="files, named by letters, digits, dot, underscore, hyphen; 99 at most",
                found=path.name[:64],
                remedy="rename it; its bytes must stay as they are",
            )
        if path.stat().st_size > MAX_BYTES:
            raise EvidenceError("a document is too large for a package", found=path.name)
        found[path.name] = path.read_bytes()
    return found


def read(path: Path, *, founding_entry: str = "", policy: Path | None = None) -> Proven:
    """Read and verify a package.

    Parameters
    ----------
    path : Path
        The package.
    founding_entry : str
        Entry id that was learned elsewhere; empty for none.
    policy : Path, optional
        File with the lines of a pinned tlog-policy.

    Raises
    ------
    EvidenceError
        When there is no such file.
    InvalidEvidenceError
        At the first thing that is wrong with it.
    """
    for file in (path, policy):
        if file is not None and not (file.is_file() and file.stat().st_size <= MAX_BYTES):
            raise EvidenceError(
                "there is no file of this name" if not file.is_file() else "the file is too large",
                expected=f"a file of at most {MAX_BYTES} bytes",
                found=file.name,
                remedy="fedcredit evidence pack writes a package",
            )
    try:
        pinned = "" if policy is None else policy.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise EvidenceError("the pinned policy is not a text", found=str(policy)) from None
    return verify_evidence(path.read_bytes(), founding_entry=founding_entry, policy=pinned)


def explain(ledger: Path, name: str) -> dict[str, Any]:
    """Return what an entry proves, what it leaves open, what it rests on and what cites it.

    Parameters
    ----------
    ledger : Path
        A ledger file.
    name : str
        The entry's index, or the beginning of its id.

    Raises
    ------
    EvidenceError
        When there is no such entry.
    """
    wanted = entry_of(ledger, name)
    with Store(ledger, read_only=True) as store:
        leaves = [parse_leaf(raw, f"entries/{i}.leaf") for i, raw in enumerate(store.leaves())]
    leaf = leaves[wanted.index]
    meaning = MEANINGS[leaf.type]
    own, rests_on = set(names(leaf)), set(references(leaf))

    def row(other: Leaf) -> dict[str, object]:
        return {"index": other.place, "type": other.type, "author": other.author}

    before, after = leaves[: leaf.place], leaves[leaf.place + 1 :]
    return {
        **wanted.fact(),
        "title": meaning.title,
        "proves": meaning.proves,
        "leaves_open": meaning.leaves_open,
        "title_zh": meaning.title_zh,
        "proves_zh": meaning.proves_zh,
        "leaves_open_zh": meaning.leaves_open_zh,
        "rests_on": [row(other) for other in before if rests_on & set(names(other))],
        "cited_by": [row(other) for other in after if own & set(references(other))],
        "committed": sorted(leaf.data.get("commits", {})),
    }
