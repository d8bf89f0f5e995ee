"""Rules for what comes of queries and runs: reports, batches of facts, actions, retired models."""

from collections.abc import Mapping

from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.incoming import Incoming, Rule
from fedcredit_ledger.state import State
from fedcredit_ledger.state_services import ActionState


def report_issued(state: State, incoming: Incoming) -> None:
    """Let those who hold an answer, or a run's result, report on it to one reader."""
    data = incoming.data
    if ("query_id" in data) == ("run_id" in data):
        raise RejectedEntryError("malformed", "a report is about a query_id or a run_id")
    if data["report_id"] in state.services.reports:
        raise RejectedEntryError("duplicate-id", "there is a report with this id")
    if incoming.author not in _who_knows(state, incoming):
        raise RejectedEntryError(
            "not-permitted", "a report is issued by who asked, or by the key holder"
        )
    readers = incoming.entry.readers
    if incoming.author not in readers or len(readers) > 2:
        raise RejectedEntryError("malformed", "the readers of a report are issuer and recipient")
    state.services.reports[data["report_id"]] = incoming.act


def _who_knows(state: State, incoming: Incoming) -> tuple[str, str]:
    """Return the two parties that know what the report is about, once there is something."""
    data = incoming.data
    if "query_id" in data:
        query = state.services.queries.get(data["query_id"])
        if query is None:
            raise RejectedEntryError("no-such-reference", "there is no such query")
        if query.answered is None:
            raise RejectedEntryError("wrong-phase", "the query is not answered")
        return query.asker, query.key_holder
    run = state.runs.get(data["run_id"])
    if run is None:
        raise RejectedEntryError("no-such-reference", "there is no such run")
    if run.status == "failed" or not run.opened:
        raise RejectedEntryError("wrong-phase", "the run has no result")
    return run.requester, run.key_holder


def facts_sealed(state: State, incoming: Incoming) -> None:
    """Let a holder fix a batch of facts for itself, each batch once."""
    incoming.demand_role(state, "data-holder")
    incoming.demand_readers(incoming.author)
    root = incoming.data["batch_root"]
    if root in state.services.fact_batches:
        raise RejectedEntryError("duplicate-id", "this batch is sealed already")
    state.services.fact_batches.add(root)


def action_taken(state: State, incoming: Incoming) -> None:
    """Let a holder say for itself that it acted on an alert."""
    incoming.demand_role(state, "data-holder")
    incoming.demand_readers(incoming.author)
    if incoming.data["action_id"] in state.services.actions:
        raise RejectedEntryError("duplicate-id", "there is an action with this id")
    state.services.actions[incoming.data["action_id"]] = ActionState(
        taken=incoming.act, author=incoming.author
    )


def action_lifted(state: State, incoming: Incoming) -> None:
    """Let whoever took an action end it, once."""
    action = state.services.actions.get(incoming.data["action_id"])
    if action is None:
        raise RejectedEntryError("no-such-reference", "there is no such action")
    if action.author != incoming.author:
        raise RejectedEntryError("not-permitted", f"the action is {action.author}'s")
    incoming.demand_readers(incoming.author)
    if action.lifted is not None:
        raise RejectedEntryError("duplicate-id", "the action is lifted")
    action.lifted = incoming.act


def model_retired(state: State, incoming: Incoming) -> None:
    """Let whoever registered a version of a model take it out of use, once."""
    data = incoming.data
    model = state.models.get((data["model_id"], data["version"]))
    if model is None:
        raise RejectedEntryError("no-such-reference", "this version of the model is not registered")
    if model.author != incoming.author:
        raise RejectedEntryError("not-permitted", f"the model is {model.author}'s")
    if model.retired is not None:
        raise RejectedEntryError("duplicate-id", "this version of the model is retired")
    model.retired = incoming.act


RULES: Mapping[str, Rule] = {
    "report-issued": report_issued,
    "facts-sealed": facts_sealed,
    "action-taken": action_taken,
    "action-lifted": action_lifted,
    "model-retired": model_retired,
}
"""Entry type -> its rule."""
