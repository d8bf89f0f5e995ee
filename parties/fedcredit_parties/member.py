"""A member of a federation: its keys, its pinned trust, its own copy of the ledger, its mailbox.

Every role is a member first: a data holder, the key holder, the coordinator, the requester. A
member that is a witness also co-signs checkpoints, in a thread of its own, because a handler may
be waiting for exactly that co-signature.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from fedcredit_ledger.errors import ForkError, LedgerError, RollbackError
from fedcredit_ledger.witness import Witness
from fedcredit_parties.contradiction import keep, report
from fedcredit_parties.disk import kept_in
from fedcredit_parties.errors import DiskFullError, FrontUnreachableError, PartyError
from fedcredit_parties.front import Front
from fedcredit_parties.heads import Head, answer_heads
from fedcredit_parties.identity import Identity
from fedcredit_parties.kept_heads import KeptHeads
from fedcredit_parties.ledger_client import POLL_S, LedgerClient
from fedcredit_parties.mailbox import Mailbox
from fedcredit_parties.outside_route import OutsideRoute
from fedcredit_parties.trust import Trust

UNREACHABLE_S = 1.0
"""Pause before a loop starts again when the coordinator could not be reached."""

BACK = "back"
"""Kind of the letter with which a restarted party asks the coordinator to ask it again."""


_LOG = logging.getLogger(__name__)


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


class Member:
    """Keys, trust, ledger and mailbox of one organisation.

    Parameters
    ----------
    identity : Identity
        Private keys; they never leave this process.
    origin : str
        The ledger's origin line.
    trust : Trust
        Anchors exchanged outside the system.
    front : Front
        The coordinator's counter, the only address this member talks to.
    clock : callable, optional
        Returns the current time in UTC.

    state : Path, optional
        Folder of what this member keeps: its lock files and the newest head it has co-signed.

    Attributes
    ----------
    failures : list of LedgerError
        Checkpoints that the witness refused; the first one ends it.
    rejected : list of LedgerError or PartyError
        Own entries that the rules refused although they were due.
    crash : BaseException or None
        What ended a serving loop.

    Raises
    ------
    UntrustedFederationError
        When the ledger's founders are not the pinned ones.
    LedgerError
        When the ledger does not verify, or is shorter than a head that this member co-signed, or
        than its newest receipt says.
    """

    def __init__(
        self,
        *,
        identity: Identity,
        origin: str,
        trust: Trust,
        front: Front,
        clock: Callable[[], datetime] = utc_now,
        state: Path | None = None,
    ) -> None:
        self.identity = identity
        self.trust = trust
        self.front = front
        self.clock = clock
        self.ledger = LedgerClient(
            key=identity.signing,
            origin=origin,
            founding_entry=trust.founding_entry,
            front=front,
            clock=clock,
            pen=None if state is None else state / "pen",
            kept=KeptHeads(identity.name, state),
        )
        self.mailbox = Mailbox(
            key=identity.signing,
            mask_key=identity.mask_key,
            front=front,
            state=lambda: self.ledger.state,
        )
        self.failures: list[LedgerError] = []
        self.rejected: list[LedgerError | PartyError] = []
        self.crash: BaseException | None = None
        self._state = state
        self._stop = threading.Event()
        self.ledger.leaving = self.mailbox.leaving = self._stop
        self._threads: list[threading.Thread] = []
        self.ledger.refresh()
        trust.check(self.ledger.state, member=identity.name)
        path = None if state is None else state / "witness.json"
        self._seen = Witness(identity.witness, path=path, clock=clock)
        size, root = self._seen.head
        try:
            self.ledger.kept.check(self.ledger.replica)
            Head(size=size, root=root.hex()).check(self.ledger, whose=identity.name)
        except (ForkError, RollbackError) as error:
            self._keep_served(error)
            raise

    @property
    def name(self) -> str:
        """The party's name in the ledger."""
        return self.identity.name

    def start(self, *loops: Callable[[threading.Event], None]) -> None:
        """Start the witness, when that is a role of this member, and the given serving loops."""
        named = list(loops)
        if "witness" in self.identity.roles:
            named += [self._witness, self._answer_heads]
        if self._state is not None and loops:
            named.append(self._look_outside)
        for loop in named:
            thread = threading.Thread(target=self._guard, args=(loop,), daemon=True)
            thread.name = f"{self.name}-{loop.__name__.strip('_')}"
            thread.start()
            self._threads.append(thread)

    def _guard(self, loop: Callable[[threading.Event], None]) -> None:
        """Run a loop; keep what ended it, so that whoever waits for this member learns why."""
        while not self._stop.is_set():
            try:
                loop(self._stop)
            except FrontUnreachableError:
                # The coordinator is away: everything is still here when it comes back.
                self._stop.wait(UNREACHABLE_S)
            except DiskFullError as full:
                # Nothing that could not be kept was promised: go on when there is room.
                _LOG.warning("%s", full)
                self._stop.wait(UNREACHABLE_S)
            except (PartyError, LedgerError) as error:
                self.crash = error
                return
            except BaseException as crash:
                self.crash = crash
                raise
            else:
                return

    def ask_to_stop(self) -> None:
        """Tell the threads to end, and end what they wait for at the front."""
        self._stop.set()
        self.front.leave()

    def stop(self) -> None:
        """End the threads; returns when they have ended."""
        self.ask_to_stop()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self.front.close()

    def role(self, role: str) -> str:
        """Return the name of the founder with `role` (``"coordinator"`` or ``"key-holder"``)."""
        for name, party in self.ledger.state.parties.items():
            if role in party.roles:
                return name
        raise LedgerError(f"the founding entry names no {role}")

    def follow(self, stop: threading.Event) -> None:
        """Keep this member's verified copy of the ledger up to date until `stop` is set."""
        while not stop.is_set():
            self.ledger.refresh(timeout_s=POLL_S)

    def _witness(self, stop: threading.Event) -> None:
        """Co-sign what extends this member's own verified copy, and nothing else.

        A checkpoint that does not extend it ends the witness: the refusal is kept in `failures`,
        and without this co-signature no quorum forms over the other branch.
        """
        witness = self._seen
        while not stop.is_set():
            note = self.front.witness_pending(witness.size, timeout_s=POLL_S)
            if note is None:
                continue
            try:
                with kept_in(self._state or Path(), "no checkpoint was co-signed", party=self.name):
                    line = self.ledger.cosign(witness, note)
            except LedgerError as error:
                self._keep_refused(note, error)
                self.failures.append(error)
                return
            if self._is_named(witness.size):
                self.front.cosign(line)

    def _keep_refused(self, offered: bytes, error: LedgerError) -> None:
        """Keep a head that contradicts this member's copy, and report it."""
        if self._state is None or not isinstance(error, ForkError | RollbackError):
            return
        held = self.ledger.kept.newest
        path = keep(self._state, self.ledger, offered=offered, held=held, error=error)
        report(self.ledger, path, accused=self.role("coordinator"), error=error)

    def _keep_served(self, error: LedgerError) -> None:
        """Keep the newest co-signed head of a ledger that is not the one this member knows."""
        if self._state is None or not (held := self.ledger.kept.newest):
            return
        offered = b""
        with suppress(FrontUnreachableError):
            size = self.ledger.replica.size
            offered = self.front.checkpoint(covering=size, timeout_s=0.0) or b""
        keep(self._state, self.ledger, offered=offered, held=held, error=error)

    def _look_outside(self, stop: threading.Event) -> None:
        """Compare with the outside witnesses' heads, and hand them what gets no receipt."""
        route = OutsideRoute(self.ledger)

        def refuse(offered: bytes, error: LedgerError) -> None:
            self._keep_refused(offered, error)
            if isinstance(error, ForkError | RollbackError):
                self.failures.append(error)

        try:
            route.serve(stop, refuse)
        finally:
            route.close()

    def _is_named(self, size: int) -> bool:
        """Whether the policy for heads of a size names this witness; one that has joined waits."""
        return self.ledger.replica.head_rule(size).policy.counts(self.identity.witness.vkey)

    def _answer_heads(self, stop: threading.Event) -> None:
        """Tell members who ask which head this witness has co-signed."""
        answer_heads(self.mailbox, self._seen, stop)
