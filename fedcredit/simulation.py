"""A whole federation in one process: separate roles, separate keys, real encryption, no ports.

Every role is the object that the deployment puts into a process of its own. They exchange bytes
through an in-process front and an in-process Flower grid, and each verifies its own copy of the
ledger. What a simulation does not show is a network, and what it adds is a single operator who
sees all frames: it infers one schema from them and deals the keys.
"""

import hmac
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

import pandas as pd

from fedcredit import founding
from fedcredit.coordinator.front import Desk, Window
from fedcredit.coordinator.in_process_grid import InProcessGrid
from fedcredit.coordinator.outside_witnesses import OutsideWitnesses
from fedcredit.coordinator.refusals import Refusals
from fedcredit.coordinator.rounds import Coordinator
from fedcredit.errors import JobError
from fedcredit.requester import Requester
from fedcredit_ledger.entry import format_time
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.log import Log
from fedcredit_ledger.note import CosignatureKey, SigningKey
from fedcredit_ledger.store import Store
from fedcredit_ledger.tlog_witness import TlogWitness
from fedcredit_ledger.witness_state import WitnessState
from fedcredit_parties.data import Table
from fedcredit_parties.data_holder import DataHolder
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.errors import GrantError
from fedcredit_parties.grant_entries import find_live, issue, issuer_of, revoke
from fedcredit_parties.grant_terms import Terms
from fedcredit_parties.handlers import client_app
from fedcredit_parties.identity import Identity
from fedcredit_parties.key_holder import KeyHolder
from fedcredit_parties.ledger_acts import allow_difference
from fedcredit_parties.member import Member, utc_now
from fedcredit_parties.trust import Trust

# What the members of a simulation tell their operators, their requester is told as an error.
logging.getLogger("fedcredit_parties").addHandler(logging.NullHandler())

ORIGIN = "ledger.example/simulation"

COORDINATOR, KEY_HOLDER, ANALYST = "coordinator", "key-holder", "analyst"

REGULATOR = "regulator"
"""Name of the witness that is no member, where there is one."""

RESERVED = (COORDINATOR, KEY_HOLDER, ANALYST, REGULATOR)
"""Names of the other roles; a data holder has another."""

IN_PROCESS = "http://regulator.invalid"
"""The policy's URL of a witness that is called as an object; nothing answers there."""


