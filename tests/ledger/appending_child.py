"""A process that appends from several threads and prints each receipt once it has it.

Started by the crash tests as ``python appending_child.py PLACE``; somebody kills it. What it prints
was answered: a line ``INDEX ENTRY_ID`` a receipt, ``failed CLASS`` when the log takes no more.
"""

import json
import os
import sys
import threading
from pathlib import Path

from fedcredit_ledger.checkpoint import TlogProof
from fedcredit_ledger.entry import NO_ENTRY, Entry, SignedEntry, format_time
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.ledger_store import LedgerStore
from fedcredit_ledger.log import Log
from fedcredit_ledger.store import Store
from fedcredit_ledger.store_postgres import PostgresStore
from tests.ledger.small_federation import ORIGIN, SmallFederation, digest

AUTHORS = ("bank-a", "bank-b", "bank-c", "key-holder", "regulator", "analyst")
"""Who submits, a thread each."""


def open_place(place: dict[str, str]) -> LedgerStore:
    """Open what the parent has described: a path, or an address and a head file."""
    if "url" in place:
        return PostgresStore(place["url"], head=Path(place["head"]))
    return Store(place["path"])


def say(line: str) -> None:
    """Write a line, whole or not at all."""
    os.write(1, f"{line}\n".encode())


def submit(fed: SmallFederation, log: Log, author: str, seen: tuple[int, str]) -> None:
    """Append as one author until the log fails."""
    number, previous = log.state.author_heads.get(author, (-1, NO_ENTRY))
    while True:
        number += 1
        entry = Entry(
            author=author,
            author_seq=number,
            author_prev=previous,
            ledger=ORIGIN,
            type="endorsement-given",
            time=format_time(fed.clock()),
            seen_size=seen[0],
            seen_root=seen[1],
            readers=["all"],
            data={"act_type": "x", "act_digest": digest(f"{number}"), "decision": "approve"},
        )
        signed = SignedEntry.sign(entry, fed.keys[author])
        try:
            (outcome,) = log.submit([signed.encode()])
        except LedgerError as error:
            say(f"failed {type(error).__name__}")
            return
        if outcome.code:
            say(f"refused {outcome.code}")
            return
        previous = signed.id
        say(f"{TlogProof.parse(outcome.receipt).index} {signed.id}")


def main() -> None:
    fed = SmallFederation()
    log = Log(open_place(json.loads(sys.argv[1])), fed.log_key, ORIGIN, fed.clock)
    seen = (log.size, log.root.hex())
    threads = [threading.Thread(target=submit, args=(fed, log, author, seen)) for author in AUTHORS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
