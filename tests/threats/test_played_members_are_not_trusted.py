"""A coordinator that founds a federation in which it plays a bank gets no signature and no pin.

The attack is cheap: the coordinator collects founder files, and drafts a founding entry in which
the keys beside one bank's name are its own. Every signature in the assembled founding verifies.
What finds it is outside the coordinator's reach: a member's own keys, founder files that came from
their owners, and the founding id as the other members read it aloud.

The weak variants: a member that types the id from the file it was sent pins the coordinator as its
peer; and an id of few digits can be matched by trying.
"""

import hashlib
import json
import re
from pathlib import Path

import pytest

from fedcredit.coordinator.founding_desk import FoundingDesk
from fedcredit.founding_exchange import FoundingSignature, founder_document, write_new
from fedcredit.founding_file import FoundingFile
from fedcredit.member_founding import ID_DIGITS, compare_id
from fedcredit.member_options import ROLES
from fedcredit_ledger.entry import Entry
from fedcredit_parties.config import PartyConfig
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.errors import PartyError, UntrustedFederationError
from fedcredit_parties.identity import Identity
from tests.fedcredit.command_line import Done, fedcredit
from tests.founders import FOUNDERS, Founders


@pytest.fixture(name="founders")
def founders_fixture(tmp_path: Path) -> Founders:
    return Founders(tmp_path)


def play(founders: Founders, victim: str) -> tuple[Identity, Path, list[Path]]:
    """Make keys in a member's name; return them, and founder files with theirs in its place."""
    played = Identity.generate(victim, ROLES["data-holder"])
    files = {path.name: path for path in founders.collect()}
    true = files[f"{victim}.founder.json"]
    forged = true.with_name("forged.json")
    write_new(forged, founder_document(played.founder()))
    files[true.name] = forged
    return played, true, list(files.values())


def false_founding(founders: Founders, victim: str) -> Path:
    """Return a founding that everybody has signed, the coordinator for `victim`."""
    played, _, files = play(founders, victim)
    draft = founders.draft(files)
    signatures = founders.cosign(draft, [name for name in FOUNDERS if name != victim])
    file = FoundingFile.read(draft)
    line = FoundingSignature.make(
        played.signing,
        founding_entry=file.id,
        entry=file.entry.note,
        terms=file.terms_note,
    )
    write_new(draft.with_name(f"{victim}.signature.json"), line.document())
    return founders.assemble(draft, [*signatures, draft.with_name(f"{victim}.signature.json")])


def trust(founders: Founders, name: str, file: Path, heard: str) -> Done:
    return fedcredit("party", "trust", founders.config(name), file, "--founding-id", heard)


def test_a_bank_does_not_sign_a_draft_with_other_keys_beside_its_own_name(
    founders: Founders,
) -> None:
    _, _, files = play(founders, "bank-2")
    (draft,) = founders.send(founders.draft(files), "bank-2")

    done = fedcredit("party", "cosign", founders.config("bank-2"), draft, "--yes")

    assert done.code == UntrustedFederationError.exit_code
    assert "does not hold the keys that bank-2 made" in done.err
    assert not (founders.folder / "bank-2" / "bank-2.signature.json").exists()


@pytest.mark.parametrize("verb", ["cosign", "trust"])
def test_a_bank_that_has_its_peer_s_file_from_the_peer_refuses_other_keys(
    founders: Founders, verb: str
) -> None:
    founding_file = false_founding(founders, "bank-2")
    (known,) = founders.send(founders.folder / "bank-2" / "bank-2.founder.json", "bank-0")
    file = founders.folder / "bank-0" / "ours.draft.json"
    options: list[str | Path] = ["--yes", "-o", known.with_name("second.json")]
    if verb == "trust":
        (file,) = founders.send(founding_file, "bank-0")
        options = ["--founding-id", FoundingFile.read(file).id]

    done = fedcredit("party", verb, founders.config("bank-0"), file, "--known", known, *options)

    assert done.code == UntrustedFederationError.exit_code
    assert "bank-2" in done.err and "another" in done.err
    assert not (founders.folder / "bank-0" / "ca.crt").exists()
    assert not known.with_name("second.json").exists()


def test_two_banks_that_compare_find_that_each_got_a_founding_of_its_own(
    founders: Founders,
) -> None:
    """The coordinator plays bank-2 towards bank-0, and shows bank-2 the true draft."""
    (file,) = founders.send(false_founding(founders, "bank-2"), "bank-0")
    true = founders.collect()
    founders.type(
        "coordinator", "draft", founders.config("coordinator"), *true,
        "--federation", "ours", "-o", founders.folder / "bank-2" / "ours.draft.json",
    )  # fmt: skip
    founders.type(
        "party", "cosign", founders.config("bank-2"),
        founders.folder / "bank-2" / "ours.draft.json", "--yes",
    )  # fmt: skip

    done = trust(founders, "bank-0", file, founders.founding_id("bank-2"))

    assert done.code == UntrustedFederationError.exit_code
    assert "not the founding that the other members have" in done.err
    assert not (founders.folder / "bank-0" / "ca.crt").exists()


def test_the_digits_of_the_id_are_many_and_nothing_answers_for_a_person(
    founders: Founders,
) -> None:
    (file,) = founders.send(false_founding(founders, "bank-2"), "bank-0")

    short = trust(founders, "bank-0", file, FoundingFile.read(file).id[: ID_DIGITS - 1])
    unanswered = fedcredit("party", "trust", founders.config("bank-0"), file, "--yes")

    assert "not compared" in short.err
    assert unanswered.code == 2  # there is no such option
    assert not (founders.folder / "bank-0" / "ca.crt").exists()


# The weak variants


def test_a_bank_that_reads_the_id_from_its_own_screen_pins_the_coordinator_as_its_peer(
    founders: Founders,
) -> None:
    (file,) = founders.send(false_founding(founders, "bank-2"), "bank-0")
    shown = FoundingFile.read(file)

    done = trust(founders, "bank-0", file, shown.id)

    pinned = PartyConfig.read(founders.config("bank-0")).trust.peers["bank-2"]
    true = json.loads((founders.folder / "bank-2" / "bank-2.founder.json").read_text("utf-8"))[
        "founder"
    ]
    assert done.code == 0
    assert pinned == shown.founder("bank-2")["signing_vkey"] != true["signing_vkey"]


def test_a_short_id_would_be_matched_by_trying(founders: Founders) -> None:
    """Two foundings, one with the true bank and one with a played one, whose ids begin alike."""
    _, _, files = play(founders, "bank-2")
    desk = FoundingDesk.read(founders.config("coordinator"))
    true = desk.draft(founders.collect(), federation="ours", policy=DisclosurePolicy())
    false = desk.draft(files, federation="ours", policy=DisclosurePolicy())
    digits = 4  # 2^8 tries each for a match between the two sets

    def tries(entry: Entry) -> dict[str, bytes]:
        """Vary the moment of the founding, by milliseconds."""
        text = entry.text()
        found = {}
        for i in range(2_000):
            other = re.sub(
                rb'"time":"[^"]*"', b'"time":"2026-01-01T00:00:%02d.%03dZ"' % divmod(i, 1_000), text
            )
            found[hashlib.sha256(other).hexdigest()[:digits]] = other
        return found

    matched = tries(true.entry.entry).keys() & tries(false.entry.entry).keys()

    assert matched, "no two foundings with the same first digits among 2000 each"
    assert ID_DIGITS >= 2 * 16, "2^64 tries for the digits that party trust asks for"
    with pytest.raises(PartyError, match="not compared"):
        compare_id(false, matched.pop())
