"""Carry out a plan of exchanges, [nodes, message type, bytes, ttl] each; write what came back."""

import json
import time
from pathlib import Path

from flwr.app import ConfigRecord, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp

from fedcredit.coordinator.server_app import answer_promptly

app = ServerApp()
client = ClientApp()


@app.main()
def main(grid, context):
    answer_promptly()
    out, told = Path(str(context.run_config["out"])), []
    for nodes, kind, size, ttl in json.loads(str(context.run_config["plan"])):
        started = time.monotonic()
        content = RecordDict({"echo": ConfigRecord({"data": bytes(size)})})
        waiting = set(
            grid.push_messages(
                [Message(content, int(node), kind, ttl=ttl, group_id="echo") for node in nodes]
            )
        )
        replies = {}
        while waiting:
            for reply in grid.pull_messages(list(waiting)):
                waiting.discard(reply.metadata.reply_to_message_id)
                replies[str(reply.metadata.src_node_id)] = (
                    [reply.error.code, reply.error.reason]
                    if reply.has_error()
                    else len(reply.content["echo"]["data"])
                )
            time.sleep(0.05)
        told.append({"seconds": time.monotonic() - started, "replies": replies})
        part = out.with_suffix(".part")
        part.write_text(json.dumps(told), encoding="utf-8")
        part.replace(out)
