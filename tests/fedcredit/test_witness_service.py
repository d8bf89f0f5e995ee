"""The witness over HTTP, its configuration and its commands."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import pytest

from fedcredit.coordinator.front_server import FrontServer
from fedcredit.errors import FoundingError
from fedcredit.founding import OutsideWitness, quorum_lines, quorum_size
from fedcredit.witness.config import WitnessSetup
from fedcredit.witness.daemon import keep, remembered, status
from fedcredit.witness.new_witness import init_witness, read_witness
from fedcredit.witness.service import origin_digest, witness_app
from fedcredit_ledger.add_checkpoint import AddCheckpoint
from fedcredit_ledger.checkpoint import Checkpoint, Policy
from fedcredit_ledger.merkle import Tree
from fedcredit_ledger.note import CosignatureKey, Note, SigningKey
from fedcredit_ledger.tlog_witness import TlogWitness
from fedcredit_ledger.witness_state import WitnessState
from fedcredit_parties.errors import ConfigError
from fedcredit_parties.identity import Identity
from tests.fedcredit.command_line import fedcredit

ORIGIN = "ledger.example/service"
LOG = SigningKey.from_seed(ORIGIN, bytes(range(32)))
TREE = Tree([bytes([i]) * 32 for i in range(4)])


def note(size: int) -> Note:
    text = Checkpoint(ORIGIN, size, TREE.root_at(size)).text()
    return Note(text, (LOG.sign(text),))


@pytest.fixture
def witness() -> TlogWitness:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    key = CosignatureKey.generate("regulator")
    return TlogWitness(key, [LOG.verifier], WitnessState(), clock=lambda: now)


@pytest.fixture
def client(witness: TlogWitness) -> Iterator[httpx.Client]:
    server = FrontServer(witness_app(witness), host="127.0.0.1", port=0, what="the witness")
    server.start()
    address = f"http://127.0.0.1:{server.port}"
    with httpx.Client(base_url=address, trust_env=False) as client:
        yield client
    server.stop()


def test_a_good_request_is_answered_with_a_line(client, witness):
    answer = client.post("/add-checkpoint", content=AddCheckpoint(0, (), note(3)).encode())

    assert answer.status_code == 200
    joined = note(3).encode() + answer.content
    witness.key.verifier.verify(note(3).text, Note.parse(joined).signatures[1])


def test_a_conflict_names_the_size(client):
    client.post("/add-checkpoint", content=AddCheckpoint(0, (), note(3)).encode())
    answer = client.post("/add-checkpoint", content=AddCheckpoint(0, (), note(4)).encode())

    assert (answer.status_code, answer.content) == (409, b"3\n")
    assert answer.headers["content-type"] == "text/x.tlog.size"


@pytest.mark.parametrize("body", [b"", b"old 0\n\n", b"x" * 100_000])
def test_what_is_no_request_is_400(client, body):
    assert client.post("/add-checkpoint", content=body).status_code == 400


def test_nothing_else_is_served(client):
    assert client.get("/add-checkpoint").status_code == 405
    assert client.get("/").status_code == 404
    assert client.get("/..%2fwitness.key").status_code == 404


def test_everybody_may_read_the_newest_head_with_its_co_signature(client, witness):
    assert client.get(f"/{origin_digest(ORIGIN)}/checkpoint").status_code == 404
    client.post("/add-checkpoint", content=AddCheckpoint(0, (), note(3)).encode())

    page = Note.parse(client.get(f"/{origin_digest(ORIGIN)}/checkpoint").content)

    assert page.text == note(3).text
    LOG.verifier.verify(page.text, page.signatures[0])
    witness.key.verifier.verify(page.text, page.signatures[1])


def test_the_page_of_a_log_is_named_by_the_digest_of_its_origin():
    # the ledger's specification, vector T1
    digest = "d9e35a650761aedb9881ef34ec63d6d4287534cb2e702546a3780aaf99fb482d"
    assert origin_digest("ledger.example/fedcredit-demo") == digest


def test_a_spoiled_state_is_500_and_nothing_is_co_signed(client, witness):
    witness.state.close()

    answer = client.post("/add-checkpoint", content=AddCheckpoint(0, (), note(3)).encode())

    assert (answer.status_code, answer.content) == (500, b"")


def test_the_files_of_a_new_witness(tmp_path: Path):
    home = tmp_path / "regulator"

    witness, public = init_witness(home, name="regulator", port=8444, logs=[LOG.vkey])

    assert os.stat(home / "witness.key").st_mode & 0o777 == 0o600
    assert read_witness(public) == witness
    assert witness.url == "http://127.0.0.1:8444"
    setup = WitnessSetup(home / "witness.toml")
    assert setup.key.vkey == witness.vkey
    assert [log.vkey for log in setup.logs] == [LOG.vkey]
    with pytest.raises(ConfigError, match="holds a witness already"):
        init_witness(home, name="regulator", port=8444)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path):
    init_witness(tmp_path, name="regulator", port=8444)
    (tmp_path / "witness.key").chmod(0o644)

    with pytest.raises(ConfigError, match="can be read by others"):
        WitnessSetup(tmp_path / "witness.toml")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('logs = ["hello"]', "logs.0"),
        (f'logs = ["{CosignatureKey.from_seed("w", bytes(32)).vkey}"]', "not a co-signature key"),
        ("port = 0", "port"),
        ('url = "ftp://x"', "url"),
        ("surplus = 1", "surplus"),
    ],
)
def test_a_wrong_configuration_names_its_key(tmp_path: Path, line: str, words: str):
    values = {"name": '"regulator"', "port": "8444"} | dict([line.split(" = ", 1)])
    text = "".join(f"{key} = {value}\n" for key, value in values.items())
    (tmp_path / "witness.toml").write_text(text, "utf-8")

    with pytest.raises(ConfigError, match=words):
        WitnessSetup(tmp_path / "witness.toml")


def test_the_commands_make_and_show_a_witness(tmp_path: Path):
    home = str(tmp_path / "regulator")

    made = fedcredit("witness", "init", home, "--name", "regulator", "--port", "8444", "--json")
    shown = fedcredit("witness", "status", f"{home}/witness.toml", "--json")

    assert made.json()["vkey"].startswith("regulator+")
    said = shown.json()
    assert (said["ready"], said["logs"], said["proofs"]) == (False, {}, [])
    assert said["address"] == "http://127.0.0.1:8444"
    again = fedcredit("witness", "init", home, "--name", "regulator", "--port", "8444")
    assert (again.code, "holds a witness already" in again.err) == (11, True)


def founders(*names: str) -> list[dict]:
    return [Identity.generate(name, ("data-holder", "witness")).founder() for name in names]


def outside(name: str) -> OutsideWitness:
    key = CosignatureKey.generate(name)
    return OutsideWitness(name=name, vkey=key.vkey, url=f"https://{name}.example/w")


def test_with_an_outside_witness_a_majority_of_the_parties_is_enough():
    # the ledger's specification, vector L5
    banks = founders("bank-a", "bank-b", "bank-c")
    policy = Policy(
        quorum_lines(
            LOG.vkey,
            banks,
            needed=quorum_size(3, has_outside=True),
            outside=[outside("regulator")],
        )
    )

    assert policy.lines[-3:] == (
        "group parties 2 bank-a bank-b bank-c",
        "group all-of all parties regulator",
        "quorum all-of",
    )
    assert policy.urls == {"regulator": "https://regulator.example/w"}
    assert policy.satisfied({"bank-a", "bank-c", "regulator"})
    assert not policy.satisfied({"bank-a", "bank-b", "bank-c"})
    assert not policy.satisfied({"bank-a", "regulator"})


@pytest.mark.parametrize(("n", "majority"), [(3, 2), (4, 3), (5, 3), (6, 4), (15, 8)])
def test_a_majority_is_more_than_half(n: int, majority: int):
    assert quorum_size(n, has_outside=True) == majority


def test_of_several_outside_witnesses_a_majority_is_needed():
    names = ("regulator", "notary", "court")
    lines = quorum_lines(
        LOG.vkey, founders("bank-a"), needed=1, outside=[outside(name) for name in names]
    )

    policy = Policy(lines)

    assert policy.satisfied({"bank-a", "regulator", "court"})
    assert not policy.satisfied({"bank-a", "notary"})


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"name": "parties"}, "name cannot be used"),
        ({"name": "A B"}, "name cannot be used"),
        ({"url": "http://a b"}, "URL cannot be used"),
        ({"url": "file:///etc"}, "URL cannot be used"),
        ({"vkey": LOG.vkey}, "key cannot be used"),
        ({"vkey": "nothing"}, "key cannot be used"),
    ],
)
def test_what_no_policy_can_hold_is_refused(changed: dict, words: str):
    with pytest.raises(FoundingError, match=words):
        OutsideWitness(**{**vars(outside("regulator")), **changed})


def forked(size: int) -> Note:
    text = Checkpoint(ORIGIN, size, bytes(32)).text()
    return Note(text, (LOG.sign(text),))


def test_a_fork_is_kept_named_and_verified(tmp_path: Path):
    init_witness(tmp_path, name="regulator", port=8444, logs=[LOG.vkey])
    setup = WitnessSetup(tmp_path / "witness.toml")
    witness = TlogWitness(setup.key, setup.logs, WitnessState(), keep=partial(keep, setup))
    witness.add_checkpoint(AddCheckpoint(0, (), note(3)).encode())

    answer = witness.add_checkpoint(AddCheckpoint(3, (), forked(3)).encode())
    again = witness.add_checkpoint(AddCheckpoint(3, (), forked(3)).encode())

    assert (answer.status, again.status) == (409, 409)
    (path,) = status(setup, witness)["proofs"]
    assert remembered(setup)["proofs"] == [path]
    said = fedcredit("witness", "proof", path, "--log", LOG.vkey, "--json").json()
    assert (said["is_pinned"], said["smaller"]["size"], said["larger"]["size"]) == (True, 3, 3)
    assert {said["smaller"]["root"], said["root"]} == {TREE.root_at(3).hex(), "00" * 32}
    other = SigningKey.generate(ORIGIN).vkey
    assert fedcredit("witness", "proof", path, "--log", other).code == 54
    assert "two histories of 3 leaves" in fedcredit("witness", "proof", path).out


def test_what_is_no_proof_ends_with_59(tmp_path: Path):
    (tmp_path / "x.json").write_text("{}", "utf-8")

    assert fedcredit("witness", "proof", tmp_path / "x.json").code == 59
