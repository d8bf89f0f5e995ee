"""What follows from the entries so far: parties, grants, runs.

Plain records that `fedcredit_ledger.rules` fills. Whoever holds a verified copy of the ledger holds
the same state, and reads from it who may do what next. Read it; never write it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from fedcredit_ledger.act import Act as Act
from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.entry import Entry
from fedcredit_ledger.state_keys import HeadRule, KeyPeriod
from fedcredit_ledger.state_services import ModelState, OversightState, ServiceState


@dataclass(frozen=True, kw_only=True)
class PartyState:
    """A party and its keys.

    Attributes
    ----------
    name : str
    roles : tuple of str
    signing_vkey, recovery_vkey : str
        Verifier keys of type 1; empty when revoked.
    witness_vkey : str
        Verifier key of type 4; empty when the party is no witness, or it is revoked.
    node_key : str
        Key of Flower's node authentication.
    mask_key : str
        Static X25519 public key in hex.
    """

    name: str
    roles: tuple[str, ...]
    signing_vkey: str
    witness_vkey: str
    recovery_vkey: str
    node_key: str
    mask_key: str


@dataclass(frozen=True, kw_only=True)
class AssetState:
    """A registered table of a holder, newest version."""

    name: str
    holder: str
    registered: Act


@dataclass(kw_only=True)
class GrantState:
    """A grant as issued and narrowed, and how far it has been used.

    Attributes
    ----------
    columns : tuple of str
        Columns that may be used; every one when empty.
    holders : tuple of str
        Who may be asked; the issuer when empty.
    data_from, data_to : str
        First and last day of the data that may be used; open when empty.
    of_subject : bool
        It is one subject's, whom it commits to; otherwise it covers every row of its tables.
    window_index : int
        Leaf that narrowed the data window last; -1 while it is as issued.
    n_used : int
        Runs that contributed, and queries that were asked, under it.
    used_by : set of str
        Their ids; a query's behind the word ``query``.
    n_rounds, epsilon_spent_micro : int
        Contributions and privacy budget under it.
    """

    grant_id: str
    entry_id: str
    index: int
    issuer: str
    grantee: str
    purpose: str
    assets: tuple[str, ...]
    operations: tuple[str, ...]
    categories: tuple[str, ...]
    valid_from: str
    valid_until: str
    max_uses: int | None
    max_rounds: int | None
    epsilon_micro: int | None
    limits: dict[str, Any]
    columns: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    data_from: str = ""
    data_to: str = ""
    basis: str = "contract"
    of_subject: bool = False
    window_index: int = -1
    n_rounds: int = 0
    epsilon_spent_micro: int = 0
    used_by: set[str] = field(default_factory=set)
    revoked: bool = False

    @property
    def n_used(self) -> int:
        """Runs that contributed, and queries that were asked, under it."""
        return len(self.used_by)


@dataclass(kw_only=True)
class BatchState:
    """Authorizations of subjects, kept at their holder and sealed with one root.

    Attributes
    ----------
    used_by : set of str
        Ids of the runs that contributed under it.
    """

    batch_id: str
    entry_id: str
    index: int
    holder: str
    grantee: str
    purpose: str
    assets: tuple[str, ...]
    operations: tuple[str, ...]
    root: str
    valid_until: str
    used_by: set[str] = field(default_factory=set)
    revoked: bool = False


@dataclass(frozen=True, kw_only=True)
class ApprovalState:
    """One holder's answer to a proposed run.

    Attributes
    ----------
    grants_root : str
        Root of the sealed batch that it approves under, when it cites no grants.
    """

    entry_id: str
    index: int
    decision: str
    grant_ids: tuple[str, ...]
    mask_epk: str
    grants_root: str = ""


ContributionState = Act
"""A party's committed contribution."""


@dataclass(kw_only=True)
class MaskKeyState:
    """A fresh mask key that a party published; used once it has contributed under it."""

    epk: str
    index: int
    used: bool = False


