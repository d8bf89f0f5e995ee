"""Rules for runs and rounds: what must have happened before a sum may be opened.

The order is proposed, approved by each holder, started, then for each round attempted, contributed
by the whole roster, aggregated, opened; or abandoned and attempted again. An opening happens at
most once for (run, round, phase, group), whatever the attempt, and every attempt is evaluated at
what the previous opening released.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping

from fedcredit_ledger.canonical import encode
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.incoming import Incoming, Rule
from fedcredit_ledger.quorum import is_endorsed
from fedcredit_ledger.rules_grants import demand_grants_root, demand_live_grants
from fedcredit_ledger.rules_sealed import demand_live_batch
from fedcredit_ledger.state import (
    ApprovalState,
    AttemptState,
    BatchState,
    GrantState,
    MaskKeyState,
    RunState,
    State,
)
from fedcredit_ledger.state_services import ModelState

DIFFERENCING = "roster-differencing"
"""`act_type` of the endorsement that lets a second roster be opened over the same cohort."""


def differencing_digest(run_id: str) -> str:
    """Return the `act_digest` by which a party endorses that a run's roster differs.

    Parameters
    ----------
    run_id : str
        The run that comes second.
    """
    return hashlib.sha256(encode([DIFFERENCING, {"run_id": run_id}])).hexdigest()


def he_context_published(state: State, incoming: Incoming) -> None:
    """Let a key holder publish one context for a run that is about to be proposed."""
    incoming.demand_role(state, "key-holder")
    run_id = incoming.data["run_id"]
    if run_id in state.contexts or run_id in state.runs:
        raise RejectedEntryError("duplicate-id", "the run has a context already")
    state.contexts[run_id] = (incoming.act, incoming.author)


def run_proposed(state: State, incoming: Incoming) -> None:
    """Let anyone ask; the context, the policy and the parties must exist."""
    data = incoming.data
    run_id = data["run_id"]
    if run_id in state.runs:
        raise RejectedEntryError("duplicate-id", "there is a run with this id")
    context = state.contexts.get(run_id)
    if context is None or context[0].data["context_digest"] != data["he_context_digest"]:
        raise RejectedEntryError("no-such-reference", "the context is not published for this run")
    if data["disclosure_policy_digest"] != state.disclosure_digest:
        raise RejectedEntryError("not-endorsed", "the federation has another disclosure policy")
    for name in data["parties"]:
        party = state.parties.get(name)
        if party is None or "data-holder" not in party.roles:
            raise RejectedEntryError("no-such-reference", f"{name} is no data holder")
    least = max(data["min_parties"], state.founding["min_parties"])
    if data["min_parties"] < least or len(data["parties"]) < least:
        raise RejectedEntryError("roster-too-small", f"a run needs at least {least} parties")
    incoming.demand_before(data["valid_until"], "the proposal's end")
    state.runs[run_id] = RunState(
        run_id=run_id,
        proposal_id=incoming.entry_id,
        proposal=data,
        proposed_index=incoming.index,
        requester=incoming.author,
        key_holder=context[1],
        context=context[0],
    )


def run_approved(state: State, incoming: Incoming) -> None:
    """Let each named holder answer once, an approval citing live grants and a fresh mask key."""
    data = incoming.data
    run = _run(state, incoming)
    if run.status != "proposed":
        raise RejectedEntryError("wrong-phase", "the run has started")
    if data["proposal"] != run.proposal_id:
        raise RejectedEntryError("no-such-reference", "that is not the run's proposal")
    if incoming.author not in run.proposal["parties"]:
        raise RejectedEntryError("not-in-roster", f"{incoming.author} was not asked")
    if incoming.author in run.approvals:
        raise RejectedEntryError("duplicate-id", f"{incoming.author} has answered")
    incoming.demand_before(run.proposal["valid_until"], "the proposal's end")
    approves = data["decision"] == "approve"
    if approves:
        if "mask_epk" not in data or not {"grant_ids", "grants_root"} & set(data):
            raise RejectedEntryError(
                "malformed", "an approval cites grant_ids or a grants_root, and a mask_epk"
            )
        _demand_fresh_key(state, data["mask_epk"])
        _demand_grants(state, incoming, run)
    run.approvals[incoming.author] = ApprovalState(
        entry_id=incoming.entry_id,
        index=incoming.index,
        decision=data["decision"],
        grant_ids=tuple(data.get("grant_ids", ())),
        mask_epk=data.get("mask_epk", ""),
        grants_root=data.get("grants_root", ""),
    )
    if approves:
        _publish_key(state, run, incoming)


def run_started(state: State, incoming: Incoming) -> None:
    """Let the coordinator start with holders that approved, naming their approvals."""
    incoming.demand_role(state, "coordinator")
    run = _run(state, incoming)
    data = incoming.data
    roster = tuple(data["roster"])
    if run.status != "proposed":
        raise RejectedEntryError("wrong-phase", "the run has started before")
    incoming.demand_before(run.proposal["valid_until"], "the proposal's end")
    least = _least_parties(run)
    if len(roster) < least:
        raise RejectedEntryError("roster-too-small", f"the run needs at least {least} parties")
    expected = set()
    for name in roster:
        approval = run.approvals.get(name)
        if approval is None or approval.decision != "approve":
            raise RejectedEntryError("not-approved", f"{name} has not approved the run")
        expected.add(approval.entry_id)
    if set(data["approvals"]) != expected:
        raise RejectedEntryError("not-approved", "the approvals named are not those of the roster")
    newest = max(run.approvals[name].index for name in roster)
    incoming.demand_witnessed(max(newest, run.proposed_index), "the newest approval")
    assets = frozenset(
        asset for name in roster for asset in _assets_of(state, name, run.approvals[name])
    )
    _demand_no_differencing(state, incoming, run, roster, assets)
    run.status, run.started, run.roster, run.assets = "started", incoming.entry_id, roster, assets


def round_attempted(state: State, incoming: Incoming) -> None:
    """Let an attempt begin where the last opening left off, with a roster that may not shrink."""
    incoming.demand_role(state, "coordinator")
    run = _started(state, incoming)
    data = incoming.data
    place = (data["phase"], data["group"])
    roster = tuple(data["roster"])
    if data["phase"] not in run.proposal["phases"] or data["group"] not in run.proposal["groups"]:
        raise RejectedEntryError("wrong-phase", "the run did not declare this phase or group")
    if data["round"] > run.proposal["max_rounds"]:
        raise RejectedEntryError("wrong-phase", "the run declared fewer rounds")
    if run.attempt(data["round"], data["attempt"]) is not None:
        raise RejectedEntryError("duplicate-id", "this attempt was made before")
    if (run.run_id, data["round"], *place) in state.opening_keys:
        raise RejectedEntryError("already-opened", "this round, phase and group is opened")
    if any(a.is_live and a.group == data["group"] for a in run.rounds):
        raise RejectedEntryError("wrong-phase", "another attempt of this group is under way")
    if (*place, data["input_digest"]) in run.opened_inputs:
        raise RejectedEntryError("input-repeated", "a sum at this input was opened in this run")
    if data["input_digest"] != run.next_input:
        raise RejectedEntryError(
            "input-not-released", "the input is not what the previous opening released"
        )
    _demand_roster(run, roster)
    incoming.demand_before(data["deadline"], "the attempt's deadline")
    attempt = AttemptState(
        entry_id=incoming.entry_id,
        index=incoming.index,
        author=incoming.author,
        round=data["round"],
        attempt=data["attempt"],
        phase=data["phase"],
        group=data["group"],
        roster=roster,
        input_digest=data["input_digest"],
        deadline=data["deadline"],
        mask_epks={name: _newest_unused(run.mask_keys[name]) for name in roster},
    )
    run.rounds.append(attempt)
    state.attempts[incoming.entry_id] = (run.run_id, attempt)


def round_contributed(state: State, incoming: Incoming) -> None:
    """Let a rostered party commit to its ciphertext, under live grants, with its next mask key."""
    run = _started(state, incoming)
    data = incoming.data
    attempt = _attempt(run, incoming)
    name = incoming.author
    if name not in attempt.roster:
        raise RejectedEntryError("not-in-roster", f"{name} is not in the attempt's roster")
    if not attempt.is_live:
        raise RejectedEntryError("wrong-phase", "the attempt is over")
    if name in attempt.contributions:
        raise RejectedEntryError("already-contributed", f"{name} has contributed")
    incoming.demand_before(attempt.deadline, "the attempt's deadline")
    if data["input_digest"] != attempt.input_digest:
        raise RejectedEntryError("input-not-released", "the attempt has another input")
    if data["he_context_digest"] != run.proposal["he_context_digest"]:
        raise RejectedEntryError("no-such-reference", "the run has another context")
    for other in attempt.contributions.values():
        if other.data["roster_digest"] != data["roster_digest"]:
            raise RejectedEntryError("roster-changed", "another party has another roster")
    _demand_fresh_key(state, data["mask_epk"])
    approval = run.approvals[name]
    if not set(data.get("grant_ids", ())) <= set(approval.grant_ids):
        raise RejectedEntryError("grant-scope", "a grant that the approval did not cite")
    if "grant_ids" not in data and data["grants_root"] != approval.grants_root:
        raise RejectedEntryError("grant-scope", "a batch that the approval did not cite")
    grants, batch = _demand_grants(state, incoming, run)
    for grant in grants:
        grant.used_by.add(run.run_id)
        grant.n_rounds += 1
    if batch is not None:
        batch.used_by.add(run.run_id)
    attempt.contributions[name] = incoming.act
    for key in run.mask_keys[name]:
        key.used = key.used or key.epk == attempt.mask_epks[name]
    _publish_key(state, run, incoming)
    if attempt.is_committed and run.frozen_roster is None:
        run.frozen_roster = attempt.roster


def round_aggregated(state: State, incoming: Incoming) -> None:
    """Let the coordinator name exactly the committed contributions of the whole roster."""
    incoming.demand_role(state, "coordinator")
    run = _started(state, incoming)
    attempt = _attempt(run, incoming)
    if attempt.aggregated is not None:
        raise RejectedEntryError("already-aggregated", "the attempt is aggregated")
    if not attempt.is_live:
        raise RejectedEntryError("wrong-phase", "the attempt is over")
    if not attempt.is_committed:
        raise RejectedEntryError("too-few-contributions", "the roster has not all contributed")
    committed = {act.entry_id for act in attempt.contributions.values()}
    if set(incoming.data["contributions"]) != committed:
        raise RejectedEntryError(
            "aggregate-mismatch", "the contributions named are not those of the attempt"
        )
    attempt.aggregated = incoming.act
    state.aggregates[incoming.entry_id] = (run.run_id, attempt)


def round_abandoned(state: State, incoming: Incoming) -> None:
    """Let the coordinator give an attempt up; nobody is missing who has committed."""
    incoming.demand_role(state, "coordinator")
    run = _started(state, incoming)
    attempt = run.attempt(incoming.data["round"], incoming.data["attempt"])
    if attempt is None:
        raise RejectedEntryError("no-such-reference", "there is no such attempt")
    if not attempt.is_live:
        raise RejectedEntryError("wrong-phase", "the attempt is over")
    for name in incoming.data["missing"]:
        if name not in attempt.roster:
            raise RejectedEntryError("not-in-roster", f"{name} is not in the attempt's roster")
        if name in attempt.contributions:
            raise RejectedEntryError("not-missing", f"{name}'s contribution is committed")
    attempt.abandoned = incoming.act


def round_opened(state: State, incoming: Incoming) -> None:
    """Let the run's key holder open one aggregate of (run, round, phase, group), once."""
    incoming.demand_role(state, "key-holder")
    data = incoming.data
    run = _started(state, incoming)
    if incoming.author != run.key_holder:
        raise RejectedEntryError("not-permitted", f"the run's key holder is {run.key_holder}")
    key = (run.run_id, data["round"], data["phase"], data["group"])
    if key in state.opening_keys:
        raise RejectedEntryError("already-opened", "this round, phase and group is opened")
    found = state.aggregates.get(data["aggregated"])
    if found is None or found[0] != run.run_id:
        raise RejectedEntryError("no-such-reference", "there is no such aggregate in the run")
    attempt = found[1]
    aggregated = attempt.aggregated
    if not attempt.is_live or aggregated is None:
        raise RejectedEntryError("wrong-phase", "the attempt is over")
    if (attempt.phase, attempt.group, attempt.input_digest) in run.opened_inputs:
        raise RejectedEntryError("input-repeated", "a sum at this input was opened in this run")
    if (
        key[1:] != attempt.key
        or data["aggregate_digest"] != aggregated.data["aggregate_digest"]
        or data["n_parties"] != len(attempt.roster)
    ):
        raise RejectedEntryError("aggregate-mismatch", "the opening describes another aggregate")
    if not data["healthy"]:
        raise RejectedEntryError("unhealthy-opening", "an unhealthy sum is not opened")
    incoming.demand_witnessed(aggregated.index, "the aggregate")
    _demand_no_differencing(state, incoming, run, attempt.roster, run.assets)
    _spend(state, attempt, data.get("epsilon_spent_micro", 0))
    attempt.opened = incoming.act
    run.opened.append(incoming.act)
    run.opened_roster = attempt.roster
    run.opened_inputs.add((attempt.phase, attempt.group, attempt.input_digest))
    state.opening_keys[key] = incoming.entry_id


