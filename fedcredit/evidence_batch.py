"""A thousand cases at once: one package a loan, an index, and one digest over all of them.

The bank brings the ledger, the openings that it kept when it sealed the facts, and a list of cases
(case number, contract, court). Each case is judged before it is packed: complete enough, no open
dispute, and the amount claimed recomputed to the fen. What fails is listed with its reason and not
packed.
"""

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedcredit_ledger.errors import EvidenceError
from fedcredit_ledger.evidence import Openings, Packer
from fedcredit_ledger.evidence_source import Source
from fedcredit_ledger.evidence_verifier import texts
from fedcredit_ledger.facts import NEEDED, Assessment, assess
from fedcredit_ledger.flows import facts_of
from fedcredit_ledger.merkle import Tree, leaf_hash

INDEX, REFUSED = "batch.csv", "refused.csv"
COLUMNS = ("case_no", "contract", "court")
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One line of the list: the case's number, the contract it is about, the court."""

    case_no: str
    contract: str
    court: str


@dataclass(frozen=True, kw_only=True)
class Filed:
    """One packed case."""

    case: Case
    file: str
    sha256: str
    assessment: Assessment


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What became of a list of cases.

    Attributes
    ----------
    filed : tuple of Filed
    refused : tuple of (Case, EvidenceError)
    root : str
        Merkle root over the sorted digests of the packages, in hex; the bank may write it into the
        ledger as ``evidence-issued``.
    """

    filed: tuple[Filed, ...]
    refused: tuple[tuple[Case, EvidenceError], ...]
    root: str


def read_cases(path: Path) -> list[Case]:
    """Read the list of cases, a CSV file with the columns case_no, contract, court.

    Raises
    ------
    EvidenceError
        When the file is not of this form, or a case number is not fit for a file name or stands
        twice.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error):
        rows = [{}]
    if not rows or any(set(row) != set(COLUMNS) or None in row.values() for row in rows):
        raise EvidenceError(
            "the list of cases is not of its form",
            expected=f"a CSV file with the columns {', '.join(COLUMNS)}",
            found=path.name,
            remedy="write a line a case, the names of the columns first",
        )
    cases = [Case(**row) for row in rows]
    numbers = [case.case_no for case in cases]
    for number in numbers:
        if not number or not set(number) <= _SAFE or number[0] == "." or numbers.count(number) > 1:
            raise EvidenceError(
                "a case number cannot name a file, or stands twice",
                expected="letters, digits, dot, underscore, hyphen; each number once",
                found=number[:64],
                remedy="number the cases in the list anew",
            )
    return cases


