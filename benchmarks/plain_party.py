"""A party of the benchmark's plain federation: the product's Flower node, plain sums, no ledger.

``python plain_party.py SETUP.json`` reads where to connect and which table to sum. It computes what
a data holder computes, with the same functions, and sends it as it is: for timing, on made-up rows.
"""

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flwr.app import Array, ArrayRecord, Message, RecordDict

from fedcredit_parties.flower_node import FlowerNode, table
from fedcredit_parties.procedure import addend
from fedcredit_parties.rows import Rows
from fedcredit_parties.scorecard_course import ScorecardCourse
from fedcredit_parties.scorecard_sums import ScorecardSums
from fedcredit_parties.scorecard_task import ScorecardTask


class PlainParty:
    """One table and the course of the run it answers.

    Parameters
    ----------
    frame : DataFrame
        The rows.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._rows: Rows | None = None
        self._released: ScorecardCourse | None = None

    def sum(self, message: Message) -> Message:
        """Answer one round with plain slots."""
        told: dict[str, Any] = dict(message.content["plain"])
        if "task" in told:
            task = ScorecardTask.parse(told["task"].encode())
            self._released = ScorecardCourse(task)
            self._rows = Rows(
                self._frame,
                task.table_schema,
                holdout=task.holdout,
                oot_from=task.oot_from,
                split_key=bytes.fromhex(told["split_key"]),
            )
            self._sums = ScorecardSums(self._rows, task)
        released, rows = self._released, self._rows
        assert released is not None and rows is not None, "the first message carries the task"
        if "release" in told:
            released.absorb(json.loads(told["release"]))
        found = addend(rows, self._sums, released)
        found["clipped"] = np.array([0])
        slots, _ = released.tensor().quantise(found, released.task.parameters.modulus_bits)
        data = slots.astype("<i8").tobytes()
        array = Array(dtype="int64", shape=slots.shape, stype="benchmark", data=data)
        return Message(RecordDict({"sums": ArrayRecord({"slots": array})}), reply_to=message)

    @staticmethod
    def echo(message: Message) -> Message:
        """Answer with what came."""
        return Message(message.content, reply_to=message)


def main() -> None:
    """Answer until SIGTERM."""
    setup = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    party = PlainParty(pd.read_parquet(setup["table"]))
    key = load_pem_private_key(Path(setup["key"]).read_bytes(), None)
    FlowerNode(
        address=setup["address"],
        root_certificates=Path(setup["ca"]).read_bytes(),
        node_key=key,  # type: ignore[arg-type]
        app_hash=setup["app_hash"],
        answer=table({"query.sum": party.sum, "query.echo": party.echo}),
        state=Path(setup["state"]),
    ).serve(stop)


if __name__ == "__main__":
    main()