def _spend(state: State, attempt: AttemptState, epsilon_micro: int) -> None:
    grants = {
        grant_id
        for act in attempt.contributions.values()
        for grant_id in act.data.get("grant_ids", ())
    }
    for grant_id in grants:
        budget = state.grants[grant_id].epsilon_micro
        spent = state.grants[grant_id].epsilon_spent_micro + epsilon_micro
        if budget is not None and spent > budget:
            raise RejectedEntryError("grant-exhausted", f"grant {grant_id}: privacy budget spent")
    for grant_id in grants:
        state.grants[grant_id].epsilon_spent_micro += epsilon_micro


def opening_refused(state: State, incoming: Incoming) -> None:
    """Let a key holder say which rule stopped an opening; never the value that broke it."""
    incoming.demand_role(state, "key-holder")
    _refusal(state, incoming)


def disclosure_refused(state: State, incoming: Incoming) -> None:
    """Let a holder object to what was, or would be, released."""
    incoming.demand_role(state, "data-holder")
    _refusal(state, incoming)


def _refusal(state: State, incoming: Incoming) -> None:
    if incoming.data["about"] not in state.entry_index:
        raise RejectedEntryError("no-such-reference", "a refusal names an entry of the ledger")
    state.refusals.append(incoming.act)


def run_finished(state: State, incoming: Incoming) -> None:
    """Let the coordinator close a run; the number of openings must be right."""
    incoming.demand_role(state, "coordinator")
    run = _started(state, incoming)
    if incoming.data["n_rounds"] != len(run.opened):
        raise RejectedEntryError("malformed", f"n_rounds is the {len(run.opened)} openings")
    run.status, run.finished = "finished", incoming.act


