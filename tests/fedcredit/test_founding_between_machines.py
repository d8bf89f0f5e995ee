"""A federation founded by files that are sent around, and every file that must be refused."""

import dataclasses
import io
import json
import random
import shutil
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fedcredit.coordinator.certificates import check_certificate
from fedcredit.coordinator.config import CoordinatorConfig
from fedcredit.errors import FoundingError
from fedcredit.founding_exchange import write_new
from fedcredit.founding_file import FoundingFile
from fedcredit_ledger.entry import SignedEntry
from fedcredit_ledger.errors import SignatureError
from fedcredit_ledger.note import CosignatureKey, Note
from fedcredit_parties.config import PartyConfig
from fedcredit_parties.identity_files import fingerprint, load_identity
from tests.fedcredit.command_line import Done, fedcredit
from tests.founders import BANKS, FOUNDERS, Founders


@pytest.fixture(name="made", scope="module")
def made_fixture(tmp_path_factory: pytest.TempPathFactory) -> Founders:
    """Everybody has keys, a draft, a signature and the founding; nobody has pinned it."""
    founders = Founders(tmp_path_factory.mktemp("founding"))
    draft = founders.draft(founders.collect())
    founding = founders.assemble(draft, founders.cosign(draft))
    founders.send(founding, *FOUNDERS)
    return founders


@pytest.fixture(name="bank")
def bank_fixture(made: Founders, tmp_path: Path) -> Path:
    """A copy of bank-0's folder: party.toml, identity, draft and founding."""
    return Path(shutil.copytree(made.folder / "bank-0", tmp_path / "bank-0"))


@pytest.fixture(name="desk")
def desk_fixture(made: Founders, tmp_path: Path) -> Path:
    """A copy of the coordinator's folder in which nothing is assembled yet."""
    desk = Path(shutil.copytree(made.folder / "coordinator", tmp_path / "coordinator"))
    for name in ("founding.note", "ours.founding.json"):
        (desk / name).unlink()
    text = (desk / "coordinator.toml").read_text("utf-8")
    (desk / "coordinator.toml").write_text(text.partition("\n[trust]")[0] + "\n", "utf-8")
    return desk


