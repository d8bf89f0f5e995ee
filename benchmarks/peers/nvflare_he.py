"""NVFlare with its homomorphic encryption: a model of three sites, timed.

Its environment is made for the occasion and thrown away. Where it cannot be installed or does not
run, the row says ``unavailable`` and quotes what the installer or the runner said. The protocol is
not ours, so the figures stand side by side and are no ratio; README.md says what each one hides.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measuring import Watch, median
from numpy.typing import NDArray
from synthetic_applicants import LABEL, SCHEMA

PACKAGE, RELEASE = "nvflare", "2.9.0"
TORCH = "2.13.0"
SITES, ROUNDS = 3, 10
INSTALL_S, RUN_S = 600.0, 300.0
HERE = Path(__file__).parent

Row = dict[str, Any]


def row(frame: pd.DataFrame, work: Path) -> Row:
    """Return seconds a round and bytes, or why there are none.

    Parameters
    ----------
    frame : DataFrame
        The rows, dealt to three sites as our parties have them.
    work : Path
        New folder, for the environment and the sites.
    """
    data = work / "data"
    data.mkdir(parents=True)
    n_columns = write_sites(frame, data)
    return {**timed(work, "nvflare_site.py", n_columns), "columns": n_columns}


def network_row(
    parts: Sequence[tuple[NDArray[np.float64], NDArray[np.int64]]],
    layers: Sequence[tuple[int, int]],
    start: NDArray[np.float64],
    work: Path,
    *,
    rounds: int,
    training: dict[str, float],
) -> Row:
    """Return seconds a round and bytes of a network's encrypted averaging, or why there are none.

    Parameters
    ----------
    parts : sequence of (ndarray, ndarray)
        Of each of three sites the inputs as the network reads them, and the outcome.
    layers : sequence of (int, int)
        Inputs and outputs of each layer.
    start : ndarray of shape (n_parameters,)
        First weights: of each layer the matrix (inputs by outputs), then the biases.
    work : Path
        New folder, for the environment and the sites.
    rounds : int
    training : dict
        ``epochs``, ``batch_size``, ``learning_rate``, ``momentum``.
    """
    data = work / "data"
    data.mkdir(parents=True)
    for site, (X, y) in enumerate(parts, start=1):
        np.savez(data / f"site-{site}.npz", X=X, y=y, layers=np.array(layers), **training)
    np.save(data / "start.npy", start)
    row = timed(
        work, "nvflare_network_site.py", len(start), rounds=rounds, also=[f"torch=={TORCH}"]
    )
    return {**row, "parameters": len(start)}


def timed(
    work: Path, site: str, n_numbers: int, *, rounds: int = ROUNDS, also: Sequence[str] = ()
) -> Row:
    """Install, provision and run one job whose sites run the script `site`."""
    named: Row = {"name": f"NVFlare {RELEASE}, CKKS", "parties": SITES, "rounds": rounds}
    try:
        python = install(work / "env", also)
        return {**named, **run(python, work, site, n_numbers, rounds)}
    except UnavailableError as reason:
        return {**named, "unavailable": str(reason)}


class UnavailableError(Exception):
    """Carries what the installer or the runner said."""


def install(folder: Path, also: Sequence[str] = ()) -> Path:
    """Make an environment, with more packages where they are asked for; return its interpreter."""
    python = folder / "bin" / "python"
    wanted = f"{PACKAGE}[HE]=={RELEASE}"
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "--disable-pip-version-check", "-q", "install", wanted, *also],
    ):
        done = ask(command, timeout_s=INSTALL_S, env=dict(os.environ))
        if done.returncode:
            raise UnavailableError(last_words(done.stderr) or f"exit status {done.returncode}")
    return python


def run(python: Path, work: Path, site: str, n_numbers: int, rounds: int) -> Row:
    """Provision, run one job, and read its log."""
    env = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "HOME": str(work),
        "NVFLARE_POC_WORKSPACE": str(work / "federation"),
        "PATH": os.pathsep.join([str(python.parent), os.environ.get("PATH", os.defpath)]),
    }
    command = [str(python), str(HERE / "nvflare_job.py"), str(work / "data"), str(rounds)]
    begun = time.monotonic()
    with SentBytes(work) as sent:
        done = ask([*command, str(n_numbers), site], timeout_s=RUN_S, env=env)
    logs = list((work / "federation").glob("*/prod_*/*/transfer/*/workspace/log.txt"))
    text = logs[0].read_text("utf-8", "replace") if logs else ""
    started = moments(text, "started")
    ended = moments(text, "finished")
    if done.returncode or len(started) != rounds or len(ended) != rounds:
        errors = [line for line in text.splitlines() if "ERROR" in line]
        raise UnavailableError(last_words("\n".join(errors) or done.stderr or done.stdout))
    gaps = [later - earlier for earlier, later in pairwise([*started, ended[-1]])]
    return {
        "first_round_s": median(gaps[:1]),
        "round_s": {
            "median": median(gaps[1:]),
            "least": round(min(gaps[1:]), 3),
            "most": round(max(gaps[1:]), 3),
        },
        "job_s": round(ended[-1] - started[0], 2),
        "whole_s": round(time.monotonic() - begun, 1),
        "mb_sent_per_party": sent.mb_of_one_site(),
    }


def ask(
    command: list[str], *, timeout_s: float, env: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a program with everything it starts; end all of it after `timeout_s`."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=timeout_s)
        return subprocess.CompletedProcess(command, process.returncode, out, err)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no end within {timeout_s:.0f} s")
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def moments(log: str, what: str) -> list[float]:
    """Return when rounds ``started`` or ``finished``, as the server's log tells."""
    pattern = re.compile(
        rf"^(\S+ \S+),(\d+) - ScatterAndGather .* Round \d+ {what}\.$", re.MULTILINE
    )
    return [
        datetime.fromisoformat(second).timestamp() + int(thousandth) / 1000
        for second, thousandth in pattern.findall(log)
    ]


