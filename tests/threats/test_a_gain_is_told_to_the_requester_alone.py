"""What a party gains is its own figure: told by itself, to the requester, under the cell rules."""

import json
from collections.abc import Iterator

import pytest
from sklearn.metrics import roc_auc_score

import fedcredit as fc
from fedcredit.errors import JobError
from fedcredit.figure_names import figures_of
from fedcredit.party_gain import PartyGain
from fedcredit.simulation import split_key
from fedcredit_ledger.canonical import encode
from fedcredit_ledger.entry import open_commitment
from fedcredit_models import samples
from fedcredit_parties.contributions import KeptContribution
from fedcredit_parties.told_gain import GAIN
from tests.simulated import bank_frames, entries, parts, small_federation, small_job


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[fc.Federation, fc.TrainingResult]]:
    """A run in which bank-1 tells nothing and bank-2's hold-out is small."""
    frames = bank_frames(n_rows=500)
    frames["bank-2"] = frames["bank-2"][:60]
    with small_federation(frames) as federation:
        parts(federation).holders["bank-1"].tell_gain = False
        yield federation, federation.run(small_job(gains=True, run_deadline_s=60))


def test_a_party_that_does_not_tell_and_a_small_hold_out_give_no_figure(told):
    _, result = told
    gains = fc.contribution(result)

    assert gains["told"].to_dict() == {"bank-0": True, "bank-1": False, "bank-2": False}
    silent = gains.loc[["bank-1", "bank-2"]].drop(columns=["told", "why", "entry"])
    assert silent.isna().all(axis=None)
    assert "does not tell" in gains.loc["bank-1", "why"]
    assert "below the cell rules" in gains.loc["bank-2", "why"]
    assert result.file.gains["bank-2"].opening[2] == {"withheld": "small"}


def test_the_figures_open_what_the_ledger_committed_to_before_the_last_opening(told):
    federation, result = told
    contributed = {
        entry.author: entry
        for entry in entries(federation, "round-contributed")
        if entry.data["phase"] == "metrics"
    }

    for party, gain in result.file.gains.items():
        salt, name, value = gain.opening
        assert open_commitment(contributed[party].data["commits"][GAIN], salt, name, value)
    for entry in entries(federation, "round-contributed"):
        assert (GAIN in entry.data["commits"]) == (entry.data["phase"] == "metrics")


def test_only_the_requester_has_the_figures(told):
    federation, result = told
    figures = encode(result.file.gains["bank-0"].opening[2])
    simulation = parts(federation)
    others = [simulation.key_holder.member, simulation.coordinator.member]
    others += [holder.member for holder in simulation.holders.values()]

    assert b'"auc"' in figures
    for member in others:
        letters = member.mailbox.all(lambda letter: True)
        assert all(letter.kind != GAIN and "auc" not in str(letter.body) for letter in letters)
    whole = b"".join(encode(entry.data) for entry in entries(federation))
    assert figures not in whole and b'"auc"' not in whole


def test_told_figures_are_rounded_integers(told):
    value = told[1].file.gains["bank-0"].opening[2]
    estimates = [*value["auc"].values(), *value["against_local"].values()]
    numbers = [number for estimate in estimates for number in estimate]

    assert all(type(x) is int and x % 100_000 == 0 for x in numbers)
    assert value["n"] % 10 == value["bads"] % 10 == 0


def test_the_disclosure_names_what_the_requester_alone_was_told(told):
    _, result = told
    rows = [row for row in result.disclosure if row.function == "own-gain"]

    assert [row.to for row in rows] == [("analyst",)]
    assert "analyst alone was told by 1 of them what each gains" in str(result.disclosure)


def test_a_run_that_did_not_ask_commits_to_no_gain():
    with small_federation() as federation:
        result = federation.run(small_job())
        with pytest.raises(JobError, match="did not ask"):
            fc.contribution(result)

        assert not result.file.gains
        assert all(
            GAIN not in entry.data["commits"] for entry in entries(federation, "round-contributed")
        )


def test_what_a_letter_tells_must_open_the_commitment(told, monkeypatch):
    federation, result = told
    requester = parts(federation).requester
    letter = next(
        x for x in requester.member.mailbox.all(lambda x: x.kind == GAIN) if x.sender == "bank-0"
    )
    monkeypatch.setitem(letter.body["value"]["auc"], "joint", [10**9] * 3)

    found = requester.gains(result.run_id)["bank-0"]

    assert found.withheld == "not_opened" and not found.auc


def test_a_value_of_another_form_is_no_figure():
    for value in (None, [], {"n": 1.5}, {"auc": {"best": [0, 0, 0]}}, {"withheld": "because"}):
        found = PartyGain.told(value, entry="0" * 64, index=1, salt="")
        assert (found.withheld, found.auc) == ("not_opened", {}), json.dumps(value)


def test_the_joint_auc_is_scikit_learns_on_the_party_s_own_hold_out(told):
    federation, result = told
    frame = bank_frames(n_rows=500)["bank-0"]
    schema = federation.schema(small_job())
    sample = samples.assign(frame, schema, holdout=0.3, split_key=split_key(7))
    held = frame[sample == "holdout"]

    expected = roc_auc_score(held["bad"], result.model.decision_function(held))

    assert fc.contribution(result).loc["bank-0", "auc_joint"] == pytest.approx(expected, abs=5e-5)


def test_the_figure_leads_to_the_contribution_that_commits_to_it(told, tmp_path):
    _, result = told
    page = result.report(tmp_path / "report.html").read_text("utf-8")

    for party, gain in result.file.gains.items():
        figure = figures_of(result.file)[f"gain.{party}"]
        assert (figure.entry, figure.value) == (gain.entry, gain.gain)
        assert result.file.participation[party].entries[-1] == gain.entry
        assert f'data-figure="gain.{party}"' in page


def test_a_party_that_crashed_before_it_told_tells_once_when_it_is_back(told):
    federation, result = told
    simulation = parts(federation)
    holder, ledger = simulation.holders["bank-0"], simulation.holders["bank-0"].member.ledger
    run = ledger.state.runs[result.run_id]
    mailbox = simulation.requester.member.mailbox
    kept = KeptContribution(tensor="metrics", n_ciphertexts=1, n_clipped=0, packed=b"x")
    holder.contributions.put(run.run_id, run.rounds[-1].entry_id, kept)

    def heard() -> int:
        mailbox.collect()
        return len(mailbox.all(lambda letter: letter.kind == GAIN and letter.sender == "bank-0"))

    before = heard()
    for _ in range(2):  # it starts twice, and forgets the run each time
        holder._forgotten.discard(run.run_id)
        holder._forget(run)

    assert heard() == before + 1
