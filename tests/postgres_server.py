"""A real PostgreSQL server for a test session: Debian's programs, a folder of its own, one socket.

It runs as an ordinary user, because it refuses to run as root. Every test gets a schema of its own.
"""

import glob
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

USER = "postgres"
SESSION = "fedcredit ledger"
"""What the ledger's sessions call themselves."""

GUARDED = "guarded"
"""A role that needs a password."""

SECRET = "correct horse/battery"
"""Its password."""


def programs() -> Path | None:
    """Return the folder of the newest server's programs, or None."""
    found = sorted(
        glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda p: int(p.split("/")[4])
    )
    return Path(found[-1]).parent if found else None


class PostgresServer:
    """One server; `url` leads into a schema that is made at the first call."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder = folder
        self._data = folder / "data"
        self._binaries = binaries
        self._numbers = itertools.count()
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(folder, USER, USER)
            ids = ["--reuid", USER, "--regid", USER, "--clear-groups"]
            self._as_user = ["setpriv", *ids, "--inh-caps=-all"]
        self._run("initdb", "-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        rules = f"local all {GUARDED} scram-sha-256\nlocal all all trust\n"
        (self._data / "pg_hba.conf").write_text(rules)
        self.start()
        self.execute(f"CREATE ROLE {GUARDED} LOGIN PASSWORD '{SECRET}'")

    def _run(self, program: str, *words: str) -> None:
        command = [*self._as_user, str(self._binaries / program), "-D", str(self._data), *words]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=self.folder, check=False, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr + self.log()

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def start(self) -> None:
        """Start it; after a kill the dead server's last processes may take a moment to go."""
        deadline = time.monotonic() + 60
        while not self._try_to_start():
            assert "in use" in self.log() and time.monotonic() < deadline, self.log()
            time.sleep(0.1)

    def _try_to_start(self) -> bool:
        """Return whether it takes connections; it ends with this process, however that ends."""
        program = ["postgres", "-D", str(self._data), "-k", str(self.folder)]
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [
                    *(self._as_user or ["setpriv"]),
                    *("--pdeathsig", "QUIT", str(self._binaries / program[0]), *program[1:]),
                    *("-c", "listen_addresses="),
                ],
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        return self._wait()

    def _wait(self) -> bool:
        """Return True when it takes connections, False when it has ended."""
        from psycopg import pq

        deadline = time.monotonic() + 60
        while pq.PGconn.ping(self.address().encode()) != pq.Ping.OK:
            if self._process.poll() is not None:
                return False
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.02)
        return True

    def stop(self) -> None:
        """End it at once; nobody needs what it holds."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()

    def kill(self) -> None:
        """End the server's first process as a loss of power would; the others follow."""
        self._process.kill()
        self._process.wait()

    def address(self, *, schema: str = "", role: str = USER, password: str = "") -> str:
        who = role if not password else f"{role}:{quote(password, safe='')}"
        path = f"&options={quote(f'-c search_path={schema}', safe='')}" if schema else ""
        return f"postgresql://{who}@/postgres?host={quote(str(self.folder), safe='')}{path}"

    def url(self) -> str:
        """Return the address of a new, empty schema."""
        schema = f"ledger_{next(self._numbers)}"
        self.execute(f"CREATE SCHEMA {schema}")
        return self.address(schema=schema)

    def execute(self, *statements: str, url: str = "") -> list[Any]:
        """Carry out statements as the server's owner; return what the last one found."""
        import psycopg

        with psycopg.connect(url or self.address(), autocommit=True) as database:
            cursor = None
            for statement in statements:
                cursor = database.execute(statement)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor is not None and cursor.description else []

    def end_sessions(self) -> int:
        """End the ledger's sessions in order, as an operator does; return how many there were."""
        return len(
            self.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                f"WHERE application_name = '{SESSION}'"
            )
        )

    def kill_sessions(self) -> int:
        """Kill the processes that serve the ledger's sessions; return how many there were."""
        rows = self.execute(
            f"SELECT pid FROM pg_stat_activity WHERE application_name = '{SESSION}'"
        )
        for (process,) in rows:
            os.kill(process, signal.SIGKILL)
        return len(rows)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server for the whole session; where Debian's programs are missing, tests are skipped."""
    pytest.importorskip(
        "psycopg", reason="the driver is missing: pip install 'fedcredit[postgres]'"
    )
    binaries = programs()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    # The server's user enters no folder of the test's user, and a socket's path is short.
    with tempfile.TemporaryDirectory(prefix="fedcredit-pg-", dir="/tmp") as folder:
        server = PostgresServer(Path(folder), binaries)
        try:
            yield server
        finally:
            server.stop()


__all__: Sequence[str] = ["PostgresServer", "postgres_server"]
