"""A ledger with an entry of every type, about two people whom only their bank knows."""

from typing import Any

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.entry import commit
from fedcredit_ledger.log import Log
from fedcredit_ledger.note import SigningKey
from fedcredit_ledger.store import Store
from tests.ledger.mid_life import (
    VOTERS,
    NewParty,
    endorsed,
    join,
    other_key,
    policy_data,
    recovery_of,
    submit,
)
from tests.ledger.small_federation import BANKS, ORIGIN, SmallFederation, digest, seed
from tests.ledger.test_rules_queries import READERS, answer, published, question, served
from tests.ledger.test_rules_results import action, report

LI = {
    "subject": "110101199003070052",
    "phone": "13912345678",
    "card": "6222021001122334455",
    "name": "Li Wei",
}
WANG = {
    "subject": "310115198811220039",
    "phone": "18688889999",
    "card": "4404123412341234",
    "name": "Wang Fang",
}


class WholeLedger:
    """Writes every type; `about` names the entries about each person by their index."""

    def __init__(self, store: Store | None = None) -> None:
        self.fed = fed = SmallFederation(store)
        self.about: dict[str, list[int]] = {LI["subject"]: [], WANG["subject"]: []}
        self.openings: dict[int, list[tuple[str, str, Any]]] = {}
        next_log = SigningKey.from_seed(ORIGIN, seed("next log"))
        fed.log = Log(fed.store, fed.log_key, ORIGIN, fed.clock, other_keys=(next_log,))
        self._runs()
        for number, person in enumerate((LI, WANG)):
            self._services(person, number)
        self._days()
        self._oversight()
        self._life(next_log)

    def _write(
        self,
        author: str,
        kind: str,
        data: dict[str, Any],
        *,
        person: dict[str, str] | None = None,
        readers: list[str] | None = None,
        **values: Any,
    ) -> str:
        """Write an entry that commits to `values`, if any; keep their openings."""
        made = {name: commit(name, value) for name, value in values.items()}
        if made:
            data = data | {"commits": {name: pair[0] for name, pair in made.items()}}
        code = self.fed.attempt(author, kind, data, readers=readers or ["all"])
        assert code == "", f"{kind}: {code}"
        index = self.fed.replica.size - 1
        self.openings[index] = [(made[name][1], name, value) for name, value in values.items()]
        if person is not None:
            self.about[person["subject"]].append(index)
        last = self.fed.replica.last
        assert last is not None
        return last.signed.id

    def _runs(self) -> None:
        """One finished run with an attempt given up, and one that failed."""
        fed = self.fed
        fed.grant_all()
        fed.start()
        place = {"run_id": "run-1", "round": 1}
        fed.write("coordinator", "round-attempted", fed.attempted(1))
        given_up = place | {"attempt": 1, "missing": list(BANKS), "reason": "deadline"}
        fed.write("coordinator", "round-abandoned", given_up)
        opened = fed.open(fed.aggregate(1, 2), 1, 2)
        fed.write("key-holder", "opening-refused", {"about": opened, "rule": "already-opened"})
        fed.write("bank-a", "disclosure-refused", {"about": opened, "rule": "dominance"})
        result = {"n_rounds": 1, "result_digest": digest("result")}
        fed.write("coordinator", "run-finished", {"run_id": "run-1"} | result)
        model = {"model_id": "m-1", "version": "1"}
        digests = {"model_digest": digest("model"), "card_digest": digest("card")}
        fed.write("analyst", "model-registered", {"run_id": "run-1"} | model | digests)
        fed.write("analyst", "model-retired", model)
        fed.propose("run-2")
        fed.write("coordinator", "run-failed", {"run_id": "run-2", "error": "PartyLostError"})

    def _services(self, person: dict[str, str], number: int) -> None:
        """What a bank says about one person."""
        fed, grant_id, token = self.fed, f"grant-{number}", {"subject": person["subject"]}
        terms = fed.grant_data("bank-a", grant_id=grant_id, operations=["sum", "lookup"])
        document = {"document": person["name"], "application_no": person["phone"]}
        self._write("bank-a", "grant-issued", terms, person=person, **token, **document)
        narrowed = {"grant_id": grant_id, "max_uses": 5}
        fed.write("bank-a", "grant-narrowed", narrowed)
        query_id, both = f"q-{number}", {"readers": READERS, "person": person}
        asked = question(query_id, grant_id=grant_id)
        self._write("analyst", "query-made", asked, request=token, **both)
        self._write("key-holder", "query-answered", answer(query_id), answer=person["card"], **both)
        told = report(report_id=f"r-{number}", query_id=query_id)
        self._write("key-holder", "report-issued", told, report={"score": 612} | token, **both)
        own: Any = {"readers": ["bank-a"], "person": person}
        acted = action(action_id=f"a-{number}")
        self._write("bank-a", "action-taken", acted, alert=token, **own)
        lifted = {"action_id": f"a-{number}"}
        self._write("bank-a", "action-lifted", lifted, order_no=person["phone"], **own)
        fact = {"captured_at": fed.later(), "environment_digest": digest("environment")}
        identity = {"contract": person["card"], "method": "face", **token}
        self._write("bank-a", "fact-sealed", {"stage": "kyc"} | fact, **identity, **own)
        batch = {"batch_root": digest(f"facts {number}")}
        self._write("bank-a", "facts-sealed", batch, n=40, **own)
        fed.write("bank-a", "grant-revoked", {"grant_id": grant_id, "reason": "withdrawn"})

    def _days(self) -> None:
        """What is said of no one in particular."""
        fed = self.fed
        fed.write("bank-a", "risk-list-published", published())
        fed.write("bank-a", "lookups-served", served())
        sealed = {
            "batch_id": "batch-1",
            "purpose": "modelling",
            "grantee": "analyst",
            "day": "2026-11-23",
            "root": digest("batch"),
            "assets": ["bank-a/loans"],
            "operations": ["sum"],
            "valid_until": fed.later(days=30),
        }
        self._write("bank-a", "grants-sealed", sealed, n_grants=2)
        fed.witness()
        issued = {"package_root": digest("packages"), "n_packages": 3, "checkpoint_size": 2}
        fed.write("bank-a", "evidence-issued", issued | {"purpose": "evidence"})
        last = fed.replica.last
        assert last is not None
        filed = {"dispute_id": "d-1", "about": last.signed.id, "ground": "wrong period"}
        self._write("bank-b", "dispute-filed", filed, person=LI, statement=LI["name"])
        fed.write("bank-b", "dispute-resolved", {"dispute_id": "d-1", "outcome": "corrected"})
        fed.write("bank-a", "data-asset-retired", {"asset": "bank-a/loans", "version": "1"})

    def _oversight(self) -> None:
        """What is said of the ledger."""
        fed = self.fed
        refused = {"entry_id": digest("refused"), "author": "bank-c", "code": "stale"}
        fed.write("coordinator", "entry-refused", refused | {"text_digest": digest("text")})
        first = self.about[LI["subject"]][0]
        erased = {"names": ["document"], "legal_basis": "PIPL art. 47"}
        entry_id = Leaf.parse(fed.replica.leaf(first)).signed.id
        fed.write("bank-a", "commitment-erased", {"entry_id": entry_id} | erased)
        accused = {"kind": "omission", "accused": "coordinator", "proof_digest": digest("proof")}
        fed.write("bank-b", "misbehaviour-reported", accused)
        fed.write("coordinator", "ledger-suspended", {"reason": "disk-full"})
        fed.write("coordinator", "ledger-restored", {"from_size": 9, "source": "bank-b"})
        audited = {"from_size": 0, "size": fed.replica.size, "root": fed.replica.root.hex()}
        outcome = {"level": "rules", "n_findings": 0, "tool_version": "fedcredit 0.1"}
        fed.write("regulator", "audit-completed", audited | outcome)
        token = {"checkpoint_size": 2, "kind": "rfc3161", "token_digest": digest("token")}
        fed.write("coordinator", "anchor-recorded", token)
        reads = {"day": "2026-11-23", "n_reads": 4, "log_digest": digest("who")}
        fed.write("coordinator", "access-logged", reads)

    def _life(self, next_log: SigningKey) -> None:
        """Parties and keys change; the ledger ends."""
        fed, court = self.fed, NewParty()
        assert join(fed, court).code == ""
        old, new = fed.keys["bank-b"], other_key("bank-b")
        rotated = {"party": "bank-b", "use": "signing", "old_vkey": old.vkey, "new_vkey": new.vkey}
        assert submit(fed, "bank-b", "party-key-rotated", rotated, old, new).code == ""
        fed.keys["bank-b"] = new
        lines = policy_data(list(fed.replica.state.head_rules[-1].lines))
        changed = endorsed(fed, "policy-changed", lines, VOTERS)
        assert submit(fed, "coordinator", "policy-changed", changed).code == ""
        bare = {"old_vkey": fed.log_key.vkey, "new_vkey": next_log.vkey}
        data = endorsed(fed, "log-key-rotated", bare, VOTERS)
        keys = (fed.keys["coordinator"], next_log)
        assert submit(fed, "coordinator", "log-key-rotated", data, *keys).code == ""
        revoked = {
            "party": "bank-c",
            "vkey": fed.keys["bank-c"].vkey,
            "suspected_since": fed.later(minutes=-1),
            "reason": "stolen",
        }
        key = recovery_of("bank-c")
        assert submit(fed, "bank-c", "party-key-revoked", revoked, key).code == ""
        fed.write("bank-a", "party-left", {"party": "bank-a", "reason": "left"})
        end = {"final_size": fed.log.size + 4, "successor": "ledger.example/next"}
        data = endorsed(fed, "log-closed", end, ("bank-b", "court", "regulator"))
        done = submit(fed, "coordinator", "log-closed", data)
        assert done.code == "", done.detail
