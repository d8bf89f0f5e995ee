"""From ``coordinator.toml`` to the coordinator's member: the same object over HTTPS."""

import json
from collections.abc import Mapping
from pathlib import Path

from flwr.serverapp import Grid

from fedcredit.coordinator.config import CoordinatorConfig
from fedcredit.coordinator.front import Desk
from fedcredit.coordinator.rounds import Coordinator
from fedcredit_parties.config import resolve
from fedcredit_parties.daemon import DAEMON_PATIENCE_S
from fedcredit_parties.file_lock import hold
from fedcredit_parties.front_client import FrontClient
from fedcredit_parties.identity_files import load_identity
from fedcredit_parties.member import Member

NODES = "nodes.json"
"""File in the state folder: Flower node of every party, written by the supervisor."""


class CoordinatorSetup:
    """What ``coordinator.toml`` leads to.

    Parameters
    ----------
    path : Path
        The configuration file.

    Raises
    ------
    ConfigError
        When the file or the identity is not usable.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.folder = self.path.parent
        self.config = CoordinatorConfig.read(path)
        self.state = self.file(self.config.state)
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.identity = load_identity(self.file(self.config.identity))

    def file(self, path: Path) -> Path:
        """Return a path of the configuration."""
        return resolve(self.folder, path)

    @property
    def address(self) -> str:
        """Where the front answers this machine."""
        return self.config.near

    def member(self) -> Member:
        """Return the coordinator as a member that talks to its own front like everybody."""
        return Member(
            identity=self.identity,
            origin=self.config.origin,
            trust=self.config.trust.trust,
            front=FrontClient(
                name=self.config.name,
                address=self.address,
                root_certificates=self.file(self.config.ca_file).read_bytes(),
                signing=self.identity.signing,
                origin=self.config.origin,
                patience_s=DAEMON_PATIENCE_S,
            ),
            state=self.state,
        )

    def clerk(self, desk: Desk) -> Member:
        """Return the same member inside the coordinator's own process, beside its log.

        It shares the pen file with the process that carries out runs.
        """
        return Member(
            identity=self.identity,
            origin=self.config.origin,
            trust=self.config.trust.trust,
            front=desk.window(self.config.name),
            state=self.state,
        )

    def nodes(self) -> dict[str, int]:
        """Return the Flower node of every party."""
        read: Mapping[str, str] = json.loads((self.state / NODES).read_text("utf-8"))
        return {name: int(node) for name, node in read.items()}


def lock_of(state: Path, run_id: str) -> Path:
    """Return the lock file of the process that carries out a run."""
    return state / f"run-{run_id}.lock"


def take_over(path: Path, run_id: str) -> None:
    """Wait until no other process carries out the run; then be seen alive by the supervisor."""
    hold(lock_of(CoordinatorSetup(path).state, run_id))


def coordinator(path: Path, grid: Grid) -> Coordinator:
    """Return the coordinator of ``coordinator.toml`` over Flower's grid.

    Raises
    ------
    ConfigError
        When the configuration is not usable.
    """
    setup = CoordinatorSetup(path)
    built = Coordinator(member=setup.member(), grid=grid, node_of=setup.nodes())
    built.engine.start()
    return built