def change(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Edit a JSON file."""
    document = json.loads(path.read_text("utf-8"))
    edit(document)
    path.write_text(json.dumps(document), "utf-8")


def refused(done: Done, error: str, code: int, *words: str) -> None:
    """Demand a named error that says these words."""
    assert done.code == code, (done.out, done.err)
    assert done.err.startswith(f"{error}:") or f"\n{error}:" in done.err, done.err
    for word in words:
        assert word in done.err


def cosign(bank: Path, *options: str | Path) -> Done:
    (bank / "bank-0.signature.json").unlink(missing_ok=True)
    return fedcredit(
        "party", "cosign", bank / "party.toml", bank / "ours.draft.json", "--yes", *options
    )


def trust(bank: Path, heard: str) -> Done:
    return fedcredit(
        "party", "trust", bank / "party.toml", bank / "ours.founding.json", "--founding-id", heard
    )


def assemble(desk: Path, *signatures: Path) -> Done:
    return fedcredit(
        "coordinator", "assemble", desk / "coordinator.toml", desk / "ours.draft.json", *signatures
    )


# What is made


def test_what_is_secret_is_for_its_owner_only(made: Founders) -> None:
    public = {"founder.json", "draft.json", "signature.json", "founding.json", "loans.csv"}
    public |= {"ca.crt", "server.crt", "founding.note", "founder.json"}

    open_files = {
        path.relative_to(made.folder).as_posix()
        for path in made.folder.rglob("*")
        if path.is_file()
        and path.stat().st_mode & 0o077
        and ".".join(path.name.split(".")[-2:]) not in public
        and path.name not in public
    }

    assert open_files == set()
    assert {(made.folder / name).stat().st_mode & 0o777 for name in (*FOUNDERS, "coordinator")} == {
        0o700
    }


def test_the_post_carries_only_public_files_and_would_notice_a_secret(made: Founders) -> None:
    names = {path.name for path in made.carried}

    assert names == {
        *(f"{name}.founder.json" for name in FOUNDERS),
        *(f"{name}.signature.json" for name in FOUNDERS),
        "ours.draft.json",
        "ours.founding.json",
    }
    with pytest.raises(AssertionError, match="owner only"):
        made.send(made.folder / "bank-0" / "identity" / "identity.json", "coordinator")


def test_a_pinned_party_toml_is_whole_and_keeps_what_its_operator_wrote(
    made: Founders, bank: Path
) -> None:
    text = (bank / "party.toml").read_text("utf-8")
    (bank / "party.toml").write_text(text + "period_to = 2025-12-31  # ours\n", "utf-8")

    done = trust(bank, made.founding_id("bank-1")[:32])

    config = PartyConfig.read(bank / "party.toml")
    rows = {
        name: json.loads((made.folder / name / f"{name}.founder.json").read_text("utf-8"))[
            "founder"
        ]
        for name in FOUNDERS
    }
    assert done.code == 0, done.err
    assert "# ours" in (bank / "party.toml").read_text("utf-8")
    assert config.trust.founding_entry == made.founding_id("bank-2")
    assert config.trust.key_holder == rows["bureau"]["signing_vkey"]
    assert config.trust.peers == {name: rows[name]["signing_vkey"] for name in BANKS[1:]}
    assert config.data[0].period_to.year == 2025
    assert config.coordinator == "https://127.0.0.1:28443"
    assert (bank / "ca.crt").read_bytes() == (made.folder / "coordinator" / "ca.crt").read_bytes()
    assert (bank / "party.toml").stat().st_mode & 0o777 == 0o600
    shown = fedcredit("party", "trust", bank / "party.toml", "--show")
    assert fingerprint(rows["bureau"]["signing_vkey"]) in shown.out
    assert made.founding_id("bank-1")[:4] in shown.out


def test_the_coordinator_pins_all_data_holders(made: Founders) -> None:
    config = CoordinatorConfig.read(made.config("coordinator"))

    assert set(config.trust.peers) == set(BANKS)


def test_a_person_reads_who_is_in_it_and_types_yes(
    bank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bank / "bank-0.signature.json").unlink()
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))

    done = fedcredit("party", "cosign", bank / "party.toml", bank / "ours.draft.json")

    assert done.code == 0, done.err
    assert (bank / "bank-0.signature.json").is_file()
    for shown in (*FOUNDERS, "3 of 3 witnesses", "min_parties = 3", "founding id"):
        assert shown in done.out


def test_whose_keys_were_not_compared_is_told_before_the_question(
    made: Founders, bank: Path
) -> None:
    known = [made.folder / name / f"{name}.founder.json" for name in ("bank-1", "bureau")]

    done = cosign(bank, *(word for path in known for word in ("--known", path)))

    words = {
        line.split()[0]: line.split("  ")[-1].strip()
        for line in done.out.splitlines()
        if line.endswith(("own", "compared"))
    }
    assert done.code == 0, done.err
    assert words == {
        "bank-0": "own", "bank-1": "compared", "bank-2": "not compared",
        "bureau": "compared", "analyst": "not compared", "coordinator": "not compared",
    }  # fmt: skip
    (line,) = [line for line in done.out.splitlines() if line.startswith("NOT COMPARED")]
    assert line.split(".")[0].split(": ")[1].split(", ") == [
        name for name, word in words.items() if word == "not compared"
    ]


def test_nothing_is_uncompared_when_every_owner_has_sent_its_file(
    made: Founders, bank: Path
) -> None:
    names = ("coordinator", *FOUNDERS)
    known = [made.folder / name / f"{name}.founder.json" for name in names]

    done = cosign(bank, *(word for path in known for word in ("--known", path)))

    assert done.code == 0, done.err
    assert "not compared" not in done.out.lower()


def test_without_a_typed_yes_nothing_is_signed(bank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bank / "bank-0.signature.json").unlink()
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))

    done = fedcredit("party", "cosign", bank / "party.toml", bank / "ours.draft.json")

    refused(done, "ConfigError", 11, "nothing was signed", "the whole word yes")
    assert not (bank / "bank-0.signature.json").exists()


def test_the_heard_id_may_be_typed_in_groups(
    made: Founders, bank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = made.founding_id("bank-1")
    heard = " ".join(digits[i : i + 4].upper() for i in range(0, 32, 4))
    monkeypatch.setattr(sys, "stdin", io.StringIO(heard + "\n"))

    done = fedcredit("party", "trust", bank / "party.toml", bank / "ours.founding.json")

    assert done.code == 0, done.err


def test_a_member_reads_its_own_fingerprint_again_before_it_has_pinned_anything(
    made: Founders,
) -> None:
    founder = json.loads((made.folder / "bank-1/bank-1.founder.json").read_text("utf-8"))

    shown = fedcredit("party", "trust", made.config("bank-1"), "--show", "--json").json()

    vkey = founder["founder"]["signing_vkey"]
    assert shown == {"own": {"member": "bank-1", "key": fingerprint(vkey)}, "pinned": []}


# What is refused

NAME = "--name: small letters, digits and hyphens, at most 63"


def test_an_identity_is_never_overwritten(made: Founders) -> None:
    before = (made.folder / "bank-0" / "identity" / "identity.json").read_bytes()

    party = fedcredit(
        "party", "init", made.folder / "bank-0", "--name", "bank-0", "--role", "data-holder"
    )
    desk = fedcredit(
        "coordinator", "init", made.folder / "coordinator", "--host", "127.0.0.1", "--port", "9000"
    )

    refused(party, "ConfigError", 11, "holds a member already")
    refused(desk, "ConfigError", 11, "holds a coordinator already")
    assert (made.folder / "bank-0" / "identity" / "identity.json").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param(["--name", "Bank A"], NAME, id="a name with a space"),
        pytest.param(["--name", "../b"], NAME, id="a name that climbs"),
        pytest.param(["--name", "b" * 64], NAME, id="a name that is too long"),
        pytest.param(["--name", "all"], NAME, id="a name that means everybody"),
        pytest.param(["--role", "server"], "--role: data-holder, key-holder", id="no such role"),
        pytest.param(["--coordinator", "http://c:1"], "--coordinator: https://", id="without TLS"),
        pytest.param(
            ["--table", "here/none.csv"], "nothing at here/none.csv", id="a table that is not there"
        ),
    ],
)
def test_an_option_of_init_that_is_wrong_is_named(
    tmp_path: Path, words: list[str], complaint: str
) -> None:
    options = {"--name": "bank-a", "--role": "data-holder"} | {words[0]: words[1]}

    done = fedcredit("party", "init", tmp_path / "new", *(w for o in options.items() for w in o))

    refused(done, "ConfigError", 11, complaint)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param(["--port", "99999"], "--port: 1 to 65535", id="no port"),
        pytest.param(["--port", "0"], "--port: 1 to 65535", id="port 0"),
        pytest.param(
            ["--port", "9000", "--superlink-port", "0"], "--superlink-port: 1 to", id="SuperLink's"
        ),
        pytest.param(["--port", "65535"], "--superlink-port with --port", id="no next port"),
        pytest.param(
            ["--port", "9000", "--superlink-port", "9000"], "another number than", id="one port"
        ),
        pytest.param(["--port", "9000", "--name", "Front 1"], NAME, id="a name with a space"),
    ],
)
def test_an_option_of_the_coordinator_s_init_is_named_as_it_was_typed(
    tmp_path: Path, words: list[str], complaint: str
) -> None:
    done = fedcredit("coordinator", "init", tmp_path / "new", "--host", "127.0.0.1", *words)

    refused(done, "ConfigError", 11, complaint)
    assert "superlink_port" not in done.err
    assert not (tmp_path / "new").exists()


def test_listening_everywhere_needs_a_name_for_the_others(tmp_path: Path) -> None:
    words = ("coordinator", "init", tmp_path / "c", "--host", "0.0.0.0", "--port", "8443")

    refused(fedcredit(*words), "ConfigError", 11, "--dns")
    assert fedcredit(*words, "--dns", "fed.example").code == 0
    table = tomllib.loads((tmp_path / "c" / "coordinator.toml").read_text("utf-8"))
    assert table["address"] == "https://fed.example:8443"


def test_check_of_what_pins_nothing_names_cosign_before_trust(made: Founders) -> None:
    done = fedcredit("party", "check", made.config("bank-1"))

    remedy = done.out.splitlines()[-1]
    assert done.code == 12
    assert 0 < remedy.index("fedcredit party cosign") < remedy.index("fedcredit party trust")


@pytest.mark.parametrize("noun", ["party", "coordinator"])
def test_nothing_starts_before_the_federation_is_founded(
    tmp_path: Path, made: Founders, desk: Path, noun: str
) -> None:
    path = desk / "coordinator.toml" if noun == "coordinator" else made.config("bank-1")

    done = fedcredit(noun, "start", path)

    remedy = "coordinator draft" if noun == "coordinator" else "fedcredit party trust"
    refused(done, "UntrustedFederationError", 12, remedy)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        pytest.param((*FOUNDERS, "bank-1"), "bank-1 stands twice", id="a member twice"),
        pytest.param(("bank-0", "bank-1", "bureau", "analyst"), "too few data holders", id="two"),
        pytest.param((*BANKS, "analyst"), "one key-holder", id="no key holder"),
        pytest.param((*BANKS, "bureau"), "nobody may ask", id="no requester"),
        pytest.param((*FOUNDERS, "coordinator"), "coordinator stands twice", id="itself"),
    ],
)
def test_founders_that_make_no_federation_are_refused(
    made: Founders, desk: Path, names: tuple[str, ...], complaint: str
) -> None:
    files = [made.folder / name / f"{name}.founder.json" for name in names]

    done = fedcredit(
        "coordinator", "draft", desk / "coordinator.toml", *files, "--federation", "other"
    )

    refused(done, "FoundingError", 49, complaint)
    assert not (desk / "other.draft.json").exists()


@pytest.mark.parametrize("use", ["signing_vkey", "mask_key", "node_key"])
def test_one_key_at_two_members_is_refused(
    made: Founders, desk: Path, tmp_path: Path, use: str
) -> None:
    """A member that copies another's public key into its own file."""
    files = [made.folder / name / f"{name}.founder.json" for name in FOUNDERS]
    copy = Path(shutil.copy(files[0], tmp_path / "copy.json"))
    other = json.loads(files[1].read_text("utf-8"))["founder"]

    change(copy, lambda document: document["founder"].update({use: other[use]}))
    done = fedcredit(
        "coordinator", "draft", desk / "coordinator.toml", copy, *files[1:], "--federation", "other"
    )

    word = "is no key of bank-0" if use == "signing_vkey" else f"the {use} of bank-1"
    refused(done, "FoundingError", 49, word)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(b'{"format": "fedcredit-fou', "is not JSON", id="cut off"),
        pytest.param(b"", "is not JSON", id="empty"),
        pytest.param(b"\xff\xfe{}", "is not JSON", id="not text"),
        pytest.param(b"[" * 100_000, "is not JSON", id="nested too deep"),
        pytest.param(b'{"format": "a", "format": "b"}', "is not JSON", id="a key twice"),
        pytest.param(b"[]", "another kind of file", id="a list"),
        pytest.param(b" " * 1_000_001, "is not JSON", id="too large"),
        pytest.param(b'{"format": "fedcredit-founder/v1"}', "another kind", id="without a founder"),
        pytest.param(
            b'{"format": "fedcredit-founder/v1", "founder": {"party": "bank-0"}}',
            "one member's public keys",
            id="without keys",
        ),
    ],
)
def test_a_founder_file_that_is_none_is_named(
    made: Founders, desk: Path, content: bytes, complaint: str
) -> None:
    files = [made.folder / name / f"{name}.founder.json" for name in FOUNDERS[1:]]
    (desk / "wrong.json").write_bytes(content)

    done = fedcredit(
        "coordinator", "draft", desk / "coordinator.toml", desk / "wrong.json", *files,
        "--federation", "other",
    )  # fmt: skip

    refused(done, "FoundingError", 49, "wrong.json", complaint)


