"""The requester: proposes a run, follows it in its own verified ledger, takes delivery.

It is a member like the others: it believes the ledger's signatures and the key holder's
commitments, and neither the coordinator nor any progress message.
"""

import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, NoReturn

from fedcredit.errors import JobError, PartiesMissingError, RunFailedError
from fedcredit.party_gain import PartyGain
from fedcredit.run_progress import Progress, Watch
from fedcredit_ledger.entry import format_time, open_commitment
from fedcredit_ledger.errors import QuorumError
from fedcredit_ledger.rules import Act, RunState
from fedcredit_parties.code_digest import code_digest
from fedcredit_parties.course import Course
from fedcredit_parties.data_holder import ABSTAINS, BYTES_SENT
from fedcredit_parties.errors import by_name
from fedcredit_parties.failure import FAILED, rebuild
from fedcredit_parties.key_holder import CONTEXT_PLEASE
from fedcredit_parties.mailbox import Letter
from fedcredit_parties.member import Member
from fedcredit_parties.procedures import course_of
from fedcredit_parties.releases import absorb_arrived
from fedcredit_parties.task import GROUPS, Task
from fedcredit_parties.task_size import check_size
from fedcredit_parties.told_gain import GAIN

LOOK_S = 1.0
"""Longest single wait: as often the progress is told, and the other lane looked at."""

CONTEXT_S = 60.0
"""How long a key holder may take to make a key and publish its context."""

GRACE_S = 15.0
"""How long after the deadline the coordinator may take to fail the run by rule."""

REASON_S = 2.0
"""How long the reason of a failed run is waited for; it is sent before the failure."""

BYTES_S = 5.0
"""How long the parties' own counts of what they sent are waited for."""