def last_words(said: str) -> str:
    """Return the last line, without paths of this machine."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return re.sub(r"/\S+/", "", lines[-1])[:300] if lines else ""


class SentBytes(Watch):
    """Bytes that the first site's job sends, as the kernel counts them on its connections.

    Parameters
    ----------
    work : Path
        Stands in the command lines of the processes that count.
    """

    def __init__(self, work: Path) -> None:
        super().__init__(every_s=0.25)
        self._work = str(work)
        self._sent: dict[str, int] = {}

    def look(self) -> None:
        """Read the counts; they stay as they are where the kernel is not asked."""
        try:
            said = subprocess.run(
                ["ss", "-tinpOH"], capture_output=True, text=True, check=True
            ).stdout
        except (OSError, subprocess.CalledProcessError):
            return
        for line in said.splitlines():
            process = re.search(r"pid=(\d+)", line)
            acked = re.search(r"bytes_acked:(\d+)", line)
            if process and acked and self._is_site(process[1]):
                connection = " ".join(line.split()[3:5])
                self._sent[connection] = max(self._sent.get(connection, 0), int(acked[1]))

    def _is_site(self, process: str) -> bool:
        try:
            words = Path(f"/proc/{process}/cmdline").read_bytes().decode("utf-8", "replace")
        except OSError:
            return False
        return (
            "worker_process" in words and f"{self._work}/federation" in words and "site-1" in words
        )

    def mb_of_one_site(self) -> float | None:
        """Return megabytes, or None where the kernel's count cannot be read."""
        return round(sum(self._sent.values()) / 1e6, 3) if self._sent else None


def write_sites(frame: pd.DataFrame, folder: Path) -> int:
    """Write each site's design matrix and labels; return the number of columns.

    The columns are standardised with the means of all rows and the categories spread out: what a
    federation would have to agree on first, and what is left out of the timing here.
    """
    bank = np.random.default_rng(1).integers(0, SITES, len(frame))
    columns: list[NDArray[np.float64]] = [np.ones(len(frame))]
    for feature in SCHEMA.features:
        values = frame[feature.name]
        if feature.kind == "numeric":
            filled = values.fillna(values.mean())
            columns.append(((filled - filled.mean()) / filled.std()).to_numpy(dtype=float))
        else:
            columns += [(values == level).to_numpy(dtype=float) for level in feature.levels[1:]]
    X, y = np.column_stack(columns), frame[LABEL].to_numpy()
    for site in range(SITES):
        np.savez(folder / f"site-{site + 1}.npz", X=X[bank == site], y=y[bank == site])
    return X.shape[1]
