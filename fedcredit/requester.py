"""The requester: proposes a run, follows it in its own verified ledger, takes delivery.

It is a member like the others: it believes the ledger's signatures and the key holder's
commitments, and neither the coordinator nor any progress message.
"""

import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from fedcredit.errors import JobError, PartiesMissingError, RunFailedError
from fedcredit_ledger.entry import format_time
from fedcredit_ledger.errors import QuorumError
from fedcredit_ledger.rules import RunState
from fedcredit_parties.code_digest import code_digest
from fedcredit_parties.data_holder import BYTES_SENT
from fedcredit_parties.failure import FAILED, rebuild
from fedcredit_parties.key_holder import CONTEXT_PLEASE
from fedcredit_parties.ledger_client import POLL_S
from fedcredit_parties.mailbox import Letter
from fedcredit_parties.member import Member
from fedcredit_parties.released import Released
from fedcredit_parties.releases import catch_up
from fedcredit_parties.tasks import GROUPS, PHASES, ScorecardTask

REASON_S = 5.0
"""How long the reason of a failed run is waited for."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a run is doing, as its ledger shows it."""

    phase: str
    round: int
    n_answered: int
    n_parties: int
    log_loss: float | None


class Requester:
    """Ask for runs and take delivery of their results.

    Parameters
    ----------
    member : Member
        Keys, ledger, mailbox.

    Disclosure
    ----------
    The requester learns every released document of its runs (`fedcredit_parties.release`).
    """

    def __init__(self, *, member: Member) -> None:
        self.member = member

    def propose(self, task: ScorecardTask, *, label_definition_digest: str) -> str:
        """Have a context made, publish the task and propose the run; return the run's id.

        Raises
        ------
        JobError
            When the key holder does not answer.
        RejectedEntryError
            When the ledger's rules refuse the proposal.
        """
        run_id = str(uuid.uuid4())
        key_holder = self.member.role("key-holder")
        self.member.mailbox.send(
            key_holder, CONTEXT_PLEASE, {"parameters": task.encryption}, run_id=run_id
        )
        deadline = time.monotonic() + min(60.0, task.deadline_s)
        context = self.member.ledger.wait(
            lambda state: state.contexts.get(run_id), deadline=deadline
        )
        if context is None:
            raise JobError(
                "the key holder published no encryption context for the run",
                party=key_holder,
                expected="he-context-published",
                found="nothing within the deadline",
                remedy=f"see that {key_holder} runs, then run the job again",
            )
        self.member.front.put_blob(task.document())
        until = self.member.clock() + timedelta(seconds=task.deadline_s)
        self.member.ledger.append(
            "run-proposed",
            {
                "run_id": run_id,
                "request_kind": f"horizontal-{task.kind}",
                "request_digest": task.digest(),
                "initial_digest": task.initial_digest(),
                "phases": list(PHASES),
                "groups": list(GROUPS),
                "purpose": task.purpose,
                "parties": list(task.parties),
                "min_parties": task.min_parties,
                "max_rounds": task.max_rounds + 3,
                "he_context_digest": context[0].data["context_digest"],
                "quantisation_digest": task.quantisation_digest(),
                "disclosure_policy_digest": task.policy.digest(),
                "code_digest": code_digest(),
                "label_definition_digest": label_definition_digest,
                "valid_until": format_time(until),
            },
        )
        return run_id

    def follow(
        self, run_id: str, task: ScorecardTask, *, progress: Callable[[Progress], None]
    ) -> Released:
        """Follow a run to its end and return its released course.

        Raises
        ------
        PartyError, JobError
            What stopped the run, as the member that stopped it described it.
        """
        released = Released(task)
        deadline = time.monotonic() + task.deadline_s + 60.0
        run = self.member.ledger.state.runs[run_id]
        while run.status in ("proposed", "started"):
            catch_up(self.member, run, released, deadline=deadline)
            progress(_progress(run, released))
            if time.monotonic() > deadline:
                raise RunFailedError(
                    f"run {run_id} did not end before its deadline",
                    expected=f"an end within {task.deadline_s} s",
                    found="a running run",
                    remedy="look at the coordinator; fedcredit ledger show tells the last entry",
                )
            self.member.ledger.refresh(timeout_s=POLL_S)
        if run.status == "failed":
            self._raise_reason(run)
        catch_up(self.member, run, released, deadline=deadline)
        progress(_progress(run, released))
        return released

    def bytes_sent(self, run_id: str) -> dict[str, int]:
        """Return what every party says it has sent for a run; 0 for one that says nothing."""
        roster = self.member.ledger.state.runs[run_id].roster
        deadline = time.monotonic() + REASON_S
        found = dict.fromkeys(roster, 0)
        for name in roster:
            wanted = (BYTES_SENT, name, run_id)

            def matches(letter: Letter, wanted: tuple[str, str, str] = wanted) -> bool:
                return (letter.kind, letter.sender, letter.run_id) == wanted

            letter = self.member.mailbox.wait(matches, deadline=deadline)
            if letter is not None and type(letter.body.get("n_bytes")) is int:
                found[name] = letter.body["n_bytes"]
        return found

    def _raise_reason(self, run: RunState) -> None:
        """Raise the error that stopped the run.

        The sealed letters say more than the ledger; the one whose class the ledger names comes
        first, because several parties may have refused.
        """
        ledger = self.member.ledger
        with suppress(QuorumError):  # a failure is evidence too: let the witnesses see it first
            ledger.witnessed(ledger.replica.size - 1, deadline=time.monotonic() + REASON_S)
        named = run.failure
        if named == PartiesMissingError.__name__:
            answered = ", ".join(sorted(run.approvals)) or "nobody"
            raise PartiesMissingError(
                f"run {run.run_id} failed: parties did not answer before its deadline",
                expected=", ".join(run.proposal["parties"]),
                found=answered,
                remedy="start the missing parties and run the job again",
            )
        letter = self.member.mailbox.wait(
            lambda x: x.kind == FAILED and x.run_id == run.run_id and x.body.get("error") == named,
            deadline=time.monotonic() + REASON_S,
        )
        if letter is not None:
            raise rebuild(letter.body)
        raise RunFailedError(
            f"run {run.run_id} failed with {named}",
            remedy="fedcredit ledger show --type run-failed tells the round",
        )


def _progress(run: RunState, released: Released) -> Progress:
    losses = [row["log_loss"] for row in released.history if row["log_loss"] is not None]
    last = run.rounds[-1] if run.rounds else None
    return Progress(
        phase=last.phase if last else "approval",
        round=last.round if last else 0,
        n_answered=len(last.contributions) if last else len(run.approvals),
        n_parties=len(run.proposal["parties"]),
        log_loss=losses[-1] if losses else None,
    )
