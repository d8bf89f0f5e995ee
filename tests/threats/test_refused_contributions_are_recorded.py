"""A contribution that is late, double, replayed or foreign is refused, and the ledger says so.

The record holds who, which rule and digests; a flood of refusals makes one line. The weak variant
is the same federation without its recorder: the refusals leave no trace.
"""

import hashlib
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import fedcredit as fc
from fedcredit.coordinator.refusals import Refusals
from fedcredit_ledger.entry import Entry, SignedEntry
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.note import SigningKey
from fedcredit_ledger.refused import Refusal
from tests.fedcredit.command_line import fedcredit
from tests.simulated import bank_frames, entries, newest_run, parts, small_federation, small_job


def recorded(federation: fc.Federation, n: int = 1) -> list[tuple[str, str]]:
    """Return author and code of the recorded refusals, as soon as there are `n`."""
    deadline = time.monotonic() + 5.0
    while len(found := entries(federation, "entry-refused")) < n and time.monotonic() < deadline:
        time.sleep(0.01)
    return [(entry.data["author"], entry.data["code"]) for entry in found]


def contribution(run: Any, number: int, of: str = "bank-0", **changes: Any) -> dict[str, Any]:
    """Return the data of a contribution like the one a bank has made, with a fresh mask key."""
    fresh = hashlib.sha256(str(time.perf_counter()).encode()).hexdigest()
    return {**run.rounds[number].contributions[of].data, "mask_epk": fresh, **changes}


def hand_in(federation: fc.Federation, name: str, data: dict[str, Any]) -> str:
    """Let a bank submit a contribution; return the code of the refusal."""
    with pytest.raises(RejectedEntryError) as refused:
        parts(federation).holders[name].member.ledger.append("round-contributed", data)
    return refused.value.code


def during_a_round(federation: fc.Federation, attack: Any, monkeypatch: Any, **job: Any) -> None:
    """Attack when the third round's contributions are committed; the run goes on."""
    coordinator = parts(federation).coordinator
    honest = coordinator._aggregate

    def attacked(run: Any, task: Any, attempt: Any, *rest: Any) -> None:
        if attempt.round == 3:
            attack(run)
        honest(run, task, attempt, *rest)

    monkeypatch.setattr(coordinator, "_aggregate", attacked)
    federation.run(small_job(**job))


@pytest.fixture
def clean() -> Any:
    with small_federation() as federation:
        yield federation


