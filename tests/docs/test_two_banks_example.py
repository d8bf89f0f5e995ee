"""The example of two banks: its commands found a federation, its units and containers start one."""

import configparser
import io
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import yaml

from fedcredit.cli import app
from fedcredit.coordinator.config import CoordinatorConfig
from fedcredit_parties.config import PartyConfig
from tests.fedcredit.command_line import fedcredit

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "two_banks"
README = (EXAMPLE / "README.md").read_text("utf-8")
COMPOSE = yaml.safe_load((EXAMPLE / "compose.yaml").read_text("utf-8"))
UNITS = sorted((EXAMPLE / "systemd").glob("*.service"))
MEMBERS = {"bank-a", "bank-b", "tax-office", "bureau"}


def parse(words: list[str]) -> None:
    """Let the command line read a command's options and arguments, without running it."""
    tree = typer.main.get_command(app)
    for word in words[:2]:
        assert isinstance(tree, click.Group)
        tree = tree.commands[word]
    tree.make_context("fedcredit", words[2:])


def unit(path: Path) -> configparser.ConfigParser:
    read = configparser.ConfigParser(interpolation=None, strict=True)
    read.optionxform = str  # type: ignore[assignment]
    read.read_string(path.read_text("utf-8"))
    return read


def founding_commands() -> list[str]:
    part = README.partition("## Found it")[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", part, flags=re.DOTALL)
    return [line for block in blocks for line in block.strip().splitlines()]


def test_the_commands_of_the_readme_found_a_federation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line is typed as it stands; what a person is asked, a person answers."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    here = tmp_path / "examples" / "two_banks"
    shutil.rmtree(here / "members", ignore_errors=True)
    monkeypatch.chdir(here)
    heard = ""

    for line in founding_commands():
        program, *words = shlex.split(line)
        if program == "python":
            runpy.run_path(words[0], run_name="__main__")
            continue
        answer = heard if "trust" in words else "yes"
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer + "\n"))
        done = fedcredit(*words)
        assert done.code == 0, (line, done.err)
        if "cosign" in words:
            (signature,) = Path(words[2]).parent.glob("*.signature.json")
            heard = json.loads(signature.read_text("utf-8"))["founding_entry"][:32]

    banks = {name: PartyConfig.read(here / "members" / name / "party.toml") for name in MEMBERS}
    assert {config.coordinator for config in banks.values()} == {"https://coordinator:8443"}
    assert banks["bank-a"].disclosure.min_parties == 3
    assert set(banks["bank-a"].trust.peers) == {"bank-b", "tax-office"}
    assert banks["bank-a"].data[0].path == Path("applicants.csv")
    desk = CoordinatorConfig.read(here / "members" / "coordinator" / "coordinator.toml")
    assert (desk.host, desk.near) == ("0.0.0.0", "https://127.0.0.1:8443")


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_a_command_that_exists_and_gives_it_no_rights(path: Path) -> None:
    service = unit(path)["Service"]

    program, *words = shlex.split(service["ExecStart"].replace("%i", "bank-a"))

    assert Path(program).is_absolute() and Path(program).name == "fedcredit"
    parse(words)
    assert Path(words[-1]).parent.is_relative_to("/var/lib/fedcredit")
    state = service["StateDirectory"].replace("%i", "bank-a")
    assert Path(words[-1]).parent == Path("/var/lib") / state
    assert service["StateDirectoryMode"] == "0700"
    assert service["User"] == "fedcredit"
    assert service["NoNewPrivileges"] == service["ProtectHome"] == service["PrivateTmp"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine"
)
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_understands_a_unit(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / path.name
    copy.write_text(path.read_text("utf-8").replace("/opt/fedcredit/bin/fedcredit", sys.executable))

    done = subprocess.run(
        ["systemd-analyze", "verify", str(copy)],
        env=os.environ | {"LC_ALL": "C"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    about = [line for line in done.stderr.splitlines() if path.stem.rstrip("@") in line]
    assert about == []


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_container_starts_a_command_that_exists_and_has_no_rights(name: str) -> None:
    service: dict[str, Any] = COMPOSE["services"][name]

    parse(service["command"])

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert "ports" not in service
    assert service["volumes"] == [f"./members/{name}:/member"]
    assert Path(service["command"][-1]).parent == Path("/member")


def test_the_containers_are_the_members_and_reach_the_coordinator_only() -> None:
    services, networks = COMPOSE["services"], COMPOSE["networks"]

    assert set(services) == MEMBERS | {"coordinator"}
    for name in MEMBERS:
        assert services[name]["networks"] == [name]
    assert set(services["coordinator"]["networks"]) == set(networks) == MEMBERS | {"analyst"}
    assert all(network == {"internal": True} for network in networks.values())


def test_the_image_is_built_from_folders_that_exist_and_no_member_s() -> None:
    dockerfile = (EXAMPLE / "Dockerfile").read_text("utf-8")
    build = COMPOSE["services"]["bank-a"]["build"]
    copied = [
        word
        for line in re.findall(r"^COPY (.*)$", dockerfile, flags=re.MULTILINE)
        for word in line.split()[:-1]
    ]
    ignored = (EXAMPLE / "Dockerfile.dockerignore").read_text("utf-8").splitlines()

    assert (EXAMPLE / build["context"]).resolve() == ROOT
    assert ROOT / build["dockerfile"] == EXAMPLE / "Dockerfile"
    assert [word for word in copied if not (ROOT / word).exists()] == []
    assert "*" in ignored and {f"!{word}" for word in copied} <= set(ignored)
    assert '\nENTRYPOINT ["fedcredit"]\n' in dockerfile
    assert "\nUSER fedcredit\n" in dockerfile
