"""Organisations that found a federation between them: a folder each, and a post between them.

Every act is a command of ``fedcredit``, typed in that organisation's folder. The post refuses to
carry a private file: one that is for its owner only, or that holds any organisation's secret.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from tests.fedcredit.command_line import Done, fedcredit
from tests.simulated import bank_frames

BANKS = ("bank-0", "bank-1", "bank-2")
FOUNDERS = (*BANKS, "bureau", "analyst")
FEDERATION = "ours"


class Founders:
    """Six organisations: coordinator, three banks, a bureau that holds the key, an analyst.

    Parameters
    ----------
    folder : Path
        Where their folders lie.
    frames : mapping of str to DataFrame, optional
        The banks' tables.
    ports : pair of int
        Of front and SuperLink.
    """

    def __init__(
        self,
        folder: Path,
        frames: Mapping[str, pd.DataFrame] | None = None,
        ports: tuple[int, int] = (28443, 28444),
    ) -> None:
        self.folder = folder
        self.carried: list[Path] = []
        for name, frame in (frames or bank_frames()).items():
            (folder / name).mkdir()
            frame.to_csv(folder / name / "loans.csv", index=False)
        front, superlink = map(str, ports)
        self.type(
            "coordinator", "init", folder / "coordinator", "--host", "127.0.0.1",
            "--port", front, "--superlink-port", superlink,
        )  # fmt: skip
        for name in FOUNDERS:
            role = {"bureau": "key-holder", "analyst": "requester"}.get(name, "data-holder")
            table = ("--table", folder / name / "loans.csv") if name in BANKS else ()
            self.type("party", "init", folder / name, "--name", name, "--role", role, *table)

    def type(self, *words: str | Path) -> Done:
        """Type a command that must succeed."""
        done = fedcredit(*words)
        assert done.code == 0, (words, done.err)
        return done

    def config(self, name: str) -> Path:
        """Return an organisation's configuration."""
        file = "coordinator.toml" if name == "coordinator" else "party.toml"
        return self.folder / name / file

    def secrets(self) -> list[bytes]:
        """Return every secret of every organisation, as it is written on disk."""
        found = []
        for path in self.folder.glob("*/identity/identity.json"):
            secret = json.loads(path.read_text("utf-8"))
            found += [secret[key] for key in ("mask_key", "node", "recovery", "signing", "witness")]
        found.append((self.folder / "coordinator" / "log.key").read_text("ascii"))
        for name in ("ca.key", "server.key"):
            lines = (self.folder / "coordinator" / name).read_text("ascii").splitlines()
            found += lines[1:-1]
        return [text.encode() for text in found]

    def send(self, path: Path, *to: str) -> list[Path]:
        """Carry a public file from one organisation's folder into others'."""
        content = path.read_bytes()
        assert path.stat().st_mode & 0o077, f"{path.name} is for its owner only"
        assert not any(secret in content for secret in self.secrets()), f"a secret in {path.name}"
        self.carried.append(path)
        received = [self.folder / name / path.name for name in to]
        for copy in received:
            copy.write_bytes(content)
        return received

    def collect(self, names: Sequence[str] = FOUNDERS) -> list[Path]:
        """Send the founder files to the coordinator."""
        files = [self.folder / name / f"{name}.founder.json" for name in names]
        return [self.send(path, "coordinator")[0] for path in files]

    def draft(self, founders: Sequence[Path]) -> Path:
        """Let the coordinator draft; return its file."""
        self.type(
            "coordinator", "draft", self.config("coordinator"), *founders,
            "--federation", FEDERATION,
        )  # fmt: skip
        return self.folder / "coordinator" / f"{FEDERATION}.draft.json"

    def cosign(self, draft: Path, names: Sequence[str] = FOUNDERS) -> list[Path]:
        """Send the draft, let members sign, and send their signatures back."""
        self.send(draft, *names)
        returned = []
        for name in names:
            self.type(
                "party", "cosign", self.config(name), self.folder / name / draft.name, "--yes"
            )
            signature = self.folder / name / f"{name}.signature.json"
            returned += self.send(signature, "coordinator")
        return returned

    def assemble(self, draft: Path, signatures: Sequence[Path]) -> Path:
        """Let the coordinator assemble; return the founding."""
        self.type("coordinator", "assemble", self.config("coordinator"), draft, *signatures)
        return self.folder / "coordinator" / f"{FEDERATION}.founding.json"

    def founding_id(self, name: str) -> str:
        """Return the founding id as one member reads it aloud from the draft that it signed."""
        signature = self.folder / name / f"{name}.signature.json"
        return str(json.loads(signature.read_text("utf-8"))["founding_entry"])

    def trust(self, founding: Path, names: Sequence[str] = FOUNDERS) -> None:
        """Send the founding; every member pins it under the id that the next one reads to it."""
        self.send(founding, *names)
        for name, other in zip(names, (*names[1:], names[0]), strict=True):
            self.type(
                "party", "trust", self.config(name), self.folder / name / founding.name,
                "--founding-id", self.founding_id(other)[:32],
            )  # fmt: skip

    def found(self) -> Path:
        """Do all of it; return the founding."""
        draft = self.draft(self.collect())
        founding = self.assemble(draft, self.cosign(draft))
        self.trust(founding)
        return founding
