"""What a run is doing, read from the requester's own verified ledger and from nothing else."""

import time
from dataclasses import dataclass
from typing import Any

from fedcredit_ledger.rules import AttemptState, RunState
from fedcredit_parties.ckks import Parameters
from fedcredit_parties.course import Course
from fedcredit_parties.task import Task

CONTEXT, APPROVAL = "context", "approval"
"""What comes before the first round: the key holder makes a key, the parties look at the task."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a run is doing at one moment.

    Attributes
    ----------
    phase : str
        ``context``, ``approval``, or the phase of the newest round.
    round : int
        Number of the newest round; 0 before the first.
    n_answered, n_parties : int
        Parties that have approved or contributed, of those that are asked.
    log_loss : float or None
        Mean over the training rows before the newest opened step; None before there is one.
    waiting_for : tuple of str
        Whose turn it is: parties that have not answered, else the coordinator or the key holder.
    waiting_s : float
        For how long it has been theirs.
    ciphertext_bytes : int
        Least size of the ciphertexts that all parties have committed to so far: two polynomials
        each, at the bits of their modulus. The wire adds about a sixth; the result has each
        party's own count.
    elapsed_s, deadline_s : float
        Since the run was asked for; and when it fails by rule.
    """

    phase: str
    round: int
    n_answered: int
    n_parties: int
    log_loss: float | None
    waiting_for: tuple[str, ...] = ()
    waiting_s: float = 0.0
    ciphertext_bytes: int = 0
    elapsed_s: float = 0.0
    deadline_s: float = 0.0


class Watch:
    """Follows one run and times whom it waits for.

    Parameters
    ----------
    task : Task
        What was asked.
    coordinator, key_holder : str
        The other roles, by name.
    """

    def __init__(self, task: Task, *, coordinator: str, key_holder: str) -> None:
        self._task = task
        self._coordinator, self._key_holder = coordinator, key_holder
        self._begun = self._since = time.monotonic()
        self._turn: tuple[object, ...] = ()

    def before(self) -> Progress:
        """Return what is said while the key holder makes the run's key."""
        return self._told(phase=CONTEXT, round=0, n_answered=0, turn=(self._key_holder,))

    def look(self, run: RunState, course: Course[Any]) -> Progress:
        """Return what `run` is doing now."""
        losses = [row["log_loss"] for row in course.history if row["log_loss"] is not None]
        sent = sum(
            int(act.data["n_ciphertexts"])
            for attempt in run.rounds
            for act in attempt.contributions.values()
        )
        last = run.rounds[-1] if run.rounds else None
        return self._told(
            phase=last.phase if last else APPROVAL,
            round=last.round if last else 0,
            n_answered=len(last.contributions) if last else len(run.approvals),
            turn=self._whose(run, last),
            log_loss=losses[-1] if losses else None,
            ciphertext_bytes=sent * least_bytes(self._task.parameters),
        )

    def _whose(self, run: RunState, last: AttemptState | None) -> tuple[str, ...]:
        if run.status in ("finished", "failed"):
            return ()
        asked = run.proposal["parties"] if last is None else last.roster
        answered = run.approvals if last is None else last.contributions
        missing = tuple(name for name in asked if name not in answered)
        if missing:
            return missing
        is_added = last is not None and last.aggregated is not None and last.opened is None
        return (self._key_holder,) if is_added else (self._coordinator,)

    def _told(
        self,
        *,
        phase: str,
        round: int,
        n_answered: int,
        turn: tuple[str, ...],
        log_loss: float | None = None,
        ciphertext_bytes: int = 0,
    ) -> Progress:
        now = time.monotonic()
        if self._turn != (phase, round, *turn):
            self._turn, self._since = (phase, round, *turn), now
        return Progress(
            phase=phase,
            round=round,
            n_answered=n_answered,
            n_parties=len(self._task.parties),
            log_loss=log_loss,
            waiting_for=turn,
            waiting_s=now - self._since,
            ciphertext_bytes=ciphertext_bytes,
            elapsed_s=now - self._begun,
            deadline_s=float(self._task.deadline_s),
        )


def least_bytes(parameters: Parameters) -> int:
    """Return the bytes that no encoding of a fresh ciphertext of this set can save.

    Its two polynomials are uniform modulo every modulus but the special one.
    """
    return 2 * parameters.poly_modulus_degree * sum(parameters.coeff_bits[:-1]) // 8
