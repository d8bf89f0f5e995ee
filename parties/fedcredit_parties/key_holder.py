"""The key holder: opens sums that it formed itself, releases functions of them, forgets the rest.

It holds no rows. It holds one CKKS secret key per run, for the length of that run. It believes
neither the coordinator nor any single party: what it opens is the sum of the contributions whose
digests stand, signed by every rostered party, under a quorum checkpoint that it verified (lock A).
"""

import base64
import logging
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fedcredit_ledger.canonical import decode, encode
from fedcredit_ledger.entry import commit, format_time, open_commitment, parse_time
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.rules import AttemptState, RunState
from fedcredit_parties import memory as memories
from fedcredit_parties.ckks import Engine, KeyPair, Parameters
from fedcredit_parties.course import Course
from fedcredit_parties.data_holder import (
    ROW_COUNT,
    SPLIT_KEY,
    check_input,
    check_proposal,
    check_roster,
)
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.errors import (
    ForgedAggregateError,
    FrontUnreachableError,
    InputNotReleasedError,
    MachineError,
    MalformedMessageError,
    PartyError,
    PrecisionError,
    WireError,
)
from fedcredit_parties.failure import FAILED, as_told, describe
from fedcredit_parties.foreign import named
from fedcredit_parties.heads import HeardHeads
from fedcredit_parties.ledger_client import POLL_S
from fedcredit_parties.mailbox import Letter
from fedcredit_parties.member import Member
from fedcredit_parties.procedure import Memory
from fedcredit_parties.procedures import course_of
from fedcredit_parties.release import release
from fedcredit_parties.releases import RELEASE, packed, seal_release
from fedcredit_parties.task import parameters_named
from fedcredit_parties.tasks import parse_task
from fedcredit_parties.vault import Vault
from fedcredit_parties.wire import MAX_PAYLOAD_BYTES, payload_digest, unpack_ciphertexts

CONTEXT_PLEASE = "context-please"
"""Kind of the letter in which a requester asks for a context for a new run."""

OPEN_PLEASE = "open-please"
"""Kind of the letter in which the coordinator asks for an opening."""

SENDERS = 8
"""Releases that are under way at the same time."""

MAX_REFUSALS = 3
"""After so many refused openings a run's key is dead (crypto.md 2)."""

MARGIN = timedelta(minutes=10)
"""How long a run's key outlives the end of its proposal, for an opening that is under way."""

UNPROPOSED = timedelta(hours=1)
"""How long a key is kept for which no run has been proposed."""

LONGEST = timedelta(days=30)
"""A key is never older than this, whatever end a proposal names: the longest deadline of a task."""

MAX_KEYS = 32
"""Live keys of one requester."""

_LOG = logging.getLogger(__name__)


_SENT = "split-key-sent-to"
"""Key in the vault: mask keys of the data holders that were sent the split key."""


@dataclass
class _Key:
    """The key of one run and what was done with it."""

    pair: KeyPair
    parameters: Parameters
    requester: str
    made: datetime
    n_refused: int = 0
    course: Course[Any] | None = None


