"""Most entries are read by their spelling alone; every other text is read the long way, alike."""

import random

import pytest

from fedcredit_ledger.canonical import decode, decode_text, encode
from fedcredit_ledger.entry import Entry, SignedEntry
from fedcredit_ledger.errors import MalformedEntryError
from fedcredit_ledger.note import Note
from tests.ledger.small_federation import SmallFederation

SCRAPS = (
    b'"', b":", b",", b"{", b"}", b"[", b"]", b"null", b"A", b"a", b"\\", b"1", b"-", b"0", b".",
    b" ", b'":', b'""', b"\n", b"\x01", b"\xc3\xa9", b'"all"', b'"all","bank-a"', b"0" * 64,
    b"9007199254740992", b'"bank-a","all"',
)  # fmt: skip
FIELDS = (b'"author_seq":', b'"readers":[', b'"ledger":"', b'"seen_size":', b'"time":"', b'"data":')


@pytest.fixture(scope="module")
def notes() -> list[bytes]:
    fed = SmallFederation()
    fed.grant_all()
    return [raw.split(b"\n", 4)[4] for raw in fed.log.leaves()]


def changed(note: bytes, chance: random.Random) -> bytes:
    """Put a scrap into a note, often where a field begins."""
    found = note.find(chance.choice(FIELDS)) if chance.random() < 0.5 else -1
    at = chance.randrange(len(note)) if found < 0 else found + chance.randrange(8, 16)
    return note[:at] + chance.choice(SCRAPS) + note[at + chance.choice((0, 0, 1, 1, 2, 64)) :]


def read(note: bytes) -> Entry | None:
    try:
        return SignedEntry.parse(note).entry
    except MalformedEntryError:
        return None


def read_the_long_way(note: bytes) -> Entry | None:
    """As the specification says it: a note, the header line, canonical JSON, ten fields."""
    try:
        text = Note.parse(note).text
        header, line, rest = text.split(b"\n", 2)
        if header != b"fedcredit-ledger-entry/v1" or rest:
            return None
        body = decode(line)
        return Entry(**body) if isinstance(body, dict) and len(body) == 10 else None
    except (MalformedEntryError, ValueError, TypeError):
        return None


def test_thousands_of_changed_entries_are_read_alike(notes, record_property):
    seed = random.randrange(1 << 32)
    record_property("seed", seed)
    chance = random.Random(seed)
    n_good = 0
    for _ in range(4000):
        note = changed(chance.choice(notes), chance)
        found = read(note)
        assert found == read_the_long_way(note), note
        n_good += found is not None
        if found is not None:
            assert SignedEntry.parse(note).encode() == note
            assert found.text() == Note.parse(note).text
    assert 0 < n_good < 4000


def test_untouched_entries_are_what_was_written(notes):
    for note in notes:
        signed = SignedEntry.parse(note)

        assert signed.entry == read_the_long_way(note)
        assert signed.id == SignedEntry(signed.entry, signed.note).id


def test_the_depth_of_a_value_counts_from_where_it_stands():
    value: object = 1
    for _ in range(8):
        value = [value]
    assert decode(encode(value)) == value

    with pytest.raises(MalformedEntryError, match="at most 8 levels, found 9"):
        decode_text(encode(value).decode(), depth=1)
