"""What parties, key holder and requester read: frames, records, letters, releases, tasks, files."""

import base64
import json
import random
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict

from fedcredit.coordinator.tls import issue_authority
from fedcredit_ledger.canonical import encode
from fedcredit_ledger.entry import commit
from fedcredit_ledger.errors import MalformedEntryError
from fedcredit_ledger.note import SigningKey
from fedcredit_ledger.rules import PartyState, State
from fedcredit_parties.course import Course
from fedcredit_parties.errors import NoGrantError
from fedcredit_parties.failure import describe, rebuild
from fedcredit_parties.frames import pack, unpack
from fedcredit_parties.front_client import FrontClient
from fedcredit_parties.front_request import SignedRequest
from fedcredit_parties.identity import Identity
from fedcredit_parties.mailbox import HEADER, Mailbox
from fedcredit_parties.member import utc_now
from fedcredit_parties.procedures import course_of
from fedcredit_parties.releases import open_release, seal_release
from fedcredit_parties.sealing import seal, unseal
from fedcredit_parties.task_size import check_size
from fedcredit_parties.tasks import parse_task
from fedcredit_parties.wire import (
    AttemptHeader,
    Contribution,
    Refusal,
    pack_ciphertexts,
    unpack_ciphertexts,
)
from tests.fuzz.harness import Target
from tests.fuzz.honest_courses import HonestCourse
from tests.fuzz.mutations import spelled, spoil_bytes, spoil_value


def party_targets(courses: Mapping[str, HonestCourse]) -> list[Target]:
    """Return the targets of the parties' room."""
    return [
        *_bodies(),
        _records(),
        _request_headers(),
        _sealed(),
        _letters(),
        _failures(),
        *map(_tasks, courses.values()),
        _sealed_releases(courses["scorecard"]),
        *map(_releases, courses.values()),
        _front_answers(),
    ]


def _bodies() -> list[Target]:
    framed = [pack([b"one", b"", b"three" * 50]), pack([bytes(8) + b"note"] * 3)]
    ciphertexts = [pack_ciphertexts((b"c" * 300,)), pack_ciphertexts((b"a" * 10, b"b" * 20))]
    return [
        Target(
            name="frames",
            mutant=lambda rng: spoil_bytes(rng, rng.choice(framed), tuple(framed)),
            feed=lambda data: _done(unpack(data, most=64)),
        ),
        Target(
            name="packed ciphertexts",
            mutant=lambda rng: (spoil_bytes(rng, rng.choice(ciphertexts)), rng.randrange(4)),
            feed=lambda sent: _done(unpack_ciphertexts(sent[0], sent[1], 10_000)),
        ),
    ]


def spoil_records(rng: random.Random, records: RecordDict) -> RecordDict:
    """Return Flower records with other fields, types, names and kinds of records."""
    fields: dict[str, Any] = dict(next(iter(records.values())))
    odd: list[Any] = [
        0, -1, 2**62, 1.5, float("nan"), True, "", "x" * 300, "\u202e", "\x00", b"", b"\xff" * 40,
        [1, 2], ["a"], [1.5], [b"x"], [True], "ab" * 32, "A" * 64, "attempt/v1", "refusal/v1",
    ]  # fmt: skip
    for _ in range(rng.randint(1, 3)):
        kind = rng.randrange(5)
        name = rng.choice([*fields, "message", "surplus"])
        if kind == 0:
            fields.pop(name, None)
        elif kind == 1 and isinstance(fields.get(name), str):
            fields[name] = fields[name][:-1] + rng.choice(["", "g", "\n", "\u2028"])
        elif kind == 1 and isinstance(fields.get(name), bytes):
            fields[name] = spoil_bytes(rng, fields[name])
        else:
            fields[name] = rng.choice(odd)
    found = RecordDict({rng.choice(["fedcredit"] * 9 + ["other"]): ConfigRecord(fields)})
    extra = rng.randrange(12)
    if extra == 0:
        found["metrics"] = MetricRecord({"a": 1})
    elif extra == 1:
        return RecordDict({"fedcredit": MetricRecord({"a": 1.5})})
    elif extra == 2:
        return RecordDict({"fedcredit": ArrayRecord({"w": Array(np.zeros((2, 2)))})})
    elif extra == 3:
        return RecordDict()
    return found


