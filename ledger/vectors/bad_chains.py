"""Ledgers with one defect each, for ``generate.py``: one or more for each threat to the chain.

Each is what a thief of the disk, a forger, or a coordinator in league with every witness would
leave behind; its name says the defect. Where it is found, and as what, is written here by hand.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chains import (
    ORIGIN,
    ROLES,
    SIZE,
    START,
    Chain,
    Data,
    aggregated,
    at,
    attempted,
    contribution,
    digest,
    founding,
    log_key,
    opened,
    party_key,
    seed,
    sound,
    witness_key,
)

from fedcredit_ledger.note import Note, Signature, SigningKey


@dataclass(frozen=True)
class Bad:
    """A ledger with one defect.

    Attributes
    ----------
    what : str
        What somebody did.
    chain : Chain
    index : int or None
        Where it is found: a leaf, or for a head its size.
    code : str
        What ``fedcredit ledger verify --full`` calls it.
    package : str
        What the single-file verifier says of a package of all its entries; empty where it cannot
        know, because it replays no rules.
    since : bytes
        A head that the reader trusts; it is found with ``--since``.
    founding_entry : str
        The id that the reader pinned, when it is another ledger's.
    """

    what: str
    chain: Chain
    index: int | None
    code: str
    package: str = ""
    since: bytes = b""
    founding_entry: str = ""

    def document(self, good: Chain) -> Data:
        """Return the vector: how many leaves are those of the sound ledger, and the others."""
        pairs = zip(self.chain.leaves, good.leaves, strict=False)
        taken = next((i for i, (one, other) in enumerate(pairs) if one != other), None)
        taken = min(len(self.chain.leaves), SIZE) if taken is None else taken
        found: Data = {
            "what": self.what,
            "take": taken,
            "leaves": [leaf.decode() for leaf in self.chain.leaves[taken:]],
            "heads": [head.decode() for head in self.chain.heads],
            "finding": {"index": self.index, "code": self.code},
            "package": self.package,
        }
        if self.since:
            found["since"] = self.since.decode()
        if self.founding_entry:
            found["founding_entry"] = self.founding_entry
        return found


def _said(word: str = "said") -> Data:
    return {"act_type": "x", "act_digest": digest(word), "decision": "approve"}


def _spoil(chain: Chain, leaves: Sequence[bytes]) -> Chain:
    """Return a chain with other leaves under the same heads."""
    spoiled = Chain()
    for leaf in leaves:
        spoiled.put(leaf)
    spoiled.heads = list(chain.heads)
    return spoiled


NO_PROOF = "the proof does not lead from the leaf to the root"


def _tampered() -> Mapping[str, Bad]:
    chain, longer = sound(8, heads=(8,)), sound(9, heads=()).leaves
    leaves = chain.leaves
    changed = leaves[5].replace(b'"modelling"', b'"post_loan"')
    extra = sound(6, heads=())
    extra.write("bank-b", "endorsement-given", _said())
    return {
        "changed-byte": Bad(
            "a purpose is written over in the file; the heads are as they were",
            _spoil(chain, [*leaves[:5], changed, *leaves[6:]]), 6, "broken-link",
            f"entries/0.tlog-proof · {NO_PROOF}",
        ),
        "changed-last-leaf": Bad(
            "the newest leaf is written over: no link shows it, the head does",
            _spoil(chain, [*leaves[:7], leaves[7].replace(b'"ckks"', b'"bfv1"')]), 8, "wrong-root",
            f"entries/0.tlog-proof · {NO_PROOF}",
        ),
        "removed-leaf": Bad(
            "a leaf is taken out of the file",
            _spoil(chain, [*longer[:5], *longer[6:]]), 5, "broken-link",
            "entries/5.leaf · not a leaf, or not the leaf of this index",
        ),
        "inserted-leaf": Bad(
            "a leaf is put between two others",
            _spoil(chain, [*leaves[:6], extra.leaves[6], leaves[6]]), 7, "broken-link",
            "entries/7.leaf · not a leaf, or not the leaf of this index",
        ),
        "swapped-leaves": Bad(
            "two leaves change places",
            _spoil(chain, [*leaves[:5], leaves[6], leaves[5], leaves[7]]), 5, "broken-link",
            "entries/5.leaf · not a leaf, or not the leaf of this index",
        ),
        "doubled-leaf": Bad(
            "a leaf stands twice",
            _spoil(chain, [*leaves[:6], leaves[5], leaves[6]]), 6, "broken-link",
            "entries/6.leaf · not a leaf, or not the leaf of this index",
        ),
    }  # fmt: skip


def _signed_by_all() -> Mapping[str, Bad]:
    """Have log and witnesses make every link and head anew around it."""
    bad = {}
    chain, honest = sound(5, heads=()), sound(7, heads=())
    note = honest.leaves[5].split(b"\n", 4)[4]
    chain.add(note.replace(b'"modelling"', b'"post_loan"'), at(5))
    chain.head()
    bad["changed-entry"] = Bad(
        "an entry is written over, and everything around it made anew", chain, 5, "bad-signature",
        "entries/5.leaf · a signature of bank-b does not verify",
    )  # fmt: skip
    chain = sound(5, heads=())
    chain.add(honest.leaves[6].split(b"\n", 4)[4], at(6))
    chain.head()
    bad["removed-entry"] = Bad(
        "an entry is left out, and everything after it made anew", chain, 5, "seen-unknown"
    )
    chain = sound(5, heads=())
    for index in (6, 5):
        chain.add(honest.leaves[index].split(b"\n", 4)[4], at(6))
    chain.head()
    bad["swapped-entries"] = Bad(
        "two entries change places, and everything after them is made anew", chain, 5,
        "seen-unknown",
    )  # fmt: skip
    chain = sound(6, heads=())
    chain.add(honest.leaves[5].split(b"\n", 4)[4], at(6))
    chain.head()
    bad["doubled-entry"] = Bad(
        "an entry stands twice, and everything after it is made anew", chain, 6, "duplicate-id",
        "entries/6.leaf · does not continue the entries of bank-b",
    )  # fmt: skip
    chain = sound(7, heads=())
    chain.write("bank-b", "endorsement-given", _said(), author_seq=5)
    chain.head()
    bad["withheld-entry"] = Bad(
        "an author's entries 2 to 4 were never written", chain, 7, "author-gap"
    )
    chain = sound(7, heads=())
    number, previous = chain.last["bank-b"]
    chain.write("bank-b", "endorsement-given", _said("one"))
    again = {"author_seq": number + 1, "author_prev": previous}
    chain.write("bank-b", "endorsement-given", _said("another"), **again)
    chain.head()
    bad["one-number-twice"] = Bad(
        "an author signs two texts with one number", chain, 8, "author-equivocation",
        "entries/8.leaf · does not continue the entries of bank-b",
    )  # fmt: skip
    chain, other = sound(7, heads=()), sound(6, heads=())
    other.write("bank-c", "endorsement-given", _said("on the other branch"))
    chain.write("bank-b", "endorsement-given", _said(), seen_root=other.tree.root.hex())
    chain.head()
    bad["healed-fork"] = Bad(
        "an entry that was signed on one branch is moved to the other", chain, 7, "seen-unknown"
    )
    chain = sound(7, heads=())
    chain.write("bank-b", "endorsement-given", _said(), received=7 + 601)
    chain.head(second=7 + 601)
    bad["played-later"] = Bad("an entry was kept in a drawer for 601 s", chain, 7, "stale",
        "entries/7.leaf · received 601 s from when its author says it was written",
    )  # fmt: skip
    chain = sound(7, heads=(7,))
    chain.heads = []
    chain.head(size=7, second=86_400)
    chain.write("bank-b", "endorsement-given", _said())
    chain.head(second=86_460)
    bad["backdated"] = Bad(
        "an entry and its receipt say a day before the witnesses saw the head under it",
        chain, 7, "outside-bracket",
        "entries/7.leaf · received outside the witnesses' times around it",
    )  # fmt: skip
    return bad


def _heads() -> Mapping[str, Bad]:
    bad = {}
    chain, other = sound(8, heads=(8,)), sound(7, heads=())
    other.write("bank-b", "endorsement-given", _said("instead"))
    bad["two-heads-of-one-size"] = Bad(
        "the log signs a second history of the same size, which the reader was shown before",
        chain, None, "wrong-root", since=other.head(),
    )  # fmt: skip
    chain = sound(8, heads=(8,))
    shown = chain.heads[0]
    short = sound(6, heads=(6,))
    bad["rolled-back"] = Bad(
        "a backup is served; the reader has seen a larger head", short, None, "rolled-back",
        since=shown,
    )  # fmt: skip
    chain = sound(8, heads=())
    chain.head(size=6, root=bytes.fromhex(digest("another tree")))
    chain.head()
    bad["heads-that-do-not-continue"] = Bad(
        "a smaller head is no beginning of the larger one", chain, 6, "wrong-root",
        "brackets/6.checkpoint · not a beginning of the ledger under the checkpoint",
    )  # fmt: skip
    chain = sound(8, heads=())
    chain.head(names=("bank-a", "bank-b", "bank-c"))
    bad["without-its-quorum"] = Bad(
        "the regulator has not co-signed", chain, 8, "unwitnessed",
        "checkpoint · too few witnesses co-signed",
    )  # fmt: skip
    chain = sound(8, heads=())
    chain.head(key=SigningKey.from_seed(ORIGIN, seed("fedcredit vector key of a thief")))
    bad["head-by-another-log"] = Bad(
        "a head is signed by another key of the log's name", chain, 8, "bad-checkpoint",
        "checkpoint · signed by another key",
    )  # fmt: skip
    chain = sound(8, heads=())
    note = Note.parse(chain.head())
    late = witness_key("regulator").cosign(note.text, int(START.timestamp()) + 9)
    spoiled = Signature(
        late.name, late.key_id, late.signature[:8] + note.signatures[4].signature[8:]
    )
    chain.heads = [Note(note.text, (*note.signatures[:4], spoiled)).encode()]
    bad["cosignature-of-another-time"] = Bad(
        "a co-signature's time is written over", chain, 8, "bad-cosignature",
        "checkpoint · a signature of regulator does not verify",
    )  # fmt: skip
    chain = sound(8, heads=(8,))
    bad["another-federation"] = Bad(
        "a ledger of the same names and keys, which is not the one that was pinned",
        chain, 0, "not-pinned", "entries/0.leaf · another founding entry",
        founding_entry=digest("the founding entry that was told by telephone"),
    )  # fmt: skip
    return bad


def _authors() -> Mapping[str, Bad]:
    def one(what: str, code: str, package: str, author: str = "bank-b", **more: Any) -> Bad:
        chain = sound(7, heads=())
        chain.write(author, "endorsement-given", _said(), **more)
        chain.head()
        return Bad(what, chain, 7, code, f"entries/7.leaf · {package}")

    signed = "not signed by exactly those who must"
    chain = Chain()
    few = [party_key(name) for name in ROLES if name != "analyst"]
    chain.write("coordinator", "federation-created", founding(), signers=few)
    chain.head()
    return {
        "unknown-author": one(
            "a stranger writes", "unknown-author", signed, "bank-z"
        ),
        "recovery-key": one(
            "an entry is signed with the party's recovery key, which signs no entries",
            "wrong-key", "signed by another key", signers=[party_key("bank-b", "recovery")],
        ),
        "in-anothers-name": one(
            "the coordinator signs an entry of bank-b", "wrong-key", "signed by another key",
            signers=[party_key("coordinator")],
        ),
        "surplus-signature": one(
            "an entry carries a signature that its type does not demand", "wrong-key", signed,
            signers=[party_key("bank-b"), party_key("bank-c")],
        ),
        "missing-cosigner": Bad(
            "the analyst has not signed the founding entry", chain, 0, "missing-cosigner",
            "entries/0.leaf · not signed by exactly those who must",
        ),
    }  # fmt: skip


def _keys() -> Mapping[str, Bad]:
    retired = sound(7, heads=())
    old, new = party_key("bank-b"), party_key("bank-b", "next key")
    rotated = {
        "party": "bank-b",
        "use": "signing",
        "old_vkey": old.vkey,
        "new_vkey": new.vkey,
    }
    retired.write("bank-b", "party-key-rotated", rotated, signers=[old, new])
    retired.write("bank-b", "endorsement-given", _said())
    retired.head()
    alone = sound(7, heads=())
    lines = [
        f"log {log_key().vkey}",
        f"witness bank-a {witness_key('bank-a').vkey}",
        "quorum bank-a",
    ]
    act: Data = {"policy": "witness", "digest": digest("\n".join(lines)), "lines": lines}
    text = json.dumps(["policy-changed", act], sort_keys=True, separators=(",", ":"))
    word = {"act_type": "policy-changed", "act_digest": digest(text), "decision": "approve"}
    given = alone.write("bank-a", "endorsement-given", word)
    alone.write("coordinator", "policy-changed", act | {"endorsements": [given]})
    alone.head(names=("bank-a",))
    return {
        "retired-key": Bad(
            "an entry is signed with the key that its author has replaced", retired, 8,
            "wrong-key", "entries/8.leaf · signed by another key",
        ),
        "policy-of-two": Bad(
            "coordinator and bank-a decide alone that bank-a's co-signature is enough", alone, 8,
            "not-endorsed", "entries/8.leaf · policy-changed is not what the parties decided",
        ),
    }  # fmt: skip


def _forms() -> Mapping[str, Bad]:
    def one(what: str, package: str, respell: Callable[[str], str]) -> Bad:
        chain = sound(7, heads=())
        chain.write("bank-b", "endorsement-given", _said(), respell=respell)
        chain.head()
        return Bad(what, chain, 7, "malformed", f"entries/7.leaf · {package}")

    subset, spelling = (
        "the JSON is outside the canonical subset",
        "the JSON is not in its one spelling",
    )
    head = sound(7, heads=())
    head.add(head.head(), at(7))
    head.heads = []
    head.head()
    extra = sound(7, heads=())
    extra.write("bank-b", "endorsement-given", _said() | {"remark": "free text"})
    extra.head()
    return {
        "a-space-in-the-json": one(
            "the same JSON in other bytes", spelling, lambda text: text.replace(",", ", ", 1)
        ),
        "a-key-twice": one(
            "a key stands twice, and readers differ in which one they take", spelling,
            lambda text: text.replace('"act_type":"x"', '"act_type":"x","act_type":"y"'),
        ),
        "a-fraction": one(
            "a number is written with a fraction", "a canonical number is an integer",
            lambda text: text.replace('"author_seq":2', '"author_seq":2.0'),
        ),
        "a-text-that-turns": one(
            "U+202E: what is read is not what was signed", subset,
            lambda text: text.replace('"x"', '"\u202ex"'),
        ),
        "two-forms-of-a-letter": one(
            "a letter that is not in NFC", subset, lambda text: text.replace('"x"', '"A\u030a"')
        ),
        "nine-levels": one(
            "lists within lists", subset,
            lambda text: text.replace('"x"', "[" * 9 + "]" * 9),
        ),
        "a-head-for-an-entry": Bad(
            "a co-signed checkpoint stands where an entry should", head, 7, "malformed",
            "entries/7.leaf · malformed (JSONDecodeError)",
        ),
        "free-text": Bad(
            "an entry has a field that its type has not", extra, 7, "unknown-field"
        ),
    }  # fmt: skip


def _runs() -> Mapping[str, Bad]:
    """Write what the rules forbid, signed by everybody; a package's verifier replays no rules."""
    bad = {}

    def keep(name: str, what: str, chain: Chain, code: str, package: str = "") -> None:
        index = len(chain.leaves) - 1
        chain.head()
        bad[name] = Bad(what, chain, index, code, package)

    chain = sound(14, heads=(12,))
    chain.write("bank-b", "grant-revoked", {"grant_id": "grant-bank-b", "reason": "withdrawn"})
    chain.write("bank-b", "round-contributed", contribution("bank-b", chain.ids[5]))
    keep("revoked-grant", "a bank contributes under a grant that it has revoked", chain,
         "grant-not-live")  # fmt: skip
    chain = sound(11, heads=(), grant={"purpose": "post_loan"})
    keep("another-purpose", "an approval cites a grant for another purpose", chain, "grant-scope")
    chain = sound(13, heads=(12,))
    chain.write("coordinator", "round-attempted", attempted(input_digest=digest("crafted")))
    keep("crafted-input", "an attempt evaluates at a point that nobody released", chain,
         "input-not-released")  # fmt: skip
    chain = sound(17, heads=(12,))
    chain.write("coordinator", "round-aggregated", aggregated(chain.ids[14:16]))
    keep("aggregate-without-a-bank", "an aggregate leaves a bank out", chain, "aggregate-mismatch")
    chain = sound(17, heads=(12,))
    chain.write("coordinator", "round-aggregated", aggregated([*chain.ids[14:17], chain.ids[13]]))
    keep("aggregate-with-a-stranger", "an aggregate names what is no contribution to it", chain,
         "aggregate-mismatch")  # fmt: skip
    chain = sound(18)
    forged = opened(chain.ids[17], aggregate_digest=digest("another sum"))
    chain.write("key-holder", "round-opened", forged)
    keep("forged-aggregate", "an opening is of another sum than the aggregate's", chain,
         "aggregate-mismatch",
         "entries/18.leaf · opens a second time, or another sum than the one it names")  # fmt: skip
    chain = sound(19)
    chain.write("key-holder", "round-opened", opened(chain.ids[17]))
    keep("second-opening", "a round is opened twice", chain, "already-opened",
         "entries/19.leaf · opens a second time, or another sum than the one it names")  # fmt: skip
    chain = sound(19, heads=(12,))
    keep("unwitnessed-opening", "a round is opened before the witnesses saw the aggregate", chain,
         "opening-unwitnessed")  # fmt: skip
    return bad


def bad_chains() -> dict[str, Bad]:
    """Return every bad ledger by the name of its defect."""
    return {
        **_tampered(), **_signed_by_all(), **_heads(), **_authors(), **_keys(), **_forms(),
        **_runs(),
    }  # fmt: skip
