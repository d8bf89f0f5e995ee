"""What every test run may leave behind: a dated record of its tests, for closing notes to quote."""

import json
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.postgres_server import postgres_server as postgres_server


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--record FILE``."""
    parser.addoption(
        "--record",
        metavar="FILE",
        type=Path,
        help="write outcome, seconds and recorded properties (seeds, counts) of every test as JSON",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Record only when asked."""
    path = config.getoption("--record")
    is_worker = hasattr(config, "workerinput")  # of pytest-xdist: reports reach the one who asked
    if path is not None and not is_worker:
        config.pluginmanager.register(_Record(path), "fedcredit-record")


class _Record:
    """Collects the calls of tests and writes them when the run ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tests: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a test's call, and whatever else did not pass (set-up, a skip)."""
        if report.when == "call" or not report.passed:
            self._tests.append(
                {
                    "test": report.nodeid,
                    "outcome": report.outcome,
                    "seconds": round(report.duration, 2),
                    **dict(report.user_properties),
                }
            )

    def pytest_sessionfinish(self) -> None:
        """Write the record."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        record = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "tests": self._tests,
        }
        self._path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
