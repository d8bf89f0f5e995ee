"""The coordinator's job: start what was approved, run its rounds, add, record, fail by rule.

It learns of a run from the ledger, like everybody, and resumes a run from the ledger alone: what
was opened, what was attempted and who has contributed stands there. It sees who answers and when,
sizes and digests, and from each ``round-opened`` whether to go on; never a number that was
computed.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any

from flwr.serverapp import Grid

from fedcredit.coordinator.replies import Ask, Replies, StoppedError
from fedcredit.errors import JobError, PartiesMissingError
from fedcredit_ledger.entry import parse_time
from fedcredit_ledger.errors import LedgerError, RejectedEntryError
from fedcredit_ledger.rules import AttemptState, RunState, State
from fedcredit_ledger.rules_runs import DIFFERENCING
from fedcredit_parties.ckks import Engine
from fedcredit_parties.errors import (
    DifferencingError,
    FrontUnreachableError,
    MalformedMessageError,
    PartyError,
    ReplayedMessageError,
    by_name,
)
from fedcredit_parties.failure import FAILED, as_told, describe
from fedcredit_parties.key_holder import OPEN_PLEASE
from fedcredit_parties.ledger_client import POLL_S
from fedcredit_parties.member import BACK, Member
from fedcredit_parties.task import GROUPS, Task
from fedcredit_parties.tasks import parse_task
from fedcredit_parties.wire import Contribution, pack_ciphertexts, payload_digest

BACK_S = 1.0
"""How often the inbox is looked at for parties that are back."""

TOLD_S = 2.0
"""How long the reason of a party that declined is waited for."""


class _RunFailedError(Exception):
    """Ends a run; carries the class name that the ledger will hold."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class Coordinator:
    """Carry out proposed runs over a Flower grid.

    Parameters
    ----------
    member : Member
        Keys, ledger, mailbox.
    grid : Grid
        Flower's way to the parties.
    node_of : mapping of str to int
        Flower node of every party.
    engine : Engine, optional
        Adds ciphertexts in a child process; it is given the public context only.

    Disclosure
    ----------
    The coordinator reads the ledger (types, times, digests), the task document (columns, bounds)
    and ciphertexts it has no key for.
    """

    def __init__(
        self,
        *,
        member: Member,
        grid: Grid,
        node_of: Mapping[str, int],
        engine: Engine | None = None,
    ) -> None:
        self.member = member
        self.replies = Replies(grid, node_of)
        self.engine = engine or Engine()
        self._n_back = 0
        self._looked_back = 0.0
        self._blobs: dict[tuple[bytes, ...], str] = {}
        self._context: tuple[str, bytes] = ("", b"")

    def serve(self, stop: threading.Event) -> None:
        """Carry out runs, one after the other, until `stop` is set."""
        while not stop.is_set():
            seen = self.member.ledger.replica.size
            for run in list(self.member.ledger.state.runs.values()):
                if run.status in ("proposed", "started"):
                    self.carry_out(run, stop)
            self.member.ledger.refresh(timeout_s=POLL_S, beyond=seen)

    def carry_out(self, run: RunState, stop: threading.Event) -> None:
        """Run every round of `run` that is left; write ``run-finished`` or ``run-failed``.

        Returns without either when `stop` is set or the front is away: the run goes on when this
        is called again.
        """
        try:
            task = parse_task(self.member.front.get_blob(run.proposal["request_digest"]))
            if run.status == "proposed":
                self._start(run, task, stop)
            while phase := self._phase(run, task):
                self._round(run, task, phase, stop)
        except StoppedError:
            return
        except _RunFailedError as failure:
            self._fail(run, failure.error)
        except FrontUnreachableError:
            return
        except (PartyError, JobError, LedgerError) as error:
            if not stop.is_set() and not self.member.ledger.leaving.is_set():
                self._explain(run, error)
        else:
            self.member.ledger.append(
                "run-finished",
                {
                    "run_id": run.run_id,
                    "n_rounds": len(run.opened),
                    "result_digest": run.next_input,
                },
            )

    def _explain(self, run: RunState, error: Exception) -> None:
        """Tell the requester, sealed, what this member refused; then fail the run."""
        if isinstance(error, RejectedEntryError) and error.code == DIFFERENCING:
            error = DifferencingError(
                "the same people were summed before with other parties",
                expected="the same roster, or an endorsement of every party in the difference",
                found=error.detail,
                remedy="ask them to write endorsement-given for this run, or ask for all parties",
            )
        if isinstance(error, LedgerError):
            error = as_told(error, party=self.member.name)
        if isinstance(error, PartyError):
            letter = describe(error, party=self.member.name)
            self.member.mailbox.send(run.requester, FAILED, letter, run_id=run.run_id)
        self._fail(run, type(error).__name__)

    def _fail(self, run: RunState, error: str) -> None:
        data: dict[str, Any] = {"run_id": run.run_id, "error": error}
        if run.rounds:
            data["round"] = run.rounds[-1].round
        try:
            self.member.ledger.append("run-failed", data)
        except LedgerError as rejected:
            # The run is over already, or nothing can be written: the ledger shows which.
            self.member.rejected.append(rejected)

    def _start(self, run: RunState, task: Task, stop: threading.Event) -> None:
        """Wait for every approval, then write ``run-started``."""
        roster = list(run.proposal["parties"])
        deadline = self._deadline(run)
        self.member.ledger.wait(
            lambda state: (
                True
                if stop.is_set()
                or not set(roster) - run.approvals.keys()
                or any(a.decision == "decline" for a in run.approvals.values())
                else None
            ),
            deadline=deadline,
        )
        _go_on(stop, self.member)
        for name, approval in run.approvals.items():
            if approval.decision == "decline":
                raise _RunFailedError(self._told(run.run_id, name))
        if set(roster) - run.approvals.keys():
            raise _RunFailedError(PartiesMissingError.__name__)
        last = max(run.approvals[name].index for name in roster)
        self.member.ledger.witnessed(last, deadline=deadline)
        approvals = [run.approvals[name].entry_id for name in roster]
        self.member.ledger.append(
            "run-started", {"run_id": run.run_id, "roster": roster, "approvals": approvals}
        )

    def _deadline(self, run: RunState) -> float:
        """Return the run's deadline in `time.monotonic` seconds."""
        left = parse_time(run.proposal["valid_until"]) - self.member.clock()
        return time.monotonic() + left.total_seconds()

    def _told(self, run_id: str, name: str) -> str:
        """Return the class name that a party gave for its refusal."""
        letter = self.member.mailbox.wait(
            lambda x: x.kind == FAILED and x.sender == name and x.run_id == run_id,
            deadline=time.monotonic() + TOLD_S,
        )
        told = str(letter.body.get("error")) if letter else ""
        return told if told in by_name else PartyError.__name__

    @staticmethod
    def _phase(run: RunState, task: Task) -> str:
        """Return the phase that comes next, or "" after the last."""
        if not run.opened:
            return task.phases()[0]
        last = run.opened[-1].data
        following = task.next_phase(last["phase"], last["outcome"])
        if following is None:
            raise _RunFailedError("DivergedError")
        return following

    def _round(self, run: RunState, task: Task, phase: str, stop: threading.Event) -> None:
        """Run one round, or the rest of it."""
        attempt = self._attempt(run, phase)
        contributions = self._collect(run, attempt, phase, stop)
        blobs = [[name, self._blob(contributions[name])] for name in contributions]
        if attempt.aggregated is None:
            self._aggregate(run, task, attempt, phase, contributions)
        assert attempt.aggregated is not None
        self.member.mailbox.send(
            self.member.role("key-holder"),
            OPEN_PLEASE,
            {"aggregated": attempt.aggregated.entry_id, "blobs": blobs},
            run_id=run.run_id,
        )
        self._wait_for_opening(run, attempt, stop)

    def _attempt(self, run: RunState, phase: str) -> AttemptState:
        """Return the round's live attempt, or write a new one."""
        last = run.rounds[-1] if run.rounds else None
        if last is not None and last.is_live:
            return last
        number = len(run.opened) + 1
        again = last is not None and last.round == number
        entry_id = self.member.ledger.append(
            "round-attempted",
            {
                "run_id": run.run_id,
                "round": number,
                "attempt": last.attempt + 1 if last is not None and again else 1,
                "phase": phase,
                "group": GROUPS[0],
                "roster": list(run.roster),
                "input_digest": run.next_input,
                "deadline": run.proposal["valid_until"],
            },
        )
        return self.member.ledger.state.attempts[entry_id][1]

    def _collect(
        self, run: RunState, attempt: AttemptState, phase: str, stop: threading.Event
    ) -> dict[str, tuple[bytes, ...]]:
        """Return every rostered party's ciphertexts, checked by digest."""
        self._blobs.clear()

        def n_ciphertexts(name: str) -> int:
            if name not in attempt.contributions:
                self.member.ledger.refresh()
            committed = attempt.contributions.get(name)
            return int(committed.data["n_ciphertexts"]) if committed is not None else 0

        def accept(name: str, said: Contribution) -> None:
            self._check(said, name, attempt, phase)
            # The key holder will want it; it is put there while the others are still sending.
            self._blob(said.ciphertexts)

        def committed(timeout_s: float) -> bool:
            self.member.ledger.wait(
                lambda state: True if attempt.is_committed or not attempt.is_live else None,
                deadline=time.monotonic() + timeout_s,
            )
            return attempt.is_committed

        found, refused = self.replies.collect(
            Ask(
                run_id=run.run_id,
                entry_id=attempt.entry_id,
                roster=attempt.roster,
                deadline=self._deadline(run),
            ),
            n_ciphertexts=n_ciphertexts,
            accept=accept,
            committed=committed,
            returned=self._returned,
            stop=stop,
        )
        if refused is not None:
            self._abandon(run, attempt, [refused[0]], "refused")
            raise _RunFailedError(refused[1].error)
        missing = sorted(set(attempt.roster) - found.keys())
        if missing:
            self._abandon(run, attempt, missing, "deadline")
            raise _RunFailedError(PartiesMissingError.__name__)
        return {name: said.ciphertexts for name, said in found.items()}

    def _blob(self, ciphertexts: tuple[bytes, ...]) -> str:
        """Put a contribution where the key holder finds it, once; return its digest."""
        if ciphertexts not in self._blobs:
            self._blobs[ciphertexts] = self.member.front.put_blob(pack_ciphertexts(ciphertexts))
        return self._blobs[ciphertexts]

    def _returned(self) -> set[str]:
        """Return the parties that have said they are back since the last look."""
        now = time.monotonic()
        if now < self._looked_back + BACK_S:
            return set()
        self._looked_back = now
        letters = self.member.mailbox.all(lambda x: x.kind == BACK)
        fresh = {letter.sender for letter in letters if letter.number > self._n_back}
        self._n_back = max((letter.number for letter in letters), default=self._n_back)
        return fresh

    def _abandon(
        self, run: RunState, attempt: AttemptState, missing: list[str], reason: str
    ) -> None:
        """Free the parties that wait; no party is named missing whose contribution is committed."""
        self.member.ledger.refresh()
        missing = sorted(set(missing) - attempt.contributions.keys())
        if not missing or not attempt.is_live:
            return
        self.member.ledger.append(
            "round-abandoned",
            {
                "run_id": run.run_id,
                "round": attempt.round,
                "attempt": attempt.attempt,
                "missing": missing,
                "reason": reason,
            },
        )

    @staticmethod
    def _check(said: Contribution, name: str, attempt: AttemptState, phase: str) -> None:
        """Refuse a contribution that is not this party's, this attempt's, or not what it signed."""
        if said.party != name or said.entry_id != attempt.entry_id:
            raise ReplayedMessageError(
                "a reply belongs to another party or another attempt",
                party=name,
                expected=f"{name}, attempt {attempt.entry_id[:12]}",
                found=f"{said.party}, attempt {said.entry_id[:12]}",
                remedy="the run has failed; run the job again",
            )
        signed = attempt.contributions.get(name)
        digest = payload_digest({phase: said.ciphertexts})
        if signed is None or signed.data["payload_digest"] != digest:
            raise MalformedMessageError(
                "a reply's bytes are not what its party committed to",
                party=name,
                expected="the bytes behind its round-contributed entry",
                found="others",
                remedy="the run has failed; run the job again",
            )

    def _aggregate(
        self,
        run: RunState,
        task: Task,
        attempt: AttemptState,
        phase: str,
        contributions: dict[str, tuple[bytes, ...]],
    ) -> None:
        """Add under the public context and write ``round-aggregated``."""
        digest = run.proposal["he_context_digest"]
        if self._context[0] != digest:
            self._context = (digest, self.member.front.get_blob(digest))
        n_ciphertexts = len(next(iter(contributions.values())))
        total = self.engine.add(
            task.parameters,
            self._context[1],
            contributions,
            length=n_ciphertexts * task.parameters.slots,
        )
        self.member.ledger.append(
            "round-aggregated",
            {
                "run_id": run.run_id,
                "round": attempt.round,
                "attempt": attempt.attempt,
                "phase": phase,
                "group": GROUPS[0],
                "contributions": [attempt.contributions[name].entry_id for name in attempt.roster],
                "aggregate_digest": payload_digest({phase: total}),
            },
        )

    def _wait_for_opening(
        self, run: RunState, attempt: AttemptState, stop: threading.Event
    ) -> None:
        assert attempt.aggregated is not None
        about = attempt.aggregated.entry_id

        def news(state: State) -> str | None:
            """Return "" for an opening, the rule's name for a refusal."""
            if attempt.opened is not None or stop.is_set():
                return ""
            refused = (str(r.data["rule"]) for r in state.refusals if r.data["about"] == about)
            return next(refused, None)

        found = self.member.ledger.wait(news, deadline=self._deadline(run))
        _go_on(stop, self.member)
        if found:
            raise _RunFailedError(found)
        if attempt.opened is None:
            raise _RunFailedError(PartiesMissingError.__name__)

    def close(self) -> None:
        """End the engine's child process."""
        self.engine.close()


def _go_on(stop: threading.Event, member: Member) -> None:
    """End the work, not the run, when the process was asked to stop.

    Raises
    ------
    StoppedError
    """
    if stop.is_set() or member.ledger.leaving.is_set():
        raise StoppedError