def test_a_policy_file_with_a_number_that_is_none_is_named(made: Founders, desk: Path) -> None:
    files = [made.folder / name / f"{name}.founder.json" for name in FOUNDERS]
    (desk / "policy.toml").write_text("min_parties = 1\n", "utf-8")

    done = fedcredit(
        "coordinator", "draft", desk / "coordinator.toml", *files, "--federation", "other",
        "--policy", desk / "policy.toml",
    )  # fmt: skip

    refused(done, "ConfigError", 11, "min_parties", "greater than or equal to 2")


def _policy(document: dict[str, Any]) -> None:
    document["terms"] = document["terms"].replace('"min_bads":10', '"min_bads":1')


def _quorum(document: dict[str, Any]) -> None:
    document["entry"] = document["entry"].replace("group parties 3", "group parties 1")


def _address(document: dict[str, Any]) -> None:
    document["terms"] = document["terms"].replace("127.0.0.1:28443", "127.0.0.1:28449")


def _app(document: dict[str, Any]) -> None:
    text = document["terms"]
    at = text.index('"app_hash":"') + len('"app_hash":"')
    document["terms"] = text[:at] + "0" * 64 + text[at + 64 :]


def _unsigned(document: dict[str, Any]) -> None:
    document["entry"] = document["entry"].rpartition("\n\n")[0] + "\n\n"