def honest_records() -> list[RecordDict]:
    """Return one of each message between coordinator and party."""
    run_id, entry_id = "run-1", "ab" * 32
    contribution = Contribution(
        run_id=run_id, entry_id=entry_id, party="bank-a", ciphertexts=(b"c" * 100,)
    )
    return [
        AttemptHeader(run_id=run_id, entry_id=entry_id).to_records(),
        contribution.to_records(),
        Refusal(error="NoGrantError").to_records(),
    ]


def _records() -> Target:
    honest = honest_records()
    readers: list[Callable[[RecordDict], object]] = [
        AttemptHeader.from_records,
        lambda records: Contribution.from_records(records, n=1),
        Refusal.from_records,
    ]

    def mutant(rng: random.Random) -> tuple[int, RecordDict]:
        which = rng.randrange(3)
        return which, spoil_records(rng, honest[which])

    return Target(
        name="wire records",
        mutant=mutant,
        feed=lambda sent: _done(readers[sent[0]](sent[1])),
        weight=20,
    )


def _request_headers() -> Target:
    key = SigningKey.generate("bank-a")
    honest = SignedRequest.sign(
        key,
        origin="ledger.example/x",
        method="GET",
        target="/status",
        body_digest="0" * 64,
        now=utc_now(),
        nonce="1" * 32,
    ).headers()
    pairs = [(name.encode(), value.encode()) for name, value in honest.items()]

    def mutant(rng: random.Random) -> list[tuple[bytes, bytes]]:
        spoiled = list(pairs)
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(spoiled))
            name, value = spoiled[place]
            kind = rng.randrange(4)
            if kind == 0:
                spoiled.append(spoiled[place])
            elif kind == 1 and len(spoiled) > 1:
                del spoiled[place]
            elif kind == 2:
                spoiled[place] = (name.upper(), spoil_bytes(rng, value))
            else:
                spoiled[place] = (name, spoil_bytes(rng, value))
        return spoiled

    def feed(headers: list[tuple[bytes, bytes]]) -> None:
        SignedRequest.parse(headers).verify(
            key.verifier, origin="ledger.example/x", method="GET", target="/status"
        )

    return Target(name="request headers", mutant=mutant, feed=feed)


def _sealed() -> Target:
    private = X25519PrivateKey.generate()
    honest = seal(private.public_key().public_bytes_raw().hex(), b"{}" * 50, context=b"about")
    return Target(
        name="sealed bytes",
        mutant=lambda rng: spoil_bytes(rng, honest),
        feed=lambda data: _done(unseal(private, data, context=b"about")),
    )


class _Inbox:
    """A front that holds one note for its reader."""

    def __init__(self) -> None:
        self.note = b""
        self.number = 0

    def inbox(self, after: int, *, timeout_s: float = 0.0) -> list[tuple[int, bytes]]:
        self.number += 1
        return [(self.number, self.note)]


