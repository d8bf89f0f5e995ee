"""A data holder: approves runs on its rows and answers their rounds with masked ciphertexts.

Nothing here trusts the coordinator. It may say "attempt so-and-so"; everything else (the task, the
roster, the point of evaluation, the peers' mask keys) this party reads from its own verified copy
of the ledger and from releases that open the ledger's commitments.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedcredit_ledger.entry import parse_time
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.rules import AttemptState, RunState
from fedcredit_models.schema import SchemaError
from fedcredit_parties.authority import Authorities, Authority
from fedcredit_parties.ckks import Engine
from fedcredit_parties.code_digest import code_digest
from fedcredit_parties.contributions import Contributions, KeptContribution
from fedcredit_parties.course import Course
from fedcredit_parties.data import Table, as_data_error, definition_digest
from fedcredit_parties.disclosure import DisclosurePolicy, check_parties
from fedcredit_parties.errors import (
    ContextMismatchError,
    FrontUnreachableError,
    InputNotReleasedError,
    NoBadsError,
    PartyError,
    ReplayedMessageError,
    SchemaMismatchError,
    WireError,
)
from fedcredit_parties.failure import FAILED, as_told, describe
from fedcredit_parties.foreign import named
from fedcredit_parties.kept_openings import KeptOpenings
from fedcredit_parties.ledger_client import POLL_S
from fedcredit_parties.mask_keys import MaskKeys
from fedcredit_parties.masks import MaskStatement, PeerKeys, mask, roster_digest
from fedcredit_parties.member import Member
from fedcredit_parties.own_gain import own_gain
from fedcredit_parties.procedure import addend
from fedcredit_parties.procedures import PROCEDURES, course_of, sums_of
from fedcredit_parties.releases import catch_up
from fedcredit_parties.rows import Rows
from fedcredit_parties.sealed_grants import SealedGrants
from fedcredit_parties.table_memory import TableMemory
from fedcredit_parties.task import GROUPS, Task
from fedcredit_parties.task_size import check_size
from fedcredit_parties.tasks import parse_task
from fedcredit_parties.told_gain import GAIN
from fedcredit_parties.vault import Vault
from fedcredit_parties.wire import (
    AttemptHeader,
    Contribution,
    pack_ciphertexts,
    payload_digest,
    unpack_ciphertexts,
)

SPLIT_KEY = "split-key"
"""Kind of the letter in which the key holder hands out the federation's split key."""

ROW_COUNT = "row-count"
"""Kind of the letter that opens a contribution's committed row count to the key holder."""


ABSTAINS = "abstains"
"""Kind of the letter in which a party tells the requester that it does not train, and why."""

BYTES_SENT = "bytes-sent"
"""Kind of the letter in which a party tells the requester what a run has cost it to send."""

HEARD_S = 5.0
"""How long a header may be ahead of the entry that it names."""

_LOG = logging.getLogger(__name__)


