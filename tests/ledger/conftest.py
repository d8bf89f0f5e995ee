"""Every database a ledger can be kept in."""

from pathlib import Path

import pytest

from tests.ledger.places import Place, PostgresPlace, SqlitePlace


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty place for a ledger; PostgreSQL is skipped where it is not installed."""
    if request.param == "sqlite":
        return SqlitePlace(tmp_path)
    return PostgresPlace(request.getfixturevalue("postgres_server"), tmp_path)