@pytest.mark.parametrize(
    ("edit", "error", "code", "complaint"),
    [
        pytest.param(_policy, "FoundingError", 49, "policy numbers", id="other policy numbers"),
        pytest.param(_quorum, "FoundingError", 49, "terms belong", id="a smaller quorum"),
        pytest.param(_address, "SignatureError", 53, "coordinator", id="another front"),
        pytest.param(_app, "SignatureError", 53, "coordinator", id="another app"),
        pytest.param(_unsigned, "FoundingError", 49, "not a founding entry", id="no signature"),
        pytest.param(
            lambda d: d.update(authority=d["authority"][:60]),
            "FoundingError",
            49,
            "no authority",
            id="half a certificate",
        ),
    ],
)
def test_a_draft_that_was_altered_on_the_way_is_not_signed(
    bank: Path, edit: Callable[[dict[str, Any]], None], error: str, code: int, complaint: str
) -> None:
    change(bank / "ours.draft.json", edit)

    done = cosign(bank)

    refused(done, error, code, complaint)
    assert not (bank / "bank-0.signature.json").exists()


def test_another_authority_s_certificate_is_noticed(
    made: Founders, bank: Path, tmp_path: Path
) -> None:
    made.type("coordinator", "init", tmp_path / "b", "--host", "127.0.0.1", "--port", "9000")
    pem = (tmp_path / "b" / "ca.crt").read_text("ascii")

    change(bank / "ours.draft.json", lambda document: document.update(authority=pem))

    refused(cosign(bank), "FoundingError", 49, "certificate is not the one in the terms")