def _letters() -> Target:
    sender = Identity.generate("bank-a", ("data-holder", "witness"))
    reader = Identity.generate("bank-b", ("data-holder", "witness"))
    rows = [(i.founder(), i) for i in (sender, reader)]
    state = State(
        parties={
            identity.name: PartyState(
                name=identity.name,
                roles=tuple(row["roles"]),
                signing_vkey=row["signing_vkey"],
                witness_vkey=row["witness_vkey"],
                recovery_vkey=row["recovery_vkey"],
                node_key=row["node_key"],
                mask_key=row["mask_key"],
            )
            for row, identity in rows
        }
    )
    front = _Inbox()
    box = Mailbox(
        key=reader.signing,
        mask_key=reader.mask_key,
        front=front,  # type: ignore[arg-type]
        state=lambda: state,
    )
    mask_key = state.parties["bank-b"].mask_key

    def note(rng: random.Random) -> bytes:
        """Return a letter that was spoiled inside its seal, inside its signature, or outside."""
        where = rng.randrange(3)
        body: Any = {"attempt": "ab" * 32, "n_rows": 12, "salt": "c2FsdA=="}
        if where == 0:
            body = spoil_value(rng, body)
        head: Any = {
            "body": body,
            "kind": "row-count",
            "recipient": "bank-b",
            "run_id": "run-1",
            "sealed": True,
            "sender": "bank-a",
        }
        context = encode(["fedcredit-inbox/v1", "bank-a", "bank-b", "row-count", "run-1"])
        content = spelled(rng, body) if where == 0 else encode(body)
        head["body"] = base64.b64encode(seal(mask_key, content, context=context)).decode()
        if where == 1:
            head = spoil_value(rng, head)
        try:
            text = HEADER + encode(head) + b"\n"
        except MalformedEntryError:
            text = HEADER + spelled(rng, head) + b"\n"
        signed = text + b"\n" + sender.signing.sign(text).line().encode() + b"\n"
        return spoil_bytes(rng, signed) if where == 2 else signed

    def feed(data: bytes) -> str | None:
        front.note = data
        refused, letters = len(box.refused), len(box.received(lambda letter: True))
        box.collect()
        assert len(box.refused) + len(box.received(lambda x: True)) >= min(
            refused + letters + 1, letters + 1
        ), "a note was lost without a word"
        word = box.refused[-1] if len(box.received(lambda x: True)) == letters else None
        box.forget("run-1")
        return word

    return Target(name="letters", mutant=note, feed=feed, weight=20)


def _failures() -> Target:
    honest = describe(NoGrantError("no grant", party="bank-a"), party="bank-a")

    def feed(body: Any) -> str | None:
        if not isinstance(body, dict):
            return "not an object"  # no letter holds anything else
        return type(rebuild(body)).__name__ and None

    return Target(name="failure letters", mutant=lambda rng: spoil_value(rng, honest), feed=feed)


def _tasks(course: HonestCourse) -> Target:
    document = course.task.document()
    value = json.loads(document)

    def mutant(rng: random.Random) -> bytes:
        if rng.random() < 0.3:
            return spoil_bytes(rng, document)
        spoiled = spoil_value(rng, value)
        if rng.random() < 0.5:
            return json.dumps(spoiled, separators=(",", ":")).encode("utf-8", "surrogatepass")
        return spelled(rng, spoiled)

    def feed(data: bytes) -> None:
        # What a party derives from a task before it reads a row.
        task = parse_task(data)
        check_size(task)
        task.initial_digest()
        task.quantisation_digest()
        course_of(task).tensor()

    return Target(name=f"task documents, {course.task.kind}", mutant=mutant, feed=feed, weight=4)


def _sealed_releases(course: HonestCourse) -> Target:
    private = X25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw().hex()
    document = course.documents[0]
    commitment, salt = commit("result", document)
    about = {"run_id": "run-1", "opened": "ab" * 32, "recipient": "bank-a"}
    honest = seal_release(document, salt, mask_key=public, **about)

    def mutant(rng: random.Random) -> bytes:
        if rng.random() < 0.3:
            return spoil_bytes(rng, honest)
        content = spelled(rng, spoil_value(rng, {"document": document, "salt": salt}))
        context = encode(["fedcredit-release/v1", about["run_id"], about["opened"], "bank-a"])
        return seal(public, content, context=context)

    return Target(
        name="sealed releases",
        mutant=mutant,
        feed=lambda blob: _done(open_release(blob, key=private, commitment=commitment, **about)),
    )


