"""Check a whole ledger file, trusting nobody who wrote it.

Four levels, each containing the ones before it: the head (signature of the log, quorum); the chain
(every leaf hash, link, stored node and checkpoint); the rules (canonical bytes, author chains,
replay of every rule, time brackets); the signatures (every entry, every co-signature). A finding
does not raise: an auditor wants the list.
"""

import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial
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
from fedcredit_ledger.head_rules import HeadRuleReader
from fedcredit_ledger.kept import KeptTree
from fedcredit_ledger.ledger_store import LedgerStore, StoredLeaf
from fedcredit_ledger.merkle import leaf_hash
from fedcredit_ledger.note import Note, Signature, VerifierKey
from fedcredit_ledger.replica import Replica
from fedcredit_ledger.rules import MAX_DRIFT_S
from fedcredit_ledger.signatures import Signatures, cores
from fedcredit_ledger.state_keys import rule_at
from fedcredit_ledger.store import Store
from fedcredit_ledger.verified_head import VerifiedHead

MAX_FINDINGS = 100

TELL_EVERY = 256
"""Leaves between two words of progress."""

PAGE = 2048
"""Leaves that are in memory at once."""

AT_ONCE = 64
"""Leaves that are read before they are judged."""

WORTH_A_PROCESS = 4096
"""A ledger shorter than this is verified without other processes."""

_HEADER = HEADER.encode()

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
    verified_head : bytes
        What to keep, and to give as `since` the next time: the newest head with a quorum, of a
        verification that found nothing. Empty at the head level, which reads no leaves.
    findings : list of Finding
    remarks : list of Finding
        What is valid and should be known: ``disputed-key``; and, below the level of rules,
        ``believed`` where another log key or witness policy came in force. They change no exit
        code.
    """

    level: Level
    size: int = 0
    root: str = ""
    quorum_size: int = 0
    founding_entry: str = ""
    is_pinned: bool = False
    n_openings: int = 0
    since: int = 0
    verified_head: bytes = b""
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
    times: tuple[int, ...]
    has_quorum: bool


def verify_file(
    path: Path | str,
    *,
    level: Level = Level.CHAIN,
    founding_entry: str | None = None,
    since: bytes = b"",
    progress: Told | None = None,
    n_processes: int | None = None,
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
        A checkpoint (note) that the caller trusts, or a report's `verified_head`: at the levels
        HEAD and CHAIN only what came after it is checked. The leaves before it are taken to be what
        it was signed on. Under a bare checkpoint they are read once, for keys and policies.
    progress : callable, optional
        Told now and then how many leaves of how many were checked.
    n_processes : int, optional
        Processes that verify the signatures of a long ledger; by default one a core, 0 for none.

    Raises
    ------
    LedgerError
        When the file cannot be read as a ledger at all.
    """
    with Store(path, read_only=True) as store:
        return verify(
            store,
            level=level,
            founding_entry=founding_entry,
            since=since,
            progress=progress,
            n_processes=n_processes,
        )