def signed_by_the_coordinator(
    made: Founders, path: Path, *, data: dict[str, Any] | None = None, **terms: Any
) -> None:
    """Write the draft with other content, signed as it should be."""
    key = load_identity(made.folder / "coordinator" / "identity").signing
    draft = FoundingFile.read(made.folder / "coordinator" / "ours.draft.json")
    entry = draft.entry.entry if data is None else dataclasses.replace(draft.entry.entry, data=data)
    signed = SignedEntry.sign(entry, key)
    text = dataclasses.replace(draft.terms, founding_entry=signed.id, **terms).text()
    file = dataclasses.replace(draft, entry=signed, terms_note=Note(text, (key.sign(text),)))
    path.unlink(missing_ok=True)
    write_new(path, file.document())


def test_a_coordinator_cannot_lower_the_quorum(made: Founders, bank: Path) -> None:
    draft = FoundingFile.read(bank / "ours.draft.json")
    lines = [
        line.replace("group parties 3", "group parties 1")
        for line in draft.entry.entry.data["witness_policy"]
    ]

    signed_by_the_coordinator(
        made, bank / "ours.draft.json", data={**draft.entry.entry.data, "witness_policy": lines}
    )

    refused(cosign(bank), "FoundingError", 49, "witness policy", "at least 3 of 3")


def test_an_outside_witness_is_in_the_draft_that_every_member_sees(
    made: Founders, tmp_path: Path
) -> None:
    options = ("--name", "regulator", "--port", "8444", "--url", "https://witness.example/w")
    witness = fedcredit("witness", "init", tmp_path / "regulator", *options, "--json").json()
    public = sorted((made.folder / "coordinator").glob("*.founder.json"))
    others = [path for path in public if path.name != "coordinator.founder.json"]

    drafted = fedcredit(
        "coordinator",
        "draft",
        made.folder / "coordinator" / "coordinator.toml",
        *others,
        "--federation",
        "watched",
        "--witness",
        tmp_path / "regulator" / "regulator.witness.json",
        "--output",
        tmp_path / "watched.draft.json",
    )

    assert drafted.code == 0, drafted.err
    assert f"{witness['vkey']} at https://witness.example/w" in drafted.out
    assert "2 of 3 witnesses, and regulator outside the federation" in drafted.out
    draft = FoundingFile.read(tmp_path / "watched.draft.json")
    assert draft.entry.entry.data["witness_policy"][-3:] == [
        "group parties 2 bank-0 bank-1 bank-2",
        "group all-of all parties regulator",
        "quorum all-of",
    ]


def test_a_coordinator_cannot_make_the_witness_alone_the_quorum(
    made: Founders, bank: Path, tmp_path: Path
) -> None:
    draft = FoundingFile.read(bank / "ours.draft.json")
    key = CosignatureKey.generate("friend").vkey
    lines = draft.entry.entry.data["witness_policy"]
    lines = [*lines[:-1], f"witness friend {key} https://friend.example", "quorum friend"]

    signed_by_the_coordinator(
        made, bank / "ours.draft.json", data={**draft.entry.entry.data, "witness_policy": lines}
    )

    refused(cosign(bank), "FoundingError", 49, "witness policy", "at least 2 of 3")


