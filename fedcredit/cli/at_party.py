"""The party of a configuration file, for the length of one command."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fedcredit_parties.kept_openings import KeptOpenings
    from fedcredit_parties.member import Member


@contextmanager
def at_party(config: Path) -> Iterator["tuple[Member, KeptOpenings]"]:
    """Yield the member of a ``party.toml`` and its openings; close both.

    Raises
    ------
    ConfigError
        When the file, the identity or the authority is not usable.
    FrontUnreachableError
        When the coordinator does not answer.
    """
    from fedcredit_parties.daemon import PartySetup

    setup = PartySetup(config)
    member = setup.member()
    try:
        openings = setup.openings()
        try:
            yield member, openings
        finally:
            openings.close()
    finally:
        member.stop()
