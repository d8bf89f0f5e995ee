"""A job file asked of daemons: what does not fit is said before anything is asked.

A simulation stands in for the daemons: the requester behind it is the same object.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import fedcredit as fc
from fedcredit import job_on_daemons
from fedcredit.job_file import JobFile
from fedcredit.job_on_daemons import JobOnDaemons
from fedcredit.requester import Requester
from fedcredit.simulation import Simulation
from fedcredit_ledger.verify import Level, verify_file
from fedcredit_models.schema import Feature
from fedcredit_parties.errors import ConfigError, FrontUnreachableError
from tests.fedcredit.command_line import fedcredit
from tests.simulated import parts, small_federation

JOB = 'purpose = "modelling"\nlabel = "bad"\nrun_deadline_s = 20\n'


class Daemons:
    """What `Connection` would be, with a simulation behind it."""

    def __init__(self, simulation: Simulation, features: dict[str, Feature]) -> None:
        self.features = features
        self.policy = simulation.policy
        self.requester = simulation.requester
        self.ledger = "ledger.db"
        self.parties = simulation.parties

    def check(self) -> None:
        """Nothing to look after."""

    def close(self) -> None:
        """The fixture ends the simulation."""


@pytest.fixture(name="federation", scope="module")
def federation_fixture() -> Iterator[fc.Federation]:
    with small_federation(purposes=()) as federation:
        for bank in ("bank-0", "bank-1"):
            federation.grant(bank, purpose="modelling")
        federation.grant("bank-2", purpose="evidence")
        yield federation


@pytest.fixture(autouse=True)
def connected(federation: fc.Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    features = {feature.name: feature for feature in federation.features}
    simulation = parts(federation)
    simulation.requester.member.ledger.refresh()
    monkeypatch.setattr(
        job_on_daemons, "Connection", lambda path: Daemons(simulation, dict(features))
    )


@contextmanager
def asked(folder: Path, text: str) -> Iterator[JobOnDaemons]:
    (folder / "job.toml").write_text(text, "utf-8")
    file = JobFile.load(folder / "job.toml", needs_tables=False)
    on_daemons = JobOnDaemons(file, folder / "federation.toml", quiet=True)
    with on_daemons.federation:
        yield on_daemons


def test_a_missing_grant_is_named_with_what_its_holder_types(tmp_path: Path) -> None:
    (tmp_path / "bank-2").mkdir()
    (tmp_path / "bank-2" / "party.toml").touch()

    with asked(tmp_path, JOB) as job:
        found = job.readiness()

    assert [one.party for one in found] == ["bank-0", "bank-1", "bank-2"]
    assert [one.exit_code for one in found] == [0, 0, 21]
    assert found[0].grant == "bank-0-modelling-0"
    assert found[2].remedy == (
        f"at bank-2: fedcredit grant issue {tmp_path / 'bank-2' / 'party.toml'} "
        "--purpose modelling --to analyst"
    )


def test_a_definition_of_bad_that_no_bank_has_is_named_for_every_bank(tmp_path: Path) -> None:
    with asked(tmp_path, JOB + 'bad_definition = "60 days late"\n') as job:
        found = job.readiness()

    assert [one.exit_code for one in found] == [14, 14, 14]
    assert "'60 days late'" in found[0].problem


def test_the_parties_of_the_file_are_asked_and_no_others(tmp_path: Path) -> None:
    with asked(tmp_path, JOB + '[parties]\nbank-0 = "a"\nbank-1 = "b"\nbank-2 = "c"\n') as job:
        assert job.job.parties == ("bank-0", "bank-1", "bank-2")
        assert job.unused == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('[parties]\nbank-0 = "a"\nbank-1 = "b"\nbank-9 = "c"\n', "no data holders here: bank-9"),
        ("[policy]\nmin_bads = 3\n", r"\[policy\] is not the federation's"),
        (
            '[[schema.features]]\nname = "age"\nkind = "numeric"\nlower = 0\nupper = 9\n',
            r"\[schema\] is not the federation's declared columns",
        ),
    ],
)
def test_what_the_federation_has_otherwise_is_refused(
    tmp_path: Path, more: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words), asked(tmp_path, JOB + more):
        pass


def test_check_prints_every_party_and_ends_with_the_first_problem(tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text(JOB + "seed = 3\n", "utf-8")

    done = fedcredit("job", "check", tmp_path / "job.toml", "--federation", tmp_path / "f.toml")

    assert done.code == 21
    assert "bank-0  bank-0-modelling-0" in done.out
    assert "bank-2: at bank-2: fedcredit grant issue party.toml --purpose modelling" in done.out
    assert "not used with daemons: seed" in done.out


def test_all_missing_grants_are_named_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "job.toml").write_text(JOB.replace("modelling", "post_loan"), "utf-8")
    asked_for: list[object] = []
    monkeypatch.setattr(Requester, "propose", lambda *parts, **settings: asked_for.append(parts))

    done = fedcredit("job", "run", tmp_path / "job.toml", "--federation", tmp_path / "f.toml")

    assert done.code == 21
    for bank in ("bank-0", "bank-1", "bank-2"):
        assert f"at {bank}: fedcredit grant issue party.toml --purpose post_loan" in done.err
    assert asked_for == []
    assert list((tmp_path / ".fedcredit").iterdir()) == []


def test_a_run_that_fails_is_saved_with_the_ledger_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a grant is withdrawn between the look at the ledger and the run."""
    (tmp_path / "job.toml").write_text(JOB, "utf-8")
    monkeypatch.setattr(JobOnDaemons, "check_grants", lambda job: None)

    done = fedcredit("job", "run", tmp_path / "job.toml", "--federation", tmp_path / "f.toml")

    assert done.code == 21
    listed = fedcredit("job", "list", "--store", tmp_path / ".fedcredit", "--json").json()
    assert [run["error"] for run in listed] == ["NoGrantError"]
    assert verify_file(listed[0]["ledger"], level=Level.SIGNATURES).findings == []


def test_a_run_that_was_never_proposed_leaves_nothing(
    tmp_path: Path, federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "job.toml").write_text(JOB, "utf-8")

    def unreachable(self: object, *parts: object, **settings: object) -> str:
        raise FrontUnreachableError("the coordinator does not answer")

    monkeypatch.setattr(Requester, "propose", unreachable)
    monkeypatch.setattr(JobOnDaemons, "check_grants", lambda job: None)
    done = fedcredit("job", "run", tmp_path / "job.toml", "--federation", tmp_path / "f.toml")

    assert done.code == FrontUnreachableError.exit_code
    assert list((tmp_path / ".fedcredit").iterdir()) == []


def test_a_run_that_finishes_is_saved_with_ledger_and_result(
    tmp_path: Path, federation: fc.Federation
) -> None:
    federation.grant("bank-2", purpose="modelling")
    parts(federation).requester.member.ledger.refresh()
    (tmp_path / "job.toml").write_text(JOB, "utf-8")

    done = fedcredit("job", "run", tmp_path / "job.toml", "--federation", tmp_path / "f.toml")

    assert done.code == 0, done.err
    (folder,) = (tmp_path / ".fedcredit").iterdir()
    assert {path.name for path in folder.iterdir()} == {
        "job.toml", "ledger.db", "openings", "result.json",
    }  # fmt: skip
    assert verify_file(folder / "ledger.db", level=Level.SIGNATURES).findings == []
    assert "round 1: bin edges, " in done.err
    assert "0 of 3 parties" not in done.err
