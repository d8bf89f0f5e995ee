"""A verified copy of the ledger: what a member believes, and nothing more.

Leaves come from somebody who is not trusted. Each is checked against the one before it, its
signatures against the keys that earlier leaves brought, its content against the rules; the first
leaf must be the founding entry that was pinned outside the system. A head counts as witnessed once
the quorum of the policy in force at its size has co-signed exactly this copy's root.
"""

from collections.abc import Iterable

from fedcredit_ledger.chain import Leaf, check_link
from fedcredit_ledger.checkpoint import Checkpoint, Policy, open_checkpoint
from fedcredit_ledger.errors import BrokenChainError, CheckpointError, ForkError, LedgerError
from fedcredit_ledger.kept import Kept, KeptIndex, KeptTree
from fedcredit_ledger.merkle import AnyTree, Tree
from fedcredit_ledger.note import Note, VerifierKey
from fedcredit_ledger.rules import PutOff, State, apply
from fedcredit_ledger.state_keys import HeadRule, rule_at

NEWEST = 2048
"""Leaves that stay in memory in any case: those that are asked for."""


class Replica:
    """A copy that begins at a pinned founding entry.

    Parameters
    ----------
    founding_entry : str
        Entry id (hex) of the founding entry.
    kept : Kept, optional
        Where the same ledger is stored. The copy then holds in memory only what `settle` has not
        been told of, and reads the rest back; without it, it holds everything.

    Attributes
    ----------
    state : State
        After the newest leaf. It changes in place with every leaf.
    tree : AnyTree
        Over the leaf hashes.
    quorum_size : int
        Size of the newest checkpoint that was verified with its quorum; 0 for none.
    quorum_note : bytes
        That checkpoint; empty for none.

    Notes
    -----
    Not locked: one thread at a time, or one lock outside.
    """

    def __init__(self, founding_entry: str, kept: Kept | None = None) -> None:
        self.founding_entry = founding_entry
        self.state = State(leaf_at=self.leaf)
        self.tree: AnyTree = Tree()
        self.quorum_size = 0
        self.quorum_note = b""
        self._kept = kept
        self._held: tuple[int, list[bytes]] = (0, [])
        self._last: Leaf | None = None
        if kept is not None:
            self.tree = KeptTree(kept.node)
            self.state.entry_index = KeptIndex(kept)

    @property
    def size(self) -> int:
        """Number of verified leaves."""
        return self.tree.size

    @property
    def root(self) -> bytes:
        """Root over all of them."""
        return self.tree.root

    def head_rule(self, size: int | None = None) -> HeadRule:
        """Return what a head of a size is judged by, by default one over this whole copy.

        Raises
        ------
        LedgerError
            Before the founding entry is here.
        """
        if not self.state.head_rules:
            raise LedgerError("the copy has no founding entry yet")
        return rule_at(self.state.head_rules, self.size if size is None else size)

    @property
    def log_key(self) -> VerifierKey:
        """The log's key that is in force after the newest leaf.

        Raises
        ------
        LedgerError
            Before the founding entry is here.
        """
        return VerifierKey.parse(self.head_rule().log_vkey)

    @property
    def policy(self) -> Policy:
        """The witness policy that is in force after the newest leaf.

        Raises
        ------
        LedgerError
            Before the founding entry is here.
        """
        return self.head_rule().policy

    @property
    def last(self) -> Leaf | None:
        """The newest leaf."""
        return self._last

    def root_at(self, size: int) -> bytes:
        """Return the root over the first `size` leaves."""
        return self.tree.root_at(size)

    def leaf(self, index: int) -> bytes:
        """Return the bytes of one leaf; `Leaf.parse` reads them.

        Raises
        ------
        LedgerError
            When the copy has no such leaf.
        """
        if not 0 <= index < self.size:
            raise LedgerError(f"this copy has no leaf {index}")
        return self.leaves(index, index + 1)[0]

    def leaves(self, start: int = 0, end: int | None = None) -> list[bytes]:
        """Return the bytes of leaves `start` to `end` - 1."""
        end = self.size if end is None else min(end, self.size)
        first, held = self._held
        older: list[bytes] = []
        if start < first and self._kept is not None:
            older = self._kept.leaves(start, max(min(end, first) - start, 0))
        return older + held[max(start - first, 0) : max(end - first, 0)]

    def settle(self) -> None:
        """Hold only the newest leaves from now on: all are where `kept` finds them."""
        if isinstance(self.tree, KeptTree) and isinstance(self.state.entry_index, KeptIndex):
            self.tree.settle()
            self.state.entry_index.settle()
            first, held = self._held
            if len(held) > 2 * NEWEST:
                self._held = (first + len(held) - NEWEST, held[-NEWEST:])

    def find(self, entry_id: str) -> int:
        """Return the leaf index of an entry.

        Raises
        ------
        LedgerError
            When the entry is not in this copy.
        """
        index = self.state.entry_index.get(entry_id)
        if index is None:
            raise LedgerError(f"entry {entry_id[:16]} is not in this copy of the ledger")
        return index

    def update(self, leaves: Iterable[bytes]) -> None:
        """Verify and add leaves that continue this copy.

        Raises
        ------
        MalformedEntryError, BrokenChainError, RejectedEntryError
            At the first leaf that does not fit; those before it are kept.
        """
        for raw in leaves:
            self.accept(Leaf.parse(raw))

    def accept(
        self,
        leaf: Leaf,
        *,
        quorum_size: int | None = None,
        check_signatures: bool = True,
        put_off: PutOff | None = None,
    ) -> list[tuple[int, int, bytes]]:
        """Verify and add one leaf; return the tree nodes that it completes.

        Parameters
        ----------
        quorum_size, check_signatures, put_off
            As in :func:`fedcredit_ledger.rules.apply`.

        Raises
        ------
        BrokenChainError, RejectedEntryError
            The copy is unchanged then.
        """
        check_link(leaf, self._last)
        if leaf.index == 0 and leaf.signed.id != self.founding_entry:
            raise BrokenChainError(
                "the ledger does not begin with the pinned founding entry",
                index=0,
                expected=self.founding_entry,
                found=leaf.signed.id,
            )
        apply(
            self.state,
            leaf.signed,
            index=leaf.index,
            received=leaf.received_at,
            root_at=self.tree.root_at,
            quorum_size=quorum_size,
            check_signatures=check_signatures,
            put_off=put_off,
        )
        self._held[1].append(leaf.raw)
        self._last = leaf
        return self.tree.append(leaf.hash)

    def update_checkpoint(self, note: bytes) -> Checkpoint:
        """Verify a checkpoint with its quorum against this copy's own tree.

        Raises
        ------
        CheckpointError
            When the log did not sign it, or it is ahead of this copy: fetch leaves first.
        ForkError
            When its root is not this copy's.
        QuorumError, SignatureError
            When the co-signatures are not enough, or one does not verify.
        """
        parsed = Note.parse(note)
        checkpoint = self.check_head(parsed)
        self.head_rule(checkpoint.size).policy.check(parsed)
        if checkpoint.size > self.quorum_size:
            self.quorum_size, self.quorum_note = checkpoint.size, note
        return checkpoint

    def check_head(self, note: Note) -> Checkpoint:
        """Verify a log-signed checkpoint against this copy's own tree, without co-signatures.

        Raises
        ------
        CheckpointError, ForkError
        """
        rule = self.head_rule(Checkpoint.parse(note.text).size)
        checkpoint = open_checkpoint(note, VerifierKey.parse(rule.log_vkey))
        if checkpoint.size > self.size:
            raise CheckpointError(
                "a checkpoint is ahead of this copy",
                expected=f"at most {self.size} leaves",
                found=str(checkpoint.size),
                remedy="fetch the missing leaves first",
            )
        if self.root_at(checkpoint.size) != checkpoint.root:
            raise ForkError(
                f"the log has signed two histories of {checkpoint.size} leaves",
                expected=self.root_at(checkpoint.size).hex(),
                found=checkpoint.root.hex(),
                remedy="keep this copy and the checkpoint: together they are proof",
            )
        return checkpoint
