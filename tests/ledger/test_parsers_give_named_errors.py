"""Whatever bytes come, a parser of the ledger returns, or refuses by a name of its tree.

Hypothesis draws: what is honest with bytes flipped, cut, doubled, moved or put in, values of every
kind in JSON's clothes, and nonsense. `make fuzz` feeds the same readers, and all others, by the
ten thousand; its mutants know the formats better, Hypothesis shrinks what it finds.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from fedcredit_ledger.add_checkpoint import AddCheckpoint
from fedcredit_ledger.canonical import decode
from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.checkpoint import Checkpoint, Policy, TlogProof
from fedcredit_ledger.entry import SignedEntry
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.evidence import read_openings, verify_evidence
from fedcredit_ledger.fork_proof import ForkProof
from fedcredit_ledger.head_rules import read_head_rules
from fedcredit_ledger.held_entry import ShownEntry, encode_shown, parse_shown
from fedcredit_ledger.note import Note, Signature, VerifierKey
from fedcredit_ledger.types import check_data
from tests.ledger.small_packages import files_of, packed_anew
from tests.ledger.vector_files import CHAIN, WrittenLedger, vector

LEAVES = [leaf.encode() for leaf in CHAIN["leaves"]]
ENTRIES = [leaf.split(b"\n", 4)[4] for leaf in LEAVES]
BODIES = [entry.split(b"\n")[1] for entry in ENTRIES]
HEADS = [head.encode() for head in CHAIN["heads"]]
POLICY = "\n".join(vector("L5")["lines"])
PACKAGE = WrittenLedger.good().package()
FILES = files_of(PACKAGE)


@dataclass(frozen=True)
class Parser:
    """Something that reads foreign bytes, and bytes that it should accept."""

    feed: Callable[[bytes], object]
    honest: list[bytes]


def text_of(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def data_of_an_entry(raw: bytes) -> None:
    body = decode(raw)
    if isinstance(body, dict) and isinstance(body.get("data"), dict):
        check_data(str(body.get("type")), body["data"])


def one_file(raw: bytes) -> object:
    """Read a package whose leaf 5 is these bytes, with every digest made anew."""
    return verify_evidence(packed_anew(FILES | {"entries/5.leaf": raw}))


FORK = ForkProof(
    log=vector("L2")["log_vkey"], smaller=HEADS[0], larger=HEADS[1], root=bytes(32), hashes=()
)
SHOWN = encode_shown([ShownEntry(0, LEAVES[0], (bytes(32),))], b"old 0\n\n" + HEADS[0])

PARSERS = {
    "canonical JSON": Parser(decode, BODIES),
    "data of an entry": Parser(data_of_an_entry, BODIES),
    "note": Parser(Note.parse, [*ENTRIES, *HEADS]),
    "signature line": Parser(lambda raw: Signature.parse(text_of(raw)), [HEADS[0].split(b"\n")[4]]),
    "vkey": Parser(
        lambda raw: VerifierKey.parse(text_of(raw)), [vector("L2")["log_vkey"].encode()]
    ),
    "entry": Parser(SignedEntry.parse, ENTRIES),
    "leaf": Parser(Leaf.parse, LEAVES),
    "checkpoint": Parser(Checkpoint.parse, [head.partition(b"\n\n")[0] + b"\n" for head in HEADS]),
    "tlog-proof": Parser(TlogProof.parse, [vector("L3")["proof"].encode()]),
    "policy": Parser(lambda raw: Policy(text_of(raw).split("\n")), [POLICY.encode()]),
    "rules for heads": Parser(lambda raw: read_head_rules([raw]), LEAVES[:1]),
    "add-checkpoint": Parser(AddCheckpoint.parse, [b"old 0\n\n" + HEADS[0]]),
    "shown entries": Parser(parse_shown, [SHOWN]),
    "fork proof": Parser(ForkProof.parse, [FORK.encode()]),
    "package": Parser(verify_evidence, []),
    "a leaf in a package": Parser(one_file, []),
}


@st.composite
def spoiled(draw: st.DrawFn, honest: list[bytes]) -> bytes:
    """Draw honest bytes with one to three places changed."""
    raw = draw(st.sampled_from(honest))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.sampled_from((0, 1, 2, 8, 64))))
        put = draw(st.one_of(st.binary(max_size=4), st.just(raw[start:end] * 2), JSON_WORDS))
        raw = raw[:start] + put + raw[end:]
    return raw


JSON_WORDS = st.sampled_from(
    [
        *(b"null", b"true", b"1.0", b"-0", b"1e9", b"9" * 400, b"{}", b'"', b",", b" ", b"\n\n"),
        *(b'"\\u0041"', b"[" * 10, "\u202e\u2014 ".encode(), b"\xed\xa0\x80", b"\xff"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)


def foreign(parser: Parser) -> st.SearchStrategy[bytes]:
    """Return what a parser is fed."""
    honest = parser.honest or [PACKAGE, LEAVES[5]]
    return st.one_of(
        spoiled(honest),
        spoiled(honest),
        st.binary(max_size=200),
        JSON.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")),
    )


def feed(parser: Parser, raw: bytes) -> None:
    """Feed a parser: any exception but a `LedgerError` comes through."""
    try:
        parser.feed(raw)
    except LedgerError as error:
        assert 50 <= error.exit_code <= 59
        assert str(error).strip()


@pytest.mark.parametrize("name", PARSERS)
def test_every_parser_accepts_what_is_honest(name: str) -> None:
    for raw in PARSERS[name].honest:
        PARSERS[name].feed(raw)


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_parser_returns_or_refuses_by_name(name: str, data: st.DataObject) -> None:
    parser = PARSERS[name]

    feed(parser, data.draw(foreign(parser)))


@settings(max_examples=30, deadline=None)
@given(raw=spoiled([b'[["' + b"A" * 43 + b'=","subject",1]]']) | JSON.map(repr).map(str.encode))
def test_a_file_of_openings_is_read_or_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    folder = tmp_path_factory.mktemp("openings")
    (folder / "2.json").write_bytes(raw)

    feed(Parser(lambda _: read_openings(folder), []), raw)


@pytest.mark.long
@pytest.mark.parametrize("name", PARSERS)
def test_thousands_of_draws_are_refused_by_name(
    name: str, record_property: Callable[[str, Any], None]
) -> None:
    number = secrets.randbits(32)
    record_property("seed", number)
    print(f"seed {number}")
    parser = PARSERS[name]

    @seed(number)
    @settings(max_examples=2_000, deadline=None, database=None)
    @given(raw=foreign(parser))
    def many(raw: bytes) -> None:
        feed(parser, raw)

    many()
