"""The ledgers of ledger/vectors as files: a database, and a package of all entries."""

import base64
import hashlib
import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedcredit_ledger.merkle import Tree, leaf_hash
from fedcredit_ledger.note import Note
from fedcredit_ledger.store import Store
from tests.ledger.small_packages import packed_anew

VECTORS = Path(__file__).parents[2] / "ledger" / "vectors"
BAD = sorted(path.stem for path in (VECTORS / "bad").glob("*.json"))


def vector(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


CHAIN = vector("chain")


@dataclass(frozen=True)
class WrittenLedger:
    """Leaves and heads, as a vector says."""

    leaves: list[bytes]
    heads: list[bytes]

    @classmethod
    def good(cls) -> "WrittenLedger":
        return cls(
            [leaf.encode() for leaf in CHAIN["leaves"]], [head.encode() for head in CHAIN["heads"]]
        )

    @classmethod
    def bad(cls, name: str) -> "WrittenLedger":
        row = vector(f"bad/{name}")
        leaves = [*CHAIN["leaves"][: row["take"]], *row["leaves"]]
        return cls([leaf.encode() for leaf in leaves], [head.encode() for head in row["heads"]])

    def store(self, path: Path) -> Path:
        """Write the database, as somebody with the disk can."""
        Store(path).close()
        tree, known = Tree(), set()
        with sqlite3.connect(path) as db:
            for index, raw in enumerate(self.leaves):
                value = leaf_hash(raw)
                text = raw.split(b"\n", 4)[4].rpartition(b"\n\n")[0] + b"\n"
                entry_id = hashlib.sha256(text).hexdigest()
                if entry_id in known:  # the table wants them distinct; nobody believes them
                    entry_id = f"{entry_id[:60]}{index:04}"
                known.add(entry_id)
                row = (index, raw, value, entry_id)
                db.execute("INSERT INTO leaf VALUES (?, ?, ?, ?)", row)
                for level, i, inner in tree.append(value):
                    if level:
                        db.execute("INSERT INTO node VALUES (?, ?, ?)", (level, i, inner))
            for raw in self.heads:
                note = Note.parse(raw)
                size = int(note.text.split(b"\n")[1])
                bare = Note(note.text, note.signatures[:1]).encode()
                db.execute("INSERT INTO checkpoint VALUES (?, ?)", (size, bare))
                for line in note.signatures[1:]:
                    key = f"{line.name}+{line.key_id.hex()}"
                    db.execute("INSERT INTO cosignature VALUES (?, ?, ?)", (size, key, line.line()))
        db.close()
        return path

    def package(self) -> bytes:
        """Pack every entry with proofs in the newest head, as a forger would."""
        tree = Tree(leaf_hash(raw) for raw in self.leaves)
        heads = {int(head.split(b"\n")[1]): head for head in self.heads}
        newest = max(heads)
        founding = json.loads(self.leaves[0].split(b"\n")[5])
        policy = "".join(f"{line}\n" for line in founding["data"]["witness_policy"])
        files = {"checkpoint": heads.pop(newest), "policy": policy.encode()}
        files["flow.txt"] = b"fedcredit-evidence/v1\nentries of the vector\n"
        for size, head in heads.items():
            files[f"brackets/{size}.checkpoint"] = head
            files[f"brackets/{size}.consistency"] = lines(tree.consistency_proof(size, tree.size))
        for index, raw in enumerate(self.leaves):
            proof = lines(tree.inclusion_proof(index, tree.size)) + b"\n" + files["checkpoint"]
            files[f"entries/{index}.leaf"] = raw
            files[f"entries/{index}.tlog-proof"] = (
                f"c2sp.org/tlog-proof@v1\nindex {index}\n".encode() + proof
            )
        return packed_anew(files)


def lines(hashes: list[bytes]) -> bytes:
    return b"".join(base64.b64encode(value) + b"\n" for value in hashes)
