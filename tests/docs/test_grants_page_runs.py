"""The commands of the page about grants are typed as they stand there, at a running front."""

import contextlib
import re
import shlex
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fedcredit.machine import free_ports
from fedcredit_parties.daemon import PartySetup
from tests.fedcredit.command_line import Done, fedcredit
from tests.fedcredit.test_joining import Ours

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "issue-and-revoke-grants.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[str, Done]]]:
    """Return every command of the page with what it gave, in order."""
    ours = Ours(tmp_path_factory.mktemp("page"), free_ports(2))  # type: ignore[arg-type]
    folder = ours.folder
    setup = PartySetup(ours.config("bank-0"))
    member = setup.member()
    (table,) = setup.tables()
    with closing(setup.openings()) as kept:
        data = table.registration() | {"commits": kept.commit(table.counts()).commits}
        member.ledger.append("data-asset-registered", data)
    member.stop()
    (folder / "me.txt").write_text("c-000001\n", encoding="utf-8")
    (folder / "paper.pdf").write_bytes(b"I agree.")
    (consents,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    (folder / "consents.jsonl").write_text(consents, encoding="utf-8")
    (folder / "ledger.db").symlink_to(ours.front.setup.state / "ledger.db")
    found, name = [], ""
    with contextlib.chdir(folder):
        for line in "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)).splitlines():
            words = shlex.split(line)[1:]
            done = fedcredit(*[name if word == "AUTHORIZATION" else word for word in words])
            found.append((" ".join(words[:2]), done))
            if words[:2] == ["grant", "why"]:
                told = fedcredit(*words, "--json").json()
                name = next((row["grant"] for row in told if row["of"] == "sealed"), name)
    yield found
    ours.front.close()


def test_every_command_of_the_page_does_what_it_says(typed: list[tuple[str, Done]]) -> None:
    assert len(typed) == 12
    assert [(words, done.err) for words, done in typed if done.code] == []


def test_the_page_explains_proves_and_ends_an_authorization(typed: list[tuple[str, Done]]) -> None:
    told = [done.out for words, done in typed if words == "grant why"]
    (checked,) = [done.out for words, done in typed if words == "grant check"]
    ended = [done.out for words, done in typed if words == "grant revoke"][-1]

    assert [out for out in told if "admits" not in out] == []
    assert "yes" in checked
    assert "subject:            c-000117 (opened)" in checked
    assert "which held it, is revoked" in ended


def test_the_index_leads_to_the_page() -> None:
    assert "issue-and-revoke-grants.md" in (ROOT / "docs" / "index.md").read_text("utf-8")