class DataHolder:
    """One bank's side of every run.

    Parameters
    ----------
    member : Member
        Keys, ledger, mailbox.
    tables : sequence of Table
        Local tables; a run reads the one whose grant it cites.
    policy : DisclosurePolicy
        This party's own copy of the federation's policy.
    engine : Engine, optional
        Encrypts in a child process; own one when absent.
    on_attempt : callable
        (Attribute.) Called once for every attempt that this party must answer.
    ahead : bool
        (Attribute.) Begin to answer an attempt when the ledger shows it, ahead of its header; for
        a party whose headers travel over a network.
    vault : Vault, optional
        Where mask keys and ciphertexts are kept across a crash; in memory when absent.
    openings : KeptOpenings, optional
        Where salts and values are kept of what the ledger only commits to; in memory when absent.
    tell_gain : bool, default True
        Tell the requester what this party gains by a run, where the task asks for it.

    Disclosure
    ----------
    Per answered round the coordinator receives ciphertexts it cannot read and their digest; the key
    holder receives the same ciphertexts, whose plaintexts are uniform without the other parties'
    masks, and the number of rows this party trains on.
    """

    def __init__(
        self,
        *,
        member: Member,
        tables: tuple[Table, ...],
        policy: DisclosurePolicy,
        engine: Engine | None = None,
        vault: Vault | None = None,
        openings: KeptOpenings | None = None,
        tell_gain: bool = True,
    ) -> None:
        self.tell_gain = tell_gain
        self.member = member
        self.tables = {table.asset: table for table in tables}
        self.policy = policy
        self.engine = engine or Engine()
        vault = vault or Vault()
        self.mask_keys = MaskKeys(vault)
        self.contributions = Contributions(vault)
        self.remembered = TableMemory(vault)
        self.openings = openings or KeptOpenings()
        self.sealed = SealedGrants(vault, self.openings)
        self.authorities = Authorities(
            member=member,
            tables=self.tables,
            sealed=self.sealed,
            openings=self.openings,
            policy=policy,
        )
        self.on_attempt: Callable[[], None] = lambda: None
        self.ahead = False
        self._runs: dict[str, _LocalRun] = {}
        self._forgotten: set[str] = set()
        self._noticed: dict[str, str] = {}
        self._unanswered: set[str] = set()
        self._lock = threading.Lock()
        self._preparing = threading.Lock()

    @property
    def name(self) -> str:
        """The party's name in the ledger."""
        return self.member.name

    def register(self) -> None:
        """Write ``data-asset-registered`` for every table that is new, or another than before."""
        for table in self.tables.values():
            state = self.member.ledger.state
            if table.asset in state.assets and self.remembered.is_registered(table):
                continue
            version = 1 + sum(asset == table.asset for asset, _ in state.asset_versions)
            counted = self.openings.commit(table.counts())
            data = table.registration(version) | {"commits": counted.commits}
            self.member.ledger.append("data-asset-registered", data)
            self.remembered.registered(table)

    def serve(self, stop: threading.Event) -> None:
        """Approve or decline proposed runs until `stop` is set; clean up after finished ones."""
        while not stop.is_set():
            seen = self.member.ledger.replica.size
            for run in list(self.member.ledger.state.runs.values()):
                if run.status == "proposed":
                    if self._is_asked(run):
                        self.consider(run)
                elif run.status == "started":
                    self._notice(run)
                elif run.status in ("finished", "failed"):
                    self._forget(run)
            self.member.ledger.refresh(timeout_s=POLL_S, beyond=seen)

    def _is_asked(self, run: RunState) -> bool:
        """Say whether a proposed run waits for this party's answer."""
        answered = self.name in run.approvals or run.run_id in self._unanswered
        return self.name in run.proposal["parties"] and not answered

    def _notice(self, run: RunState) -> None:
        """Say that a header is on its way, and begin to answer it: it says nothing new.

        What the party computes and commits to follows from the ledger. It is sent in answer to the
        header only, and not before everybody has committed.
        """
        attempt = run.rounds[-1] if run.rounds else None
        if attempt is None or not attempt.is_live or not self._approved(run):
            return
        if self.name in attempt.roster and self._noticed.get(run.run_id) != attempt.entry_id:
            self._noticed[run.run_id] = attempt.entry_id
            self.on_attempt()
            if self.ahead:
                begin = threading.Thread(target=self._begin, args=(run, attempt), daemon=True)
                begin.name = f"{self.name}-begin"
                begin.start()

    def _begin(self, run: RunState, attempt: AttemptState) -> None:
        try:
            with named("a sum's round", party=self.name):
                self._contribute(run, attempt)
        except (PartyError, LedgerError) as error:
            # The answer to the header meets the same, and tells it.
            _LOG.info("an attempt was not begun: %s", type(error).__name__)

    def consider(self, run: RunState) -> None:
        """Approve a proposed run, or decline it and tell the requester why."""
        try:
            with named("a proposed run", party=self.name):
                local = self._prepare(run)
        except FrontUnreachableError:
            raise
        except PartyError as error:
            self._decline(run, error)
            return
        with self._lock:
            self._runs[run.run_id] = local
        approval = {
            "decision": "approve",
            **local.authority.approved,
            "mask_epk": self.mask_keys.fresh(),
        }
        try:
            self._answer_proposal(run, approval)
        except LedgerError as error:
            self._decline(run, as_told(error, party=self.name))

    def _decline(self, run: RunState, error: PartyError) -> None:
        _LOG.warning("run %s declined: %s", run.run_id, error)
        self._tell(run, error)
        try:
            self._answer_proposal(run, {"decision": "decline"})
        except LedgerError as rejected:
            self.member.rejected.append(rejected)
            self._unanswered.add(run.run_id)

    def _answer_proposal(self, run: RunState, answer: Mapping[str, object]) -> None:
        data = {"run_id": run.run_id, "proposal": run.proposal_id, **answer}
        try:
            self.member.ledger.append("run-approved", data)
        except LedgerError:
            self.member.ledger.refresh()
            if self.member.ledger.state.runs[run.run_id].status == "proposed":
                raise

    def _prepare(self, run: RunState) -> "_LocalRun":
        """Check everything about a proposed run; the grant before the rows."""
        proposal = run.proposal
        task = parse_task(self.member.front.get_blob(proposal["request_digest"]))
        check_proposal(task, proposal, policy=self.policy)
        check_parties(self.policy, n_parties=len(task.parties), min_parties=proposal["min_parties"])
        authority = self.authorities.find(run, task)
        table = authority.table
        if proposal.get("label_definition_digest") != definition_digest(table.bad_definition):
            raise SchemaMismatchError(
                f"{self.name} defines bad differently from the job",
                party=self.name,
                expected=f"definition {definition_digest(table.bad_definition)[:12]}",
                found=f"{str(proposal.get('label_definition_digest'))[:12]}",
                remedy="agree on one definition of bad; its words must be the same at all parties",
            )
        self.remembered.same_rows(run.run_id, table)
        split_key = self._split_key(time.monotonic() + task.deadline_s)
        frame = table.rows(task.table_schema, keep=authority.keep)
        try:
            rows = Rows(
                frame,
                task.draw_schema,
                holdout=task.holdout,
                oot_from=task.oot_from,
                split_key=split_key,
            )
        except SchemaError as error:
            raise as_data_error(error, party=self.name) from None
        local = _LocalRun(task=task, rows=rows, authority=authority)
        local.n_bytes_before = self.member.front.n_bytes_sent
        if rows.n_train == 0:
            raise NoBadsError(
                f"{self.name} has no training row",
                party=self.name,
                expected="rows in the training sample",
                found="all rows are held out or out of time",
                remedy="look at holdout, oot_from and the split column of the job",
            )
        reason = PROCEDURES[task.kind].abstains(rows, task)
        if reason:
            self._abstain(run, rows, reason)
            return local
        n_bads = int(rows.y[rows.train].sum())
        if n_bads == 0 or n_bads == rows.n_train:
            raise NoBadsError(
                f"{self.name} trains on {'goods' if n_bads == 0 else 'bads'} only",
                party=self.name,
                expected="at least one bad and one good",
                found="one class",
                remedy="widen the observation window, or leave this party out of the job",
            )
        return local

    def _abstain(self, run: RunState, rows: Rows, reason: str) -> None:
        """Train on nothing, and say so: to this operator, and sealed to the requester.

        The rows are counted in every sum; to the average update the party adds encrypted zeros.

        Disclosure
        ----------
        The requester learns that this party is below the floor of the run's kind.
        """
        _LOG.warning("%s abstains from run %s: %s", self.name, run.run_id, reason)
        rows.abstain()
        self.member.mailbox.send(run.requester, ABSTAINS, {"reason": reason}, run_id=run.run_id)

    def _split_key(self, deadline: float) -> bytes:
        key_holder = self.member.role("key-holder")
        letter = self.member.mailbox.wait(
            lambda x: x.sender == key_holder and x.kind == SPLIT_KEY, deadline=deadline
        )
        if letter is None:
            raise WireError(
                "the federation's split key has not arrived",
                party=self.name,
                expected="a sealed letter from the key holder",
                found="none",
                remedy="start the key holder",
            )
        return bytes.fromhex(str(letter.body["split_key"]))

    def answer(self, header: AttemptHeader) -> Contribution:
        """Answer one attempt: check, compute, mask, encrypt, commit, wait, and only then send.

        Raises
        ------
        PartyError
            With the rule that stopped it; the requester is told by a sealed letter.
        """
        run, attempt = self._find_attempt(header, deadline=time.monotonic() + HEARD_S)
        try:
            with named("a sum's round", party=self.name):
                local, ciphertexts = self._contribute(run, attempt)
            self._wait_for_all(run.run_id, attempt)
            local.n_bytes_sent += sum(map(len, ciphertexts))
        except FrontUnreachableError:
            raise
        except (PartyError, LedgerError) as error:
            if self.member.ledger.leaving.is_set():
                raise _leaving(self.name) from error
            if attempt.opened is not None:  # nobody waits for this answer any more
                raise _over(self.name) from error
            told = error if isinstance(error, PartyError) else as_told(error, party=self.name)
            _LOG.warning("round %d of run %s refused: %s", attempt.round, run.run_id, told)
            self._tell(run, told)
            raise told from error
        return Contribution(
            run_id=run.run_id,
            entry_id=attempt.entry_id,
            party=self.name,
            ciphertexts=ciphertexts,
        )

    def _contribute(
        self, run: RunState, attempt: AttemptState
    ) -> tuple["_LocalRun", tuple[bytes, ...]]:
        """Check, compute, mask, encrypt, commit, erase the key; nothing of it is done twice."""
        local = self._local(run)
        # Asked twice, or asked while it is being computed: the bytes are the same.
        with local.lock:
            if attempt.opened is not None:
                raise _over(self.name)
            kept = self.contributions.get(run.run_id, attempt.entry_id)
            if kept is None:
                kept = self._make_contribution(run, attempt, local)
            ciphertexts = unpack_ciphertexts(kept.packed, kept.n_ciphertexts, len(kept.packed))
            if self.name not in attempt.contributions:
                self._commit(run, attempt, local, kept, ciphertexts)
            for key in run.mask_keys[self.name]:
                if key.used:
                    self.mask_keys.erase(key.epk)
        return local, ciphertexts

    def _find_attempt(
        self, header: AttemptHeader, *, deadline: float
    ) -> tuple[RunState, AttemptState]:
        found = self.member.ledger.wait(
            lambda state: state.attempts.get(header.entry_id), deadline=deadline
        )
        run = self.member.ledger.state.runs.get(header.run_id)
        if found is None or found[0] != header.run_id or run is None or not self._approved(run):
            raise WireError(
                "a header names an attempt that this party does not know",
                party=self.name,
                expected="a round-attempted entry of a run this party approved",
                found="none in its verified ledger",
                remedy="compare ledger heads with the coordinator",
            )
        attempt = found[1]
        if run.status != "started" or not attempt.is_live or attempt is not run.rounds[-1]:
            raise _over(self.name)
        return run, attempt

    def _approved(self, run: RunState) -> bool:
        approval = run.approvals.get(self.name)
        return approval is not None and approval.decision == "approve"

    def _local(self, run: RunState) -> "_LocalRun":
        """Return what is known of an approved run; after a restart, find it out again."""
        with self._preparing:
            local = self._runs.get(run.run_id)
            if local is None:
                local = self._prepare(run)
                with self._lock:
                    if run.run_id in self._forgotten:
                        raise _over(self.name)
                    self._runs[run.run_id] = local
        deadline = time.monotonic() + local.task.deadline_s
        with local.lock:
            catch_up(self.member, run, local.course, deadline=deadline)
        return local

    def _make_contribution(
        self, run: RunState, attempt: AttemptState, local: "_LocalRun"
    ) -> KeptContribution:
        """Compute, mask and encrypt; keep the bytes.

        The mask key stays until the ledger has taken the contribution: an attempt that is abandoned
        before that names it again. Nothing that it masked has left, and the next attempt's masks
        are others, for an attempt's statement is what they are derived from.
        """
        check_input(run, attempt, local.course, party=self.name)
        check_roster(self.policy, local.task, attempt.roster)
        # Asked again every round: a revocation of the grant of the approval stops the next one.
        self.authorities.demand(run, local.task, local.authority)
        self.remembered.same_rows(run.run_id, local.authority.table)
        tensor = local.course.tensor()
        parameters = local.task.parameters
        found = addend(local.rows, local.sums, local.course)
        found["clipped"] = np.array([0])
        slots, n_clipped = tensor.quantise(found, parameters.modulus_bits)
        if n_clipped:
            found["clipped"] = np.array([n_clipped])
            slots, _ = tensor.quantise(found, parameters.modulus_bits)
        masked = (slots + self._mask(run, attempt, local, len(slots))) % (
            1 << parameters.modulus_bits
        )
        ciphertexts = self.engine.encrypt(parameters, self._context(run, local), masked)
        kept = KeptContribution(
            tensor=tensor.name,
            n_ciphertexts=len(ciphertexts),
            n_clipped=n_clipped,
            packed=pack_ciphertexts(ciphertexts),
        )
        self.contributions.put(run.run_id, attempt.entry_id, kept)
        if run.run_id in self._forgotten:  # it failed elsewhere while this was being computed
            self.contributions.forget(run.run_id)
        return kept

    def _commit(
        self,
        run: RunState,
        attempt: AttemptState,
        local: "_LocalRun",
        kept: KeptContribution,
        ciphertexts: tuple[bytes, ...],
    ) -> None:
        """Open the row count to the key holder, then sign the contribution's digest."""
        n_rows = local.rows.n_train
        values: dict[str, object] = {
            "n_clipped": kept.n_clipped,
            "n_grants": local.authority.n_grants,
            "n_rows": n_rows,
        }
        if local.task.gains and attempt.phase == local.task.phases()[-1]:
            values[GAIN] = own_gain(local.rows, local.course, tells=self.tell_gain)
        counted = self.openings.commit(values)
        self.member.mailbox.send(
            self.member.role("key-holder"),
            ROW_COUNT,
            {"attempt": attempt.entry_id, "n_rows": n_rows, "salt": counted.salt("n_rows")},
            run_id=run.run_id,
        )
        entry = {
            "run_id": run.run_id,
            "round": attempt.round,
            "attempt": attempt.attempt,
            "phase": attempt.phase,
            "group": attempt.group,
            "roster_digest": roster_digest(attempt.roster),
            "input_digest": attempt.input_digest,
            "payload_digest": payload_digest({kept.tensor: ciphertexts}),
            "mask_epk": self.mask_keys.fresh(),
            "n_ciphertexts": len(ciphertexts),
            "he_context_digest": run.proposal["he_context_digest"],
            **local.authority.contributed,
            "commits": counted.commits,
        }
        self.member.ledger.append("round-contributed", entry)

    def _mask(
        self, run: RunState, attempt: AttemptState, local: "_LocalRun", length: int
    ) -> NDArray[np.int64]:
        parties = self.member.ledger.state.parties
        gone = [name for name in attempt.roster if name not in parties]
        if gone:
            raise WireError(
                "a party of the roster has left the federation",
                party=gone[0],
                expected="a roster of parties",
                found=f"{', '.join(gone)}, who left since the attempt began",
                remedy="run the job again without it",
            )
        peers = {
            name: PeerKeys(parties[name].mask_key, attempt.mask_epks[name])
            for name in attempt.roster
            if name != self.name
        }
        statement = MaskStatement(
            ledger=self.member.ledger.origin,
            run=run.run_id,
            round=attempt.round,
            attempt=attempt.attempt,
            phase=attempt.phase,
            group=attempt.group,
            roster_digest=roster_digest(attempt.roster),
            input_digest=attempt.input_digest,
            he_context_digest=run.proposal["he_context_digest"],
            modulus_bits=local.task.parameters.modulus_bits,
        )
        return mask(
            statement,
            name=self.name,
            static=self.member.identity.mask_key,
            ephemeral=self.mask_keys.get(attempt.mask_epks[self.name]),
            peers=peers,
            tensor=local.course.tensor().name,
            length=length,
        )

    def _context(self, run: RunState, local: "_LocalRun") -> bytes:
        """Fetch the run's public context; it must be the one in the key holder's entry."""
        if local.context is None:
            digest = run.proposal["he_context_digest"]
            context = self.member.front.get_blob(digest)
            published = run.context.data["context_digest"] if run.context else None
            if hashlib.sha256(context).hexdigest() != digest or digest != published:
                raise ContextMismatchError(
                    "the encryption context is not the one the key holder published",
                    party=self.name,
                    expected=f"digest {str(published)[:12]}",
                    found=f"digest {digest[:12]}",
                    remedy="stop the run: somebody offered a context of their own",
                )
            local.context = context
        return local.context

    def _wait_for_all(self, run_id: str, attempt: AttemptState) -> None:
        """Commit, then send: wait until the whole roster's digests are witnessed (lock B)."""
        deadline = _monotonic(parse_time(attempt.deadline), self.member.clock())
        self.member.ledger.wait(
            lambda state: (
                True
                if attempt.abandoned
                or attempt.is_committed
                or state.runs[run_id].status != "started"
                else None
            ),
            deadline=deadline,
        )
        if not attempt.is_committed and self.member.ledger.leaving.is_set():
            raise _leaving(self.name)
        if attempt.abandoned or not attempt.is_committed:
            raise WireError(
                "an attempt ended before every party had committed; nothing was sent",
                party=self.name,
                expected="a commitment of every rostered party",
                found=f"{len(attempt.contributions)} of {len(attempt.roster)}",
                remedy="run the job again when all parties answer",
            )
        last = max(c.index for c in attempt.contributions.values())
        self.member.ledger.witnessed(last, deadline=deadline)

    def _tell(self, run: RunState, error: PartyError) -> None:
        self.member.mailbox.send(
            run.requester, FAILED, describe(error, party=self.name), run_id=run.run_id
        )
        self.member.mailbox.send(
            self.member.role("coordinator"),
            FAILED,
            {"error": type(error).__name__},
            run_id=run.run_id,
        )

    def _forget(self, run: RunState) -> None:
        """Erase what was kept for a run that is over, once."""
        if run.run_id in self._forgotten:
            return
        self._noticed.pop(run.run_id, None)
        with self._lock:
            self._forgotten.add(run.run_id)
            local = self._runs.pop(run.run_id, None)
        self._tell_gain(run)
        if local is not None and run.status == "finished":
            n_bytes = local.n_bytes_sent + self.member.front.n_bytes_sent - local.n_bytes_before
            self.member.mailbox.send(
                run.requester, BYTES_SENT, {"n_bytes": n_bytes}, run_id=run.run_id
            )
        self.contributions.forget(run.run_id)
        self.remembered.forget(run.run_id)
        for key in run.mask_keys.get(self.name, []):
            self.mask_keys.erase(key.epk)
        self.member.mailbox.forget(run.run_id)

    def _tell_gain(self, run: RunState) -> None:
        """Open the committed gain of a finished run to the requester, once; a crash forgets it not.

        The contribution to the last round is kept until the run is forgotten.
        """
        attempt = run.rounds[-1] if run.rounds else None
        if run.status != "finished" or attempt is None or self.name not in attempt.contributions:
            return
        if self.contributions.get(run.run_id, attempt.entry_id) is None:
            return
        committed = attempt.contributions[self.name].data["commits"].get(GAIN)
        opening = None if committed is None else self.openings.get(committed)
        if opening is not None:
            salt, _, value = opening
            self.member.mailbox.send(
                run.requester, GAIN, {"salt": salt, "value": value}, run_id=run.run_id
            )

    def close(self) -> None:
        """End the engine's child process, and close the openings."""
        self.engine.close()
        self.openings.close()


