"""What follows from the entries about subjects (queries, reports, actions) and about the ledger.

Plain records, as in `fedcredit_ledger.state`: the rules fill them, everybody else reads them.
"""

from dataclasses import dataclass, field

from fedcredit_ledger.act import Act


@dataclass(kw_only=True)
class QueryState:
    """One question about subjects, and its answer.

    Attributes
    ----------
    made : Act
    asker, key_holder : str
        The two parties that read it.
    grant_id : str
        What it was asked under.
    answered : Act or None
    """

    made: Act
    asker: str
    key_holder: str
    grant_id: str
    answered: Act | None = None


@dataclass(kw_only=True)
class ActionState:
    """What a bank did to protect a customer, until it is lifted."""

    taken: Act
    author: str
    lifted: Act | None = None


@dataclass(kw_only=True)
class ModelState:
    """A registered version of a model, until it is retired."""

    registered: Act
    author: str
    retired: Act | None = None


@dataclass(kw_only=True)
class ServiceState:
    """Queries and what came of them.

    Attributes
    ----------
    queries : dict of str to QueryState
        By query id.
    reports : dict of str to Act
        By report id.
    risk_lists : dict
        (holder, list digest) to the entry that published it.
    token_epochs : dict of str to int
        Newest epoch of each holder's lists.
    served_days : set
        (holder, day) of ``lookups-served``.
    fact_batches : set of str
        Roots of ``facts-sealed``.
    actions : dict of str to ActionState
        By action id.
    """

    queries: dict[str, QueryState] = field(default_factory=dict)
    reports: dict[str, Act] = field(default_factory=dict)
    risk_lists: dict[tuple[str, str], Act] = field(default_factory=dict)
    token_epochs: dict[str, int] = field(default_factory=dict)
    served_days: set[tuple[str, str]] = field(default_factory=set)
    fact_batches: set[str] = field(default_factory=set)
    actions: dict[str, ActionState] = field(default_factory=dict)


@dataclass(kw_only=True)
class OversightState:
    """What is known of the ledger itself.

    Attributes
    ----------
    erased : dict of str to set of str
        Entry id to the names whose openings are erased.
    misbehaviour : dict
        (reporting party, proof digest) to the report.
    audits : list of Act
    anchors : dict of str to Act
        By token digest.
    read_days : set of str
        Days of ``access-logged``.
    suspended : Act or None
        While the log takes no entries.
    """

    erased: dict[str, set[str]] = field(default_factory=dict)
    misbehaviour: dict[tuple[str, str], Act] = field(default_factory=dict)
    audits: list[Act] = field(default_factory=list)
    anchors: dict[str, Act] = field(default_factory=dict)
    read_days: set[str] = field(default_factory=set)
    suspended: Act | None = None
