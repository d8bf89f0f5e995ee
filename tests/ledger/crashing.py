"""Kill a ledger's writer, spoil its log, and compare what is left with all that was answered.

Every run draws a seed and records it; ``FEDCREDIT_SEED`` repeats one.
"""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from fedcredit_ledger.errors import LedgerError, RollbackError
from fedcredit_ledger.log import Log
from fedcredit_ledger.replica import Replica
from fedcredit_ledger.store import Store
from tests.ledger.appending_child import open_place
from tests.ledger.places import Place, PostgresPlace
from tests.ledger.small_federation import ORIGIN, SmallFederation
from tests.postgres_server import PostgresServer

ROOT = Path(__file__).parents[2]
CHILD = Path(__file__).with_name("appending_child.py")

A_LEDGER = 10
"""Kills of one ledger; then another is begun, so that replaying stays short."""


@pytest.fixture
def seed(record_property: Callable[[str, object], None]) -> int:
    """Return a fresh seed, printed and recorded."""
    drawn = int(os.environ.get("FEDCREDIT_SEED") or random.SystemRandom().randrange(2**32))
    print(f"seed {drawn}")
    record_property("seed", drawn)
    return drawn


def described(place: Place) -> dict[str, str]:
    if isinstance(place, PostgresPlace):
        return {"url": place.url, "head": str(place.head)}
    return {"path": str(place.path)}


def child(place: Place, *, wrapped: str = "") -> "subprocess.Popen[str]":
    """Start the appending process; `wrapped` is done in it first."""
    program = (
        [sys.executable, str(CHILD)]
        if not wrapped
        else [
            sys.executable,
            "-c",
            f"{wrapped}\nfrom tests.ledger.appending_child import main\nmain()",
        ]
    )
    return subprocess.Popen(
        [*program, json.dumps(described(place))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'ledger'}"},
    )


class Watcher:
    """What a member keeps through all lives of a ledger: receipts, and its own copy."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.fed = SmallFederation()
        self.receipts: dict[str, int] = {}
        self.copy = Replica(self.fed.founding.id)
        with place.open() as store:
            SmallFederation(store)

    def keep(self, lines: list[str]) -> list[str]:
        """Keep what was answered; return the other lines."""
        others = []
        for line in lines:
            first, _, second = line.partition(" ")
            if first.isdigit():
                assert len(second) == 64, "a half line"
                assert self.receipts.setdefault(second, int(first)) == int(first)
            else:
                others.append(line)
        return others

    def check(self) -> Log:
        """Open the ledger as a restarted coordinator does; compare it with all that was said."""
        with open_place(described(self.place)) as store:
            log = Log(store, self.fed.log_key, ORIGIN, self.fed.clock)
            lost = {
                entry: index
                for entry, index in self.receipts.items()
                if log.state.entry_index.get(entry) != index
            }
            assert lost == {}
            self.copy.update(log.leaves(self.copy.size))
            fresh = Replica(self.fed.founding.id)
            fresh.update(log.leaves())
            assert (self.copy.size, self.copy.root) == (log.size, log.root)
            assert (fresh.size, fresh.root) == (log.size, log.root)
            return log


def whole_lines(text: str) -> list[str]:
    """Return the lines that were written to their end."""
    return text.split("\n")[:-1]


def kill(
    process: "subprocess.Popen[str]", rng: random.Random, server: PostgresServer | None
) -> tuple[str, list[str]]:
    """End the writer, or what it writes to, at a random instant; return how, and what it said."""
    assert process.stdout is not None and process.stderr is not None
    lines = []
    for _ in range(rng.randint(1, 60)):
        line = process.stdout.readline()
        assert line, process.stderr.read()
        lines.append(line.rstrip("\n"))
    time.sleep(rng.random() * 0.03)  # an instant between two lines
    how = "writer"
    if server is not None:
        how = rng.choices(["writer", "session", "server"], weights=[6, 2, 2])[0]
    if how == "session" and server is not None:
        server.kill_sessions()
    elif how == "server" and server is not None:
        server.kill()
    else:
        process.kill()
    rest, said = process.communicate(timeout=60)
    if how != "writer":
        assert process.returncode == 0, said
    if how == "server" and server is not None:
        server.start()
    return how, [*lines, *whole_lines(rest)]


def kill_often(
    new_place: Callable[[int], Place], n: int, rng: random.Random, server: PostgresServer | None
) -> tuple[Counter[str], int]:
    """Kill `n` times; return how often what was killed, and how many receipts were given."""
    how_often: Counter[str] = Counter()
    n_receipts = 0
    for first in range(0, n, A_LEDGER):
        watcher = Watcher(new_place(first))
        for _ in range(min(A_LEDGER, n - first)):
            process = child(watcher.place)
            how, lines = kill(process, rng, server)
            how_often[how] += 1
            for other in watcher.keep(lines):
                assert how != "writer" and other.startswith("failed "), other
            watcher.check()
        n_receipts += len(watcher.receipts)
    return how_often, n_receipts


def new_folder(folder: Path, number: int) -> Path:
    made = folder / f"{number}"
    made.mkdir()
    return made


def flip(folder: Path, n_flips: int, rng: random.Random) -> Counter[str]:
    """Flip one bit of a write-ahead log, `n_flips` times; count what became of the database."""
    path = folder / "ledger.db"
    with Store(path) as store:
        fed = SmallFederation(store)
        for _ in range(12):
            fed.write(
                "bank-a",
                "endorsement-given",
                {"act_type": "x", "act_digest": "00" * 32, "decision": "approve"},
            )
        whole = {suffix: Path(f"{path}{suffix}").read_bytes() for suffix in ("", "-wal", "-head")}
    size = 13
    found: Counter[str] = Counter()
    for number in range(n_flips):
        trial = folder / f"{number}"
        trial.mkdir()
        wal = bytearray(whole["-wal"])
        bit = rng.randrange(len(wal) * 8)
        wal[bit // 8] ^= 1 << bit % 8
        for name in ("plain.db", "ours.db"):
            (trial / name).write_bytes(whole[""])
            (trial / f"{name}-wal").write_bytes(wal)
            (trial / f"{name}-head").write_bytes(whole["-head"])
        with closing(sqlite3.connect(trial / "plain.db")) as plain:
            try:
                (n_leaves,) = plain.execute("SELECT COUNT(*) FROM leaf").fetchone()
            except sqlite3.OperationalError:  # even the tables were in the lost part
                n_leaves = 0
            except sqlite3.DatabaseError:
                n_leaves = -1
        try:
            with Store(trial / "ours.db") as store:
                log = Log(store, fed.log_key, ORIGIN, fed.clock)
                outcome = "whole" if log.root == fed.log.root else "UNNOTICED"
        except RollbackError:
            outcome = "rollback"
        except LedgerError:
            outcome = "unreadable"
        if 0 <= n_leaves < size:
            found["shortened"] += 1
            found["noticed"] += outcome == "rollback"
        found[outcome] += 1
        shutil.rmtree(trial)
    return found