def run_failed(state: State, incoming: Incoming) -> None:
    """Let the coordinator close a run that cannot go on, with the error's class name."""
    incoming.demand_role(state, "coordinator")
    run = _run(state, incoming)
    run.status, run.failed, run.failure = "failed", incoming.act, incoming.data["error"]


def model_registered(state: State, incoming: Incoming) -> None:
    """Let a party register a model of a run that opened something and did not fail."""
    data = incoming.data
    run = state.runs.get(data["run_id"])
    if run is None:
        raise RejectedEntryError("no-such-reference", "there is no such run")
    if run.status == "failed" or not run.opened:
        raise RejectedEntryError("wrong-phase", "the run has no result")
    if (data["model_id"], data["version"]) in state.models:
        raise RejectedEntryError("duplicate-id", "this version of the model is registered")
    state.models[data["model_id"], data["version"]] = ModelState(
        registered=incoming.act, author=incoming.author
    )


def _run(state: State, incoming: Incoming) -> RunState:
    run = state.runs.get(incoming.data["run_id"])
    if run is None:
        raise RejectedEntryError("no-such-reference", "there is no such run")
    if run.status in ("finished", "failed"):
        raise RejectedEntryError("run-over", f"the run has {run.status}")
    return run


def _started(state: State, incoming: Incoming) -> RunState:
    run = _run(state, incoming)
    if run.status != "started":
        raise RejectedEntryError("wrong-phase", "the run has not started")
    return run


