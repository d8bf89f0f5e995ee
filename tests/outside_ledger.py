"""A founded ledger with three banks and one outside witness, for the tests: real keys, no ports."""

import copy
import shutil
import sqlite3
from pathlib import Path

from fedcredit import founding
from fedcredit.coordinator.front import Desk
from fedcredit_ledger.log import Log
from fedcredit_ledger.note import CosignatureKey, Note, SigningKey
from fedcredit_ledger.store import Store
from fedcredit_ledger.tlog_witness import TlogWitness
from fedcredit_ledger.witness_state import WitnessState
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.identity import Identity
from fedcredit_parties.ledger_client import LedgerClient
from fedcredit_parties.member import Member, utc_now

ORIGIN = "ledger.example/outside"
WAIT_S = 10.0


def new_witness() -> TlogWitness:
    return TlogWitness(CosignatureKey.generate("regulator"), [], WitnessState())


class Ledger:
    """A founded ledger with one outside witness, and a bank that writes into it."""

    def __init__(
        self,
        url: str = "http://regulator.invalid",
        witness: TlogWitness | None = None,
        *,
        path: Path | None = None,
    ) -> None:
        roles = {
            "bank-a": ("data-holder", "witness"),
            "bank-b": ("data-holder", "witness"),
            "bank-c": ("data-holder", "witness"),
            "coordinator": ("coordinator",),
            "bureau": ("key-holder",),
        }
        self.members = {name: Identity.generate(name, role) for name, role in roles.items()}
        self.log_key = SigningKey.generate(ORIGIN)
        self.witness = new_witness() if witness is None else witness
        self.witness.logs[ORIGIN] = [self.log_key.verifier]
        self.path = path
        self.log = Log(Store() if path is None else Store(path), self.log_key, ORIGIN)
        entry = founding.draft(
            name="outside",
            origin=ORIGIN,
            coordinator="coordinator",
            log_vkey=self.log_key.vkey,
            founders=[member.founder() for member in self.members.values()],
            policy=DisclosurePolicy(),
            needed=2,
            outside=[
                founding.OutsideWitness(name="regulator", vkey=self.witness.key.vkey, url=url)
            ],
            now=utc_now(),
        )
        keys = {name: member.signing for name, member in self.members.items()}
        signed = founding.sign(entry, keys.pop("coordinator"), list(keys.values()))
        self.log.found(signed)
        self.founding_entry = signed.id
        self._open()

    def _open(self) -> None:
        self.desk = Desk(self.log)
        self.bank = LedgerClient(
            key=self.members["bank-a"].signing,
            origin=ORIGIN,
            founding_entry=self.founding_entry,
            front=self.desk.window("bank-a"),
            clock=utc_now,
        )
        self.bank.refresh()

    def copy(self, path: Path) -> "Ledger":
        """Return the same ledger over a copy of its files: a backup that is restored."""
        assert self.path is not None, "only a ledger in a file can be copied"
        with sqlite3.connect(self.path) as here, sqlite3.connect(path) as there:
            here.backup(there)
        shutil.copy(f"{self.path}-head", f"{path}-head")
        other = copy.copy(self)
        other.path = path
        other.log = Log(Store(path), self.log_key, ORIGIN)
        other._open()
        return other

    def member(self, name: str, state: Path) -> Member:
        """Return a member with a state folder, which reads what this ledger's desk serves."""
        identities = list(self.members.values())
        state.mkdir(exist_ok=True)
        return Member(
            identity=self.members[name],
            origin=ORIGIN,
            trust=founding.trust_of(name, identities, self.founding_entry),
            front=self.desk.window(name),
            state=state,
        )

    def grow(self) -> int:
        """Let the bank write one entry; return the new size."""
        digest = f"{self.log.size:064x}"
        data = {"act_type": "party-left", "act_digest": digest, "decision": "approve"}
        self.bank.append("endorsement-given", data)
        return self.log.size

    def append_as(self, name: str, kind: str, data: dict[str, object]) -> str:
        """Let any member write one entry."""
        client = LedgerClient(
            key=self.members[name].signing,
            origin=ORIGIN,
            founding_entry=self.founding_entry,
            front=self.desk.window(name),
            clock=utc_now,
        )
        client.refresh()
        return client.append(kind, data)

    def grow_as(self, name: str) -> int:
        """Let any member write some entry; return the new size."""
        data = {"act_type": "x", "act_digest": f"{self.log.size:064x}", "decision": "approve"}
        self.append_as(name, "endorsement-given", data)
        return self.log.size

    def co_signed(self, size: int) -> bool:
        """Wait until the regulator's line stands under the head of a size."""

        def look() -> bool | None:
            note = Note.parse(self.log.checkpoint_note(size) or b"")
            lines = [x for x in note.signatures if self.witness.key.verifier.owns(x)]
            for line in lines:
                self.witness.key.verifier.verify(note.text, line)
            return True if lines else None

        return bool(self.desk.wait(look, WAIT_S))
