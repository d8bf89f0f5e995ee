"""Messages between roles: one form each, everything else is refused."""

import hashlib

import pytest
from flwr.app import ConfigRecord, RecordDict
from hypothesis import given, settings
from hypothesis import strategies as st

from fedcredit_parties.errors import MalformedMessageError
from fedcredit_parties.wire import (
    AttemptHeader,
    Contribution,
    Refusal,
    is_refusal,
    pack_ciphertexts,
    payload_digest,
    unpack_ciphertexts,
)

HEADER = AttemptHeader(run_id="r-1", entry_id="ab" * 32)
CONTRIBUTION = Contribution(
    run_id="r-1", entry_id="ab" * 32, party="bank-a", ciphertexts=(b"one", b"second")
)


def test_each_message_comes_back_from_its_records() -> None:
    assert AttemptHeader.from_records(HEADER.to_records()) == HEADER
    assert Contribution.from_records(CONTRIBUTION.to_records(), n=2) == CONTRIBUTION
    refusal = Refusal(error="NoGrantError")
    assert Refusal.from_records(refusal.to_records()) == refusal


def test_messages_survive_flower_s_own_bytes() -> None:
    carried = RecordDict.inflate(
        CONTRIBUTION.to_records().deflate(),
        {
            record.object_id: ConfigRecord.inflate(record.deflate())
            for record in CONTRIBUTION.to_records().values()
        },
    )

    assert Contribution.from_records(carried, n=2) == CONTRIBUTION


def test_a_refusal_is_told_from_a_contribution() -> None:
    assert is_refusal(Refusal(error="NoGrantError").to_records())
    assert not is_refusal(CONTRIBUTION.to_records())
    assert not is_refusal(RecordDict())


def _changed(**fields: object) -> RecordDict:
    (record,) = CONTRIBUTION.to_records().values()
    changed = {**record, **fields}
    return RecordDict({"fedcredit": ConfigRecord({k: v for k, v in changed.items() if v != "-"})})  # type: ignore[misc]


@pytest.mark.parametrize(
    "records",
    [
        RecordDict(),
        RecordDict({"other": CONTRIBUTION.to_records()["fedcredit"]}),
        RecordDict({**CONTRIBUTION.to_records(), "more": ConfigRecord({"a": 1})}),
        HEADER.to_records(),
        _changed(message="contribution/v2"),
        _changed(extra=1),
        _changed(party="-"),
        _changed(party=7),
        _changed(party=True),
        _changed(party=""),
        _changed(party="x" * 201),
        _changed(party="bank\na"),
        _changed(party=b"bank-a"),
        _changed(payload="text"),
        _changed(payload=[b"one", b"second"]),
        _changed(payload=pack_ciphertexts((b"one",))),
        _changed(payload=pack_ciphertexts((b"one", b"second", b"third"))),
        _changed(payload=pack_ciphertexts((b"one", b"second")) + b"\0"),
        _changed(payload=pack_ciphertexts((b"one", b"second"))[:-1]),
        _changed(payload=pack_ciphertexts((b"one", b""))),
        _changed(payload=b"\0\0\0\2\xff\xff\xff\xffone"),
        _changed(payload=b"\0\0\0\2"),
        _changed(payload=b""),
    ],
)
def test_anything_else_is_a_malformed_message(records: RecordDict) -> None:
    with pytest.raises(MalformedMessageError):
        Contribution.from_records(records, n=2)


def test_a_payload_beyond_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(MalformedMessageError, match="at most 10 bytes"):
        Contribution.from_records(CONTRIBUTION.to_records(), n=2, max_bytes=10)


@pytest.mark.parametrize(
    "error",
    ["noGrantError", "No Grant Error", "NoGrant", "Error", "NoGrantError: row 7", "x.YError"],
)
def test_a_refusal_carries_a_class_name_and_nothing_else(error: str) -> None:
    with pytest.raises(MalformedMessageError):
        Refusal.from_records(Refusal(error=error).to_records())


@settings(max_examples=50)
@given(blobs=st.lists(st.binary(min_size=1, max_size=20), max_size=6))
def test_packed_ciphertexts_come_back(blobs: list[bytes]) -> None:
    packed = pack_ciphertexts(tuple(blobs))

    assert unpack_ciphertexts(packed, len(blobs), len(packed)) == tuple(blobs)


def test_the_payload_digest_covers_every_tensor_by_name() -> None:
    # By hand: 4-byte big-endian counts and lengths, canonical JSON, SHA-256.
    packed = b"\0\0\0\1" + b"\0\0\0\3one"
    inner = hashlib.sha256(packed).hexdigest()
    text = f'[["bins","{inner}"],["newton","{inner}"]]'

    found = payload_digest({"newton": (b"one",), "bins": (b"one",)})

    assert found == hashlib.sha256(text.encode()).hexdigest()
    assert found != payload_digest({"newton": (b"one",), "bons": (b"one",)})
