"""The coordinator asks the outside witnesses for their co-signatures, each at its own address.

A witness whose line in the policy names a URL is no member: it has no window at the front and is
called as soon as somebody waits for a quorum, and once an hour otherwise. Each has a thread, so a
slow one keeps nobody waiting but the quorum that needs it.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from fedcredit.coordinator.front import Desk
from fedcredit.coordinator.outside_witness import Calls, HttpCalls, OutsideWitness
from fedcredit_ledger.state_keys import rule_at
from fedcredit_parties.member import utc_now

HOURLY_S = 3600.0
"""How often a witness sees the newest head when nobody waits for it (W6)."""

AGAIN_S = 2.0
"""Pause after a call that failed."""

POLL_S = 10.0


class OutsideWitnesses:
    """All outside witnesses of one ledger, as the policy in force names them.

    Parameters
    ----------
    desk : Desk
        Log, and who waits for a quorum.
    calls : mapping of str to Calls
        The way to a witness, by its name in the policy; over HTTP where none is given.
    clock : callable, optional
        Returns the current time in UTC.

    Attributes
    ----------
    witnesses : tuple of OutsideWitness
        Whom the policy in force names.
    """

    def __init__(
        self,
        desk: Desk,
        calls: Mapping[str, Calls] | None = None,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._desk = desk
        self._given = dict(calls or {})
        self._clock = clock
        self._http: list[HttpCalls] = []
        self.witnesses: tuple[OutsideWitness, ...] = ()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._follow()

    def compare(self) -> None:
        """Compare the ledger with what each witness has co-signed, before anything is appended.

        Raises
        ------
        RollbackError, ForkError
            When the ledger is not the one that a witness knows.
        """
        for witness in self.witnesses:
            witness.compare()

    def start(self) -> None:
        """Call each witness from a thread of its own, those too that a later policy names."""
        for witness in self.witnesses:
            self._begin(partial(self._serve, witness))
        self._begin(self._watch)

    def ask_to_stop(self) -> None:
        """Tell the threads to end; the desk wakes those that wait there."""
        self._stop.set()
        self._desk.wake()

    def stop(self) -> None:
        """End the threads; a call that is under way ends first, within its time."""
        self.ask_to_stop()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        for calls in self._http:
            calls.close()

    def status(self) -> dict[str, dict[str, object]]:
        """Return the standing of every witness, for people."""
        return {witness.name: witness.status() for witness in self.witnesses}

    @property
    def problem(self) -> str:
        """What is wrong with which witness, in one line; empty when all is well."""
        return "; ".join(
            f"outside witness {witness.name}: {witness.standing.problem}"
            for witness in self.witnesses
            if witness.standing.problem
        )

    def _begin(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name="outside-witness", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _follow(self) -> list[OutsideWitness]:
        """Take over whom the policy in force names; return those that are new."""
        log = self._desk.log
        policy = rule_at(log.state.head_rules, log.size).policy
        known = {(one.name, one.key.vkey, one.url): one for one in self.witnesses}
        named: list[OutsideWitness] = []
        fresh: list[OutsideWitness] = []
        for name, url in policy.urls.items():
            key = policy.witnesses[name]
            witness = known.get((name, key.vkey, url))
            if witness is None:
                witness = OutsideWitness(
                    name, key, url, log=log, calls=self._way(name, url), clock=self._clock
                )
                fresh.append(witness)
            named.append(witness)
        self.witnesses = tuple(named)
        return fresh

    def _way(self, name: str, url: str) -> Calls:
        if name in self._given:
            return self._given[name]
        self._http.append(HttpCalls(url))
        return self._http[-1]

    def _is_over(self) -> bool:
        return self._stop.is_set() or self._desk.closed

    def _watch(self) -> None:
        """Follow the policy: whom a later entry names is called, whom it leaves out is not."""
        n_rules = len(self._desk.log.state.head_rules)

        def look() -> int | None:
            n = len(self._desk.log.state.head_rules)
            return n if n != n_rules or self._stop.is_set() else None

        while not self._is_over():
            n_rules = self._desk.wait(look, POLL_S) or n_rules
            for witness in self._follow():
                self._begin(partial(self._serve, witness))

    def _serve(self, witness: OutsideWitness) -> None:
        """Show a witness what it is to co-sign, as long as the policy names it."""
        asked_s = time.monotonic() - HOURLY_S
        while not self._is_over() and witness in self.witnesses:
            note = self._next_head(witness, asked_s)
            if note is None:
                continue
            asked_s = time.monotonic()
            if witness.show(note):
                self._desk.wake()
            else:
                self._stop.wait(AGAIN_S)

    def _next_head(self, witness: OutsideWitness, asked_s: float) -> bytes | None:
        """Wait for a head that this witness is to co-sign."""

        def look() -> bytes | None:
            if self._stop.is_set():
                return b""
            size = witness.standing.size
            note = self._desk.pending(size)
            is_due = time.monotonic() - asked_s >= HOURLY_S and self._desk.log.size > size
            return self._desk.log.checkpoint_note() if note is None and is_due else note

        return self._desk.wait(look, POLL_S) or None
