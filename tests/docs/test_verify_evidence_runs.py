"""The page for whoever got a package: its commands are run, with nothing installed."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fedcredit_ledger.entry import commit
from fedcredit_ledger.evidence import pack_evidence
from tests.ledger.small_federation import SmallFederation

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "verify-evidence.md").read_text("utf-8")
MARK = "-- next block --"


def example() -> bytes:
    """Pack the page's example: three banks, one run of one round, whose result is disclosed."""
    fed = SmallFederation()
    fed.grant_all()
    fed.start()
    released = {"outcome": "done", "values": {"auc_micro": 742100, "n": 600}}
    digest, salt = commit("result", released, salt=hashlib.sha256(b"example").digest())
    opened = fed.open(fed.aggregate(1), 1, commits={"result": digest})
    finished = {"run_id": "run-1", "n_rounds": 1, "result_digest": digest}
    fed.write("coordinator", "run-finished", finished)
    model = {"model_id": "model-1", "version": "1", "model_digest": "1" * 64}
    fed.write("analyst", "model-registered", {"run_id": "run-1", "card_digest": "2" * 64, **model})
    fed.witness()
    place = fed.replica.find(opened)
    return pack_evidence(
        fed.store,
        "run run-1",
        openings={place: [[salt, "result", released]]},
        disclose=("result",),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package and a bare Python: no FedCredit, no packages, no home."""
    folder = tmp_path_factory.mktemp("clerk")
    (folder / "case.zip").write_bytes(example())
    (folder / "bin").mkdir()
    (folder / "bin" / "python3").symlink_to(Path(sys.executable).resolve())
    return folder


def blocks() -> list[tuple[str, str]]:
    """Return each block of commands with what the page says it prints."""
    pattern = r"```sh\n(.*?)```(?:\s*```text\n(.*?)```)?"
    return re.findall(pattern, PAGE, flags=re.DOTALL)


def test_the_commands_of_the_page_print_what_the_page_says(folder: Path) -> None:
    script = f"\necho '{MARK}'\n".join(commands for commands, _ in blocks())

    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", script],
        cwd=folder,
        env={"PATH": f"{folder / 'bin'}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
    printed = [part.strip() for part in done.stdout.split(MARK)]
    assert len(printed) >= 8
    assert printed == [expected.strip() for _, expected in blocks()]


def test_the_page_says_what_a_changed_package_looks_like(folder: Path) -> None:
    raw = (folder / "case.zip").read_bytes()
    (folder / "changed.zip").write_bytes(raw.replace(b"modelling", b"marketing", 1))

    done = subprocess.run(
        ["bin/python3", "-I", "-S", "case/verify.py", "changed.zip"],
        cwd=folder,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 59
    assert done.stderr.strip() in PAGE
