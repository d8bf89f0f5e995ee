"""Check a whole ledger file, trusting nobody who wrote it.

Four levels, each containing the ones before it: the head (signature of the log, quorum); the chain
(every leaf hash, link, stored node and checkpoint); the rules (canonical bytes, author chains,
replay of every rule, time brackets); the signatures (every entry, every co-signature). A finding
does not raise: an auditor wants the list.
"""

import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

from fedcredit_ledger.chain import HEADER, NO_LEAF, Leaf
from fedcredit_ledger.checkpoint import Checkpoint, open_checkpoint
from fedcredit_ledger.entry import open_commitment
from fedcredit_ledger.errors import (
    BrokenChainError,
    CheckpointError,
    ForkError,
    InvalidEvidenceError,
    LedgerError,
    MalformedEntryError,
    QuorumError,
    RejectedEntryError,
    RollbackError,
    SignatureError,
)
from fedcredit_ledger.head_rules import read_head_rules
from fedcredit_ledger.ledger_store import LedgerStore
from fedcredit_ledger.merkle import Frontier, leaf_hash
from fedcredit_ledger.note import Note, Signature, VerifierKey
from fedcredit_ledger.replica import Replica
from fedcredit_ledger.rules import MAX_DRIFT_S
from fedcredit_ledger.state_keys import HeadRule, rule_at
from fedcredit_ledger.store import Store

MAX_FINDINGS = 100

TELL_EVERY = 256
"""Leaves between two words of progress."""

Told = Callable[[int, int], None]


