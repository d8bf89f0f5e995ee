"""A job file asked of running daemons: whether it fits the federation, and what is missing.

Of the file only the job itself counts, and which parties it names. The tables, the seed, the grants
and the definitions of bad in it belong to a simulation; a schema or a policy in it must be the
federation's, because the members have signed theirs. Whether the parties would agree is read from
the requester's own verified ledger: registered columns, definition of bad, grants.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fedcredit.connection import Connection
from fedcredit.declared import Declared
from fedcredit.federation import Federation
from fedcredit.job_file import JobFile
from fedcredit.model_kinds import kind_of
from fedcredit.requests import HorizontalJob
from fedcredit_ledger.rules import AssetState, State
from fedcredit_models.schema import Schema
from fedcredit_parties.data import definition_digest
from fedcredit_parties.errors import ConfigError, GrantError, PartyError, SchemaMismatchError
from fedcredit_parties.grants import find_grant

SIMULATION_ONLY = {"seed", "grants", "bad_definitions"}
"""Tables and keys of a job file that daemons do not look at."""


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """Whether one party would approve, as far as the ledger shows.

    Attributes
    ----------
    party : str
    grant : str
        The grant that the run would use; empty when there is none.
    until : str
        When it ends.
    problem, remedy : str
        Why the party would decline, and what to type next; empty when it would not.
    exit_code : int
        Of that problem; 0 for none.
    """

    party: str
    grant: str = ""
    until: str = ""
    problem: str = ""
    remedy: str = ""
    exit_code: int = 0

    def document(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        return asdict(self)


class JobOnDaemons:
    """One job file and the federation that it is asked of; close it, or use it as a context.

    Parameters
    ----------
    file : JobFile
        The job.
    path : Path
        ``federation.toml``.
    quiet : bool
        Show no progress on standard error.

    Raises
    ------
    ConfigError
        When the file names parties that are no data holders, or another policy or schema.
    UntrustedFederationError, FrontUnreachableError
        When the founders are not the pinned ones, or the coordinator does not answer.
    """

    def __init__(self, file: JobFile, path: Path, *, quiet: bool) -> None:
        self._folder = path.resolve().parent
        self._connection = Connection(path)
        self.federation = Federation(
            self._connection, declared=Declared(self._connection.features), quiet=quiet
        )
        try:
            self.job = self._asked(file)
            self.schema: Schema = self.federation.schema(self.job)
            self.job.task(
                self.schema, parties=self.federation.parties, policy=self.federation.policy
            )
        except BaseException:
            self.federation.close()
            raise
        self.unused = sorted(SIMULATION_ONLY & file.around.model_fields_set)

    @property
    def requester(self) -> str:
        """The name under which it is asked."""
        return self._connection.requester.member.name

    def runs(self) -> set[str]:
        """Return the ids of this requester's runs that the verified ledger holds."""
        runs = list(self._state.runs.values())
        return {run.run_id for run in runs if run.requester == self.requester}

    def _asked(self, file: JobFile) -> HorizontalJob:
        """Return the job, of the parties that the file names; refuse another policy or schema."""
        around, policy = file.around, self.federation.policy
        if "policy" in around.model_fields_set and around.policy != policy:
            raise ConfigError(
                "the job file's [policy] is not the federation's",
                expected=_settings(policy.model_dump()),
                found=_settings(around.policy.model_dump()),
                remedy="remove [policy] from the job file: the members have signed theirs",
            )
        if around.declared is not None:
            known = self._connection.features
            other = [f.name for f in around.declared.features if known.get(f.name) != f]
            if other:
                raise ConfigError(
                    "the job file's [schema] is not the federation's declared columns",
                    expected="the columns of the federation's schema file, or no [schema]",
                    found=f"other declarations of {', '.join(other)}",
                    remedy="remove [schema] from the job file: the parties have agreed on theirs",
                )
        named = tuple(file.job.parties or around.parties)
        return file.job.model_copy(update={"parties": named})

    def readiness(self) -> list[Readiness]:
        """Return for every party that is asked whether it would approve."""
        parties = self.job.parties or self.federation.parties
        return [self._of(party) for party in parties]

    def check_grants(self) -> None:
        """Refuse a job that a party's grants do not allow, before the key holder makes a key.

        Raises
        ------
        GrantError
            The class of the first party's, naming all of them and what each has to type.
        """
        parties = self.job.parties or self.federation.parties
        problems: dict[str, GrantError] = {}
        for party in parties:
            try:
                self._grant(party)
            except GrantError as error:
                problems[party] = error
            except PartyError:
                continue  # the parties say it themselves, and their refusal is evidence
        if problems:
            first = next(iter(problems.values()))
            raise type(first)(
                f"{len(problems)} of {len(parties)} parties have not allowed this job; "
                "nothing was asked",
                party=", ".join(problems),
                expected=first.expected,
                found="; ".join(f"{party}: {error.message}" for party, error in problems.items()),
                remedy="\n".join(self._remedy(party) for party in problems),
            )

    def _of(self, party: str) -> Readiness:
        try:
            grant = self._grant(party)
        except PartyError as error:
            remedy = self._remedy(party) if isinstance(error, GrantError) else error.remedy
            return Readiness(
                party=party, problem=error.message, remedy=remedy, exit_code=error.exit_code
            )
        until = (self._state.grants.get(grant) or self._state.batches[grant]).valid_until
        return Readiness(party=party, grant=grant, until=until[:10])

    def _grant(self, party: str) -> str:
        """Return the grant that the party would cite; raise what it would decline with."""
        job = self.job
        assets = [asset for asset in self._state.assets.values() if asset.holder == party]
        if not assets:
            raise SchemaMismatchError(
                f"{party} has registered no table",
                party=party,
                remedy=f"start {party}'s daemon: it registers its tables",
            )
        columns = [feature.name for feature in self._features]
        columns += [
            name for name in (job.label, job.id_column, job.time_column, job.split_column) if name
        ]
        problem: PartyError | None = None
        for asset in assets:
            try:
                self._check_table(party, asset, columns)
                return find_grant(
                    self._state,
                    issuer=party,
                    grantee=self.requester,
                    purpose=job.purpose,
                    asset=asset.name,
                    columns=columns,
                    operation=self._operation,
                    now=self._connection.requester.member.clock(),
                )
            except PartyError as error:
                problem = error
        assert problem is not None, "every table was refused"
        names = {asset.name for asset in assets}
        for batch in self._state.batches.values():  # the holder knows which subjects' are live
            meant = (batch.holder, batch.grantee, batch.purpose)
            if meant == (party, self.requester, job.purpose) and names & {*batch.assets}:
                return batch.batch_id
        raise problem

    def _check_table(self, party: str, asset: AssetState, columns: list[str]) -> None:
        registered = asset.registered.data
        known = [column["name"] for column in registered["columns"]]
        absent = [name for name in columns if name not in known]
        if absent:
            raise SchemaMismatchError(
                f"{asset.name} has no column {', '.join(absent)}",
                party=party,
                remedy=f"leave it out of the job, or have {party} correct its table",
            )
        theirs, ours = registered["bad_definition_digest"], self.job.bad_definition
        if theirs != definition_digest(ours):
            raise SchemaMismatchError(
                f"{party} defines bad differently from the job, which says {ours!r}",
                party=party,
                remedy=f"agree on the words: bad_definition in the job and in {party}'s party.toml",
            )

    def _remedy(self, party: str) -> str:
        """Return what the party's operator types; on one machine, with the path to type it with."""
        config = self._folder / party / "party.toml"
        where = config if config.exists() else Path("party.toml")
        return (
            f"at {party}: fedcredit grant issue {where} --purpose {self.job.purpose} "
            f"--to {self.requester}" + ("" if self._operation == "sum" else " --operation train")
        )

    @property
    def _operation(self) -> str:
        kind = kind_of(self.job.model)
        assert kind is not None, "a job has a model of one of the kinds"
        return kind.operation

    @property
    def _features(self) -> list[Any]:
        names = self.job.features
        return [f for f in self.schema.features if not names or f.name in names]

    @property
    def _state(self) -> State:
        return self._connection.requester.member.ledger.state


def _settings(values: dict[str, Any]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in values.items())
