"""A federation of daemons, seen from the requester: ``federation.toml`` and a connection."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from fedcredit.requester import Requester
from fedcredit_models.schema import Feature
from fedcredit_parties.config import Config, resolve
from fedcredit_parties.daemon import PartySetup
from fedcredit_parties.declared_columns import read_features
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.errors import FrontUnreachableError, GrantError


class FederationConfig(Config):
    """``federation.toml``: what a requester needs.

    Attributes
    ----------
    requester : Path
        The requester's own ``party.toml``.
    schema_file : Path
        Declared columns that the parties have agreed on.
    """

    requester: Path
    schema_file: Path


def write_features(features: Sequence[Feature], path: Path) -> None:
    """Write declared columns as JSON."""
    text = json.dumps([feature.to_dict() for feature in features], indent=1)
    path.write_text(text, encoding="utf-8")


def _where_to_start(error: FrontUnreachableError, path: Path) -> FrontUnreachableError:
    """Say what to type where the coordinator's folder lies beside ``federation.toml``."""
    if not any(path.parent.glob("*/coordinator.toml")):
        return error
    return FrontUnreachableError(
        error.message,
        party=error.party,
        expected=error.expected,
        found=error.found,
        remedy=f"fedcredit federation up {path.parent}",
    )


class Connection:
    """Daemons elsewhere, asked by one requester.

    Parameters
    ----------
    path : Path
        ``federation.toml``.

    Raises
    ------
    ConfigError
        When a file is not usable.
    UntrustedFederationError
        When the ledger's founders are not the pinned ones.
    FrontUnreachableError
        When the coordinator does not answer.
    """

    def __init__(self, path: Path) -> None:
        config = FederationConfig.read(path)
        folder = path.resolve().parent
        setup = PartySetup(resolve(folder, config.requester))
        self.features = read_features(resolve(folder, config.schema_file))
        self.policy: DisclosurePolicy = setup.config.disclosure
        try:
            self.requester = Requester(member=setup.member())
        except FrontUnreachableError as error:
            raise _where_to_start(error, path) from None
        self.ledger = "ledger.db"

    @property
    def parties(self) -> tuple[str, ...]:
        """The data holders of the founding entry."""
        return self.requester.member.ledger.state.with_role("data-holder")

    def grant(
        self,
        party: str,
        *,
        purpose: str,
        features: Sequence[str],
        valid_from: datetime | None,
        valid_until: datetime | None,
        max_uses: int | None,
        max_rounds: int | None,
        data_from: date | None,
        data_to: date | None,
        operations: Sequence[str],
    ) -> str:
        """Refuse: only a holder can allow what is done with its rows.

        Raises
        ------
        GrantError
        """
        raise GrantError(
            "a requester cannot grant itself anything",
            party=party,
            expected=f"a grant issued at {party}",
            found="a request to write one from here",
            remedy=f"at {party}: fedcredit grant issue party.toml --purpose {purpose} "
            f"--to {self.requester.member.name}",
        )

    def allow_difference(self, party: str, run_id: str) -> None:
        """Refuse: only a holder can allow a difference that is about its rows.

        Raises
        ------
        GrantError
        """
        raise GrantError(
            "a requester cannot allow itself a difference",
            party=party,
            expected=f"the word of {party}",
            found="a request to write it from here",
            remedy=f"at {party}: fedcredit party allow-difference party.toml {run_id}",
        )

    def revoke(self, grant_id: str) -> None:
        """Refuse: only the issuer can withdraw a grant.

        Raises
        ------
        GrantError
        """
        raise GrantError(
            "only its issuer can revoke a grant",
            expected="a revocation by the holder",
            found="a request to write one from here",
            remedy=f"at the holder: fedcredit grant revoke party.toml {grant_id}",
        )

    def check(self) -> None:
        """Do nothing: the daemons are looked after where they run."""

    def close(self) -> None:
        """End this process's threads and connections."""
        self.requester.member.stop()
