"""One value, one string of bytes (RFC 8785, restricted)."""

import hashlib
import json
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from fedcredit_ledger.canonical import MAX_INTEGER, decode, encode
from fedcredit_ledger.errors import MalformedEntryError

VECTORS = Path(__file__).parents[2] / "ledger" / "vectors"
J1 = json.loads((VECTORS / "J1.json").read_text(encoding="utf-8"))["rows"]
J2 = json.loads((VECTORS / "J2.json").read_text(encoding="utf-8"))["rows"]

keys = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)
texts = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), max_size=20)
chinese = st.sampled_from(["贷款", "还款计划 7", "é", "ß", "🙂"])
scalars = (
    st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | texts.filter(str.isprintable) | chinese
)
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(keys, v, max_size=4), max_leaves=20
)


@pytest.mark.parametrize("row", J1, ids=lambda row: row["name"])
def test_the_public_reference_set_lies_outside_the_subset_and_is_refused(row):
    output = bytes.fromhex(row["output_hex"])
    assert hashlib.sha256(output).hexdigest().startswith(row["output_sha256_begins"])

    for data in (output, bytes.fromhex(row["input_hex"])):
        with pytest.raises(MalformedEntryError):
            decode(data)


@pytest.mark.parametrize("row", J2, ids=lambda row: row["defect"])
def test_bad_canonical_inputs(row):
    with pytest.raises(MalformedEntryError):
        decode(bytes.fromhex(row["hex"]))


@given(values)
def test_a_full_jcs_implementation_writes_the_same_bytes(value):
    assert encode(value) == rfc8785.dumps(value)


@given(values)
def test_what_was_encoded_decodes_to_itself(value):
    assert decode(encode(value)) == value


def test_an_object_by_hand():
    value = {"b": [1, True, "贷"], "a_1": {"x": -5, "w": ""}}

    assert encode(value) == '{"a_1":{"w":"","x":-5},"b":[1,true,"贷"]}'.encode()


@pytest.mark.parametrize(
    ("value", "defect"),
    [
        (1.0, "a fraction"),
        (None, "null"),
        (2**53, "an integer that doubles cannot hold"),
        ({"Key": 1}, "a capital letter in a key"),
        ({"": 1}, "an empty key"),
        ({1: 1}, "a key that is no text"),
        (b"raw", "bytes"),
        ("a\x00b", "a control character"),
        ("a\x85b", "a C1 control"),
        ("\ud800", "a lone surrogate"),
        ("\ufdd0", "a noncharacter"),
        ("\U0001ffff", "a noncharacter of another plane"),
        ("a\u2028b", "a line separator"),
        ("\u2066x", "a direction isolate"),
        ("A\u030a", "text that is not NFC"),
    ],
    ids=lambda item: item if isinstance(item, str) and " " in item else "",
)
def test_values_outside_the_subset_are_refused(value, defect):
    with pytest.raises(MalformedEntryError):
        encode(value)


def test_eight_levels_are_allowed_and_nine_are_not():
    eight = [[[[[[[[1]]]]]]]]

    assert decode(encode(eight)) == eight
    with pytest.raises(MalformedEntryError, match="at most 8 levels, found 9"):
        encode([eight])
    with pytest.raises(MalformedEntryError):
        decode(b"[" * 100_000 + b"]" * 100_000)


def test_a_huge_number_is_refused_without_being_computed():
    with pytest.raises(MalformedEntryError):
        decode(b"9" * 100_000)
