"""The front door: a federation, and one verb to ask it something."""

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import pandas as pd

from fedcredit.assembly import assemble
from fedcredit.errors import JobError
from fedcredit.progress import show_progress, show_schema
from fedcredit.requester import Progress, Requester
from fedcredit.requests import DEFAULT_DEFINITION, HorizontalJob
from fedcredit.results import TrainingResult
from fedcredit.simulation import RESERVED, Simulation
from fedcredit_ledger.entry import PARTY_NAME
from fedcredit_models import schema as schemas
from fedcredit_models.schema import Feature, Schema, SchemaError
from fedcredit_parties.data import as_data_error
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.errors import ConfigError, DataError
from fedcredit_parties.member import utc_now


class Backend(Protocol):
    """What a federation runs on: a simulation in this process, or daemons elsewhere."""

    requester: Requester
    policy: DisclosurePolicy
    ledger: str

    @property
    def parties(self) -> tuple[str, ...]:
        """The data holders."""
        ...

    def grant(
        self,
        party: str,
        *,
        purpose: str,
        features: Sequence[str],
        valid_from: datetime | None,
        valid_until: datetime | None,
        max_uses: int | None,
    ) -> str:
        """Let a party allow something."""
        ...

    def revoke(self, grant_id: str) -> None:
        """Withdraw a grant."""
        ...

    def check(self) -> None:
        """Raise what ended a member of this process."""
        ...

    def close(self) -> None:
        """End what this process has started."""
        ...


