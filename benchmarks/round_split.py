"""Where a round's seconds went: Flower, crypto, quorum waits, ledger, sums, and what is left.

Read from what the processes wrote of their calls (``tracing/sitecustomize.py``). A round is
followed along its critical path, hand to hand, so that the parts add up to it by construction:

1. coordinator: writes ``round-attempted``;
2. the news of it (ledger) or its header (Flower) reaches the party that will commit last;
3. that party: waits for the release, sums, masks, encrypts, commits;
4. every party: waits for its header, where that is late, and until all commitments are witnessed;
5. Flower: the last reply comes back;
6. coordinator: hands the contributions in, adds, writes ``round-aggregated``;
7. key holder: quorum over it, adds again, opens, applies the release function, ``round-opened``;
8. coordinator: learns of it.

Whatever on this path lies in none of the timed calls is the remainder.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

PARTS = ("flower", "crypto", "quorum", "ledger", "sums", "remainder")
"""What a round is split into; README.md says what each word means."""

PART_OF = {
    "Engine.encrypt": "crypto",
    "Engine.add": "crypto",
    "Engine.open": "crypto",
    "Engine.new_keys": "crypto",
    "mask": "crypto",
    "seal_release": "crypto",
    "LedgerClient.witnessed": "quorum",
    "LedgerClient.append": "ledger",
    "LedgerClient.wait": "ledger",
    "Mailbox.send": "ledger",
    "Mailbox.wait": "ledger",
    "FrontClient.put_blob": "ledger",
    "FrontClient.get_blob": "ledger",
    "Coordinator._wait_for_opening": "ledger",
    "addend": "sums",
    "release": "sums",
}


@dataclass(frozen=True)
class Call:
    """One timed call.

    Attributes
    ----------
    process, thread : int
        Who made it.
    name, about : str
        What was called, and what about.
    begin, end : float
        Seconds on the machine's monotonic clock.
    """

    process: int
    thread: int
    name: str
    about: str
    begin: float
    end: float


@dataclass(frozen=True)
class Round:
    """One round's begin and end on the machine's monotonic clock, and its seconds by part."""

    begin: float
    end: float
    parts: dict[str, float]

    @property
    def seconds(self) -> float:
        """Length of the round."""
        return self.end - self.begin


class Trace:
    """The calls of one federation.

    Parameters
    ----------
    folder : Path
        Where the processes wrote.
    since, until : float
        Calls that began earlier or later are left out: one run of the ledger lies between.
    """

    def __init__(self, folder: Path, *, since: float, until: float) -> None:
        self._calls: list[Call] = []
        for path in folder.glob("*.jsonl"):
            for line in path.read_text("utf-8").splitlines():
                name, begin, end, thread, about = json.loads(line)
                if since <= begin < until:
                    self._calls.append(Call(int(path.stem), thread, name, about, begin, end))
        self._calls.sort(key=lambda call: call.begin)

    def rounds(self) -> list[Round]:
        """Return every round, the time between two attempts.

        Raises
        ------
        ValueError
            When a round's calls are not all there.
        """
        (whole,) = self._named("Coordinator.carry_out")
        attempts = self._named("Coordinator._attempt")
        ends = [*(call.begin for call in attempts[1:]), whole.end]
        return [self._round(a, end) for a, end in zip(attempts, ends, strict=True)]

    def _round(self, attempt: Call, end: float) -> Round:
        collect = self._one("Coordinator._collect", attempt.end, end)
        work, committed = self._slowest(collect)
        answers = self._named("DataHolder.answer", about=collect.about)
        last = max(answers, key=lambda answer: answer.end)
        by_header = any(
            a.process == work.process and a.begin <= work.begin <= a.end
            for a in answers
            if a.thread == work.thread
        )
        header = max(0.0, max(answer.begin for answer in answers) - committed)
        waiting = self._one("Coordinator._wait_for_opening", collect.end, end)
        # The coordinator may see the entry before the key holder's own call returns.
        opened = next(
            call
            for call in self._named("LedgerClient.append", about="round-opened")
            if collect.end < call.begin < end
        )
        opening = next(
            call
            for call in self._named("KeyHolder.open")
            if opened in self._inside(opened.name, call)
        )
        known = min(opened.end, waiting.end)
        path = [
            self._painted(attempt, attempt.begin, min(attempt.end, work.begin)),
            {"flower" if by_header else "ledger": max(0.0, work.begin - attempt.end)},
            self._party(work, committed),
            {"flower": header, "quorum": last.end - committed - header},
            {"flower": collect.end - last.end},
            self._painted(collect, collect.end, waiting.begin),
            {"ledger": max(0.0, opening.begin - waiting.begin)},
            self._painted(opening, max(opening.begin, waiting.begin), known),
            {"ledger": waiting.end - known},
            self._painted(attempt, waiting.end, end),
        ]
        parts = dict.fromkeys(PARTS, 0.0)
        for stretch in path:
            for part, seconds in stretch.items():
                parts[part] += seconds
        parts["remainder"] += end - attempt.begin - sum(parts.values())
        return Round(attempt.begin, end, parts)

    def _slowest(self, collect: Call) -> tuple[Call, float]:
        """Return the work of the party that committed last, and when it had committed."""
        found = []
        for work in self._named("DataHolder._contribute", about=collect.about):
            for call in self._inside("LedgerClient.append", work):
                if call.about == "round-contributed":
                    found.append((work, call.end))
        if not found:
            raise ValueError("the trace holds no commitment to a round's attempt")
        return max(found, key=lambda pair: pair[1])

    def _party(self, answer: Call, until: float) -> dict[str, float]:
        """Split a party's work; its wait for the release is partly the key holder's quorum."""
        parts = self._painted(answer, answer.begin, until)
        holder = {call.process for call in self._named("KeyHolder.open")}
        quorum = 0.0
        for wait in self._inside("Mailbox.wait", answer):
            for call in self._named("LedgerClient.witnessed"):
                if call.process in holder:
                    quorum += max(0.0, min(wait.end, call.end) - max(wait.begin, call.begin))
        parts["ledger"] = parts.get("ledger", 0.0) - quorum
        parts["quorum"] = parts.get("quorum", 0.0) + quorum
        return parts

    def _painted(self, who: Call, begin: float, end: float) -> dict[str, float]:
        """Return a thread's seconds between two moments by part: the innermost call counts."""
        calls = [
            call
            for call in self._calls
            if (call.process, call.thread) == (who.process, who.thread)
            and call.name in PART_OF
            and call.begin < end
            and call.end > begin
        ]
        edges = sorted({begin, end, *(t for c in calls for t in (c.begin, c.end))})
        parts: dict[str, float] = {}
        for left, right in pairwise(edges):
            if left < begin or right > end:
                continue
            around = [c for c in calls if c.begin <= left and c.end >= right]
            part = PART_OF[max(around, key=lambda c: c.begin).name] if around else "remainder"
            parts[part] = parts.get(part, 0.0) + right - left
        return parts

    def _named(self, name: str, *, about: str = "") -> list[Call]:
        return [c for c in self._calls if c.name == name and about in ("", c.about)]

    def _inside(self, name: str, outer: Call) -> Iterator[Call]:
        for call in self._named(name):
            if (call.process, call.thread) == (outer.process, outer.thread) and (
                outer.begin <= call.begin and call.end <= outer.end
            ):
                yield call

    def _one(
        self, name: str, begin: float, end: float, *, of: Call | None = None, about: str = ""
    ) -> Call:
        found: Sequence[Call] = [
            call
            for call in self._named(name, about=about)
            if begin <= call.begin
            and call.end <= end + 1e-6
            and (of is None or (call.process, call.thread) == (of.process, of.thread))
        ]
        if not found:
            raise ValueError(f"the trace holds no {name} {about} between two moments of a round")
        return found[0]