GAINS_S = 30.0
"""How long is waited for the gains to which parties have committed."""


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

    def propose(
        self,
        task: Task,
        *,
        label_definition_digest: str,
        watch: Watch,
        progress: Callable[[Progress], None],
        run_id: str | None = None,
    ) -> str:
        """Have a context made, publish the task and propose the run; return the run's id.

        It is a fresh one, unless one was told to the parties before (`fedcredit.coalitions`).

        Raises
        ------
        JobError
            When the key holder does not answer.
        RejectedEntryError
            When the ledger's rules refuse the proposal.
        ConfigError
            When a sum of the task is too large.
        """
        check_size(task)
        run_id = run_id or str(uuid.uuid4())
        key_holder = self.member.role("key-holder")
        self.member.mailbox.send(
            key_holder, CONTEXT_PLEASE, {"parameters": task.encryption}, run_id=run_id
        )
        context = self._context(run_id, task, watch, progress)
        self.member.front.put_blob(task.document())
        until = self.member.clock() + timedelta(seconds=task.deadline_s)
        self.member.ledger.append(
            "run-proposed",
            {
                "run_id": run_id,
                "request_kind": f"horizontal-{task.kind}",
                "request_digest": task.digest(),
                "initial_digest": task.initial_digest(),
                "phases": list(task.phases()),
                "groups": list(GROUPS),
                "purpose": task.purpose,
                "parties": list(task.parties),
                "min_parties": task.min_parties,
                "max_rounds": task.most_rounds,
                "he_context_digest": context.data["context_digest"],
                "quantisation_digest": task.quantisation_digest(),
                "disclosure_policy_digest": task.policy.digest(),
                "code_digest": code_digest(),
                "label_definition_digest": label_definition_digest,
                "valid_until": format_time(until),
            },
        )
        return run_id

    def _context(
        self,
        run_id: str,
        task: Task,
        watch: Watch,
        progress: Callable[[Progress], None],
    ) -> Act:
        """Wait until the key holder has published the run's context."""
        key_holder = self.member.role("key-holder")
        patience_s = min(CONTEXT_S, float(task.deadline_s))
        deadline = time.monotonic() + patience_s
        while True:
            progress(watch.before())
            left = deadline - time.monotonic()
            found = self.member.ledger.wait(
                lambda state: state.contexts.get(run_id),
                deadline=time.monotonic() + min(LOOK_S, max(left, 0.0)),
            )
            if found is not None:
                return found[0]
            for letter in self.member.mailbox.all(
                lambda x: (x.sender, x.kind, x.run_id) == (key_holder, FAILED, run_id)
            ):
                raise rebuild(letter.body)
            if left <= 0:
                raise JobError(
                    "the key holder published no encryption context for the run",
                    party=key_holder,
                    expected=f"he-context-published within {patience_s:.0f} s",
                    found="nothing: it does not run, or it cannot reach the coordinator",
                    remedy=f"see that {key_holder} runs, then run the job again",
                )

    def follow(
        self,
        run_id: str,
        task: Task,
        *,
        watch: Watch,
        progress: Callable[[Progress], None],
    ) -> Course[Any]:
        """Follow a run to its end and return its released course.

        Raises
        ------
        PartyError, JobError
            What stopped the run, as the member that stopped it described it.
        """
        course = course_of(task)
        deadline = time.monotonic() + task.deadline_s + GRACE_S
        run = self.member.ledger.state.runs[run_id]
        while True:
            is_whole = absorb_arrived(self.member, run, course)
            progress(watch.look(run, course))
            if run.status == "failed":
                self._raise_reason(run)
            if run.status == "finished" and is_whole:
                return course
            if time.monotonic() > deadline:
                raise RunFailedError(
                    f"run {run_id} did not end before its deadline",
                    expected=f"an end within {task.deadline_s} s",
                    found="a running run" if is_whole else "a release that has not arrived",
                    remedy="look at the coordinator; fedcredit ledger show tells the last entry",
                )
            if is_whole:
                self.member.ledger.refresh(timeout_s=LOOK_S)
            else:  # it is on its way; meanwhile the run may fail
                self.member.mailbox.collect(timeout_s=LOOK_S)
                self.member.ledger.refresh()

    def abstaining(self, run_id: str) -> dict[str, str]:
        """Return the parties that added only zeros to a run, each with its reason."""
        roster = self.member.ledger.state.runs[run_id].roster
        letters = self.member.mailbox.all(lambda x: (x.kind, x.run_id) == (ABSTAINS, run_id))
        return {x.sender: str(x.body.get("reason")) for x in letters if x.sender in roster}

    def bytes_sent(self, run_id: str) -> dict[str, int]:
        """Return what every party says it has sent for a run; 0 for one that says nothing."""
        roster = self.member.ledger.state.runs[run_id].roster
        deadline = time.monotonic() + BYTES_S
        found = dict.fromkeys(roster, 0)
        for name in roster:
            letter = self._letter(BYTES_SENT, name, run_id, deadline)
            if letter is not None and type(letter.body.get("n_bytes")) is int:
                found[name] = letter.body["n_bytes"]
        return found

    def gains(self, run_id: str) -> dict[str, PartyGain]:
        """Return what each party that committed to its gain says of it."""
        run = self.member.ledger.state.runs[run_id]
        deadline = time.monotonic() + GAINS_S
        found = {}
        for name, act in sorted(run.rounds[-1].contributions.items()):
            commitment = act.data["commits"].get(GAIN)
            if commitment is None:
                continue
            letter = self._letter(GAIN, name, run_id, deadline)
            found[name] = _gain(letter, commitment, entry=act.entry_id, index=act.index)
        return found

    def _letter(self, kind: str, sender: str, run_id: str, deadline: float) -> Letter | None:
        wanted = (kind, sender, run_id)
        return self.member.mailbox.wait(
            lambda letter: (letter.kind, letter.sender, letter.run_id) == wanted, deadline=deadline
        )

    def _raise_reason(self, run: RunState) -> NoReturn:
        """Raise the error that stopped the run.

        The ledger says the class. The sealed letter of a member of this run says more; it was sent
        before the entry was written, so nobody waits long for it, and not at all for a class that
        no member sends.
        """
        ledger = self.member.ledger
        with suppress(QuorumError):  # a failure is evidence too: let the witnesses see it first
            ledger.witnessed(ledger.replica.size - 1, deadline=time.monotonic() + LOOK_S)
        named = run.failure
        if named == PartiesMissingError.__name__:
            last = run.rounds[-1] if run.rounds else None
            answered = run.approvals if last is None else last.contributions
            raise PartiesMissingError(
                f"run {run.run_id} failed: parties did not answer before its deadline",
                expected=", ".join(run.proposal["parties"]),
                found=", ".join(sorted(answered)) or "nobody",
                remedy="start the missing parties and run the job again",
            )
        if named in by_name:
            letter = self.member.mailbox.wait(
                lambda letter: self._is_reason(letter, run), deadline=time.monotonic() + REASON_S
            )
            if letter is not None:
                raise rebuild(letter.body)
        raise RunFailedError(
            f"run {run.run_id} failed with {named}",
            remedy="fedcredit ledger show --type run-failed tells the round",
        )

    def _is_reason(self, letter: Letter, run: RunState) -> bool:
        """Say whether a member of this run tells why it failed, in the class of the ledger."""
        members = {*run.proposal["parties"], run.key_holder, self.member.role("coordinator")}
        return (
            (letter.kind, letter.run_id) == (FAILED, run.run_id)
            and letter.sender in members
            and letter.body.get("error") == run.failure
        )


def _gain(letter: Letter | None, commitment: str, *, entry: str, index: int) -> PartyGain:
    """Return what a letter tells of a gain, when it opens the commitment."""
    if letter is None:
        return PartyGain(entry=entry, index=index, withheld="silent")
    salt, value = letter.body.get("salt"), letter.body.get("value")
    if isinstance(salt, str) and open_commitment(commitment, salt, GAIN, value):
        return PartyGain.told(value, entry=entry, index=index, salt=salt)
    return PartyGain(entry=entry, index=index, withheld="not_opened")
