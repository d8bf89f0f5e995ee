"""A coordinator without Flower: its ledger, front and counter for the invited, in this process."""

from pathlib import Path

from fedcredit.coordinator.admissions import Admissions
from fedcredit.coordinator.deployment import CoordinatorSetup
from fedcredit.coordinator.desk_store import DeskStore
from fedcredit.coordinator.front import Desk
from fedcredit.coordinator.front_server import FrontServer
from fedcredit.coordinator.front_service import front_app
from fedcredit.coordinator.ground import open_log
from fedcredit_ledger.rules import State


class RunningFront:
    """What `coordinator start` runs, for members that ask for no runs."""

    def __init__(self, config: Path) -> None:
        self.setup = CoordinatorSetup(config)
        self.log = open_log(self.setup)
        self.desk = Desk(self.log, store=DeskStore(self.setup.state / "desk"))
        self.clerk = self.setup.clerk(self.desk)
        self.admissions = Admissions(self.setup.state, self.clerk.ledger)
        self.server = FrontServer(
            front_app(self.desk, admissions=self.admissions),
            host=self.setup.config.host,
            port=self.setup.config.port,
            cert_file=self.setup.file(self.setup.config.cert_file),
            key_file=self.setup.file(self.setup.config.key_file),
        )
        self.server.start()

    @property
    def state(self) -> State:
        """The sequencer's state."""
        return self.log.state

    def close(self) -> None:
        """Stop serving."""
        self.desk.close()
        self.clerk.stop()
        self.server.stop()
