"""What a gate must not forget when its process is killed: how new a member's newest request was.

A nonce is remembered in memory, as long as its request is fresh. A gate that was started again
remembers none, and a request that was answered a minute ago would be answered again. So a time
stands on the disk for every member, ahead of every request that was answered: after a restart,
whatever was signed up to then may have been answered before, and has to be signed again. Clients
do that by themselves.
"""

import json
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from fedcredit.coordinator.desk_store import FullDeskError
from fedcredit.errors import CoordinatorError
from fedcredit_ledger.entry import format_time, parse_time
from fedcredit_ledger.errors import MalformedEntryError
from fedcredit_parties.secret_files import replace_private

AHEAD = timedelta(seconds=2)
"""How far the time on the disk runs ahead: it is written once in so long, not at every request."""


class NewestRequests:
    """The newest request of every member, across restarts.

    Parameters
    ----------
    path : Path, optional
        The file; None remembers nothing across restarts.

    Raises
    ------
    CoordinatorError
        When the file is not one of these.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._before: dict[str, datetime] = {}
        self._written: dict[str, datetime] = {}
        self._newest: dict[str, datetime] = {}
        if path is not None:
            with suppress(FileNotFoundError):
                self._before = _read(path)
        self._written.update(self._before)

    def comes_after(self, party: str, signed: datetime) -> bool:
        """Say whether no earlier process can have answered a request signed at this time.

        When it returns True, no later process will answer that request again.

        Raises
        ------
        FullDeskError
            When the disk takes nothing: then nothing is answered.
        """
        if self._path is None:
            return True
        before = self._before.get(party)
        if before is not None and signed <= before:
            return False
        self._newest[party] = max(signed, self._newest.get(party, signed))
        written = self._written.get(party)
        if written is None or signed > written:
            self._write(self._path)
        return True

    def _write(self, path: Path) -> None:
        """Put everybody's time ahead at once, durably."""
        times = dict(self._written)
        for party, signed in self._newest.items():
            times[party] = max(times.get(party, signed), signed + AHEAD)
        text = json.dumps({party: format_time(time) for party, time in sorted(times.items())})
        try:
            replace_private(path, text)
        except OSError as error:
            raise FullDeskError(
                "the front could not write the times of the newest requests",
                expected="room on the coordinator's disk",
                found=str(error.strerror),
                remedy="free space at the coordinator",
            ) from error
        self._written = times


def _read(path: Path) -> dict[str, datetime]:
    try:
        found = json.loads(path.read_bytes())
        return {str(party): parse_time(time) for party, time in found.items()}
    except (AttributeError, TypeError, ValueError, MalformedEntryError):
        raise CoordinatorError(
            "the times of the newest requests cannot be read",
            expected=f"{path.name} as the coordinator wrote it",
            found="other bytes",
            remedy=f"wait four minutes, remove {path.name}, start again",
        ) from None
