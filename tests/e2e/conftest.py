"""One federation of daemons for a whole file, because founding and starting it takes seconds."""

from collections.abc import Iterator

import pytest

import fedcredit as fc
from tests.e2e.running import Running


@pytest.fixture(name="running", scope="module")
def running_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Four banks, a key holder and a coordinator, as processes of their own."""
    running = Running(tmp_path_factory.mktemp("daemons") / "federation")
    try:
        running.start()
        yield running
    finally:
        running.machine.down()


@pytest.fixture(name="expected", scope="module")
def expected_fixture(running: Running) -> fc.TrainingResult:
    """What the simulation computes with the same hold-out."""
    return running.simulated()