def verify(
    store: LedgerStore,
    *,
    level: Level = Level.CHAIN,
    founding_entry: str | None = None,
    since: bytes = b"",
    progress: Told | None = None,
    n_processes: int | None = None,
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
        with store.snapshot():
            n = cores() if n_processes is None else n_processes
            return _Verification(store, level, founding_entry, since, progress, n).run()
    except sqlite3.Error as error:
        raise LedgerError(
            "the file is damaged",
            expected="a database that can be read to its end",
            found=str(error),
            remedy="keep it as it is, and compare with another member's copy",
        ) from error


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


class _CheckedTree(KeptTree):
    """The tree of the chain that was checked already: leaf by leaf, nothing is hashed again."""

    def append(self, value: bytes) -> list[tuple[int, int, bytes]]:
        self._size += 1
        return []


class _Replay:
    """The rules and signatures, from the founding entry on, over leaves whose chain is checked.

    The first leaf that does not fit ends it. Nothing is reported before `end`.
    """

    def __init__(
        self, verification: "_Verification", heads: Sequence[_Head], signatures: Signatures | None
    ) -> None:
        self.founding_entry = verification.report.founding_entry
        self.signatures = signatures
        self.replica = Replica(self.founding_entry, verification.store)
        self.replica.tree = _CheckedTree(verification.tree.node)
        self.quorum = [head for head in heads if head.has_quorum]
        self.sizes = [head.size for head in self.quorum]
        self.is_over = False
        self.found: list[tuple[int, str, LedgerError]] = []

    def take(self, index: int, rows: Sequence[StoredLeaf], values: Sequence[bytes]) -> None:
        """Replay leaves from `index` on: read first, then judged, which is faster than in turn."""
        leaves: list[Leaf | MalformedEntryError] = []
        for row, value in zip(rows, values, strict=True):
            try:
                leaf = Leaf.parse_once(row.leaf)
                leaf.__dict__["hash"] = value
                leaves.append(leaf)
            except MalformedEntryError as error:
                leaves.append(error)
        for place, found in enumerate(leaves, index):
            if isinstance(found, MalformedEntryError):
                self._stop(place, "malformed", found)
            else:
                self._judge(place, found)
            if self.is_over:
                return

    def _judge(self, index: int, leaf: Leaf) -> None:
        position = bisect_right(self.sizes, index)
        signatures = self.signatures
        try:
            self.replica.accept(
                leaf,
                quorum_size=self.sizes[position - 1] if position else 0,
                check_signatures=signatures is not None,
                put_off=None if signatures is None else partial(signatures.add, index),
            )
        except RejectedEntryError as error:
            self._stop(index, error.code, error)
            return
        except BrokenChainError as error:
            self._stop(index, "malformed", error)
            return
        received = leaf.received_at.timestamp()
        before = self.quorum[position - 1].times if position else ()
        after = self.quorum[position].times if position < len(self.quorum) else ()
        is_early = bool(before) and received < min(before) - MAX_DRIFT_S
        is_late = bool(after) and received > max(after) + MAX_DRIFT_S
        if (is_early or is_late) and len(self.found) < MAX_FINDINGS:
            said = "the time of receipt is not between the witnesses' times around the leaf"
            found = RejectedEntryError("outside-bracket", said)
            self.found.append((index, "outside-bracket", found))

    def _stop(self, index: int, code: str, error: LedgerError) -> None:
        self.is_over = True
        self.found.append((index, code, error))

    def settle(self) -> None:
        """Let go of what is stored, and look whether a signature was bad."""
        self.replica.settle()
        if self.signatures is not None and self.signatures.first_bad is not None:
            self.is_over = True

    def end(self, report: Report) -> None:
        """Report what was found, as if every signature had been verified at once."""
        bad = None if self.signatures is None else self.signatures.settle()
        if bad is not None:
            index, name = bad
            error = RejectedEntryError("bad-signature", f"a signature of {name} does not verify")
            earlier = [found for found in self.found if found[0] < index]
            self.found = [*earlier, (index, "bad-signature", error)]
        for index, code, found in self.found:
            report.add(index, code, found)


class _Verification:
    def __init__(
        self,
        store: LedgerStore,
        level: Level,
        founding_entry: str | None,
        since: bytes,
        progress: Told | None,
        n_processes: int,
    ) -> None:
        self.progress = progress
        self.since = since
        self.store = store
        self.level = level
        self.pinned = founding_entry
        self.report = Report(level=level, is_pinned=founding_entry is not None)
        self.tree = KeptTree(store.node)
        self.n_processes = n_processes
        self.reader = HeadRuleReader()

    def run(self) -> Report:
        report = self.report
        first = self.store.leaves(0, 1)
        if not first:
            report.add(None, "empty", LedgerError("the ledger has no leaves"))
            return report
        try:
            founding = Leaf.parse(first[0]).signed
            report.founding_entry = founding.id
            self.reader.take(0, first[0])
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
        if not sizes or sizes[-1] != report.size:
            report.add(
                report.size,
                "no-head",
                CheckpointError("the newest leaves are under no checkpoint of the log"),
            )
        if self.level == Level.HEAD:
            self._read_rules(max(1, report.since), report.size)
            self._heads(sizes)
        elif self.level == Level.CHAIN:
            self._linked(sizes)
        else:
            self._replayed(sizes)
        if self.level < Level.RULES:
            self._believed()
        if self.level > Level.HEAD and not report.findings:
            self._keep()
        return report

    def _believed(self) -> None:
        """Remark on entries that change what heads are judged by: nobody has judged them here.

        Who holds the log's key alone can write one that makes its own witness the quorum.
        """
        for rule in self.reader.found[1:]:
            said = (
                "later heads are judged by what this entry says; whether the parties allowed it "
                "is found with --rules or --full"
            )
            self.report.remark(rule.valid_from - 1, "believed", said)

    def _keep(self) -> None:
        """Put into the report what to go on from: the newest head with a quorum."""
        size = self.report.quorum_size
        note, places = self.store.checkpoint(size), self.reader.places
        assert note is not None, "its quorum was counted a moment ago"
        known = tuple(place for place in places if place < size)
        self.report.verified_head = VerifiedHead(note=note, places=known).encode()

    def _read_rules(self, start: int, end: int) -> None:
        """Learn from leaves `start` to `end` - 1 what heads are judged by."""
        for at in range(start, end, PAGE):
            for index, raw in enumerate(self.store.leaves(at, min(PAGE, end - at)), at):
                self.reader.take(index, raw)

    def _linked(self, sizes: list[int]) -> None:
        """Check the chain and, with what its leaves say about them, the heads."""
        report = self.report
        before, report.findings = report.findings, []
        roots = self._chain(sizes, None)
        of_chain, report.findings = report.findings, before
        heads = self._heads(sizes)
        report.findings += of_chain
        self._compare(heads, roots)

    def _replayed(self, sizes: list[int]) -> None:
        """Check the chain, the rules and, at the last level, every signature."""
        self._read_rules(1, self.report.size)
        heads = self._heads(sizes)
        with ExitStack() as stack:
            signatures = None
            if self.level == Level.SIGNATURES:
                n = self.n_processes if self.report.size >= WORTH_A_PROCESS else 0
                signatures = stack.enter_context(Signatures(n))
            replay = _Replay(self, heads, signatures)
            self._compare(heads, self._chain(sizes, replay))
            if not self.report.findings:
                replay.end(self.report)
                self._disputed(replay.replica)

    def _trust(self) -> bool:
        """Begin at the checkpoint that the caller trusts; tell whether the file goes on from it."""
        try:
            is_kept = VerifiedHead.is_meant(self.since)
            kept = VerifiedHead.parse(self.since) if is_kept else None
            note = Note.parse(self.since if kept is None else kept.note)
            trusted = Checkpoint.parse(note.text)
            if trusted.size > self.report.size:
                raise RollbackError(
                    "the file is shorter than the trusted checkpoint",
                    expected=f"at least {trusted.size} leaves",
                    found=str(self.report.size),
                )
            self.tree = KeptTree(self.store.node, trusted.size)
            if self.tree.root != trusted.root:
                raise ForkError(
                    f"another history of {trusted.size} leaves than the trusted one",
                    expected=trusted.root.hex(),
                    found=self.tree.root.hex(),
                )
            if kept is None:
                self._read_rules(1, trusted.size)
            else:
                for index, raw in kept.leaves(self.store)[1:]:
                    self.reader.take(index, raw)
            self._open(note)
        except LedgerError as error:
            codes = {55: "rolled-back", 56: "wrong-root", 59: "wrong-root"}
            code = codes.get(error.exit_code, "bad-checkpoint")
            self.report.add(None, code, error)
            return False
        self.report.since = trusted.size
        return True

    def _open(self, note: Note) -> Checkpoint:
        """Return a head that is signed by the log key in force at its size."""
        rule = rule_at(self.reader.found, Checkpoint.parse(note.text).size)
        return open_checkpoint(note, VerifierKey.parse(rule.log_vkey))

    def _tell(self, n_checked: int) -> None:
        if self.progress is not None:
            self.progress(n_checked, self.report.size)

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
            except (CheckpointError, MalformedEntryError, SignatureError) as refused:
                code = {54: "bad-checkpoint", 53: "bad-cosignature"}.get(refused.exit_code)
                self.report.add(size, code or "malformed", refused)
                continue
            heads.append(head)
            is_witnessed = is_witnessed or head.has_quorum
            if is_witnessed and self.level == Level.HEAD:
                break
        self.report.quorum_size = max((h.size for h in heads if h.has_quorum), default=0)
        if not self.report.quorum_size:
            error = QuorumError("no checkpoint has the witnesses' quorum")
            self.report.add(self.report.size, "unwitnessed", error)
        return heads[::-1]

    def _read_head(self, size: int, is_checked: bool) -> _Head:
        bare = self.store.checkpoint(size)
        if bare is None:
            raise CheckpointError("a checkpoint vanished while it was read")
        note = Note.parse(bare)
        checkpoint, policy = self._open(note), rule_at(self.reader.found, size).policy
        if checkpoint.size != size:
            raise CheckpointError(
                "a checkpoint is kept for another size than its own",
                expected=f"{size}",
                found=f"{checkpoint.size}",
            )
        lines = [Signature.parse(line) for line in self.store.cosignatures(size)]
        if is_checked:
            times = policy.cosigned(note.text, lines)
        else:
            times = policy.claimed(lines)
        return _Head(
            size=size,
            root=checkpoint.root,
            times=tuple(times.values()),
            has_quorum=policy.satisfied(times),
        )

    def _chain(self, sizes: Sequence[int], replay: _Replay | None) -> dict[int, bytes]:
        """Check links, hashes and nodes, page by page, and replay each page that is sound.

        Returns
        -------
        dict of int to bytes
            The root at each of the sizes.
        """
        tree, start, wanted = self.tree, self.tree.size, frozenset(sizes)
        roots = {start: tree.root}
        at, index, is_sound, is_as_stored = start, start, True, True
        last = self.store.leaves(start - 1, 1) if start else []
        prev = leaf_hash(last[0]).hex().encode() if last else NO_LEAF.encode()
        while page := self.store.stored_leaves(at, PAGE):
            at = page[-1].index + 1
            values = [leaf_hash(row.leaf) for row in page]
            for place, (row, value) in enumerate(zip(page, values, strict=True), index):
                if not row.leaf.startswith(b"%b\n%d\n%b\n" % (_HEADER, place, prev)):
                    said = "a leaf does not continue the one before it"
                    self.report.add(place, "broken-link", BrokenChainError(said, index=place))
                if value != row.hash:
                    is_as_stored = False
                    said = "a leaf is not what its stored hash says"
                    self.report.add(place, "stored-hash", BrokenChainError(said, index=place))
                is_as_stored &= row.index == place
                prev = value.hex().encode()
                if replay is None:
                    self.reader.take(place, row.leaf)
            for level, first, hashes in tree.extend(values):
                if level and self.store.stored_nodes(level, first, len(hashes)) != hashes:
                    is_sound = False
            roots |= {n: tree.root_at(n) for n in range(index + 1, tree.size + 1) if n in wanted}
            if replay is not None and is_sound and not self.report.findings:
                self._replay(replay, index, page, values)
            index = tree.size
            self._tell(index)
            if is_sound and is_as_stored:
                tree.settle()
        self.report.size, self.report.root = tree.size, tree.root.hex()
        if not is_sound or self.store.has_other_nodes(tree.size):
            said = "the stored tree is not that of the leaves"
            self.report.add(None, "stored-node", BrokenChainError(said, index=tree.size))
        return roots

    def _compare(self, heads: Sequence[_Head], roots: Mapping[int, bytes]) -> None:
        for head in heads:
            if roots.get(head.size) != head.root:
                said = f"the leaves are not what the head of size {head.size} was signed on"
                self.report.add(head.size, "wrong-root", ForkError(said))

    def _replay(
        self, replay: _Replay, index: int, page: Sequence[StoredLeaf], values: Sequence[bytes]
    ) -> None:
        for at in range(0, len(page), AT_ONCE):
            if replay.is_over:
                return
            replay.take(index + at, page[at : at + AT_ONCE], values[at : at + AT_ONCE])
            if (index + at) % TELL_EVERY == 0:
                self._tell(index + at)
        replay.settle()

    def _disputed(self, replica: Replica) -> None:
        """Remark on entries by keys that were revoked later, from when these are suspected."""
        suspected = [
            p for p in replica.state.keys if p.suspected_since and p.use in ("signing", "recovery")
        ]
        for index, (raw, _) in enumerate(self.store.hashed_leaves() if suspected else ()):
            leaf = Leaf.parse_once(raw)
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
