"""A party process of the Flower tests: echoes, slowly when asked to, until SIGTERM."""

import signal
import sys
import threading
import time
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flwr.app import Message

from fedcredit_parties.flower_node import FlowerNode, table


def echo(message):
    return Message(message.content, reply_to=message)


def slow(message):
    (Path(sys.argv[5]) / "asked").touch()
    time.sleep(1.5)
    return echo(message)


def crash(message):
    raise LookupError("row 17 has income 4200")


HANDLERS = {"query.echo": echo, "query.slow": slow, "query.crash": crash}


def main():
    address, ca, key, app_hash, state = sys.argv[1:]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    FlowerNode(
        address=address,
        root_certificates=Path(ca).read_bytes(),
        node_key=load_pem_private_key(Path(key).read_bytes(), None),
        app_hash=app_hash,
        answer=table(HANDLERS),
        state=Path(state),
    ).serve(stop)


if __name__ == "__main__":
    main()
