"""Entries and leaves to the byte, and links that do not hold."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from fedcredit_ledger.chain import Leaf, check_link, time_bracket
from fedcredit_ledger.entry import (
    Entry,
    SignedEntry,
    commit,
    format_time,
    open_commitment,
    parse_time,
)
from fedcredit_ledger.errors import BrokenChainError, MalformedEntryError
from fedcredit_ledger.note import SigningKey

VECTORS = Path(__file__).parents[2] / "ledger" / "vectors"
L1 = json.loads((VECTORS / "L1.json").read_text(encoding="utf-8"))
RAW = L1["leaf"].encode()


def test_the_leaf_of_the_specification():
    leaf = Leaf.parse(RAW)

    assert len(RAW) == 947
    assert leaf.hash.hex() == "a3b5e2ad25ae36bec2b525f181dd211533f329aba528d9d0ae43e2f410e84e9d"
    assert leaf.signed.id == "cbac4d138ca9f8a6d74c707784e1de81b8bb84330abfa35977ad633e89a0e5f5"
    assert (leaf.index, leaf.signed.entry.author, leaf.signed.entry.type) == (
        4,
        "bank-a",
        "grant-issued",
    )
    key = SigningKey.from_seed("bank-a", hashlib.sha256(b"fedcredit vector key bank-a").digest())
    key.verifier.verify(leaf.signed.note.text, leaf.signed.signatures[0])


def test_a_commitment_by_the_specification():
    digest, salt = commit("subject", "110101199003070000", salt=hashlib.sha256(b"salt").digest())

    assert digest == "7771a4c0b7aaceb07b6f5dd6de3a573677b163311a4f2a62e104e7055ed22d4d"
    assert open_commitment(digest, salt, "subject", "110101199003070000")
    assert not open_commitment(digest, salt, "subject", "110101199003070001")
    assert not open_commitment(digest, salt, "document", "110101199003070000")


def test_two_commitments_to_one_value_have_nothing_in_common():
    (first, salt), (second, other) = commit("n_rows", 7), commit("n_rows", 7)

    assert first != second and salt != other
    assert not open_commitment(first, other, "n_rows", 7)


def test_every_changed_byte_of_a_leaf_is_another_leaf_or_none():
    honest = Leaf.parse(RAW)
    for position in range(len(RAW)):
        changed = bytearray(RAW)
        changed[position] ^= 1
        try:
            leaf = Leaf.parse(bytes(changed))
        except MalformedEntryError:
            continue
        assert leaf.hash != honest.hash
        assert leaf.raw == bytes(changed)


@pytest.mark.parametrize(
    ("old", "new", "defect"),
    [
        (b"leaf/v1", b"leaf/v2", "another version"),
        (b"\n4\n", b"\n04\n", "a leading zero"),
        (b"\n4\n", b"\n-4\n", "a negative index"),
        (b"\n4\n", "\n\u0664\n".encode(), "a digit of another script"),
        (b"1fd754cf", b"1FD754CF", "capital hex digits"),
        (b"\n2026-11-23T16:00:04.000Z", b"\n2026-11-23T16:00:04Z", "a time without milliseconds"),
        (b"\n2026-11-23T16:00:04.000Z", b"\n2026-11-31T16:00:04.000Z", "a day that does not exist"),
        (b"entry/v1", b"entry/v2", "another entry version"),
        (b'{"author":', b'{ "author":', "a space in the JSON"),
        (b'"author_seq":1', b'"author_seq":1.0', "a fraction"),
        (b'"author_seq":1', b'"author_seq":true', "a truth value for a number"),
        (b'"readers":["bank-a","bank-b"]', b'"readers":["bank-b","bank-a"]', "unsorted readers"),
        (b'"readers":["bank-a","bank-b"]', b'"readers":[]', "no readers"),
        (b'"readers":["bank-a","bank-b"]', b'"readers":["all","bank-b"]', "all and some"),
        (b'"type":"grant-issued"', b'"type":"grant-issued","x":1', "an eleventh field"),
        (b'"type":"grant-issued"', b'"type":"Grant Issued"', "a type with spaces"),
        (b'"author_seq":1', b'"author_seq":0', "a first entry with a predecessor"),
        (b"}\n\n\xe2", b"}\n\n\n\xe2", "a third line in the entry's text"),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)
def test_malformed_leaves_are_refused(old, new, defect):
    assert RAW.count(old) >= 1

    with pytest.raises(MalformedEntryError):
        Leaf.parse(RAW.replace(old, new, 1))


def test_an_oversized_leaf_is_refused_before_it_is_parsed():
    with pytest.raises(MalformedEntryError, match="at most 61000 bytes, found 6"):
        Leaf.parse(RAW[:-1] + b"A" * 61_000 + b"\n")


def test_an_added_cosignature_does_not_change_the_entry_id():
    entry = Leaf.parse(RAW).signed.entry
    one, two = SigningKey.from_seed("bank-a", bytes(32)), SigningKey.from_seed("b", bytes(32))

    assert SignedEntry.sign(entry, one).id == SignedEntry.sign(entry, one, two).id == L1["entry_id"]


def test_entries_with_impossible_fields_cannot_be_made():
    entry = Leaf.parse(RAW).signed.entry
    for name, value in {
        "author": "bank a",
        "author_seq": -1,
        "author_prev": "0" * 63,
        "ledger": "with space",
        "time": "2026-11-23 16:00:04",
        "seen_root": "xyz",
        "data": [],
        "readers": "all",
    }.items():
        with pytest.raises(MalformedEntryError):
            replace(entry, **{name: value})
    assert isinstance(entry, Entry)


def test_times_are_utc_with_milliseconds():
    moment = datetime(2026, 11, 24, 0, 0, 4, 7_900, tzinfo=timezone(timedelta(hours=8)))

    assert format_time(moment) == "2026-11-23T16:00:04.007Z"
    assert parse_time("2026-11-23T16:00:04.007Z") == datetime(
        2026, 11, 23, 16, 0, 4, 7_000, tzinfo=UTC
    )
    with pytest.raises(ValueError):
        format_time(datetime(2026, 11, 24))


def chain(*received: str) -> list[Leaf]:
    leaves: list[Leaf] = []
    for index, moment in enumerate(received):
        leaves.append(
            Leaf(
                index=index,
                prev=leaves[-1].hash.hex() if leaves else "0" * 64,
                received=moment,
                signed=Leaf.parse(RAW).signed,
            )
        )
    return leaves


def test_a_chain_holds_link_by_link():
    first, second, third = chain(*[f"2026-11-23T16:00:0{i}.000Z" for i in range(3)])

    check_link(first, None)
    check_link(second, first)
    for leaf, previous in ((second, None), (third, first), (first, first), (first, second)):
        with pytest.raises(BrokenChainError):
            check_link(leaf, previous)
    with pytest.raises(BrokenChainError, match="does not name") as caught:
        check_link(replace(second, prev="f" * 64), first)
    assert caught.value.index == 1


def test_the_time_of_receipt_never_decreases():
    first, second = chain("2026-11-23T16:00:01.000Z", "2026-11-23T16:00:00.999Z")

    with pytest.raises(BrokenChainError, match="received before"):
        check_link(second, first)


def test_a_leaf_was_sequenced_between_the_checkpoints_around_it():
    checkpoints = [(3, (100, 107)), (5, (200, 203, 201)), (9, (300, 305))]

    assert time_bracket(5, checkpoints) == (200, 305)
    assert time_bracket(4, checkpoints) == (100, 203)
    assert time_bracket(0, checkpoints) == (None, 107)
    assert time_bracket(9, checkpoints) == (300, None)
