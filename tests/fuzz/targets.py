"""Everything that parses foreign bytes, put up once for a whole run of the fuzzer."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from fedcredit.coordinator.desk_store import DeskStore
from fedcredit_parties.ckks import Engine
from tests.front_desk import Counter
from tests.fuzz.ckks_targets import ckks_targets
from tests.fuzz.evidence_targets import evidence_targets
from tests.fuzz.file_targets import file_targets
from tests.fuzz.flower_targets import flower_targets
from tests.fuzz.front_targets import Asgi, front_targets, unlimited
from tests.fuzz.harness import Target
from tests.fuzz.honest_courses import honest_courses
from tests.fuzz.ledger_targets import ledger_targets
from tests.fuzz.party_targets import party_targets
from tests.simulated import parts, small_federation


@contextmanager
def all_targets(folder: Path) -> Iterator[list[Target]]:
    """Put up a federation, a front, an encryption process; yield every target.

    Parameters
    ----------
    folder : Path
        An empty folder.
    """
    with ExitStack() as up:
        logged = logging.root.manager.disable
        logging.disable(logging.ERROR)  # what is refused is logged by those who refuse
        up.callback(logging.disable, logged)
        up.callback(unlimited())
        store = DeskStore(folder / "desk")
        counter = Counter(_made(folder / "front"), store=store)
        up.callback(counter.close)
        asgi = Asgi(counter)
        up.callback(asgi.close)
        federation = up.enter_context(small_federation())
        holder = parts(federation).holders["bank-0"]
        engine = up.enter_context(Engine())
        yield [
            *ledger_targets(_made(folder / "ledger")),
            *evidence_targets(_made(folder / "evidence")),
            *party_targets(honest_courses()),
            *file_targets(_made(folder / "files")),
            *flower_targets(_made(folder / "flower"), holder),
            *front_targets(counter, asgi),
            *ckks_targets(engine),
        ]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
