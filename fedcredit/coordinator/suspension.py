"""The ledger's last word when its disk is full, and its first one when there is room again.

A log that could not write takes nothing more. When everything else has ended, the reserve is given
back to the disk, the store is read again, and ``ledger-suspended`` says to everybody why nothing
follows. The next start says ``ledger-restored``: the ledger goes on from its own store.
"""

import logging
import threading

from fedcredit.coordinator.deployment import CoordinatorSetup
from fedcredit.coordinator.front import Desk
from fedcredit.coordinator.ground import open_stored_log
from fedcredit.coordinator.ledger_place import reserve
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.log import Log
from fedcredit_parties.errors import PartyError
from fedcredit_parties.member import Member

DISK_FULL = "disk-full"
OWN_STORE = "own store, after the disk was full"

_LOG = logging.getLogger(__name__)


def suspend(setup: CoordinatorSetup, reason: str = DISK_FULL) -> bool:
    """Write ``ledger-suspended``; tell whether it stands in the ledger.

    Nobody else may have the store open. When there is still no room, the log's end without a word
    is all there is, and that is logged.
    """
    if not reserve(setup).release():
        return False
    try:
        log = open_stored_log(setup)
    except (LedgerError, PartyError) as error:
        _LOG.error("the ledger takes no last word: %s", error)
        return False
    desk = Desk(log)
    try:
        setup.clerk(desk).ledger.append("ledger-suspended", {"reason": reason})
    except (LedgerError, PartyError) as error:
        _LOG.error("the ledger takes no last word: %s", error)
        return False
    finally:
        desk.close()
        log.close()
    return True


class Resumption:
    """Say that the ledger goes on, once, when it was suspended."""

    def __init__(self, log: Log, member: Member) -> None:
        self._log = log
        self._member = member

    def serve(self, stop: threading.Event) -> None:
        """Write ``ledger-restored`` when the ledger's last word was that it is suspended."""
        if not stop.is_set() and self._log.state.oversight.suspended is not None:
            said = {"from_size": self._log.size, "source": OWN_STORE}
            self._member.ledger.append("ledger-restored", said)
