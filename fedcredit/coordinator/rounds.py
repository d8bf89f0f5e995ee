"""The coordinator's job: start what was approved, run its rounds, add, record, fail by rule.

It learns of a run from the ledger, like everybody. It sees who answers and when, sizes and digests,
and from each ``round-opened`` whether to go on; it never sees a number that was computed.
"""

import threading
import time
from datetime import timedelta
from typing import Any

from flwr.app import Message
from flwr.serverapp import Grid

from fedcredit.errors import JobError, PartiesMissingError
from fedcredit_ledger.entry import format_time, parse_time
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.rules import AttemptState, RunState
from fedcredit_parties.ckks import Engine
from fedcredit_parties.errors import MalformedMessageError, PartyError, ReplayedMessageError
from fedcredit_parties.failure import FAILED
from fedcredit_parties.handlers import SUM
from fedcredit_parties.key_holder import OPEN_PLEASE
from fedcredit_parties.ledger_client import POLL_S
from fedcredit_parties.member import Member
from fedcredit_parties.tasks import GROUPS, ScorecardTask
from fedcredit_parties.wire import (
    AttemptHeader,
    Contribution,
    Refusal,
    is_refusal,
    pack_ciphertexts,
    payload_digest,
)

NEXT_PHASE = {
    ("quantiles", "continue"): "bins",
    ("bins", "continue"): "newton",
    ("newton", "continue"): "newton",
    ("newton", "converged"): "metrics",
    ("metrics", "done"): "",
}
"""(phase, outcome) -> next phase; "" ends the run. Anything else fails it."""


PULL_S = 0.002
"""Pause between two looks for replies."""


