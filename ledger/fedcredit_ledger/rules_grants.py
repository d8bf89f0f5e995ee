"""Rules for data assets and grants: who may lend what, and whether a grant still holds."""

from collections.abc import Iterable, Mapping
from typing import Any

from fedcredit_ledger.authorization import EVERY, grant_leaf, lacking, root_over
from fedcredit_ledger.entry import parse_time
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.incoming import Incoming, Rule
from fedcredit_ledger.state import AssetState, GrantState, State

_SETS = ("categories", "columns", "holders", "assets", "operations")
_LATER = ("data_from", "valid_from")
_EARLIER = ("data_to", "valid_until")
_SMALLER = ("max_uses", "max_rounds", "epsilon_micro", "delta_nano")


def data_asset_registered(state: State, incoming: Incoming) -> None:
    """Let a holder register its own tables, each version once."""
    incoming.demand_role(state, "data-holder")
    data = incoming.data
    if not data["asset"].startswith(f"{incoming.author}/"):
        raise RejectedEntryError("not-permitted", f"an asset is named {incoming.author}/...")
    if (data["asset"], data["version"]) in state.asset_versions:
        raise RejectedEntryError("duplicate-id", "this version of the asset is registered already")
    state.asset_versions.add((data["asset"], data["version"]))
    state.assets[data["asset"]] = AssetState(
        name=data["asset"], holder=incoming.author, registered=incoming.act
    )


def data_asset_retired(state: State, incoming: Incoming) -> None:
    """Let a holder retire the newest version of its table; no grant on it alone holds after that.

    A later version may be registered; the grants hold again then, for they name the table.
    """
    data = incoming.data
    if (data["asset"], data["version"]) not in state.asset_versions:
        raise RejectedEntryError("no-such-reference", "this version of the asset is not registered")
    asset = state.assets.get(data["asset"])
    if asset is None or asset.registered.data["version"] != data["version"]:
        raise RejectedEntryError("wrong-phase", "this version is retired, or was replaced")
    if asset.holder != incoming.author:
        raise RejectedEntryError("not-permitted", f"{asset.name} belongs to {asset.holder}")
    del state.assets[data["asset"]]


def grant_issued(state: State, incoming: Incoming) -> None:
    """Let a holder grant the use of its own registered assets to a party, on a basis that holds."""
    incoming.demand_role(state, "data-holder")
    data = incoming.data
    demand_new_id(state, data["grant_id"])
    demand_own_assets(state, incoming)
    for name in data.get("holders", ()):
        party = state.parties.get(name)
        if party is None or "data-holder" not in party.roles:
            raise RejectedEntryError("no-such-reference", f"{name} is no data holder")
    if incoming.author not in data.get("holders", [incoming.author]):
        raise RejectedEntryError("grant-scope", f"{incoming.author} is not among its holders")
    wanting = lacking(data, issuer=incoming.author)
    if wanting:
        raise RejectedEntryError("grant-basis", wanting)
    limits = {name: data[name] for name in (*_SETS, *_LATER, *_EARLIER, *_SMALLER) if name in data}
    _demand_order(limits)
    grant = GrantState(
        grant_id=data["grant_id"],
        entry_id=incoming.entry_id,
        index=incoming.index,
        issuer=incoming.author,
        grantee=data["grantee"],
        purpose=data["purpose"],
        assets=(),
        operations=(),
        categories=(),
        valid_from="",
        valid_until="",
        max_uses=None,
        max_rounds=None,
        epsilon_micro=None,
        limits=limits,
        basis=data["basis"],
        of_subject="subject" in data.get("commits", {}),
    )
    _take_limits(grant)
    state.grants[data["grant_id"]] = grant


def demand_new_id(state: State, name: str) -> None:
    """Refuse an id that a grant or a sealed batch has."""
    if name in state.grants or name in state.batches:
        raise RejectedEntryError("duplicate-id", "there is a grant with this id")


def demand_own_assets(state: State, incoming: Incoming) -> None:
    """Refuse a grantee that is no party, and assets that are not the author's registered ones."""
    data = incoming.data
    if data["grantee"] not in state.parties:
        raise RejectedEntryError("no-such-reference", f"{data['grantee']} is no party")
    for name in data["assets"]:
        asset = state.assets.get(name)
        if asset is None:
            raise RejectedEntryError("no-such-reference", f"the asset {name!r} is not registered")
        if asset.holder != incoming.author:
            raise RejectedEntryError("not-permitted", f"{name} belongs to {asset.holder}")


def _demand_order(limits: Mapping[str, Any]) -> None:
    if limits["valid_from"] >= limits["valid_until"]:
        raise RejectedEntryError("malformed", "a grant ends after it begins")
    if limits.get("data_from", "") > limits.get("data_to", "9"):
        raise RejectedEntryError("malformed", "a grant's data window ends after it begins")


def _take_limits(grant: GrantState) -> None:
    limits = grant.limits
    grant.assets = tuple(limits["assets"])
    grant.operations = tuple(limits["operations"])
    grant.categories = tuple(limits.get("categories", ()))
    grant.columns = tuple(limits.get("columns", ()))
    grant.holders = tuple(limits.get("holders", ()))
    grant.data_from, grant.data_to = limits.get("data_from", ""), limits.get("data_to", "")
    grant.valid_from, grant.valid_until = limits["valid_from"], limits["valid_until"]
    grant.max_uses = limits.get("max_uses")
    grant.max_rounds = limits.get("max_rounds")
    grant.epsilon_micro = limits.get("epsilon_micro")


