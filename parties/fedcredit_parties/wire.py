"""Messages between coordinator and parties, as Flower records, read strictly.

A round needs three: the header that asks (the entry id of the attempt; everything else stands in
the ledger), the contribution that answers, and the refusal, which carries the class name of an
error and nothing else. Each is one `ConfigRecord` under one name; a record that is missing, extra,
of another type or too large is a `MalformedMessageError`, whoever sent it.
"""

import hashlib
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from flwr.app import ConfigRecord, RecordDict

from fedcredit_ledger.canonical import encode
from fedcredit_parties.errors import MalformedMessageError

RECORD = "fedcredit"
MAX_TEXT = 200
MAX_PAYLOAD_BYTES = 1 << 30

_COUNT = struct.Struct(">I")
_CLASS_NAME = re.compile(r"[A-Z][A-Za-z]{0,58}Error")


@dataclass(frozen=True, kw_only=True)
class AttemptHeader:
    """Coordinator to party: answer this attempt.

    Attributes
    ----------
    run_id : str
        The run.
    entry_id : str
        Id of the `round-attempted` entry; the party reads it from its own copy of the ledger.
    """

    run_id: str
    entry_id: str

    def to_records(self) -> RecordDict:
        """Return the Flower form."""
        return _records("attempt/v1", {"run_id": self.run_id, "entry_id": self.entry_id})

    @classmethod
    def from_records(cls, records: RecordDict) -> Self:
        """Read the Flower form; MalformedMessageError for anything else."""
        found = _fields(records, "attempt/v1", {"run_id": str, "entry_id": str})
        return cls(run_id=_text(found["run_id"]), entry_id=_text(found["entry_id"]))


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """Party to coordinator: masked and encrypted numbers.

    Attributes
    ----------
    run_id, entry_id : str
        The run, and the `round-attempted` entry that this answers.
    party : str
        Who sends it; believed only because the digest stands in its signed entry.
    ciphertexts : tuple of bytes
        One or more ciphertexts, not parsed yet.

    Disclosure
    ----------
    The coordinator sees who answered, when, and how many ciphertexts.
    """

    run_id: str
    entry_id: str
    party: str
    ciphertexts: tuple[bytes, ...]

    def to_records(self) -> RecordDict:
        """Return the Flower form."""
        return _records(
            "contribution/v1",
            {
                "run_id": self.run_id,
                "entry_id": self.entry_id,
                "party": self.party,
                "payload": pack_ciphertexts(self.ciphertexts),
            },
        )

    @classmethod
    def from_records(
        cls, records: RecordDict, *, n: int, max_bytes: int = MAX_PAYLOAD_BYTES
    ) -> Self:
        """Read the Flower form.

        Parameters
        ----------
        n : int
            How many ciphertexts the attempt's tensor needs.
        max_bytes : int
            Largest payload.

        Raises
        ------
        MalformedMessageError
        """
        types = {"run_id": str, "entry_id": str, "party": str, "payload": bytes}
        found = _fields(records, "contribution/v1", types)
        return cls(
            run_id=_text(found["run_id"]),
            entry_id=_text(found["entry_id"]),
            party=_text(found["party"]),
            ciphertexts=unpack_ciphertexts(_bytes(found["payload"]), n, max_bytes),
        )


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Party to coordinator: no answer, and the class of the reason.

    Attributes
    ----------
    error : str
        A class name, such as ``NoGrantError``. Texts stay at the party and in its sealed notes.
    """

    error: str

    def to_records(self) -> RecordDict:
        """Return the Flower form."""
        return _records("refusal/v1", {"error": self.error})

    @classmethod
    def from_records(cls, records: RecordDict) -> Self:
        """Read the Flower form; MalformedMessageError for anything else."""
        error = _text(_fields(records, "refusal/v1", {"error": str})["error"])
        if _CLASS_NAME.fullmatch(error) is None:
            raise _malformed("the class name of an error", "another text")
        return cls(error=error)


def is_refusal(records: RecordDict) -> bool:
    """Tell whether an answer calls itself a refusal."""
    record = records.get(RECORD)
    return isinstance(record, ConfigRecord) and record.get("message") == "refusal/v1"


def pack_ciphertexts(ciphertexts: tuple[bytes, ...]) -> bytes:
    """Return ciphertexts as one blob: their number, then each with its length before it."""
    parts = [_COUNT.pack(len(ciphertexts))]
    for ciphertext in ciphertexts:
        parts += [_COUNT.pack(len(ciphertext)), ciphertext]
    return b"".join(parts)


def unpack_ciphertexts(data: bytes, n: int, max_bytes: int) -> tuple[bytes, ...]:
    """Read exactly `n` ciphertexts from a blob of at most `max_bytes`.

    Raises
    ------
    MalformedMessageError
    """
    if len(data) > max_bytes:
        raise _malformed(f"at most {max_bytes} bytes of ciphertexts", f"{len(data)} bytes")
    if data[:4] != _COUNT.pack(n):
        raise _malformed(f"{n} ciphertexts", "another number")
    found = []
    position = 4
    for _ in range(n):
        if position + 4 > len(data):
            raise _malformed(f"{n} whole ciphertexts", "fewer bytes")
        (length,) = _COUNT.unpack_from(data, position)
        position += 4
        if length == 0 or position + length > len(data):
            raise _malformed(f"{n} whole ciphertexts", "fewer bytes")
        found.append(data[position : position + length])
        position += length
    if position != len(data):
        raise _malformed(f"{n} ciphertexts and nothing else", "more bytes")
    return tuple(found)


def payload_digest(tensors: Mapping[str, tuple[bytes, ...]]) -> str:
    """Return the digest under which a contribution or an aggregate is committed.

    Parameters
    ----------
    tensors : mapping of str to tuple of bytes
        Ciphertexts of every tensor of the message.

    Returns
    -------
    str
        SHA-256 (hex) of the canonical ``[[tensor, digest], ...]``, sorted by tensor, where digest
        is the SHA-256 of the tensor's packed ciphertexts (ledger SPEC.md, round-contributed).
    """
    return hashlib.sha256(
        encode(
            [
                [name, hashlib.sha256(pack_ciphertexts(ciphertexts)).hexdigest()]
                for name, ciphertexts in sorted(tensors.items())
            ]
        )
    ).hexdigest()


def _records(message: str, fields: dict[str, str | bytes]) -> RecordDict:
    return RecordDict({RECORD: ConfigRecord({"message": message, **fields})})


def _fields(records: RecordDict, message: str, types: Mapping[str, type]) -> dict[str, str | bytes]:
    record = records.get(RECORD)
    if len(records) != 1 or not isinstance(record, ConfigRecord):
        raise _malformed(f"one record named {RECORD}", "other records")
    if set(record) != {"message", *types} or record["message"] != message:
        raise _malformed(f"the fields of {message}", "other fields")
    found: dict[str, str | bytes] = {}
    for name, kind in types.items():
        value = record[name]
        # A bool is an int and a str is a sequence: the type itself is compared.
        if type(value) is not kind or not isinstance(value, (str, bytes)):
            raise _malformed(f"{name} as {kind.__name__}", "another type")
        found[name] = value
    return found


def _text(value: str | bytes) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or not value.isprintable():
        raise _malformed(f"a printable text of 1 to {MAX_TEXT} characters", "another value")
    return value


def _bytes(value: str | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise _malformed("bytes", "another value")
    return value


def _malformed(expected: str, found: str) -> MalformedMessageError:
    return MalformedMessageError(
        "a message is not of the agreed form",
        expected=expected,
        found=found,
        remedy="compare FedCredit versions with the sender",
    )
