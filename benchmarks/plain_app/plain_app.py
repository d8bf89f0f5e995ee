"""The benchmark's server: the rounds of one scorecard on plain sums, or a plain echo.

It asks as the product's coordinator asks (push, then look for replies, with the same pauses), adds
what comes back, applies the product's own release functions and sends the release with the next
question. What it leaves out is what FedCredit adds: masks, ciphertexts, ledger, witnesses, opening.
"""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp

from fedcredit.coordinator.replies import MESSAGE_S, PULL_MOST_S, PULL_S
from fedcredit.coordinator.server_app import answer_promptly
from fedcredit_parties.release import release
from fedcredit_parties.scorecard_course import ScorecardCourse
from fedcredit_parties.scorecard_task import ScorecardTask

app = ServerApp()
client = ClientApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Carry out the plan and write what came of it."""
    answer_promptly()
    plan = json.loads(Path(str(context.run_config["plan"])).read_text("utf-8"))
    nodes = [int(node) for node in plan["nodes"]]
    found = echo(grid, nodes, plan) if "echo" in plan else scorecard(grid, nodes, plan)
    out = Path(str(context.run_config["out"]))
    part = out.with_suffix(".part")
    part.write_text(json.dumps(found), encoding="utf-8")
    part.replace(out)


def scorecard(grid: Grid, nodes: list[int], plan: dict[str, Any]) -> dict[str, Any]:
    """Run every round; return when each began, and the released course."""
    task = ScorecardTask.parse(plan["task"].encode())
    released = ScorecardCourse(task)
    bits = task.parameters.modulus_bits
    told: dict[str, str | bytes] = {"task": plan["task"], "split_key": plan["split_key"]}
    documents: list[dict[str, Any]] = []
    moments = [time.monotonic()]
    n_bytes = 0
    while released.phase is not None:
        replies = exchange(grid, nodes, "query.sum", RecordDict({"plain": ConfigRecord(told)}))
        sums = [reply["sums"]["slots"].data for reply in replies]
        total = sum(np.frombuffer(data, "<i8") for data in sums)
        n_bytes += len(sums[0])
        tensor = released.tensor()
        opened = tensor.dequantise(total % (1 << bits), bits, n_parties=len(nodes))
        document = release(
            released, {name: tensor.to_float(name, values) for name, values in opened.items()}
        )
        released.absorb(document)
        documents.append(document)
        told = {"release": json.dumps(document)}
        moments.append(time.monotonic())
    return {
        "moments": moments,
        "n_bytes_per_party": n_bytes,
        "coefficients": released.coefficients.tolist(),
        "documents": documents,
    }


def echo(grid: Grid, nodes: list[int], plan: dict[str, Any]) -> dict[str, Any]:
    """Send bytes to every node and take them back, a few times; return when each round began."""
    while not set(nodes) <= set(grid.get_node_ids()):
        time.sleep(0.05)
    data = bytes(int(plan["echo"]))
    array = Array(dtype="bytes", shape=(len(data),), stype="benchmark", data=data)
    content = RecordDict({"sums": ArrayRecord({"slots": array})})
    moments = [time.monotonic()]
    for _ in range(int(plan["rounds"])):
        replies = exchange(grid, nodes, "query.echo", content)
        if any(len(reply["sums"]["slots"].data) != len(data) for reply in replies):
            raise SystemExit("an echo came back with another length")
        moments.append(time.monotonic())
    return {"moments": moments}


def exchange(grid: Grid, nodes: list[int], kind: str, content: RecordDict) -> list[RecordDict]:
    """Ask every node; return their answers."""
    waiting = set(
        grid.push_messages(
            [Message(content, node, kind, ttl=MESSAGE_S, group_id="plain") for node in nodes]
        )
    )
    if None in waiting:
        raise SystemExit("the SuperLink did not take a message")
    found: list[RecordDict] = []
    pause = PULL_S
    while waiting:
        replies = list(grid.pull_messages(list(waiting)))
        for reply in replies:
            if reply.has_error():
                raise SystemExit(f"a node did not answer: {reply.error.reason}")
            waiting.discard(reply.metadata.reply_to_message_id)
            found.append(reply.content)
        pause = PULL_S if replies else min(PULL_MOST_S, pause * 1.5)
        time.sleep(pause)
    return found
