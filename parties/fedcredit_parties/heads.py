"""Heads told by witnesses directly, which say whether the ledger that is served is the whole one.

A coordinator that was restored from an old copy, or that lies, can serve a shorter ledger to a
member that has just started and remembers nothing. So a key holder asks the witnesses, by signed
and sealed letters, for the newest head that each has co-signed, and compares it with the ledger
that it is served; the newest head on which it acted itself it keeps. The coordinator relays these
letters: it can withhold them, and then nothing is opened, but it cannot write one.

References
----------
Ledger SPEC.md, Witnesses; FedCredit's crypto specification, section 2: heads from two witnesses.
"""

import secrets
import threading
from dataclasses import dataclass
from typing import Any

from fedcredit_ledger.canonical import decode, encode
from fedcredit_ledger.errors import ForkError, QuorumError, RollbackError
from fedcredit_ledger.witness import Witness
from fedcredit_parties.ledger_client import POLL_S, LedgerClient
from fedcredit_parties.mailbox import Letter, Mailbox
from fedcredit_parties.vault import Vault

HEAD_PLEASE = "head-please"
"""Kind of the letter that asks a witness for the newest head it has co-signed."""

HEAD = "head"
"""Kind of the answer."""

N_WITNESSES = 2
"""How many witnesses must answer; all, where there are fewer."""

_KEPT = "head"


@dataclass(frozen=True, kw_only=True)
class Head:
    """Size and root of a ledger at some time."""

    size: int
    root: str

    def check(self, ledger: LedgerClient, *, whose: str) -> None:
        """Compare a head with this member's verified copy.

        Raises
        ------
        RollbackError
            When the ledger that is served is shorter.
        ForkError
            When it is another.
        """
        if ledger.replica.size < self.size:
            ledger.refresh()
        if ledger.replica.size < self.size:
            raise RollbackError(
                f"the ledger that is served is shorter than one that {whose} has seen",
                expected=f"at least {self.size} leaves",
                found=str(ledger.replica.size),
                remedy="the coordinator was rolled back: it must restore its newest ledger",
            )
        root = ledger.replica.root_at(self.size).hex()
        if root != self.root:
            raise ForkError(
                f"the ledger that is served is another than the one that {whose} has seen",
                expected=self.root,
                found=root,
                remedy="keep both ledgers: together they are proof",
            )


def answer_heads(mailbox: Mailbox, witness: Witness, stop: threading.Event) -> None:
    """Tell whoever asks the newest head that `witness` has co-signed, until `stop` is set.

    Disclosure
    ----------
    The asking member learns size and root of a head that the whole federation may know.
    """
    answered: dict[str, int] = {}
    while not stop.is_set():
        seen = mailbox.newest
        newest = {letter.sender: letter for letter in mailbox.received(_asks)}
        for sender, letter in newest.items():
            if answered.get(sender, 0) < letter.number:
                size, root = witness.head
                head = {"nonce": letter.body["nonce"], "root": root.hex(), "size": size}
                mailbox.send(sender, HEAD, head)
                answered[sender] = letter.number
        mailbox.collect(timeout_s=POLL_S, beyond=seen)


def _asks(letter: Letter) -> bool:
    return letter.kind == HEAD_PLEASE and isinstance(letter.body.get("nonce"), str)


class HeardHeads:
    """What a key holder knows of the ledger's length beside what it is served.

    Parameters
    ----------
    ledger : LedgerClient
        Its verified copy.
    mailbox : Mailbox
        Its letters.
    vault : Vault
        Where the newest head on which it acted is kept.

    Raises
    ------
    RollbackError, ForkError
        When the kept head is not one of the ledger that is served.
    """

    def __init__(self, *, ledger: LedgerClient, mailbox: Mailbox, vault: Vault) -> None:
        self._ledger = ledger
        self._mailbox = mailbox
        self._vault = vault
        self._nonce = secrets.token_hex(16)
        self._have_heard = False
        kept = vault.get(_KEPT)
        if kept is not None:
            Head(**decode(kept)).check(ledger, whose="this member")

    def keep(self) -> None:
        """Remember the newest witnessed head; something is about to be told that rests on it."""
        size = self._ledger.replica.quorum_size
        head = {"root": self._ledger.replica.root_at(size).hex(), "size": size}
        self._vault.put(_KEPT, encode(head))

    def ask(self) -> None:
        """Ask every witness; the answers are read when they are needed."""
        for name in self._ledger.state.with_role("witness"):
            self._mailbox.send(name, HEAD_PLEASE, {"nonce": self._nonce})

    def hear(self, *, deadline: float) -> None:
        """Wait, once in a process's life, for the witnesses' heads and compare them.

        Parameters
        ----------
        deadline : float
            In `time.monotonic` seconds.

        Raises
        ------
        QuorumError
            When too few witnesses answer.
        RollbackError, ForkError
            When the ledger that is served is not the one that a witness has seen.
        """
        if self._have_heard:
            return
        witnesses = self._ledger.state.with_role("witness")
        needed = min(N_WITNESSES, len(witnesses))
        heads: dict[str, Head] = {}
        while len(heads) < needed:
            letter = self._mailbox.wait(
                lambda x: x.sender in witnesses and x.sender not in heads and self._answers(x),
                deadline=deadline,
            )
            if letter is None:
                raise QuorumError(
                    "too few witnesses have said which ledger they have seen",
                    expected=f"{needed} of {', '.join(witnesses)}",
                    found=", ".join(heads) or "none",
                    remedy="see that the witnesses run",
                )
            heads[letter.sender] = Head(size=letter.body["size"], root=letter.body["root"])
        for name, head in heads.items():
            head.check(self._ledger, whose=name)
        self._have_heard = True

    def _answers(self, letter: Letter) -> bool:
        body: dict[str, Any] = letter.body
        return (
            letter.kind == HEAD
            and body.get("nonce") == self._nonce
            and type(body.get("size")) is int
            and isinstance(body.get("root"), str)
            and body["size"] >= 0
        )