class _LocalRun:
    """What a data holder keeps of one approved run."""

    def __init__(self, *, task: Task, rows: Rows, authority: Authority) -> None:
        self.task = task
        self.rows = rows
        self.authority = authority
        self.course = course_of(task)
        self.sums = sums_of(rows, task)
        self.n_bytes_sent = 0
        self.n_bytes_before = 0
        self.context: bytes | None = None
        self.lock = threading.Lock()


def check_proposal(task: Task, proposal: dict[str, object], *, policy: DisclosurePolicy) -> None:
    """Compare a proposal's digests with the task's document and this member's own code and policy.

    Raises
    ------
    WireError
        Naming the field that differs.
    ConfigError
        When a sum of the task is too large.
    """
    check_size(task)
    expected = {
        # The ledger compares kind and definition to find two rosters over the same people.
        "request_kind": f"horizontal-{task.kind}",
        "label_definition_digest": task.bad_definition_digest,
        "initial_digest": task.initial_digest(),
        "quantisation_digest": task.quantisation_digest(),
        "disclosure_policy_digest": policy.digest(),
        "code_digest": code_digest(),
        "request_digest": task.digest(),
        "parties": list(task.parties),
        "phases": list(task.phases()),
        "groups": list(GROUPS),
        "purpose": task.purpose,
        "min_parties": task.min_parties,
    }
    for field, value in expected.items():
        if proposal.get(field) != value:
            raise WireError(
                f"the proposal's {field} is not this member's",
                expected=str(value)[:80],
                found=str(proposal.get(field))[:80],
                remedy="install the same version of FedCredit everywhere, under the same policy",
            )
    if task.policy != policy:
        raise WireError("the task carries another disclosure policy than the federation's")