class _RunFailedError(Exception):
    """Ends a run; carries the class name that the ledger will hold."""

    def __init__(self, error: str, round_number: int = 0) -> None:
        super().__init__(error)
        self.error = error
        self.round = round_number


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
        self, *, member: Member, grid: Grid, node_of: dict[str, int], engine: Engine | None = None
    ) -> None:
        self.member = member
        self.grid = grid
        self.node_of = node_of
        self.engine = engine or Engine()
        self._handled: set[str] = set()

    def serve(self, stop: threading.Event) -> None:
        """Carry out proposed runs, one after the other, until `stop` is set."""
        while not stop.is_set():
            self.member.ledger.refresh()
            for run in list(self.member.ledger.state.runs.values()):
                if run.status == "proposed" and run.run_id not in self._handled:
                    self._handled.add(run.run_id)
                    self.carry_out(run, stop)
            self.member.ledger.refresh(timeout_s=POLL_S)

    def carry_out(self, run: RunState, stop: threading.Event) -> None:
        """Run every round of `run`; write ``run-finished`` or ``run-failed``."""
        n_rounds = 0
        try:
            task = self._start(run, stop)
            phase, digest = "quantiles", run.proposal["initial_digest"]
            while phase:
                n_rounds += 1
                outcome = self._round(run, task, n_rounds, phase, digest)
                phase, digest = self._next(run, phase, outcome, n_rounds)
        except _RunFailedError as failure:
            self._fail(run, failure.error, failure.round)
        except (PartyError, JobError, LedgerError) as error:
            self._fail(run, type(error).__name__, n_rounds)
        else:
            self.member.ledger.append(
                "run-finished",
                {"run_id": run.run_id, "n_rounds": n_rounds, "result_digest": digest},
            )

    def _fail(self, run: RunState, error: str, round_number: int) -> None:
        data: dict[str, Any] = {"run_id": run.run_id, "error": error}
        if round_number:
            data["round"] = round_number
        try:
            self.member.ledger.append("run-failed", data)
        except LedgerError as rejected:
            # The run is over already, or nothing can be written: the ledger shows which.
            self.member.rejected.append(rejected)

    def _start(self, run: RunState, stop: threading.Event) -> ScorecardTask:
        """Wait for every approval, then write ``run-started``."""
        task = ScorecardTask.parse(self.member.front.get_blob(run.proposal["request_digest"]))
        roster = list(run.proposal["parties"])
        deadline = time.monotonic() + task.deadline_s
        found = None
        while found is None and not stop.is_set() and time.monotonic() < deadline:
            found = self.member.ledger.wait(
                lambda _: (
                    True
                    if set(roster) <= run.approvals.keys()
                    or any(a.decision == "decline" for a in run.approvals.values())
                    else None
                ),
                deadline=min(deadline, time.monotonic() + POLL_S),
            )
        for name, approval in run.approvals.items():
            if approval.decision == "decline":
                raise _RunFailedError(self._told(run.run_id, name))
        if found is None:
            raise _RunFailedError(PartiesMissingError.__name__)
        approvals = [run.approvals[name].entry_id for name in roster]
        last = max(run.approvals[name].index for name in roster)
        self.member.ledger.witnessed(last, deadline=deadline)
        self.member.ledger.append(
            "run-started", {"run_id": run.run_id, "roster": roster, "approvals": approvals}
        )
        return task

    def _told(self, run_id: str, name: str) -> str:
        """Return the class name that a party gave for its refusal."""
        letter = self.member.mailbox.wait(
            lambda x: x.kind == FAILED and x.sender == name and x.run_id == run_id,
            deadline=time.monotonic() + POLL_S,
        )
        return str(letter.body.get("error")) if letter else "PartyError"

    def _round(
        self, run: RunState, task: ScorecardTask, number: int, phase: str, digest: str
    ) -> str:
        """Run one round; return the outcome of its opening."""
        attempt = self._attempt(run, task, number, phase, digest)
        contributions = self._collect(run, attempt, phase)
        context = self.member.front.get_blob(run.proposal["he_context_digest"])
        n_ciphertexts = len(next(iter(contributions.values())))
        total = self.engine.add(
            task.parameters,
            context,
            contributions,
            length=n_ciphertexts * task.parameters.slots,
        )
        blobs = [
            [name, self.member.front.put_blob(pack_ciphertexts(ciphertexts))]
            for name, ciphertexts in contributions.items()
        ]
        aggregated = self.member.ledger.append(
            "round-aggregated",
            {
                "run_id": run.run_id,
                "round": number,
                "attempt": attempt.attempt,
                "phase": phase,
                "group": GROUPS[0],
                "contributions": [attempt.contributions[name].entry_id for name in attempt.roster],
                "aggregate_digest": payload_digest({phase: total}),
            },
        )
        self.member.mailbox.send(
            self.member.role("key-holder"),
            OPEN_PLEASE,
            {"aggregated": aggregated, "blobs": blobs},
            run_id=run.run_id,
        )
        return self._wait_for_opening(run, task, attempt, aggregated, number)

    def _attempt(
        self, run: RunState, task: ScorecardTask, number: int, phase: str, digest: str
    ) -> AttemptState:
        deadline = self.member.clock() + timedelta(seconds=task.deadline_s)
        entry_id = self.member.ledger.append(
            "round-attempted",
            {
                "run_id": run.run_id,
                "round": number,
                "attempt": 1,
                "phase": phase,
                "group": GROUPS[0],
                "roster": list(run.roster),
                "input_digest": digest,
                "deadline": format_time(deadline),
            },
        )
        return self.member.ledger.state.attempts[entry_id][1]

    def _collect(
        self, run: RunState, attempt: AttemptState, phase: str
    ) -> dict[str, tuple[bytes, ...]]:
        """Send the header to the whole roster; return what came back, checked by digest."""
        content = AttemptHeader(run_id=run.run_id, entry_id=attempt.entry_id).to_records()
        left = parse_time(attempt.deadline) - self.member.clock()
        seconds = max(1.0, left.total_seconds())
        ids = set(
            self.grid.push_messages(
                self.grid.create_message(
                    content, SUM, self.node_of[name], run.run_id, ttl=seconds + 60.0
                )
                for name in attempt.roster
            )
        )
        found: dict[str, tuple[bytes, ...]] = {}
        deadline = time.monotonic() + seconds
        while ids and time.monotonic() < deadline:
            for reply in self.grid.pull_messages(ids):
                ids.discard(reply.metadata.reply_to_message_id)
                name, said = self._read(reply, attempt)
                if isinstance(said, Refusal):
                    self._abandon(run, attempt, name)
                    raise _RunFailedError(said.error, attempt.round)
                self._check(said, name, attempt, phase)
                found[name] = said.ciphertexts
            time.sleep(PULL_S)
        if ids:
            raise _RunFailedError(PartiesMissingError.__name__, attempt.round)
        return found

    def _read(self, reply: Message, attempt: AttemptState) -> tuple[str, Contribution | Refusal]:
        name = next(n for n, node in self.node_of.items() if node == reply.metadata.src_node_id)
        if not reply.has_content():
            return name, Refusal(error="PartyError")
        if is_refusal(reply.content):
            return name, Refusal.from_records(reply.content)
        self.member.ledger.refresh()
        committed = attempt.contributions.get(name)
        n = committed.data["n_ciphertexts"] if committed is not None else 0
        return name, Contribution.from_records(reply.content, n=n)

    def _abandon(self, run: RunState, attempt: AttemptState, name: str) -> None:
        """Free the parties that wait for the one that refused."""
        self.member.ledger.refresh()
        if name in attempt.contributions:
            return
        self.member.ledger.append(
            "round-abandoned",
            {
                "run_id": run.run_id,
                "round": attempt.round,
                "attempt": attempt.attempt,
                "missing": [name],
                "reason": "refused",
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
        if signed is None or signed.data["payload_digest"] != payload_digest(
            {phase: said.ciphertexts}
        ):
            raise MalformedMessageError(
                "a reply's bytes are not what its party committed to",
                party=name,
                expected="the bytes behind its round-contributed entry",
                found="others",
                remedy="the run has failed; run the job again",
            )

    def _wait_for_opening(
        self,
        run: RunState,
        task: ScorecardTask,
        attempt: AttemptState,
        aggregated: str,
        number: int,
    ) -> str:
        def settled(state: Any) -> str | None:
            if attempt.opened is not None:
                return f"outcome {attempt.opened.data['outcome']}"
            for refusal in state.refusals:
                if refusal.data["about"] == aggregated:
                    return f"refused {refusal.data['rule']}"
            return None

        found = self.member.ledger.wait(settled, deadline=time.monotonic() + task.deadline_s)
        if found is None:
            raise _RunFailedError("OpeningMissingError", number)
        word, value = found.split(" ", 1)
        if word == "refused":
            raise _RunFailedError(value, number)
        return value

    def _next(self, run: RunState, phase: str, outcome: str, number: int) -> tuple[str, str]:
        following = NEXT_PHASE.get((phase, outcome))
        if following is None:
            raise _RunFailedError("DivergedError", number)
        return following, str(run.opened[-1].data["commits"]["result"])

    def close(self) -> None:
        """End the engine's child process."""
        self.engine.close()