class Level(IntEnum):
    """How far to check."""

    HEAD = 0
    CHAIN = 1
    RULES = 2
    SIGNATURES = 3


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    index : int or None
        The leaf, where there is one; for a checkpoint, its size.
    code : str
        What kind of thing.
    sentence : str
        What was found.
    exit_code : int
        That of the error class a reader would have met.
    """

    index: int | None
    code: str
    sentence: str
    exit_code: int


@dataclass(kw_only=True)
class Report:
    """What a verification found.

    Attributes
    ----------
    level : Level
    size : int
        Leaves in the file.
    root : str
        Root over them in hex, as recomputed; empty at the head level.
    quorum_size : int
        Leaves under the newest checkpoint with a quorum.
    founding_entry : str
        Entry id of leaf 0.
    is_pinned : bool
        Whether it was compared with an id from outside. Without that, the file is only consistent
        with the keys *in the file*.
    n_openings : int
        Openings that are what the ledger commits to.
    since : int
        Leaves that were taken on trust, because a checkpoint over them was.
    findings : list of Finding
    remarks : list of Finding
        What is valid and should be known: ``disputed-key``. They change no exit code.
    """

    level: Level
    size: int = 0
    root: str = ""
    quorum_size: int = 0
    founding_entry: str = ""
    is_pinned: bool = False
    n_openings: int = 0
    since: int = 0
    findings: list[Finding] = field(default_factory=list)
    remarks: list[Finding] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 when nothing is wrong; otherwise that of the first finding."""
        return self.findings[0].exit_code if self.findings else 0

    def must_be_clean(self, kind: type[LedgerError] = LedgerError) -> None:
        """Raise the first finding, for those who build on a ledger.

        Raises
        ------
        LedgerError
            Of the `kind` that was asked for, when there are findings.
        """
        if self.findings:
            first = self.findings[0]
            raise kind(
                f"the ledger does not verify: {first.sentence}",
                expected="no finding",
                found=f"{len(self.findings)}, the first at {first.index}",
                remedy="keep the file as it is; fedcredit ledger verify FILE --full lists findings",
            )

    def add(self, index: int | None, code: str, error: LedgerError) -> None:
        """Keep one finding, up to a limit."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(
                Finding(index=index, code=code, sentence=str(error), exit_code=error.exit_code)
            )

    def remark(self, index: int, code: str, sentence: str) -> None:
        """Keep one remark, up to a limit."""
        if len(self.remarks) < MAX_FINDINGS:
            found = Finding(index=index, code=code, sentence=sentence, exit_code=0)
            self.remarks.append(found)

    def document(self) -> dict[str, Any]:
        """Return the report for ``--json``."""
        return {
            "level": self.level.name.lower(),
            "size": self.size,
            "root": self.root,
            "quorum_size": self.quorum_size,
            "founding_entry": self.founding_entry,
            "is_pinned": self.is_pinned,
            "n_openings": self.n_openings,
            "since": self.since,
            "exit_code": self.exit_code,
            "findings": [vars(finding) for finding in self.findings],
            "remarks": [vars(remark) for remark in self.remarks],
        }


@dataclass(frozen=True, kw_only=True)
class _Head:
    """A stored checkpoint with its co-signatures."""

    size: int
    root: bytes
    note: Note
    times: tuple[int, ...]
    has_quorum: bool


def verify_file(
    path: Path | str,
    *,
    level: Level = Level.CHAIN,
    founding_entry: str | None = None,
    since: bytes = b"",
    progress: Told | None = None,
) -> Report:
    """Verify a ledger file or an exported copy; nothing is written.

    Parameters
    ----------
    path : Path or str
        The SQLite file.
    level : Level, default CHAIN
    founding_entry : str, optional
        Entry id that was learned outside.
    since : bytes
        A checkpoint (note) that the caller trusts: at the levels HEAD and CHAIN only what came
        after it is read. The leaves before it are taken to be what it was signed on.
    progress : callable, optional
        Told now and then how many leaves of how many were checked; those of the rules count again.

    Raises
    ------
    LedgerError
        When the file cannot be read as a ledger at all.
    """
    with Store(path, read_only=True) as store:
        return verify(
            store, level=level, founding_entry=founding_entry, since=since, progress=progress
        )


def verify(
    store: LedgerStore,
    *,
    level: Level = Level.CHAIN,
    founding_entry: str | None = None,
    since: bytes = b"",
    progress: Told | None = None,
) -> Report:
    """Verify an open store; parameters as in `verify_file`.

    Raises
    ------
    LedgerError
        When the database itself is damaged beyond reading.
    ValueError
        When `since` is given at a level that replays everything.
    """
    if since and level > Level.CHAIN:
        raise ValueError("rules and signatures are checked from the beginning")
    try:
        return _Verification(store, level, founding_entry, since, progress).run()
    except sqlite3.Error as error:
        raise LedgerError(f"the file is damaged: {error}") from error


def verify_openings(
    path: Path | str, openings: Mapping[int, Sequence[Sequence[Any]]], report: Report
) -> None:
    """Check openings that were handed over against the commitments in a verified file.

    Parameters
    ----------
    path : Path or str
        The SQLite file that `report` is about.
    openings : mapping
        ``[salt, name, value]`` by index of the entry.
    report : Report
        Gets their number, and a finding for each that is not what was committed to.
    """
    with Store(path, read_only=True) as store:
        for index, opened in sorted(openings.items()):
            raw = store.leaves(index, 1)
            commits = Leaf.parse(raw[0]).signed.entry.data.get("commits", {}) if raw else {}
            for salt, name, value in opened:
                try:
                    is_it = open_commitment(commits.get(name, ""), salt, name, value)
                except MalformedEntryError:
                    is_it = False
                report.n_openings += is_it
                if not is_it:
                    error = InvalidEvidenceError(f"the opening of {name} is not what was committed")
                    report.add(index, "wrong-opening", error)


class _Verification:
    def __init__(
        self,
        store: LedgerStore,
        level: Level,
        founding_entry: str | None,
        since: bytes,
        progress: Told | None,
    ) -> None:
        self.progress = progress
        self.since = since
        self.store = store
        self.level = level
        self.pinned = founding_entry
        self.report = Report(level=level, is_pinned=founding_entry is not None)
        self.frontier = Frontier()
        self.head_rules: list[HeadRule] = []

    def run(self) -> Report:
        report = self.report
        first = self.store.leaves(0, 1)
        if not first:
            report.add(None, "empty", LedgerError("the ledger has no leaves"))
            return report
        try:
            founding = Leaf.parse(first[0]).signed
            report.founding_entry = founding.id
            self.head_rules = read_head_rules(raw for raw, _ in self.store.hashed_leaves())
        except (MalformedEntryError, RejectedEntryError) as error:
            report.add(0, "malformed", error)
            return report
        if self.pinned is not None and self.pinned != founding.id:
            report.add(
                0,
                "not-pinned",
                BrokenChainError(
                    "the ledger begins with another founding entry",
                    index=0,
                    expected=self.pinned,
                    found=founding.id,
                ),
            )
        report.size = self.store.size
        if self.since and not self._trust():
            return report
        sizes = [n for n in self.store.checkpoint_sizes() if n >= report.since]
        heads = self._heads(sizes)
        if not sizes or sizes[-1] != report.size:
            report.add(
                report.size,
                "no-head",
                CheckpointError("the newest leaves are under no checkpoint of the log"),
            )
        report.quorum_size = max((h.size for h in heads if h.has_quorum), default=0)
        if not report.quorum_size:
            report.add(
                report.size, "unwitnessed", QuorumError("no checkpoint has the witnesses' quorum")
            )
        if self.level >= Level.CHAIN:
            self._chain(heads)
        if self.level >= Level.RULES and not report.findings:
            self._rules(heads)
        return report

    def _trust(self) -> bool:
        """Begin at the checkpoint that the caller trusts; tell whether the file goes on from it."""
        try:
            trusted = self._open(Note.parse(self.since))
            if trusted.size > self.report.size:
                raise RollbackError(
                    "the file is shorter than the trusted checkpoint",
                    expected=f"at least {trusted.size} leaves",
                    found=str(self.report.size),
                )
            self.frontier = Frontier(trusted.size, self.store.peaks(trusted.size))
            if self.frontier.root != trusted.root:
                raise ForkError(f"another history of {trusted.size} leaves than the trusted one")
        except LedgerError as error:
            code = {55: "rolled-back", 56: "wrong-root"}.get(error.exit_code, "bad-checkpoint")
            self.report.add(None, code, error)
            return False
        self.report.since = trusted.size
        return True

    def _open(self, note: Note) -> Checkpoint:
        """Return a head that is signed by the log key in force at its size."""
        rule = rule_at(self.head_rules, Checkpoint.parse(note.text).size)
        return open_checkpoint(note, VerifierKey.parse(rule.log_vkey))

    def _tell(self, n_checked: int) -> None:
        total = self.report.size * (2 if self.level >= Level.RULES else 1)
        if self.progress is not None and (n_checked % TELL_EVERY == 0 or n_checked == total):
            self.progress(n_checked, total)

    def _heads(self, sizes: list[int]) -> list[_Head]:
        """Read the checkpoints, oldest first.

        Co-signatures are verified from the newest back to the first quorum, and all of them at the
        last level. The head level reads no further back than that.
        """
        heads: list[_Head] = []
        is_witnessed = False
        for size in reversed(sizes):
            is_checked = self.level == Level.SIGNATURES or not is_witnessed
            try:
                head = self._read_head(size, is_checked)
            except (CheckpointError, MalformedEntryError, SignatureError) as error:
                code = {54: "bad-checkpoint", 53: "bad-cosignature"}.get(error.exit_code)
                self.report.add(size, code or "malformed", error)
                continue
            heads.append(head)
            is_witnessed = is_witnessed or head.has_quorum
            if is_witnessed and self.level == Level.HEAD:
                break
        return heads[::-1]

    def _read_head(self, size: int, is_checked: bool) -> _Head:
        bare = self.store.checkpoint(size)
        if bare is None:
            raise CheckpointError("a checkpoint vanished while it was read")
        note = Note.parse(bare)
        checkpoint, policy = self._open(note), rule_at(self.head_rules, size).policy
        if checkpoint.size != size:
            raise CheckpointError(f"the checkpoint kept for size {size} is of another size")
        lines = [Signature.parse(line) for line in self.store.cosignatures(size)]
        if is_checked:
            times = policy.cosigned(note.text, lines)
        else:
            times = policy.claimed(lines)
        return _Head(
            size=size,
            root=checkpoint.root,
            note=note,
            times=tuple(times.values()),
            has_quorum=policy.satisfied(times),
        )

    def _chain(self, heads: list[_Head]) -> None:
        """Links, hashes, nodes, and the root under every checkpoint."""
        frontier, start = self.frontier, self.frontier.size
        roots = {start: frontier.root}
        wanted = {head.size for head in heads}
        nodes: dict[tuple[int, int], bytes] = {}
        last = self.store.leaves(start - 1, 1) if start else []
        prev = leaf_hash(last[0]).hex() if last else NO_LEAF
        for index, (raw, stored) in enumerate(self.store.hashed_leaves(start), start):
            value = leaf_hash(raw)
            parts = raw.split(b"\n", 3)
            expected = [HEADER.encode(), str(index).encode(), prev.encode()]
            if parts[:3] != expected:
                self.report.add(
                    index,
                    "broken-link",
                    BrokenChainError("a leaf does not continue the one before it", index=index),
                )
            if value != stored:
                self.report.add(
                    index,
                    "stored-hash",
                    BrokenChainError("a leaf is not what its stored hash says", index=index),
                )
            nodes.update(((level, i), h) for level, i, h in frontier.append(value) if level)
            if frontier.size in wanted:
                roots[frontier.size] = frontier.root
            prev = value.hex()
            self._tell(index + 1)
        self.report.size, self.report.root = frontier.size, frontier.root.hex()
        if nodes != {(level, i): value for level, i, value in self.store.nodes(start)}:
            self.report.add(
                None,
                "stored-node",
                BrokenChainError("the stored tree is not that of the leaves", index=frontier.size),
            )
        for head in heads:
            if roots.get(head.size) != head.root:
                self.report.add(
                    head.size,
                    "wrong-root",
                    ForkError(
                        f"the leaves are not what the head of size {head.size} was signed on"
                    ),
                )

    def _rules(self, heads: list[_Head]) -> None:
        """Replay everything; the first leaf that does not fit ends it."""
        replica = Replica(self.report.founding_entry)
        quorum = [head for head in heads if head.has_quorum]
        sizes = [head.size for head in quorum]
        for index, raw in enumerate(self.store.leaves()):
            position = bisect_right(sizes, index)
            try:
                leaf = Leaf.parse(raw)
                replica.accept(
                    leaf,
                    quorum_size=sizes[position - 1] if position else 0,
                    check_signatures=self.level == Level.SIGNATURES,
                )
            except RejectedEntryError as error:
                self.report.add(index, error.code, error)
                return
            except (MalformedEntryError, BrokenChainError) as error:
                self.report.add(index, "malformed", error)
                return
            self._tell(self.report.size + index + 1)
            received = leaf.received_at.timestamp()
            before = quorum[position - 1].times if position else ()
            after = quorum[position].times if position < len(quorum) else ()
            is_early = bool(before) and received < min(before) - MAX_DRIFT_S
            is_late = bool(after) and received > max(after) + MAX_DRIFT_S
            if is_early or is_late:
                self.report.add(
                    index,
                    "outside-bracket",
                    RejectedEntryError(
                        "outside-bracket",
                        "the time of receipt is not between the witnesses' times around the leaf",
                    ),
                )
        self._disputed(replica)

    def _disputed(self, replica: Replica) -> None:
        """Remark on entries by keys that were revoked later, from when these are suspected."""
        suspected = [
            p for p in replica.state.keys if p.suspected_since and p.use in ("signing", "recovery")
        ]
        for index, raw in enumerate(self.store.leaves() if suspected else ()):
            leaf = Leaf.parse(raw)
            lines = {(line.name, line.key_id) for line in leaf.signed.signatures}
            for period in suspected:
                key = VerifierKey.parse(period.vkey)
                is_late = leaf.received >= period.suspected_since
                if is_late and (key.name, key.key_id) in lines:
                    self.report.remark(
                        index,
                        "disputed-key",
                        f"signed with a key of {key.name} that is suspected since "
                        f"{period.suspected_since} and was revoked later",
                    )
