"""What a scorecard costs on daemons: against plain sums, by part of a round, in memory and bytes.

``python benchmarks/deployment.py`` starts real daemons on this machine (parties, key holder,
coordinator with SuperLink and ServerApp, over TLS) and in the same run the same rounds with plain
sums over the same Flower (`plain_federation`), turn by turn; splits every round into its parts
(`round_split`); lets plain nodes exchange 235 kB; and asks NVFlare's encrypted averaging to fit the
same rows (`peers`). Both sides of every ratio share the machine and the minute. Encrypted and plain
jobs must release the same coefficients to the last bit, or nothing is written.
"""

import argparse
import logging
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from daemons import Daemons, bytes_sent
from measuring import Watch, machine, write
from peers import nvflare_he
from plain_federation import PlainFederation
from round_split import PARTS, Round, Trace
from synthetic_applicants import applicants

import fedcredit as fc

REPEATS = {3: 7, 15: 3}
"""Parties -> jobs that count on each side; one more before them does not."""

SETTLE_S = 1.0
"""Pause between two jobs, in which the ServerApp of the first one ends."""

ECHO_BYTES = 235_000
ECHOES, ECHO_ROUNDS = 2, 5

ROW_C = {3: (0.5, 0.7), 15: (3.4, 3.7)}
"""Seconds a round that our specification measured for plain nodes exchanging 235 kB."""

Row = dict[str, Any]


