"""Showing, or erasing for good, what this member's own entries only commit to.

Exported openings are what ``evidence pack --openings`` and ``ledger verify --openings`` read. To
erase is to destroy the opening first and to say so in the ledger after: in between, nothing false
is said, and typing the command again ends what was begun.
"""

import json
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.errors import EvidenceError, RejectedEntryError
from fedcredit_ledger.evidence import read_openings
from fedcredit_ledger.rules_oversight import open_dispute
from fedcredit_parties.kept_openings import KeptOpenings
from fedcredit_parties.member import Member


@dataclass(frozen=True, kw_only=True)
class OwnEntry:
    """An entry of this member that commits to something.

    Attributes
    ----------
    index : int
    entry_id, type : str
    commits : dict of str to str
        Name -> commitment.
    erased : frozenset of str
        Names whose opening the ledger says to be erased.
    """

    index: int
    entry_id: str
    type: str
    commits: dict[str, str]
    erased: frozenset[str]


def find_entry(member: Member, name: str) -> str:
    """Return the id of the one entry with this index, or whose id begins with 8 digits or more.

    Raises
    ------
    EvidenceError
        When there is none, or more than one.
    """
    replica = member.ledger.replica
    if len(name) >= 8:
        ids = [Leaf.parse(raw).signed.id for raw in replica.leaves()]
        found = [entry_id for entry_id in ids if entry_id.startswith(name)]
    else:
        is_index = name.isascii() and name.isdigit() and int(name) < replica.size
        found = [Leaf.parse(replica.leaf(int(name))).signed.id] if is_index else []
    if len(found) != 1:
        raise EvidenceError(
            "no entry of that name" if not found else "several entries have that name",
            expected="an index, or at least 8 digits of an entry id",
            found=name,
            remedy="fedcredit ledger show FILE lists the entries",
        )
    return found[0]


def own_entries(member: Member) -> Iterator[OwnEntry]:
    """Yield this member's entries that commit to something, oldest first."""
    erased = member.ledger.state.oversight.erased
    for index, raw in enumerate(member.ledger.replica.leaves()):
        if b'"commits":' not in raw:
            continue
        signed = Leaf.parse(raw).signed
        if signed.entry.author == member.name and "commits" in signed.entry.data:
            yield OwnEntry(
                index=index,
                entry_id=signed.id,
                type=signed.entry.type,
                commits=dict(signed.entry.data["commits"]),
                erased=frozenset(erased.get(signed.id, ())),
            )


def export(
    member: Member,
    openings: KeptOpenings,
    folder: Path,
    *,
    entries: Collection[str] = (),
    names: Collection[str] = (),
) -> dict[int, list[str]]:
    """Write ``INDEX.json`` for each own entry whose openings are kept.

    Parameters
    ----------
    member : Member
        Whose.
    openings : KeptOpenings
        What is kept.
    folder : Path
        Gets the files, readable by this user only.
    entries, names : collection of str
        Only of these entry ids, only these fields; every one when empty.

    Returns
    -------
    dict
        The names written, by index.

    Disclosure
    ----------
    Whoever gets the files reads the values in them.
    """
    written: dict[int, list[str]] = {}
    for entry in own_entries(member):
        if entries and entry.entry_id not in entries:
            continue
        wanted = [d for name, d in sorted(entry.commits.items()) if not names or name in names]
        found = [opening for opening in map(openings.get, wanted) if opening is not None]
        if found:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = folder / f"{entry.index}.json"
            with open(path, "w", encoding="utf-8", opener=_private) as stream:
                json.dump([list(opening) for opening in found], stream, ensure_ascii=False)
            written[entry.index] = [name for _, name, _ in found]
    return written


def erase(
    member: Member,
    openings: KeptOpenings,
    entry_id: str,
    *,
    legal_basis: str,
    names: Collection[str] = (),
    folder: Path | None = None,
) -> list[str]:
    """Destroy what opens an own entry's commitments, then say so in the ledger.

    Parameters
    ----------
    member : Member
        Whose entry it is.
    openings : KeptOpenings
        Where they are kept.
    entry_id : str
        The entry.
    legal_basis : str
        Why, such as ``PIPL art. 47``.
    names : collection of str
        Fields; every one that is not erased when empty.
    folder : Path, optional
        A folder of exported or sealed openings that is cleaned too.

    Returns
    -------
    list of str
        The names that the ledger now calls erased.

    Raises
    ------
    EvidenceError
        When it is no own entry, or has no such commitments left.
    RejectedEntryError
        ``legal-hold``, before anything is destroyed; or another rule.
    DiskFullError, MachineError
        When the disk refuses; nothing is said then.
    """
    found = [entry for entry in own_entries(member) if entry.entry_id == entry_id]
    left = found[0].commits.keys() - found[0].erased if found else set()
    chosen = sorted(names or left)
    if not chosen or not set(chosen) <= left:
        raise EvidenceError(
            "there is nothing of that name to erase in an entry of this member",
            expected=", ".join(sorted(left)) or f"an entry of {member.name} that commits to values",
            found=", ".join(chosen) or "nothing left",
            remedy="fedcredit openings export CONFIG -o DIR shows what is kept",
        )
    dispute = open_dispute(member.ledger.state, entry_id)
    if dispute:
        raise RejectedEntryError(
            "legal-hold",
            f"dispute {dispute} about the entry is open",
            remedy="the openings are evidence until it is resolved; nothing was erased",
        )
    openings.erase([found[0].commits[name] for name in chosen])
    if folder is not None:
        _clean(folder, found[0].index, chosen)
    member.ledger.append(
        "commitment-erased",
        {"entry_id": entry_id, "names": chosen, "legal_basis": legal_basis},
    )
    return chosen


def entries_about(member: Member, openings: KeptOpenings, subject: str) -> dict[str, list[str]]:
    """Return the names of the fields about a subject that are still kept, by own entry id."""
    about = set(openings.about(subject))
    found = {
        entry.entry_id: sorted(name for name, digest in entry.commits.items() if digest in about)
        for entry in own_entries(member)
    }
    return {entry_id: names for entry_id, names in found.items() if names}


def _clean(folder: Path, index: int, names: Collection[str]) -> None:
    """Take openings out of a folder; the old bytes are overwritten before the file goes."""
    path = folder / f"{index}.json"
    if not path.is_file():
        return
    kept = [opening for opening in read_openings(folder)[index] if opening[1] not in names]
    with open(path, "r+b") as stream:
        stream.write(bytes(path.stat().st_size))
        stream.flush()
        os.fsync(stream.fileno())
    path.unlink()
    if kept:
        with open(path, "w", encoding="utf-8", opener=_private) as text:
            json.dump(kept, text, ensure_ascii=False)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