def check_roster(policy: DisclosurePolicy, task: Task, roster: tuple[str, ...]) -> None:
    """Refuse a sum of fewer parties than were asked for: a victim and two friends (crypto.md 3).

    Raises
    ------
    TooFewPartiesError
        Below policy and task, or below two thirds of the parties that the task names.
    """
    two_thirds = -(-2 * len(task.parties) // 3)
    check_parties(policy, n_parties=len(roster), min_parties=max(task.min_parties, two_thirds))


def check_input(run: RunState, attempt: AttemptState, course: Course[Any], *, party: str) -> None:
    """Refuse to evaluate anything but what was released (lock C).

    Raises
    ------
    InputNotReleasedError
    """
    if attempt.input_digest != run.next_input or attempt.phase != course.phase:
        raise InputNotReleasedError(
            "the attempt's point of evaluation is not what the key holder released",
            party=party,
            expected=f"phase {course.phase}, input {run.next_input[:12]}",
            found=f"phase {attempt.phase}, input {attempt.input_digest[:12]}",
            remedy="stop the run: somebody chose the point of evaluation",
        )


def _over(party: str) -> PartyError:
    return ReplayedMessageError(
        "a header names an attempt that is over",
        party=party,
        expected="the newest attempt of a running run",
        found="an older one",
        remedy="nothing: it was refused",
    )


def _leaving(party: str) -> PartyError:
    """Return what ends a handler of a party that stops: the answer stays owed."""
    return FrontUnreachableError(
        f"{party} is stopping and answers when it is back", party=party, remedy="start it again"
    )


def _monotonic(moment: datetime, now: datetime) -> float:
    return time.monotonic() + max(0.0, (moment - now).total_seconds())