class KeyHolder:
    """Opens what the ledger vouches for.

    Parameters
    ----------
    member : Member
        Keys, ledger, mailbox.
    policy : DisclosurePolicy
        Applied to whatever a release function returns.
    split_key : bytes
        Federation-wide key of the hold-out; drawn by this role, sealed to the data holders.
    engine : Engine, optional
        Adds and opens in a child process.
    vault : Vault, optional
        Where run keys and releases are kept across a crash; in memory when absent.

    Raises
    ------
    RollbackError, ForkError
        When the ledger that is served is not the one on which this key holder acted before.

    Disclosure
    ----------
    For the length of a call this role sees an opened sum. It sees no single contribution: under
    CKKS every one is masked by keys it does not have. Together with n - 1 parties it sees the last.
    """

    def __init__(
        self,
        *,
        member: Member,
        policy: DisclosurePolicy,
        split_key: bytes,
        engine: Engine | None = None,
        vault: Vault | None = None,
    ) -> None:
        self.member = member
        self.policy = policy
        self.engine = engine or Engine()
        self._split_key = split_key
        self._vault = vault or Vault()
        self._heads = HeardHeads(ledger=member.ledger, mailbox=member.mailbox, vault=self._vault)
        self._keys: dict[str, _Key] = {}
        self._done: set[int] = set()
        self._over: set[str] = set()
        self._lock = threading.RLock()

    @property
    def name(self) -> str:
        """The key holder's name in the ledger."""
        return self.member.name

    def hand_out_split_key(self) -> None:
        """Seal the split key to every data holder that has not had it under its mask key.

        One may have joined, or be back with new keys.
        """
        kept = self._vault.get(_SENT)
        sent: set[str] = set() if kept is None else set(decode(kept))
        parties = self.member.ledger.state.parties
        wanted = {p.mask_key: n for n, p in parties.items() if "data-holder" in p.roles}
        fresh = wanted.keys() - sent
        for mask_key in fresh:
            body = {"split_key": self._split_key.hex()}
            self.member.mailbox.send(wanted[mask_key], SPLIT_KEY, body)
        if fresh:
            self._vault.put(_SENT, encode(sorted(sent | fresh)))

    def serve(self, stop: threading.Event) -> None:
        """Answer letters until `stop` is set."""
        self._heads.ask()
        while not stop.is_set():
            seen = self.member.mailbox.newest
            for letter in self.member.mailbox.received(
                lambda x: x.kind in (CONTEXT_PLEASE, OPEN_PLEASE)
            ):
                if letter.number not in self._done:
                    self._answer(letter)
                    self._done.add(letter.number)
            self.member.mailbox.collect(timeout_s=POLL_S, beyond=seen)

    def clear_up(self, stop: threading.Event) -> None:
        """Follow the ledger until `stop` is set; destroy the keys of runs that are over.

        A data holder that has joined gets the split key.

        The coordinator writes that a run is over. What it does not write, the clock says.
        """
        while not stop.is_set():
            self.destroy_old()
            self.hand_out_split_key()
            seen = self.member.ledger.replica.size
            for run in list(self.member.ledger.state.runs.values()):
                if run.status in ("finished", "failed") and run.run_id not in self._over:
                    self._over.add(run.run_id)
                    self.destroy(run.run_id)
            self.member.ledger.refresh(timeout_s=POLL_S, beyond=seen)

    def destroy_old(self) -> None:
        """Destroy every key whose time is up by this member's own clock.

        That is `MARGIN` after the end of the run's proposal, `UNPROPOSED` after it was made when no
        run was proposed, and `LONGEST` after it was made in any case.
        """
        now, runs = self.member.clock(), self.member.ledger.state.runs
        for run_id, key in self._live().items():
            run = runs.get(run_id)
            end = key.made + UNPROPOSED
            if run is not None:
                until = parse_time(run.proposal["valid_until"])
                end = min(until + MARGIN, key.made + LONGEST)
            if now >= end:
                _LOG.warning("the key of run %s is destroyed: its time is up", run_id)
                self.destroy(run_id)

    def _live(self) -> dict[str, _Key]:
        """Return the keys that are kept, by run."""
        names = self._vault.names(_KEPT_KEY)
        found = {name: self._key(name) for name in (n.removeprefix(_KEPT_KEY) for n in names)}
        return {run_id: key for run_id, key in found.items() if key is not None}

    def destroy(self, run_id: str) -> None:
        """Forget the secret key of a run; nothing of it can be opened afterwards."""
        with self._lock:  # not while it is being used
            key = self._keys.pop(run_id, None)
            if key is not None:
                self.engine.forget(key.pair.secret)
            names = [f"{_KEPT_KEY}{run_id}"]
            for prefix in (f"release.{run_id}.", f"{_KEPT_SUMS}{run_id}."):
                names += self._vault.names(prefix)
            for name in names:
                self._vault.delete(name)
            self.member.mailbox.forget(run_id)

    def _answer(self, letter: Letter) -> None:
        """Answer one letter; a letter that asks for nonsense ends nothing but itself."""
        if letter.kind == CONTEXT_PLEASE:
            parameters = str(letter.body.get("parameters"))
            if letter.sender not in self.member.ledger.state.with_role("result-user"):
                _LOG.warning("no context for %s, who is no result-user", letter.sender)
                return
            try:
                self.publish_context(letter.run_id, parameters, letter.sender)
            except FrontUnreachableError:
                raise
            except (PartyError, LedgerError) as error:
                _LOG.warning("no context for run %s: %s", letter.run_id, error)
                self.member.rejected.append(error)
                if isinstance(error, PartyError):
                    told = describe(error, party=self.member.name)
                    self.member.mailbox.send(letter.sender, FAILED, told, run_id=letter.run_id)
        elif letter.sender == self.member.role("coordinator"):
            with self._lock:
                self.open(letter.run_id, letter.body)

    def publish_context(self, run_id: str, parameters_name: str, requester: str) -> None:
        """Make a key pair for one run and publish the public context.

        Raises
        ------
        WireError
            When the requester has `MAX_KEYS` live keys already.
        """
        if not _RUN_ID.fullmatch(run_id) or run_id in self.member.ledger.state.contexts:
            return
        key = self._key(run_id)
        if key is None:
            parameters = parameters_named(parameters_name)
            n_live = sum(1 for live in self._live().values() if live.requester == requester)
            if n_live >= MAX_KEYS:
                raise WireError(
                    f"{requester} has {n_live} live keys already",
                    party=requester,
                    expected=f"fewer than {MAX_KEYS} runs under way",
                    found=f"{n_live} contexts whose runs are not over",
                    remedy="wait until they are over; an unused key is destroyed after an hour",
                )
            pair = self.engine.new_keys(parameters)
            key = _Key(
                pair=pair, parameters=parameters, requester=requester, made=self.member.clock()
            )
            self._keys[run_id] = key
            self._keep(run_id, key)
        parameters = key.parameters
        digest = self.member.front.put_blob(key.pair.public)
        self.member.ledger.append(
            "he-context-published",
            {
                "run_id": run_id,
                "context_digest": digest,
                "scheme": "ckks",
                "poly_modulus_degree": parameters.poly_modulus_degree,
                "coeff_bits": list(parameters.coeff_bits),
                "scale_bits": parameters.scale_bits,
                "security_bits": 128,
            },
        )

    def _key(self, run_id: str) -> _Key | None:
        """Return the key of a run; after a restart, from the vault."""
        with self._lock:  # it is not destroyed meanwhile
            if run_id not in self._keys:
                kept = self._vault.get(_KEPT_KEY + run_id)
                if kept is None:
                    return None
                record = decode(kept)
                self._keys[run_id] = _Key(
                    pair=KeyPair(
                        base64.b64decode(record["public"]), base64.b64decode(record["secret"])
                    ),
                    parameters=parameters_named(record["parameters"]),
                    requester=record["requester"],
                    made=parse_time(record["made"]),
                    n_refused=record["n_refused"],
                )
            return self._keys[run_id]

    def _keep(self, run_id: str, key: _Key) -> None:
        """Keep a run's key, encrypted at rest, before anybody can encrypt under it."""
        record = {
            "made": format_time(key.made),
            "n_refused": key.n_refused,
            "parameters": key.parameters.name,
            "public": base64.b64encode(key.pair.public).decode(),
            "requester": key.requester,
            "secret": base64.b64encode(key.pair.secret).decode(),
        }
        self._vault.put(_KEPT_KEY + run_id, encode(record))

    def open(self, run_id: str, request: dict[str, Any]) -> None:
        """Open the newest aggregate of a run and release its function, or refuse and say the rule.

        Parameters
        ----------
        run_id : str
            The run.
        request : dict
            ``aggregated`` (entry id) and ``blobs`` (pairs of party and digest of its blob).

        Notes
        -----
        Every refusal is an ``opening-refused`` entry with the rule's name; after three the key of
        the run is destroyed.
        """
        aggregated = str(request.get("aggregated"))
        if aggregated not in self.member.ledger.state.entry_index:
            self.member.ledger.refresh()
        run = self.member.ledger.state.runs.get(run_id)
        if run is None or run.status != "started":
            return
        key = self._key(run_id)
        if key is None:
            return
        try:
            self._check_requester(run, key)
            self._heads.hear(deadline=time.monotonic() + _QUORUM_S)
            attempt = self._vouched(run, aggregated)
            if attempt.opened is None:
                with named("the sum of a round", party=self.name):
                    document = self._open(run, key, attempt, request.get("blobs"))
                self._publish(run, attempt, document)
            # Asked again for what is open already, the same release goes out again.
            self._send(run, attempt)
        except FrontUnreachableError:
            raise
        except (PartyError, LedgerError) as error:
            if self.member.ledger.leaving.is_set():
                return
            told = error if isinstance(error, PartyError) else as_told(error, party=self.name)
            self._refuse(run, key, aggregated, told)

    def _check_requester(self, run: RunState, key: _Key) -> None:
        """Refuse a run of another member than the one that asked: anyone can cite a context."""
        if run.requester != key.requester:
            raise WireError(
                "the run's context was made for another requester",
                party=run.requester,
                expected="a run proposed by the member that asked for the context",
                found="one that somebody else proposed",
                remedy="ask for a context of your own: run the job again",
            )

    def _open(
        self, run: RunState, key: _Key, attempt: AttemptState, blobs: object
    ) -> dict[str, Any]:
        """Form the sum, compare it with the coordinator's, open it, apply the release function."""
        kept = self._kept(run, attempt)
        if kept is not None:
            return dict(kept["document"])
        course = self._course(run, key)
        check_input(run, attempt, course, party=self.member.name)
        roster = attempt.roster
        check_roster(self.policy, course.task, roster)
        contributions = self._contributions(attempt, blobs, key, course)
        tensor = course.tensor()
        total = self.engine.add(
            key.parameters, key.pair.public, contributions, length=tensor.n_slots
        )
        assert attempt.aggregated is not None
        formed = payload_digest({tensor.name: total})
        claimed = attempt.aggregated.data["aggregate_digest"]
        if formed != claimed:
            raise ForgedAggregateError(
                "the coordinator's aggregate is not the sum of the committed contributions",
                party=self.member.role("coordinator"),
                expected=f"digest {formed[:12]}",
                found=f"digest {claimed[:12]}",
                remedy="nothing was opened; ask the coordinator's operator to explain the entry",
            )
        slots = self.engine.open(
            key.parameters,
            key.pair.secret,
            total,
            length=tensor.n_slots,
            n_parties=len(roster),
        )
        opened = tensor.dequantise(slots, key.parameters.modulus_bits, n_parties=len(roster))
        self._check_row_count(attempt, course, int(opened["n"][0]))
        sums = {name: tensor.to_float(name, values) for name, values in opened.items()}
        memory = self._remembered(run.run_id, attempt.round - 1)
        document = release(course, sums, memory)
        self._remember(run.run_id, attempt.round, memory)
        return document

    def _remembered(self, run_id: str, number: int) -> Memory:
        """Return what the release function of a round kept for the next."""
        kept = self._vault.get(f"{_KEPT_SUMS}{run_id}.{number}")
        return {} if kept is None else memories.unpack(kept)

    def _remember(self, run_id: str, number: int, memory: Memory) -> None:
        """Keep it, encrypted at rest; what is older than the round before dies here."""
        if memory:
            self._vault.put(f"{_KEPT_SUMS}{run_id}.{number}", memories.pack(memory))
        self._vault.delete(f"{_KEPT_SUMS}{run_id}.{number - 2}")

    def _kept(self, run: RunState, attempt: AttemptState) -> dict[str, Any] | None:
        """Return the release that was made for an attempt's aggregate, if any."""
        assert attempt.aggregated is not None
        kept = self._vault.get(f"release.{run.run_id}.{attempt.round}")
        if kept is None:
            return None
        record: dict[str, Any] = decode(kept)
        return record if record["aggregated"] == attempt.aggregated.entry_id else None

    def _course(self, run: RunState, key: _Key) -> Course[Any]:
        """Return the run's public course: the task, checked once, and every release so far."""
        if key.course is None:
            task = parse_task(self.member.front.get_blob(run.proposal["request_digest"]))
            check_proposal(task, run.proposal, policy=self.policy)
            key.course = course_of(task)
        for opened in run.opened[len(key.course.history) :]:
            kept = self._vault.get(f"release.{run.run_id}.{opened.data['round']}")
            if kept is None:
                raise InputNotReleasedError(
                    "the key holder does not hold a release that stands in the ledger",
                    party=self.member.name,
                    expected=f"the release of round {opened.data['round']}",
                    found="none in its vault",
                    remedy="its state folder was restored from an old copy: fail the run",
                )
            key.course.absorb(decode(kept)["document"])
        return key.course

    def _vouched(self, run: RunState, aggregated: str) -> AttemptState:
        """Return the attempt behind an aggregate that stands under a quorum checkpoint."""
        attempt = next(
            (a for a in run.rounds if a.aggregated and a.aggregated.entry_id == aggregated), None
        )
        if attempt is None or attempt.aggregated is None:
            raise WireError(
                "an opening was asked for an aggregate that the ledger does not hold",
                expected="a round-aggregated entry of this run",
                found="none in the key holder's verified ledger",
                remedy="nothing was opened",
            )
        self.member.ledger.witnessed(
            attempt.aggregated.index, deadline=time.monotonic() + _QUORUM_S
        )
        return attempt

    def _contributions(
        self, attempt: AttemptState, blobs: object, key: _Key, course: Course[Any]
    ) -> dict[str, tuple[bytes, ...]]:
        """Fetch every rostered contribution and compare it with its author's signed digest."""
        roster = set(attempt.roster)
        digests = _pairs(blobs)
        if set(digests) != roster:
            raise WireError(
                "an opening names other contributions than the attempt's roster",
                expected=", ".join(sorted(roster)),
                found=", ".join(sorted(digests)) or "nothing",
                remedy="nothing was opened",
            )
        found: dict[str, tuple[bytes, ...]] = {}
        n = key.parameters.n_ciphertexts(course.tensor().n_slots)
        for name in sorted(roster):
            packed = self.member.front.get_blob(digests[name])
            ciphertexts = unpack_ciphertexts(packed, n, MAX_PAYLOAD_BYTES)
            digest = payload_digest({course.tensor().name: ciphertexts})
            if digest != attempt.contributions[name].data["payload_digest"]:
                raise MalformedMessageError(
                    f"the bytes offered as {name}'s contribution are not what it committed to",
                    party=name,
                    expected=f"digest {attempt.contributions[name].data['payload_digest'][:12]}",
                    found=f"digest {digest[:12]}",
                    remedy="nothing was opened; run the job again",
                )
            found[name] = ciphertexts
        return found

    def _check_row_count(self, attempt: AttemptState, course: Course[Any], n: int) -> None:
        """Compare the opened row total with the sum of the committed row counts (crypto.md 1)."""
        deadline = time.monotonic() + _QUORUM_S
        total = 0
        for name, contribution in attempt.contributions.items():
            commitment = contribution.data["commits"]["n_rows"]

            def opens(letter: Letter, name: str = name, commitment: str = commitment) -> bool:
                body = letter.body
                return (
                    (letter.kind, letter.sender) == (ROW_COUNT, name)
                    and body.get("attempt") == attempt.entry_id
                    and type(body.get("n_rows")) is int
                    and open_commitment(commitment, str(body.get("salt")), "n_rows", body["n_rows"])
                )

            letter = self.member.mailbox.wait(opens, deadline=deadline)
            if letter is None:
                raise WireError(
                    "a party's committed row count was not opened to the key holder",
                    party=name,
                    expected="the opening of its n_rows commitment",
                    found="none, or another number",
                    remedy="nothing was released; restart that party",
                )
            total += int(letter.body["n_rows"])
        if total != n or course.n_train not in (0, n):
            raise PrecisionError(
                "the opened row total is not the sum of the committed row counts",
                expected="equal totals",
                found="different ones",
                remedy="nothing was released; a party computed on other rows than it committed to",
            )

    def _publish(self, run: RunState, attempt: AttemptState, document: dict[str, Any]) -> None:
        """Keep the release, then append ``round-opened``."""
        assert attempt.aggregated is not None
        kept = self._kept(run, attempt)
        if kept is None:
            commitment, salt = commit("result", document)
            kept = {
                "aggregated": attempt.aggregated.entry_id,
                "commitment": commitment,
                "document": document,
                "salt": salt,
            }
            self._vault.put(f"release.{run.run_id}.{attempt.round}", encode(kept))
        self.member.ledger.append(
            "round-opened",
            {
                "run_id": run.run_id,
                "round": attempt.round,
                "aggregated": attempt.aggregated.entry_id,
                "aggregate_digest": attempt.aggregated.data["aggregate_digest"],
                "n_parties": len(attempt.roster),
                "phase": attempt.phase,
                "group": attempt.group,
                "healthy": True,
                "rules_passed": ["cells", "input-released", "roster", "row-count"],
                "outcome": document["outcome"],
                "commits": {"result": kept["commitment"]},
            },
        )

    def _send(self, run: RunState, attempt: AttemptState) -> None:
        """Wait for the quorum over ``round-opened``; only then seal and send the release."""
        kept = self._kept(run, attempt)
        if kept is None or attempt.opened is None:
            return
        self.member.ledger.witnessed(attempt.opened.index, deadline=time.monotonic() + _QUORUM_S)
        self._heads.keep()
        opened = attempt.opened.entry_id
        parties = self.member.ledger.state.parties

        def send(recipient: str) -> None:
            if recipient not in parties:
                return  # it has left the federation
            blob = seal_release(
                kept["document"],
                kept["salt"],
                run_id=run.run_id,
                opened=opened,
                recipient=recipient,
                mask_key=parties[recipient].mask_key,
            )
            body = {"opened": opened, **packed(self.member, blob)}
            self.member.mailbox.send(recipient, RELEASE, body, run_id=run.run_id)

        # Side by side: every party waits for its own, and the last would wait for all the others.
        with ThreadPoolExecutor(SENDERS, thread_name_prefix="release") as pool:
            list(pool.map(send, dict.fromkeys([*attempt.roster, run.requester])))

    def _refuse(self, run: RunState, key: _Key, aggregated: str, error: PartyError) -> None:
        """Write the rule, tell the requester, and count."""
        _LOG.warning("an opening of run %s was refused: %s", run.run_id, error)
        key.n_refused += 1
        # Counted before it is told: whoever does not let it be told gains no further try.
        if key.n_refused >= MAX_REFUSALS:
            self.destroy(run.run_id)
        else:
            self._keep(run.run_id, key)
        body = describe(error, party=self.member.name if isinstance(error, MachineError) else "")
        self.member.mailbox.send(run.requester, FAILED, body, run_id=run.run_id)
        about = aggregated if len(aggregated) == 64 else run.proposal_id
        try:
            self.member.ledger.append(
                "opening-refused", {"about": about, "rule": type(error).__name__}
            )
        except LedgerError as rejected:
            self.member.rejected.append(rejected)

    def close(self) -> None:
        """Destroy every key and end the engine's child process."""
        self._keys.clear()
        self.engine.close()


_QUORUM_S = 30.0

_KEPT_KEY = "key."
"""Prefix of the vault's names of run keys."""

_KEPT_SUMS = "sums."
"""Prefix of the vault's names of what a release function keeps for the next round."""

_RUN_ID = re.compile(r"[a-z0-9-]{1,64}")
"""A run's id as the ledger takes it."""


def _pairs(value: object) -> dict[str, str]:
    """Read pairs of texts; anything else is no pair at all."""
    if not isinstance(value, list):
        return {}
    return {
        pair[0]: pair[1]
        for pair in value
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(x, str) for x in pair)
    }