@dataclass(kw_only=True)
class AttemptState:
    """One attempt at a round.

    Attributes
    ----------
    mask_epks : dict of str to str
        The mask key of each rostered party that is valid in this attempt.
    contributions : dict of str to Act
        By party.
    aggregated, opened, abandoned : Act or None
    """

    entry_id: str
    index: int
    author: str
    round: int
    attempt: int
    phase: str
    group: str
    roster: tuple[str, ...]
    input_digest: str
    deadline: str
    mask_epks: dict[str, str]
    contributions: dict[str, ContributionState] = field(default_factory=dict)
    aggregated: Act | None = None
    opened: Act | None = None
    abandoned: Act | None = None

    @property
    def is_live(self) -> bool:
        """Neither opened nor abandoned."""
        return self.opened is None and self.abandoned is None

    @property
    def is_committed(self) -> bool:
        """Every rostered party has committed its contribution."""
        return len(self.contributions) == len(self.roster)

    @property
    def key(self) -> tuple[int, str, str]:
        """Round, phase and group: opens at most once."""
        return (self.round, self.phase, self.group)


RunStatus = Literal["proposed", "started", "finished", "failed"]


@dataclass(kw_only=True)
class RunState:
    """A run from proposal to end.

    Attributes
    ----------
    frozen_roster : tuple of str or None
        Roster of the first attempt that was fully committed; no other is allowed after it.
    assets : frozenset of str
        Assets of the rostered parties' grants.
    rounds : list of AttemptState
        Attempts in order.
    opened : list of Act
        ``round-opened`` entries in order.
    failure : str
        Error class name of a failed run.
    """

    run_id: str
    proposal_id: str
    proposal: dict[str, Any]
    proposed_index: int
    requester: str
    key_holder: str
    context: Act | None
    status: RunStatus = "proposed"
    approvals: dict[str, ApprovalState] = field(default_factory=dict)
    started: str | None = None
    roster: tuple[str, ...] = ()
    frozen_roster: tuple[str, ...] | None = None
    assets: frozenset[str] = frozenset()
    rounds: list[AttemptState] = field(default_factory=list)
    opened: list[Act] = field(default_factory=list)
    opened_roster: tuple[str, ...] | None = None
    opened_inputs: set[tuple[str, str, str]] = field(default_factory=set)
    mask_keys: dict[str, list[MaskKeyState]] = field(default_factory=dict)
    finished: Act | None = None
    failed: Act | None = None
    failure: str = ""

    @property
    def next_input(self) -> str:
        """The only digest at which the next attempt may be evaluated."""
        if not self.opened:
            return str(self.proposal["initial_digest"])
        return str(self.opened[-1].data["commits"]["result"])

    def attempt(self, round_number: int, attempt: int) -> AttemptState | None:
        """Return the attempt with these numbers."""
        for candidate in reversed(self.rounds):
            if candidate.round == round_number and candidate.attempt == attempt:
                return candidate
        return None


@dataclass(kw_only=True)
class DisputeState:
    """A dispute about an entry; open while it is not resolved."""

    filed: Act
    author: str
    about: str
    resolved: Act | None = None


def _no_leaf(index: int) -> bytes:
    raise LookupError(f"this state belongs to no copy that holds leaf {index}")