def test_a_draft_for_another_release_is_not_signed(made: Founders, bank: Path) -> None:
    signed_by_the_coordinator(made, bank / "ours.draft.json", app_hash="0" * 64)

    refused(cosign(bank), "FoundingError", 49, "another app", "same release")


def test_whatever_happens_to_a_draft_on_the_way_is_a_named_error(bank: Path) -> None:
    """Bytes changed, cut out and doubled; 300 drafts, none of which may be signed."""
    path = bank / "ours.draft.json"
    good = path.read_bytes()
    rng = random.Random(20261125)
    for _ in range(300):
        at, n = rng.randrange(len(good)), rng.choice([1, 1, 1, 5, 200])
        middle = rng.choice([b"", rng.randbytes(n), good[at : at + n] * 2, b'"', b"\\n", b"0"])
        bad = good[:at] + middle + good[at + n :]
        path.write_bytes(bad)
        try:
            same = FoundingFile.read(path).document() == json.loads(good)
        except (FoundingError, SignatureError):
            same = False
        assert not same or json.loads(bad) == json.loads(good)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(("founders", 0, "signing_vkey"), id="a founder's key"),
        pytest.param(("founders", 0), id="a founder"),
        pytest.param(("founders",), id="the founders"),
        pytest.param(("witness_policy",), id="the witness policy"),
        pytest.param(("log_vkey",), id="the log's key"),
        pytest.param(("disclosure_policy_digest",), id="the policy's digest"),
    ],
)
@pytest.mark.parametrize("value", [0, "", "x", [], {}, ["x"], True], ids=repr)
def test_a_coordinator_that_signs_nonsense_is_refused_by_name(
    made: Founders, tmp_path: Path, path: tuple[str | int, ...], value: object
) -> None:
    """The coordinator's own key signs an entry in which one value is of another kind."""
    draft = FoundingFile.read(made.folder / "coordinator" / "ours.draft.json")
    data = json.loads(json.dumps(draft.entry.entry.data))
    place: Any = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    signed_by_the_coordinator(made, tmp_path / "bad.json", data=data)

    with pytest.raises(FoundingError):
        FoundingFile.read(tmp_path / "bad.json")


def test_a_founding_is_no_signature_and_a_signature_no_draft(made: Founders, bank: Path) -> None:
    shutil.copy(made.folder / "bank-1" / "bank-1.signature.json", bank / "ours.draft.json")

    refused(cosign(bank), "FoundingError", 49, "another kind of file")


def test_a_member_that_is_not_in_the_draft_does_not_sign(made: Founders, tmp_path: Path) -> None:
    made.type("party", "init", tmp_path / "x", "--name", "bank-x", "--role", "data-holder")

    done = fedcredit(
        "party", "cosign", tmp_path / "x" / "party.toml", made.folder / "bank-0/ours.draft.json",
        "--yes",
    )  # fmt: skip

    refused(done, "UntrustedFederationError", 12, "bank-x", "no such founder")


def test_a_missing_signature_is_named(made: Founders, desk: Path) -> None:
    done = assemble(desk, *(desk / f"{name}.signature.json" for name in BANKS))

    refused(done, "FoundingError", 49, "none of analyst, bureau")
    assert not (desk / "founding.note").exists()


def test_a_signature_by_another_key_is_named(made: Founders, desk: Path) -> None:
    """bank-1's line in bank-0's name."""
    taken = json.loads((desk / "bank-1.signature.json").read_text("utf-8"))
    taken = {key: value.replace("bank-1", "bank-0") for key, value in taken.items()}
    (desk / "bank-0.signature.json").write_text(json.dumps(taken), "utf-8")

    done = assemble(desk, *(desk / f"{name}.signature.json" for name in FOUNDERS))

    refused(done, "SignatureError", 53, "bank-0")


def test_a_signature_of_another_draft_is_named(made: Founders, desk: Path) -> None:
    change(
        desk / "bank-0.signature.json", lambda document: document.update(founding_entry="0" * 64)
    )

    done = assemble(desk, *(desk / f"{name}.signature.json" for name in FOUNDERS))

    refused(done, "FoundingError", 49, "signs another draft", "bank-0")