class Federation:
    """Several data holders, a key holder and a coordinator that compute together.

    Make one with `simulate` or `load`; end it with `close`, or use it as a context manager.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        features: Mapping[str, Feature],
        unusable: Mapping[str, DataError],
        quiet: bool,
    ) -> None:
        self._backend = backend
        self._features = dict(features)
        self._unusable = dict(unusable)
        self._quiet = quiet
        self._is_closed = False

    @classmethod
    def simulate(
        cls,
        frames: Mapping[str, pd.DataFrame],
        *,
        seed: int = 0,
        split_key: bytes | None = None,
        policy: DisclosurePolicy | None = None,
        schema: Schema | None = None,
        bad_definition: str | Mapping[str, str] = DEFAULT_DEFINITION,
        purposes: Sequence[str] = ("modelling",),
        ledger: Path | str | None = None,
        quiet: bool = False,
        clock: Callable[[], datetime] = utc_now,
    ) -> Self:
        """Found a federation in this process: real keys, real encryption, no ports.

        Parameters
        ----------
        frames : mapping of str to DataFrame
            One tidy table a party: numbers, text, missing values.
        seed : int
            Decides who is in the hold-out. Keys and masks are always random.
        split_key : bytes, optional
            The hold-out's key itself, to repeat what daemons with this key have computed.
        policy : DisclosurePolicy, optional
            Smallest cells and smallest number of parties; stands in the founding entry.
        schema : Schema, optional
            Declared columns with bounds. When absent it is inferred from all frames and shown,
            which only a simulation can do.
        bad_definition : str or mapping of str to str
            What label 1 means, for all parties or for each.
        purposes : sequence of str
            Purposes for which every party grants the analyst all its columns; ``()`` for none.
        ledger : path, optional
            SQLite file of the ledger; in memory when absent.
        quiet : bool
            Show neither schema nor progress on standard error.
        clock : callable, optional
            Returns the current time in UTC.

        Raises
        ------
        DataError
            When there is no table, or one without rows.

        Examples
        --------
        >>> fed = Federation.simulate({"bank-0": f0, "bank-1": f1, "bank-2": f2})  # doctest: +SKIP
        """
        features, unusable = _declared(frames, schema)
        definitions = (
            dict.fromkeys(frames, bad_definition)
            if isinstance(bad_definition, str)
            else {name: bad_definition.get(name, DEFAULT_DEFINITION) for name in frames}
        )
        simulation = Simulation(
            frames,
            policy=policy or DisclosurePolicy(),
            seed=seed,
            split=split_key,
            bad_definitions=definitions,
            ledger=None if ledger is None else Path(ledger),
            clock=clock,
        )
        federation = cls(simulation, features=features, unusable=unusable, quiet=quiet)
        for purpose in purposes:
            for party in frames:
                federation.grant(party, purpose=purpose)
        if not quiet:
            show_schema(
                list(features.values()),
                n_rows={name: len(frame) for name, frame in frames.items()},
                inferred=schema is None,
                stream=sys.stderr,
            )
        return federation

    @classmethod
    def load(cls, path: Path | str, *, quiet: bool = False) -> Self:
        """Connect to a federation of daemons; the same `run` as in a simulation.

        Parameters
        ----------
        path : path
            ``federation.toml``.
        quiet : bool
            Show no progress on standard error.

        Raises
        ------
        ConfigError, UntrustedFederationError, FrontUnreachableError
            When a file is not usable, the founders are not the pinned ones, or the coordinator
            does not answer.
        """
        from fedcredit.connection import Connection  # a simulation needs none of its libraries

        connection = Connection(Path(path))
        return cls(connection, features=connection.features, unusable={}, quiet=quiet)

    def __enter__(self) -> Self:
        """Return the federation itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    @property
    def parties(self) -> tuple[str, ...]:
        """The data holders."""
        return self._backend.parties

    @property
    def policy(self) -> DisclosurePolicy:
        """The founding disclosure policy."""
        return self._backend.policy

    @property
    def features(self) -> tuple[Feature, ...]:
        """Declared columns."""
        return tuple(self._features.values())

    def grant(
        self,
        party: str,
        *,
        purpose: str,
        features: Sequence[str] = (),
        valid_from: datetime | None = None,
        valid_until: datetime | None = None,
        max_uses: int | None = None,
    ) -> str:
        """Let a party allow the analyst to compute on its table; return the grant's id.

        Parameters
        ----------
        party : str
            Issuer.
        purpose : str
            The one purpose that is allowed.
        features : sequence of str
            Columns, the label included; every column when empty.
        valid_from, valid_until : datetime, optional
            From now, for thirty days, when absent.
        max_uses : int, optional
            Runs that may use it.

        Raises
        ------
        GrantError
            When `party` is not a data holder of this federation.
        """
        return self._backend.grant(
            party,
            purpose=purpose,
            features=features,
            valid_from=valid_from,
            valid_until=valid_until,
            max_uses=max_uses,
        )

    def revoke(self, grant_id: str) -> None:
        """Withdraw a grant; the next round that needs it is not answered.

        Raises
        ------
        GrantError
            When the ledger holds no such grant.
        """
        self._backend.revoke(grant_id)

    def schema(self, job: HorizontalJob) -> Schema:
        """Return the declared columns that `job` uses.

        Raises
        ------
        DataError
            When a column it uses cannot be declared: text here and numbers there, infinity.
        """
        roles = {job.label, job.id_column, job.time_column, job.split_column}
        every = [name for name in (*self._features, *self._unusable) if name not in roles]
        for name in (*(job.features or every), job.label):
            if name in self._unusable:
                raise self._unusable[name]
        return Schema(
            features=tuple(f for name, f in self._features.items() if name not in roles),
            label=job.label,
            id_column=job.id_column,
            time_column=job.time_column,
            split_column=job.split_column,
        )

    def run(
        self, request: HorizontalJob, *, progress: Callable[[Progress], None] | None = None
    ) -> TrainingResult:
        """Carry out a request.

        Parameters
        ----------
        request : HorizontalJob
            What to compute.
        progress : callable, optional
            Told after every change; a line on standard error when absent.

        Raises
        ------
        PartyError, JobError
            What stopped the run, as the member that stopped it described it. The ledger holds
            ``run-failed`` with the class name.
        """
        if self._is_closed:
            raise JobError(
                "this federation is closed",
                expected="a federation whose members run",
                found="one that was closed",
                remedy="found another with Federation.simulate, or load it again",
            )
        requester = self._backend.requester
        task = request.task(self.schema(request), parties=self.parties, policy=self.policy)
        with show_progress(progress, quiet=self._quiet, stream=sys.stderr) as told:
            run_id = requester.propose(task, label_definition_digest=request.definition_digest)

            def look(now: Progress) -> None:
                self._backend.check()
                told(now)

            released = requester.follow(run_id, task, progress=look)
        return assemble(
            requester.member,
            run_id,
            request,
            released,
            bytes_sent=requester.bytes_sent(run_id),
            ledger=self._backend.ledger,
        )

    def close(self) -> None:
        """End every member and its child process."""
        if not self._is_closed:
            self._is_closed = True
            self._backend.close()


def _declared(
    frames: Mapping[str, pd.DataFrame], schema: Schema | None
) -> tuple[dict[str, Feature], dict[str, DataError]]:
    """Return the usable columns, and for the others why they are not."""
    if not frames or all(len(frame) == 0 for frame in frames.values()):
        raise DataError(
            "there is no table with rows",
            expected="one table with rows for every party",
            found="none",
            remedy='pass {"bank-0": frame0, ...}',
        )
    for name in frames:
        if not isinstance(name, str) or not PARTY_NAME.fullmatch(name) or name in RESERVED:
            raise ConfigError(
                f"{name!r} cannot be the name of a party",
                expected="letters, digits, dot, underscore and hyphen, 63 at most, and no role's "
                f"name ({', '.join(RESERVED)})",
                found=str(name),
                remedy='name the parties like "bank-a"',
            )
    if schema is not None:
        return {feature.name: feature for feature in schema.features}, {}
    usable: dict[str, Feature] = {}
    unusable: dict[str, DataError] = {}
    names = dict.fromkeys(str(name) for frame in frames.values() for name in frame.columns)
    for name in names:
        try:
            found = schemas.infer(frames, label="", features=[name])
        except SchemaError as error:
            unusable[name] = as_data_error(error, party=error.party)
        else:
            usable[name] = found.features[0]
    return usable, unusable
