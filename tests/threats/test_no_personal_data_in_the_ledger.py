"""Attack: read the whole ledger for people: their numbers, or two entries that are one person's.

The weak variant is an audit trail with a reference column and free text: it holds a telephone
number as soon as somebody types one, and one token a person links its loan applications across
banks. Here the fields are a closed table, and a person is a commitment with a fresh salt in every
entry.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from fedcredit_ledger.chain import Leaf
from fedcredit_ledger.entry import open_commitment
from fedcredit_ledger.errors import RejectedEntryError
from fedcredit_ledger.types import TYPES, check_data
from tests.ledger.small_federation import SmallFederation
from tests.ledger.whole_ledger import LI, WANG, WholeLedger

DIGESTS = re.compile(
    r"[0-9a-f]{64}|\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}|(?<= )[A-Za-z0-9+/]{80,}={0,2}$", re.MULTILINE
)
"""What stands in every entry and is no number: hashes, keys, signatures."""

PERSONAL = {
    "an identity number": re.compile(r"(?<!\d)[1-9]\d{16}[\dXx](?!\d)"),
    "a telephone number": re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)"),
    "a card number": re.compile(r"(?<!\d)\d{16,19}(?!\d)"),
}

FORBIDDEN = {
    "name", "full_name", "id_number", "identity", "phone", "mobile", "email", "address", "ip",
    "account", "card", "plate", "meter", "amount_fen", "balance", "score", "subject",
    "subject_token", "n_rows", "answer", "comment", "note",
}  # fmt: skip


@pytest.fixture(scope="module")
def whole() -> WholeLedger:
    return WholeLedger()


def findings(leaves: Iterable[bytes]) -> list[tuple[int, str]]:
    """Scan whole leaves: every header, every field, every signature line."""
    found = []
    for index, raw in enumerate(leaves):
        text = DIGESTS.sub("", raw.decode())
        found += [(index, what) for what, pattern in PERSONAL.items() if pattern.search(text)]
    return found


def entries(fed: SmallFederation) -> Iterator[tuple[str, dict[str, Any]]]:
    for raw in fed.log.leaves():
        entry = Leaf.parse(raw).signed.entry
        yield entry.type, entry.data


def test_the_ledger_under_attack_has_an_entry_of_every_type(whole):
    assert {kind for kind, _ in entries(whole.fed)} == set(TYPES)


def test_no_personal_data_in_the_ledger(whole):
    assert findings(whole.fed.log.leaves()) == []
    everything = b"".join(whole.fed.log.leaves())
    for person in (LI, WANG):
        for value in person.values():
            assert value.encode() not in everything


def test_the_scanner_finds_a_number_that_somebody_typed_into_a_reason():
    """The weak variant: free text. What no form can forbid, the scanner reports."""
    fed = SmallFederation()
    entry = fed.register("bank-a")
    for number, value in enumerate((LI["subject"], LI["phone"], LI["card"])):
        data = {"dispute_id": f"d-{number}", "about": entry, "ground": f"the customer is {value}"}
        fed.write("bank-b", "dispute-filed", data)

    assert findings(fed.log.leaves()) == [
        (2, "an identity number"),
        (2, "a card number"),  # 18 digits could be either
        (3, "a telephone number"),
        (4, "a card number"),
    ]


def test_the_table_of_fields_is_closed(whole):
    for kind, data in entries(whole.fed):
        check_data(kind, data)
        for field in ("name", "phone", "subject_token", "comment"):
            with pytest.raises(RejectedEntryError, match="unknown-field"):
                check_data(kind, data | {field: "Li Wei"})
        if "commits" in data:
            clear = data | {"commits": data["commits"] | {"subject": LI["subject"]}}
            with pytest.raises(RejectedEntryError, match=r"malformed|unknown-field"):
                check_data(kind, clear)


def test_no_type_has_a_field_for_a_person():
    for kind, row in TYPES.items():
        assert {*row.required, *row.optional} & FORBIDDEN == set(), kind


# two entries, one person


def unsalted(fed: SmallFederation, openings: dict[int, Any]) -> list[dict[str, str]]:
    """The weak variant: the same entries, each commitment a digest without a salt."""
    return [
        {
            name: hashlib.sha256(json.dumps([name, value]).encode()).hexdigest()
            for _, name, value in openings.get(index, ())
        }
        for index in range(fed.replica.size)
    ]


def repeated(commits: Iterable[dict[str, str]]) -> list[str]:
    """Return the commitments that stand twice."""
    counted = Counter(digest for one in commits for digest in one.values())
    return [digest for digest, n in counted.items() if n > 1]


def test_no_field_repeats_across_subjects_entries(whole):
    committed = [data.get("commits", {}) for _, data in entries(whole.fed)]

    assert repeated(unsalted(whole.fed, whole.openings)) != []  # the weak variant links
    assert repeated(committed) == []
    for person in (LI, WANG):
        about = whole.about[person["subject"]]
        assert len(about) >= 8
        salts = [salt for index in about for salt, _, _ in whole.openings[index]]
        assert len(set(salts)) == len(salts) >= 11


def test_but_for_commitments_and_ids_one_persons_entries_read_as_anothers(whole):
    """Whatever a reader may see of an entry does not depend on whom it is about."""
    seen = {token: [] for token in whole.about}
    rows = list(entries(whole.fed))
    for token, places in whole.about.items():
        for index in places[:8]:
            kind, data = rows[index]
            bare = {k: v for k, v in data.items() if k != "commits"}
            words = re.sub(r"\b(grant|q|r|a|facts)-\d\b", "ID", json.dumps(bare, sort_keys=True))
            words = re.sub(r"2026-1\d-\d\dT[\d:.]+Z", "TIME", words)
            seen[token].append((kind, re.sub("[0-9a-f]{64}", "DIGEST", words)))

    first, second = seen.values()
    assert first == second


def test_the_bank_alone_can_open_them(whole):
    rows = list(entries(whole.fed))
    n_opened = 0
    for index, openings in whole.openings.items():
        for salt, name, value in openings:
            assert open_commitment(rows[index][1]["commits"][name], salt, name, value)
            n_opened += 1

    assert n_opened > 20