def test_another_coordinator_s_draft_is_not_assembled(made: Founders, tmp_path: Path) -> None:
    made.type("coordinator", "init", tmp_path / "b", "--host", "127.0.0.1", "--port", "9000")
    draft = shutil.copy(made.folder / "coordinator" / "ours.draft.json", tmp_path / "b")

    done = fedcredit(
        "coordinator", "assemble", tmp_path / "b" / "coordinator.toml", draft,
        made.folder / "bank-0" / "bank-0.signature.json",
    )  # fmt: skip

    refused(done, "FoundingError", 49, "not this coordinator's draft")


def test_a_second_founding_in_one_folder_is_refused(made: Founders) -> None:
    desk = made.folder / "coordinator"

    done = assemble(desk, *(desk / f"{name}.signature.json" for name in FOUNDERS))

    refused(done, "ConfigError", 11, "founded here already")


@pytest.mark.parametrize(
    ("heard", "error", "code", "complaint"),
    [
        pytest.param("", "ConfigError", 11, "not compared", id="nothing"),
        pytest.param("0123 4567", "ConfigError", 11, "32 hex digits", id="eight digits"),
        pytest.param("yes", "ConfigError", 11, "not compared", id="yes"),
        pytest.param("z" * 32, "ConfigError", 11, "not compared", id="not hex"),
        pytest.param("0" * 32, "UntrustedFederationError", 12, "other members have", id="another"),
    ],
)
def test_an_id_that_was_not_heard_from_the_others_pins_nothing(
    bank: Path, heard: str, error: str, code: int, complaint: str
) -> None:
    before = (bank / "party.toml").read_bytes()

    done = trust(bank, heard)

    refused(done, error, code, complaint)
    assert (bank / "party.toml").read_bytes() == before
    assert not (bank / "ca.crt").exists()


def test_a_draft_is_not_pinned_for_a_founding(made: Founders, bank: Path) -> None:
    shutil.copy(bank / "ours.draft.json", bank / "ours.founding.json")

    done = trust(bank, made.founding_id("bank-1"))

    refused(done, "FoundingError", 49, "not signed by everybody yet")


def test_a_founding_with_one_wrong_signature_is_not_pinned(made: Founders, bank: Path) -> None:
    def swap(document: dict[str, Any]) -> None:
        lines = document["terms"].split("\n")
        at = next(i for i, line in enumerate(lines) if line.startswith("— bank-1 "))
        lines[at] = lines[at][:-6] + ("AAAA==" if lines[at][-6:] != "AAAA==" else "BAAA==")
        document["terms"] = "\n".join(lines)

    change(bank / "ours.founding.json", swap)

    refused(trust(bank, made.founding_id("bank-1")), "SignatureError", 53, "bank-1")


def test_a_federation_is_pinned_once(made: Founders, bank: Path) -> None:
    assert trust(bank, made.founding_id("bank-1")).code == 0

    done = trust(bank, made.founding_id("bank-1"))

    refused(done, "ConfigError", 11, "pins a federation already", "--show")


def test_another_certificate_in_the_folder_is_not_overwritten(made: Founders, bank: Path) -> None:
    (bank / "ca.crt").write_text("mine\n", "utf-8")

    refused(trust(bank, made.founding_id("bank-1")), "ConfigError", 11, "another ca.crt")
    assert (bank / "ca.crt").read_text("utf-8") == "mine\n"


def test_what_is_printed_as_json_is_json(made: Founders, bank: Path) -> None:
    (bank / "bank-0.signature.json").unlink()

    done = cosign(bank, "--json")

    document = done.json()
    assert document["founding_id"] == made.founding_id("bank-1")
    assert {row["party"] for row in document["members"]} == {*FOUNDERS, "coordinator"}
    assert document["disclosure_policy"]["min_parties"] == 3


def test_a_signature_file_that_names_nobody_is_refused(made: Founders, desk: Path) -> None:
    change(desk / "bank-0.signature.json", lambda document: document.update(party="\x1b[2Jbank-0"))

    done = assemble(desk, *(desk / f"{name}.signature.json" for name in FOUNDERS))

    refused(done, "FoundingError", 49, "names no member")
    assert "\x1b" not in done.err


def test_a_renewed_certificate_is_of_the_pinned_authority(made: Founders, desk: Path) -> None:
    old = (desk / "server.crt").read_bytes()

    done = fedcredit("coordinator", "renew", desk / "coordinator.toml", "--ca-key", desk / "ca.key")

    assert done.code == 0, done.err
    assert (desk / "server.crt").read_bytes() != old
    assert (desk / "server.key").stat().st_mode & 0o777 == 0o600
    check_certificate(desk / "server.crt", desk / "server.key", desk / "ca.crt", host="127.0.0.1")