def _attempt(run: RunState, incoming: Incoming) -> AttemptState:
    data = incoming.data
    attempt = run.attempt(data["round"], data["attempt"])
    if attempt is None or attempt.key != (data["round"], data["phase"], data["group"]):
        raise RejectedEntryError("no-such-reference", "there is no such attempt")
    return attempt


def _demand_roster(run: RunState, roster: tuple[str, ...]) -> None:
    """Decisions 6: fixed after the first full commitment; before it two thirds of all asked."""
    if run.frozen_roster is not None:
        if roster != run.frozen_roster:
            raise RejectedEntryError("roster-changed", "the run's roster is fixed by now")
        return
    if not set(roster) <= set(run.roster):
        raise RejectedEntryError("not-in-roster", "a party that the run was not started with")
    least = _least_parties(run)
    if len(roster) < least:
        raise RejectedEntryError("roster-too-small", f"an attempt needs at least {least} parties")


def _least_parties(run: RunState) -> int:
    """Return how many parties a roster has: a victim and two friends are no fifteen banks.

    Two thirds are counted over the parties that were asked. Counted over the roster of the step
    before, a start and an attempt would shrink fifteen to ten and ten to seven.
    """
    two_thirds = math.ceil(2 * len(run.proposal["parties"]) / 3)
    return max(int(run.proposal["min_parties"]), two_thirds)