@dataclass(kw_only=True)
class State:
    """The state after some number of leaves.

    Attributes
    ----------
    origin : str
        Origin of the ledger; empty before the founding entry.
    founding : dict
        Data of ``federation-created``.
    parties, grants, batches, runs, assets : dict
        By name or id.
    sealed : dict of (str, str) to BatchState
        Batches by holder and root.
    contexts : dict of str to (Act, str)
        ``he-context-published`` and its author, by run id.
    author_heads : dict of str to (int, str)
        Sequence number and id of each author's newest entry.
    entry_index : dict of str to int
        Leaf index by entry id.
    opening_keys : dict
        (run_id, round, phase, group) to the entry that opened it.
    endorsements : dict
        (party, act_type, act_digest) to (Act, time received).
    refusals : list of Act
        ``opening-refused`` and ``disclosure-refused``.
    refused_entries : dict
        (author, code) to the newest ``entry-refused`` and its time of receipt.
    refused_at : dict of str to int
        Id of an entry that was refused in public -> leaf of its refusal.
    services : ServiceState
        Queries, reports, look-ups, actions.
    oversight : OversightState
        Erasures of commitments, audits, anchors, interruptions.
    leaf_at : callable
        Reads a leaf of the copy that this state belongs to, by its index.
    """

    origin: str = ""
    founding: dict[str, Any] = field(default_factory=dict)
    parties: dict[str, PartyState] = field(default_factory=dict)
    assets: dict[str, AssetState] = field(default_factory=dict)
    asset_versions: set[tuple[str, str]] = field(default_factory=set)
    grants: dict[str, GrantState] = field(default_factory=dict)
    batches: dict[str, BatchState] = field(default_factory=dict)
    sealed: dict[tuple[str, str], BatchState] = field(default_factory=dict)
    runs: dict[str, RunState] = field(default_factory=dict)
    contexts: dict[str, tuple[Act, str]] = field(default_factory=dict)
    attempts: dict[str, tuple[str, AttemptState]] = field(default_factory=dict)
    aggregates: dict[str, tuple[str, AttemptState]] = field(default_factory=dict)
    author_heads: dict[str, tuple[int, str]] = field(default_factory=dict)
    author_seen: dict[str, int] = field(default_factory=dict)
    entry_index: dict[str, int] = field(default_factory=dict, compare=False, repr=False)
    opening_keys: dict[tuple[str, int, str, str], str] = field(default_factory=dict)
    endorsements: dict[tuple[str, str, str], tuple[Act, str]] = field(default_factory=dict)
    mask_epks: set[str] = field(default_factory=set)
    models: dict[tuple[str, str], ModelState] = field(default_factory=dict)
    refusals: list[Act] = field(default_factory=list)
    disputes: dict[str, DisputeState] = field(default_factory=dict)
    refused_entries: dict[tuple[str, str], tuple[Act, datetime]] = field(default_factory=dict)
    refused_at: dict[str, int] = field(default_factory=dict)
    keys: list[KeyPeriod] = field(default_factory=list)
    public_keys: set[str] = field(default_factory=set)
    head_rules: list[HeadRule] = field(default_factory=list)
    disclosure_digest: str = ""
    left: dict[str, Act] = field(default_factory=dict)
    spent_endorsements: set[str] = field(default_factory=set)
    closed: Act | None = None
    services: ServiceState = field(default_factory=ServiceState)
    oversight: OversightState = field(default_factory=OversightState)
    leaf_at: Callable[[int], bytes] = field(default=_no_leaf, compare=False, repr=False)

    def entry(self, entry_id: str) -> Entry | None:
        """Return an entry of the ledger, or None."""
        index = self.entry_index.get(entry_id)
        return None if index is None else Leaf.parse(self.leaf_at(index)).signed.entry

    def mask_epk(self, run_id: str, party: str, attempt_entry_id: str) -> str:
        """Return the mask key (hex) of `party` that is valid in an attempt.

        It is the party's newest key published before the ``round-attempted`` entry under which it
        had not contributed.

        Raises
        ------
        KeyError
            When there is no such attempt in the run, or the party is not in its roster.
        """
        run, attempt = self.attempts[attempt_entry_id]
        if run != run_id:
            raise KeyError(attempt_entry_id)
        return attempt.mask_epks[party]

    def with_role(self, role: str) -> tuple[str, ...]:
        """Return the names of the parties with a role, sorted."""
        return tuple(sorted(name for name, p in self.parties.items() if role in p.roles))