def pack_batch(
    packer: Packer,
    cases: Iterable[Case],
    openings: Openings,
    folder: Path,
    *,
    disclose: Iterable[str] = (),
    attachments: Mapping[str, bytes] | None = None,
) -> Batch:
    """Pack every case that may be filed into `folder`, and write its index.

    Parameters
    ----------
    packer : Packer
        Of the ledger.
    cases : iterable of Case
    openings : mapping
        What was committed to, by index of the entry.
    folder : Path
        Gets ``CASE.evidence.zip`` a case, ``batch.csv``, and ``refused.csv`` when there are any.
    disclose : iterable of str
        Fields to disclose besides those that the amount is recomputed from.
    attachments : mapping of str to bytes
        Documents by file name; each goes into the cases that disclose its digest.

    Raises
    ------
    EvidenceError
        When the ledger does not verify; nothing was added to the folder then.

    Disclosure
    ----------
    Whoever gets a package reads that loan's dates and amounts, and nothing of other loans.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {*NEEDED, *disclose}
    places = _by_contract(packer.source, openings)
    disputed = _disputed(packer)
    filed: list[Filed] = []
    refused: list[tuple[Case, EvidenceError]] = []
    try:
        for case in cases:
            try:
                filed.append(
                    _file(
                        packer, case, places, disputed, openings, wanted, folder, attachments or {}
                    )
                )
            except EvidenceError as error:
                refused.append((case, error))
        packer.confirm()
        for one in filed:
            _part(folder, one.file).replace(folder / one.file)
    finally:
        for one in filed:
            _part(folder, one.file).unlink(missing_ok=True)
    root = Tree(leaf_hash(bytes.fromhex(digest)) for digest in sorted(x.sha256 for x in filed)).root
    batch = Batch(filed=tuple(filed), refused=tuple(refused), root=root.hex())
    _write_index(batch, folder)
    return batch


def _file(
    packer: Packer,
    case: Case,
    places: Mapping[str, list[int]],
    disputed: frozenset[int],
    openings: Openings,
    wanted: set[str],
    folder: Path,
    attachments: Mapping[str, bytes],
) -> Filed:
    """Judge, pack and write one case."""
    of_case = places.get(case.contract, [])
    if not of_case:
        raise EvidenceError("no sealed fact is about this contract", found=case.case_no)
    if disputed & set(of_case):
        raise EvidenceError(
            "an entry of the case is disputed, and the dispute is open",
            found=f"entry {min(disputed & set(of_case))}",
            remedy="wait for dispute-resolved",
        )
    shown = {i: [o for o in openings[i] if o[1] in wanted] for i in of_case}
    found = assess(facts_of([packer.source[i] for i in of_case], shown)).demand()
    names = {str(opening[1]) for opened in shown.values() for opening in opened}
    told = {text for opened in shown.values() for opening in opened for text in texts(opening[2])}
    own = {n: x for n, x in attachments.items() if hashlib.sha256(x).hexdigest() in told}
    packed = packer.pack(
        f"case {case.case_no}", places=of_case, openings=shown, disclose=names, attachments=own
    )
    name = f"{case.case_no}.evidence.zip"
    _part(folder, name).write_bytes(packed)
    return Filed(case=case, file=name, sha256=hashlib.sha256(packed).hexdigest(), assessment=found)


def _part(folder: Path, name: str) -> Path:
    """Return where a package lies until the rules of its ledger are known to hold."""
    return folder / f"{name}.part"


def _by_contract(source: Source, openings: Openings) -> dict[str, list[int]]:
    """Return the places of the sealed facts by the contract that their openings name."""
    found: dict[str, list[int]] = {}
    for place in source.places("type fact-sealed"):
        for _, name, value in openings.get(place, ()):
            if name == "contract":
                found.setdefault(str(value), []).append(place)
    return found


def _disputed(packer: Packer) -> frozenset[int]:
    """Return the places of the entries that an open dispute is about."""
    source, open_ = packer.source, dict[str, int]()
    disputes = source.named("type dispute-filed", "type dispute-resolved")
    packer.check_signatures(disputes)
    for leaf in disputes:
        if leaf.type == "dispute-filed":
            (open_[leaf.data["dispute_id"]],) = source.places(leaf.data["about"])
        elif leaf.type == "dispute-resolved":
            open_.pop(leaf.data["dispute_id"], None)
    return frozenset(open_.values())


def _write_index(batch: Batch, folder: Path) -> None:
    rows: list[dict[str, Any]] = [
        {
            "case_no": x.case.case_no,
            "file": x.file,
            "sha256": x.sha256,
            "claim_fen": x.assessment.claim_fen,
            "principal_fen": x.assessment.principal_fen,
            "interest_fen": x.assessment.interest_fen,
            "penalty_fen": x.assessment.penalty_fen,
            "court": x.case.court,
            "completeness": x.assessment.score,
        }
        for x in batch.filed
    ]
    _write_csv(folder / INDEX, rows)
    _write_csv(
        folder / REFUSED,
        [
            {
                "case_no": case.case_no,
                "reason": error.message,
                "expected": error.expected,
                "found": error.found,
            }
            for case, error in batch.refused
        ],
    )


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows under their headings; no rows, no file."""
    if not rows:
        path.unlink(missing_ok=True)
        return
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