def test_double_and_replayed_contributions_are_refused_and_recorded(
    clean: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[str] = []

    def attack(run: Any) -> None:
        codes.append(hand_in(clean, "bank-0", contribution(run, 2, payload_digest="ab" * 32)))
        codes.append(hand_in(clean, "bank-1", contribution(run, 0, "bank-1")))

    during_a_round(clean, attack, monkeypatch)

    assert codes == ["already-contributed", "wrong-phase"]
    assert recorded(clean, 2) == [("bank-0", "already-contributed"), ("bank-1", "wrong-phase")]
    assert newest_run(clean).status == "finished"


def test_a_contribution_after_the_end_of_its_run_is_refused_and_recorded(
    clean: fc.Federation,
) -> None:
    clean.run(small_job())

    code = hand_in(clean, "bank-0", contribution(newest_run(clean), -1))

    assert code == "run-over"
    assert recorded(clean) == [("bank-0", "run-over")]


def test_a_contribution_of_a_bank_that_was_not_asked_is_refused_and_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codes: list[str] = []
    with small_federation(bank_frames(4)) as four:

        def attack(run: Any) -> None:
            codes.append(hand_in(four, "bank-3", contribution(run, 2)))

        during_a_round(four, attack, monkeypatch, parties=["bank-0", "bank-1", "bank-2"])

        assert codes == ["not-in-roster"]
        assert recorded(four) == [("bank-3", "not-in-roster")]
        assert newest_run(four).status == "finished"


def test_a_contribution_after_the_deadline_is_refused_and_recorded() -> None:
    passed = timedelta()

    def clock() -> datetime:
        return datetime.now(UTC) + passed

    with small_federation(clock=clock) as federation:
        holder = parts(federation).holders["bank-0"]
        honest = holder._commit

        def commit_late(*arguments: Any) -> None:
            nonlocal passed
            passed = timedelta(seconds=100)
            honest(*arguments)

        holder._commit = commit_late  # type: ignore[method-assign]
        with pytest.raises(Exception, match=r"\(late\)|did not answer|before every party"):
            federation.run(small_job(run_deadline_s=60))

        # The other banks' clocks went on too: theirs came after the run had failed.
        assert ("bank-0", "late") in recorded(federation)


def test_a_record_holds_digests_and_a_code_and_its_proof_is_kept_beside(
    clean: fc.Federation, tmp_path: Path
) -> None:
    sim = parts(clean)
    of_bank = next(e for e in entries(clean) if e.author == "bank-2")
    note = SignedEntry.sign(of_bank, sim.identities["bank-2"].signing).encode()
    clerk = Refusals(sim.desk, sim.coordinator.member, folder=tmp_path)

    clerk._record(
        Refusal(
            entry_id="cd" * 32, author="bank-2", type="grant-issued", code="grant-scope", note=note
        )
    )

    (record,) = entries(clean, "entry-refused")
    assert record.author == "coordinator"
    assert record.data == {
        "entry_id": "cd" * 32,
        "author": "bank-2",
        "code": "grant-scope",
        "text_digest": hashlib.sha256(note).hexdigest(),
    }
    (kept,) = tmp_path.iterdir()
    assert kept.name == f"{record.data['text_digest']}.note"
    assert kept.read_bytes() == note
    assert kept.stat().st_mode & 0o077 == 0


def test_a_flood_of_refusals_makes_one_line(clean: fc.Federation) -> None:
    ledger = parts(clean).holders["bank-0"].member.ledger
    size = parts(clean).log.size

    for number in range(300):
        with pytest.raises(RejectedEntryError):
            ledger.append("grant-revoked", {"grant_id": f"g-{number}", "reason": "withdrawn"})

    assert recorded(clean) == [("bank-0", "no-such-reference")]
    assert parts(clean).log.size == size + 1


def test_nobody_is_blamed_for_what_another_signed(clean: fc.Federation) -> None:
    sim = parts(clean)
    honest = next(e for e in entries(clean) if e.author == "bank-0")
    changes = {"type": "grant-revoked", "data": {"grant_id": "g", "reason": "withdrawn"}}
    forged = Entry(**{**{f: getattr(honest, f) for f in Entry.__dataclass_fields__}, **changes})
    notes = [SignedEntry.sign(forged, SigningKey.generate("bank-0")).encode()]
    notes.append(notes[0].replace(b"withdrawn", b"dispute"))

    outcomes = sim.log.submit(notes)
    sim.desk.wake()
    with pytest.raises(RejectedEntryError):  # something that is recorded, after it
        sim.holders["bank-1"].member.ledger.append("grant-revoked", changes["data"])

    assert {outcome.code for outcome in outcomes} == {"wrong-key"}
    assert recorded(clean) == [("bank-1", "no-such-reference")]


def test_a_flood_of_another_or_of_its_own_pushes_no_refusal_out(clean: fc.Federation) -> None:
    sim = parts(clean)
    honest = {name: next(e for e in entries(clean) if e.author == name) for name in sim.holders}

    def note(author: str, number: int, kind: str, key: SigningKey) -> bytes:
        body = {f: getattr(honest[author], f) for f in Entry.__dataclass_fields__}
        data = {"grant_id": f"g-{number}", "reason": "withdrawn"}
        return SignedEntry.sign(Entry(**body | {"type": kind, "data": data}), key).encode()

    keys = {name: sim.identities[name].signing for name in sim.holders}
    thief = SigningKey.generate("bank-1")
    flood = [note("bank-0", n, "endorsement-given", keys["bank-0"]) for n in range(400)]
    flood += [note("bank-0", n, "grant-revoked", keys["bank-0"]) for n in range(400)]
    flood += [note("bank-1", n, "grant-revoked", thief) for n in range(400)]

    # One call is one batch: the recorder looks when all of it has been refused.
    sim.log.submit([note("bank-1", 0, "grant-revoked", keys["bank-1"]), *flood])
    sim.desk.wake()

    assert sorted(recorded(clean, 2)) == [
        ("bank-0", "author-equivocation"),
        ("bank-1", "author-equivocation"),
    ]


def test_without_the_recorder_the_same_refusals_leave_no_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Refusals, "_record", lambda self, refusal: None)
    with small_federation() as federation:
        ledger = parts(federation).holders["bank-0"].member.ledger
        with pytest.raises(RejectedEntryError):
            ledger.append("grant-revoked", {"grant_id": "g", "reason": "withdrawn"})
        time.sleep(0.2)

        assert entries(federation, "entry-refused") == []


def test_ledger_show_lists_the_refusals_of_a_party(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with small_federation(ledger=path) as federation:
        for bank in ("bank-0", "bank-1"):
            with pytest.raises(RejectedEntryError):
                parts(federation).holders[bank].member.ledger.append(
                    "grant-revoked", {"grant_id": "g", "reason": "withdrawn"}
                )
        recorded(federation, 2)

    shown = fedcredit("ledger", "show", path, "--type", "entry-refused")
    of_one = fedcredit("ledger", "show", path, "--type", "entry-refused", "--party", "bank-1")

    assert (shown.code, of_one.code) == (0, 0)
    assert "bank-0, no-such-reference" in shown.out
    assert "bank-0" not in of_one.out
    assert "bank-1, no-such-reference" in of_one.out
