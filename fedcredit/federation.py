"""The front door: a federation, and one verb to ask it something."""

import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import pandas as pd

from fedcredit.declared import Declared
from fedcredit.errors import JobError
from fedcredit.ledger_copy import SAVE_S, save_ledger
from fedcredit.progress import show_progress, show_schema
from fedcredit.request import DEFAULT_DEFINITION, Delivery, R, Request
from fedcredit.requester import Requester
from fedcredit.run_progress import Progress, Watch
from fedcredit.simulation import Simulation
from fedcredit.simulation_input import check_options, tidy_tables
from fedcredit_models.schema import Feature, Schema
from fedcredit_parties.disclosure import DisclosurePolicy
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
        max_rounds: int | None,
        data_from: date | None,
        data_to: date | None,
        operations: Sequence[str],
    ) -> str:
        """Let a party allow something."""
        ...

    def revoke(self, grant_id: str) -> None:
        """Withdraw a grant."""
        ...

    def allow_difference(self, party: str, run_id: str) -> None:
        """Let a party allow that a run differs by it from an opened one."""
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
        declared: Declared,
        quiet: bool,
    ) -> None:
        self._backend = backend
        self._declared = declared
        self._quiet = quiet
        self._finalizer = weakref.finalize(self, _end, backend)

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
        regulator: bool = False,
        time_column: str | None = None,
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
            Purposes for which every party grants the analyst sums and training over all its
            columns; ``()`` for none.
        ledger : path, optional
            SQLite file of the ledger; in memory when absent.
        regulator : bool
            Add an outside witness, without whose co-signature no checkpoint has its quorum.
        time_column : str, optional
            Column that says when a row is from: grants with a data window are held to it.
        quiet : bool
            Show neither schema nor progress on standard error.
        clock : callable, optional
            Returns the current time in UTC.

        Raises
        ------
        DataError
            When there is no table, or one without rows, or what is given is no table.
        ConfigError
            For a name that no party can have, or an option of another kind.

        Examples
        --------
        >>> fed = Federation.simulate({"bank-0": f0, "bank-1": f1, "bank-2": f2})  # doctest: +SKIP
        """
        frames = tidy_tables(frames)
        check_options(
            list(frames),
            policy=policy,
            schema=schema,
            words=bad_definition,
            key=split_key,
            ledger=ledger,
        )
        declared = (
            Declared.infer(frames)
            if schema is None
            else Declared({feature.name: feature for feature in schema.features})
        )
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
            regulator=regulator,
            time_column=time_column,
            clock=clock,
        )
        federation = cls(simulation, declared=declared, quiet=quiet)
        try:
            for purpose in (purposes,) if isinstance(purposes, str) else purposes:
                for party in frames:
                    federation.grant(party, purpose=purpose, operations=("sum", "train"))
        except BaseException:
            federation.close()
            raise
        if not quiet:
            show_schema(
                [f for name, f in declared.features.items() if name not in declared.left_out],
                left_out=declared.left_out,
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
        return cls(connection, declared=Declared(connection.features), quiet=quiet)

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

    def __repr__(self) -> str:
        """Return who is in it."""
        state = "" if self._finalizer.alive else " (closed)"
        return f"<Federation{state} of {', '.join(self.parties)}; {len(self.features)} columns>"

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
        return tuple(self._declared.features.values())

    def grant(
        self,
        party: str,
        *,
        purpose: str,
        features: Sequence[str] = (),
        valid_from: datetime | None = None,
        valid_until: datetime | None = None,
        max_uses: int | None = None,
        max_rounds: int | None = None,
        data_from: date | None = None,
        data_to: date | None = None,
        operations: Sequence[str] = ("sum",),
    ) -> str:
        """Let a party allow the analyst to compute on its table; return the grant's id.

        Parameters
        ----------
        party : str
            Issuer.
        purpose : str
            The one purpose that is allowed, of the ledger's closed list.
        features : sequence of str
            Columns, the label included; every column when empty.
        valid_from, valid_until : datetime, optional
            From now, for thirty days, when absent.
        max_uses, max_rounds : int, optional
            Runs and rounds that may use it.
        data_from, data_to : date, optional
            First and last day of the rows that may be used; the party needs a time column.
        operations : sequence of str
            ``"sum"`` (statistics, scorecards, trees), ``"train"`` (networks), or both.

        Raises
        ------
        GrantError
            When `party` is not a data holder of this federation, or the terms cannot be meant.
        """
        self._check_open()
        return self._backend.grant(
            party,
            purpose=purpose,
            features=features,
            valid_from=valid_from,
            valid_until=valid_until,
            max_uses=max_uses,
            max_rounds=max_rounds,
            data_from=data_from,
            data_to=data_to,
            operations=operations,
        )

    def revoke(self, grant_id: str) -> None:
        """Withdraw a grant; the next round that needs it is not answered.

        Raises
        ------
        GrantError
            When the ledger holds no such grant.
        """
        self._check_open()
        self._backend.revoke(grant_id)

    def allow_difference(self, party: str, run_id: str) -> None:
        """Let a party allow that a run's roster differs by it from an opened one's.

        Raises
        ------
        GrantError
            When `party` is not a data holder of this federation, or is not in this process.

        Disclosure
        ----------
        The difference of two runs' releases with and without a party is about that party's rows.
        """
        self._check_open()
        self._backend.allow_difference(party, run_id)

    def schema(self, job: Request[Any]) -> Schema:
        """Return the declared columns that `job` uses.

        Raises
        ------
        DataError
            When a column it uses cannot be declared: text here and numbers there, infinity.
        """
        if not isinstance(job, Request):
            raise JobError(
                "what is asked is no request",
                expected="a fedcredit.HorizontalJob or another request",
                found=type(job).__name__,
                remedy='fed.run(fc.HorizontalJob(purpose="modelling", label="bad"))',
            )
        return self._declared.schema(job)

    def run(
        self,
        request: Request[R],
        *,
        progress: Callable[[Progress], None] | None = None,
        run_id: str | None = None,
    ) -> R:
        """Carry out a request.

        Parameters
        ----------
        request : HorizontalJob or another request
            What to compute.
        progress : callable, optional
            Told after every change; a line on standard error when absent.
        run_id : str, optional
            The run's id, when the parties were told it before; a fresh one when absent.

        Raises
        ------
        PartyError, JobError
            What stopped the run, as the member that stopped it described it. The ledger holds
            ``run-failed`` with the class name.
        """
        self._check_open()
        schema = self.schema(request)
        requester = self._backend.requester
        task = request.task(schema, parties=self.parties, policy=self.policy)
        watch = Watch(
            task,
            coordinator=requester.member.role("coordinator"),
            key_holder=requester.member.role("key-holder"),
        )
        with show_progress(progress, quiet=self._quiet, stream=sys.stderr) as told:

            def look(now: Progress) -> None:
                self._backend.check()
                told(now)

            run_id = requester.propose(
                task,
                label_definition_digest=request.definition_digest,
                watch=watch,
                progress=look,
                run_id=run_id,
            )
            course = requester.follow(run_id, task, watch=watch, progress=look)
        return request.assemble(
            Delivery(
                member=requester.member,
                run_id=run_id,
                course=course,
                bytes_sent=requester.bytes_sent(run_id),
                abstaining=requester.abstaining(run_id),
                ledger=self._backend.ledger,
                left_out=self._declared.not_used(request),
                gains=requester.gains(run_id),
            )
        )

    def save_ledger(
        self, path: Path | str, *, timeout_s: float = SAVE_S, only_witnessed: bool = False
    ) -> Path:
        """Save the ledger as this requester has verified it, one file; return its path.

        Anybody can check the file again: ``fedcredit ledger verify FILE --full``. A run that failed
        is in it too.

        Parameters
        ----------
        path : path
            Replaced when the new file is complete.
        timeout_s : float
            Longest wait in seconds for the witnesses' quorum over the newest entry.
        only_witnessed : bool
            Leave out, after that wait, what the witnesses have not co-signed.

        Raises
        ------
        LedgerError
            When the witnesses do not co-sign its newest entry in time, or what the coordinator
            shows is not what was verified here.
        FrontUnreachableError
            When the coordinator does not answer.
        """
        path = Path(path)
        save_ledger(
            self._backend.requester.member.ledger,
            path,
            timeout_s=timeout_s,
            only_witnessed=only_witnessed,
        )
        return path

    def _check_open(self) -> None:
        if not self._finalizer.alive:
            raise JobError(
                "this federation is closed",
                expected="a federation whose members run",
                found="one that was closed",
                remedy="found another with Federation.simulate, or load it again",
            )

    def close(self) -> None:
        """End every member and its child process; a second call does nothing."""
        if self._finalizer.detach():
            self._backend.close()


def _end(backend: Backend) -> None:
    """End what a federation that nobody closed has started: threads and child processes."""
    warnings.warn(
        "a federation was not closed: end it with close(), or use it in a with statement",
        ResourceWarning,
        stacklevel=2,
    )
    if threading.current_thread() is threading.main_thread():
        backend.close()
    else:  # perhaps a member's own thread, which cannot wait for itself
        threading.Thread(target=backend.close, name="closing", daemon=True).start()