def main() -> None:
    """Measure every case and write ``results/deployment.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=30_000)
    parser.add_argument("--parties", type=int, nargs="+", default=list(REPEATS))
    parser.add_argument("--repeats", type=int, help="jobs on each side, instead of 7 and 3")
    parser.add_argument("--no-peers", action="store_true", help="leave NVFlare out")
    parser.add_argument("--dry", action="store_true", help="print, and write nothing")
    options = parser.parse_args()
    logging.disable(logging.INFO)
    # Ended from outside, we still end what we have started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    found: Row = {"machine": machine(), "rows": options.rows, "cases": [], "peers": []}
    frame = applicants(options.rows)
    work = Path(tempfile.mkdtemp(prefix="fedcredit-deployment-"))
    try:
        for n in options.parties:
            found["cases"].append(case(frame, n, options.repeats or REPEATS[n], work / str(n)))
            tell(found, dry=options.dry)
        if not options.no_peers:
            found["peers"].append(nvflare_he.row(frame, work / "nvflare"))
            tell(found, dry=options.dry)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def tell(found: Row, *, dry: bool) -> None:
    """Write what was found so far, or print it."""
    found["machine"]["load_average_at_the_end"] = [round(value, 2) for value in os.getloadavg()]
    print(found if dry else write("deployment", found), flush=True)


def case(frame: pd.DataFrame, n_parties: int, repeats: int, work: Path) -> Row:
    """Return the figures for one number of parties."""
    bank = np.random.default_rng(1).integers(0, n_parties, len(frame))
    frames = {f"bank-{i:02d}": frame[bank == i] for i in range(n_parties)}
    encrypted: list[float] = []
    plain: list[Row] = []
    begun: list[float] = []
    with Daemons(work / "daemons", frames) as daemons:
        with MemoryOf(daemons) as memory:
            result, _, _ = daemons.run()
        task, split_key = daemons.task, daemons.split_key
        with PlainFederation(work / "plain", frames, front=True) as other:
            other.scorecard(task, split_key)
            for _ in range(repeats):
                time.sleep(SETTLE_S)
                result, seconds, begin = daemons.run()
                encrypted.append(seconds)
                begun.append(begin)
                time.sleep(SETTLE_S)
                plain.append(other.scorecard(task, split_key))
                check_equal(result, plain[-1])
                say(f"{n_parties} parties: {seconds:.2f} s, plain {plain[-1]['seconds']:.2f} s")
    rounds = [
        Trace(daemons.trace, since=begin, until=begin + seconds + 1.0).rounds()
        for begin, seconds in zip(begun, encrypted, strict=True)
    ]
    past = past_the_front(work, frames, lambda other: other.scorecard(task, split_key), repeats)
    sent = bytes_sent(result)
    return {
        "parties": n_parties,
        "repeats": repeats,
        "rounds": len(rounds[0]),
        "encrypted_s": spread(encrypted),
        "plain_s": spread([run["seconds"] for run in plain]),
        "ratio": spread([e / p["seconds"] for e, p in zip(encrypted, plain, strict=True)]),
        "start_s": short(daemons.started_s),
        **by_round(rounds, begun, encrypted),
        "plain_round_s": spread([gap for run in plain for gap in gaps(run["moments"])[1:]]),
        **past,
        "echo_specified_s": ROW_C.get(n_parties),
        "memory_mb": memory.by_role(),
        "mb_sent_per_party": short(statistics.median(sent.values()) / 1e6),
        "plain_mb_sent_per_party": short(plain[-1]["n_bytes_per_party"] / 1e6),
    }


def check_equal(result: fc.TrainingResult, plain: Row) -> None:
    """End the benchmark when both sides did not compute the same thing."""
    card = result.model
    if plain["coefficients"] != [card.intercept_, *card.coef_]:
        raise SystemExit("the encrypted and the plain coefficients differ")


def by_round(
    rounds: Sequence[Sequence[Round]], begun: Sequence[float], seconds: Sequence[float]
) -> Row:
    """Return seconds before, in and after the rounds; means, so that parts add up."""
    later = [one for run in rounds for one in run[1:]]
    return {
        "before_s": mean([run[0].begin - b for run, b in zip(rounds, begun, strict=True)]),
        "first_round_s": mean([run[0].seconds for run in rounds]),
        "first_round_parts_s": {p: mean([run[0].parts[p] for run in rounds]) for p in PARTS},
        "round_s": spread([one.seconds for one in later]),
        "mean_round_s": mean([one.seconds for one in later]),
        "round_parts_s": {part: mean([one.parts[part] for one in later]) for part in PARTS},
        "after_s": mean(
            [b + s - run[-1].end for run, b, s in zip(rounds, begun, seconds, strict=True)]
        ),
    }


def past_the_front(
    work: Path,
    frames: Mapping[str, pd.DataFrame],
    fit: Callable[[PlainFederation], Row],
    repeats: int,
) -> Row:
    """Return what plain nodes gain without the front, and the exchanges of 235 kB of both.

    Both kinds of nodes take turns; no daemon runs beside them.
    """
    with (
        PlainFederation(work / "front", frames, front=True) as front,
        PlainFederation(work / "past", frames, front=False) as past,
    ):
        pairs = [(fit(front)["seconds"], fit(past)["seconds"]) for _ in range(repeats + 1)][1:]
        echoes = [(echo_seconds(front), echo_seconds(past)) for _ in range(ECHOES)]
    return {
        "front_ratio": spread([through / direct for through, direct in pairs]),
        "plain_past_front_s": spread([direct for _, direct in pairs]),
        "echo_bytes": ECHO_BYTES,
        "echo_front_s": spread([second for through, _ in echoes for second in through]),
        "echo_s": spread([second for _, direct in echoes for second in direct]),
    }


def echo_seconds(federation: PlainFederation) -> list[float]:
    """Return seconds of each round in which every node takes and gives back 235 kB."""
    run = federation.echo(n_bytes=ECHO_BYTES, rounds=ECHO_ROUNDS + 1)
    return gaps(run["moments"])[1:]


class MemoryOf(Watch):
    """The largest proportional memory of every process of a federation while a job runs.

    Parameters
    ----------
    daemons : Daemons
        Looked at twice a second.
    """

    def __init__(self, daemons: Daemons) -> None:
        super().__init__(every_s=0.5)
        self._daemons = daemons
        self._largest: dict[str, list[float]] = {}

    def look(self) -> None:
        """Compare every process with its largest so far."""
        for role, found in self._daemons.memory_mb().items():
            if role == "other":
                continue
            before = self._largest.get(role, [])
            before += [0.0] * (len(found) - len(before))
            for i, value in enumerate(found):
                before[i] = max(before[i], value)
            self._largest[role] = before

    def by_role(self) -> dict[str, Row]:
        """Return how many processes each role has, and MB of one of them (the mean)."""
        return {
            role: {"processes": len(found), "mb_each": round(statistics.mean(found))}
            for role, found in self._largest.items()
        }


def gaps(moments: Sequence[float]) -> list[float]:
    """Return the seconds between moments."""
    return [later - earlier for earlier, later in pairwise(moments)]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median, least and most."""
    return {
        "median": short(statistics.median(values)),
        "least": short(min(values)),
        "most": short(max(values)),
    }


def mean(values: Sequence[float]) -> float:
    """Return the mean, rounded to what is worth writing down."""
    return short(statistics.mean(values))


def short(value: float) -> float:
    """Round to four digits."""
    return float(f"{value:.4g}")


def say(text: str) -> None:
    """Tell the person who waits."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
