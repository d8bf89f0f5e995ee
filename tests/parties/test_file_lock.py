"""One daemon per identity."""

import os
from pathlib import Path

import pytest

from fedcredit_parties.errors import DuplicateIdentityError
from fedcredit_parties.file_lock import exclusive, holder_of, only_one


def test_a_second_daemon_is_refused_and_told_the_first(tmp_path: Path) -> None:
    path = tmp_path / "daemon.lock"

    with (
        only_one(path, "the daemon of bank-a"),
        pytest.raises(DuplicateIdentityError, match=f"process {os.getpid()} holds"),
        only_one(path, "the daemon of bank-a"),
    ):
        raise AssertionError("two daemons")


def test_the_holder_is_known_while_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "daemon.lock"
    assert holder_of(path) is None

    with only_one(path, "x"):
        assert holder_of(path) == os.getpid()

    assert holder_of(path) is None


def test_a_pen_is_handed_on(tmp_path: Path) -> None:
    with exclusive(tmp_path / "pen"):
        pass
    with exclusive(tmp_path / "pen"):
        pass