class Simulation:
    """Found a federation and start its members.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        One table a data holder, by party name.
    policy : DisclosurePolicy
        Stands in the founding entry.
    split : bytes, optional
        The split key itself, in place of the one that follows from `seed`.
    seed : int
        Fixes the split key, and with it who is in the hold-out. Keys and masks are always random.
    bad_definitions : mapping of str to str
        What label 1 means at each data holder.
    ledger : Path, optional
        SQLite file of the ledger; in memory when absent.
    regulator : bool
        Add a witness that is no member, called as if it were another organisation's.
    time_column : str, optional
        Column that says when a row is from, at every party that has it.
    clock : callable, optional
        Returns the current time in UTC.

    Attributes
    ----------
    outside : dict of str to TlogWitness
        The witnesses that are no members; empty without `regulator`.
    """

    def __init__(
        self,
        frames: Mapping[str, pd.DataFrame],
        *,
        policy: DisclosurePolicy,
        seed: int,
        split: bytes | None = None,
        bad_definitions: Mapping[str, str],
        ledger: Path | None = None,
        regulator: bool = False,
        time_column: str | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.policy = policy
        self.clock = clock
        self._columns = {name: [str(column) for column in f.columns] for name, f in frames.items()}
        self.ledger = ":memory:" if ledger is None else str(ledger)
        self.store = Store(self.ledger)
        self.identities = {
            **{name: Identity.generate(name, ("data-holder", "witness")) for name in frames},
            COORDINATOR: Identity.generate(COORDINATOR, ("coordinator",)),
            KEY_HOLDER: Identity.generate(KEY_HOLDER, ("key-holder",)),
            ANALYST: Identity.generate(ANALYST, ("result-user",)),
        }
        log_key = SigningKey.generate(ORIGIN)
        self.log = Log(self.store, log_key, ORIGIN, clock)
        self.outside = (
            {
                REGULATOR: TlogWitness(
                    CosignatureKey.generate(REGULATOR),
                    [log_key.verifier],
                    WitnessState(),
                    clock=clock,
                )
            }
            if regulator
            else {}
        )
        self.founding_entry = self._found(log_key)
        self.desk = Desk(self.log)
        self.outside_witnesses = OutsideWitnesses(self.desk, self.outside, clock=clock)
        self.windows: dict[str, Window] = {}
        self.requester = Requester(member=self._member(ANALYST))
        self.key_holder = KeyHolder(
            member=self._member(KEY_HOLDER), policy=policy, split_key=split or split_key(seed)
        )
        self.holders = {
            name: DataHolder(
                member=self._member(name),
                tables=(
                    Table(
                        asset=f"{name}/{_TABLE}",
                        frame=frame,
                        bad_definition=bad_definitions[name],
                        period=("1970-01-01", format_time(clock())[:10]),
                        time_column=time_column,
                    ),
                ),
                policy=policy,
            )
            for name, frame in frames.items()
        }
        self.grid = InProcessGrid(
            {name: client_app(holder) for name, holder in self.holders.items()}
        )
        self.coordinator = Coordinator(
            member=self._member(COORDINATOR), grid=self.grid, node_of=self.grid.node_of
        )
        self._start()

    @staticmethod
    def asset(party: str) -> str:
        """Return the name of a data holder's table in the ledger."""
        return f"{party}/{_TABLE}"

    def _found(self, log_key: SigningKey) -> str:
        """Write the founding entry, with the quorum of a federation between machines."""
        founders = [identity.founder() for identity in self.identities.values()]
        outside = [
            founding.OutsideWitness(name=name, vkey=witness.key.vkey, url=IN_PROCESS)
            for name, witness in self.outside.items()
        ]
        n_witnesses = sum(1 for founder in founders if "witness" in founder["roles"])
        entry = founding.draft(
            name="simulation",
            origin=ORIGIN,
            coordinator=COORDINATOR,
            log_vkey=log_key.vkey,
            founders=founders,
            policy=self.policy,
            needed=founding.quorum_size(n_witnesses, has_outside=bool(outside)),
            outside=outside,
            now=self.clock(),
        )
        keys = {name: identity.signing for name, identity in self.identities.items()}
        others = [key for name, key in keys.items() if name != COORDINATOR]
        signed = founding.sign(entry, keys[COORDINATOR], others)
        self.log.found(signed)
        return signed.id

    def trust(self, name: str) -> Trust:
        """Return the anchors that member `name` pins: what founders exchange by telephone."""
        return founding.trust_of(name, list(self.identities.values()), self.founding_entry)

    def _member(self, name: str) -> Member:
        self.windows[name] = self.desk.window(name)
        return Member(
            identity=self.identities[name],
            origin=ORIGIN,
            trust=self.trust(name),
            front=self.windows[name],
            clock=self.clock,
        )

    def _start(self) -> None:
        for holder in self.holders.values():
            holder.register()
        for holder in self.holders.values():
            holder.member.start(holder.serve)
        self.key_holder.hand_out_split_key()
        self.key_holder.member.start(self.key_holder.serve, self.key_holder.clear_up)
        refusals = Refusals(self.desk, self.coordinator.member, clock=self.clock)
        self.coordinator.member.start(self.coordinator.serve, refusals.serve)
        self.requester.member.start()
        self.outside_witnesses.start()

    def check(self) -> None:
        """Raise what ended a member's thread, rather than wait for a member that is gone.

        Raises
        ------
        JobError
            Naming the member and the class of the error.
        """
        members = [self.coordinator.member, self.key_holder.member]
        for member in [*members, *(holder.member for holder in self.holders.values())]:
            crash = member.crash or next(iter(member.failures), None)
            if crash is not None:
                raise JobError(
                    f"{member.name} has stopped: {type(crash).__name__}",
                    party=member.name,
                    remedy="this is a defect or a broken ledger; its trace is on standard error",
                ) from crash

    @property
    def parties(self) -> tuple[str, ...]:
        """The data holders."""
        return tuple(self.holders)

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
        """Let a data holder allow the analyst something; see `Federation.grant`."""
        holder = self._holder(party)
        terms = Terms(
            assets=[self.asset(party)],
            grantee=ANALYST,
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
        columns = self._columns[party]
        return issue(holder.member, terms, openings=holder.openings, columns=columns).grant_id

    def allow_difference(self, party: str, run_id: str) -> None:
        """Let a data holder endorse a run; see `Federation.allow_difference`."""
        allow_difference(self._holder(party).member, run_id)

    def _holder(self, party: str) -> DataHolder:
        holder = self.holders.get(party)
        if holder is None:
            raise GrantError(
                f"{party} is not a data holder of this federation",
                party=party,
                expected=", ".join(self.parties),
                found=party,
                remedy="name one of the data holders",
            )
        return holder

    def revoke(self, grant_id: str) -> None:
        """Let the issuer withdraw a grant; see `Federation.revoke`."""
        ledger = self.requester.member.ledger
        ledger.refresh()
        revoke(self.holders[issuer_of(find_live(ledger.state, grant_id))].member, grant_id)

    def close(self) -> None:
        """Fail the runs that are not over, stop every member, end every child process."""
        self._give_up()
        members = [self.coordinator.member, self.key_holder.member, self.requester.member]
        members += [holder.member for holder in self.holders.values()]
        for member in members:
            member.ask_to_stop()
        self.outside_witnesses.ask_to_stop()
        self.desk.close()
        for member in members:
            member.stop()
        self.outside_witnesses.stop()
        self.grid.close()
        self.coordinator.close()
        self.key_holder.close()
        for holder in self.holders.values():
            holder.close()
        self.store.close()

    def _give_up(self) -> None:
        """Say in the ledger that a run was interrupted; nobody would carry it on."""
        ledger = self.coordinator.member.ledger
        for run in list(ledger.state.runs.values()):
            if run.status in ("proposed", "started"):
                try:
                    ledger.append("run-failed", {"run_id": run.run_id, "error": "InterruptedError"})
                except LedgerError as rejected:  # it ended by itself at this moment
                    self.coordinator.member.rejected.append(rejected)


_TABLE = "table"


def split_key(seed: int) -> bytes:
    """Return the key that draws the hold-out of a simulation with this seed."""
    return hmac.digest(b"fedcredit-simulation/v1", f"split {seed}".encode(), "sha256")