def _releases(course: HonestCourse) -> Target:
    """Return the target of documents that open their commitment: a key holder that lies."""

    def before(number: int) -> Course[Any]:
        released = course_of(course.task)
        for document in course.documents[:number]:
            released.absorb(document)
        return released

    def mutant(rng: random.Random) -> tuple[int, Any]:
        last = len(course.documents) - 1
        number = rng.choice(sorted({0, min(1, last), min(2, last), max(last - 1, 0), last}))
        return number, spoil_value(rng, course.documents[number])

    def feed(sent: tuple[int, Any]) -> None:
        number, document = sent
        if not isinstance(document, dict):
            return  # `open_release` returns objects only
        released = before(number)
        released.absorb(document)
        if released.phase is not None:
            released.tensor()

    return Target(
        name=f"released documents, {course.task.kind}", mutant=mutant, feed=feed, weight=4
    )


def _front_answers() -> Target:
    """Return the target of a client whose coordinator answers with whatever it likes."""
    key = SigningKey.generate("bank-a")
    client = FrontClient(
        name="bank-a",
        address="https://127.0.0.1:1",
        root_certificates=authority(),
        signing=key,
        origin="ledger.example/x",
        patience_s=0.0,
    )
    answer: dict[str, Any] = {}

    def respond(request: httpx.Request) -> httpx.Response:
        stream = httpx.ByteStream(answer["body"])
        return httpx.Response(answer["status"], headers=answer["headers"], stream=stream)

    client._client.close()
    client._client = httpx.Client(transport=httpx.MockTransport(respond))
    calls: dict[str, tuple[bytes, Callable[[], object]]] = {
        "submit": (pack([b"receipt", b"", b""]), lambda: client.submit([b"entry"])),
        "leaves": (pack([b"leaf"] * 3), lambda: client.leaves(0)),
        "checkpoint": (b"note", lambda: client.checkpoint(covering=1, timeout_s=0.0)),
        "pending": (b"old 1\n\nnote", lambda: client.witness_pending(1, timeout_s=0.0)),
        "blob": (b"bytes", lambda: client.get_blob("0" * 64)),
        "inbox": (pack([bytes(7) + b"\1note"]), lambda: client.inbox(0)),
        "status": (b'{"size": 1, "origin": "x"}', lambda: client.status()),
        "put": (b"", lambda: client.put_blob(b"x")),
        "cosign": (b"", lambda: client.cosign(b"line")),
    }

    def mutant(rng: random.Random) -> dict[str, Any]:
        name = rng.choice(list(calls))
        body = spoil_bytes(rng, calls[name][0])
        if name == "status" and rng.random() < 0.5:
            body = spelled(rng, spoil_value(rng, {"size": 1, "origin": "x", "time": "now"}))
        headers = {}
        if rng.random() < 0.3:
            headers["fedcredit-more"] = rng.choice(["1", "0", "x" * 100])
        if rng.random() < 0.2:
            headers["fedcredit-time"] = rng.choice(
                ["", "now", "2026-11-25T17:00:00.000Z", "9" * 99]
            )
        if rng.random() < 0.2:
            headers["content-encoding"] = rng.choice(["gzip", "br", "identity"])
        status = rng.choice([200] * 12 + [204, 302, 400, 401, 401, 403, 404, 413, 418, 500, 507])
        return {"name": name, "status": status, "headers": headers, "body": body}

    def feed(sent: dict[str, Any]) -> None:
        answer.update(sent)
        pages = iter(range(3))

        def some_pages(request: httpx.Request) -> httpx.Response:
            # A front that always says "more" is a front that goes on talking: three pages do here.
            if next(pages, None) is None:
                answer["headers"].pop("fedcredit-more", None)
            return respond(request)

        client._client._transport = httpx.MockTransport(some_pages)
        calls[sent["name"]][1]()

    return Target(name="answers of the front", mutant=mutant, feed=feed, weight=20)


def authority() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        issue_authority(Path(folder) / "ca.crt", Path(folder) / "ca.key")
        return (Path(folder) / "ca.crt").read_bytes()


def _done(_: object) -> None:
    return None