def _demand_grants(
    state: State, incoming: Incoming, run: RunState
) -> tuple[list[GrantState], BatchState | None]:
    """Return the grants that are cited, or the sealed batch with the root in their place."""
    data, purpose = incoming.data, run.proposal["purpose"]
    if "grant_ids" not in data:
        batch = demand_live_batch(
            state, incoming, data["grants_root"], grantee=run.requester, purpose=purpose
        )
        return [], batch
    grants = demand_live_grants(
        state,
        incoming,
        data["grant_ids"],
        grantee=run.requester,
        purpose=purpose,
        run_id=run.run_id,
    )
    if "grants_root" in data:
        demand_grants_root(grants, data["grants_root"])
    return grants, None


def _assets_of(state: State, name: str, approval: ApprovalState) -> Iterable[str]:
    """Yield the assets that a holder's approval rests on."""
    if not approval.grant_ids:
        yield from state.sealed[name, approval.grants_root].assets
    for grant_id in approval.grant_ids:
        yield from state.grants[grant_id].assets


def _demand_fresh_key(state: State, epk: str) -> None:
    if epk in state.mask_epks:
        raise RejectedEntryError("duplicate-id", "a mask key is published once")


def _publish_key(state: State, run: RunState, incoming: Incoming) -> None:
    epk = incoming.data["mask_epk"]
    state.mask_epks.add(epk)
    keys = run.mask_keys.setdefault(incoming.author, [])
    keys.append(MaskKeyState(epk=epk, index=incoming.index))


def _newest_unused(keys: Iterable[MaskKeyState]) -> str:
    return [key.epk for key in keys if not key.used][-1]


def _demand_no_differencing(
    state: State,
    incoming: Incoming,
    run: RunState,
    roster: tuple[str, ...],
    assets: frozenset[str],
) -> None:
    """Decisions 7: two sums over one cohort with and without a party are that party's data.

    What the two runs compute plays no part: a scorecard's bins less a survey's are its counts.
    """
    digest = differencing_digest(run.run_id)
    for other in state.runs.values():
        if other is run or other.opened_roster is None or not assets & other.assets:
            continue
        for name in sorted(set(roster) ^ set(other.opened_roster)):
            if not is_endorsed(state, incoming.received, name, DIFFERENCING, digest):
                raise RejectedEntryError(
                    DIFFERENCING,
                    f"run {other.run_id} over the same data was opened for another roster, and "
                    f"{name} has not endorsed the difference",
                )


RULES: Mapping[str, Rule] = {
    "he-context-published": he_context_published,
    "run-proposed": run_proposed,
    "run-approved": run_approved,
    "run-started": run_started,
    "round-attempted": round_attempted,
    "round-contributed": round_contributed,
    "round-aggregated": round_aggregated,
    "round-abandoned": round_abandoned,
    "round-opened": round_opened,
    "opening-refused": opening_refused,
    "disclosure-refused": disclosure_refused,
    "run-finished": run_finished,
    "run-failed": run_failed,
    "model-registered": model_registered,
}
"""Entry type -> its rule."""
