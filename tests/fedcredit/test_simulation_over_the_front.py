"""The same scorecard when every member talks to the coordinator over TLS: the network adds nothing.

All members of a simulation get a `FrontClient` instead of a window; the Flower lane stays in this
process. Keys and masks are drawn anew each time, so equal numbers are no accident of a seed.
"""

from pathlib import Path

import pytest

import fedcredit as fc
from fedcredit.coordinator.desk_store import DeskStore
from fedcredit.coordinator.front import Desk
from fedcredit.coordinator.front_server import FrontServer
from fedcredit.coordinator.front_service import front_app
from fedcredit.coordinator.tls import issue_authority, issue_certificate
from fedcredit.simulation import ORIGIN, Simulation
from fedcredit_parties.front_client import FrontClient
from fedcredit_parties.member import Member
from tests.simulated import parts, small_federation, small_job


class SimulationOverTls(Simulation):
    """A simulation whose members reach the desk through one uvicorn on loopback."""

    folder: Path

    def _member(self, name):
        if not self.windows:
            self._serve()
        self.windows[name] = FrontClient(
            name=name,
            address=f"https://127.0.0.1:{self.server.port}",
            root_certificates=(self.folder / "ca.crt").read_bytes(),
            signing=self.identities[name].signing,
            origin=ORIGIN,
        )
        return Member(
            identity=self.identities[name],
            origin=ORIGIN,
            trust=self.trust(name),
            front=self.windows[name],
            clock=self.clock,
        )

    def _serve(self):
        authority = issue_authority(self.folder / "ca.crt", self.folder / "ca.key")
        files = self.folder / "server.crt", self.folder / "server.key"
        issue_certificate(authority, *files)
        self.desk = Desk(self.log, store=DeskStore(self.folder / "desk"))
        self.server = FrontServer(
            front_app(self.desk), host="127.0.0.1", port=0, cert_file=files[0], key_file=files[1]
        )
        self.server.start()

    def close(self):
        super().close()
        self.server.stop()


@pytest.fixture
def over_tls(tmp_path, monkeypatch):
    monkeypatch.setattr(SimulationOverTls, "folder", tmp_path, raising=False)
    with monkeypatch.context() as patched:
        patched.setattr("fedcredit.federation.Simulation", SimulationOverTls)
        federation = small_federation(ledger=tmp_path / "ledger.db")
    with federation:
        yield federation


def model_of(result: fc.TrainingResult) -> str:
    return result.model.to_json()


def test_the_scorecard_over_the_front_is_the_simulations_to_the_last_digit(over_tls):
    with small_federation() as in_process:
        expected = in_process.run(small_job())

    result = over_tls.run(small_job())

    assert model_of(result) == model_of(expected)
    assert result.metrics == expected.metrics
    assert len(result.history) == len(expected.history) > 3
    assert isinstance(parts(over_tls), SimulationOverTls)


@pytest.mark.long
def test_a_second_run_and_its_bytes_go_through_the_same_front(over_tls):
    first = over_tls.run(small_job())
    second = over_tls.run(small_job())

    assert model_of(first) == model_of(second)
    assert all(share.bytes_sent > 100_000 for share in second.file.participation.values())
    assert {type(front) for front in parts(over_tls).windows.values()} == {FrontClient}