def test_a_certificate_is_not_renewed_with_another_key(made: Founders, desk: Path) -> None:
    old = (desk / "server.crt").read_bytes()

    done = fedcredit(
        "coordinator", "renew", desk / "coordinator.toml", "--ca-key", desk / "server.key"
    )

    refused(done, "CertificateError", 47, "not the key of ca.crt")
    assert (desk / "server.crt").read_bytes() == old


# Declared columns


def test_a_draft_of_the_columns_is_rounded_outward_and_joined(
    made: Founders, tmp_path: Path
) -> None:
    own, joined = tmp_path / "own.json", tmp_path / "joined.json"
    (tmp_path / "t.csv").write_text("income,home,bad\n1234,own,0\n8765,rent,1\n", "utf-8")
    (tmp_path / "u.csv").write_text("income,home,bad\n-3.14,parents,0\n99,rent,1\n", "utf-8")
    for name, table in (("bank-t", "t.csv"), ("bank-u", "u.csv")):
        made.type(
            "party", "init", tmp_path / name, "--name", name, "--role", "data-holder",
            "--table", tmp_path / table,
        )  # fmt: skip

    made.type("party", "schema", tmp_path / "bank-t/party.toml", "--label", "bad", "-o", own)
    made.type(
        "party", "schema", tmp_path / "bank-u/party.toml", "--label", "bad", "-o", joined,
        "--join", own,
    )  # fmt: skip

    income, home = json.loads(own.read_text("utf-8"))
    assert (income["lower"], income["upper"]) == (1200.0, 8800.0)
    assert home["levels"] == ["own", "rent"]
    income, home = json.loads(joined.read_text("utf-8"))
    assert (income["lower"], income["upper"]) == (-3.2, 8800.0)
    assert home["levels"] == ["own", "parents", "rent"]


def test_a_column_in_which_every_row_has_its_own_value_is_named(
    made: Founders, tmp_path: Path
) -> None:
    rows = "contract,person,income,bad\n71,anna,10.5,0\n13,bela,11.5,1\n42,cleo,12.25,0\n"
    (tmp_path / "t.csv").write_text(rows, "utf-8")
    made.type(
        "party", "init", tmp_path / "bank-t", "--name", "bank-t", "--role", "data-holder",
        "--table", tmp_path / "t.csv",
    )  # fmt: skip
    words = ("party", "schema", tmp_path / "bank-t/party.toml", "--label", "bad", "-o")

    warned = made.type(*words, tmp_path / "all.json")
    clean = made.type(
        *words, tmp_path / "some.json", "--leave-out", "contract", "--leave-out", "person"
    )

    assert [line.split(":")[0] for line in warned.err.splitlines()] == [
        "look at contract", "look at person",
    ]  # fmt: skip
    assert "--leave-out contract" in warned.err
    assert not {"anna", "71"} & set(warned.err.split())
    assert clean.err == ""


def test_a_founding_file_that_is_not_there_is_named_as_it_was_typed(
    bank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bank.parent)

    done = fedcredit("party", "cosign", "bank-0/party.toml", "post/ours.draft.json", "--yes")

    refused(done, "FoundingError", 49, "nothing at post/ours.draft.json")


@pytest.mark.parametrize(
    ("options", "error", "code", "complaint"),
    [
        pytest.param(["--label", "no"], "SchemaMismatchError", 14, "no", id="no such label"),
        pytest.param(
            ["--label", "income"], "LabelError", 16, "label income is not 0/1", id="another column"
        ),
        pytest.param(
            ["--label", "bad", "--leave-out", "x"], "SchemaMismatchError", 14, "x", id="no column"
        ),
        pytest.param(
            ["--label", "bad", "--leave-out", "age", "--join", "all.json"],
            "SchemaMismatchError",
            14,
            "other columns",
            id="another member declares more",
        ),
        pytest.param(
            ["--label", "bad", "--join", "none.json"], "ConfigError", 11, "none.json", id="no file"
        ),
    ],
)
def test_columns_that_do_not_fit_are_named(
    made: Founders,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    error: str,
    code: int,
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    made.type("party", "schema", made.config("bank-0"), "--label", "bad", "-o", "all.json")

    done = fedcredit("party", "schema", made.config("bank-0"), "-o", "new.json", *options)

    refused(done, error, code, complaint)
    assert not Path("new.json").exists()