def grant_narrowed(state: State, incoming: Incoming) -> None:
    """Let the issuer take back a part of a grant; never the other way."""
    grant = _known(state, incoming)
    if grant.issuer != incoming.author:
        raise RejectedEntryError("not-permitted", f"the grant is {grant.issuer}'s")
    if grant.revoked:
        raise RejectedEntryError("grant-not-live", "the grant was revoked")
    changes = {name: value for name, value in incoming.data.items() if name != "grant_id"}
    if not changes:
        raise RejectedEntryError("malformed", "nothing of the grant is narrowed")
    for name, value in changes.items():
        if name in grant.limits and not _is_narrower(name, value, grant.limits[name]):
            raise RejectedEntryError("grant-widened", f"{name} would be wider than before")
        if name == "categories" and name not in grant.limits:
            raise RejectedEntryError("grant-widened", "the grant covers no category so far")
    _demand_order({**grant.limits, **changes})
    grant.limits.update(changes)
    if {"data_from", "data_to"} & set(changes):
        grant.window_index = incoming.index
    _take_limits(grant)


def _is_narrower(name: str, new: Any, old: Any) -> bool:
    if name in _SETS:
        return set(new) <= set(old) or (name == "categories" and EVERY in old)
    if name in _LATER:
        return bool(new >= old)
    return bool(new <= old)


def grant_revoked(state: State, incoming: Incoming) -> None:
    """Let the issuer, or a regulator, end a grant or a sealed batch; it does not come back."""
    batch = state.batches.get(incoming.data["grant_id"])
    if batch is None:
        grant = _known(state, incoming)
        issuer, was_revoked = grant.issuer, grant.revoked
    else:
        issuer, was_revoked = batch.holder, batch.revoked
    if issuer != incoming.author:
        incoming.demand_role(state, "regulator")
    if was_revoked:
        raise RejectedEntryError("grant-not-live", "the grant was revoked before")
    if batch is None:
        grant.revoked = True
    else:
        batch.revoked = True


def _known(state: State, incoming: Incoming) -> GrantState:
    grant = state.grants.get(incoming.data["grant_id"])
    if grant is None:
        raise RejectedEntryError("no-such-reference", "there is no such grant")
    return grant


def demand_live(state: State, incoming: Incoming, grant: GrantState, *, use: str) -> None:
    """Refuse unless a grant holds now, and has a use left when `use` is a new one.

    Parameters
    ----------
    use : str
        Name of what is counted as one use: a run, a query.
    """
    about = f"grant {grant.grant_id} of {grant.issuer}"
    if grant.revoked:
        raise RejectedEntryError("grant-not-live", f"{about} was revoked")
    if not any(name in state.assets for name in grant.assets):
        raise RejectedEntryError("grant-not-live", f"{about}: its tables are retired")
    if not parse_time(grant.valid_from) <= incoming.received < parse_time(grant.valid_until):
        raise RejectedEntryError("grant-not-live", f"{about} is expired or not yet valid")
    if grant.max_uses is not None and use not in grant.used_by and grant.n_used >= grant.max_uses:
        raise RejectedEntryError("grant-exhausted", f"{about} is used up")


def demand_live_grants(
    state: State,
    incoming: Incoming,
    grant_ids: Iterable[str],
    *,
    grantee: str,
    purpose: str,
    run_id: str,
) -> list[GrantState]:
    """Return the grants, all live and meant for this use, or refuse.

    Columns, categories, window, assets and operation are judged by the holder's own gate: the
    ledger sees digests.
    """
    grants = []
    for grant_id in grant_ids:
        grant = state.grants.get(grant_id)
        if grant is None:
            raise RejectedEntryError("no-such-reference", f"there is no grant {grant_id}")
        about = f"grant {grant_id} of {grant.issuer}"
        if grant.issuer != incoming.author:
            raise RejectedEntryError("grant-scope", f"{about} is not {incoming.author}'s")
        if grant.grantee != grantee or grant.purpose != purpose:
            raise RejectedEntryError("grant-scope", f"{about} is for another party or purpose")
        if incoming.author not in (grant.holders or (incoming.author,)):
            raise RejectedEntryError(
                "grant-scope", f"{about} does not let {incoming.author} answer"
            )
        demand_live(state, incoming, grant, use=run_id)
        if grant.max_rounds is not None and grant.n_rounds >= grant.max_rounds:
            raise RejectedEntryError("grant-exhausted", f"{about} has no rounds left")
        if grant.epsilon_micro is not None and grant.epsilon_spent_micro >= grant.epsilon_micro:
            raise RejectedEntryError("grant-exhausted", f"{about} has no privacy budget left")
        grants.append(grant)
    return grants


def demand_grants_root(grants: Iterable[GrantState], root: str) -> None:
    """Refuse a root that is not the one over exactly these grants."""
    if root_over(grant_leaf(grant.entry_id) for grant in grants) != root:
        raise RejectedEntryError("grants-root", "the root is not that over the grants cited")


RULES: Mapping[str, Rule] = {
    "data-asset-registered": data_asset_registered,
    "data-asset-retired": data_asset_retired,
    "grant-issued": grant_issued,
    "grant-narrowed": grant_narrowed,
    "grant-revoked": grant_revoked,
}
"""Entry type -> its rule."""
